"""Read a Bundle, and see whether it holds R5 resources that can be led to another version of FHIR."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sr2fhir.conversion.definitions import Misfit, definitions_of
from sr2fhir.conversion.taken import types_taken
from sr2fhir.errors import InputError, LimitError
from sr2fhir.jsontext import JsonObject
from sr2fhir.paths import layout
from sr2fhir.resources import read_resource
from sr2fhir.settings import Target

INSTEAD_OF_XML = "Give the Bundle as JSON; `--format xml` writes XML"
# levels of brackets; FHIR nests little, and what goes deeper would break readers after us
MAX_DEPTH = 200
EXTENSIONS_OF_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
"""Begins the URLs of extensions by which R4 says what only R5 has elements for."""

_CORRECT = "Correct its name; what FHIR has no element for travels as an extension"
_FORM = "FHIR R5 says of which type it is, and whether it is an array"
# what may be printed of a name that FHIR does not know
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")

_OTHER = "Give the R5 Bundle, or leave this one as it is"

Fault = tuple[str, str, str]
"""Where, what is wrong there, and how to mend it."""


def bundle_of(data: bytes, target: Target) -> JsonObject:
    """Parse a Bundle strictly, and see that it can be converted.

    Raises
    ------
    InputError
        XML, no JSON, a key that occurs twice, no Bundle, an entry without a resource, an element that R5
        does not know, or R4 already.
    LimitError
        It is nested too deeply.
    """
    bundle = read_resource(data, "converted", INSTEAD_OF_XML)
    if depth(bundle) > MAX_DEPTH:
        raise LimitError(f"nested deeper than {MAX_DEPTH} levels", hint="No resource of FHIR needs that")
    for check in CHECKS:
        for where, message, hint in check(bundle, target):
            raise InputError(message, where=where, hint=hint)
    return bundle


def depth(value: Any) -> int:
    """Return how many levels of objects and arrays there are, without recursion."""
    levels, level = 0, [value]
    while level:
        nested = [each for each in level if isinstance(each, dict | list)]
        level = [member for each in nested for member in (each.values() if isinstance(each, dict) else each)]
        levels += bool(nested)
    return levels


# ---- checks: each may rely on those before it --------------------------------------------------------------


def is_bundle(bundle: JsonObject, _target: Target) -> Iterator[Fault]:
    """Check that it is a Bundle with entries."""
    if bundle["resourceType"] != "Bundle":
        kind = bundle["resourceType"] if _is_resource(bundle) else "?"
        message = f"this is a resource of type {kind}, and only Bundles can be converted"
        yield "resourceType", message, "Put it into a Bundle of type collection"
    elif not isinstance(bundle.get("entry"), list) or not bundle["entry"]:
        yield "Bundle.entry", "the Bundle has no entries", "Give a Bundle that holds something"


def has_resources(bundle: JsonObject, _target: Target) -> Iterator[Fault]:
    """Check that each entry has a resource, and an address that no other has."""
    seen: set[str] = set()
    for index, entry in enumerate(bundle["entry"]):
        where = f"Bundle.entry[{index}]"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not _is_resource(resource):
            hint = "Send what reads or deletes by itself; only entries with a resource can be converted"
            yield where, "the entry has no resource", hint
            return
        url = entry.get("fullUrl")
        if url in seen:
            yield where, "its fullUrl occurs more than once", "Give each version of a resource by itself"
        seen |= {url} if isinstance(url, str) else set()


def can_be_contained(bundle: JsonObject, _target: Target) -> Iterator[Fault]:
    """Check that each contained resource has an id by which it is referred to, and contains no other."""
    for index, entry in enumerate(bundle["entry"]):
        where = f"Bundle.entry[{index}].resource.contained"
        contained = entry["resource"].get("contained", [])
        if not isinstance(contained, list) or not all(map(_is_resource, contained)):
            yield where, "it is no list of resources", "Give an array of resources"
            return
        ids = [each.get("id") for each in contained]
        if not all(isinstance(each, str) for each in ids) or len(set(ids)) < len(ids):
            yield where, "a contained resource has no id of its own", "Give each another id"
        if any("contained" in each for each in contained):
            yield where, "a contained resource contains another", "Contain both in the outer resource"


def is_r5(bundle: JsonObject, target: Target) -> Iterator[Fault]:
    """Check that nothing in it says that it is another version, and that R5 knows all of it.

    Of types that no map takes only those are looked at that say of which version they are.
    """
    taken = types_taken(target)
    folder = target.folder or ""
    r5, other = (
        definitions_of(file) for file in (layout().step_sources(folder), layout().step_definitions(folder))
    )
    for path, resource in resources(bundle):
        kind = resource["resourceType"]
        if kind == "Basic" and _has_elements_of_r5(resource):
            yield path, _is_already(target, "Basic.extension"), _OTHER
        if kind not in taken and resource is not bundle:
            continue
        for misfit in r5.misfits(resource, path):
            there = [each.path for each in other.misfits(resource, path)]
            if not any(misfit.path.startswith(each) for each in there):
                yield misfit.path, _is_already(target, misfit.element), _OTHER
            elif misfit.is_known:
                yield misfit.path, f"{misfit.element} is not written as R5 writes it", _FORM
            else:
                yield _unknown(misfit)


def resources(bundle: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield the Bundle, its resources and what they contain, each with its FHIRPath."""
    yield "Bundle", bundle
    for index, entry in enumerate(bundle["entry"]):
        path = f"Bundle.entry[{index}].resource"
        yield path, entry["resource"]
        for number, each in enumerate(entry["resource"].get("contained", [])):
            yield f"{path}.contained[{number}]", each


def _is_resource(value: Any) -> bool:
    """Tell whether it is a resource whose type can be one of FHIR: it stands in messages."""
    return isinstance(value, dict) and _NAME.fullmatch(str(value.get("resourceType"))) is not None


def _is_already(target: Target, element: str) -> str:
    return f"this Bundle is {target.name} already: {element} as it stands here is of {target.name}"


def _unknown(misfit: Misfit) -> Fault:
    """Name an element that R5 does not know, if that can be the name of one."""
    path, element = misfit.path, misfit.element
    if not _NAME.fullmatch(misfit.key):
        path, element = (f"{each.removesuffix(misfit.key)}?" for each in (path, element))
    return path, f"R5 has no element {element}", _CORRECT


def _has_elements_of_r5(basic: JsonObject) -> bool:
    """Tell whether a Basic stands for a resource of a type that only R5 has."""
    extensions = [each for name in ("extension", "modifierExtension") for each in basic.get(name) or ()]
    return any(str(each.get("url", "")).startswith(EXTENSIONS_OF_R5) for each in extensions)


CHECKS: tuple[Callable[[JsonObject, Target], Iterator[Fault]], ...] = (
    is_bundle,
    has_resources,
    can_be_contained,
    is_r5,
)
