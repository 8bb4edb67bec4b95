"""What the documents of all scenarios share: UIDs, issuers, header and context items.

Everything is fixed, so that the same files come out each time. All persons, numbers and makers are invented.
"""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from tests import builders as b

# a UID that is made of a UUID (PS3.5 B.2), and arcs below it
ROOT = "2.25.123128406075323769659594660072358170624"

ENHANCED = "1.2.840.10008.5.1.4.1.1.88.22"
COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"
DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1"

LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = b.Code("en", "RFC5646", "English")
PROCEDURE_REPORTED = b.Code("121058", "DCM", "Procedure reported")
DEVICE_OBSERVER_NAME = b.Code("121013", "DCM", "Device Observer Name")
DEVICE_OBSERVER_MANUFACTURER = b.Code("121014", "DCM", "Device Observer Manufacturer")
DEVICE_OBSERVER_MODEL = b.Code("121015", "DCM", "Device Observer Model Name")
DEVICE_OBSERVER_SERIAL = b.Code("121016", "DCM", "Device Observer Serial Number")
FINDING_CATEGORY = b.Code("276214006", "SCT", "Finding category")
TOPOGRAPHICAL_MODIFIER = b.Code("106233006", "SCT", "Topographical modifier")
METHOD = b.Code("370129005", "SCT", "Measurement Method")
DERIVATION = b.Code("121401", "DCM", "Derivation")
PRESENCE = b.Code("705057003", "SCT", "Presence")
PRESENT = b.Code("52101004", "SCT", "Present")
ABSENT = b.Code("2667000", "SCT", "Absent")
LENGTH = b.Code("410668003", "SCT", "Length")
LEFT = b.Code("7771000", "SCT", "Left")
PERCENT = b.Code("%", "UCUM", "percent")
NO_UNITS = b.Code("1", "UCUM", "no units")


class Uids:
    """The UIDs of one document."""

    def __init__(self, document: int) -> None:
        self.base = f"{ROOT}.{document}"
        self.study = f"{self.base}.1"
        self.series = f"{self.base}.2"
        self.document = f"{self.base}.3"
        self.image_series = f"{self.base}.4"
        self.segmentation_series = f"{self.base}.5"
        self.segmentation = f"{self.base}.6"

    def image(self, number: int) -> str:
        """Return the UID of an image of the image series."""
        return f"{self.image_series}.{number}"


def issuer(arc: int, namespace: str) -> list[Dataset]:
    """Return the sequence that identifies an issuer by an OID (HL7v2 Hierarchic Designator)."""
    return [
        b.sequence_item(
            LocalNamespaceEntityID=namespace,
            UniversalEntityID=f"{ROOT}.0.{arc}",
            UniversalEntityIDType="ISO",
        )
    ]


PATIENT_ISSUER = issuer(1, "HOSP_A")
ACCESSION_ISSUER = issuer(2, "RIS_A")


def report(uids: Uids, *children: Dataset, **header: Any) -> Dataset:
    """Return a Measurement Report with the header that all scenarios have; None leaves an attribute out."""
    stated: dict[str, Any] = {
        "SOPClassUID": COMPREHENSIVE,
        "SOPInstanceUID": uids.document,
        "StudyInstanceUID": uids.study,
        "SeriesInstanceUID": uids.series,
        "SeriesNumber": "1",
        "InstanceNumber": "1",
        "ReferringPhysicianName": "",
    }
    return b.measurement_report(language(), *children, **{**stated, **header})


def language() -> Dataset:
    """Return the language of the document (TID 1204)."""
    return b.code(LANGUAGE, ENGLISH, relationship="HAS CONCEPT MOD")


def procedure(reported: b.Code) -> Dataset:
    """Return the procedure that is reported."""
    return b.code(PROCEDURE_REPORTED, reported, relationship="HAS CONCEPT MOD")


def person(name: str) -> list[Dataset]:
    """Return a person as observer (TID 1003)."""
    return [b.observer(b.PERSON), b.person_observer(name)]


def context(concept: b.Code, value: str) -> Dataset:
    """Return a TEXT of the observation context."""
    return b.text(concept, value, relationship="HAS OBS CONTEXT")


def modifier(concept: b.Code, value: b.Code, *children: Dataset) -> Dataset:
    """Return a CODE that qualifies what it stands below."""
    return b.code(concept, value, *children, relationship="HAS CONCEPT MOD")


def parameter(concept: b.Code, value: str) -> Dataset:
    """Return a TEXT that qualifies what it stands below."""
    return b.text(concept, value, relationship="HAS CONCEPT MOD")


def tracking(name: str, uid: str) -> list[Dataset]:
    """Return a Tracking Identifier and a Tracking Unique Identifier."""
    return [
        context(b.TRACKING_IDENTIFIER, name),
        b.uidref(b.TRACKING_UID, uid, relationship="HAS OBS CONTEXT"),
    ]
