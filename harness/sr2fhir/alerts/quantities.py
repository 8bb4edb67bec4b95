"""Compare quantities: in one UCUM unit or in two of one kind, and exactly."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from typing import Any

from sr2fhir.model.codes import standard_schemes
from sr2fhir.model.units import is_ucum

LIBRARY = "ucumvert"
"""Of the extra `ucum`: converts units."""

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
# what `Quantity.comparator` leaves possible: of a value above 5 it is certain that it is above 2
_AT_LEAST, _AT_MOST = frozenset({">", ">="}), frozenset({"<", "<="})
_COMPARISON = re.compile(r"\s*(>=|<=|>|<)\s*([+-]?[0-9]+(?:\.[0-9]+)?)\s+(\S+)\s*")
_FORM = 'not a comparison such as ">= 2 cm": an operator, a decimal number, a blank, and a unit of UCUM'
_ANNOTATION = "{"
_BRACKETS = re.compile(r"\[[^]]*\]")
# Units in brackets that measure a physical quantity. The other ones of UCUM are arbitrary ([IU], [hnsf'U]):
# they compare with no other unit (UCUM, section 3.2), though they have no dimension.
_PHYSICAL = frozenset("[Hg] [H2O] [in_i] [ft_i] [degF] [lb_av] [oz_av] [ppth] [ppm] [ppb]".split())
# bel and neper, which are logarithms of ratios
_LEVEL = re.compile(r"[a-z]{0,2}(?:B|Np)")
# Of what has no dimension, ratios convert into each other; an angle is none.
_RATIO = re.compile(r"1|%|10\*-?[0-9]+|\[pp(?:th|m|b)\]")

Number = Decimal | Fraction
Units = Mapping[str, Fraction]
"""Name of a base unit to its exponent."""


@dataclass(frozen=True)
class Comparison:
    """State what a quantity has to be.

    Parameters
    ----------
    operator
        `>=`, `<=`, `>` or `<`.
    value
        With which it is compared.
    unit
        Of the value, in UCUM.
    """

    operator: str
    value: Decimal
    unit: str

    def holds(self, quantity: dict[str, Any]) -> bool:
        """Tell whether it certainly holds for a FHIR Quantity.

        It does not hold for one without value, in no unit of UCUM, or of another kind.
        """
        value, unit = _number(quantity.get("value")), quantity.get("code")
        if value is None or not unit or quantity.get("system") != standard_schemes()["UCUM"].system:
            return False
        if unit == self.unit:
            return self._is_so(value, self.value, quantity.get("comparator"))
        if not are_convertible(unit, self.unit):
            return False
        found, limit = in_base_units(value, unit), in_base_units(self.value, self.unit)
        if found is None or limit is None:
            return False
        return self._is_so(found[0], limit[0], quantity.get("comparator"))

    def _is_so(self, value: Number, limit: Number, comparator: str | None) -> bool:
        if comparator is None:
            return _OPERATORS[self.operator](value, limit)
        same_way = next((ways for ways in (_AT_LEAST, _AT_MOST) if comparator in ways), frozenset())
        if self.operator not in same_way:
            return False
        # above 2 is at least 2, and above 2, too; at least 2 is not above 2
        strict = len(comparator) == 1
        return _OPERATORS[self.operator[0] + "=" if strict else self.operator](value, limit)


def comparison(text: object) -> Comparison:
    """Read a comparison: `>= 2 cm`.

    Raises
    ------
    ValueError
        It is none, or the unit is none of UCUM.
    """
    found = _COMPARISON.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(_FORM)
    if not is_ucum(found[3]):
        raise ValueError(f"{found[3]} is no unit of UCUM")
    return Comparison(found[1], Decimal(found[2]), found[3])


def are_convertible(one: str, other: str) -> bool:
    """Tell whether two different units of UCUM are of one kind, so that quantities in them can be compared.

    Examples
    --------
    >>> are_convertible("mm", "cm"), are_convertible("mm", "mm2"), are_convertible("[hnsf'U]", "1")
    (True, False, False)
    """
    if not (_is_physical(one) and _is_physical(other)):
        return False
    first, second = in_base_units(Decimal(1), one), in_base_units(Decimal(1), other)
    if first is None or second is None or first[1] != second[1]:
        return False
    return bool(first[1]) or bool(_RATIO.fullmatch(one) and _RATIO.fullmatch(other))


def _is_physical(unit: str) -> bool:
    if _ANNOTATION in unit or _LEVEL.fullmatch(unit):
        return False
    return _PHYSICAL.issuperset(_BRACKETS.findall(unit))


def _number(value: object) -> Decimal | None:
    """Return a JSON number; never by way of a float."""
    try:
        return Decimal(str(value)) if value is not None else None
    except InvalidOperation:
        return None


def in_base_units(value: Decimal, unit: str) -> tuple[Fraction, Units] | None:
    """Return a value, exactly, in base units, and these; None for a unit that the library does not know."""
    import pint
    from lark.exceptions import LarkError
    from pint.util import UnitsContainer

    registry = _registry()
    known: Any
    try:
        known = registry.from_ucum(unit)
    except LarkError:
        return None
    if not isinstance(known, pint.Quantity) or known.magnitude != 1:
        return None  # a number without a unit
    powers: Mapping[str, Any] = dict(known.unit_items())
    exponents = {name: Fraction(power) for name, power in powers.items()}
    units = UnitsContainer(exponents, non_int_type=Fraction)
    made = registry.Quantity(Fraction(value), units).to_root_units()
    return made.magnitude, dict(made.unit_items())


@cache
def _registry() -> Any:
    """Return the library; loading it takes half a second."""
    from ucumvert import PintUcumRegistry

    return PintUcumRegistry(non_int_type=Fraction)
