"""Hold the XML of a Bundle against its JSON: each value at its place with the same text, and nothing besides.

In which order elements of different names come JSON does not say (FHIR R5, XML and JSON representation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

from lxml import etree
from sr2fhir.packaging.xml import read

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_FHIR = "{http://hl7.org/fhir}"
_XHTML = "{http://www.w3.org/1999/xhtml}"
# Members that are attributes in XML: of every element, and of extensions besides.
_ATTRIBUTES = ("id",)
_OF_EXTENSIONS = ("id", "url")
_EXTENSIONS = frozenset(("extension", "modifierExtension"))
_RESOURCE_TYPE = "resourceType"

Json = Mapping[str, Any]


class DifferentError(AssertionError):
    """The XML says something else than the JSON, at a path."""

    def __init__(self, where: str, fault: str) -> None:
        super().__init__(f"{where} {fault}")
        self.where = where


def verify(content: Json, data: bytes) -> None:
    """Check that XML holds what JSON holds, at the same places, and nothing besides."""
    _resource(content, read(data), str(content[_RESOURCE_TYPE]))


def _resource(node: Json, element: Element, path: str) -> None:
    """Compare a resource; its id is an element."""
    _expect(element.tag == f"{_FHIR}{node[_RESOURCE_TYPE]}", path, "is another type of resource in the XML")
    _attributes({}, element, path)
    _members({name: value for name, value in node.items() if name != _RESOURCE_TYPE}, element, path)


def _complex(node: Json, element: Element, path: str, name: str) -> None:
    """Compare an element that has children, or the place of a resource."""
    if _RESOURCE_TYPE in node:
        _attributes({}, element, path)
        inner = _children(element, path)
        _expect(len(inner) == 1, path, "is not one resource in the XML")
        _resource(node, inner[0], path)
        return
    own = _OF_EXTENSIONS if name in _EXTENSIONS else _ATTRIBUTES
    _attributes({key: node[key] for key in own if key in node}, element, path)
    _members({key: value for key, value in node.items() if key not in own}, element, path)


def _primitive(value: Any, companion: Json | None, element: Element, path: str) -> None:
    """Compare a primitive: its value, and what stands beside it in JSON (`_birthDate`)."""
    beside = companion or {}
    wanted = {} if value is None else {"value": _text(value)}
    _attributes(wanted | {key: beside[key] for key in _ATTRIBUTES if key in beside}, element, path)
    _members({key: value for key, value in beside.items() if key not in _ATTRIBUTES}, element, path)


def _narrative(value: Any, element: Element, path: str) -> None:
    """Compare the XHTML of a narrative, which JSON holds as text."""
    forms = [_canonical(each) for each in (etree.fromstring(str(value).encode()), element)]
    _expect(forms[0] == forms[1], path, "is another narrative in the XML")


def _members(node: Json, element: Element, path: str) -> None:
    """Compare the children of an element with the members of an object, name by name."""
    groups = _groups(element, path)
    names = dict.fromkeys(name.removeprefix("_") for name in node)
    for name in names:
        _expect(name in groups, f"{path}.{name}", "is missing in the XML")
    for name in groups:
        _expect(name in names, f"{path}.{name}", "stands in the XML only")
        _values(node, name, groups[name], f"{path}.{name}")


def _values(node: Json, name: str, elements: Sequence[Element], path: str) -> None:
    """Compare all values of one name."""
    values, companions = _listed(node.get(name)), _listed(node.get(f"_{name}"))
    _expect(
        max(len(values), len(companions)) == len(elements),
        path,
        "is there another number of times in the XML",
    )
    repeats = isinstance(node.get(name, node.get(f"_{name}")), list)
    for index, (value, companion, element) in enumerate(zip_longest(values, companions, elements)):
        place = f"{path}[{index}]" if repeats else path
        if element.tag.startswith(_XHTML):
            _narrative(value, element, place)
        elif isinstance(value, dict):
            _complex(value, element, place, name)
        else:
            _primitive(value, companion, element, place)


def _groups(element: Element, path: str) -> dict[str, list[Element]]:
    """Return the children by name; those of one name stand together."""
    groups: dict[str, list[Element]] = {}
    for name, members in groupby(_children(element, path), key=lambda child: child.tag.rpartition("}")[2]):
        _expect(name not in groups, f"{path}.{name}", "stands at two places of the XML")
        groups[name] = list(members)
    return groups


def _children(element: Element, path: str) -> list[Element]:
    """Return the children, between which there is nothing but blanks."""
    found = list(element)
    for child in found:
        known = isinstance(child.tag, str) and child.tag.startswith((_FHIR, f"{_XHTML}div"))
        _expect(known, path, "holds something in the XML that is no element of FHIR")
    texts = (element.text, *(child.tail for child in found))
    _expect(not any(text and text.strip() for text in texts), path, "holds text in the XML")
    return found


def _attributes(wanted: Mapping[str, str], element: Element, path: str) -> None:
    """Compare the attributes of an element."""
    given = dict(element.items())
    if given != wanted:
        _expect(given.keys() == wanted.keys(), path, "has other attributes in the XML")
        _expect(False, path, "has another value in the XML")


def _listed(value: Any) -> list[Any]:
    """Return the values of a member: none, one or many."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Write a primitive as XML does."""
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _expect(condition: bool, path: str, fault: str) -> None:
    """Refuse the XML at the first difference."""
    if not condition:
        raise DifferentError(path, fault)


def _canonical(element: Element) -> bytes:
    """Write XHTML such that only what matters decides whether two are equal."""
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)
