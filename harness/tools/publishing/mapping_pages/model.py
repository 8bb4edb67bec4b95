"""The logical model as the maps see it: the elements of each type, their types, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tools.publishing.mapping_pages.fsh import Definition

_ELEMENT = re.compile(r'( *)\* (\w+) (\d+)\.\.(\d+|\*) (contentReference \S+#)?([\w.]+)(?: MS)? "(.*)"')
_INDENT = 2

# Elements of the R5 data types that stand in the logical model, but for `id` and `extension`
# (http://hl7.org/fhir/R5/datatypes.html).
DATA_TYPES: dict[str, dict[str, str]] = {
    "CodeableConcept": {"coding": "Coding", "text": "string"},
    "Coding": {
        "system": "uri",
        "version": "string",
        "code": "code",
        "display": "string",
        "userSelected": "boolean",
    },
    "HumanName": {
        **{"use": "code", "text": "string", "family": "string", "given": "string"},
        **{"prefix": "string", "suffix": "string", "period": "Period"},
    },
    "Identifier": {
        **{"use": "code", "type": "CodeableConcept", "system": "uri", "value": "string"},
        **{"period": "Period", "assigner": "Reference"},
    },
    "Quantity": {
        **{"value": "decimal", "comparator": "code", "unit": "string", "system": "uri", "code": "code"},
    },
}
PRIMITIVES = frozenset(
    "boolean code date dateTime decimal id instant integer positiveInt string time uri url".split()
)


@dataclass(frozen=True)
class Element:
    """One element of the logical model.

    Parameters
    ----------
    path
        ``DicomSR.patient.sex``.
    type
        A data type, a logical model, or the path of the element whose children it has.
    repeats
        Whether there can be several.
    short
        What it holds.
    """

    path: str
    type: str
    repeats: bool
    short: str


class Model:
    """Answer what the logical models say of an element.

    Parameters
    ----------
    definitions
        All FSH definitions; those of kind ``Logical`` count.
    """

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self.elements: dict[str, Element] = {}
        for definition in definitions:
            if definition.kind == "Logical":
                self._read(definition)

    def _read(self, definition: Definition) -> None:
        """Take in the elements of one logical model; indentation says which belongs to which."""
        above = [definition.name]
        for rule in definition.rules:
            if match := _ELEMENT.fullmatch(rule):
                depth = len(match[1]) // _INDENT + 1
                path = ".".join([*above[:depth], match[2]])
                above[depth:] = [match[2]]
                kind = path if match[6] == "BackboneElement" else match[6]
                self.elements[path] = Element(path, kind, match[4] != "1", match[7])

    def child(self, kind: str, name: str) -> Element | None:
        """Answer an element of a type, or nothing where the type has none of that name.

        Parameters
        ----------
        kind
            A type as `Element.type` names it.
        name
            The element.
        """
        if found := self.elements.get(f"{kind}.{name}"):
            return found
        inherited = {"id": "id", "extension": "Extension"}
        if kind in PRIMITIVES:
            inherited["value"] = kind
        simple = {**inherited, **DATA_TYPES.get(kind, {})}.get(name)
        return Element(f"{kind}.{name}", simple, False, "") if simple and self.known(kind) else None

    def known(self, kind: str) -> bool:
        """Say whether the elements of a type are known."""
        return (
            kind in PRIMITIVES
            or kind in DATA_TYPES
            or any(path.startswith(f"{kind}.") for path in self.elements)
        )
