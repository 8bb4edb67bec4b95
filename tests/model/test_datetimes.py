"""Dates and times (mapping section 3.1, row DA, TM, DT; PS3.5 Table 6.2-1)."""

from __future__ import annotations

import pytest
from sr2fhir.findings import FindingLog
from sr2fhir.model import datatypes
from sr2fhir.model.datatypes import Clock


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
    assert datatypes.date(written) == expected


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
    assert datatypes.time(written) == expected


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
    assert datatypes.offset(written) == expected


def test_date_and_time_are_joined_with_the_stated_offset(log):
    assert (
        Clock("+0100", "+00:00", log).joined("20190323", "082428", "StudyDate") == "2019-03-23T08:24:28+01:00"
    )
    assert log.frozen() == ()


def test_a_date_alone_stays_a_date(log):
    assert Clock(None, "+00:00", log).joined("20190323", None, "StudyDate") == "2019-03-23"
    assert log.frozen() == ()


def test_the_default_offset_is_assumed_with_one_warning(log):
    clock = Clock(None, "-05:00", log)
    assert clock.joined("20190323", "082428", "StudyDate") == "2019-03-23T08:24:28-05:00"
    assert clock.joined("20190324", "082428", "ContentDate") == "2019-03-24T08:24:28-05:00"
    assert [finding.code for finding in log] == ["assumed-offset"]


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
    assert Clock("+0100", "+00:00", log).date_time(written, "1.2") == expected


@pytest.mark.parametrize(
    "written", ["20191301", "20190323250000", "20190323082428-1500", "yesterday", "0000"]
)
def test_an_impossible_date_time_is_reported(written, log):
    assert Clock("+0100", "+00:00", log).date_time(written, "1.2") is None
    assert [(finding.code, finding.where) for finding in log] == [("invalid-value", "1.2")]


def test_an_offset_that_is_none_is_reported_and_not_used(log):
    assert Clock("Z", "+00:00", log).joined("20190323", "08", "StudyDate") == "2019-03-23T08:00:00+00:00"
    assert [finding.code for finding in log] == ["invalid-value", "assumed-offset"]


def test_an_instant_needs_a_time_of_day():
    assert datatypes.is_instant("2019-03-23T08:24:28+00:00")
    assert not datatypes.is_instant("2019-03-23")
    assert not datatypes.is_instant(None)
