"""The content tree as a flat list of items in document order, built without recursion (PS3.3 C.17.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Codes, Concept

if TYPE_CHECKING:
    from sr2fhir.model.scope import Scope

CONTENT_SEQUENCE = tag("ContentSequence")
_RELATIONSHIP = tag("RelationshipType")
_VALUE_TYPE = tag("ValueType")
_CONCEPT_NAME = tag("ConceptNameCodeSequence")
_CONCEPT_CODE = tag("ConceptCodeSequence")
_REFERENCED_ITEM = tag("ReferencedContentItemIdentifier")
_OBSERVATION_UID = tag("ObservationUID")

IMAGE_LIBRARY = "DCM#111028"
MEASUREMENT_GROUP = "DCM#125007"
SOURCE_IMAGE = "DCM#121233"
UNKNOWN = "UNKNOWN"
REGIONS = frozenset({"SCOORD", "SCOORD3D", "TCOORD"})
"""Value types whose children are what the coordinates are selected from."""
CITATIONS = frozenset({"DCM#121421", "DCM#121422", "DCM#121423", "DCM#121424"})
"""What a measurement cites (TID 315, CID 228): not what it was made from."""
IMAGES = frozenset({"IMAGE", "WAVEFORM"})
"""Value types that coordinates are selected from."""
VALUE_TYPES = frozenset(
    "CONTAINER TEXT CODE NUM DATETIME DATE TIME UIDREF PNAME COMPOSITE IMAGE WAVEFORM SCOORD SCOORD3D TCOORD "
    "TABLE".split()
)
"""Value Type (0040,A040): PS3.3 Table C.17.3-7."""


class Place(Enum):
    """What an item is in a document that follows TID 1500 (mapping section 3.5)."""

    ROOT = "root"
    MEASUREMENTS = "Imaging Measurements (126010, DCM)"
    EVALUATIONS = "Qualitative Evaluations (C0034375, UMLS)"
    DERIVED = "Derived Imaging Measurements (126011, DCM)"
    GROUP = "Measurement Group (125007, DCM)"
    ENCLOSING_GROUP = "Measurement Group around derived measurements"
    MEASUREMENT = "measurement"
    DERIVED_MEASUREMENT = "derived measurement"
    INFERRED = "number from which the one around it was inferred"


@dataclass(slots=True, eq=False)
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
        Relationship Type to the parent, without a prefix ``R-``.
    value_type
        Of the item; of the target, where the item is by reference.
    concept
        Concept Name; of the target, where a by-reference item has none of its own.
    reference
        Referenced Content Item Identifier, where the item is by reference.
    target
        The item that this leads to.
    in_library
        Whether the item is an Image Library or stands in one.
    place
        What a container or number is where observations are looked for; None where they are not.
    resolved
        What consumed the item, so that nothing is left to do with it.
    same_as
        Position of an item that said the same before.
    coded
        Value of a CODE item.
    value
        Members of the value in the logical model; a copy of the target's, where the item is by reference.
    observed
        Observation DateTime as a FHIR dateTime.
    children, scope
        Items below it, in document order; what holds for it by inheritance.
    """

    attributes: Attributes
    position: str
    parent: Item | None
    relationship: str | None
    value_type: str
    concept: Concept | None
    reference: tuple[int, ...] | None = None
    target: Item | None = None
    in_library: bool = False
    place: Place | None = None
    resolved: str | None = None
    same_as: str | None = None
    coded: Concept | None = None
    value: JsonObject = field(default_factory=dict)
    observed: str | None = None
    children: list[Item] = field(default_factory=list)
    scope: Scope | None = None

    @property
    def identifier(self) -> str:
        r"""Return the position as a Referenced Content Item Identifier is written: ``1\4\2``."""
        return self.position.replace(".", "\\")

    @property
    def keys(self) -> tuple[str, ...]:
        """Return ``DESIGNATOR#code`` of the concept and its equivalents."""
        return self.concept.keys if self.concept else ()

    @property
    def by_reference(self) -> bool:
        """Tell whether the item refers to another one instead of having a value."""
        return self.reference is not None

    @property
    def origin(self) -> Item:
        """Return the item that holds the value: the target, else the item itself."""
        return self.target or self

    @property
    def observation_uid(self) -> str | None:
        """Return the Observation UID."""
        return self.attributes.text(_OBSERVATION_UID)

    def has_key(self, key: str) -> bool:
        """Tell whether the concept is this one."""
        return self.concept is not None and key in self.concept.keys

    def is_group(self) -> bool:
        """Tell whether the item is a Measurement Group of its own."""
        return self.value_type == "CONTAINER" and self.has_key(MEASUREMENT_GROUP) and not self.by_reference


def walk(root: Attributes, codes: Codes) -> list[Item]:
    """Return all content items, parents before children, siblings in document order.

    Parameters
    ----------
    root
        The document: its root content item stands among its attributes.
    codes
        Reads the concept names.
    """
    items: list[Item] = []
    stack: list[tuple[Attributes, str, Item | None]] = [(root, "1", None)]
    while stack:
        attributes, position, parent = stack.pop()
        item = _item(attributes, position, parent, codes)
        items.append(item)
        if parent is not None:
            parent.children.append(item)
        children = attributes.items(CONTENT_SEQUENCE)
        stack.extend((children[n], f"{position}.{n + 1}", item) for n in range(len(children) - 1, -1, -1))
    return items


def _item(attributes: Attributes, position: str, parent: Item | None, codes: Codes) -> Item:
    concept = codes.read(attributes, _CONCEPT_NAME, position)
    value_type = _known_value_type(attributes.text(_VALUE_TYPE))
    return Item(
        attributes,
        position,
        parent,
        _relationship(attributes) if parent else None,
        value_type,
        concept,
        _reference(attributes) if parent else None,
        coded=codes.read(attributes, _CONCEPT_CODE, position) if value_type == "CODE" else None,
        in_library=parent is not None
        and (parent.in_library or (concept is not None and IMAGE_LIBRARY in concept.keys)),
    )


def _known_value_type(written: str | None) -> str:
    """Return a value type of the standard in upper case, any other as written."""
    if written is None:
        return UNKNOWN
    return written.upper() if written.upper() in VALUE_TYPES else written


def _relationship(attributes: Attributes) -> str | None:
    text = attributes.text(_RELATIONSHIP)
    return text.upper().removeprefix("R-") if text else None


def _reference(attributes: Attributes) -> tuple[int, ...] | None:
    if _REFERENCED_ITEM not in attributes:
        return None
    try:
        return tuple(int(number) for number in attributes.numbers(_REFERENCED_ITEM))
    except ValueError:
        return ()
