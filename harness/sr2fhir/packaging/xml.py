"""The Bundle as XML: an engine converts the finished JSON; here its XML is put into one form.

Everything is decided on the JSON: checks, lineage, account. The HL7 engines write the id of a primitive as a
child element; it is made the attribute that FHIR wants (FHIR R5, XML representation). That the XML says what
the JSON says is held by the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lxml import etree

from sr2fhir.accounting.checks import HINT
from sr2fhir.engines import converting
from sr2fhir.errors import OutputError
from sr2fhir.jsontext import loads_strict
from sr2fhir.settings import R5, Target

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from sr2fhir.engines import Engine

_FHIR = "{http://hl7.org/fhir}"
_XHTML = "{http://www.w3.org/1999/xhtml}"
# XML 1.0, section 2.2: everything else cannot stand in a document, not even as a character reference. U+FEFF
# can, but the HL7 engine loses it.
_NO_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# libxml2 refuses longer values unless documents are declared large.
_LONG = 10_000_000
_INDENT = "  "


def to_xml(engine: Engine, bundle: bytes, target: Target = R5) -> bytes:
    """Let an engine write a finished Bundle as XML, and put that into one form.

    Parameters
    ----------
    engine
        What writes it.
    bundle
        The Bundle as JSON, UTF-8.
    target
        Version of FHIR that it is in.

    Returns
    -------
    bytes
        XML 1.0, UTF-8, indented by two blanks; the same JSON always gives the same bytes.

    Raises
    ------
    EngineError
        The engine cannot write XML.
    OutputError
        A value holds a character that XML has not, or the engine wrote no XML.
    """
    check_characters(loads_strict(bundle))
    return write(read(converting(engine).to_xml(bundle, target)))


def check_characters(content: dict[str, Any]) -> None:
    """Refuse characters that do not come through XML.

    Raises
    ------
    OutputError
        Naming the first element that has one.
    """
    for path, text in _texts(content, str(content.get("resourceType"))):
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
        Not well-formed, with a document type, or no FHIR.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=len(data) > _LONG
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        location = f"line {error.position[0]}, column {error.position[1]}"
        raise OutputError(f"the engine wrote malformed XML ({location})", hint=HINT) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise OutputError("the engine wrote XML with a document type", hint=HINT)
    if not root.tag.startswith(_FHIR):
        raise OutputError("the engine wrote XML that is no resource", hint=HINT)
    return root


def write(root: Element) -> bytes:
    """Write XML in one form: declared UTF-8, indented, attributes by name, a newline at the end."""
    for element in list(root.iter(f"{_FHIR}*")):
        _mend_id(element)
        attributes = element.items()
        if len(attributes) > 1:
            element.attrib.clear()
            element.attrib.update(sorted(attributes))
    _indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="utf-8") + b"\n"


def _mend_id(element: Element) -> None:
    """Make the child `id` of an element its attribute: only resources have `id` as a child."""
    child = next(iter(element), None)
    is_resource = element.tag[len(_FHIR)].isupper()
    if child is not None and child.tag == f"{_FHIR}id" and not is_resource:
        element.set("id", child.get("value", ""))
        element.remove(child)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield all texts with their paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(member, f"{path}.{name.removeprefix('_')}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _texts(member, f"{path}[{index}]")


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
