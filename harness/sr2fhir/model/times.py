"""Dates and times of DICOM (PS3.5 section 6.2) as FHIR writes them, with the offset from UTC that holds."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sr2fhir.errors import UsageError
from sr2fhir.findings import FindingLog

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

Conversion = Callable[[str], str | None]

# ---- values ------------------------------------------------------------------------------------------------

_DA = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})|([0-9]{4})\.([0-9]{2})\.([0-9]{2})")
_TM = re.compile(r"([01][0-9]|2[0-3])(?::?([0-5][0-9])(?::?([0-5][0-9]|60)(?:\.([0-9]{1,6}))?)?)?")
_DT = re.compile(r"([0-9]{4})(?:(0[1-9]|1[0-2])(?:([0-9]{2})(?:([0-9]{2}[0-9.]*))?)?)?(?:([+-][0-9]{4}))?")
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")
_FURTHEST = 14 * 60
# in use are -12:00 to +14:00 (PS3.3 C.12.1.1)
_LEAST = -12 * 60
FRACTION_DIGITS = 6


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


def is_instant(text: str | None) -> bool:
    """Tell whether a dateTime has a time of day, as an instant needs."""
    return text is not None and "T" in text


def _day(year: str, month: str, day: str) -> str | None:
    if year == "0000" or not 1 <= int(month) <= 12:
        return None
    return f"{year}-{month}-{day}" if 1 <= int(day) <= calendar.monthrange(int(year), int(month))[1] else None


# ---- what is not written as DICOM demands, though its meaning is plain: ISO 8601, further digits -----------

_ISO_DAY = r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"
_ISO_TIME = r"([0-9]{2})(?P<colon>:?)([0-9]{2})(?:(?P=colon)([0-9]{2})(?:[.,]([0-9]+))?)?"
_ISO_ZONE = r"(?:(Z)|([+-][0-9]{2})(?::?([0-9]{2}))?)"
_PLAIN_DA = re.compile(_ISO_DAY)
_PLAIN_TM = re.compile(_ISO_TIME)
_PLAIN_DT = re.compile(rf"{_ISO_DAY}(?:[T ]?{_ISO_TIME})?(?: ?{_ISO_ZONE})?")


def plain_date(text: str) -> str | None:
    """Return ``2024-05-21`` as a DA value; None where the text is of another form."""
    match = _PLAIN_DA.fullmatch(text)
    return f"{match[1]}{match[3]}{match[4]}" if match else None


def plain_time(text: str) -> str | None:
    """Return a time with a comma, or with more than six digits of fraction, as a TM value."""
    match = _PLAIN_TM.fullmatch(text)
    return _joined_time(match[1], match[3], match[4], match[5]) if match else None


def plain_date_time(text: str) -> str | None:
    """Return a date and time of ISO 8601, in its basic or extended form, as a DT value.

    Examples
    --------
    >>> plain_date_time("2024-05-21T12:45:12.1234567Z"), plain_date_time("20240521124512+02:00")
    ('20240521124512.123456+0000', '20240521124512+0200')
    """
    match = _PLAIN_DT.fullmatch(text)
    if match is None:
        return None
    year, _, month, day, hour, _, minute, second, fraction, utc, hours, minutes = match.groups()
    moment = _joined_time(hour, minute, second, fraction) if hour else ""
    zone = "+0000" if utc else f"{hours}{minutes or '00'}" if hours else ""
    return f"{year}{month}{day}{moment}{zone}"


def _joined_time(hour: str, minute: str, second: str | None, fraction: str | None) -> str:
    return f"{hour}{minute}{second or ''}" + (f".{fraction[:FRACTION_DIGITS]}" if fraction else "")


# ---- time zones --------------------------------------------------------------------------------------------

# what a machine calls its own zone: the same input would not give the same output everywhere
_OF_THE_MACHINE = frozenset({"localtime", "posixrules"})


def zone(name: str) -> str | ZoneInfo:
    """Return an offset from UTC as FHIR writes it, or the rules of a time zone.

    Parameters
    ----------
    name
        `+01:00`, `+0100`, `Z`, or a name of the IANA Time Zone Database such as `Europe/Berlin`.

    Raises
    ------
    UsageError
        It is neither, or this machine has no time zone database.
    """
    known = "+00:00" if name == "Z" else offset(name)
    if known and int(f"{known[0]}{int(known[1:3]) * 60 + int(known[4:])}") >= _LEAST:
        return known
    import zoneinfo  # noqa: PLC0415 - most runs name none

    try:
        if name not in _OF_THE_MACHINE:
            return zoneinfo.ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        if not zoneinfo.available_timezones():
            message = "this machine has no time zone database"
            raise UsageError(message, hint="Install the Python package tzdata") from None
    raise UsageError(
        f"{name!r} is neither an offset from UTC nor a time zone",
        hint="Give -12:00 to +14:00, or a name of the IANA Time Zone Database such as Europe/Berlin",
    )


def _offsets_in(rules: ZoneInfo, day: str, hour: str) -> tuple[str, str]:
    """Return the offset at a time of day, twice; two where clocks are set back or forward over it."""
    at = datetime.fromisoformat(f"{day}T{hour[:8]}").replace(tzinfo=rules)
    return _written_offset(at), _written_offset(at.replace(fold=1))


def _written_offset(at: datetime) -> str:
    seconds = (at.utcoffset() or at - at).total_seconds()
    hours, minutes = divmod(round(abs(seconds) / 60), 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


# ---- one document ------------------------------------------------------------------------------------------

_HINT = "State Timezone Offset From UTC (0008,0201), or configure the time zone"
_LEFT_OUT = "no offset from UTC is known: the time of day is left out, the date stands"
_ASSUMED = "the document states no offset from UTC: UTC was assumed where an instant is needed"
_CONFIGURED = "the document states no offset from UTC: that of the configured time zone was taken"
_TWICE = "clocks are set back or forward over this time of day: the offset before that was taken"
_INVALID = "the date or time is not one"
_PLAIN = "the date or time is not written as DICOM demands; its meaning is plain, and was taken"
_CUT = f"the time has more than {FRACTION_DIGITS} digits of fraction; those after them are left out"
_LONG_FRACTION = re.compile(rf"[.,][0-9]{{{FRACTION_DIGITS + 1}}}")


class Clock:
    """Complete dates and times with the offset from UTC that holds for one document (decision D39).

    Where no offset is known, a dateTime has the precision of a date, and an instant is taken to be in UTC.

    Parameters
    ----------
    stated
        Timezone Offset From UTC (0008,0201), where present.
    configured
        Offset or IANA name of the time zone that holds otherwise, as `zone` takes it.
    log
        Receives what had to be assumed or left out.
    """

    def __init__(self, stated: str | None, configured: str | None, log: FindingLog) -> None:
        self._stated = offset(stated) if stated else None
        self._zone = zone(configured) if configured else None
        self._log = log
        where = "TimezoneOffsetFromUTC"
        if stated and self._stated is None:
            log.add("warning", "invalid-value", where, "the offset from UTC is not one")
        elif stated and ":" in stated:
            log.add("warning", "non-conformant-value", where, _PLAIN)

    def date(self, text: str | None, where: str) -> str | None:
        """Return a DA value as a date, with a finding where it is none."""
        return self._read(text, date, plain_date, where)

    def time(self, text: str | None, where: str) -> str | None:
        """Return a TM value as a time, with a finding where it is none."""
        return self._read(text, time, plain_time, where)

    def joined(self, day: str | None, hour: str | None, where: str, *, instant: bool = False) -> str | None:
        """Return a date and a time as a dateTime or an instant; without a time, the date alone.

        Parameters
        ----------
        day, hour
            As FHIR writes them.
        where
            Place of the time.
        instant
            Whether a date alone is of no use.
        """
        known = self._offset(day, hour, where, instant=instant) if day and hour else None
        return f"{day}T{hour}{known}" if known else day

    def date_time(self, text: str | None, where: str, *, instant: bool = False) -> str | None:
        """Return a DT value as a dateTime of the same precision."""

        def converted(written: str) -> str | None:
            match = _DT.fullmatch(written)
            return self._from_parts(match, where, instant=instant) if match else None

        return self._read(text, converted, plain_date_time, where)

    def is_known(self) -> bool:
        """Tell whether an offset is stated or configured."""
        return bool(self._stated or self._zone)

    def leave_out(self, where: str) -> None:
        """Report a time of day that no dateTime can have, because no offset is known."""
        self._log.add("information", "assumed-offset", where, _LEFT_OUT, _HINT)

    def _from_parts(self, match: re.Match[str], where: str, *, instant: bool) -> str | None:
        year, month, day, rest, own = match.groups()
        if day is None:
            return "-".join(part for part in (year, month) if part) if year != "0000" else None
        written = _day(year, month, day)
        if rest is None or written is None:
            return written
        moment = time(rest)
        if moment is None or (own and offset(own) is None):
            return None
        return (
            f"{written}T{moment}{offset(own)}"
            if own
            else self.joined(written, moment, where, instant=instant)
        )

    def _read(self, text: str | None, convert: Conversion, plain: Conversion, where: str) -> str | None:
        if text is None:
            return None
        value = convert(text)
        if value is not None:
            return value
        meant = plain(text)
        value = convert(meant) if meant else None
        if value is None:
            self._log.add("warning", "invalid-value", where, _INVALID)
        else:
            message = _CUT if _LONG_FRACTION.search(text) else _PLAIN
            self._log.add("warning", "non-conformant-value", where, message)
        return value

    def _offset(self, day: str, hour: str, where: str, *, instant: bool) -> str | None:
        if self._stated:
            return self._stated
        if self._zone:
            self._log.once("information", "assumed-offset", where, _CONFIGURED, kept=True)
            return self._configured(day, hour, where)
        if instant:
            self._log.once("warning", "assumed-offset", where, _ASSUMED, _HINT, kept=True)
            return "+00:00"
        self.leave_out(where)
        return None

    def _configured(self, day: str, hour: str, where: str) -> str | None:
        if self._zone is None or isinstance(self._zone, str):
            return self._zone
        known, other = _offsets_in(self._zone, day, hour)
        if known != other:
            self._log.add("warning", "assumed-offset", where, _TWICE, kept=True)
        return known
