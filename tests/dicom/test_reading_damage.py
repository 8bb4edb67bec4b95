"""Loss is never silent: cuts, damaged streams, lengths and delimiters that contradict each other."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import pytest
from sr2fhir.dicom import Limits, read
from sr2fhir.errors import DamagedError, InputError, NotDicomError

from tests.dicom.specimens import (
    DOCUMENTS,
    ENHANCED_SR,
    FILES,
    PATIENT_ID,
    PATIENT_NAME,
    SYNTAXES,
    deflate,
    delimited_item,
    delimited_sequence,
    depth_of,
    element,
    item,
    nested,
    nested_json,
    part10,
    read_by_pydicom,
    report,
    saved,
    small_body,
    split_deflated,
)

CUTS_OF_A_FILE = 150
SMALL = saved(report())


def refused(data: bytes, kind: type[InputError] = DamagedError) -> InputError:
    """Read what must be refused, and see that the error tells what, where and how to mend it, and nothing of the patient."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError) as caught:
            read(data, name="some/file.dcm")
    error = caught.value
    assert type(error) is kind
    assert error.message
    assert error.source == "some/file.dcm"
    assert error.hint
    assert str(error).startswith("some/file.dcm")
    for secret in (PATIENT_NAME, PATIENT_ID, PATIENT_NAME.split("^")[0]):
        assert secret not in str(error)
    return error


