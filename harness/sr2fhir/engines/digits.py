"""The digits of numbers on their way through an engine that computes with binary doubles.

Such an engine makes `12.50` to `12.5` and rounds what has more than 15 digits. Maps copy decimals and never
compute with them, so each goes there as a number near it that a double keeps, another one for each text, and
comes back as the text that it stood for. Integers, which maps compare, are kept by such engines and go as
they are; so does everything else in the document, byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal

# a string, in which digits are no number, or a number
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*', re.DOTALL)
_INTEGER = re.compile(rb"-?[0-9]{1,18}")
# what any double keeps: 15 digits, over the most of its range
_DOUBLE = Context(prec=15, rounding=ROUND_HALF_EVEN, Emin=-280, Emax=300, traps=[])


class Digits:
    """Remember the decimals of one document."""

    def __init__(self) -> None:
        self._stand_ins: dict[bytes, Decimal] = {}
        self._texts: dict[Decimal, bytes] = {}

    def sent(self, document: bytes) -> bytes:
        """Return a JSON document with a number that a double keeps in the place of each decimal."""
        return _replaced(document, self._stand_in)

    def restored(self, answer: bytes) -> bytes:
        """Return what an engine made of the document, with the decimals as they stood in the document."""
        return _replaced(answer, self._text)

    def _stand_in(self, text: bytes) -> bytes:
        """Find the number that stands for a decimal; what no double holds is for the engine to refuse."""
        found = self._stand_ins.get(text)
        if found is None:
            found = self._free(_rounded(text))
            self._stand_ins[text] = found
            if found.is_finite():
                self._texts[found] = text
        return f"{found:e}".encode("ascii") if found.is_finite() else text

    def _free(self, value: Decimal) -> Decimal:
        """Find the nearest number, from above, that stands for no other text."""
        while value in self._texts and value.is_finite():
            value = _DOUBLE.next_plus(value)
        return value

    def _text(self, number: bytes) -> bytes:
        """Find the decimal that a number stands for; one of the map's own stays as it is."""
        return self._texts.get(_rounded(number), number)


def _rounded(number: bytes) -> Decimal:
    """Read a number to the digits that a double keeps; what is none becomes NaN."""
    return _DOUBLE.create_decimal(number.decode("ascii"))


def _replaced(content: bytes, replace: Callable[[bytes], bytes]) -> bytes:
    """Replace each number that is no integer."""
    return _TOKEN.sub(lambda token: replace(token[0]) if _is_decimal(token[0]) else token[0], content)


def _is_decimal(token: bytes) -> bool:
    """Tell a decimal from a string and from an integer, of which there is no negative zero."""
    return token[:1] != b'"' and (_INTEGER.fullmatch(token) is None or token == b"-0")
