"""The Bundle as XML: written by an engine, read back, compared with the JSON, written again in one form.

Everything is decided on the JSON: checks, lineage, account. What an engine makes of it as XML is believed
only where each value of the JSON stands at its place with the same text, and nothing besides (FHIR R5, XML
and JSON representation). In which order elements of different names come JSON does not say: that is left to
the engine.

The HL7 engines write the id of a primitive as a child element; where the JSON has such an id, it is made the
attribute that FHIR wants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Any

from lxml import etree

from sr2fhir.accounting.parse import HINT
from sr2fhir.engines.base import converting
from sr2fhir.errors import OutputError
from sr2fhir.jsontext import loads_strict

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from sr2fhir.engines.base import Engine

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
_FHIR = f"{{{FHIR}}}"
_XHTML = f"{{{XHTML}}}"
# Members that are attributes in XML: of every element, and of extensions besides.
_ATTRIBUTES = ("id",)
_OF_EXTENSIONS = ("id", "url")
_EXTENSIONS = frozenset(("extension", "modifierExtension"))
_RESOURCE_TYPE = "resourceType"
# XML 1.0, section 2.2: everything else cannot stand in a document, not even as a character reference.
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# libxml2 refuses longer values unless it is told that documents may be large.
_LONG = 10_000_000
_INDENT = "  "

Json = Mapping[str, Any]


def to_xml(engine: Engine, bundle: bytes) -> bytes:
    """Let an engine write a finished Bundle as XML, and check and order what it wrote.

    Parameters
    ----------
    engine
        What writes it.
    bundle
        The Bundle as JSON, UTF-8.

    Returns
    -------
    bytes
        XML 1.0, UTF-8, indented by two blanks; the same JSON always gives the same bytes.

    Raises
    ------
    EngineError
        The engine cannot write XML.
    OutputError
        A value holds a character that XML has not, or the XML is not what the JSON says.
    """
    content = loads_strict(bundle)
    check_characters(content)
    root = read(converting(engine).to_xml(bundle))
    verify(content, root)
    return write(root)


def check_characters(content: Json) -> None:
    """Refuse characters that no XML document can hold.

    Raises
    ------
    OutputError
        Naming the first element that has one.
    """
    for path, text in _texts(content, str(content.get(_RESOURCE_TYPE))):
        if found := _NO_CHARACTER.search(text):
            raise OutputError(
                f"the value holds the character U+{ord(found[0]):04X}, which XML cannot",
                where=path,
                hint="Write JSON, or take the character out of the document",
            )


def read(data: bytes) -> Element:
    """Parse XML without entities, without a document type, and without looking anything up.

    Raises
    ------
    OutputError
        Not well-formed, or with a document type.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=len(data) > _LONG
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        place = f"line {error.position[0]}, column {error.position[1]}"
        raise OutputError(f"the engine wrote malformed XML ({place})", hint=HINT) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise OutputError("the engine wrote XML with a document type", hint=HINT)
    return root


def verify(content: Json, root: Element) -> None:
    """Check that XML holds what JSON holds, at the same places, and nothing besides.

    Parameters
    ----------
    content
        The resource, its numbers as text.
    root
        Its XML; ids of primitives are moved to where they belong.

    Raises
    ------
    OutputError
        Naming the first place that differs.
    """
    _resource(content, root, str(content[_RESOURCE_TYPE]))


def write(root: Element) -> bytes:
    """Write XML in one form: declared UTF-8, indented, attributes by name, a newline at the end."""
    for element in root.iter(f"{_FHIR}*"):
        attributes = element.items()
        if len(attributes) > 1:
            element.attrib.clear()
            element.attrib.update(sorted(attributes))
    _indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="utf-8") + b"\n"


# ---- comparing ---------------------------------------------------------------------------------------------


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
    if "id" in beside:
        _mend_id(element)
    wanted = {} if value is None else {"value": _text(value)}
    _attributes(wanted | {key: beside[key] for key in _ATTRIBUTES if key in beside}, element, path)
    _members({key: value for key, value in beside.items() if key not in _ATTRIBUTES}, element, path)


def _mend_id(element: Element) -> None:
    """Make an attribute of a primitive's id where it was written as a child."""
    child = next(iter(element), None)
    if child is None or child.tag != f"{_FHIR}id" or "id" in element.attrib:
        return
    if child.keys() == ["value"] and not len(child) and not (child.tail or "").strip():
        element.set("id", child.get("value", ""))
        element.remove(child)


def _narrative(value: Any, element: Element, path: str) -> None:
    """Compare the XHTML of a narrative, which JSON holds as text."""
    forms = [_canonical(each) for each in (read(str(value).encode()), element)]
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
    """Answer the children by name; those of one name stand together."""
    groups: dict[str, list[Element]] = {}
    for name, members in groupby(_children(element, path), key=lambda child: child.tag.rpartition("}")[2]):
        _expect(name not in groups, f"{path}.{name}", "stands at two places of the XML")
        groups[name] = list(members)
    return groups


def _children(element: Element, path: str) -> list[Element]:
    """Answer the children, between which there is nothing but blanks."""
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
    """Answer the values of a member: none, one or many."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """Write a primitive as XML does."""
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _expect(condition: bool, path: str, fault: str) -> None:
    """Refuse the XML at the first difference."""
    if not condition:
        raise OutputError(f"the engine's XML was refused: the element {fault}", where=path, hint=HINT)


def _canonical(element: Element) -> bytes:
    """Write XHTML such that only what matters decides whether two are equal."""
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Answer all texts with their paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(member, f"{path}.{name.removeprefix('_')}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _texts(member, f"{path}[{index}]")


# ---- writing -----------------------------------------------------------------------------------------------


def _indent(element: Element, level: int = 1) -> None:
    """Put each element on a line of its own, but leave narratives alone, whose blanks count."""
    children = list(element)
    if not children:
        element.text = None
        return
    element.text = f"\n{_INDENT * level}"
    for child in children:
        child.tail = f"\n{_INDENT * level}"
        if not child.tag.startswith(_XHTML):
            _indent(child, level + 1)
    children[-1].tail = f"\n{_INDENT * (level - 1)}"
