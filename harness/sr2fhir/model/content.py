"""Values of content items as plain text and concepts, for the items that describe other items."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import tag
from sr2fhir.model.codes import Concept
from sr2fhir.model.tree import Item

_TEXT = {
    "TEXT": tag("TextValue"),
    "PNAME": tag("PersonName"),
    "UIDREF": tag("UID"),
    "DATE": tag("Date"),
    "TIME": tag("Time"),
    "DATETIME": tag("DateTime"),
}
_MEASURED_VALUE = tag("MeasuredValueSequence")
_NUMERIC_VALUE = tag("NumericValue")


def text_of(item: Item) -> str | None:
    """Return the value of an item as DICOM writes it; the meaning of a code, the digits of a number."""
    origin = item.origin
    if origin.value_type in _TEXT:
        return origin.attributes.text(_TEXT[origin.value_type])
    if origin.value_type == "NUM":
        measured = origin.attributes.first(_MEASURED_VALUE)
        return measured.text(_NUMERIC_VALUE) if measured else None
    return meaning_of(origin.coded)


def coded_value(item: Item) -> Concept | None:
    """Return the coded value of a CODE item."""
    return item.origin.coded


def coded_json(item: Item) -> JsonObject | None:
    """Return the coded value of a CODE item as a CodeableConcept."""
    value = coded_value(item)
    return value.as_json(item.position) if value else None


def meaning_of(concept: Concept | None) -> str | None:
    """Return the code meaning of a concept."""
    return concept.meaning if concept else None


def first(items: list[Item], key: str) -> Item | None:
    """Return the first item with a concept."""
    return next((item for item in items if item.has_key(key)), None)
