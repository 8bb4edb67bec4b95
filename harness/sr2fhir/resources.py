"""A FHIR resource as somebody hands it over: JSON, read strictly."""

from __future__ import annotations

from sr2fhir.errors import InputError
from sr2fhir.jsontext import JsonError, JsonObject, loads_strict

_GIVE_JSON = "Give FHIR resources as JSON"


def read_resource(data: bytes, purpose: str, instead: str) -> JsonObject:
    """Parse a resource; every number keeps its text.

    Parameters
    ----------
    data
        UTF-8 JSON.
    purpose
        What it is read for, as a participle: `validated`.
    instead
        What helps whoever has XML.

    Raises
    ------
    InputError
        XML, no JSON, a key that occurs twice, or no resource.
    """
    if data.lstrip()[:1] == b"<":
        raise InputError(f"this is XML, and only JSON can be {purpose} here", hint=instead)
    try:
        resource = loads_strict(data)
    except JsonError as error:
        raise InputError(str(error), hint=_GIVE_JSON) from error
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise InputError("not a FHIR resource: resourceType is missing", hint=_GIVE_JSON)
    return resource
