"""By-reference content items: follow Referenced Content Item Identifier (PS3.3 C.17.3.2.5, decision D31)."""

from __future__ import annotations

from sr2fhir.findings import FindingLog
from sr2fhir.model.tree import IMAGES, REGIONS, UNKNOWN, Item

_SELECTED = IMAGES | REGIONS | {"COMPOSITE"}


def resolve(items: list[Item], log: FindingLog) -> None:
    """Give every by-reference item its target, with the target's value type and, where it has none, concept.

    Items that lead nowhere, to an ancestor or in a circle become items of unknown type, each with an error.
    Of several items beside each other that lead to one target by one relationship, those after the first say
    the same as it; so does a reference to an item that stands beside it with the same relationship, and to an
    image, region or group that stands there with any.
    """
    by_position = {item.position: item for item in items}
    before: dict[tuple[Item | None, str | None, Item], Item] = {}
    for item in items:
        if item.reference is not None:
            _resolve(item, by_position, log)
            if item.target:
                said = (item.parent, item.relationship, item.target)
                first = before.setdefault(said, item.target if _is_said_beside(item, item.target) else item)
                item.same_as = first.position if first is not item else None


def _is_said_beside(item: Item, target: Item) -> bool:
    """Tell whether a target stands beside a reference to it and says there what the reference says."""
    anyhow = target.value_type in _SELECTED or target.is_group()
    return target.parent is item.parent and (anyhow or target.relationship == item.relationship)


def _resolve(item: Item, by_position: dict[str, Item], log: FindingLog) -> None:
    target = _followed(item, by_position)
    if target is None:
        log.add("error", "unresolved-reference", item.position, "the referenced content item does not exist")
    elif _is_ancestor(target, item):
        log.add("error", "unresolved-reference", item.position, "the item refers to an item that contains it")
        target = None
    item.target = target
    item.value_type = target.value_type if target else UNKNOWN
    if target and item.concept is None:
        item.concept = target.concept


def _followed(item: Item, by_position: dict[str, Item]) -> Item | None:
    """Return the item at the end of a chain of references; None where it is broken or a circle."""
    seen: set[str] = {item.position}
    current = item
    while current.reference is not None:
        place = written(current.reference)
        if place in seen or place not in by_position:
            return None
        seen.add(place)
        current = by_position[place]
    return current


def written(reference: tuple[int, ...]) -> str:
    """Return a Referenced Content Item Identifier as a position."""
    return ".".join(map(str, reference))


def _is_ancestor(candidate: Item, item: Item) -> bool:
    return item.position.startswith(candidate.position + ".")
