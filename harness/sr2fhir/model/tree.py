"""The content tree as a flat list of items in document order, built without recursion (PS3.3 C.17.3).

An Item is what the document states. What a pass finds out about items it returns, in a dictionary by item.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Codes, Concept

CONTENT_SEQUENCE = tag("ContentSequence")
_RELATIONSHIP = tag("RelationshipType")
_VALUE_TYPE = tag("ValueType")
_CONCEPT_NAME = tag("ConceptNameCodeSequence")
_CONCEPT_CODE = tag("ConceptCodeSequence")
_REFERENCED_ITEM = tag("ReferencedContentItemIdentifier")
_OBSERVATION_UID = tag("ObservationUID")
_MEASURED_VALUE = tag("MeasuredValueSequence")
_NUMERIC_VALUE = tag("NumericValue")
_TEXT = {
    "TEXT": tag("TextValue"),
    "PNAME": tag("PersonName"),
    "UIDREF": tag("UID"),
    "DATE": tag("Date"),
    "TIME": tag("Time"),
    "DATETIME": tag("DateTime"),
}

UNKNOWN = "UNKNOWN"
CONTAINS = "CONTAINS"
MODIFIES = "HAS CONCEPT MOD"
PROPERTIES = "HAS PROPERTIES"
QUALIFIES = frozenset({MODIFIES, PROPERTIES, "HAS OBS CONTEXT"})
"""Relationships in which an item says more of the one around it (PS3.3 section C.17.3.2.4)."""
REGIONS = frozenset({"SCOORD", "SCOORD3D", "TCOORD"})
"""Value types whose children are what the coordinates are selected from."""
IMAGES = frozenset({"IMAGE", "WAVEFORM"})
"""Value types that coordinates are selected from."""
VALUE_TYPES = frozenset(
    "CONTAINER TEXT CODE NUM DATETIME DATE TIME UIDREF PNAME COMPOSITE IMAGE WAVEFORM SCOORD SCOORD3D TCOORD "
    "TABLE".split()
)
"""Value Type (0040,A040): PS3.3 Table C.17.3-7."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One content item.

    Parameters
    ----------
    attributes
        Its Dataset.
    position
        Place in the tree, 1-based, the root is ``1``: ``1.4.2``.
    parent
        None for the root.
    relationship
        Relationship Type to the parent, with blanks and without a prefix ``R-``.
    written_type, written_concept
        Value Type and Concept Name as the item states them.
    reference
        Referenced Content Item Identifier, where the item is by reference.
    coded
        Value of a CODE item.
    in_library
        Whether the item is an Image Library or stands in one.
    children
        Items below it, in document order.
    """

    attributes: Attributes
    position: str
    parent: Item | None
    relationship: str | None
    written_type: str
    written_concept: Concept | None
    reference: tuple[int, ...] | None
    coded: Concept | None
    in_library: bool
    targets: Mapping[str, Item] = field(repr=False)
    children: list[Item] = field(default_factory=list, repr=False)

    @property
    def identifier(self) -> str:
        r"""Return the position as a Referenced Content Item Identifier is written: ``1\4\2``."""
        return self.position.replace(".", "\\")

    @property
    def by_reference(self) -> bool:
        """Tell whether the item refers to another one instead of having a value."""
        return self.reference is not None

    @property
    def target(self) -> Item | None:
        """Return the item that a by-reference item leads to; None where it leads nowhere."""
        return None if self.reference is None else self.targets.get(self.position)

    @property
    def origin(self) -> Item:
        """Return the item that holds the value: the target, else the item itself."""
        return self.target or self

    @property
    def value_type(self) -> str:
        """Return the value type; of the target, where the item is by reference."""
        if self.reference is None:
            return self.written_type
        target = self.target
        return target.written_type if target else UNKNOWN

    @property
    def concept(self) -> Concept | None:
        """Return the concept name; of the target, where a by-reference item has none of its own."""
        if self.reference is None or self.written_concept is not None:
            return self.written_concept
        target = self.target
        return target.written_concept if target else None

    @property
    def keys(self) -> tuple[str, ...]:
        """Return ``DESIGNATOR#code`` of the concept and its equivalents."""
        concept = self.concept
        return concept.keys if concept else ()

    @property
    def terms(self) -> tuple[str, ...]:
        """Return the terms of the concept in the document type's table of roles."""
        concept = self.concept
        return concept.terms if concept else ()

    @property
    def observation_uid(self) -> str | None:
        """Return the Observation UID."""
        return self.attributes.text(_OBSERVATION_UID)

    def means(self, term: str) -> bool:
        """Tell whether the concept is the one of a term."""
        return term in self.terms

    def attribute(self, keyword: str) -> str:
        """Return the lineage id of an attribute other than the value: ``1.4.2.ObservationUID``."""
        return f"{self.position}.{keyword}"


