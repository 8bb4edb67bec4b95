"""References to ImagingSelections, which another version of FHIR knows as Basic or not at all.

The maps know such a reference by `Reference.type`. Where it is not stated, the URL says it, or the Bundle.
In a reference that maps copied whole, type and address follow here.
"""

from __future__ import annotations

import re
from typing import Any

from sr2fhir.errors import InputError
from sr2fhir.jsontext import JsonObject
from sr2fhir.packaging.transaction import named
from sr2fhir.references import Change, rewritten

_SELECTION, _BASIC = "ImagingSelection", "Basic"
# relative or of a server, with or without a version; or a search
_ADDRESS = re.compile(
    rf"((?:[a-z]+://.+/)?){_SELECTION}(/[A-Za-z0-9.-]{{1,64}}(?:/_history/[A-Za-z0-9.-]{{1,64}})?|\?.*)"
)
# searches by which a resource of any type can be found
_COMMON = re.compile(r"(identifier|_id)(:[a-z-]+)?=[^&]*")


def with_types(bundle: JsonObject) -> JsonObject:
    """Return a Bundle in which each reference to an ImagingSelection says so."""
    own = {
        entry.get("fullUrl") for entry in bundle["entry"] if entry["resource"]["resourceType"] == _SELECTION
    }

    def change(reference: JsonObject) -> JsonObject:
        address = reference["reference"]
        if {"type", "_type"} & reference.keys() or not (address in own or _ADDRESS.fullmatch(address)):
            return reference
        return {**reference, "type": _SELECTION}

    return rewritten_in(bundle, change)


def check_searches(bundle: JsonObject) -> None:
    """Refuse references that search an ImagingSelection by what a Basic cannot be searched by.

    Raises
    ------
    InputError
        A server would refuse it, or find another resource.
    """
    for index, entry in enumerate(bundle["entry"]):

        def check(reference: JsonObject, where: str = f"Bundle.entry[{index}].resource") -> JsonObject:
            found = _ADDRESS.fullmatch(reference["reference"])
            if found and found[2].startswith("?") and not _is_common(found[2][1:]):
                raise _unsearchable("a reference", _SELECTION, _BASIC, where)
            return reference

        rewritten(entry["resource"], check)


def to_basic(bundle: JsonObject) -> JsonObject:
    """Return a Bundle in which all references to ImagingSelections lead to a Basic."""

    def change(reference: JsonObject) -> JsonObject:
        found = _ADDRESS.fullmatch(reference["reference"])
        moved = {"reference": f"{found[1] or ''}{_BASIC}{found[2]}"} if found else {}
        if found or reference.get("type") == _SELECTION:
            return {**reference, **moved, "type": _BASIC}
        return reference

    return rewritten_in(bundle, change)


def to_none(bundle: JsonObject) -> JsonObject:
    """Return a Bundle in which references to ImagingSelections elsewhere name them, and lead nowhere."""
    (name,) = named([{"resourceType": _SELECTION}])

    def change(reference: JsonObject) -> JsonObject:
        if not _ADDRESS.fullmatch(reference["reference"]):
            return reference
        # the numbers of elements (Traces) are no part of what it says
        numbers = {key: reference[key] for key in ("_type",) if key in reference}
        said = {key: value for key, value in reference.items() if key not in ("_reference", "_type")}
        return {**name(said), **numbers}

    return rewritten_in(bundle, change)


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
    if not all(map(_is_common, searches)):
        raise _unsearchable("the request", old, new, f"{path}.request")


def _is_common(search: str) -> bool:
    """Tell whether resources of every type can be searched so."""
    return all(_COMMON.fullmatch(part) for part in search.split("&") if part)


def _unsearchable(what: str, old: str, new: str, where: str) -> InputError:
    message = f"{what} searches {old} by what {new} cannot be searched by"
    return InputError(message, where=where, hint="Search it by identifier")


def rewritten_in(bundle: JsonObject, change: Change) -> JsonObject:
    """Return a Bundle in which references of its resources are changed."""
    entries = [{**entry, "resource": rewritten(entry["resource"], change)} for entry in bundle["entry"]]
    return {**bundle, "entry": entries}
