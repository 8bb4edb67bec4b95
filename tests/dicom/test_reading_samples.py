"""What is read is what is written, in every transfer syntax, without a warning or a word in the log."""

from __future__ import annotations

import gc
import io
import logging
import struct
import threading
import warnings
import weakref
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName
from sr2fhir.dicom import read
from sr2fhir.errors import DamagedError

from tests.dicom.specimens import (
    DOCUMENTS,
    FILES,
    SYNTAXES,
    code,
    element,
    item,
    part10,
    read_by_pydicom,
    report,
    saved,
    small_body,
    text_item,
)

# pydicom's own, when the tests look at values
pytestmark = pytest.mark.filterwarnings("ignore:The value length")


def listed(dataset: Dataset) -> list[tuple[str, str, str, object]]:
    """List all elements, at any depth, in order: path, VR, value."""
    lines = []
    pending = [("", dataset)]
    while pending:
        path, current = pending.pop(0)
        for part in current:
            place = f"{path}/{part.tag}"
            if part.VR == "SQ":
                lines.append((place, part.VR, "items", len(part.value)))
                pending += [(f"{place}[{n}]", child) for n, child in enumerate(part.value)]
            else:
                lines.append((place, part.VR, "value", plain(part.value)))
    return lines


def plain(value: object) -> object:
    if isinstance(value, MultiValue):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, PersonName | str) else value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("delimited", [False, True], ids=["defined", "undefined"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_equals_pydicom(path: Path, syntax: str, delimited: bool) -> None:
    data = saved(read_by_pydicom(path.read_bytes()), SYNTAXES[syntax], delimited=delimited)
    document = read(data)
    expected = listed(read_by_pydicom(data))
    assert listed(document.dataset) == expected
    assert syntax == "deflated" or (b"\xff\xff\xff\xff" in data) == delimited
    assert document.dataset.file_meta.TransferSyntaxUID == SYNTAXES[syntax]
    assert document.findings == ()
    assert len(expected) > 100


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_nothing_is_printed(
    path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        document = read(path)
    assert document.name == str(path)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_sources_of_every_kind() -> None:
    path = FILES[0]
    with path.open("rb") as stream:
        from_stream = read(stream)
    assert from_stream.name == str(path)
    for source in (
        path,
        str(path),
        path.read_bytes(),
        memoryview(path.read_bytes()),
        io.BytesIO(path.read_bytes()),
    ):
        assert listed(read(source).dataset) == listed(from_stream.dataset)
    assert read(path.read_bytes()).name == "input"
    assert read(path, name="a\nb").name == r"a\nb"


def test_without_preamble_and_meta() -> None:
    for syntax in ("implicit", "explicit", "big endian"):
        data = saved(report(), SYNTAXES[syntax])
        length = struct.unpack_from("<I", data, 132 + 8)[0]
        bare = read(data[132 + 12 + length :])
        assert listed(bare.dataset) == listed(read_by_pydicom(data))
        assert [finding.code for finding in bare.findings] == ["missing-preamble", "transfer-syntax"]
        assert not bare.dataset.file_meta
        with_meta = read(data[132:])
        assert listed(with_meta.dataset) == listed(bare.dataset)
        assert [finding.code for finding in with_meta.findings] == ["missing-preamble"]


@pytest.mark.parametrize(
    ("named", "written"), [("implicit", "explicit"), ("explicit", "implicit"), ("big endian", "explicit")]
)
def test_wrong_transfer_syntax(named: str, written: str) -> None:
    data = saved(report(), SYNTAXES[written])
    length = struct.unpack_from("<I", data, 132 + 8)[0]
    document = read(part10(data[132 + 12 + length :], SYNTAXES[named]))
    assert listed(document.dataset) == listed(read_by_pydicom(data))
    assert [(finding.severity, finding.code) for finding in document.findings] == [
        ("warning", "transfer-syntax")
    ]


def test_implicit_items_in_explicit_data_set() -> None:
    inner = struct.pack("<HHI", 0x0040, 0xA040, 4) + b"TEXT"
    for vr in ("SQ", "UN"):
        document = read(part10(small_body(content=element(0x0040A730, vr, item(inner)))))
        assert document.dataset.ContentSequence[0].ValueType == "TEXT"
        assert document.findings == ()


def test_sequence_written_as_unknown_of_undefined_length() -> None:
    inner = struct.pack("<HHI", 0x0040, 0xA040, 4) + b"TEXT"
    content = struct.pack("<HH2sHI", 0x0040, 0xA730, b"UN", 0, 0xFFFFFFFF) + item(inner)
    document = read(part10(small_body(content=content + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))))
    assert document.dataset.ContentSequence[0].ValueType == "TEXT"


def test_unknown_vr_of_known_attribute() -> None:
    document = read(part10(small_body(element(0x00100020, "UN", b"ID12"))))
    assert document.dataset.PatientID == "ID12"


def test_private_attributes_of_known_creators() -> None:
    dataset = report()
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    for syntax in SYNTAXES.values():
        data = saved(dataset, syntax)
        assert read(data).dataset[0x0019100C].value == read_by_pydicom(data)[0x0019100C].value == 1000


def test_a_vr_to_come_is_read_with_four_bytes_of_length() -> None:
    future = struct.pack("<HH2sHI", 0x0009, 0x1001, b"ZZ", 0, 6) + b"future"
    document = read(part10(small_body(future)))
    assert document.dataset[0x00091001].value == b"future"
    assert [(finding.code, finding.where) for finding in document.findings] == [("unknown-vr", "(0009,1001)")]


def test_vr_that_the_value_cannot_have() -> None:
    document = read(
        part10(small_body(element(0x00100020, "UL", b"ABCDEF") + element(0x00280010, "US", b"123")))
    )
    assert document.dataset.PatientID == "ABCDEF"
    assert document.dataset.Rows is None
    assert [(finding.code, finding.where) for finding in document.findings] == [
        ("unknown-vr", "PatientID"),
        ("invalid-value", "Rows"),
    ]


def test_order_and_repetition_of_attributes() -> None:
    twice = element(0x00100020, "LO", b"ONE ") + element(0x00100020, "LO", b"TWO ")
    late = element(0x00100010, "PN", b"LATE")
    document = read(part10(small_body(twice + late)))
    assert document.dataset.PatientID == "TWO"
    assert document.dataset.PatientName == "LATE"
    assert [(finding.severity, finding.code, finding.where) for finding in document.findings] == [
        ("warning", "duplicate-attribute", "PatientID"),
        ("warning", "attribute-order", "PatientName"),
    ]


def test_padding_after_the_data_set() -> None:
    for zeros in (1, 4, 8, 300):
        document = read(saved(report()) + bytes(zeros))
        assert listed(document.dataset) == listed(report())
        assert [(finding.severity, finding.code) for finding in document.findings] == [
            ("information", "trailing-padding")
        ]


def test_data_set_trailing_padding_is_an_attribute() -> None:
    document = read(saved(report()) + element(0xFFFCFFFC, "OB", bytes(6)))
    assert document.dataset[0xFFFCFFFC].value == bytes(6)
    assert document.findings == ()


def test_findings_of_a_kind_are_counted() -> None:
    bare = b"".join(item(element(0x0040A160, "UT", b"caf\xe9")) for _ in range(30))
    findings = read(part10(small_body(content=element(0x0040A730, "SQ", bare)))).findings
    assert [finding.where for finding in findings[:20]] == [f"1.{n} TextValue" for n in range(1, 21)]
    assert len(findings) == 21
    assert findings[20].message.endswith("(and in 10 more places)")


def test_threads_do_not_disturb_each_other() -> None:
    expected = [listed(read(path).dataset) for path in FILES]
    seen: list[list[object]] = []

    def work() -> None:
        seen.append([listed(read(path).dataset) for path in FILES])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [expected] * 4


@pytest.mark.parametrize("enabled", [True, False])
def test_state_of_the_collector_is_kept(enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        read(FILES[0])
        assert gc.isenabled() == enabled
        with pytest.raises(DamagedError):
            read(FILES[0].read_bytes()[:1000])
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_no_cycles_are_left() -> None:
    """So that pausing the collector costs no memory: what is read goes when it is let go."""
    with_collector = gc.isenabled()
    gc.disable()
    try:
        dataset = read(FILES[0]).dataset
        watched = [weakref.ref(dataset), weakref.ref(dataset.ContentSequence[0])]
        del dataset
        assert [reference() for reference in watched] == [None, None]
    finally:
        if with_collector:
            gc.enable()


def test_names_of_places() -> None:
    report_items = [text_item("one"), text_item("two")]
    inner = text_item("inner")
    inner.ConceptNameCodeSequence = code("1", "99X", "caf\xe9")
    report_items[1].ContentSequence = pydicom.Sequence([text_item("first"), inner])
    dataset = report(*report_items)
    (finding,) = read(saved(dataset)).findings
    assert finding.where == "1.2.2 ConceptNameCodeSequence[1].CodeMeaning"
