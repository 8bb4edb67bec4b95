"""Decimals keep the digits given (mapping section 3.1, row DS / FD)."""

from __future__ import annotations

import json
import math
import re
import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st
from sr2fhir.model import datatypes


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("3.111220E+04", "31112.20"),
        ("31112.2", "31112.2"),
        ("4.961525E-01", "0.4961525"),
        ("+45.0", "45.0"),
        ("-0", "-0"),
        ("007", "7"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("0E5", "0"),
        ("1E17", "1" + "0" * 17),
        ("1E18", "1e18"),
        ("1e-17", "0." + "0" * 16 + "1"),
        ("1e-30", "1e-30"),
        ("-1.25E-20", "-1.25e-20"),
        ("1E400", "1e400"),
        ("123456789012345678", "123456789012345678"),
        ("1234567890123456789", "12.34567890123456789e17"),
        ("1.23456789012345678901e20", "1234.56789012345678901e17"),
        ("-0.123456789012345678901", "-1234.56789012345678901e-4"),
        ("318.52460000000002", "318.52460000000002"),
        ("1" * 35, "1" * 18 + "." + "1" * 17 + "e17"),
        ("0e-20", "0e-20"),
    ],
)
def test_decimal_strings_come_out_in_plain_notation(written, expected):
    assert datatypes.decimal(written) == expected


@pytest.mark.parametrize(
    "written", ["", "1,5", "1_0", "NaN", "Infinity", "1 2", "5\\6", "0x1", "1e", ".", "٣", "1e9999999"]
)
def test_other_text_is_no_number(written):
    assert datatypes.decimal(written) is None


# of FHIR R5, as the validator cites it
LEGAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE](0|[+\-]?[1-9][0-9]{0,9}))?")


@settings(derandomize=True, max_examples=300)
@given(st.from_regex(r"[+-]?([0-9]{1,36}\.?[0-9]{0,36}|\.[0-9]{1,36})([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_is_legal_fhir_with_the_same_value_or_none(written):
    text = datatypes.decimal(written)
    if text is None:
        assert len(Decimal(written).as_tuple().digits) > 35
    else:
        assert LEGAL.fullmatch(text)
        assert Decimal(text) == Decimal(written)
        assert datatypes.decimal(text) == text


@settings(derandomize=True, max_examples=300)
@given(st.from_regex(r"[+-]?([0-9]{1,12}\.?[0-9]{0,8}|\.[0-9]{1,8})([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_the_value_is_kept_and_the_text_is_json(written):
    text = datatypes.decimal(written)
    assert text is not None
    assert Decimal(text) == Decimal(written)
    json.loads(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, "0.1"),
        (1e-7, "1e-7"),
        (1e22, "1e22"),
        (5.0, "5"),
        (-0.0, "-0"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_doubles_are_as_short_as_can_be(value, expected):
    assert datatypes.double(value) == expected


@settings(derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_round_trip(value):
    text = datatypes.decimal(datatypes.double(value))
    assert text is not None
    assert float(text) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, "0.1"), (16777216.0, "16777216"), (1e-45, "1e-45"), (3.4028235e38, "3.4028235e38")],
)
def test_singles_are_as_short_as_can_be(value, expected):
    assert datatypes.single(struct.unpack("<f", struct.pack("<f", value))[0]) == expected


@settings(derandomize=True, max_examples=500)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_singles_round_trip_and_nothing_shorter_does(value):
    text = datatypes.single(value)
    assert struct.pack("<f", float(text)) == struct.pack("<f", value)
    digits = len(Decimal(text).normalize().as_tuple().digits)
    shorter = f"{value:.{digits - 1}g}" if digits > 1 else None
    assert shorter is None or _single(shorter) != value


def _single(text):
    try:
        return struct.unpack("<f", struct.pack("<f", float(text)))[0]
    except OverflowError:
        return None


def test_a_rational_value_is_its_quotient():
    assert datatypes.quotient(1, 4) == "0.25"
    assert datatypes.quotient(1, 0) is None
