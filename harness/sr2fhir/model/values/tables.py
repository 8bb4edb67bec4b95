"""Tabulated values: TABLE (PS3.3 section C.18.10)."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item
from sr2fhir.model.values.references import whole_numbers

_TABLE = tag("TabulatedValuesSequence")
_ROWS = tag("NumberOfTableRows")
_COLUMNS = tag("NumberOfTableColumns")
_ROW = tag("TableRowNumber")
_COLUMN = tag("TableColumnNumber")
_CELLS = tag("CellValuesSequence")
_CONCEPT_NAME = tag("ConceptNameCodeSequence")
_UNITS = tag("MeasurementUnitsCodeSequence")
_DEFINITIONS = {
    "row": (tag("TableRowDefinitionSequence"), _ROW),
    "column": (tag("TableColumnDefinitionSequence"), _COLUMN),
}
_NO_VALUE = frozenset({_ROW, _COLUMN, tag("SelectorAttribute"), tag("SelectorAttributeVR")})


def table(item: Item, env: Environment) -> JsonObject:
    """Return the value of a TABLE item."""
    values = item.attributes.first(_TABLE)
    if values is None:
        return {}
    members = filled(
        {
            "rows": _first(values, _ROWS),
            "columns": _first(values, _COLUMNS),
            "definition": [
                _definition(definition, axis, number, item, env)
                for axis, (sequence, number) in _DEFINITIONS.items()
                for definition in values.items(sequence)
            ],
            "cell": [_cell(cell, item, env) for cell in values.items(_CELLS)],
        }
    )
    return {"tabulatedValues": {"id": item.position, **members}} if members else {}


def _definition(definition: Attributes, axis: str, number: int, item: Item, env: Environment) -> JsonObject:
    concept = env.codes.read(definition, _CONCEPT_NAME, item.position)
    units = env.codes.read(definition, _UNITS, item.position)
    return {
        "axis": axis,
        **filled(
            {
                "number": _first(definition, number),
                "concept": concept.as_json(item.position) if concept else None,
                "units": units.as_json(item.position) if units else None,
            }
        ),
    }


def _cell(cell: Attributes, item: Item, env: Environment) -> JsonObject:
    valued = [number for number in cell.tags() if number not in _NO_VALUE]
    coded = next((number for number in valued if cell.is_sequence(number)), None)
    concept = env.codes.read(cell, coded, item.position) if coded else None
    texts = [text for number in valued if not cell.is_sequence(number) and (text := cell.text(number))]
    return filled(
        {
            "row": _first(cell, _ROW),
            "column": _first(cell, _COLUMN),
            "textValue": "\\".join(texts),
            "conceptCode": concept.as_json(item.position) if concept else None,
        }
    )


def _first(attributes: Attributes, number: int) -> str | None:
    return next(iter(whole_numbers(attributes, number)), None)
