"""The value of a content item in the logical model, one function for each type (PS3.3 Table C.17.3-7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import tag
from sr2fhir.model.environment import Environment
from sr2fhir.model.tree import Item
from sr2fhir.model.values import coordinates, numeric, plain, references, tables

_OBSERVED = tag("ObservationDateTime")

Reader = Callable[[Item, Environment], JsonObject]

READERS: dict[str, Reader] = {
    "TEXT": plain.text,
    "CODE": plain.code,
    "NUM": numeric.number,
    "DATETIME": plain.date_time,
    "DATE": plain.date,
    "TIME": plain.time,
    "UIDREF": plain.uid,
    "PNAME": plain.person_name,
    "COMPOSITE": references.reference,
    "IMAGE": references.reference,
    "WAVEFORM": references.reference,
    "SCOORD": coordinates.spatial,
    "SCOORD3D": coordinates.spatial,
    "TCOORD": coordinates.temporal,
    "TABLE": tables.table,
}
"""Value type to the function that returns the members of its value."""

LISTS: dict[str, str] = {
    "CONTAINER": "container",
    "TEXT": "text",
    "CODE": "code",
    "NUM": "num",
    "DATETIME": "dateTime",
    "DATE": "date",
    "TIME": "time",
    "UIDREF": "uidRef",
    "PNAME": "personName",
    "COMPOSITE": "composite",
    "IMAGE": "image",
    "WAVEFORM": "waveform",
    "SCOORD": "spatialCoordinates",
    "SCOORD3D": "spatialCoordinates3D",
    "TCOORD": "temporalCoordinates",
    "TABLE": "table",
}
"""Value type to the list of children that it stands in; any other stands in ``unknown``."""


def read_values(items: list[Item], env: Environment) -> None:
    """Set value and observation time of every item; by-reference items get a copy of their target's value."""
    for item in items:
        item.observed = env.clock.date_time(item.attributes.text(_OBSERVED), item.position)
        reader = READERS.get(item.value_type)
        if reader and not item.by_reference:
            item.value = reader(item, env)
    for item in items:
        if item.target:
            item.value = _relabelled(item.target.value, item.target.position, item.position)


def _relabelled(value: JsonObject, old: str, new: str) -> JsonObject:
    return {name: _with_id(part, old, new) for name, part in value.items()}


def _with_id(part: Any, old: str, new: str) -> Any:
    if isinstance(part, list):
        return [_with_id(one, old, new) for one in part]
    return {**part, "id": new} if isinstance(part, dict) and part.get("id") == old else part