def walk(root: Attributes, codes: Codes, log: FindingLog) -> list[Item]:
    """Return all content items, parents before children, siblings in document order.

    Parameters
    ----------
    root
        The document: its root content item stands among its attributes.
    codes
        Reads the concept names.
    log
        Receives an error for each by-reference item that leads nowhere, to an ancestor or in a circle.
    """
    items: list[Item] = []
    targets: dict[str, Item] = {}
    stack: list[tuple[Attributes, str, Item | None]] = [(root, "1", None)]
    while stack:
        attributes, position, parent = stack.pop()
        item = _item(attributes, position, parent, codes, targets)
        items.append(item)
        if parent is not None:
            parent.children.append(item)
        children = attributes.items(CONTENT_SEQUENCE)
        stack.extend((children[n], f"{position}.{n + 1}", item) for n in range(len(children) - 1, -1, -1))
    targets |= _targets(items, log)
    return items


def _item(
    attributes: Attributes, position: str, parent: Item | None, codes: Codes, targets: Mapping[str, Item]
) -> Item:
    concept = codes.read(attributes, _CONCEPT_NAME, position)
    value_type = _known_value_type(attributes.text(_VALUE_TYPE))
    is_library = parent is not None and concept is not None and "section.image-library" in concept.terms
    return Item(
        attributes,
        position,
        parent,
        _relationship(attributes) if parent else None,
        value_type,
        concept,
        _reference(attributes) if parent else None,
        codes.read(attributes, _CONCEPT_CODE, position) if value_type == "CODE" else None,
        is_library or (parent is not None and parent.in_library),
        targets,
    )


def _known_value_type(written: str | None) -> str:
    """Return a value type of the standard in upper case, any other as written."""
    if written is None:
        return UNKNOWN
    return written.upper() if written.upper() in VALUE_TYPES else written


def _relationship(attributes: Attributes) -> str | None:
    """Return the relationship type; some writers have `_` in the place of its blanks (row 3.1.11)."""
    text = attributes.text(_RELATIONSHIP)
    return text.upper().replace("_", " ").removeprefix("R-") if text else None


# ---- by-reference items (PS3.3 C.17.3.2.5, decision D31) ---------------------------------------------------


def _reference(attributes: Attributes) -> tuple[int, ...] | None:
    if _REFERENCED_ITEM not in attributes:
        return None
    try:
        return tuple(int(number) for number in attributes.numbers(_REFERENCED_ITEM))
    except (OverflowError, ValueError):
        return ()


def written(reference: tuple[int, ...]) -> str:
    """Return a Referenced Content Item Identifier as a position."""
    return ".".join(map(str, reference))


def _targets(items: Iterable[Item], log: FindingLog) -> dict[str, Item]:
    """Return the target of each by-reference item that has one, by the position of the item."""
    by_position = {item.position: item for item in items}
    found: dict[str, Item] = {}
    for item in by_position.values():
        if item.reference is None:
            continue
        target = _followed(item, by_position)
        if target is None:
            message = "the referenced content item does not exist"
        elif item.position.startswith(f"{target.position}."):
            message = "the item refers to an item that contains it"
        else:
            found[item.position] = target
            continue
        log.add("error", "unresolved-reference", item.position, message)
    return found


def _followed(item: Item, by_position: Mapping[str, Item]) -> Item | None:
    """Return the item at the end of a chain of references; None where it is broken or a circle."""
    seen: set[str] = {item.position}
    current = item
    while current.reference is not None:
        position = written(current.reference)
        if position in seen or position not in by_position:
            return None
        seen.add(position)
        current = by_position[position]
    return current


# ---- values of the items that describe other items ---------------------------------------------------------


def text_of(item: Item) -> str | None:
    """Return the value of an item as DICOM writes it; the meaning of a code, the digits of a number."""
    origin = item.origin
    if origin.written_type in _TEXT:
        return origin.attributes.text(_TEXT[origin.written_type])
    if origin.written_type == "NUM":
        measured = origin.attributes.first(_MEASURED_VALUE)
        return measured.text(_NUMERIC_VALUE) if measured else None
    return origin.coded.meaning if origin.coded else None


def coded_json(item: Item) -> JsonObject | None:
    """Return the coded value of a CODE item as a CodeableConcept."""
    value = item.origin.coded
    return value.as_json(item.position) if value else None


def first(items: Iterable[Item], term: str) -> Item | None:
    """Return the first item with a concept."""
    return next((item for item in items if term in item.terms), None)
