"""Dates and times (mapping section 3.1, row DA, TM, DT; PS3.5 Table 6.2-1)."""

from __future__ import annotations

import zoneinfo

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.findings import FindingLog
from sr2fhir.model import times
from sr2fhir.model.times import Clock


@pytest.fixture
def log():
    return FindingLog()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("20190323", "2019-03-23"),
        ("2019.03.23", "2019-03-23"),
        ("20240229", "2024-02-29"),
        ("20230229", None),
        ("20191301", None),
        ("00000101", None),
        ("2019", None),
        ("2019-03-23", None),
    ],
)
def test_dates(written, expected):
    assert times.date(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("082428", "08:24:28"),
        ("08", "08:00:00"),
        ("0824", "08:24:00"),
        ("08:24:28", "08:24:28"),
        ("082460", "08:24:59"),
        ("082428.5", "08:24:28.5"),
        ("082428.123456", "08:24:28.123456"),
        ("24", None),
        ("0860", None),
        ("0824.5", None),
    ],
)
def test_times(written, expected):
    assert times.time(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+0100", "+01:00"),
        ("-0330", "-03:30"),
        ("-0000", "+00:00"),
        ("+1400", "+14:00"),
        ("+1430", None),
        ("0100", None),
        ("+0160", None),
    ],
)
def test_offsets(written, expected):
    assert times.offset(written) == expected


def codes(log):
    return [(finding.severity, finding.code, finding.where) for finding in log]


def test_date_and_time_are_joined_with_the_stated_offset(log):
    clock = Clock("+0100", None, log)
    assert clock.joined("2019-03-23", "08:24:28", "StudyTime") == "2019-03-23T08:24:28+01:00"
    assert clock.joined("2019-03-23", None, "StudyTime") == "2019-03-23"
    assert log.frozen() == ()


def test_without_an_offset_a_date_time_has_the_precision_of_a_date(log):
    clock = Clock(None, None, log)
    assert clock.joined("2019-03-23", "08:24:28", "StudyTime") == "2019-03-23"
    assert clock.date_time("20190323082428", "1.2") == "2019-03-23"
    assert codes(log) == [
        ("information", "assumed-offset", "StudyTime"),
        ("information", "assumed-offset", "1.2"),
    ]
    assert not any(finding.kept for finding in log)


def test_without_an_offset_an_instant_is_taken_to_be_in_utc_with_one_warning(log):
    clock = Clock(None, None, log)
    assert clock.joined("2019-03-23", "08:24:28", "ContentTime", instant=True) == "2019-03-23T08:24:28+00:00"
    assert clock.date_time("20190324082428", "1.2", instant=True) == "2019-03-24T08:24:28+00:00"
    assert codes(log) == [("warning", "assumed-offset", "ContentTime")]
    assert all(finding.kept for finding in log)


def test_an_offset_of_its_own_comes_first(log):
    assert Clock("+0100", "+02:00", log).date_time("20190323082428-0500", "1") == "2019-03-23T08:24:28-05:00"
    assert Clock(None, None, log).date_time("20190323082428-0500", "1") == "2019-03-23T08:24:28-05:00"
    assert log.frozen() == ()


def test_the_configured_offset_is_told_once(log):
    clock = Clock(None, "-05:00", log)
    assert clock.joined("2019-03-23", "08:24:28", "StudyTime") == "2019-03-23T08:24:28-05:00"
    assert clock.joined("2019-03-24", "08:24:28", "ContentTime") == "2019-03-24T08:24:28-05:00"
    assert codes(log) == [("information", "assumed-offset", "StudyTime")]


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2024-01-15", "+01:00"), ("2024-07-15", "+02:00"), ("1975-07-15", "+01:00")],
)
def test_the_offset_of_a_time_zone_is_that_of_the_date(day, expected, log):
    """Berlin had no summer time in 1975."""
    clock = Clock(None, "Europe/Berlin", log)
    assert clock.joined(day, "08:24:28.25", "StudyTime") == f"{day}T08:24:28.25{expected}"
    assert codes(log) == [("information", "assumed-offset", "StudyTime")]


