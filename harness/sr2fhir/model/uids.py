"""Unique identifiers as FHIR wants them (decisions D13 and D29)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from pydicom.config import IGNORE
from pydicom.uid import UID

from sr2fhir.jsontext import JsonObject

UID_SYSTEM = "urn:dicom:uid"
SOP_CLASS_SYSTEM = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"
LATER_SOP_CLASSES: Mapping[str, str] = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
}
"""SOP classes of PS3.6 Table A-1 that pydicom's copy of it lacks: UID to UID Name (Supplement 243)."""
MAX_LENGTH = 64
HINT = "PS3.5 section 9 allows digits and dots, at most 64 characters"
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def is_valid(uid: str) -> bool:
    """Tell whether the text is a UID as PS3.5 section 9 writes it; leading zeros are tolerated."""
    return len(uid) <= MAX_LENGTH and _UID.fullmatch(uid) is not None


def problem(uid: str) -> str:
    """Say why a UID is not valid, and what follows."""
    why = (
        f"has {len(uid)} characters" if len(uid) > MAX_LENGTH else "has other characters than digits and dots"
    )
    return f"the UID {why}: it is kept as an identifier, and nothing that needs a valid UID is made of it"


def short(uid: str | None) -> str | None:
    """Return a UID that fits FHIR's ``id``; a longer one is left out, never cut."""
    return uid if uid and is_valid(uid) else None


def identifier(uid: str, lineage: str) -> JsonObject:
    """Return a UID as an Identifier in the ``urn:oid:`` form."""
    return {"id": lineage, "system": UID_SYSTEM, "value": f"urn:oid:{uid}"}


def sop_class(uid: str) -> JsonObject:
    """Return a SOP Class UID as a Coding with its name from PS3.6."""
    coding = {"system": SOP_CLASS_SYSTEM, "code": uid}
    name = _name(uid)
    return {**coding, "display": name} if name != uid else coding


@cache
def _name(uid: str) -> str:
    """Return the UID Name of PS3.6; the UID itself where it has none."""
    return LATER_SOP_CLASSES.get(uid) or UID(uid, validation_mode=IGNORE).name
