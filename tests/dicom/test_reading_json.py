"""The DICOM JSON Model, as PS3.18 Annex F has it and as it is met."""

from __future__ import annotations

import base64
import json
import math
import warnings
from typing import Any

import pytest
from pydicom.tag import Tag
from sr2fhir.dicom import SourceDocument, read
from sr2fhir.dicom.dicom_json import members
from sr2fhir.errors import DamagedError, InputError, NotDicomError

from tests.dicom.specimens import (
    FILES,
    json_bytes,
    json_report,
    nested_json,
    read_by_pydicom,
    sample,
)
from tests.dicom.test_reading_samples import listed

ODD = "non-conformant-json"


def document(tag: str, content: Any) -> SourceDocument:
    """Read a small report with one attribute; a string is JSON text, so that numbers keep theirs."""
    text = content if isinstance(content, str) else json.dumps(content)
    data = json.dumps(json_report())[:-1] + f', "{tag}": {text}}}'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(data.encode())


def told(source: SourceDocument) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in source.findings]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:The value length")
def test_equals_the_file(path) -> None:
    """What pydicom writes as JSON reads like the file, but for the charset, File Meta Information and empty values."""
    dataset = read_by_pydicom(path.read_bytes())
    from_json = read(dataset.to_json().encode())
    assert from_json.findings == ()
    assert without_blanks(listed(from_json.dataset)) == without_blanks(listed(dataset))


def without_blanks(lines: list[tuple[str, str, str, object]]) -> list[tuple[str, str, str, object]]:
    return [line for line in lines if line[3] not in ("", None, [])]


def test_sample_of_the_guide() -> None:
    source = read(sample("ig_example"))
    assert source.dataset.AccessionNumber == "ACSN-235813"
    assert source.dataset.ContentSequence[0].ConceptNameCodeSequence[0].CodeValue
    assert source.dataset.ReferencedPerformedProcedureStepSequence == []
    assert source.dataset.ReferringPhysicianName == ""
    assert told(source) == [(ODD, "AccessionNumber")]


@pytest.mark.parametrize(
    "text", ["12.500", "1e3", "-0", "0.10", "4.961525E-01", "31112.20", "100000000000000000001"]
)
def test_text_of_numbers_is_kept(text: str) -> None:
    for written in (f'"{text}"', f'" {text} "'):
        source = document("0040A30A", f'{{"vr": "DS", "Value": [{written}]}}')
        assert source.dataset.NumericValue.original_string == text
        assert source.findings == ()


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("12.500", "12.5"),
        ("3.111220E+04", "3.11122E+04"),
        ("7.000", "7"),
        ("-0", "-0"),
        ("100", "100"),
        ("1e3", "1e3"),
    ],
)
def test_json_number_is_a_value(written: str, text: str) -> None:
    source = document("0040A30A", f'{{"vr": "DS", "Value": [{written}]}}')
    assert source.dataset.NumericValue.original_string == text


def test_whole_numbers() -> None:
    for written in ("7", '"7"', '"07"'):
        value = document("00200011", f'{{"vr": "IS", "Value": [{written}]}}').dataset.SeriesNumber
        assert value == 7
        assert value.original_string == written.strip('"')


@pytest.mark.parametrize(
    ("vr", "tag", "given", "value"),
    [
        ("FD", "0040A161", "[0.1, 12.500]", [0.1, 12.5]),
        ("FD", "0040A161", '["0.1"]', 0.1),
        ("FL", "00700022", "[1, -2.5]", [1.0, -2.5]),
        ("UL", "0040A162", "[4294967295]", 4294967295),
        ("US", "0040A0B0", '[1, "2"]', [1, 2]),
        ("SL", "0040A162", "[-3]", -3),
    ],
)
def test_binary_numbers(vr: str, tag: str, given: str, value: object) -> None:
    source = document(tag, f'{{"vr": "{vr}", "Value": {given}}}')
    read_value = source.dataset[Tag(tag)].value
    assert read_value == value
    assert source.findings == ()


def test_numbers_that_are_none() -> None:
    for written, check in (
        ('"NaN"', math.isnan),
        ("NaN", math.isnan),
        ("Infinity", math.isinf),
        ('"-inf"', math.isinf),
    ):
        assert check(document("0040A161", f'{{"vr": "FD", "Value": [{written}]}}').dataset.FloatingPointValue)


