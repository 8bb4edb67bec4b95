"""A small document and the Bundle that maps would make of it, written by hand."""

from __future__ import annotations

import copy
from typing import Any, Literal

from sr2fhir.findings import Finding
from sr2fhir.jsontext import NumberText
from sr2fhir.model import HeaderRecord, ItemRecord, Rendering
from sr2fhir.model.context import Use
from sr2fhir.model.roles import table

PROFILES = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition"
PATIENT = "00000000-0000-5000-8000-000000000001"
STUDY = "00000000-0000-5000-8000-000000000002"
EQUIPMENT = "00000000-0000-5000-8000-000000000003"
ROOT = "00000000-0000-5000-8000-000000000010"
GROUP = "00000000-0000-5000-8000-000000000014"
VOLUME = "00000000-0000-5000-8000-000000000015"
COMMENT = "00000000-0000-5000-8000-000000000016"
LIBRARY = "00000000-0000-5000-8000-000000000017"
IMAGE = "00000000-0000-5000-8000-000000000018"
OBSERVER = "00000000-0000-5000-8000-000000000019"


def item(
    name: str, position: str, value_type: str, relationship: str | None = "CONTAINS", **members: Any
) -> dict[str, Any]:
    """Make a content item of the logical model."""
    stated = {"relationship": relationship} if relationship else {}
    return {"id": name, "position": position, **stated, "valueType": value_type, **members}


DOCUMENT: dict[str, Any] = {
    "resourceType": "DicomSR",
    "form": "corrected",
    "patient": {
        "id": PATIENT,
        "identifier": [{"id": "PatientID", "value": "P-1"}],
        "name": [{"id": "PatientName", "family": "Example"}],
        "sex": "F",
        "_sex": {"id": "PatientSex"},
    },
    "person": [{"name": [{"id": "ParticipantSequence.1.PersonName", "family": "Roe"}]}],
    "study": {"id": STUDY, "identifier": {"id": "StudyInstanceUID", "value": "urn:oid:1.2.3"}},
    "equipment": {"id": EQUIPMENT},
    "content": item(
        ROOT,
        "1",
        "CONTAINER",
        None,
        key=["DCM#126000"],
        code=[item(OBSERVER, "1.1", "CODE", "HAS OBS CONTEXT", resolved="observer")],
        container=[
            item(
                LIBRARY, "1.2", "CONTAINER", image=[item(IMAGE, "1.2.1", "IMAGE", reference={"uid": "1.2.9"})]
            ),
            item(
                GROUP,
                "1.3",
                "CONTAINER",
                key=["DCM#125007"],
                num=[
                    item(
                        VOLUME,
                        "1.3.1",
                        "NUM",
                        concept={"id": "1.3.1", "coding": [{"id": "1.3.1", "code": "118565006"}]},
                        measuredValue={"id": "1.3.1", "value": NumberText("31112.20"), "unit": "mm3"},
                    )
                ],
                text=[item(COMMENT, "1.3.2", "TEXT", textValue="seen by Dr Example")],
            ),
        ],
    ),
}

ITEMS = (
    ("1", "CONTAINER", None, None),
    ("1.1", "CODE", "HAS OBS CONTEXT", "observer"),
    ("1.2", "CONTAINER", "CONTAINS", None),
    ("1.2.1", "IMAGE", "CONTAINS", None),
    ("1.3", "CONTAINER", "CONTAINS", None),
    ("1.3.1", "NUM", "CONTAINS", None),
    ("1.3.2", "TEXT", "CONTAINS", None),
)
TERMS = {"1.3": ("section.measurement-group",)}
HEADER: tuple[tuple[str, Literal["mapped", "context", "unmapped"], str | None], ...] = (
    ("PatientID", "mapped", None),
    ("PatientName", "mapped", None),
    ("StudyInstanceUID", "mapped", None),
    ("SpecificCharacterSet", "context", None),
    ("VerifyingObserverSequence", "unmapped", "no-target"),
    ("PatientSex", "mapped", None),
    ("PatientBirthDate", "context", "empty"),
    ("ParticipantSequence.1.PersonName", "mapped", None),
    ("ParticipantSequence.1.ObserverType", "context", None),
    ("(0009,1001)", "unmapped", "no-target"),
)

BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": f"urn:uuid:{PATIENT}",
            "resource": {
                "resourceType": "Patient",
                "id": PATIENT,
                "identifier": [{"id": "PatientID", "value": "P-1"}],
            },
        },
        {
            "fullUrl": f"urn:uuid:{STUDY}",
            "resource": {
                "resourceType": "ImagingStudy",
                "id": STUDY,
                "identifier": [{"id": "StudyInstanceUID", "value": "urn:oid:1.2.3"}],
                "subject": {"reference": f"urn:uuid:{PATIENT}"},
            },
        },
        {"fullUrl": f"urn:uuid:{EQUIPMENT}", "resource": {"resourceType": "Device", "id": EQUIPMENT}},
        {
            "fullUrl": f"urn:uuid:{VOLUME}",
            "resource": {
                "resourceType": "Observation",
                "id": VOLUME,
                "meta": {"profile": [f"{PROFILES}/imaging-measurement"]},
                "code": {"id": "1.3.1", "coding": [{"id": "1.3.1", "code": "118565006"}]},
                "subject": {"reference": f"urn:uuid:{PATIENT}"},
                "valueQuantity": {"id": "1.3.1", "value": NumberText("31112.20"), "unit": "mm3"},
            },
        },
    ],
}


def bundle() -> dict[str, Any]:
    """Copy the Bundle, to be changed by a test."""
    return copy.deepcopy(BUNDLE)


def rendering(findings: tuple[Finding, ...] = (), **members: Any) -> Rendering:
    """Make the rendering of the document, some of its top-level members replaced."""
    return Rendering(
        document={**copy.deepcopy(DOCUMENT), **members},
        findings=findings,
        items=tuple(
            ItemRecord(
                position=position,
                value_type=value_type,
                relationship=relationship,
                concept=None,
                terms=TERMS.get(position, ()),
                use=Use(use, EQUIPMENT, carried=False) if use else None,
            )
            for position, value_type, relationship, use in ITEMS
        ),
        header=tuple(
            HeaderRecord(path=keyword, disposition=disposition, reason=reason)
            for keyword, disposition, reason in HEADER
        ),
        classes=table("sr2fhir.documents.measurement_report", "classes.toml"),
    )
