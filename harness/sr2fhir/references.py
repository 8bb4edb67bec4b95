"""References in a resource, wherever they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sr2fhir.jsontext import JsonObject

Change = Callable[[JsonObject], JsonObject]
"""From a Reference to what takes its place; the same object if nothing does."""


def targets(value: Any) -> Iterator[str]:
    """Return the literal references in a resource."""
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, Mapping):
            if isinstance(current.get("reference"), str):
                yield current["reference"]
            stack.extend(current.values())
        elif isinstance(current, list):
            stack.extend(current)


def rewritten(value: Any, change: Change) -> Any:
    """Return a copy in which References with an address are changed.

    What holds none stays the same object.
    """
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            value = change(value)
        members = {name: rewritten(member, change) for name, member in value.items()}
        return members if any(members[name] is not value[name] for name in value) else value
    if isinstance(value, list):
        items = [rewritten(item, change) for item in value]
        return items if any(one is not other for one, other in zip(items, value, strict=True)) else value
    return value
