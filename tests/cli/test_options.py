"""Options are checked where they are read, and say what is wrong with them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from sr2fhir.cli.main import join_signed, main
from sr2fhir.cli.options import argument, count, versions
from sr2fhir.configuration import time_zone
from sr2fhir.errors import UsageError
from sr2fhir.written import read_systems, uri

OFFSETS = {
    "+01:00": "+01:00",
    "+0100": "+01:00",
    "-0330": "-03:30",
    "Z": "+00:00",
    "+14:00": "+14:00",
    "-12:00": "-12:00",
    "Europe/Berlin": "Europe/Berlin",
}


@pytest.mark.parametrize(("text", "value"), OFFSETS.items())
def test_offsets(text: str, value: str) -> None:
    assert time_zone(text) == value


@pytest.mark.parametrize("text", ["", "1", "01:00", "+1:00", "+14:01", "-12:01", "+10:60", "Europe/Berlim"])
def test_what_is_no_offset(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="neither an offset from UTC nor a time zone"):
        argument(time_zone)(text)


def test_uris_are_absolute() -> None:
    assert uri("urn:oid:1.2.3") == "urn:oid:1.2.3"
    for text in ("", "hospital.example", "http: //a", "/a"):
        with pytest.raises(argparse.ArgumentTypeError, match="absolute"):
            argument(uri)(text)


UUID = "134ff38a-7740-53f6-9f1a-34e34f86e319"


def test_oids_and_uuids_have_the_form_that_fhir_wants() -> None:
    for text in ("urn:oid:1.2.840.99999.1", "urn:oid:2.999.0", f"urn:uuid:{UUID}"):
        assert uri(text) == text
    oids = ("1.2.x", "", "1", "3.1", "1.02", "1..2", "1.2.", "1.2.3 ")
    for text in (
        *(f"urn:oid:{oid}" for oid in oids),
        "URN:OID:1.2.3",
        "urn:uuid:1.2",
        f"urn:uuid:{UUID.upper()}",
    ):
        with pytest.raises(ValueError, match="absolute"):
            uri(text)


def test_jobs_are_counted_from_one() -> None:
    assert count("2") == 2
    for text in ("0", "-1", "two", "1.5", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            count(text)


def test_negative_offsets_need_no_equals_sign() -> None:
    assert join_signed(["a", "--timezone", "-05:00", "-"]) == ["a", "--timezone=-05:00", "-"]
    assert join_signed(["--timezone", "+05:00"]) == ["--timezone", "+05:00"]


def systems(file: Path) -> dict[str, str]:
    return read_systems(file, "the coding schemes", "99SITE")


TABLES = {
    "schemes.json": '{"99SITE": "http://site.example/codes"}',
    "schemes.toml": '99SITE = "http://site.example/codes"',
}


@pytest.mark.parametrize(("name", "text"), TABLES.items())
def test_coding_schemes(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert systems(tmp_path / name) == {"99SITE": "http://site.example/codes"}


BAD_TABLES = {
    "missing.json": None,
    "list.json": "[]",
    "number.json": '{"A": 1}',
    "relative.json": '{"A": "codes"}',
    "oid.json": '{"A": "urn:oid:1.2.x"}',
    "nameless.json": '{"": "http://a"}',
    "blank.json": '{" ": "http://a"}',
    "broken.json": "{",
    "broken.toml": "= 1",
    "latin1.json": '{"Ä": "http://a"}'.encode("latin-1"),
}


@pytest.mark.parametrize(("name", "content"), BAD_TABLES.items())
def test_bad_coding_schemes(name: str, content: str | bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError, match=name):
        systems(tmp_path / name)


PLACES = {
    "value.json": ('{\n  "HOSP_A": "urn:oid:1.2",\n  "HOSP_B": "hospital b"\n}', "line 3, HOSP_B"),
    "twice.json": ('{\n  "A": "urn:oid:1.2",\n  "A": "urn:oid:1.3"\n}', "line 3, A"),
    "blanks.json": ('{\n  "A": "urn:oid:1.2",\n  "A ": "urn:oid:1.3"\n}', "line 3, A "),
    "comma.json": ('{\n  "A": "urn:oid:1.2",\n}', "line 3"),
    "value.toml": ('# B = 1\nA = "urn:oid:1.2"\nB = 3\n', "line 3, B"),
    "twice.toml": ('A = "urn:oid:1.2"\nA = "urn:oid:1.3"\n', "line 2"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_mistake_in_a_table_is_told_with_line_and_key(name: str, tmp_path: Path) -> None:
    text, place = PLACES[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as raised:
        systems(tmp_path / name)
    assert raised.value.source == str(tmp_path / name)
    assert raised.value.where == place
    assert raised.value.hint


def test_names_are_taken_without_blanks_around_them(tmp_path: Path) -> None:
    (tmp_path / "issuers.json").write_text('{" HOSP_B ": "urn:oid:1.2"}')
    assert systems(tmp_path / "issuers.json") == {"HOSP_B": "urn:oid:1.2"}


def test_versions_are_numbers_texts_or_etags(tmp_path: Path) -> None:
    file = tmp_path / "versions.json"
    file.write_text('{"Observation/a-1": "3", "Device/b": 4, "BodyStructure/c": "W/\\"5\\""}')
    assert versions(file) == {"Observation/a-1": "3", "Device/b": "4", "BodyStructure/c": "5"}
    file.write_text('{\n"Observation/a-1": "3",\n"Observation": "1"}')
    with pytest.raises(UsageError) as raised:
        versions(file)
    assert raised.value.where == "line 3, Observation"


@pytest.mark.parametrize("version", ["null", "true", "3.5", "1e2", "-3", '"W/3"', "[3]", "{}"])
def test_a_version_is_text_or_a_whole_number(version: str, tmp_path: Path) -> None:
    file = tmp_path / "versions.json"
    file.write_text(f'{{\n"Observation/A": {version}}}')
    with pytest.raises(UsageError, match="not a resource and its version") as raised:
        versions(file)
    assert raised.value.where == "line 2, Observation/A"


@pytest.mark.parametrize("version", ["true", "3.5", "2026-01-01"])
def test_a_version_in_toml_is_text_or_a_whole_number(version: str, tmp_path: Path) -> None:
    file = tmp_path / "versions.toml"
    file.write_text(f'"Device/b" = 4\n"Observation/A" = {version}')
    with pytest.raises(UsageError, match="not a resource and its version") as raised:
        versions(file)
    assert raised.value.where == "line 2, Observation/A"


@pytest.mark.parametrize("name", ["Observatoin/1", "Patient/1"])
def test_a_version_of_what_is_never_updated_is_told_with_line_and_key(name: str, tmp_path: Path) -> None:
    file = tmp_path / "versions.json"
    file.write_text(f'{{\n"Observation/1": 1,\n"{name}": 1}}')
    with pytest.raises(UsageError, match="updates no") as raised:
        versions(file)
    assert raised.value.source == str(file)
    assert raised.value.where == f"line 3, {name}"
    assert "Observation" in (raised.value.hint or "")


USAGE = {
    "nothing": [],
    "no input": ["transform"],
    "unknown command": ["convert", "a.dcm"],
    "unknown option": ["transform", "a.dcm", "--fast"],
    "bad offset": ["transform", "a.dcm", "--timezone", "Mars"],
    "bad type": ["transform", "a.dcm", "--bundle", "batch"],
    "bad version of FHIR": ["transform", "a.dcm", "--fhir", "R3"],
    "bad form": ["render", "a.dcm", "--form", "literal"],
    "bad jobs": ["transform", "a.dcm", "--jobs", "0"],
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_use_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: sr2fhir" in capsys.readouterr().err
