"""Which elements a version of FHIR has, and in what form JSON writes them.

Set-up writes the definitions that the step maps read and those that they make, whole in their elements
(`tools.compiling.core`). So they tell what R5 knows of a resource that can be converted, and what the other
version knows of the result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sr2fhir.jsontext import JsonObject, NumberText

_RESOURCES = frozenset({"Resource", "DomainResource"})
_PARTS = frozenset({"BackboneElement", "BackboneType", "Element"})
_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
_CHOICE = "[x]"


class Misfit(NamedTuple):
    """A member of a JSON object that a version does not know, or knows in another form.

    Parameters
    ----------
    owner
        The JSON object.
    key
        The name of the member, without the underscore of a companion.
    path
        FHIRPath of it.
    element
        The same from its resource down, without the numbers of repetitions: `Device.deviceName`.
    is_known
        Whether there is an element of that name.
    """

    owner: JsonObject
    key: str
    path: str
    element: str
    is_known: bool


@dataclass(frozen=True)
class _Element:
    """An element as its definition states it.

    Parameters
    ----------
    kind
        Name of its type; of an element with parts of its own its path.
    repeats
        Whether JSON writes an array.
    """

    kind: str
    repeats: bool


class Definitions:
    """The elements of types of FHIR.

    Parameters
    ----------
    definitions
        StructureDefinitions with snapshots.
    """

    def __init__(self, definitions: list[JsonObject]) -> None:
        # by type, or path of an element with parts: the elements by their names in JSON
        self._owners: dict[str, dict[str, _Element]] = {}
        own = [each for each in definitions if each.get("derivation") != "constraint"]
        self._primitives = {each["type"] for each in own if each["kind"] == "primitive-type"}
        self._resources = {each["type"] for each in own if each["kind"] == "resource"}
        for each in own:
            elements = each["snapshot"]["element"]
            parents = {element["path"].rpartition(".")[0] for element in elements}
            for element in elements:
                owner, _, name = element["path"].rpartition(".")
                if owner:
                    self._owners.setdefault(owner, {}).update(_named(element, name, parents))

    def misfits(self, resource: JsonObject, path: str) -> Iterator[Misfit]:
        """Yield what does not fit in a resource.

        Resources inside, and a resource of a type without a definition, are not looked into.
        """
        kind = str(resource.get("resourceType"))
        if kind in self._resources:
            yield from self._members(resource, kind, path, kind)

    def _members(self, value: JsonObject, owner: str, path: str, element: str) -> Iterator[Misfit]:
        known = self._owners[owner]
        for key in dict.fromkeys(name.removeprefix("_") for name in value):
            if key == "resourceType" and owner in self._resources:
                continue
            inner, inner_element = f"{path}.{key}", f"{element}.{key}"
            found = known.get(key)
            if found is None:
                yield Misfit(value, key, inner, inner_element, is_known=False)
            elif not self._fits(value, key, found):
                yield Misfit(value, key, inner, inner_element, is_known=True)
            else:
                yield from self._parts(value, key, found, inner, inner_element)

    def _parts(
        self, value: JsonObject, key: str, found: _Element, path: str, element: str
    ) -> Iterator[Misfit]:
        """Look into the values of an element; of a primitive into its companion."""
        for name, kind in ((key, found.kind), (f"_{key}", "Element")):
            if name not in value or kind not in self._owners or kind in self._primitives | _RESOURCES:
                continue
            if not found.repeats:
                yield from self._members(value[name], kind, path, element)
                continue
            for index, each in enumerate(value[name]):
                if isinstance(each, dict):
                    yield from self._members(each, kind, f"{path}[{index}]", element)

    def _fits(self, value: JsonObject, key: str, found: _Element) -> bool:
        """Tell whether an element has the form in JSON that its definition asks for."""
        companion = f"_{key}"
        if companion in value and found.kind not in self._primitives:
            return False
        return all(
            isinstance(value[name], list) is found.repeats
            and all(
                isinstance(each, dict) if name == companion else self._is_one(each, found.kind)
                for each in _values(value[name])
            )
            for name in (key, companion)
            if name in value
        )

    def _is_one(self, value: Any, kind: str) -> bool:
        if kind not in self._primitives:
            return isinstance(value, dict)
        if kind == "boolean":
            return isinstance(value, bool)
        return isinstance(value, str) and isinstance(value, NumberText) is (kind in _NUMBERS)


def _values(value: Any) -> list[Any]:
    """Return the values of a member; an array has null where only a companion has something."""
    return [each for each in value if each is not None] if isinstance(value, list) else [value]


def _named(element: JsonObject, name: str, parents: set[str]) -> Iterator[tuple[str, _Element]]:
    """Return an element by each name that it may have in JSON: `valueString`, `valueQuantity` and so on."""
    repeats = element["max"] != "1"
    if "contentReference" in element:
        yield name, _Element(element["contentReference"].rpartition("#")[2], repeats)
        return
    for kind in element.get("type", ()):
        code = kind["code"]
        if name.endswith(_CHOICE):
            yield name.removesuffix(_CHOICE) + code[0].upper() + code[1:], _Element(code, repeats)
        elif code in _PARTS and element["path"] in parents:
            yield name, _Element(element["path"], repeats)
        else:
            # FHIR states the types of ids and of values in the language of FHIRPath
            yield name, _Element("string" if "://" in code else code, repeats)


@lru_cache
def definitions_of(file: Path) -> Definitions:
    """Read definitions from a Bundle that set-up wrote; once for each file."""
    entries = json.loads(file.read_bytes())["entry"]
    return Definitions([entry["resource"] for entry in entries])
