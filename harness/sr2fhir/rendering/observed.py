"""Where a document has observations: the containers of TID 1500 that are gone through (mapping section 3.5).

What stands elsewhere (an Image Library, a findings section) becomes no resource, so nothing may refer to it.
"""

from __future__ import annotations

import re

from sr2fhir.rendering.tree import MEASUREMENT_GROUP, Item

CONTAINS = "CONTAINS"
_ALWAYS = frozenset({"CONTAINER", "NUM"})
_CONTAINED = frozenset({"TEXT", "CODE", "DATE", "TIME", "DATETIME", "PNAME", "UIDREF"})
_SECTIONS = {
    "DCM#126010": "measurements/",
    "UMLS#C0034375": "evaluations/",
    "DCM#126011": "derived/",
    MEASUREMENT_GROUP: "group/",
}
_NUMBER = "number/"
_OTHER = "other/"
# sections in each other, groups in them and in each other, and groups below derived measurements
_WAY = re.compile(r"((measurements|evaluations)/)*(derived/((group/)*number/group/)?)?(group/)*")
_WAY_OF_GROUPS = re.compile(r"((measurements|evaluations)/)*(derived/((group/)*number/)?)?(group/)*")


def may_be_observed(item: Item) -> bool:
    """Tell whether an item may become a resource: a container, a number, or a contained value."""
    if item.in_library or item.by_reference or item.resolved:
        return False
    return item.value_type in _ALWAYS or (item.value_type in _CONTAINED and item.relationship == CONTAINS)


def observing(items: list[Item]) -> list[Item]:
    """Return the items that become Observations: groups, measurements and evaluations."""
    return [item for item in items if may_be_observed(item) and _stands_well(item)]


def is_group(item: Item) -> bool:
    """Tell whether an item is a Measurement Group that becomes an Observation."""
    return item.is_group() and may_be_observed(item) and _stands_well(item)


def is_measurement(item: Item) -> bool:
    """Tell whether an item is a contained number that becomes an Observation."""
    contained = item.value_type == "NUM" and item.relationship == CONTAINS and item.concept is not None
    return contained and may_be_observed(item) and _stands_well(item)


def _stands_well(item: Item) -> bool:
    if item.value_type == "CONTAINER":
        return item.is_group() and _WAY_OF_GROUPS.fullmatch(_way(item)) is not None
    way = _way(item)
    return way != "" and _WAY.fullmatch(way) is not None


def _way(item: Item) -> str:
    """Return what stands around an item, the outermost first; nothing for a child of the root."""
    parts: list[str] = []
    around = item.parent
    while around is not None and around.parent is not None:
        parts.append(_part(around))
        around = around.parent
    return "".join(reversed(parts))


def _part(item: Item) -> str:
    if item.value_type == "NUM":
        return _NUMBER
    known = (_SECTIONS[key] for key in item.keys if key in _SECTIONS)
    return next(known, _OTHER) if item.value_type == "CONTAINER" else _OTHER
