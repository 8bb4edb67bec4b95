"""Step: compile our own Java."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sr2fhir import pins
from sr2fhir.engines.java.options import PROFILES, launcher
from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.toolchain.java import pack
from sr2fhir.toolchain.steps import Progress

from tools.compiling import process

_LANGUAGE = "21"
_OPTIONS = ("-source", _LANGUAGE, "-target", _LANGUAGE, "-encoding", "UTF-8", "-g:lines", "-nowarn")


def run(places: Layout, progress: Progress) -> None:
    """Compile harness/java into a jar; the same sources always give the same bytes.

    Raises
    ------
    SetupError
        The sources do not compile; the message is the compiler's.
    """
    jars = [places.jars / jar.filename for jar in pins.load(places.pins).jars]
    classes = compiled(places, places.java_sources, jars)
    # Java was seen to use a cache that holds other classes of the same names
    for profile in PROFILES:
        places.aot_cache(profile).unlink(missing_ok=True)
    replace_file(places.map_runner, pack(classes))


def compiled(places: Layout, folder: Path, jars: Iterable[Path]) -> dict[str, bytes]:
    """Compile the Java of a folder and return the classes by their path.

    The Java runtime of the Python packages has no compiler; Eclipse's is a jar like the engine's.

    Parameters
    ----------
    folder
        The sources, below the checkout.
    jars
        What they are compiled against.

    Raises
    ------
    SetupError
        The sources do not compile; the message is the compiler's.
    """
    compiler = [str(launcher()), "-jar", str(places.jars / pins.load(places.pins).compiler.filename)]
    places.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.scratch) as made:
        sources = [str(path) for path in sorted(folder.rglob("*.java"))]
        arguments = [*compiler, *_OPTIONS, "-cp", os.pathsep.join(map(str, jars)), "-d", made, *sources]
        purpose = f"compiling {folder.relative_to(places.sources).as_posix()}"
        process.run(arguments, purpose, cwd=places.sources, environment={})
        return {path.relative_to(made).as_posix(): path.read_bytes() for path in Path(made).rglob("*.class")}
