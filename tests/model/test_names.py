"""Person names (mapping section 3.1, row PN; the examples of PS3.5 section 6.2.1.2)."""

from __future__ import annotations

from sr2fhir.model.datatypes import REPRESENTATION, human_names, text_name


def test_five_components():
    (name,) = human_names("Adams^John Robert^Quincy^Rev.^B.A. M.Div.", "1.3")
    assert name == {
        "id": "1.3",
        "text": "Rev. John Robert Quincy Adams B.A. M.Div.",
        "family": "Adams",
        "given": ["John Robert", "Quincy"],
        "prefix": ["Rev."],
        "suffix": ["B.A. M.Div."],
    }


def test_the_example_of_the_guide():
    (name,) = human_names("RADIOLOGIST^EXAMPLE", "1.3")
    assert (name["family"], name["given"]) == ("RADIOLOGIST", ["EXAMPLE"])


def test_ideographic_and_phonetic_groups_are_further_names():
    alphabetic, ideographic, phonetic = human_names("Yamada^Tarou=山田^太郎=やまだ^たろう", "PatientName")
    assert "extension" not in alphabetic
    assert ideographic["extension"] == [{"url": REPRESENTATION, "valueCode": "IDE"}]
    assert (ideographic["family"], ideographic["given"], ideographic["text"]) == (
        "山田",
        ["太郎"],
        "山田 太郎",
    )
    assert phonetic["extension"] == [{"url": REPRESENTATION, "valueCode": "SYL"}]


def test_a_name_without_an_alphabetic_group():
    (name,) = human_names("=山田^太郎", "1.3")
    assert name["extension"][0]["valueCode"] == "IDE"


def test_no_components_no_name():
    assert human_names("^^^^", "1.3") == []
    assert human_names("=", "1.3") == []


def test_padding_of_components_is_dropped():
    assert human_names("Doe ^ Jane ", "1.3") == [
        {"id": "1.3", "text": "Jane Doe", "family": "Doe", "given": ["Jane"]}
    ]


def test_a_name_as_text_is_not_cut():
    assert text_name("Doe^Jane", "1.3") == [{"id": "1.3", "text": "Doe^Jane"}]
