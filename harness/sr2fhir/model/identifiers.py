r"""Deterministic ids, and identifiers with their issuers (mapping sections 1, 3.2 and decision D30).

Every id is the UUIDv5, in the OID namespace, of one of these keys:

======================================  ====================================================================
what                                    key
======================================  ====================================================================
content item                            SOP Instance UID | position (``1\4\2``) | ``item``
resource that points back to the item   SOP Instance UID | position | ``source``
reference set                           that of its first member
finding site                            that of its first site, else tracking item; role ``finding-site``
algorithm, subject                      that of its first item; role ``algorithm``, ``subject``
patient, request, person,               with an identifier that has a system: system | value | role
study, equipment, device
the same, identifier without a system   Study Instance UID | value | role
the same, without any identifier        SOP Instance UID | position or keyword path | role
======================================  ====================================================================

The role keeps apart what one value names twice: a Patient ID and an Accession Number of the same digits.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal

from pydicom.config import IGNORE
from pydicom.uid import UID

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag

Role = Literal[
    "item", "source", "finding-site", "algorithm", "subject",
    "patient", "request", "person", "study", "equipment", "device",
]  # fmt: skip

_ENTITY = tag("UniversalEntityID")
_ENTITY_TYPE = tag("UniversalEntityIDType")
_NAMESPACE = tag("LocalNamespaceEntityID")

_SYSTEMS = {"ISO": "urn:oid:", "UUID": "urn:uuid:", "DNS": "http://"}


class Ids:
    """Make the ids of one document.

    Parameters
    ----------
    sop_instance_uid, study_instance_uid
        Of the document.
    """

    def __init__(self, sop_instance_uid: str, study_instance_uid: str) -> None:
        self._document = sop_instance_uid
        self._study = study_instance_uid
        self._items: dict[str, str] = {}

    def at(self, place: str, role: Role) -> str:
        """Return the id of what stands at a content item identifier or keyword path."""
        return _uuid(self._document, place, role)

    def item(self, identifier: str) -> str:
        """Return the id of a content item, by its content item identifier."""
        if identifier not in self._items:
            self._items[identifier] = self.at(identifier, "item")
        return self._items[identifier]

    def of(self, identifiers: Iterable[Mapping[str, str]], place: str, role: Role) -> str:
        """Return the id of what identifiers name: the first with a system, else the first, else the place."""
        known = [identifier for identifier in identifiers if identifier.get("value")]
        for identifier in known:
            if identifier.get("system"):
                return _uuid(identifier["system"], identifier["value"], role)
        return _uuid(self._study, known[0]["value"], role) if known else self.at(place, role)


def _uuid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "|".join(parts)))


def issuer_system(issuer: Attributes | None) -> str | None:
    """Return the system that an HL7v2 Hierarchic Designator item names (PS3.3 section 10.14), if any."""
    entity = issuer.text(_ENTITY) if issuer else None
    if issuer is None or entity is None:
        return None
    kind = (issuer.text(_ENTITY_TYPE) or "").upper()
    if kind == "URI":
        return entity if ":" in entity else f"http://{entity}"
    prefix = _SYSTEMS.get(kind)
    if prefix is None:
        return None
    return entity if entity.startswith(prefix) else prefix + entity


def issued_identifier(
    value: str,
    lineage: str,
    *,
    issuer: Attributes | None = None,
    assigner: str | None = None,
    default: str | None = None,
) -> JsonObject:
    """Return an Identifier with the system and the assigner that its issuer states.

    Parameters
    ----------
    value
        The identifier.
    lineage
        Keyword path to carry as ``id``.
    issuer
        HL7v2 Hierarchic Designator item.
    assigner
        Name of the issuer where that item has no Local Namespace Entity ID.
    default
        System to use where the document names none.
    """
    system = issuer_system(issuer) or default
    name = (issuer.text(_NAMESPACE) if issuer else None) or assigner
    identifier: JsonObject = {"id": lineage}
    if system:
        identifier["system"] = system
    identifier["value"] = value
    if name:
        identifier["assigner"] = {"display": name}
    return identifier


# ---- Unique Device Identifiers (mapping section 3.2, decision D19) -----------------------------------------

_AGENCIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("GS1", re.compile(r"[({]01[)}]([0-9]{14})")),
    ("HIBCC", re.compile(r"\+([A-Z0-9][A-Z0-9.$%* -]*[A-Z0-9])(?:/|$)")),
    ("ICCBBA", re.compile(r"=/([A-Z0-9]{16})")),
    ("ICCBBA-blood", re.compile(r"(?:&\)[^=&]*)?=\)([A-Z0-9]{10})")),
)


def parsed_udi(carrier: str) -> JsonObject | None:
    """Return carrier, device identifier and agency of a readable UDI; None where the form is unknown."""
    for agency, pattern in _AGENCIES:
        match = pattern.match(carrier)
        if match:
            return {"carrier": carrier, "deviceIdentifier": match[1].strip(), "agency": agency}
    return None


# ---- unique identifiers (decisions D13 and D29) -----------------------------------------------------------


UID_SYSTEM = "urn:dicom:uid"
SOP_CLASS_SYSTEM = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"
LATER_SOP_CLASSES: Mapping[str, str] = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
}
"""SOP classes of PS3.6 Table A-1 that pydicom's copy of it lacks: UID to UID Name (Supplement 243)."""
MAX_UID_LENGTH = 64
UID_HINT = "PS3.5 section 9 allows digits and dots, at most 64 characters"
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def is_valid_uid(uid: str) -> bool:
    """Tell whether the text is a UID as PS3.5 section 9 writes it; leading zeros are tolerated."""
    return len(uid) <= MAX_UID_LENGTH and _UID.fullmatch(uid) is not None


def uid_problem(uid: str) -> str:
    """Say why a UID is not valid, and what follows."""
    why = (
        f"has {len(uid)} characters"
        if len(uid) > MAX_UID_LENGTH
        else "has other characters than digits and dots"
    )
    return f"the UID {why}: it is kept as an identifier, and nothing that needs a valid UID is made of it"


def short_uid(uid: str | None) -> str | None:
    """Return a UID that fits FHIR's ``id``; a longer one is left out, never cut."""
    return uid if uid and is_valid_uid(uid) else None


def uid_identifier(uid: str, lineage: str) -> JsonObject:
    """Return a UID as an Identifier in the ``urn:oid:`` form."""
    return {"id": lineage, "system": UID_SYSTEM, "value": f"urn:oid:{uid}"}


def sop_class_coding(uid: str) -> JsonObject:
    """Return a SOP Class UID as a Coding with its name from PS3.6."""
    coding = {"system": SOP_CLASS_SYSTEM, "code": uid}
    name = _name(uid)
    return {**coding, "display": name} if name != uid else coding


@cache
def _name(uid: str) -> str:
    """Return the UID Name of PS3.6; the UID itself where it has none."""
    return LATER_SOP_CLASSES.get(uid) or UID(uid, validation_mode=IGNORE).name
