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

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.datatypes import filled

Role = Literal[
    "item", "source", "finding-site", "algorithm", "subject",
    "patient", "request", "person", "study", "equipment", "device",
]  # fmt: skip

_ENTITY = tag("UniversalEntityID")
_ENTITY_TYPE = tag("UniversalEntityIDType")
_NAMESPACE = tag("LocalNamespaceEntityID")


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


# ---- issuers (mapping section 3.2, decision D32) -----------------------------------------------------------


class Issuers:
    """Find the systems of identifiers by what a document says of their issuers.

    Parameters
    ----------
    systems
        Name of an issuer, as documents write it, to its system.
    log
        Receives issuers that are not known, and those that contradict each other.
    """

    def __init__(self, systems: Mapping[str, str], log: FindingLog) -> None:
        self._systems = {name.strip(): system for name, system in systems.items()}
        self._log = log

    def identifier(
        self, value: str, lineage: str, *, issuer: Attributes | None = None, assigner: str | None = None
    ) -> JsonObject:
        """Return an Identifier with the system and the assigner that its issuer states.

        Parameters
        ----------
        value
            The identifier.
        lineage
            Keyword path to carry as ``id``.
        issuer
            HL7v2 Hierarchic Designator item (PS3.3 section 10.14).
        assigner
            Name of the issuer where that item has no Local Namespace Entity ID.
        """
        local, entity = (issuer.text(number) if issuer else None for number in (_NAMESPACE, _ENTITY))
        universal = _universal(entity, issuer.text(_ENTITY_TYPE) if issuer and entity else None)
        names = [name for name in (local, assigner, None if universal else entity) if name]
        known = (self._systems.get(name.strip()) for name in names)
        systems = dict.fromkeys(system for system in (universal, *known) if system)
        if names and not systems:
            self._log.add("warning", "unknown-issuer", lineage, _UNKNOWN, _UNKNOWN_HINT)
        if len(systems) > 1:
            self._log.add("warning", "conflict", lineage, _CONTRADICTORY, _CONTRADICTORY_HINT)
        return filled(
            {
                "id": lineage,
                "system": next(iter(systems)) if len(systems) == 1 else None,
                "value": value,
                "assigner": {"display": names[0]} if names else None,
            }
        )


_UNKNOWN = "the table of issuers does not know the issuer of the identifier: it has no system"
_UNKNOWN_HINT = "Add the issuer, as the document writes it, to the table that --issuers names"
_CONTRADICTORY = "the issuers that are stated for the identifier contradict each other: it has no system"
_CONTRADICTORY_HINT = "Correct the document, or the table that --issuers names"


def _universal(entity: str | None, kind: str | None) -> str | None:
    """Return the system that a Universal Entity ID is; None where it is a name only."""
    match (kind or "").upper():
        case "URI" if entity and _URI.fullmatch(entity):
            return entity
        case "ISO" if entity and is_valid_uid(entity.removeprefix(_OID)):
            return _OID + entity.removeprefix(_OID)
        case "UUID" if entity and _UUID.fullmatch(entity.removeprefix(_URN_UUID)):
            return _URN_UUID + entity.removeprefix(_URN_UUID).lower()
    return None


_OID = "urn:oid:"
_URN_UUID = "urn:uuid:"
# a scheme with a point in it is rather a host name with a port
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+-]*:\S+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


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
