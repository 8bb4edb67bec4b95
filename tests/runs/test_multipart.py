"""Bodies of `multipart/related` responses, as WADO-RS sends them: every part is an input."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from sr2fhir.dicom import read
from sr2fhir.errors import DamagedError, InputError, NotDicomError
from sr2fhir.runs.discovery import discover

from tests.dicom.specimens import json_bytes, json_report, report, saved

DOCUMENT = saved(report())
BOUNDARY = "7d1f:(b)+'_e"  # what RFC 2046 allows in a boundary
HEADERS = {
    "Content-Type": "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
    "Content-Location": "/a/b",
}


def body(*parts: bytes, line_end: bytes = b"\r\n", closed: bool = True, headers: bool = True) -> bytes:
    """Write a multipart body (RFC 2046 section 5.1)."""
    head = [f"{name}: {value}".encode() for name, value in HEADERS.items()] if headers else []
    boundary = b"--" + BOUNDARY.encode()
    written = [line_end.join([boundary, *head, b"", part]) for part in parts]
    return line_end.join([*written, boundary + b"--" if closed else b"", b""])


def inputs(data: bytes) -> dict[str, bytes]:
    found = list(discover(["-"], stdin=io.BytesIO(data)))
    return {each.name: each.read() for each in found}


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("headers", [True, False])
def test_each_part_is_an_input(line_end: bytes, headers: bool) -> None:
    second = DOCUMENT + b"\r\n--\r\n"  # what looks like the beginning of a boundary and is none
    data = body(DOCUMENT, second, DOCUMENT, line_end=line_end, headers=headers)
    assert inputs(data) == {
        "standard input#1": DOCUMENT,
        "standard input#2": second,
        "standard input#3": DOCUMENT,
    }


def test_a_body_in_a_file_and_in_an_archive_is_the_same(tmp_path: Path) -> None:
    import zipfile

    (tmp_path / "study.bin").write_bytes(body(DOCUMENT, DOCUMENT))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("study.mime", body(DOCUMENT, DOCUMENT))
    assert [each.name for each in discover([tmp_path])] == [
        *("all.zip/study.mime#1", "all.zip/study.mime#2", "study.bin#1", "study.bin#2")
    ]


def test_a_body_of_one_part_is_read_as_what_it_holds() -> None:
    assert read(body(DOCUMENT)).dataset == read(DOCUMENT).dataset
    text = json_bytes(json_report())
    assert read(body(text)).dataset == read(text).dataset
    assert list(inputs(body(DOCUMENT))) == ["standard input"]


def test_a_body_of_several_parts_is_no_document() -> None:
    with pytest.raises(InputError, match="several parts, where one document is read at a time"):
        read(body(DOCUMENT, DOCUMENT))


def test_a_body_that_is_cut_off_gives_the_parts_that_are_whole(tmp_path: Path) -> None:
    whole = body(DOCUMENT, DOCUMENT)
    first, rest = discover(["-"], stdin=io.BytesIO(whole[: len(whole) - 200]))
    assert first.read() == DOCUMENT
    with pytest.raises(DamagedError, match="cut off: it has no closing boundary") as caught:
        rest.read()
    assert caught.value.source == "standard input#2"
    with pytest.raises(DamagedError, match="no closing boundary"):
        read(body(DOCUMENT, closed=False))


def test_a_body_within_a_body_is_refused() -> None:
    with pytest.raises(NotDicomError):
        read(body(body(DOCUMENT).replace(BOUNDARY.encode(), b"another")))


def test_what_only_begins_with_two_hyphens_is_text() -> None:
    with pytest.raises(NotDicomError, match="not DICOM but text"):
        read(b"-- a comment\r\nand more\r\n")
