"""Step: compile our own Java."""

from __future__ import annotations

import os
import tempfile
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

    The Java runtime of the Python packages has no compiler; Eclipse's is a jar like the engine's.

    Raises
    ------
    SetupError
        The sources do not compile; the message is the compiler's.
    """
    content = pins.load(places.pins)
    path = os.pathsep.join(str(places.jars / jar.filename) for jar in content.jars)
    compiler = [str(launcher()), "-jar", str(places.jars / content.compiler.filename)]
    places.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.scratch) as folder:
        sources = [str(path) for path in sorted(places.java_sources.rglob("*.java"))]
        arguments = [*compiler, *_OPTIONS, "-cp", path, "-d", folder, *sources]
        process.run(arguments, "compiling harness/java", cwd=places.sources, environment={})
        classes = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*.class")
        }
    # Java was seen to use a cache that holds other classes of the same names
    for profile in PROFILES:
        places.aot_cache(profile).unlink(missing_ok=True)
    replace_file(places.map_runner, pack(classes))
