"""Character sets: the examples of PS3.5 Annexes H to K, code extensions, and text that does not fit what is declared."""

from __future__ import annotations

import warnings

import pytest
from sr2fhir.dicom import read
from sr2fhir.dicom.values import (
    NAME_DELIMITERS,
    TERMS,
    TEXT_DELIMITERS,
    repertoire_of,
)
from sr2fhir.findings import REASONS

from tests.dicom.specimens import element, item, part10, small_body

EXAMPLES = {
    # PS3.5 H.3.1, H.3.2 (Japanese), I.2 (Korean), J.3 and J.4 (Chinese), K.2 (Chinese with code extensions)
    "H.3.1": (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "H.3.2": (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    "I.2": (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "J.3": ("ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    "J.4": ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"),
    "K.2": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
        "Zhang^XiaoDong=张^小东",
    ),
    "Latin-1": ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    "Cyrillic": ("ISO_IR 144", b"\xbb\xee\xda\x63\x65\xdc\xd1\x79\x70\xd3", "Люкceмбypг"),  # noqa: RUF001
    "Arabic": ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
    "Greek": ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
    "Hebrew": ("ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
    "Latin-9": ("ISO_IR 203", b"\xa4", "€"),
    "extended": ("ISO 2022 IR 100\\ISO 2022 IR 144", b"J\xe9r\x1b-L\xbb^\xe9", "JérЛ^é"),
    "ASCII in between": ("ISO 2022 IR 100\\ISO 2022 IR 87", b"\x1b$B;3\x1b(B\xe9", "山é"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_person_names(name: str) -> None:
    terms, raw, text = EXAMPLES[name]
    document = read_with(terms, element(0x00100010, "PN", raw))
    assert str(document.dataset.PatientName) == text
    assert document.findings == ()


def read_with(terms: str | None, attributes: bytes):
    charset = b"" if terms is None else element(0x00080005, "CS", terms.encode() + b" " * (len(terms) % 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        body = small_body(attributes)
        return read(part10(charset + body if charset else body))


@pytest.mark.parametrize("term", TERMS)
def test_every_defined_term_is_a_codec(term: str) -> None:
    repertoire, problems = repertoire_of([term])
    assert not problems
    assert repertoire.decode(b"plain \x1b(B text", TEXT_DELIMITERS)[0].startswith("plain ")
    assert b"a".decode(repertoire.first or "ascii") == "a"


def test_backslash_within_a_character_separates_nothing() -> None:
    """In GB18030 and in JIS the second byte of a character can be that of a backslash."""
    chinese, japanese = b"\x81\x5c", b"\x1b$B%\\\x1b(B"
    comments = element(0x00104000, "LO", chinese + b"\\" + chinese)
    assert list(read_with("GB18030", comments).dataset.PatientComments) == ["乗", "乗"]
    assert (
        read_with("\\ISO 2022 IR 87", element(0x00104000, "LO", japanese)).dataset.PatientComments == "ボ"
    )  # JIS X 0208, row 5, cell 60


def test_undeclared_latin() -> None:
    document = read_with(None, element(0x00100010, "PN", b"J\xe9r\xf4me "))
    assert document.dataset.PatientName == "Jérôme"
    (finding,) = document.findings
    assert (finding.severity, finding.code, finding.where) == (
        "warning",
        "assumed-character-set",
        "PatientName",
    )
    assert "Latin-1" in finding.message
    assert finding.hint


def test_undeclared_unicode() -> None:
    document = read_with("ISO_IR 6", element(0x00100010, "PN", "Jérôme".encode()))
    assert document.dataset.PatientName == "Jérôme"
    assert ["UTF-8" in finding.message for finding in document.findings] == [True]


@pytest.mark.parametrize(
    "term", ["ISO-IR 100", "ISO IR 100", "iso_ir 100", "ISO_IR_100", "LATIN1", "ISO 8859-1"]
)
def test_misspelt_term(term: str) -> None:
    document = read_with(term, element(0x00100010, "PN", b"J\xe9r\xf4me "))
    assert document.dataset.PatientName == "Jérôme"
    (finding,) = document.findings
    assert (finding.code, finding.where) == ("unknown-character-set", "SpecificCharacterSet")
    assert "ISO_IR 100" in finding.message


def test_unknown_term() -> None:
    document = read_with("ISO_IR 99", element(0x00100010, "PN", b"J\xe9r\xf4me "))
    assert document.dataset.PatientName == "Jérôme"
    assert [(finding.code, finding.where) for finding in document.findings] == [
        ("unknown-character-set", "SpecificCharacterSet"),
        ("assumed-character-set", "PatientName"),
    ]


def test_undecodable_text_is_told() -> None:
    document = read_with("ISO_IR 192", element(0x00100010, "PN", b"J\xe9r\xf4me "))
    assert document.dataset.PatientName == "J\ufffdr\ufffdme"
    (finding,) = document.findings
    assert (finding.severity, finding.code, finding.where) == ("warning", "undecodable-text", "PatientName")


def test_text_that_has_the_replacement_character_is_decodable() -> None:
    assert read_with("ISO_IR 192", element(0x00100010, "PN", "J\ufffd".encode())).findings == ()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"a\x1b$B\xff\xff\x1b(B", "undecodable-text"),
        (b"a\x1bZb", "undecodable-text"),
        (b"a\x1b-Fb\xe1", "assumed-character-set"),  # Greek, which is not declared
    ],
)
def test_escape_sequences_that_do_not_fit(raw: bytes, code: str) -> None:
    repertoire, _ = repertoire_of(["ISO 2022 IR 100", "ISO 2022 IR 87"])
    text, problem = repertoire.decode(raw, NAME_DELIMITERS)
    assert text.startswith("a")
    assert problem is not None
    assert problem.code == code
    assert problem.code in REASONS


def test_undeclared_escape_sequence_is_followed() -> None:
    repertoire, _ = repertoire_of(["ISO 2022 IR 100"])
    assert repertoire.decode(b"a\x1b-F\xe1", NAME_DELIMITERS)[0] == "aα"  # noqa: RUF001


def test_character_set_of_an_item() -> None:
    """PS3.5 7.5.3: an item may state its own; the items within it inherit that, the others the data set's."""
    text = element(0x0040A160, "UT", b"\xe9\xe9")
    cyrillic = element(0x00080005, "CS", b"ISO_IR 144")
    nested_text = element(0x0040A730, "SQ", item(text))
    content = element(0x0040A730, "SQ", item(cyrillic + text + nested_text) + item(text))
    body = element(0x00080005, "CS", b"ISO_IR 100") + small_body(content=content)
    first, second = read(part10(body)).dataset.ContentSequence
    assert first.TextValue == "щщ"
    assert first.ContentSequence[0].TextValue == "щщ"
    assert second.TextValue == "éé"


def test_bytes_beyond_ascii_where_none_may_be() -> None:
    document = read_with("ISO_IR 192", element(0x0020000D, "UI", b"1.2.\xb3.4"))
    assert document.dataset.StudyInstanceUID == "1.2.³.4"
    assert [(finding.code, finding.where) for finding in document.findings] == [
        ("invalid-value", "StudyInstanceUID")
    ]
