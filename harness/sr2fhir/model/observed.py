"""Where a document has observations: the containers of TID 1500 that are gone through (mapping section 3.5).

What stands elsewhere (an Image Library, a findings section) becomes no resource, so nothing may refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sr2fhir.model.tree import MEASUREMENT_GROUP, Item, Place

CONTAINS = "CONTAINS"
INFERRED_FROM = "INFERRED FROM"
_ALWAYS = frozenset({"CONTAINER", "NUM"})
_CONTAINED = frozenset({"TEXT", "CODE", "DATE", "TIME", "DATETIME", "PNAME", "UIDREF"})
_GROUPS = frozenset({Place.GROUP, Place.ENCLOSING_GROUP})
_HAS_EVALUATIONS = _GROUPS | {Place.MEASUREMENTS, Place.EVALUATIONS}

_SECTIONS = {
    "DCM#126010": Place.MEASUREMENTS,
    "UMLS#C0034375": Place.EVALUATIONS,
    "DCM#126011": Place.DERIVED,
    MEASUREMENT_GROUP: Place.GROUP,
}
_ONLY_GROUPS = {MEASUREMENT_GROUP: Place.GROUP}
# where an item stands → what the containers in it are, by concept
_CONTAINERS = {
    Place.ROOT: _SECTIONS,
    Place.MEASUREMENTS: _SECTIONS,
    Place.EVALUATIONS: _SECTIONS,
    Place.DERIVED: {MEASUREMENT_GROUP: Place.ENCLOSING_GROUP},
    Place.ENCLOSING_GROUP: _ONLY_GROUPS,
    Place.GROUP: _ONLY_GROUPS,
    Place.DERIVED_MEASUREMENT: _ONLY_GROUPS,
}
# where an item stands → what the numbers in it are, and the relationship that they need to be that
_NUMBERS = {
    Place.MEASUREMENTS: (Place.MEASUREMENT, CONTAINS),
    Place.EVALUATIONS: (Place.MEASUREMENT, None),
    Place.GROUP: (Place.MEASUREMENT, CONTAINS),
    Place.DERIVED: (Place.DERIVED_MEASUREMENT, CONTAINS),
    Place.ENCLOSING_GROUP: (Place.DERIVED_MEASUREMENT, CONTAINS),
    Place.MEASUREMENT: (Place.INFERRED, INFERRED_FROM),
    Place.DERIVED_MEASUREMENT: (Place.INFERRED, INFERRED_FROM),
    Place.INFERRED: (Place.INFERRED, INFERRED_FROM),
}
_MEASURED = frozenset({Place.MEASUREMENT, Place.DERIVED_MEASUREMENT})


def place(items: Iterable[Item]) -> None:
    """Give each container and number its place; parents come before their children."""
    for item in items:
        item.place = _place(item)


def _place(item: Item) -> Place | None:
    if item.parent is None:
        return Place.ROOT
    around = item.parent.place
    if around is None or item.by_reference or item.value_type not in _ALWAYS:
        return None
    return _of_container(item, around) if item.value_type == "CONTAINER" else _of_number(item, around)


def _of_container(item: Item, around: Place) -> Place | None:
    known = _CONTAINERS.get(around, {})
    return next((known[key] for key in item.keys if key in known), None)


def _of_number(item: Item, around: Place) -> Place | None:
    found, relationship = _NUMBERS.get(around, (None, None))
    return found if item.concept and relationship in (None, item.relationship) else None


class Observed:
    """Tell what becomes an Observation.

    Parameters
    ----------
    items
        All of a document, in document order.
    has_references
        Tells whether an item has a reference set of its own.
    """

    def __init__(self, items: list[Item], has_references: Callable[[Item], bool]) -> None:
        self._made: set[Item] = set()
        for item in items:
            if is_group(item) or item.place in _MEASURED or self._is_result(item, has_references):
                self._made.add(item)
        self.items = [item for item in items if item in self._made or _is_evaluation(item)]
        """The items that become Observations: groups, measurements and evaluations."""

    def __contains__(self, item: Item) -> bool:
        """Tell whether an item is a group or a measurement that becomes an Observation."""
        return item in self._made

    def _is_result(self, item: Item, has_references: Callable[[Item], bool]) -> bool:
        """Tell whether a number below a measurement is a result, not a parameter (mapping row 3.8.11)."""
        inferred = item.place is Place.INFERRED and item.parent in self._made
        return inferred and (item.observation_uid is not None or has_references(item))


def is_group(item: Item) -> bool:
    """Tell whether an item is a Measurement Group that becomes an Observation."""
    return item.place in _GROUPS


def may_be_observed(item: Item) -> bool:
    """Tell whether an item may become a resource: a container, a number, or a contained value."""
    if item.in_library or item.by_reference:
        return False
    return item.value_type in _ALWAYS or _is_contained_value(item)


def _is_contained_value(item: Item) -> bool:
    contained = item.value_type in _CONTAINED and item.relationship == CONTAINS
    return contained and not item.by_reference and not item.resolved


def _is_evaluation(item: Item) -> bool:
    around = item.parent.place if item.parent else None
    return around in _HAS_EVALUATIONS and _is_contained_value(item)
