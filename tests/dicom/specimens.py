"""Inputs for the tests of reading: samples, small reports, and what can be wrong with them, made when the tests run."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zlib
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

SAMPLES = Path(__file__).parents[2] / "samples"
FILES = sorted(SAMPLES.glob("*.dcm"))
DOCUMENTS = [*FILES, *sorted(SAMPLES.glob("*.json"))]
PATIENT_NAME = "Zyxwvut^Patience"
PATIENT_ID = "SECRET-4711"
ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
SYNTAXES = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


def code(value: str, scheme: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def text_item(text: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "TEXT"
    item.ConceptNameCodeSequence = code("121106", "DCM", "Comment")
    item.TextValue = text
    return item


def report(*items: Dataset) -> Dataset:
    """Make a small Measurement Report with a patient whose name and ID must never be seen in a message."""
    dataset = Dataset()
    dataset.SOPClassUID = ENHANCED_SR
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = "1.2.3.4.5.1", "1.2.3.4.5"
    dataset.SeriesInstanceUID = "1.2.3.4.5.2"
    dataset.Modality = "SR"
    dataset.ContentDate, dataset.ContentTime = "20240102", "030405"
    dataset.PatientName, dataset.PatientID = PATIENT_NAME, PATIENT_ID
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = code("126000", "DCM", "Imaging Measurement Report")
    dataset.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    dataset.ContentTemplateSequence = Sequence([template])
    dataset.ContentSequence = Sequence(items or [text_item("fine")])
    return dataset


def saved(dataset: Dataset, syntax: UID = ExplicitVRLittleEndian, *, delimited: bool = False) -> bytes:
    """Write a data set as a DICOM file; `delimited` gives sequences and items undefined length."""
    written = Dataset()
    written.update(with_lengths(dataset, delimited))
    written.file_meta = FileMetaDataset()
    written.file_meta.TransferSyntaxUID = syntax
    written.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", ENHANCED_SR)
    written.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(target, written, enforce_file_format=True)
    return target.getvalue()


def with_lengths(dataset: Dataset, delimited: bool) -> Dataset:
    """Mark all sequences and items as of undefined length, or as of defined length."""
    open_items = [dataset]
    while open_items:
        for part in open_items.pop():
            if part.VR == "SQ":
                part.is_undefined_length = part.value.is_undefined_length = delimited
                for child in part.value:
                    child.is_undefined_length_sequence_item = delimited
                    open_items.append(child)
    return dataset


def sample(name: str) -> bytes:
    return next(path for path in DOCUMENTS if name in path.name).read_bytes()


def read_by_pydicom(data: bytes) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(data))


# ---- bytes, without pydicom ----


def element(tag: int, vr: str, value: bytes, order: str = "<") -> bytes:
    """Write a data element in explicit VR."""
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in ("OB", "SQ", "UN", "UT", "UC"):
        return head + struct.pack(f"{order}HI", 0, len(value)) + value
    return head + struct.pack(f"{order}H", len(value)) + value


def item(value: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value


def delimited_item(value: bytes) -> bytes:
    start = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return start + value + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)


def delimited_sequence(tag: int, value: bytes) -> bytes:
    start = struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, b"SQ", 0, 0xFFFFFFFF)
    return start + value + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def part10(body: bytes, syntax: str = str(ExplicitVRLittleEndian)) -> bytes:
    """Put a preamble and the least File Meta Information before a data set."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = element(0x00020010, "UI", uid)
    length = element(0x00020000, "UL", struct.pack("<I", len(meta)))
    return bytes(128) + b"DICM" + length + meta + body


def small_body(extra: bytes = b"", content: bytes | None = None) -> bytes:
    """Write the data set of a small report: SOP class, `extra` in the place of group 0010, content."""
    if content is None:
        content = element(0x0040A730, "SQ", item(element(0x0040A040, "CS", b"TEXT")))
    return (
        element(0x00080016, "UI", ENHANCED_SR.encode() + b"\0")
        + extra
        + element(0x0040A040, "CS", b"CONTAINER ")
        + content
    )


def nested(levels: int, *, delimited: bool) -> bytes:
    """Write a report whose containers are nested to so many levels."""
    content = b""
    for _ in range(levels):
        inner = element(0x0040A040, "CS", b"CONTAINER ") + content
        if delimited:
            content = delimited_sequence(0x0040A730, delimited_item(inner))
        else:
            content = element(0x0040A730, "SQ", item(inner))
    return part10(small_body(content=content))


def nested_json(levels: int) -> bytes:
    """Write the same in DICOM JSON."""
    start = '{"0040A040":{"vr":"CS","Value":["CONTAINER"]},"0040A730":{"vr":"SQ","Value":['
    inner = start * levels + '{"0040A040":{"vr":"CS","Value":["TEXT"]}}' + "]}}" * levels
    return ('{"00080016":{"vr":"UI","Value":["' + ENHANCED_SR + '"]},' + inner[1:]).encode()


def depth_of(dataset: Dataset) -> int:
    """Count the levels of Content Sequence."""
    levels = 0
    while "ContentSequence" in dataset:
        levels += 1
        dataset = dataset.ContentSequence[0]
    return levels


# ---- deflate ----


def split_deflated(data: bytes) -> tuple[bytes, bytes]:
    """Split a deflated file before its stream."""
    length = struct.unpack_from("<I", data, 132 + 8)[0]
    start = 132 + 12 + length
    return data[:start], data[start:]


def deflate(body: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return engine.compress(body) + engine.flush()


# ---- DICOM JSON ----


def json_report(**attributes: object) -> dict[str, object]:
    """Make a small report in DICOM JSON; attributes by tag, as `t00100010={…}`."""
    return {
        "00080016": {"vr": "UI", "Value": [ENHANCED_SR]},
        "00080018": {"vr": "UI", "Value": ["1.2.3.4.5.1"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.3.4.5"]},
        "0040A040": {"vr": "CS", "Value": ["CONTAINER"]},
        "0040A730": {"vr": "SQ", "Value": [{"0040A040": {"vr": "CS", "Value": ["TEXT"]}}]},
        **{tag[1:]: content for tag, content in attributes.items()},
    }


def json_bytes(content: object) -> bytes:
    return json.dumps(content).encode()
