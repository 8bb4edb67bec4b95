"""Algorithms that the content tree states (TID 4019)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.context import Changes, Uses
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import traced
from sr2fhir.model.tree import Item, coded_json, text_of

_NAME = "algorithm.name"
_FAMILY = "algorithm.family"
_PARAMETER = "algorithm.parameter"
_TEXTS = {_NAME: "name", "algorithm.version": "version", "algorithm.manufacturer": "manufacturer"}
_STARTS = (_NAME, _FAMILY)


@dataclass(frozen=True, slots=True)
class _Description:
    """The items that describe one algorithm."""

    single: dict[str, Item] = field(default_factory=dict)
    parameters: list[Item] = field(default_factory=list)

    def takes(self, term: str) -> bool:
        """Tell whether an item with this concept is of this algorithm; a second name or family ends it."""
        return not (term in _STARTS and term in self.single)

    def add(self, term: str, item: Item) -> None:
        if term == _PARAMETER:
            self.parameters.append(item)
        else:
            self.single.setdefault(term, item)

    def items(self) -> list[Item]:
        return [*(self.single[term] for term in sorted(self.single)), *self.parameters]


class Algorithms:
    """Collect the distinct algorithms of a document.

    Parameters
    ----------
    ids
        Makes their ids.
    uses
        Notes what the items are used for.
    log
        Receives algorithms beside another one at the same level.
    """

    def __init__(self, ids: Ids, uses: Uses, log: FindingLog) -> None:
        self._ids = ids
        self._uses = uses
        self._log = log
        self._found: dict[str, JsonObject] = {}
        self._first: dict[str, _Description] = {}

    def as_json(self) -> list[JsonObject]:
        """Return the algorithms in the order in which they were met."""
        return list(self._found.values())

    def state(self, _: Item, children: list[Item]) -> Changes:
        """Return the ids of the algorithms with a name that an item's children state."""
        stated: dict[str, Item] = {}
        for description in _descriptions(children):
            made = self._made(description)
            if made:
                stated.setdefault(made, description.single[_NAME])
        for name in list(stated.values())[1:]:
            message = "another algorithm at the same level: the first is the device of the observations"
            self._log.add("warning", "multiplicity", name.position, message)
        return {"algorithms": tuple(stated)} if stated else {}

    def _made(self, description: _Description) -> str | None:
        body = _body(description)
        if "name" not in body:
            return None
        texts = [body.get(name) for name in ("name", "version", "manufacturer", "parameter")]
        key = repr([*texts, body.get("family", {}).get("coding")])
        if key in self._found:
            for item, earlier in zip(description.items(), self._first[key].items(), strict=False):
                self._uses.same[item.position] = earlier.position
        else:
            self._first[key] = description
            self._found[key] = {"id": self._ids.at(description.single[_NAME].identifier, "algorithm"), **body}
        made = str(self._found[key]["id"])
        self._uses.add("algorithm", description.items(), made)
        return made


def _descriptions(children: list[Item]) -> list[_Description]:
    found = [_Description()]
    for child in children:
        term = next(term for term in child.terms if term.startswith("algorithm."))
        if not found[-1].takes(term):
            found.append(_Description())
        found[-1].add(term, child)
    return found


def _body(description: _Description) -> JsonObject:
    single = {name: item for term, name in _TEXTS.items() if (item := description.single.get(term))}
    parameters = [item for item in description.parameters if text_of(item)]
    family = description.single.get(_FAMILY)
    return traced(
        {
            **{name: text_of(item) for name, item in single.items()},
            "family": coded_json(family) if family else None,
            "parameter": [text_of(item) for item in parameters],
        },
        {
            **{name: item.position for name, item in single.items()},
            "parameter": [item.position for item in parameters],
        },
    )
