"""The engine as it comes: ``python harness/tools/bench/stock.py DOCUMENT``.

The whole of FHIR R5, the default options of Java, maps read from source, one transform of a document at hand:
what somebody gets who follows the engine's own description.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jpype
from sr2fhir import pins
from sr2fhir.engines import ENTRY_MAP, jvm
from sr2fhir.paths import layout


def main(document: Path) -> None:
    """Start the engine and transform once."""
    places = layout()
    jars = [str(places.jars / jar.filename) for jar in pins.load(places.pins).jars]
    homes = [f"-Duser.home={places.java_home}", f"-Djava.io.tmpdir={places.scratch}"]
    jpype.startJVM(str(jvm.library()), *homes, classpath=jars, convertStrings=True, interrupt=False)
    java = jpype.JClass
    java("org.hl7.fhir.utilities.settings.FhirSettings").setExplicitFilePath(str(places.fhir_settings))
    builder = java("org.hl7.fhir.validation.ValidationEngine$ValidationEngineBuilder")()
    engine = builder.withVersion("5.0.0").withNoTerminologyServer().fromSource("hl7.fhir.r5.core#5.0.0")
    for folder in (places.definitions, places.maps):
        engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), str(folder), True)
    json = java("org.hl7.fhir.r5.elementmodel.Manager$FhirFormat").JSON
    if not bytes(engine.transform(document.read_bytes(), json, ENTRY_MAP, json)):
        sys.exit("the engine answered nothing")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
