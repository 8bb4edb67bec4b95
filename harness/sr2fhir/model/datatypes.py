"""Members of the logical model, and DICOM's numbers, dates, times and names as FHIR writes them."""

from __future__ import annotations

import calendar
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject, NumberText

# ---- members ----------------------------------------------------------------------------------------------


def filled(members: JsonObject) -> JsonObject:
    """Return the members that have a value: never null, an empty text, list or object."""
    return {name: value for name, value in members.items() if value or value is False}


def traced(members: JsonObject, places: Mapping[str, str | Sequence[str]]) -> JsonObject:
    """Return the members that have a value, each named primitive followed by where it comes from.

    Parameters
    ----------
    members
        Values by name.
    places
        Position or keyword path of a primitive by its name; one for each value where it repeats.

    Examples
    --------
    >>> traced({"sex": "F", "birthDate": None}, {"sex": "PatientSex", "birthDate": "PatientBirthDate"})
    {'sex': 'F', '_sex': {'id': 'PatientSex'}}
    """
    found: JsonObject = {}
    for name, value in filled(members).items():
        found[name] = value
        if name in places:
            found[f"_{name}"] = _lineage(places[name], value)
    return found


def _lineage(places: str | Sequence[str], value: object) -> object:
    if not isinstance(value, list):
        return {"id": places}
    return [{"id": place} for place in ([places] * len(value) if isinstance(places, str) else places)]


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


# ---- dates and times (PS3.5 section 6.2) ------------------------------------------------------------------


_DA = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})|([0-9]{4})\.([0-9]{2})\.([0-9]{2})")
_TM = re.compile(r"([01][0-9]|2[0-3])(?::?([0-5][0-9])(?::?([0-5][0-9]|60)(?:\.([0-9]{1,6}))?)?)?")
_DT = re.compile(r"([0-9]{4})(?:(0[1-9]|1[0-2])(?:([0-9]{2})(?:([0-9]{2}[0-9.]*))?)?)?(?:([+-][0-9]{4}))?")
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
_FURTHEST = 14 * 60


def date(text: str) -> str | None:
    """Return a DA value as a FHIR date; None where it is not a day of the calendar."""
    match = _DA.fullmatch(text)
    if match is None:
        return None
    year, month, day = (match[1], match[2], match[3]) if match[1] else (match[4], match[5], match[6])
    return _day(year, month, day)


def time(text: str) -> str | None:
    """Return a TM value as a FHIR time, missing parts as ``00``; None where it is not a time of day."""
    match = _TM.fullmatch(text)
    if match is None:
        return None
    second = (match[3] or "00").replace("60", "59")
    fraction = f".{match[4]}" if match[4] else ""
    return f"{match[1]}:{match[2] or '00'}:{second}{fraction}"


def offset(text: str) -> str | None:
    """Return ``+0100`` or ``+01:00`` as FHIR writes it; None where it is no offset from UTC."""
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[3]) > 59 or int(match[2]) * 60 + int(match[3]) > _FURTHEST:
        return None
    sign = match[1] if match[2] + match[3] != "0000" else "+"
    return f"{sign}{match[2]}:{match[3]}"


def _day(year: str, month: str, day: str) -> str | None:
    if year == "0000" or not 1 <= int(month) <= 12:
        return None
    return f"{year}-{month}-{day}" if 1 <= int(day) <= calendar.monthrange(int(year), int(month))[1] else None


class Clock:
    """Complete dates and times with the offset from UTC that holds for one document.

    Parameters
    ----------
    stated
        Timezone Offset From UTC (0008,0201), where present.
    default
        Offset to assume otherwise, as FHIR writes it.
    log
        Receives one warning when the default had to be used.
    """

    def __init__(self, stated: str | None, default: str, log: FindingLog) -> None:
        self._stated = offset(stated) if stated else None
        self._default = offset(default) or "+00:00"
        self._log = log
        if stated and self._stated is None:
            log.add("warning", "invalid-value", "TimezoneOffsetFromUTC", "the offset from UTC is not one")

    def joined(self, day: str | None, hour: str | None, where: str) -> str | None:
        """Return a DA and a TM value as a dateTime; without a time, the date alone."""
        return self.completed(self._checked(date, day, where), self._checked(time, hour, where), where)

    def completed(self, day: str | None, hour: str | None, where: str) -> str | None:
        """Return a FHIR date and time as a dateTime; without a time, the date alone."""
        return f"{day}T{hour}{self._offset(where)}" if day and hour else day

    def date_time(self, text: str | None, where: str) -> str | None:
        """Return a DT value as a dateTime of the same precision."""
        if text is None:
            return None
        match = _DT.fullmatch(text)
        value = self._from_parts(match, where) if match else None
        if value is None:
            self._log.add("warning", "invalid-value", where, "the date and time is not one")
        return value

    def checked_date(self, text: str | None, where: str) -> str | None:
        """Return a DA value as a date, with a finding where it is none."""
        return self._checked(date, text, where)

    def checked_time(self, text: str | None, where: str) -> str | None:
        """Return a TM value as a time, with a finding where it is none."""
        return self._checked(time, text, where)

    def _from_parts(self, match: re.Match[str], where: str) -> str | None:
        year, month, day, rest, zone = match.groups()
        if day is None:
            return "-".join(part for part in (year, month) if part) if year != "0000" else None
        written = _day(year, month, day)
        if rest is None or written is None:
            return written
        moment = time(rest)
        place = offset(zone) if zone else self._offset(where)
        return f"{written}T{moment}{place}" if moment and place else None

    def _checked(self, convert: Callable[[str], str | None], text: str | None, where: str) -> str | None:
        if text is None:
            return None
        value = convert(text)
        if value is None:
            self._log.add("warning", "invalid-value", where, "the date or time is not one")
        return value

    def _offset(self, where: str) -> str:
        if self._stated:
            return self._stated
        self._log.once(
            "warning",
            "assumed-offset",
            where,
            f"the document states no offset from UTC; {self._default} was assumed",
            "State Timezone Offset From UTC (0008,0201), or configure the default offset",
        )
        return self._default


def is_instant(text: str | None) -> bool:
    """Tell whether a dateTime has a time of day, as an instant needs."""
    return text is not None and "T" in text


# ---- person names (PS3.5 section 6.2.1) -------------------------------------------------------------------


REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
_GROUPS: tuple[str | None, ...] = (None, "IDE", "SYL")
_DISPLAY_ALPHABETIC = (3, 1, 2, 0, 4)
_DISPLAY_OTHER = (3, 0, 1, 2, 4)
_PADDING = " \0"


def human_names(text: str, lineage: str) -> list[JsonObject]:
    """Return the alphabetic, ideographic and phonetic group of a PN value.

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
    groups = zip(text.split("="), _GROUPS, strict=False)
    return [name for group, kind in groups if (name := _human_name(group, kind, lineage))]


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
