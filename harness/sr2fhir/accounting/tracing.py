"""What became of each element of a Bundle that maps led to another version of FHIR.

Maps copy the ids of elements (`lineage`). So each element of the Bundle gets a number as its id beforehand;
afterwards the numbers that are there tell what arrived, and give way to the ids that the elements had.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile, zip_longest
from typing import Any, NamedTuple

from sr2fhir.accounting.checks import HINT
from sr2fhir.accounting.lineage import Lineage
from sr2fhir.accounting.report import Line
from sr2fhir.errors import OutputError
from sr2fhir.jsontext import JsonObject

R5_PROFILE = "r5-profile"
"""Reason of a profile that is one of R5: the other version has none in its place, and nothing is lost."""

# members of a JSON object that are no elements: they cannot have an id
_ATTRIBUTES = frozenset({"resourceType", "id", "div"})
_EXTENSIONS = ("extension", "modifierExtension")


class Element(NamedTuple):
    """An element before the maps.

    Parameters
    ----------
    path
        FHIRPath from the Bundle down.
    kind
        The same from its resource down, without the numbers of repetitions: `Device.name.value`. Of an entry
        the type of its resource.
    parent
        Number of the element around it; None directly below a resource.
    id
        Its own id, if it had one.
    """

    path: str
    kind: str
    parent: int | None
    id: str | None

    @property
    def is_entry(self) -> bool:
        """Whether it is an entry of the Bundle, with all of its resource."""
        return "." not in self.kind


@dataclass
class Traces:
    """Number the elements of a Bundle whose entries have resources, and find the numbers again."""

    elements: list[Element] = field(default_factory=list)

    def numbered(self, bundle: JsonObject) -> JsonObject:
        """Return a copy of a Bundle in which the id of each element is its number."""
        return self._members(bundle, "Bundle", "Bundle", None)

    def entries(self, bundle: JsonObject) -> dict[str, JsonObject]:
        """Return the entries of a Bundle by the FHIRPath of what each was before.

        Raises
        ------
        OutputError
            An entry that was not there, or one twice.
        """
        paths = {str(number): each.path for number, each in enumerate(self.elements) if each.is_entry}
        found: dict[str, JsonObject] = {}
        for entry in bundle.get("entry", ()):
            path = paths.get(entry.get("id"))
            if path is None or path in found:
                raise OutputError("the maps made an entry that the Bundle does not have", hint=HINT)
            found[path] = entry
        return found

    def restored(self, bundle: JsonObject) -> set[int]:
        """Give the elements of a Bundle the ids back that they had, and return the numbers found.

        Raises
        ------
        OutputError
            An id is none of the numbers.
        """
        own = {str(number): each.id for number, each in enumerate(self.elements)}
        lineage = _Restoring(own)
        lineage.resource(bundle, "Bundle")
        return {int(number) for number in lineage.seen}

    def lines(self, arrived: set[int], reason: str) -> Iterator[Line]:
        """Return a line for each element that did not arrive; what is below it has none of its own.

        An element has arrived, too, if any part of it has.

        Parameters
        ----------
        arrived
            The numbers found.
        reason
            Why the others did not arrive.
        """
        there = set(arrived)
        for number in range(len(self.elements) - 1, -1, -1):
            parent = self.elements[number].parent
            if number in there and parent is not None:
                there.add(parent)
        for number, (path, kind, parent, _) in enumerate(self.elements):
            if number not in there and (parent is None or parent in there):
                described = (("element", kind),)
                if self._is_profile(number):
                    yield Line(path, "CONTEXT", R5_PROFILE, described)
                else:
                    yield Line(path, "UNM", reason, described)

    def _is_profile(self, number: int) -> bool:
        """Tell whether an element says of which profile its resource is, and no more."""
        kind = self.elements[number].kind
        if not kind.endswith(".meta"):
            return kind.endswith(".meta.profile")
        within = takewhile(lambda each: each.parent == number, self.elements[number + 1 :])
        return all(each.kind.endswith(".profile") for each in within)

    def _members(self, value: JsonObject, path: str, kind: str, parent: int | None) -> JsonObject:
        """Copy the members of a resource or element; of a primitive its companion (`_value`), too."""
        copied: JsonObject = {}
        is_extension = kind.rpartition(".")[2] in _EXTENSIONS
        for name in dict.fromkeys(key.removeprefix("_") for key in value):
            member, companion = value.get(name), value.get(f"_{name}")
            if name in _ATTRIBUTES or (is_extension and name == "url"):
                copied[name] = member
                continue
            inner, inner_kind = f"{path}.{name}", f"{kind}.{name}"
            if isinstance(member, list) or isinstance(companion, list):
                made = self._list(member or [], companion, inner, inner_kind, parent)
            else:
                made = self._one(member, companion, inner, inner_kind, parent)
            copied |= {
                key: each for key, each in zip((name, f"_{name}"), made, strict=True) if each is not None
            }
        return copied

    def _list(
        self, values: list[Any], companions: Any, path: str, kind: str, parent: int | None
    ) -> tuple[Any, Any]:
        pairs = zip_longest(values, companions if isinstance(companions, list) else ())
        made = [self._one(*pair, f"{path}[{index}]", kind, parent) for index, pair in enumerate(pairs)]
        companions = [companion for _, companion in made]
        # a list of primitives may have companions alone
        return [value for value, _ in made] if values else None, companions if any(companions) else None

    def _one(self, value: Any, companion: Any, path: str, kind: str, parent: int | None) -> tuple[Any, Any]:
        """Return a value, and its companion if it is a primitive, with their numbers."""
        if not isinstance(value, dict):
            found = companion if isinstance(companion, dict) else {}
            return value, self._element(found, path, kind, parent)
        if "resourceType" in value:
            return self._members(value, path, str(value["resourceType"]), parent), None
        return self._element(value, path, kind, parent), None

    def _element(self, value: JsonObject, path: str, kind: str, parent: int | None) -> JsonObject:
        number = len(self.elements)
        if kind == "Bundle.entry":
            kind = str(value["resource"]["resourceType"])
        self.elements.append(Element(path, kind, parent, value.get("id")))
        inside = {name: member for name, member in value.items() if name != "id"}
        inner = "Bundle.entry" if self.elements[number].is_entry else kind
        return {"id": str(number), **self._members(inside, path, inner, number)}


class _Restoring(Lineage):
    """Read numbers, and give each element its own id back; of two that came from one, the first has it."""

    def __init__(self, own: dict[str, str | None]) -> None:
        super().__init__(frozenset(own), keep=True)
        self._own = own

    def _mark(self, element: dict[str, Any], source: str, owner: str | None) -> None:
        own = self._own.get(source)
        self._given[source] += 1
        if own is None or self._given[source] > 1:
            del element["id"]
        else:
            element["id"] = own
