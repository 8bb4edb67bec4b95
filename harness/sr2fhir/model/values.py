"""Values of content items in the logical model, one function for each value type (PS3.3 Table C.17.3-7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject, NumberText
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Concept
from sr2fhir.model.datatypes import (
    decimal,
    double,
    filled,
    human_names,
    quotient,
    report_further_names,
    report_further_persons,
    single,
)
from sr2fhir.model.environment import Environment
from sr2fhir.model.identifiers import UID_HINT, is_valid_uid, sop_class_coding, uid_identifier, uid_problem
from sr2fhir.model.times import Clock
from sr2fhir.model.tree import Item, coded_json
from sr2fhir.model.units import unit_of

Reader = Callable[[Item, Environment], JsonObject]

# ---- one attribute: TEXT, CODE, DATETIME, DATE, TIME, UIDREF, PNAME ----------------------------------------

_TEXT = tag("TextValue")
_UID = tag("UID")
_PERSON_NAME = tag("PersonName")


def text(item: Item, env: Environment) -> JsonObject:
    """Return the value of a TEXT item."""
    return filled({"textValue": item.attributes.text(_TEXT)})


def code(item: Item, env: Environment) -> JsonObject:
    """Return the value of a CODE item."""
    return filled({"conceptCode": coded_json(item)})


def _moment(number: int, member: str, read: Callable[[Clock, str | None, str], str | None]) -> Reader:
    """Make the function for DATETIME, DATE or TIME: the value as written, and as FHIR has it."""

    def value(item: Item, env: Environment) -> JsonObject:
        written = item.attributes.text(number)
        return filled({"valueText": written, member: read(env.clock, written, item.position)})

    return value


def uid(item: Item, env: Environment) -> JsonObject:
    """Return the value of a UIDREF item."""
    written = item.attributes.text(_UID)
    if written is None:
        return {}
    if not is_valid_uid(written):
        env.log.add("warning", "invalid-value", item.position, uid_problem(written), UID_HINT, kept=True)
    return {"uidValue": uid_identifier(written, item.position)}


def person_name(item: Item, env: Environment) -> JsonObject:
    """Return the value of a PNAME item."""
    written = item.attributes.text(_PERSON_NAME)
    if written is None:
        return {}
    named = human_names(written, item.position)
    report_further_names(named, env.log)
    report_further_persons(written, item.position, env.log)
    return filled({"valueText": written, "personNameValue": named})


# ---- numbers with units and qualifier: NUM (PS3.3 C.18.1, mapping sections 3.1 and 3.8) --------------------

_MEASURED_VALUE = tag("MeasuredValueSequence")
_QUALIFIER = tag("NumericValueQualifierCodeSequence")
_UNITS = tag("MeasurementUnitsCodeSequence")
_NUMERIC_VALUE = tag("NumericValue")
_FLOATING_POINT_VALUE = tag("FloatingPointValue")
_NUMERATOR = tag("RationalNumeratorValue")
_DENOMINATOR = tag("RationalDenominatorValue")
_RATIONAL_LOST = "the rational value beside the numeric one is left out"
_SEVERAL_MEASURED = "the item has more than one measured value: the first was taken"
_NO_NUMBER = "the numeric value is not one finite decimal number of at most 35 digits"
_DISAGREE = "the numeric value is not the floating point value, which is taken"


@dataclass(frozen=True, slots=True)
class _Written:
    """The number in each form that the document gives."""

    decimal: str | None
    floating: str | None
    numerator: str | None
    denominator: str | None

    def chosen(self) -> str | None:
        """Return the floating point value, else the numeric, else the quotient of the rational one.

        Where the first two are the same number, the text of the numeric value, which says how many digits
        count (decision D53).
        """
        if self.decimal and self.floating and self._are_equal():
            return self.decimal
        return self.floating or self.decimal or self._quotient()

    def _are_equal(self) -> bool:
        short = decimal(self.decimal or "")
        return short is not None and double(float(short)) == self.floating

    def disagrees(self) -> bool:
        """Tell whether the numeric value is another than the floating point value, rounded to its digits."""
        texts = [decimal(text) if text else None for text in (self.decimal, self.floating)]
        if None in texts:
            return False
        short, exact = (Decimal(str(text)) for text in texts)
        return abs(short - exact) > Decimal((0, (1,), int(short.as_tuple().exponent)))

    def _quotient(self) -> str | None:
        if self.numerator is None or self.denominator is None:
            return None
        try:
            return quotient(float(self.numerator), float(self.denominator))
        except ValueError:
            return None


def number(item: Item, env: Environment) -> JsonObject:
    """Return the value of a NUM item."""
    attributes = item.attributes
    measured = attributes.first(_MEASURED_VALUE)
    qualifier = env.codes.read(attributes, _QUALIFIER, item.position)
    qualified = {"qualifier": qualifier.as_json(item.position)} if qualifier else {}
    members = _measured(measured, item, env) if measured else {}
    if len(attributes.items(_MEASURED_VALUE)) > 1:
        env.log.add("warning", "multiplicity", item.position, _SEVERAL_MEASURED)
    if qualified and "value" in members.get("measuredValue", {}):
        env.log.add("warning", "conflict", item.position, "the numeric value has a qualifier beside it")
    return members | qualified


def _measured(measured: Attributes, item: Item, env: Environment) -> JsonObject:
    written = _Written(
        _several(measured.texts(_NUMERIC_VALUE)),
        _binary(measured, _FLOATING_POINT_VALUE, double),
        _binary(measured, _NUMERATOR, str),
        _binary(measured, _DENOMINATOR, str),
    )
    units = env.codes.read(measured, _UNITS, item.position)
    text = written.chosen()
    value = decimal(text) if text else None
    _report_number(written, text, value, units, item, env)
    return filled(
        {
            "valueText": text,
            "measuredValue": _quantity(value, units, item.position, env.log),
            "numericValue": written.decimal,
            "floatingPointValue": written.floating,
            "rationalNumerator": written.numerator,
            "rationalDenominator": written.denominator,
            "units": units.as_json(item.position) if units else None,
        }
    )


def _quantity(
    value: NumberText | None, units: Concept | None, lineage: str, log: FindingLog
) -> JsonObject | None:
    quantity = filled({"value": value}) | (unit_of(units, lineage, log) if units else {})
    return {"id": lineage, **quantity} if quantity else None


def _report_number(
    written: _Written,
    text: str | None,
    value: NumberText | None,
    units: Concept | None,
    item: Item,
    env: Environment,
) -> None:
    if value is None and (text or written.numerator):
        env.log.add("warning", "invalid-value", item.position, _NO_NUMBER)
    if written.numerator and (written.floating or written.decimal):
        env.log.add("information", "no-target", item.position, _RATIONAL_LOST)
    if written.disagrees():
        env.log.add("warning", "multiplicity", item.position, _DISAGREE)
    if value is not None and units is None:
        env.log.add("warning", "missing-units", item.position, "the numeric value has no units")


def _several(values: list[str]) -> str | None:
    return "\\".join(values) or None


def _binary(measured: Attributes, number: int, written: Callable[[float], str]) -> str | None:
    try:
        return _several([written(value) for value in measured.numbers(number)])
    except ValueError:
        return measured.text(number)


# ---- composite objects: COMPOSITE, IMAGE, WAVEFORM (PS3.3 C.18.3 to C.18.5) --------------------------------

_SOP_SEQUENCE = tag("ReferencedSOPSequence")
_VALUE_MAPS = tag("ReferencedRealWorldValueMappingInstanceSequence")
_SOP_INSTANCE = tag("ReferencedSOPInstanceUID")
_SOP_CLASS = tag("ReferencedSOPClassUID")
_FRAMES = tag("ReferencedFrameNumber")
_SEGMENTS = tag("ReferencedSegmentNumber")
_CHANNELS = tag("ReferencedWaveformChannels")


def reference(item: Item, env: Environment) -> JsonObject:
    """Return the value of a COMPOSITE, IMAGE or WAVEFORM item."""
    listed = item.attributes.items(_SOP_SEQUENCE)
    _report_references(listed, item, env)
    uid = listed[0].text(_SOP_INSTANCE) if listed else None
    return {"reference": _reference(listed[0], uid, item, env)} if uid else {}


def _reference(referenced: Attributes, uid: str, item: Item, env: Environment) -> JsonObject:
    sop_class = referenced.text(_SOP_CLASS)
    known = env.evidence.instance(uid)
    members = {
        "uid": uid,
        "sopClass": sop_class_coding(sop_class) if sop_class else None,
        "frame": referenced.texts(_FRAMES),
        "segment": whole_numbers(referenced, _SEGMENTS),
        "channel": whole_numbers(referenced, _CHANNELS),
        "presentationStateUid": _nested(referenced, _SOP_SEQUENCE),
        "realWorldValueMapUid": _nested(referenced, _VALUE_MAPS),
        "seriesUid": known.series if known else None,
        "studyUid": env.study_of(uid),
    }
    return {"id": item.position, **filled(members)}


def _report_references(listed: list[Attributes], item: Item, env: Environment) -> None:
    if not listed or listed[0].text(_SOP_INSTANCE) is None:
        env.log.add("warning", "invalid-value", item.position, "the item refers to no instance")
    if len(listed) > 1:
        env.log.add(
            "warning",
            "multiplicity",
            item.position,
            "the item refers to several instances; the first was taken",
        )


def _nested(referenced: Attributes, number: int) -> str | None:
    nested = referenced.first(number)
    return nested.text(_SOP_INSTANCE) if nested else None


def whole_numbers(attributes: Attributes, number: int) -> list[str]:
    """Return the values of a binary attribute of whole numbers as text."""
    try:
        return [str(int(value)) for value in attributes.numbers(number)]
    except (OverflowError, ValueError):
        return attributes.texts(number)


# ---- coordinates: SCOORD, SCOORD3D, TCOORD (PS3.3 C.18.6, C.18.7, C.18.9) ----------------------------------

GRAPHIC_TYPE = tag("GraphicType")
FRAME_OF_REFERENCE = tag("ReferencedFrameOfReferenceUID")
FIDUCIAL = tag("FiducialUID")
PIXEL_ORIGIN = tag("PixelOriginInterpretation")
_GRAPHIC_DATA = tag("GraphicData")
_RANGE_TYPE = tag("TemporalRangeType")
_SAMPLES = tag("ReferencedSamplePositions")
_OFFSETS = tag("ReferencedTimeOffsets")
_DATE_TIMES = tag("ReferencedDateTime")


def graphic_data(attributes: Attributes) -> list[str]:
    """Return Graphic Data, each number as the shortest text of its 32-bit float; other text as it stands."""
    try:
        return [single(value) for value in attributes.numbers(_GRAPHIC_DATA)]
    except ValueError:
        return attributes.texts(_GRAPHIC_DATA)


def spatial(item: Item, env: Environment) -> JsonObject:
    """Return the value of a SCOORD or SCOORD3D item."""
    attributes = item.attributes
    graphic = filled(
        {
            "type": attributes.text(GRAPHIC_TYPE),
            "data": "\\".join(graphic_data(attributes)),
            "frameOfReferenceUid": attributes.text(FRAME_OF_REFERENCE),
            "fiducialUid": attributes.text(FIDUCIAL),
            "pixelOrigin": attributes.text(PIXEL_ORIGIN),
        }
    )
    return {"graphic": {"id": item.position, **graphic}} if graphic else {}


def temporal(item: Item, env: Environment) -> JsonObject:
    """Return the value of a TCOORD item."""
    attributes = item.attributes
    range_ = filled(
        {
            "rangeType": attributes.text(_RANGE_TYPE),
            "samplePosition": whole_numbers(attributes, _SAMPLES),
            "timeOffset": attributes.texts(_OFFSETS),
            "dateTime": attributes.texts(_DATE_TIMES),
        }
    )
    return {"temporal": {"id": item.position, **range_}} if range_ else {}


# ---- tabulated values: TABLE (PS3.3 C.18.10) ---------------------------------------------------------------

_TABLE = tag("TabulatedValuesSequence")
_ROWS = tag("NumberOfTableRows")
_COLUMNS = tag("NumberOfTableColumns")
_ROW = tag("TableRowNumber")
_COLUMN = tag("TableColumnNumber")
_CELLS = tag("CellValuesSequence")
_CONCEPT_NAME = tag("ConceptNameCodeSequence")
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
            "rows": _first_number(values, _ROWS),
            "columns": _first_number(values, _COLUMNS),
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
                "number": _first_number(definition, number),
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
            "row": _first_number(cell, _ROW),
            "column": _first_number(cell, _COLUMN),
            "textValue": "\\".join(texts),
            "conceptCode": concept.as_json(item.position) if concept else None,
        }
    )


def _first_number(attributes: Attributes, number: int) -> str | None:
    return next(iter(whole_numbers(attributes, number)), None)


# ---- by value type -----------------------------------------------------------------------------------------

READERS: dict[str, Reader] = {
    "TEXT": text,
    "CODE": code,
    "NUM": number,
    "DATETIME": _moment(tag("DateTime"), "dateTimeValue", Clock.date_time),
    "DATE": _moment(tag("Date"), "dateValue", Clock.date),
    "TIME": _moment(tag("Time"), "timeValue", Clock.time),
    "UIDREF": uid,
    "PNAME": person_name,
    "COMPOSITE": reference,
    "IMAGE": reference,
    "WAVEFORM": reference,
    "SCOORD": spatial,
    "SCOORD3D": spatial,
    "TCOORD": temporal,
    "TABLE": table,
}
"""Value type to the function that returns the members of its value."""

LISTS: dict[str, str] = {
    "CONTAINER": "container",
    "TEXT": "text",
    "CODE": "code",
    "NUM": "num",
    "DATETIME": "dateTime",
    "DATE": "date",
    "TIME": "time",
    "UIDREF": "uidRef",
    "PNAME": "personName",
    "COMPOSITE": "composite",
    "IMAGE": "image",
    "WAVEFORM": "waveform",
    "SCOORD": "spatialCoordinates",
    "SCOORD3D": "spatialCoordinates3D",
    "TCOORD": "temporalCoordinates",
    "TABLE": "table",
}
"""Value type to the list of children that it stands in; any other stands in ``unknown``."""


_OBSERVED = tag("ObservationDateTime")


@dataclass(frozen=True)
class Values:
    """What items state of themselves.

    Parameters
    ----------
    of
        Members of the value in the logical model; a copy of the target's, where the item is by reference.
    observed
        Observation DateTime as a FHIR dateTime.
    """

    of: dict[Item, JsonObject]
    observed: dict[Item, str]


def read_values(items: list[Item], env: Environment) -> Values:
    """Return values and observation times."""
    found: dict[Item, JsonObject] = {}
    observed: dict[Item, str] = {}
    for item in items:
        moment = env.clock.date_time(item.attributes.text(_OBSERVED), item.position, instant=True)
        if moment:
            observed[item] = moment
        reader = READERS.get(item.value_type)
        found[item] = reader(item, env) if reader and not item.by_reference else {}
    for item in items:
        if item.target:
            found[item] = _relabelled(found[item.target], item.target.position, item.position)
    return Values(found, observed)


def _relabelled(value: JsonObject, old: str, new: str) -> JsonObject:
    return {name: _with_id(part, old, new) for name, part in value.items()}


def _with_id(part: Any, old: str, new: str) -> Any:
    if isinstance(part, list):
        return [_with_id(one, old, new) for one in part]
    return {**part, "id": new} if isinstance(part, dict) and part.get("id") == old else part
