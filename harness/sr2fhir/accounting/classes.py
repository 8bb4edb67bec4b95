"""Which class something that reached an element is in: IG or SUPP (mapping specification, section 8).

IG where the published guide names the element as a target, SUPP where it is ours. The tables come with the
type of the document; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sr2fhir.accounting.checks import resource_path

Reach = Literal["IG", "SUPP"]
Marks = frozenset[str]
NONE: Marks = frozenset()
EVERY_ELEMENT = "*"


@dataclass(frozen=True)
class Origin:
    """What is known of a content item or attribute, as marks.

    Marks are value types, terms of concepts (`finding.finding`) and, of attributes, keyword paths without
    numbers, and the first and the last keyword of each.

    Parameters
    ----------
    own, parent, around
        Marks of the item itself, of the item that holds it, and of all items around it.
    """

    own: Marks
    parent: Marks = NONE
    around: Marks = NONE


@dataclass(frozen=True)
class Condition:
    """When an entry of a table holds: one mark of each set, none of `not_parent`, and the kind of target."""

    own: Marks = NONE
    parent: Marks = NONE
    around: Marks = NONE
    not_parent: Marks = NONE
    target: str = ""

    def fits(self, origin: Origin) -> bool:
        """Tell whether it holds for an origin, if what came from it reached the kind of target."""
        return (
            has_any(self.own, origin.own)
            and has_any(self.parent, origin.parent)
            and has_any(self.around, origin.around)
            and self.not_parent.isdisjoint(origin.parent)
        )

    def holds(self, origin: Origin, kinds: Iterable[str]) -> bool:
        """Tell whether it holds for what reached a resource of these kinds."""
        return (not self.target or self.target in kinds) and self.fits(origin)


def has_any(wanted: Marks, found: Marks) -> bool:
    """Tell whether one of the marks is there, or none is wanted."""
    return not wanted or not wanted.isdisjoint(found)


@dataclass(frozen=True)
class Tables:
    """The tables of a document type.

    Parameters
    ----------
    guide
        Kind of resource → the elements that the guide names as targets.
    supplementary
        What is supplementary although it reaches an element of the guide.
    degraded
        What is kept, but as text.
    scope
        Term of the container that holds what is transformed.
    """

    guide: Mapping[str, Marks] = field(default_factory=dict)
    supplementary: tuple[Condition, ...] = ()
    degraded: tuple[Condition, ...] = ()
    scope: str = ""


@dataclass(frozen=True)
class Classes:
    """Decide the class of what reached elements of one Bundle.

    Parameters
    ----------
    kinds
        Resource (`Observation/<id>`) → its type, and type and profile for each profile that it claims.
    tables
        Of the document type.
    """

    kinds: Mapping[str, tuple[str, ...]]
    tables: Tables
    _known: dict[tuple[str, str], bool] = field(default_factory=dict)

    @staticmethod
    def of(resources: Iterable[dict[str, Any]], tables: Tables) -> Classes:
        """Note the profiles that resources claim."""
        return Classes({resource_path(each): kinds_of(each) for each in resources}, tables)

    @cached_property
    def places(self) -> dict[str, str]:
        """Id of a resource → how a reader finds it: `Observation/<id>`."""
        return {place.partition("/")[2]: place for place in self.kinds}

    def of_source(self, origin: Origin, elements: Iterable[str]) -> Reach:
        """Decide for an item or attribute: IG if at least one element is the guide's."""
        ours = [each.target for each in self.tables.supplementary if each.fits(origin)]
        return "IG" if any(self._is_guides(ours, element) for element in elements) else "SUPP"

    def is_degraded(self, origin: Origin, elements: Iterable[str]) -> bool:
        """Tell whether a value was kept, but as text."""
        return any(
            condition.holds(origin, self._kinds(element))
            for element in elements
            for condition in self.tables.degraded
        )

    def _is_guides(self, ours: Iterable[str], element: str) -> bool:
        kinds = self._kinds(element)
        return self._is_named(element, kinds) and not any(not kind or kind in kinds for kind in ours)

    def _is_named(self, element: str, kinds: tuple[str, ...]) -> bool:
        place, _, path = element.partition(".")
        name = path.partition(".")[0].partition("[")[0]
        if (place, name) not in self._known:
            self._known[place, name] = any(
                {name, EVERY_ELEMENT} & self.tables.guide.get(kind, NONE) for kind in kinds
            )
        return self._known[place, name]

    def _kinds(self, element: str) -> tuple[str, ...]:
        return self.kinds.get(element.partition(".")[0], ())


def kinds_of(resource: dict[str, Any]) -> tuple[str, ...]:
    """Name the type of a resource, and its type with each profile that it claims."""
    kind = resource["resourceType"]
    profiles = resource.get("meta", {}).get("profile", ())
    return (kind, *(f"{kind}/{profile.rpartition('/')[2]}" for profile in profiles))


def condition(row: Mapping[str, Any]) -> Condition:
    """Read one row of a table."""
    marks = {
        name: frozenset(row.get(name.replace("_", "-"), ())) for name in ("parent", "around", "not_parent")
    }
    return Condition(own=frozenset(row.get("self", ())), target=row.get("target", ""), **marks)


def tables_of(stated: Mapping[str, Any]) -> Tables:
    """Read the tables."""
    return Tables(
        {kind: frozenset(names) for kind, names in stated.get("guide", {}).items()},
        tuple(condition(row) for row in stated.get("supplementary", ())),
        tuple(condition(row) for row in stated.get("degraded", ())),
        stated.get("scope", ""),
    )