@pytest.mark.parametrize("content", [{"vr": "LO"}, {"vr": "LO", "Value": None}, {"vr": "LO", "Value": []}])
def test_no_value(content: object) -> None:
    source = document("00100020", content)
    assert source.dataset.PatientID == ""
    assert source.findings == ()


def test_null_among_values() -> None:
    assert list(document("00081010", {"vr": "SH", "Value": ["a", None, "c"]}).dataset.StationName) == [
        "a",
        "",
        "c",
    ]


@pytest.mark.parametrize(
    ("tag", "content", "value"),
    [
        ("00100020", {"vr": "LO", "Value": "bare"}, "bare"),
        ("00100020", {"Value": ["no vr"]}, "no vr"),
        ("00100020", {"vr": "??", "Value": ["odd vr"]}, "odd vr"),
        ("00100020", "bare text", "bare text"),
        ("00100010", {"vr": "PN", "Value": ["A^B"]}, "A^B"),
        ("0040A30A", {"vr": "LO", "Value": ["12.50"]}, "12.50"),
        ("00200052", {"vr": "LO", "Value": ["1.2.3"]}, "1.2.3"),
    ],
)
def test_tolerated_with_a_finding(tag: str, content: object, value: object) -> None:
    source = document(tag, json.dumps(content))
    assert source.dataset[Tag(tag)].value == value
    assert [finding.code for finding in source.findings] == [ODD]
    assert {finding.severity for finding in source.findings} == {"warning"}


@pytest.mark.parametrize("vr", ["UT", "SH", "LT"])
def test_another_text_vr_is_as_good(vr: str) -> None:
    source = document("00100020", {"vr": vr, "Value": ["text"]})
    assert source.dataset.PatientID == "text"
    assert source.findings == ()


def test_tolerated_without_one() -> None:
    assert document("0010002", "0").findings[0].code == ODD  # seven digits are no tag
    source = document("0040a30a", {"vr": "DS", "Value": [5]})
    assert source.dataset.NumericValue == 5
    assert source.findings == ()
    alone = json_report()
    assert read(json_bytes([alone])).findings == ()
    assert read(b"\xef\xbb\xbf" + json_bytes(alone)).findings == ()


def test_sequences() -> None:
    one = {"00080100": {"vr": "SH", "Value": ["a"]}}
    bare = document("00081032", {"vr": "SQ", "Value": one})
    assert bare.dataset.ProcedureCodeSequence[0].CodeValue == "a"
    assert told(bare) == [(ODD, "ProcedureCodeSequence")]
    for content in ({"vr": "SQ"}, {"vr": "SQ", "Value": None}, {"vr": "SQ", "Value": []}):
        empty = document("00081032", content)
        assert list(empty.dataset.ProcedureCodeSequence) == []
        assert empty.findings == ()
    holes = document("00081032", {"vr": "SQ", "Value": [{}, None, one, "odd"]})
    assert [len(item) for item in holes.dataset.ProcedureCodeSequence] == [0, 0, 1, 0]
    assert told(holes) == [(ODD, "ProcedureCodeSequence")]


def test_person_names() -> None:
    groups = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    name = document("00100010", {"vr": "PN", "Value": [groups]}).dataset.PatientName
    assert name.components == tuple(groups.values())
    phonetic = document("00100010", {"vr": "PN", "Value": [{"Phonetic": "x"}]}).dataset.PatientName
    assert str(phonetic) == "==x"


def test_binary_values() -> None:
    packed = base64.b64encode(b"\0\1\2").decode()
    source = document("00420011", {"vr": "OB", "InlineBinary": packed})
    assert source.dataset.EncapsulatedDocument == b"\0\1\2"
    for content in (
        {"vr": "OB", "InlineBinary": "%%%"},
        {"vr": "OB", "InlineBinary": 5},
        {"vr": "OB", "Value": [1]},
    ):
        damaged = document("00420011", content)
        assert not damaged.dataset.EncapsulatedDocument
        assert told(damaged) == [("invalid-value", "EncapsulatedDocument")]


def test_values_held_elsewhere() -> None:
    source = document("00700022", {"vr": "FL", "BulkDataURI": "http://localhost/graphic"})
    assert source.dataset.GraphicData is None
    assert told(source) == [("bulk-data", "GraphicData")]
    assert "localhost" not in f"{source.findings}"


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        ("0040A161", "FD", "much"),
        ("0040A161", "FD", {}),
        ("0040A162", "UL", "1.5"),
        ("0040A162", "UL", "1_5"),
        ("0040A162", "UL", "9" * 5000),
        ("00209165", "AT", "0010"),
        ("00209165", "AT", 5),
        ("00100020", "LO", {"a": 1}),
        ("00100020", "LO", [1]),
        ("00100020", "LO", True),
        ("00100010", "PN", {"Alphabetic": True}),
    ],
)
def test_values_that_cannot_be_read(tag: str, vr: str, value: object) -> None:
    source = document(tag, {"vr": vr, "Value": [value]})
    assert source.dataset[Tag(tag)].value in (None, "")
    assert [finding.code for finding in source.findings] == ["invalid-value"]


