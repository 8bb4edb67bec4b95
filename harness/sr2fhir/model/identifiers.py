r"""Deterministic ids, and identifiers with their issuers (mapping sections 1 and 3.2).

Every id is the UUIDv5, in the OID namespace, of one of these keys:

======================================  ====================================================================
what                                    key
======================================  ====================================================================
content item                            SOP Instance UID | position (``1\\4\\2``) | ``item``
resource that points back to the item   SOP Instance UID | position | ``source``
reference set                           that of its first member
key object selection                    SOP Instance UIDs of all copies | study | series | ``selection``
lesion with a tracking UID              id of the patient | UID | ``finding-site`` (decision D34)
other finding site                      that of its first site, else tracking item; role ``finding-site``
patient, study, order, person, device,  with an identifier that has a system: system | value | role
equipment, subject, endpoint
patient, order                          without: Study Instance UID (of an order the first that it
                                        states) | value | role
patient, order                          without any identifier: SOP Instance UID | keyword path | role
person, device, equipment, subject      without: content | role (decision D33)
algorithm                               content | role
Flag, CommunicationRequest              id of the Observation | name of the rule | role
======================================  ====================================================================

The role keeps apart what one value names twice: a Patient ID and an Accession Number of the same digits.
Where two different things of a document have one identifier, the second has an id of its content.
"""

from __future__ import annotations

import json
import re
import tomllib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import pydicom.uid
from pydicom.config import IGNORE
from pydicom.uid import UID

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.datatypes import filled
from sr2fhir.settings import is_known_system

Role = Literal[
    "item", "source", "selection", "finding-site", "algorithm", "subject",
    "patient", "request", "person", "study", "equipment", "device",
    "diagnostic-report", "provenance", "software", "endpoint", "institution",
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
    copies
        SOP Instance UIDs of the documents that are identical to it (PS3.3 C.17.6.2.1).
    """

    def __init__(self, sop_instance_uid: str, study_instance_uid: str, copies: Iterable[str] = ()) -> None:
        self.document = sop_instance_uid
        self.study = study_instance_uid
        #: of this document and of all that are identical to it: the same in each of them
        self.documents = tuple(sorted({*copies, sop_instance_uid}))
        self._items: dict[str, str] = {}
        self._given: set[str] = set()

    def at(self, where: str, role: Role) -> str:
        """Return the id of what stands at a content item identifier or keyword path."""
        return id_of(self.document, where, role)

    def item(self, identifier: str) -> str:
        """Return the id of a content item, by its content item identifier."""
        if identifier not in self._items:
            self._items[identifier] = self.at(identifier, "item")
        return self._items[identifier]

    def of(self, identifiers: Sequence[JsonObject], where: str, role: Role, study: str | None = None) -> str:
        """Return the id by the first identifier with a system, else by the first, else by where it stands.

        Parameters
        ----------
        study
            Study Instance UID of the study that it is of; by default that of the document.
        """
        named = self.named(identifiers, role)
        if named:
            return named
        value = next((each["value"] for each in identifiers if each.get("value")), None)
        return id_of(study or self.study, value, role) if value else self.at(where, role)

    def named(self, identifiers: Iterable[JsonObject], role: Role) -> str | None:
        """Return the id of what the first identifier with a system names; None where none has one."""
        found = (each for each in identifiers if is_known_system(each.get("system")) and each.get("value"))
        return next((id_of(each["system"], each["value"], role) for each in found), None)

    def content(self, role: Role, *parts: object) -> str:
        """Return an id made of content: the same in all documents, another one for other content."""
        return id_of(json.dumps([bare(part) for part in parts], ensure_ascii=False, sort_keys=True), role)

    def lesion(self, patient: str, uid: str) -> str:
        """Return the id of a lesion that is tracked, by the id of the patient and the tracking UID."""
        return id_of(patient, uid, "finding-site")

    def selection(self, study: str | None, series: str | None) -> str:
        """Return the id of a selection: the same from each of several identical documents."""
        return id_of("\\".join(self.documents), study or "", series or "", "selection")

    def unique(self, *candidates: str) -> str:
        """Return the first id that was not given to another thing of the document; the last one may be."""
        chosen = next((each for each in candidates if each not in self._given), candidates[-1])
        self._given.add(chosen)
        return chosen


def bare(value: Any) -> Any:
    """Return a part of the logical model without lineage."""
    if isinstance(value, dict):
        return {
            name: bare(member) for name, member in value.items() if name != "id" and not name.startswith("_")
        }
    return [bare(member) for member in value] if isinstance(value, list) else value


def id_of(*parts: str) -> str:
    """Return the id of a key."""
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
        identified = universal or self._known(entity)
        named = {name.strip(): self._known(name) for name in (local, assigner) if name}
        systems = dict.fromkeys(system for system in (identified, *named.values()) if system)
        is_plain = len(systems) == 1
        if names and not systems:
            self._log.add("warning", "unknown-issuer", lineage, _UNKNOWN, _UNKNOWN_HINT)
        elif len(systems) > 1:
            self._log.add("warning", "conflict", lineage, _CONTRADICTORY, _CONTRADICTORY_HINT)
        elif not identified and not all(named.values()):
            # the other name may be that of another issuer, with the same numbers
            self._log.add("warning", "unknown-issuer", lineage, _HALF_KNOWN, _HALF_KNOWN_HINT)
            is_plain = False
        return filled(
            {
                "id": lineage,
                "system": next(iter(systems)) if is_plain else None,
                "value": value,
                "assigner": {"display": names[0]} if names else None,
            }
        )

    def _known(self, name: str | None) -> str | None:
        """Return the system that the table gives a name."""
        return self._systems.get(name.strip()) if name else None


_UNKNOWN = "the table of issuers does not know the issuer of the identifier: it has no system"
_UNKNOWN_HINT = "Add the issuer, as the document writes it, to the table that --issuers names"
_HALF_KNOWN = "the identifier names two issuers, and the table of issuers knows one of them: it has no system"
_HALF_KNOWN_HINT = (
    "Add the other one, as the document writes it, to the table that --issuers names: with the same system "
    "if both name one issuer"
)
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


def modality_of(classes: Iterable[str | None]) -> str | None:
    """Return the modality of a series by the SOP classes of its instances; None where they leave it open."""
    found = {_modalities().get(uid or "") for uid in classes}
    return found.pop() if len(found) == 1 else None


@cache
def _modalities() -> dict[str, str]:
    stated = tomllib.loads(files(__package__).joinpath("modalities.toml").read_text("utf-8"))
    return {str(getattr(pydicom.uid, name)): modality for modality, names in stated.items() for name in names}


@cache
def _name(uid: str) -> str:
    """Return the UID Name of PS3.6; the UID itself where it has none."""
    return LATER_SOP_CLASSES.get(uid) or UID(uid, validation_mode=IGNORE).name
