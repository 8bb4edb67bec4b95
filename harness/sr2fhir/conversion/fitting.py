"""What another version of FHIR has no element for, taken out of what the maps copied whole.

Maps copy a complex value whole, with all that is in it: an extension with a value of any type, an attachment
with its height. What the other version does not know of that would make the Bundle invalid. It is left out.
So its number does not arrive, and the report has a line for it.
"""

from __future__ import annotations

from typing import Any

from sr2fhir.conversion.bundles import resources
from sr2fhir.conversion.definitions import definitions_of
from sr2fhir.jsontext import JsonObject
from sr2fhir.paths import layout
from sr2fhir.settings import Target

_EXTENSIONS = ("extension", "modifierExtension")


def take_out(bundle: JsonObject, target: Target) -> None:
    """Take what a version does not know out of a Bundle that the maps made for it."""
    definitions = definitions_of(layout().step_definitions(target.folder or ""))
    for path, resource in resources(bundle):
        misfits = list(definitions.misfits(resource, path))
        for misfit in misfits:
            for key in (misfit.key, f"_{misfit.key}"):
                misfit.owner.pop(key, None)
        if misfits:
            _drop_emptied(resource)


def _drop_emptied(element: JsonObject) -> None:
    """Drop what nothing is left of: an element without members, and an extension without a value."""
    for key in list(element):
        value = element[key]
        many = value if isinstance(value, list) else [value]
        for each in many:
            if isinstance(each, dict) and not key.startswith("_"):
                _drop_emptied(each)
        if key.startswith("_"):
            continue
        kept = [each for each in many if not _is_emptied(each, key)]
        if not kept:
            del element[key]
        elif isinstance(value, list):
            element[key] = kept


def _is_emptied(value: Any, key: str) -> bool:
    if not isinstance(value, dict):
        return False
    return value.keys() <= ({"id", "url"} if key in _EXTENSIONS else {"id"})