def test_a_time_of_day_that_occurs_twice_is_told(log):
    """On 27 October 2024 clocks in Berlin went back from 3:00 to 2:00."""
    clock = Clock(None, "Europe/Berlin", log)
    assert clock.joined("2024-10-27", "02:30:00", "StudyTime") == "2024-10-27T02:30:00+02:00"
    assert [finding.severity for finding in log] == ["information", "warning"]


@pytest.mark.parametrize(
    "name", ["Europe/Berlim", "", "localtime", "/etc/passwd", "-12:30", "+14:30", "Europe"]
)
def test_what_is_no_time_zone(name):
    with pytest.raises(UsageError, match="neither an offset from UTC nor a time zone"):
        times.zone(name)


def test_a_machine_without_a_time_zone_database(monkeypatch):
    def missing(name):
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    with pytest.raises(UsageError, match="no time zone database") as caught:
        times.zone("Europe/Berlin")
    assert "tzdata" in caught.value.hint


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2019", "2019"),
        ("201903", "2019-03"),
        ("20190323", "2019-03-23"),
        ("2019032308", "2019-03-23T08:00:00+01:00"),
        ("20190323082428.25", "2019-03-23T08:24:28.25+01:00"),
        ("20190323082428-0500", "2019-03-23T08:24:28-05:00"),
    ],
)
def test_date_times_keep_their_precision_and_their_own_offset(written, expected, log):
    assert Clock("+0100", None, log).date_time(written, "1.2") == expected
    assert log.frozen() == ()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("20190323082428+02:00", "2019-03-23T08:24:28+02:00"),
        ("2019-03-23T08:24:28Z", "2019-03-23T08:24:28+00:00"),
        ("2019-03-23 08:24:28 -0330", "2019-03-23T08:24:28-03:30"),
        ("2019-03-23T08:24", "2019-03-23T08:24:00+01:00"),
        ("20190323T082428,5", "2019-03-23T08:24:28.5+01:00"),
        ("20190323082428.1234567+0100", "2019-03-23T08:24:28.123456+01:00"),
        ("20190323082428-05", "2019-03-23T08:24:28-05:00"),
        ("2019-03-23", "2019-03-23"),
    ],
)
def test_a_date_time_whose_meaning_is_plain_is_read_with_a_finding(written, expected, log):
    assert Clock("+0100", None, log).date_time(written, "1.2") == expected
    assert codes(log) == [("warning", "non-conformant-value", "1.2")]


def test_dates_and_times_whose_meaning_is_plain_are_read_with_a_finding(log):
    clock = Clock("-01:30", None, log)
    assert clock.date("2019-03-23", "1.1") == "2019-03-23"
    assert clock.time("082428.1234567", "1.2") == "08:24:28.123456"
    assert clock.time("08:24:28,5", "1.3") == "08:24:28.5"
    assert clock.joined("2019-03-23", "08:24:28", "1.4") == "2019-03-23T08:24:28-01:30"
    assert [(finding.code, finding.where) for finding in log] == [
        ("non-conformant-value", place) for place in ("TimezoneOffsetFromUTC", "1.1", "1.2", "1.3")
    ]


@pytest.mark.parametrize(
    "written",
    [
        *("20191301", "20190323250000", "20190323082428-1500", "yesterday", "0000", "03/04/2019", "2019-03"),
        *("2019-02-30T08:24", "2019-3-4", "20190323 8:24 PM", "2019-03-23T08:2428"),
    ],
)
def test_an_impossible_date_time_is_reported(written, log):
    assert Clock("+0100", None, log).date_time(written, "1.2") is None
    assert [(finding.code, finding.where) for finding in log] == [("invalid-value", "1.2")]


def test_an_offset_that_is_none_is_reported_and_not_used(log):
    assert Clock("Z", None, log).joined("2019-03-23", "08:00:00", "StudyTime") == "2019-03-23"
    assert [finding.code for finding in log] == ["invalid-value", "assumed-offset"]


def test_an_instant_needs_a_time_of_day():
    assert times.is_instant("2019-03-23T08:24:28+00:00")
    assert not times.is_instant("2019-03-23")
    assert not times.is_instant(None)
