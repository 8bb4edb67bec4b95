"""What the renderer writes conforms to the logical model, as the HL7 validator judges it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sr2fhir

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

MODEL = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/DicomSR"
# ids of values name the content item that they came from, so that one may stand twice: that is their purpose
EXCUSED = "Duplicate id value"


def faults(engine: Engine, document: bytes) -> list[str]:
    messages = engine.validate(document, [MODEL])
    return [
        f"{message.expression}: {message.text}"
        for message in messages
        if message.severity in ("error", "fatal") and not message.text.startswith(EXCUSED)
    ]


def test_rendered_samples_conform_to_the_model(engine: Engine, samples: list[Path]) -> None:
    for sample in samples:
        assert faults(engine, sr2fhir.render(sample).to_json()) == [], sample.name


def test_a_document_that_does_not_conform_is_found(engine: Engine, samples: list[Path]) -> None:
    document = sr2fhir.render(samples[0]).to_json()
    assert faults(engine, document.replace(b'"valueType":"NUM"', b'"valueTipe":"NUM"', 1))
    assert faults(engine, document.replace(b'"sopInstanceUid"', b'"sopInstanceId"', 1))
