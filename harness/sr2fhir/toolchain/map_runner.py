"""Step: compile our own Java (``harness/java``) into a jar.

The Java runtime that comes with the Python packages has no compiler; Eclipse's is a jar like the engine's.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sr2fhir import pins
from sr2fhir.engines import jvm
from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.toolchain import process
from sr2fhir.toolchain.overlay import pack
from sr2fhir.toolchain.report import Report

_LANGUAGE = "21"
_OPTIONS = ("-source", _LANGUAGE, "-target", _LANGUAGE, "-encoding", "UTF-8", "-g:lines", "-nowarn")


def run(places: Layout, report: Report) -> None:
    """Compile and pack; the same sources always give the same bytes.

    Raises
    ------
    SetupError
        The sources do not compile; the message is the compiler's.
    """
    content = pins.load(places.pins)
    path = os.pathsep.join(str(places.jars / jar.filename) for jar in content.jars)
    compiler = [str(jvm.launcher()), "-jar", str(places.jars / content.compiler.filename)]
    places.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.scratch) as folder:
        sources = [str(path) for path in sorted(places.java_sources.rglob("*.java"))]
        process.run(
            [*compiler, *_OPTIONS, "-cp", path, "-d", folder, *sources],
            "compiling harness/java",
            cwd=places.sources,
            environment={},
        )
        replace_file(places.map_runner, pack(_classes(Path(folder))))


def _classes(folder: Path) -> dict[str, bytes]:
    """Read the compiled classes, named as in a jar."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.class")}
