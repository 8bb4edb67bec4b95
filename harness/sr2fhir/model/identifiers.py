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

import uuid
from collections.abc import Iterable, Mapping
from typing import Literal

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
