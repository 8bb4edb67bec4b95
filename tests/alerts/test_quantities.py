"""Quantities are compared in decimals and in units of one kind, never across kinds (docs/alerts.md)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sr2fhir.alerts.quantities import Comparison, are_convertible, comparison

from tests.alerts.bundles import UCUM, Json, quantity


def test_a_comparison_is_read_as_it_is_written() -> None:
    assert comparison(">= 2 cm") == Comparison(">=", Decimal(2), "cm")
    assert comparison(" < -0.50  % ") == Comparison("<", Decimal("-0.50"), "%")


@pytest.mark.parametrize(
    "text", ["2 cm", ">=2", ">= 2cm", ">= 2,5 cm", "== 2 cm", ">= two cm", "", 2, None, ">= 1e3 mm"]
)
def test_what_is_no_comparison_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not a comparison"):
        comparison(text)


def test_a_unit_that_ucum_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="inches is no unit of UCUM"):
        comparison(">= 2 inches")


@pytest.mark.parametrize(
    ("text", "value", "unit", "holds"),
    [
        (">= 18.4 mm", "18.40", "mm", True),
        ("> 18.4 mm", "18.40", "mm", False),
        ("<= 18.4 mm", "18.40", "mm", True),
        ("< 18.4 mm", "18.40", "mm", False),
        # as binary fractions 0.1 + 0.2 is more than 0.3
        ("<= 0.3 mm", "0.3", "mm", True),
        (">= 0.30000000000000004 mm", "0.3", "mm", False),
        (">= 2 cm", "20", "mm", True),
        (">= 2 cm", "19.99999999", "mm", False),
        (">= 1 [in_i]", "25.4", "mm", True),
        ("> 1 [in_i]", "25.4", "mm", False),
        (">= 80 %", "0.8", "1", True),
        (">= 1 /s", "60", "/min", True),
        (">= 100.4 [degF]", "38", "Cel", True),
        ("> 100.4 [degF]", "37.9", "Cel", False),
        (">= 4 mL", "4000", "mm3", True),
    ],
)
def test_quantities_are_compared_in_decimals(text: str, value: str, unit: str, holds: bool) -> None:
    assert comparison(text).holds(quantity(value, unit)) is holds


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mm", "mm2"),
        ("mm", "s"),
        ("1", "mm"),
        ("1", "deg"),  # an angle is no ratio
        ("1", "dB"),  # nor is a level
        ("Hz", "Bq"),
        # arbitrary units compare with nothing else, annotations name another thing
        ("[hnsf'U]", "1"),
        ("[IU]", "1"),
        ("[iU]/L", "/L"),
        ("g/ml{SUVbw}", "g/ml"),
        ("{score}", "1"),
    ],
)
def test_never_across_kinds(one: str, other: str) -> None:
    assert not are_convertible(one, other)
    assert not are_convertible(other, one)
    assert not comparison(f">= 0 {one}").holds(quantity("5", other))


@pytest.mark.parametrize("unit", ["[hnsf'U]", "g/ml{SUVbw}", "{score}"])
def test_the_same_unit_needs_no_conversion(unit: str) -> None:
    assert comparison(f">= 5 {unit}").holds(quantity("5", unit))


@pytest.mark.parametrize(
    ("text", "comparator", "holds"),
    [
        (">= 5 mm", ">", True),
        ("> 5 mm", ">", True),
        ("> 5 mm", ">=", False),
        (">= 5 mm", ">=", True),
        (">= 5 mm", "<", False),
        ("< 5 mm", "<", True),
        ("< 5 mm", "<=", False),
        ("<= 5 mm", ">", False),
        (">= 5 mm", "ad", False),
    ],
)
def test_a_comparator_counts_only_where_it_leaves_no_doubt(text: str, comparator: str, holds: bool) -> None:
    assert comparison(text).holds(quantity("5", comparator=comparator)) is holds


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"system": UCUM, "code": "mm"},
        {"value": "5", "unit": "mm"},
        {"value": "5", "system": "http://site.example", "code": "mm"},
        {"value": "much", "system": UCUM, "code": "mm"},
    ],
)
def test_what_cannot_be_compared_does_not_hold(said: Json) -> None:
    assert not comparison(">= 1 mm").holds(said)