# ---- cuts ----


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_cut_is_found(path: Path) -> None:
    data = path.read_bytes()
    whole = len(data.rstrip())
    for size in {*range(0, whole, max(1, whole // CUTS_OF_A_FILE)), *range(whole - 20, whole)}:
        with pytest.raises((DamagedError, NotDicomError)):
            read(data[:size])


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("delimited", [False, True], ids=["defined", "undefined"])
def test_every_single_cut_is_found_in_every_transfer_syntax(syntax: str, delimited: bool) -> None:
    data = saved(report(), SYNTAXES[syntax], delimited=delimited)
    end = len(data) - (data[-1:] == b"\0" and syntax == "deflated")  # the byte that makes the stream even
    for size in range(end):
        with pytest.raises((DamagedError, NotDicomError)):
            read(data[:size])


def test_pydicom_alone_reads_cut_files_without_an_error() -> None:
    """The reason for a reader of our own; when this fails, pydicom has become strict."""
    assert any(pydicom_is_content(path.read_bytes()[: path.stat().st_size // 2]) for path in FILES)


def pydicom_is_content(data: bytes) -> bool:
    try:
        read_by_pydicom(data)
    except Exception:
        return False
    return True


def test_cut_between_attributes_of_the_root() -> None:
    """Well-formed, but without Content Sequence or what comes before it."""
    body = read_by_pydicom(SMALL)
    for keyword in ("ContentSequence", "ValueType"):
        shorter = report()
        for part in body:
            if part.tag >= body[keyword].tag:
                del shorter[part.tag]
        error = refused(saved(shorter))
        assert "not complete" in error.message
        assert error.where == keyword


def test_cut_that_takes_the_sop_class_is_known_by_the_header_of_the_file() -> None:
    meta = element(0x00020002, "UI", ENHANCED_SR.encode() + b"\0")
    meta += element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
    data = bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(meta))) + meta
    assert refused(data).where == "data set"
    assert refused(data + element(0x00080005, "CS", b"ISO_IR 100")).where == "ValueType"


def test_cut_behind_the_content() -> None:
    """What stands behind Content Sequence, such as signatures, has no part in the content; only there a cut is not seen."""
    behind = element(0x04000565, "CS", b"COERCE") + element(0x04000550, "SQ", item(b""))
    whole = part10(small_body() + behind)
    seen = {missing: what_is_seen(whole[:-missing]) for missing in range(1, len(behind) + 1)}
    signature = len(element(0x04000550, "SQ", item(b"")))
    assert [missing for missing, codes in seen.items() if codes == []] == [signature, len(behind)]
    # one byte of the next tag, which is zero, looks like padding
    assert [missing for missing, codes in seen.items() if codes] == [signature - 1, len(behind) - 1]


def what_is_seen(data: bytes) -> list[str] | None:
    """Return the findings; None where the input is refused."""
    try:
        return [finding.code for finding in read(data).findings]
    except DamagedError:
        return None


def test_missing_bytes_are_counted() -> None:
    data = part10(small_body())
    error = refused(data[:-3])
    assert error.where == "ContentSequence"
    assert error.message == "the attribute is cut off: the data end 3 bytes too early"


def test_place_of_a_cut_within_nested_items() -> None:
    inner = delimited_item(element(0x0040A040, "CS", b"TEXT") + element(0x0040A160, "UT", b"some text "))
    content = delimited_sequence(0x0040A730, delimited_item(element(0x0040A040, "CS", b"TEXT")) + inner)
    data = part10(small_body(content=content))
    assert refused(data[:-20]).where == "1.2 TextValue"
    assert refused(data[:-16]).where == "1.2"
    assert refused(data[:-8]).where == "ContentSequence"


# ---- lengths and delimiters ----

VALUE = element(0x0040A040, "CS", b"TEXT")
LONG_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, len(VALUE) + 4) + VALUE
CONTRADICTIONS = {
    "item longer than its sequence": (element(0x0040A730, "SQ", LONG_ITEM) + bytes(20), "1.1"),
    "value longer than its item": (
        element(0x0040A730, "SQ", item(VALUE[:6] + b"\x20\0" + b"TEXT")) + bytes(40),
        "1.1 ValueType",
    ),
    "no items in a sequence": (element(0x0040A730, "SQ", VALUE), "ContentSequence"),
    "too short for an item": (element(0x0040A730, "SQ", b"1234"), "ContentSequence"),
    "no end of a sequence": (delimited_sequence(0x0040A730, item(VALUE))[:-8], "ContentSequence"),
    "no end of an item": (element(0x0040A730, "SQ", delimited_item(VALUE)[:-8]), "1.1"),
    "end of a sequence in an item": (
        element(0x0040A730, "SQ", item(VALUE + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) + VALUE)),
        "1.1",
    ),
    "end of an item at the root": (struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + VALUE, "data set"),
    "text of undefined length": (
        struct.pack("<HH2sHI", 0x40, 0xA160, b"UT", 0, 0xFFFFFFFF) + VALUE,
        "TextValue",
    ),
    "fragments that are none": (
        struct.pack("<HH2sHI", 0x42, 0x11, b"OB", 0, 0xFFFFFFFF) + VALUE,
        "EncapsulatedDocument",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions(name: str) -> None:
    content, where = CONTRADICTIONS[name]
    assert refused(part10(small_body(content=content))).where == where


def test_content_that_is_no_sequence() -> None:
    assert refused(part10(small_body(content=element(0x0040A730, "UT", b"text")))).where == "ContentSequence"


def test_sequence_in_the_header_of_the_file() -> None:
    meta = element(0x00020010, "SQ", item(b""))
    assert refused(bytes(128) + b"DICM" + meta + small_body()).where == "TransferSyntaxUID"


def test_delimiter_at_the_end_of_a_defined_length_is_tolerated() -> None:
    end_of_item = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    end_of_sequence = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    content = element(0x0040A730, "SQ", item(VALUE + end_of_item) + end_of_sequence)
    assert read(part10(small_body(content=content))).dataset.ContentSequence[0].ValueType == "TEXT"


# ---- deflate ----

DEFLATED = saved(report(), SYNTAXES["deflated"])
HEAD, STREAM = split_deflated(DEFLATED)


def test_damaged_deflate_stream() -> None:
    """Each byte turned over: the stream breaks, or what it holds contradicts itself, or some text of it is another one."""
    texts_only = 0
    for offset in range(len(STREAM) - 1):
        damaged = bytearray(STREAM)
        damaged[offset] ^= 0xFF
        try:
            read(HEAD + bytes(damaged))
        except InputError:
            continue
        texts_only += 1
    assert texts_only < len(STREAM) / 4


def test_cut_deflate_stream() -> None:
    error = refused(DEFLATED[: -len(STREAM) // 2])
    assert error.message == "the deflate stream is cut off"


def test_broken_deflate_stream() -> None:
    assert refused(HEAD + b"\xff" * 40).message == "the deflate stream is damaged"
    assert refused(HEAD + b"\xff" * 40).where == "data set"


def test_something_behind_the_deflate_stream() -> None:
    stream = deflate(small_body())
    assert read(HEAD + stream).findings == ()
    assert read(HEAD + stream + b"\0").findings == ()
    assert [finding.code for finding in read(HEAD + stream + bytes(9)).findings] == ["trailing-padding"]
    assert "8 bytes before the file does" in refused(HEAD + stream + b"trailing").message


def test_deflated_data_set_cut_before_it_was_deflated() -> None:
    body = small_body()
    for size in range(0, len(body), 3):
        refused(HEAD + deflate(body[:size]))


# ---- depth ----


@pytest.mark.parametrize("delimited", [False, True], ids=["defined", "undefined"])
def test_deep_nesting(delimited: bool) -> None:
    assert depth_of(read(nested(600, delimited=delimited)).dataset) == 600
    assert depth_of(read(nested(5000, delimited=delimited), limits=Limits(max_nesting=5000)).dataset) == 5000


def test_deep_nesting_in_json() -> None:
    assert depth_of(read(nested_json(600)).dataset) == 600
    assert depth_of(read(nested_json(5000), limits=Limits(max_nesting=5000)).dataset) == 5000
    assert "cut off" in refused(nested_json(5000)[:-2]).message
