"""Numeric values: NUM with its units and qualifier (PS3.3 section C.18.1, mapping sections 3.1 and 3.8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sr2fhir.jsontext import JsonObject, NumberText
from sr2fhir.model import numbers
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Concept
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item

_MEASURED_VALUE = tag("MeasuredValueSequence")
_QUALIFIER = tag("NumericValueQualifierCodeSequence")
_UNITS = tag("MeasurementUnitsCodeSequence")
_NUMERIC_VALUE = tag("NumericValue")
_FLOATING_POINT_VALUE = tag("FloatingPointValue")
_NUMERATOR = tag("RationalNumeratorValue")
_DENOMINATOR = tag("RationalDenominatorValue")
_RATIONAL_LOST = "the rational value beside the numeric one is left out"
_SEVERAL_MEASURED = "the item has more than one measured value: the first was taken"
_DISAGREE = "the numeric value is not the floating point value, which is taken"


@dataclass(frozen=True, slots=True)
class _Written:
    """The number in each form that the document gives."""

    decimal: str | None
    floating: str | None
    numerator: str | None
    denominator: str | None

    def chosen(self) -> str | None:
        """Return the floating point value, else the numeric, else the quotient of the rational one."""
        return self.floating or self.decimal or self._quotient()

    def disagrees(self) -> bool:
        """Tell whether the numeric value is another than the floating point value, rounded to its digits."""
        texts = [numbers.decimal(text) if text else None for text in (self.decimal, self.floating)]
        if None in texts:
            return False
        short, exact = (Decimal(str(text)) for text in texts)
        return abs(short - exact) > Decimal((0, (1,), int(short.as_tuple().exponent)))

    def _quotient(self) -> str | None:
        if self.numerator is None or self.denominator is None:
            return None
        try:
            return numbers.quotient(float(self.numerator), float(self.denominator))
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
        _binary(measured, _FLOATING_POINT_VALUE, numbers.double),
        _binary(measured, _NUMERATOR, str),
        _binary(measured, _DENOMINATOR, str),
    )
    units = env.codes.read(measured, _UNITS, item.position)
    text = written.chosen()
    value = numbers.decimal(text) if text else None
    _report(written, text, value, units, item, env)
    return filled(
        {
            "valueText": text,
            "measuredValue": _quantity(value, units, item.position),
            "numericValue": written.decimal,
            "floatingPointValue": written.floating,
            "rationalNumerator": written.numerator,
            "rationalDenominator": written.denominator,
            "units": units.as_json(item.position) if units else None,
        }
    )


def _quantity(value: NumberText | None, units: Concept | None, lineage: str) -> JsonObject | None:
    unit = units.codings[0] if units else {}
    quantity = filled(
        {"value": value, "unit": unit.get("display"), "system": unit.get("system"), "code": unit.get("code")}
    )
    return {"id": lineage, **quantity} if quantity else None


def _report(
    written: _Written,
    text: str | None,
    value: NumberText | None,
    units: Concept | None,
    item: Item,
    env: Environment,
) -> None:
    if value is None and (text or written.numerator):
        env.log.add(
            "warning", "invalid-value", item.position, "the numeric value is not one finite decimal number"
        )
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
