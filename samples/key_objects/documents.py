"""What the key object documents of our own share: UIDs, header, context items.

Everything is fixed, so that the same files come out each time. All persons, numbers and makers are invented.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydicom.dataset import Dataset

from tests import builders as b

# a UID that is made of a UUID (PS3.5 B.2), and arcs below it
ROOT = "2.25.198311762530460247361594520172356280123"

XRAY_ANGIOGRAPHY = "1.2.840.10008.5.1.4.1.1.12.1"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"

LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
PROCEDURE_CODE = b.Code("121023", "DCM", "Procedure Code")

# organizations that give identifiers, by OID
PATIENTS, ACCESSIONS, ORDERS = (f"{ROOT}.0.{arc}" for arc in (1, 2, 3))


def key_objects(title: b.Code, *children: Dataset, **header: Any) -> Dataset:
    """Return a Key Object Selection Document (TID 2010); an attribute of value None is left out."""
    stated: dict[str, Any] = {
        "InstanceNumber": "1",
        "ReferringPhysicianName": "",
        "ReferencedPerformedProcedureStepSequence": [],
        "IssuerOfPatientIDQualifiersSequence": issuer(PATIENTS),
    }
    return b.key_objects(*children, title=title, **{**stated, **header})


def issuer(oid: str) -> list[Dataset]:
    """Return the sequence that identifies an issuer by an OID (HL7v2 Hierarchic Designator)."""
    return [b.sequence_item(UniversalEntityID=oid, UniversalEntityIDType="ISO")]


def request(study: str, accession: str, placer: str, procedure: str) -> Dataset:
    """Return an item of Referenced Request Sequence (0040,A370)."""
    return b.sequence_item(
        StudyInstanceUID=study,
        ReferencedStudySequence=[],
        AccessionNumber=accession,
        IssuerOfAccessionNumberSequence=issuer(ACCESSIONS),
        PlacerOrderNumberImagingServiceRequest=placer,
        OrderPlacerIdentifierSequence=issuer(ORDERS),
        FillerOrderNumberImagingServiceRequest="",
        RequestedProcedureID=procedure,
        RequestedProcedureDescription="",
        RequestedProcedureCodeSequence=[],
    )


def study(uid: str, *series: Dataset, **attributes: Any) -> Dataset:
    """Return a study of the evidence."""
    return b.sequence_item(StudyInstanceUID=uid, ReferencedSeriesSequence=list(series), **attributes)


def series(uid: str, instances: Iterable[tuple[str, str]], **attributes: Any) -> Dataset:
    """Return a series of the evidence; an instance is its UID and its SOP class."""
    listed = [
        b.sequence_item(ReferencedSOPClassUID=kind, ReferencedSOPInstanceUID=each) for each, kind in instances
    ]
    return b.sequence_item(SeriesInstanceUID=uid, ReferencedSOPSequence=listed, **attributes)


def language(tag: str, name: str) -> Dataset:
    """Return the language of the document (TID 1204)."""
    return b.code(LANGUAGE, b.Code(tag, "RFC5646", name), relationship="HAS CONCEPT MOD")


def person(name: str) -> list[Dataset]:
    """Return a person as observer (TID 1003)."""
    return [b.observer(b.PERSON), b.person_observer(name)]


def description(text: str) -> Dataset:
    """Return a Key Object Description."""
    return b.text(b.KEY_OBJECT_DESCRIPTION, text)
