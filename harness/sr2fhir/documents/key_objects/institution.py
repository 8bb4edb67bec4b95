"""The institution that made a manifest: Institution Name (0008,0080), a name or an XON of HL7 v2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sr2fhir.model.datatypes import filled, traced
from sr2fhir.model.identifiers import is_valid_uid

if TYPE_CHECKING:
    from sr2fhir.jsontext import JsonObject
    from sr2fhir.model.environment import Environment

_PLACE = "InstitutionName"
_OID = "urn:oid:"
_URI_SYSTEM = "urn:ietf:rfc:3986"
# XON: HL7 2.5 chapter 2.A.88
_NAME, _AUTHORITY, _IDENTIFIER = 0, 5, 9


def institution(env: Environment, written: str | None) -> JsonObject | None:
    """Return the institution as the logical model writes it; None where none is named.

    Parameters
    ----------
    written
        A name, or an XON: name in the first component, identifier in the tenth, who gave it in the sixth.
    """
    parts = [part.strip() for part in (written or "").split("^")]
    parts += [""] * (_IDENTIFIER + 1 - len(parts))
    identifier = _identifier(parts[_IDENTIFIER], parts[_AUTHORITY])
    stated = filled({"identifier": identifier}) | traced({"name": parts[_NAME]}, {"name": _PLACE})
    if not stated:
        return None
    numbers = [identifier] if identifier else []
    return {"id": env.ids.named(numbers, "institution") or env.ids.content("institution", stated), **stated}


def _identifier(value: str, authority: str) -> JsonObject | None:
    """Return the identifier: an OID stands for itself, any other belongs to the authority (an HD)."""
    if not value:
        return None
    if is_valid_uid(value) and "." in value:
        return {"id": _PLACE, "system": _URI_SYSTEM, "value": _OID + value}
    _, entity, kind = [*authority.split("&"), "", ""][:3]
    system = _OID + entity if kind.upper() == "ISO" and is_valid_uid(entity) else None
    return filled({"id": _PLACE, "system": system, "value": value})
