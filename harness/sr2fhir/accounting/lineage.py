"""Lineage: the ids by which elements of a Bundle tell where they came from.

Maps copy the `id` of complex values and set the id of primitives (`_value.id` in JSON). An id names its
source, or several, joined by `-`:

====================== ==========================================
`1.4.2`                value of a content item
`1.4.2.ObservationUID` another attribute of it
`PatientID`            attribute of the header
`StudyDate-StudyTime`  both
====================== ==========================================

The ids of resources are another matter and stay. FHIR wants the ids of elements to be unique in their
resource. Where they are kept, one that repeats that of the element around it is taken out all the same, and
a second element from one source gets `1.4.2-2`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sr2fhir.accounting.checks import HINT, Sources, resource_path
from sr2fhir.errors import OutputError


class Link(NamedTuple):
    """One row of the lineage table: an element and the position or keyword path that it came from."""

    element: str
    source: str


@dataclass
class Lineage:
    """Where the elements of a Bundle came from, as the ids tell that a walk through its resources meets.

    Parameters
    ----------
    known
        Ids that an element may carry.
    keep
        Leave them in the Bundle; else they are taken out on the way.
    links
        In the order of the Bundle.
    seen
        The sources that any id names.
    """

    known: frozenset[str]
    keep: bool
    links: list[Link] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    _given: Counter[str] = field(default_factory=Counter)

    def resource(self, resource: dict[str, Any], path: str) -> None:
        """Visit a resource, whose own id is not lineage, and in which element ids are unique."""
        outer, self._given = self._given, Counter()
        self._members(resource, path, None)
        self._given = outer

    def _element(self, element: dict[str, Any], path: str, owner: str | None) -> None:
        """Visit an element; what it shares with the element around it needs no row of its own."""
        source = element.get("id")
        if source is not None:
            self._note(source, path, owner)
            self._mark(element, source, owner)
            owner = source
        self._members(element, path, owner)

    def _mark(self, element: dict[str, Any], source: str, owner: str | None) -> None:
        """Take the id out, or make it unique."""
        if not self.keep or source == owner:
            del element["id"]
            return
        self._given[source] += 1
        number = self._given[source]
        element["id"] = source if number == 1 else f"{source}-{number}"

    def _note(self, source: Any, path: str, owner: str | None) -> None:
        parts = source.split("-") if isinstance(source, str) else [source]
        if not self.known.issuperset(parts):
            raise OutputError(
                "an element's id names no content item or attribute of this document", where=path, hint=HINT
            )
        self.seen.update(parts)
        around = {item_of(part) for part in owner.split("-")} if owner else set()
        self.links += [Link(path, item) for item in dict.fromkeys(map(item_of, parts)) if item not in around]

    def _members(self, element: dict[str, Any], path: str, owner: str | None) -> None:
        for key in list(element):
            value = element[key]
            inner = f"{path}.{key.removeprefix('_')}"
            if isinstance(value, dict):
                self._one(value, inner, owner)
            elif isinstance(value, list):
                self._many(value, inner, owner)
            if key.startswith("_"):
                drop_empty(element, key)

    def _one(self, value: dict[str, Any], path: str, owner: str | None) -> None:
        if "resourceType" in value:
            self.resource(value, resource_path(value))
        else:
            self._element(value, path, owner)

    def _many(self, values: list[Any], path: str, owner: str | None) -> None:
        for index, value in enumerate(values):
            if isinstance(value, dict):
                self._one(value, f"{path}[{index}]", owner)


def drop_empty(element: dict[str, Any], key: str) -> None:
    """Drop the companion of a primitive (`_value`) in which only ids stood: FHIR has no empty objects."""
    companion = element[key]
    if isinstance(companion, list):
        companion[:] = [entry or None for entry in companion]
        companion = any(companion)
    if not companion:
        del element[key]


def item_of(source: str) -> str:
    """Return the position of the item that an id is about; the keyword path of an attribute of the header.

    Examples
    --------
    >>> item_of("1.4.2"), item_of("1.4.2.ObservationUID"), item_of("ParticipantSequence.1.PersonName")
    ('1.4.2', '1.4.2', 'ParticipantSequence.1.PersonName')
    """
    owner, _, last = source.rpartition(".")
    return owner if source[0].isdigit() and not last.isdigit() else source


def collect(bundle: dict[str, Any], sources: Sources, *, keep: bool) -> Lineage:
    """Tabulate the lineage ids of a Bundle, and take them out unless they are to be kept.

    Raises
    ------
    OutputError
        An id that no content item or attribute of the document has: the Bundle is of another one.
    """
    lineage = Lineage(sources.elements, keep)
    lineage.resource(bundle, "Bundle")
    return lineage
