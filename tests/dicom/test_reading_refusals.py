"""What is no document is refused with one clear line: what it is, which input, how to mend it, and nothing of the patient."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from sr2fhir import render
from sr2fhir.dicom import DEFAULT_LIMITS, Limits, read
from sr2fhir.dicom.source import in_force
from sr2fhir.errors import (
    InputError,
    LimitError,
    MissingAttributeError,
    NotDicomError,
    NotStructuredReportError,
    TemplateError,
    UsageError,
)

from tests.dicom.specimens import (
    PATIENT_ID,
    PATIENT_NAME,
    code,
    deflate,
    json_bytes,
    json_report,
    nested,
    nested_json,
    part10,
    report,
    saved,
    small_body,
)


def assert_clear(error: InputError, *, source: str) -> None:
    assert error.hint
    assert error.source == source
    assert_discreet(error)


def assert_discreet(error: InputError) -> None:
    assert error.message
    for secret in (PATIENT_NAME, PATIENT_ID, *PATIENT_NAME.split("^")):
        assert secret not in str(error)


def png() -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + chunk(b"IEND", b"")
    )


NOT_DICOM = {
    "empty": (b"", "empty"),
    "text": (b"Findings: none.\n" * 40, "text"),
    "picture": (png(), "a PNG image"),
    "document": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(200), "a PDF document"),
    "archive": (b"PK\x03\x04" + bytes(200), "a ZIP archive"),
    "compressed": (b"\x1f\x8b\x08" + bytes(range(1, 200)), "compressed with gzip"),
    "XML": (b"\xef\xbb\xbf<?xml version='1.0'?><report/>", "XML"),
    "bytes": (bytes(range(255, 0, -1)), "not DICOM"),
    "JSON of another kind": (b'{"name": "Zyxwvut^Patience"}', "JSON of another kind"),
    "FHIR": (b'{"resourceType": "Patient", "id": "SECRET-4711"}', "a FHIR resource"),
    "JSON array": (b"[]", "empty"),
    "JSON array of numbers": (b"[1]", "JSON of another kind"),
    "no JSON": (b"{Zyxwvut^Patience}", "neither DICOM nor well-formed JSON"),
}


@pytest.mark.parametrize("name", NOT_DICOM)
def test_not_dicom(name: str) -> None:
    data, words = NOT_DICOM[name]
    with pytest.raises(NotDicomError) as caught:
        read(data, name="x.dcm")
    assert_clear(caught.value, source="x.dcm")
    assert words in caught.value.message


def test_unreadable(tmp_path: Path) -> None:
    cases = {
        tmp_path: "a folder",
        tmp_path / "none.dcm": "does not exist",
        tmp_path / "\0": "not one that a file can have",
    }
    for path, words in cases.items():
        with pytest.raises(InputError) as caught:
            read(path)
        assert words in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (PermissionError(13, "x"), "may not be read"),
        (OSError(5, "x"), "cannot be read"),
        (OSError("x"), "(OSError)"),
    ],
)
def test_files_that_the_system_refuses(cause: OSError, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError) as caught:
        read("x.dcm")
    assert words in caught.value.message
    assert_clear(caught.value, source="x.dcm")


def test_several_instances_in_one_array() -> None:
    with pytest.raises(InputError, match="2 instances") as caught:
        read(json_bytes([json_report(), json_report()]), name="all.json")
    assert_clear(caught.value, source="all.json")


# ---- documents of another kind, refused when they are rendered ----


def image() -> Dataset:
    dataset = report()
    for keyword in ("ContentSequence", "ValueType", "ConceptNameCodeSequence", "ContentTemplateSequence"):
        del dataset[keyword]
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.Modality = "CT"
    dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.Rows, dataset.Columns = 1, 16, 4, 4
    dataset.PixelRepresentation = 0
    dataset.PixelData = bytes(32)
    dataset["PixelData"].VR = "OW"
    return dataset


def basic_text() -> Dataset:
    dataset = report()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    dataset.ConceptNameCodeSequence = code("18748-4", "LN", "Diagnostic imaging study")
    dataset.ContentTemplateSequence[0].TemplateIdentifier = "2000"
    return dataset


def without(keyword: str) -> Dataset:
    dataset = report()
    del dataset[keyword]
    return dataset


def with_empty(keyword: str) -> Dataset:
    dataset = report()
    setattr(dataset, keyword, "")
    return dataset


OTHERS = {
    "image": (image(), NotStructuredReportError, "SOPClassUID"),
    "basic text": (basic_text(), TemplateError, "ContentTemplateSequence"),
    "no study": (without("StudyInstanceUID"), MissingAttributeError, "StudyInstanceUID"),
    "empty study": (with_empty("StudyInstanceUID"), MissingAttributeError, "StudyInstanceUID"),
    "no instance": (without("SOPInstanceUID"), MissingAttributeError, "SOPInstanceUID"),
    "no SOP class": (without("SOPClassUID"), MissingAttributeError, "SOPClassUID"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_documents(name: str) -> None:
    dataset, kind, where = OTHERS[name]
    document = read(saved(dataset))
    with pytest.raises(InputError) as caught:
        render(document)
    assert type(caught.value) is kind
    assert caught.value.where == where
    assert_discreet(caught.value)


def test_compressed_image_is_read_and_refused() -> None:
    fragments = b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in (b"", b"\xff\xd8\xff\xd9")
    )
    pixels = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + fragments
    dataset = image()
    del dataset["PixelData"]
    data = saved(dataset) + pixels + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    document = read(data)
    assert document.dataset.PixelData.endswith(b"\xff\xd9\xfe\xff\xdd\xe0\0\0\0\0")
    with pytest.raises(NotStructuredReportError):
        render(document)


def test_report_by_title_alone_is_admitted() -> None:
    dataset = report()
    del dataset["ContentTemplateSequence"]
    assert render(read(saved(dataset))).document["resourceType"] == "DicomSR"


@pytest.mark.filterwarnings("ignore:The value length")
def test_nothing_of_the_patient_in_findings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dataset = report()
    dataset.PatientName = PATIENT_NAME + "\xe9"
    dataset.PatientID = PATIENT_ID * 8
    dataset.SpecificCharacterSet = "ISO_IR 999"  # pydicom warns of all three when it writes them
    data = saved(dataset).replace(b"1.2.3.4.5.1", b"1.2.3.4.5.\xb1")
    caplog.clear()
    findings = read(data).findings
    assert {finding.code for finding in findings} == {
        "unknown-character-set",
        "assumed-character-set",
        "invalid-value",
    }
    told = "".join(f"{finding}" for finding in findings) + caplog.text
    for secret in (PATIENT_NAME, PATIENT_ID, *PATIENT_NAME.split("^"), "1.2.3.4", "ISO_IR 999"):
        assert secret not in told


# ---- limits ----

BOMB = part10(deflate(small_body() + bytes(3_000_000)), "1.2.840.10008.1.2.1.99")
WIDE = json_bytes(json_report(t0040A730={"vr": "SQ", "Value": [{} for _ in range(30)]}))
LIMITED = {
    "file": (saved(report()), Limits(max_file_size=500), "SR2FHIR_MAX_FILE_SIZE"),
    "deflated": (BOMB, Limits(max_inflated_size=1_000_000), "SR2FHIR_MAX_INFLATED_SIZE"),
    "nesting": (nested(40, delimited=False), Limits(max_nesting=39), "SR2FHIR_MAX_NESTING"),
    "nesting of undefined length": (nested(1025, delimited=True), DEFAULT_LIMITS, "SR2FHIR_MAX_NESTING"),
    "nesting in JSON": (nested_json(1025), DEFAULT_LIMITS, "SR2FHIR_MAX_NESTING"),
    "items": (nested(40, delimited=False), Limits(max_items=39), "SR2FHIR_MAX_ITEMS"),
    "items in JSON": (WIDE, Limits(max_items=29), "SR2FHIR_MAX_ITEMS"),
    "elements": (saved(report()), Limits(max_elements=12), "SR2FHIR_MAX_ELEMENTS"),
    "elements in JSON": (json_bytes(json_report()), Limits(max_elements=4), "SR2FHIR_MAX_ELEMENTS"),
}


@pytest.mark.parametrize("name", LIMITED)
def test_limits(name: str, tmp_path: Path) -> None:
    data, limits, variable = LIMITED[name]
    path = tmp_path / "x.dcm"
    path.write_bytes(data)
    for source in (path, data, io.BytesIO(data)):
        with pytest.raises(LimitError) as caught:
            read(source, name="x.dcm", limits=limits)
        assert_clear(caught.value, source="x.dcm")
        assert variable in str(caught.value)


def test_a_stream_without_end_is_read_no_further_than_the_limit() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return bytes(size)

    stream = Endless()
    with pytest.raises(LimitError):
        read(stream, limits=Limits(max_file_size=1000))  # type: ignore[arg-type]
    assert stream.given <= 1001


def test_limits_at_the_edge_are_kept() -> None:
    data = nested(40, delimited=False)
    read(data, limits=Limits(max_file_size=len(data), max_nesting=40, max_items=40, max_elements=83))


def test_limits_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SR2FHIR_MAX_FILE_SIZE": "2G", "SR2FHIR_MAX_INFLATED_SIZE": "5 MB", "SR2FHIR_MAX_ITEMS": "12"}
    limits = Limits.from_environment(given)
    assert (limits.max_file_size, limits.max_inflated_size, limits.max_items) == (
        2 * 1024**3,
        5 * 1024**2,
        12,
    )
    assert limits.max_nesting == DEFAULT_LIMITS.max_nesting
    assert in_force(None) == DEFAULT_LIMITS
    monkeypatch.setenv("SR2FHIR_MAX_FILE_SIZE", "1K")
    assert in_force(None).max_file_size == 1024
    assert in_force(DEFAULT_LIMITS) is DEFAULT_LIMITS
    with pytest.raises(LimitError):
        read(bytes(1025))


@pytest.mark.parametrize("text", ["much", "-1", "1.5M", "1T"])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="SR2FHIR_MAX_NESTING") as caught:
        Limits.from_environment({"SR2FHIR_MAX_NESTING": text})
    assert caught.value.hint


def test_sequences_of_no_items_need_no_content() -> None:
    dataset = report()
    dataset.ReferencedRequestSequence = Sequence()
    assert len(read(saved(dataset)).dataset.ReferencedRequestSequence) == 0
