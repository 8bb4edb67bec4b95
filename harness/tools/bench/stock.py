"""The engine as it comes: ``python harness/tools/bench/stock.py DOCUMENT``.

The whole of FHIR R5, the default options of Java, maps read from source, one transform of a document at hand:
what somebody gets who follows the engine's own description (Stock.java).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sr2fhir import pins
from sr2fhir.documents.measurement_report import MEASUREMENT_REPORT
from sr2fhir.engines.java.options import launcher
from sr2fhir.paths import layout

SOURCE = Path(__file__).with_name("Stock.java")


def main(document: Path, classes: Path) -> None:
    """Compile the class, unless it has been, and transform once."""
    places, content = layout(), pins.load(layout().pins)
    jars = os.pathsep.join(str(places.jars / jar.filename) for jar in content.jars)
    if not (classes / "Stock.class").is_file():
        compiler = ["-jar", str(places.jars / content.compiler.filename), "-21", "-nowarn"]
        _java([*compiler, "-cp", jars, "-d", str(classes), str(SOURCE)])
    homes = [f"-Duser.home={places.java_home}", f"-Djava.io.tmpdir={places.scratch}"]
    folders = [str(places.definitions), str(places.maps)]
    settings = [str(places.fhir_settings), content.core, MEASUREMENT_REPORT.entry_map, str(document)]
    _java([*homes, "-cp", os.pathsep.join((str(classes), jars)), "Stock", *settings, *folders])


def _java(arguments: list[str]) -> None:
    subprocess.run([str(launcher()), *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else folder))
