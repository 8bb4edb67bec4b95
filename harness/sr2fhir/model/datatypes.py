"""Members of the logical model, and DICOM's numbers and names as FHIR writes them."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject, NumberText

# ---- members ----------------------------------------------------------------------------------------------


def filled(members: JsonObject) -> JsonObject:
    """Return the members that have a value: never null, an empty text, list or object."""
    return {name: value for name, value in members.items() if value or value is False}


def traced(members: JsonObject, lineage: Mapping[str, str | Sequence[str]]) -> JsonObject:
    """Return the members that have a value, each named primitive followed by where it comes from.

    Parameters
    ----------
    members
        Values by name.
    lineage
        Position or keyword path of a primitive by its name; one for each value where it repeats.

    Examples
    --------
    >>> traced({"sex": "F", "birthDate": None}, {"sex": "PatientSex", "birthDate": "PatientBirthDate"})
    {'sex': 'F', '_sex': {'id': 'PatientSex'}}
    """
    found: JsonObject = {}
    for name, value in filled(members).items():
        found[name] = value
        if name in lineage:
            found[f"_{name}"] = _ids(lineage[name], value)
    return found


def _ids(lineage: str | Sequence[str], value: object) -> object:
    if not isinstance(value, list):
        return {"id": lineage}
    return [{"id": each} for each in ([lineage] * len(value) if isinstance(lineage, str) else lineage)]


def joined(*sources: str) -> str:
    """Return the lineage id of a value that was made of several sources.

    Examples
    --------
    >>> joined("StudyDate", "StudyTime"), joined("1.4", "1.4.1")
    ('StudyDate-StudyTime', '1.4-1.4.1')
    """
    return "-".join(sources)


# ---- numbers ----------------------------------------------------------------------------------------------


MAX_BEFORE_POINT = 18
MAX_AFTER_POINT = 17
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_SMALLEST_NORMAL = 2.0**-126
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def decimal(text: str) -> NumberText | None:
    """Return a decimal string as a JSON number with the same digits.

    Plain notation, unless that needs more than 18 digits before or 17 after the point: then an exponent, and
    as many digits before the point as FHIR's regular expression for decimals asks for. ``+`` and leading
    zeros are dropped, a bare point is completed, ``-0`` stays.

    Returns
    -------
    NumberText or None
        None where the text is not one decimal number, or has more than the 35 digits that FHIR can hold.
    """
    if not _DECIMAL.fullmatch(text):
        return None
    value = Decimal(text)
    if len(value.as_tuple().digits) > MAX_BEFORE_POINT + MAX_AFTER_POINT:
        return None
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
    before = max(1, len(text) - MAX_AFTER_POINT)
    fraction = f".{text[before:]}" if len(text) > before else ""
    return f"{'-' if sign else ''}{text[:before]}{fraction}e{int(exponent) + len(text) - before}"


# ---- person names (PS3.5 section 6.2.1) -------------------------------------------------------------------


REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_GROUPS: tuple[str | None, ...] = (None, "IDE", "SYL")
_NEXT_VALUE = "\\"
_DISPLAY_ALPHABETIC = (3, 1, 2, 0, 4)
_DISPLAY_OTHER = (3, 0, 1, 2, 4)
_PADDING = " \0"


def human_names(text: str, lineage: str) -> list[JsonObject]:
    """Return the alphabetic, ideographic and phonetic group of a PN value, of several values of the first.

    Parameters
    ----------
    text
        The value as DICOM writes it: ``family^given^middle^prefix^suffix``, groups parted by ``=``.
    lineage
        Position or keyword path to carry as ``id``.

    Returns
    -------
    list
        One HumanName for each group that is not empty.
    """
    groups = zip(text.partition(_NEXT_VALUE)[0].split("="), _GROUPS, strict=False)
    return [name for group, kind in groups if (name := _human_name(group, kind, lineage))]


def report_further_persons(text: str, where: str, log: FindingLog) -> None:
    """Report that a PN attribute has several values, where DICOM allows one: each names another person."""
    if _NEXT_VALUE in text:
        log.add("warning", "multiplicity", where, "the attribute names several persons: the first was taken")


def report_further_names(named: list[JsonObject], log: FindingLog) -> None:
    """Report the further groups of a name where the profile has room for one."""
    for name in named[1:2]:
        message = "the name has further groups of components: the first was taken"
        log.add("information", "multiplicity", name["id"], message)


def text_name(text: str, lineage: str) -> list[JsonObject]:
    """Return a name that was written as plain text."""
    return [{"id": lineage, "text": text}]


def _human_name(group: str, kind: str | None, lineage: str) -> JsonObject | None:
    parts = [part.strip(_PADDING) for part in group.split("^")]
    parts += [""] * (5 - len(parts))
    if not any(parts):
        return None
    name: JsonObject = {"id": lineage}
    if kind:
        name["extension"] = [{"url": REPRESENTATION, "valueCode": kind}]
    name["text"] = " ".join(parts[i] for i in (_DISPLAY_OTHER if kind else _DISPLAY_ALPHABETIC) if parts[i])
    return name | _components(parts)


def _components(parts: list[str]) -> JsonObject:
    components: JsonObject = {
        "family": parts[0],
        "given": [part for part in parts[1:3] if part],
        "prefix": [part for part in parts[3:4] if part],
        "suffix": [part for part in parts[4:5] if part],
    }
    return {key: value for key, value in components.items() if value}