def test_tags_as_values() -> None:
    assert (
        document("00209165", {"vr": "AT", "Value": ["00100020"]}).dataset.DimensionIndexPointer == 0x00100020
    )


def test_file_meta_information() -> None:
    source = document("00020010", {"vr": "UI", "Value": ["1.2.840.10008.1.2"]})
    assert source.dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    assert 0x00020010 not in source.dataset


def test_tag_that_comes_twice() -> None:
    source = document(
        "00100020", '{"vr": "LO", "Value": ["one"]}, "00100020": {"vr": "LO", "Value": ["two"]}'
    )
    assert source.dataset.PatientID == "two"
    assert [finding.code for finding in source.findings] == ["duplicate-attribute"]


def test_text_that_is_no_unicode() -> None:
    latin = json.dumps(json_report(t00100020={"vr": "LO", "Value": ["caf\xe9"]}), ensure_ascii=False).encode(
        "latin_1"
    )
    source = read(latin)
    assert source.dataset.PatientID == "café"
    assert [finding.code for finding in source.findings] == ["assumed-character-set"]


def test_half_a_character() -> None:
    source = document("00100020", r'{"vr": "LO", "Value": ["a\ud83d", "\ud83d\ude00"]}')
    assert list(source.dataset.PatientID) == ["a\ufffd", "\U0001f600"]
    assert told(source) == [("undecodable-text", "PatientID")]


def test_cut_text() -> None:
    data = sample("ig_example")
    for size in range(20, len(data) - 4, 101):
        with pytest.raises(DamagedError, match=r"cut off or not well-formed.* at line") as caught:
            read(data[:size], name="x.json")
        assert caught.value.source == "x.json"
        assert caught.value.hint


@pytest.mark.parametrize(
    "data", [b'{"00080016": }', b'[{"00080016": {"vr"', b'{"00080016": {}} x', b'{"00080016": {}}}']
)
def test_text_that_is_not_well_formed(data: bytes) -> None:
    with pytest.raises(DamagedError):
        read(data)


def test_search_result_without_content() -> None:
    content = json_report()
    del content["0040A730"]
    with pytest.raises(DamagedError, match="not complete") as caught:
        read(json_bytes(content))
    assert caught.value.where == "ContentSequence"


# ---- arrays ----


def test_members_of_an_array() -> None:
    one, two = json_report(), json_report(t00100020={"vr": "LO", "Value": ['[,]{\\"} é']})
    for text in (
        json.dumps([one, two]),
        json.dumps([one, two], indent=2, ensure_ascii=False),
        f" [{json.dumps(one)} , {json.dumps(two)}]\n",
    ):
        parts = list(members(text.encode()))
        assert [json.loads(part) for part in parts] == [one, two]
    assert list(members(b"[]")) == []
    assert list(members(b"\xef\xbb\xbf[ {} ]")) == [b"{}"]


def test_members_keep_their_encoding() -> None:
    latin = json.dumps([json_report(t00100020={"vr": "LO", "Value": ["\xe9"]})] * 2, ensure_ascii=False)
    for codec, codes in (("latin_1", ["assumed-character-set"]), ("utf-8", [])):
        for part in members(latin.encode(codec)):
            source = read(part)
            assert source.dataset.PatientID == "é"
            assert [finding.code for finding in source.findings] == codes


def test_members_at_any_depth() -> None:
    deep = nested_json(3000)
    assert list(members(b"[" + deep + b"," + deep + b"]")) == [deep, deep]


def test_members_of_a_cut_array() -> None:
    whole = json_bytes([json_report(), json_report()])
    first, second = members(whole[:-30])
    read(first)
    with pytest.raises(DamagedError):
        read(second)


@pytest.mark.parametrize("content", [[], [json_report()] * 3])
def test_arrays_not_of_one(content: list[object]) -> None:
    with pytest.raises(InputError) as caught:
        read(json_bytes(content))
    assert isinstance(caught.value, NotDicomError) == (not content)
    assert caught.value.hint
