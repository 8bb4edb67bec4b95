"""Numbers: DS, FD and FL text to JSON decimals that keep the digits given."""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal

from sr2fhir.jsontext import NumberText

MAX_BEFORE_POINT = 18
MAX_AFTER_POINT = 17
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_SMALLEST_NORMAL = 2.0**-126
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def decimal(text: str) -> NumberText | None:
    """Return a decimal string as a JSON number with the same digits.

    Plain notation, unless that needs more than 18 digits before or 17 after the point. ``+`` and leading
    zeros are dropped, a bare point is completed, ``-0`` stays.

    Returns
    -------
    NumberText or None
        None where the text is not one decimal number.
    """
    if not _DECIMAL.fullmatch(text):
        return None
    value = Decimal(text)
    decimals = -int(value.as_tuple().exponent)
    if value.adjusted() >= MAX_BEFORE_POINT or decimals > MAX_AFTER_POINT:
        return NumberText(_scientific(value))
    return NumberText(_plain(value))


def double(value: float) -> str:
    """Return the shortest text that reads back as the same 64-bit float, or NaN, Infinity, -Infinity."""
    text = repr(float(value))
    return _SPECIAL.get(text) or _short(text)


def single(value: float) -> str:
    """Return the shortest text that reads back as the same 32-bit float."""
    if not math.isfinite(value):
        return double(value)
    # a normal float needs 6 to 9 digits; a subnormal one can do with fewer
    for digits in range(6 if abs(value) >= _SMALLEST_NORMAL else 1, 10):
        text = f"{value:.{digits}g}"
        if _to_single(float(text)) == value:
            return _short(repr(float(text)))
    return double(value)


def quotient(numerator: int | float, denominator: int | float) -> str | None:
    """Return numerator / denominator as text; None where it is not finite."""
    if not denominator or not math.isfinite(numerator / denominator):
        return None
    return double(numerator / denominator)


def _to_single(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.inf


def _short(text: str) -> str:
    """Return Python's form of a float without an empty fraction, and its exponent without ``+`` and zeros."""
    mantissa, e, exponent = text.partition("e")
    return mantissa.removesuffix(".0") + (f"e{int(exponent)}" if e else "")


def _plain(value: Decimal) -> str:
    return format(value if value else _plain_zero(value), "f")


def _plain_zero(value: Decimal) -> Decimal:
    """Keep sign and decimals of a zero, but not the zeros that a positive exponent would add."""
    sign, digits, exponent = value.as_tuple()
    return Decimal((sign, (0,), min(int(exponent), 0))) if digits == (0,) else value


def _scientific(value: Decimal) -> str:
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits))
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{'-' if sign else ''}{text[0]}{fraction}e{int(exponent) + len(text) - 1}"
