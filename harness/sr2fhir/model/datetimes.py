"""Dates and times: DA, TM and DT to FHIR date, time, dateTime and instant (PS3.5 section 6.2)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable

from sr2fhir.findings import FindingLog

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
