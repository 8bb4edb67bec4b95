"""ZIP archives: members in order, in memory, within limits; broken and hostile archives are told and do no harm."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest
from sr2fhir.dicom import Limits, read
from sr2fhir.errors import DamagedError, InputError, LimitError, NotDicomError
from sr2fhir.runs.discovery import discover
from sr2fhir.runs.inputs import Input, Skipped

from tests.dicom.specimens import json_bytes, json_report, report, saved

DOCUMENT = saved(report())
MEGABYTE = 1024 * 1024


def archive(members: dict[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as writer:
        for name, data in members.items() if isinstance(members, dict) else members:
            writer.writestr(name, data)
    return target.getvalue()


@pytest.fixture
def place(tmp_path: Path):
    """Write an archive and find what is in it."""

    def inputs(data: bytes, name: str = "all.zip", **options) -> list[Input]:
        (tmp_path / name).write_bytes(data)
        return list(discover([tmp_path / name], **options))

    return inputs


def failure(item: Input, **options) -> InputError:
    with pytest.raises(InputError) as caught:
        item.read(**options)
    assert caught.value.source == item.name
    assert caught.value.hint
    return caught.value


def test_members(place) -> None:
    skipped: list[Skipped] = []
    contents = {
        "b/2.dcm": DOCUMENT,
        "b/1.dcm": DOCUMENT,
        "a.json": json_bytes(json_report()),
        "IM0001": DOCUMENT,
        "b/": b"",
        "README.md": b"# Read me",
        "__MACOSX/b/._1.dcm": b"fork",
        ".hidden/x.dcm": DOCUMENT,
        "DICOMDIR": DOCUMENT,
    }
    items = place(archive(contents), skipped=skipped.append)
    assert [item.name for item in items] == [
        "all.zip/IM0001",
        "all.zip/a.json",
        "all.zip/b/1.dcm",
        "all.zip/b/2.dcm",
    ]
    assert [item.read() for item in items] == [contents[item.name.removeprefix("all.zip/")] for item in items]
    assert {passed.name.removeprefix("all.zip/"): passed.reason for passed in skipped} == {
        ".hidden/x.dcm": "its folder is hidden",
        "__MACOSX/b/._1.dcm": "its folder is hidden",
        "DICOMDIR": "it is a DICOM directory, which lists files and holds no document",
        "README.md": "it does not look like DICOM",
    }


def test_members_can_be_sent_to_workers(place) -> None:
    items = place(archive({f"{n}.dcm": DOCUMENT for n in range(3)}))
    for item in items:
        assert pickle.loads(pickle.dumps(item)).read() == DOCUMENT
        assert len(pickle.dumps(item)) < 1000


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_methods_of_compression(place, method: int) -> None:
    (item,) = place(archive({"x.dcm": DOCUMENT}, method))
    assert item.read() == DOCUMENT


def test_archive_in_a_folder_and_by_content(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(archive({"a.dcm": DOCUMENT}))
    (tmp_path / "no-ending").write_bytes(archive({"b.dcm": DOCUMENT}))
    assert [item.name for item in discover([tmp_path])] == ["no-ending/b.dcm", "x.zip/a.dcm"]


def test_archive_on_standard_input() -> None:
    stream = io.BytesIO(archive({"a.dcm": DOCUMENT, "b.json": json_bytes([json_report()] * 2)}))
    items = list(discover(["-"], stdin=stream))
    assert [item.name for item in items] == [
        f"standard input/{name}" for name in ("a.dcm", "b.json#1", "b.json#2")
    ]
    assert items[0].read() == DOCUMENT


def test_names_lead_nowhere_else(place) -> None:
    evil = ["../../etc/x.dcm", "/abs/y.dcm", "..\\win\\z.dcm", "a/./b/../c.dcm", "bell\x07.dcm", "../.."]
    names = [item.name for item in place(archive([(name, DOCUMENT) for name in evil]))]
    assert sorted(names) == sorted(
        f"all.zip/{name}"
        for name in ("etc/x.dcm", "abs/y.dcm", "win/z.dcm", "a/b/c.dcm", r"bell\x07.dcm", "unnamed")
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_the_same_name(place) -> None:
    second = saved(report(), delimited=True)
    items = place(archive([("x.dcm", DOCUMENT), ("x.dcm", second)]))
    assert [item.name for item in items] == ["all.zip/x.dcm", "all.zip/x.dcm#2"]
    assert [item.read() for item in items] == [DOCUMENT, second]


def test_member_that_is_no_dicom(place) -> None:
    (item,) = place(archive({"x.dcm": b"text"}))
    with pytest.raises(NotDicomError):
        read(item.read(), name=item.name)


def test_array_in_a_member(place) -> None:
    items = place(archive({"x.json": json_bytes([json_report()] * 2)}))
    assert [item.name for item in items] == ["all.zip/x.json#1", "all.zip/x.json#2"]
    assert read(items[1].read()).findings == ()


# ---- damage ----


def test_damaged_archive(place) -> None:
    data = archive({"x.dcm": DOCUMENT})
    (item,) = place(data[:-30])
    assert isinstance(failure(item), DamagedError)
    (empty,) = place(archive({}), "empty.zip")
    assert "no document" in failure(empty).message


def test_damaged_member_takes_no_other_with_it(place) -> None:
    data = bytearray(archive({"a.dcm": DOCUMENT, "b.dcm": DOCUMENT}))
    start = data.index(b"a.dcm") + 60
    data[start : start + 8] = b"\xff" * 8
    items = place(bytes(data))
    assert [item.name for item in items] == ["all.zip/a.dcm", "all.zip/b.dcm"]
    assert isinstance(failure(items[0]), DamagedError)
    assert items[1].read() == DOCUMENT


def test_wrong_checksum(place) -> None:
    data = bytearray(archive({"a.dcm": DOCUMENT}, zipfile.ZIP_STORED))
    data[data.index(b"SECRET")] ^= 1
    (item,) = place(bytes(data))
    error = failure(item)
    assert isinstance(error, DamagedError)
    assert "SECRET" not in str(error)


def test_encrypted_member(place) -> None:
    data = bytearray(archive({"a.dcm": DOCUMENT}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    (item,) = place(bytes(data))
    assert "encrypted" in failure(item).message


def test_unknown_method(place) -> None:
    data = bytearray(archive({"a.dcm": DOCUMENT}))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + offset] = 77
    (item,) = place(bytes(data))
    assert isinstance(failure(item), DamagedError)


def test_archive_in_an_archive(place) -> None:
    (item,) = place(archive({"inner.zip": archive({"a.dcm": DOCUMENT})}))
    assert "archive within an archive" in failure(item).message


# ---- bombs ----


def test_member_that_grows_too_large(place) -> None:
    (item,) = place(archive({"a.dcm": DOCUMENT + bytes(3 * MEGABYTE)}))
    assert len(item.read()) > 3 * MEGABYTE
    for limits, variable in (
        (Limits(max_inflated_size=MEGABYTE), "SR2FHIR_MAX_INFLATED_SIZE"),
        (Limits(max_file_size=MEGABYTE), "SR2FHIR_MAX_FILE_SIZE"),
        (Limits(max_inflation_ratio=100), "SR2FHIR_MAX_INFLATION_RATIO"),
    ):
        error = failure(item, limits=limits)
        assert isinstance(error, LimitError)
        assert variable in str(error)


def test_size_claimed_by_the_archive_is_not_believed(place) -> None:
    data = bytearray(archive({"a.dcm": bytes(3 * MEGABYTE)}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(signature) + offset
        data[start : start + 4] = (10).to_bytes(4, "little")
    (item,) = place(bytes(data))
    failure(item, limits=Limits(max_inflated_size=MEGABYTE))


def test_memory_stays_small_for_a_bomb(place) -> None:
    import tracemalloc

    (item,) = place(archive({"a.dcm": bytes(200 * MEGABYTE)}))
    tracemalloc.start()
    failure(item, limits=Limits(max_inflated_size=5 * MEGABYTE))
    assert tracemalloc.get_traced_memory()[1] < 30 * MEGABYTE
    tracemalloc.stop()


def test_too_many_members(place) -> None:
    data = archive({f"{n}.dcm": b"" for n in range(12)})
    (item,) = place(data, limits=Limits(max_members=11))
    assert isinstance(failure(item), LimitError)


def test_list_of_entries_is_read_once(place, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a list read for each member, an archive of n members would take time in n squared."""
    items = place(archive({f"{n:03}.dcm": DOCUMENT for n in range(50)}))
    opened: list[object] = []
    real = zipfile.ZipFile.__init__

    def counted(self: zipfile.ZipFile, *arguments, **options) -> None:
        opened.append(arguments)
        real(self, *arguments, **options)

    monkeypatch.setattr(zipfile.ZipFile, "__init__", counted)
    assert all(item.read() == DOCUMENT for item in items)
    assert not opened


def test_archive_that_is_replaced_is_opened_anew(place) -> None:
    (first,) = place(archive({"x.dcm": DOCUMENT}))
    assert first.read() == DOCUMENT
    second = saved(report(), delimited=True)
    (item,) = place(archive({"x.dcm": second}))
    assert item.read() == second
