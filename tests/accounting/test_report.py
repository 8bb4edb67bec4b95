"""A report says of items and attributes what identifies nobody."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pydicom.sr._concepts_dict import concepts
from sr2fhir.accounting import report
from sr2fhir.jsontext import NumberText
from sr2fhir.model import ItemRecord

# label as the renderer records it → what may be shown
CONCEPTS = {
    '121071, DCM, "Finding"': '121071, DCM, "Finding"',
    '121233, DCM, "Source Image for Segmentation"': '121233, DCM, "Source Image for Segmentation"',  # other case
    '111010, DCM, "Mrs Roe"': "111010, DCM",  # the standard says: Center
    '999999, DCM, "Mrs Roe"': "999999, DCM",
    '118565006, SCT, "Volume"': '118565006, SCT, "Volume"',
    'RID36042, RadLex, "Malignancy"': 'RID36042, RadLex, "Malignancy"',
    'C67447, NCIt, "Activity Session"': 'C67447, NCIt, "Activity Session"',
    '7, 99LOCAL, "Mrs Roe"': "7, 99LOCAL",
    'X, , "Mrs Roe"': "X, ",
    'a, b, CORNERSTONEJS, "Mrs, "Roe""': "a, b, CORNERSTONEJS",
}


@pytest.mark.parametrize(("label", "shown"), CONCEPTS.items())
def test_meanings_that_a_user_may_have_typed_are_not_shown(label: str, shown: str) -> None:
    assert report.concept(label) == shown


def test_an_item_without_concept_name() -> None:
    record = ItemRecord("1.2", "IMAGE", "SELECTED FROM", None, None)
    assert report.description_of_item(record) == (("valueType", "IMAGE"), ("relationship", "SELECTED FROM"))


def test_the_meanings_are_those_of_the_standard() -> None:
    """Those that pydicom takes from PS3.16, in any case; no other."""
    table: Any = concepts["DCM"]
    known = [
        (code, meaning.replace("\u200b", ""))
        for entry in table.values()
        for code, (meaning, _) in entry.items()
    ]
    assert report.dcm_meanings().keys() == {code for code, _ in known}
    assert all(report.is_dcm_meaning(code, meaning) for code, meaning in known)
    assert report.is_dcm_meaning("121071", "FINDING")
    assert not report.is_dcm_meaning("121071", "Mrs Roe")
    assert not report.is_dcm_meaning("999999", "Finding")


ATTRIBUTES = {
    "SeriesNumber": (("tag", "(0020,0011)"), ("vr", "IS")),
    "VerifyingObserverSequence.1.VerifyingObserverName": (("tag", "(0040,A075)"), ("vr", "PN")),
    "(0009,1001)": (("tag", "(0009,1001)"),),
}


@pytest.mark.parametrize(("path", "wanted"), ATTRIBUTES.items())
def test_attributes_have_tag_and_value_representation(path: str, wanted: tuple[tuple[str, str], ...]) -> None:
    assert report.description_of_attribute(path) == wanted


# ---- digests ----


def item(value_type: str, **members: Any) -> dict[str, Any]:
    return {"id": "x", "position": "1.2", "valueType": value_type, **members}


GUESSABLE: dict[str, dict[str, Any]] = {
    "TEXT": item("TEXT", textValue="Dr Roe"),
    "PNAME": item("PNAME", valueText="Roe^Jane", personNameValue=[{"family": "Roe"}]),
    "DATE": item("DATE", valueText="20030417", dateValue="2003-04-17"),
    "TIME": item("TIME", valueText="1015", timeValue="10:15:00"),
    "DATETIME": item("DATETIME", valueText="2003", dateTimeValue="2003"),
    "NUM": item("NUM", valueText="12", measuredValue={"value": NumberText("12")}),
    "TCOORD": item("TCOORD", temporal={"rangeType": "POINT", "dateTime": ["20030417"]}),
    "TABLE": item("TABLE", tabulatedValues={"cell": [{"textValue": "Roe"}]}),
    "a code that is absent": item("CODE"),
}


@pytest.mark.parametrize("content", GUESSABLE.values(), ids=GUESSABLE)
def test_values_that_can_be_guessed_have_no_digest(content: dict[str, Any]) -> None:
    assert report.value_digest(content) is None


DIGESTED: dict[str, tuple[dict[str, Any], bytes]] = {
    "CODE": (
        item("CODE", conceptCode={"id": "1.2", "coding": [{"id": "1.2", "code": "905"}]}),
        b'{"conceptCode":{"coding":[{"code":"905"}]}}',
    ),
    "UIDREF": (
        item("UIDREF", uidValue={"id": "1.2", "value": "urn:oid:1.2.3"}),
        b'{"uidValue":{"value":"urn:oid:1.2.3"}}',
    ),
    "IMAGE": (
        item("IMAGE", reference={"id": "1.2", "uid": "1.2.9", "seriesUid": "1.2.8", "studyUid": "1.2.7"}),
        b'{"reference":{"uid":"1.2.9"}}',
    ),
    "SCOORD": (
        item("SCOORD", graphic={"id": "1.2", "type": "POINT", "data": "1\\2"}),
        b'{"graphic":{"type":"POINT","data":"1\\\\2"}}',
    ),
}


@pytest.mark.parametrize(("content", "digested"), DIGESTED.values(), ids=DIGESTED)
def test_a_digest_is_of_the_value_and_not_of_its_place(content: dict[str, Any], digested: bytes) -> None:
    assert report.value_digest(content) == hashlib.sha256(digested).hexdigest()[:16]


# ---- codes in clear ----

# label of a value as the renderer records it → what is shown
CODES = {
    '2667000, SCT, "Absent"': "2667000, SCT",
    '2667000, SCT, "Mrs Roe"': "2667000, SCT",  # the meaning is the user's
    'Mrs Roe, SCT, "Absent"': None,
    "26670001234567890123, SCT, ": None,
    '121071, DCM, "Finding"': "121071, DCM",
    '999999, DCM, "Mrs Roe"': None,  # no code of the standard
    'G-A185, SRT, "Present"': "G-A185, SRT",
    'C45992, NCIt, "Subtlety score"': "C45992, NCIt",
    'RID36042, RadLex, "Malignancy"': "RID36042, RadLex",
    '18748-4, LN, "Report"': "18748-4, LN",
    'C0034375, UMLS, "Evaluations"': "C0034375, UMLS",
    '905, 99LIDCQIICR, "Highly Suspicious"': None,
    'ROE, , "Mrs Roe"': None,
}


@pytest.mark.parametrize(("label", "shown"), CODES.items())
def test_a_code_is_told_unless_somebody_may_have_made_it_up(label: str, shown: str | None) -> None:
    assert report.code_in_clear(label) == shown
    assert report.code_in_clear(None) is None


# ---- blocks ----


def line(source: str, value_type: str = "TEXT", reason: str = "no-target") -> report.Line:
    return report.Line(source, "UNM", reason, (("valueType", value_type),))


def test_a_container_is_one_line_with_a_count() -> None:
    """But what is wrong in it, what stands beside it, and a container with little in it have their lines."""
    lines = [
        line("SeriesNumber"),
        line("1.3", "CONTAINER"),
        line("1.3.1", "CONTAINER", "out-of-scope-container"),
        line("1.3.1.1", "IMAGE"),
        line("1.3.1.1.1", "UIDREF", "invalid-value"),
        line("1.3.1.2"),
        line("1.30"),
        line("1.4", "CONTAINER"),
        line("1.4.1"),
    ]
    found = report.folded(lines)
    assert [each["source"] for each in found] == ["SeriesNumber", "1.3", "1.3.1.1.1", "1.30", "1.4", "1.4.1"]
    assert [each.get("count") for each in found] == [None, 4, None, None, None, None]


def test_a_block_shows_each_change_in_it() -> None:
    block = [line("1.3", "CONTAINER"), *(line(f"1.3.{n}") for n in range(1, 5))]
    other = [*block[:-1], report.Line("1.3.4", "UNM", "no-target", digest="0123456789abcdef")]
    one, two = (report.folded(lines)[0] for lines in (block, other))
    assert one["digest"] != two["digest"]
    assert {**one, "digest": ""} == {**two, "digest": ""}
