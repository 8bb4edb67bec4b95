"""Read a Bundle, and see whether it holds R5 resources that can be led to another version of FHIR."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sr2fhir.errors import InputError, LimitError
from sr2fhir.jsontext import JsonObject
from sr2fhir.resources import read_resource

INSTEAD_OF_XML = "Give the Bundle as JSON; `--format xml` writes XML"
# levels of brackets; FHIR nests little, and what goes deeper would break readers after us
MAX_DEPTH = 200
EXTENSIONS_OF_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
"""Begins the URLs of extensions by which R4 says what only R5 has elements for."""

# searches by which a resource of any type can be found
_COMMON = re.compile(r"(identifier|_id)(:[a-z-]+)?=[^&]*")

# Elements that R4 has and R5 has not, by type of resource: they tell that a Bundle is R4.
R4_ELEMENTS = {
    "BodyStructure": ("location", "locationQualifier"),
    "Device": ("deviceName", "distinctIdentifier", "patient", "specialization"),
    "DiagnosticReport": ("imagingStudy",),
    "Endpoint": ("payloadMimeType", "payloadType"),
    "ImagingStudy": ("interpreter", "procedureCode", "procedureReference", "reasonCode", "reasonReference"),
    "ServiceRequest": ("locationCode", "locationReference", "reasonCode", "reasonReference"),
}
# Elements that are a Coding or CodeableConcept in R4, and in R5 something that holds one: the member tells.
R4_TYPES = {
    "Endpoint": (("connectionType", ("system", "code")),),
    "ImagingStudy": (("modality", ("system", "code")),),
    "ServiceRequest": (("code", ("coding", "text")),),
}

Fault = tuple[str, str, str]
"""Where, what is wrong there, and how to mend it."""


def bundle_of(data: bytes) -> JsonObject:
    """Parse a Bundle strictly, and see that it can be converted.

    Raises
    ------
    InputError
        XML, no JSON, a key that occurs twice, no Bundle, an entry without a resource, or R4 already.
    LimitError
        It is nested too deeply.
    """
    bundle = read_resource(data, "converted", INSTEAD_OF_XML)
    if depth(bundle) > MAX_DEPTH:
        raise LimitError(f"nested deeper than {MAX_DEPTH} levels", hint="No resource of FHIR needs that")
    for check in CHECKS:
        for where, message, hint in check(bundle):
            raise InputError(message, where=where, hint=hint)
    return bundle


def check_search(request: Any, old: str, new: str, path: str) -> None:
    """Refuse a request that finds a resource by what its new type cannot be searched by.

    Parameters
    ----------
    request
        Of the entry, if it has one.
    old, new
        Types of the resource before and after.

    Raises
    ------
    InputError
        A server would refuse it, or find another resource.
    """
    if old == new or not isinstance(request, dict):
        return
    searches = (str(request.get("ifNoneExist", "")), str(request.get("url", "")).partition("?")[2])
    if any(part and not _COMMON.fullmatch(part) for search in searches for part in search.split("&")):
        message = f"the request searches {old} by what {new} cannot be searched by"
        raise InputError(message, where=f"{path}.request", hint="Search it by identifier")


def depth(value: Any) -> int:
    """Return how many levels of objects and arrays there are, without recursion."""
    levels, level = 0, [value]
    while level:
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [member for each in nested for member in (each.values() if isinstance(each, dict) else each)]
        levels += bool(nested)
    return levels


# ---- checks: each may rely on those before it --------------------------------------------------------------


def is_bundle(bundle: JsonObject) -> Iterator[Fault]:
    """Check that it is a Bundle with entries."""
    if bundle["resourceType"] != "Bundle":
        message = f"this is a resource of type {bundle['resourceType']}, and only Bundles can be converted"
        yield "resourceType", message, "Put it into a Bundle of type collection"
    elif not isinstance(bundle.get("entry"), list) or not bundle["entry"]:
        yield "Bundle.entry", "the Bundle has no entries", "Give a Bundle that holds something"


def has_resources(bundle: JsonObject) -> Iterator[Fault]:
    """Check that each entry has a resource, and an address that no other has."""
    seen: set[str] = set()
    for index, entry in enumerate(bundle["entry"]):
        where = f"Bundle.entry[{index}]"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            hint = "Send what reads or deletes by itself; only entries with a resource can be converted"
            yield where, "the entry has no resource", hint
            return
        url = entry.get("fullUrl")
        if url in seen:
            yield where, "its fullUrl occurs more than once", "Give each version of a resource by itself"
        seen |= {url} if isinstance(url, str) else set()


def is_r5(bundle: JsonObject) -> Iterator[Fault]:
    """Check that nothing in it says that it is R4."""
    for index, entry in enumerate(bundle["entry"]):
        for element in _of_r4(entry["resource"]):
            name = f"{entry['resource']['resourceType']}.{element}"
            message = f"this Bundle is R4 already: {name} as it stands here is of R4"
            yield f"Bundle.entry[{index}].resource", message, "Give the R5 Bundle, or leave this one as it is"


def _of_r4(resource: JsonObject) -> Iterator[str]:
    kind = resource["resourceType"]
    yield from (name for name in R4_ELEMENTS.get(kind, ()) if name in resource)
    for name, members in R4_TYPES.get(kind, ()):
        value = resource.get(name)
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, dict) and not each.keys().isdisjoint(members) for each in values):
            yield name
    if kind == "Basic":
        extensions = [
            each for name in ("extension", "modifierExtension") for each in resource.get(name) or ()
        ]
        if any(str(each.get("url", "")).startswith(EXTENSIONS_OF_R5) for each in extensions):
            yield "extension"


CHECKS: tuple[Callable[[JsonObject], Iterator[Fault]], ...] = (is_bundle, has_resources, is_r5)
