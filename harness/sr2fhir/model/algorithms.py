"""Algorithms that the content tree states (TID 4019)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.content import coded_json, text_of
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import traced
from sr2fhir.model.tree import Item

_FAMILY = "DCM#111000"
_NAME = "DCM#111001"
_PARAMETER = "DCM#111002"
_VERSION = "DCM#111003"
_MANUFACTURER = "DCM#122405"
KEYS = frozenset({_FAMILY, _NAME, _PARAMETER, _VERSION, _MANUFACTURER})
_TEXTS = {_NAME: "name", _VERSION: "version", _MANUFACTURER: "manufacturer"}
_STARTS = (_NAME, _FAMILY)


@dataclass(slots=True)
class _Description:
    """The items that describe one algorithm."""

    single: dict[str, Item] = field(default_factory=dict)
    parameters: list[Item] = field(default_factory=list)

    def takes(self, key: str) -> bool:
        """Tell whether an item with this concept is of this algorithm; a second name or family ends it."""
        return not (key in _STARTS and key in self.single)

    def add(self, key: str, item: Item) -> None:
        if key == _PARAMETER:
            self.parameters.append(item)
        else:
            self.single.setdefault(key, item)

    def items(self) -> list[Item]:
        return [*(self.single[key] for key in sorted(self.single)), *self.parameters]


class Algorithms:
    """Collect the distinct algorithms of a document.

    Parameters
    ----------
    ids
        Makes their ids.
    log
        Receives algorithms beside another one at the same level.
    """

    def __init__(self, ids: Ids, log: FindingLog) -> None:
        self._ids = ids
        self._log = log
        self._found: dict[str, JsonObject] = {}
        self._first: dict[str, _Description] = {}

    def as_json(self) -> list[JsonObject]:
        """Return the algorithms in the order in which they were met."""
        return list(self._found.values())

    def state(self, children: list[Item]) -> tuple[str, ...] | None:
        """Return the ids of the algorithms that an item's children state; None where none has a name."""
        described = [description for description in _descriptions(children) if _NAME in description.single]
        stated: dict[str, Item] = {}
        for description in described:
            made = self._made(description)
            if made:
                stated.setdefault(made, description.single[_NAME])
        for name in list(stated.values())[1:]:
            message = "another algorithm at the same level: the first is the device of the observations"
            self._log.add("warning", "multiplicity", name.position, message)
        return tuple(stated) or None

    def _made(self, description: _Description) -> str | None:
        body = _body(description)
        if "name" not in body:
            return None
        for item in description.items():
            item.resolved = "algorithm"
        key = repr(
            [
                body.get("name"),
                body.get("version"),
                body.get("manufacturer"),
                body.get("parameter"),
                _codings(body),
            ]
        )
        if key in self._found:
            _repeat(description, self._first[key])
        else:
            self._first[key] = description
            self._found[key] = {"id": self._ids.at(description.single[_NAME].identifier, "algorithm"), **body}
        return str(self._found[key]["id"])


def _repeat(description: _Description, before: _Description) -> None:
    """Note which item said the same before."""
    for item, earlier in zip(description.items(), before.items(), strict=False):
        item.same_as = earlier.position


def _descriptions(children: list[Item]) -> list[_Description]:
    found = [_Description()]
    for child in children:
        key = next(key for key in child.keys if key in KEYS)
        if not found[-1].takes(key):
            found.append(_Description())
        found[-1].add(key, child)
    return found


def _body(description: _Description) -> JsonObject:
    single = {name: item for key, name in _TEXTS.items() if (item := description.single.get(key))}
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


def _codings(body: JsonObject) -> object:
    return body.get("family", {}).get("coding")
