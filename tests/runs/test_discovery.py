"""What sources stand for: files, folders, patterns, lists, standard input; in order, by name, and nothing passed over unsaid."""

from __future__ import annotations

import io
import logging
import os
import pickle
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from sr2fhir.dicom import Limits, read
from sr2fhir.errors import InputError, LimitError, NotDicomError
from sr2fhir.runs.discovery import discover
from sr2fhir.runs.inputs import Input, Skipped

from tests.dicom.specimens import json_bytes, json_report, report, saved

DOCUMENT = saved(report())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with documents and what else lies about in folders."""
    contents = {
        "b.dcm": DOCUMENT,
        "a/2.dcm": DOCUMENT,
        "a/1.DCM": DOCUMENT,
        "a/IM0001": DOCUMENT,
        "a/deep/er/x.json": json_bytes(json_report()),
        "a/README.md": b"# Read me",
        "a/LICENSE": b"MIT",
        "a/notes.txt": b"notes",
        "a/nothing": b"",
        "a/scan.png": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "a/.hidden.dcm": DOCUMENT,
        ".git/config.dcm": DOCUMENT,
        "DICOMDIR": DOCUMENT,
        "out/b.dcm.bundle.json": b"{}",
        "b.dcm.outcome.json": b"{}",
        "Patient.ndjson": b"{}",
        "reports.jsonl": b"{}",
    }
    for name, data in contents.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "in"


def found(*sources: str | Path, **options) -> tuple[list[str], dict[str, str]]:
    """Find the names of inputs, and what was skipped with its reason."""
    skipped: list[Skipped] = []
    names = [item.name for item in discover(sources, skipped=skipped.append, **options)]
    return names, {passed.name: passed.reason for passed in skipped}


def failure(item: Input) -> InputError:
    with pytest.raises(InputError) as caught:
        item.read()
    error = caught.value
    assert error.source == item.name
    assert error.message
    assert error.hint
    return error


def test_folder(folder: Path) -> None:
    names, skipped = found(folder)
    assert names == ["a/1.DCM", "a/2.dcm", "a/IM0001", "a/deep/er/x.json", "b.dcm"]
    assert skipped == {
        ".git": "it is hidden",
        "DICOMDIR": "it is a DICOM directory, which lists files and holds no document",
        "a/.hidden.dcm": "it is hidden",
        "a/LICENSE": "it does not look like DICOM",
        "a/README.md": "it does not look like DICOM",
        "a/notes.txt": "it does not look like DICOM",
        "a/nothing": "it is empty",
        "a/scan.png": "it does not look like DICOM",
        "b.dcm.outcome.json": "it is a result of sr2fhir",
        "Patient.ndjson": "it is a result of sr2fhir",
        "reports.jsonl": "it is a result of sr2fhir",
        "out/b.dcm.bundle.json": "it is a result of sr2fhir",
    }


def test_every_file_is_an_input_or_skipped(folder: Path) -> None:
    names, skipped = found(folder)
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            assert (name in names) + (name in skipped) + name.startswith(".git/") == 1


def test_results_are_left_out(folder: Path) -> None:
    (folder / "out" / "late.dcm").write_bytes(DOCUMENT)
    names, skipped = found(folder, leave_out=[folder / "out"])
    assert not any(name.startswith("out") for name in names)
    assert skipped["out"] == "it is the folder of the results"


def test_what_is_skipped_is_logged_by_default(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sr2fhir")
    list(discover([folder]))
    assert "a/README.md: skipped, it does not look like DICOM" in caplog.text


def test_inputs_can_be_read_and_sent_to_workers(folder: Path) -> None:
    items = [pickle.loads(pickle.dumps(item)) for item in discover([folder])]
    assert [read(item.read(), name=item.name).name for item in items] == [item.name for item in items]


def test_file_that_is_named_is_never_skipped(folder: Path) -> None:
    for name in ("a/README.md", "a/nothing", "a/scan.png", "a/.hidden.dcm", "DICOMDIR"):
        (item,) = discover([folder / name])
        assert item.name == Path(name).name
        assert item.read() == (folder / name).read_bytes()


def test_document_by_its_ending_is_never_skipped(folder: Path) -> None:
    (folder / "a" / "text.dcm").write_text("no DICOM at all")
    names, skipped = found(folder)
    assert "a/text.dcm" in names
    assert "a/text.dcm" not in skipped
    with pytest.raises(NotDicomError):
        read((folder / "a" / "text.dcm").read_bytes())


def test_names_of_several_sources(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "b.dcm").write_bytes(DOCUMENT)
    assert found(folder / "b.dcm")[0] == ["b.dcm"]
    assert found(folder / "b.dcm", other / "b.dcm")[0] == ["in/b.dcm", "other/b.dcm"]
    assert found(folder / "a", other)[0][-1] == "other/b.dcm"
    assert found(folder / "a", other)[0][0] == "in/a/1.DCM"
    monkeypatch.chdir(folder)
    assert found("../other/b.dcm", "b.dcm")[0] == ["other/b.dcm", "in/b.dcm"]
    assert found(".")[0] == found(folder)[0]


def test_patterns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert found("a/*.dcm")[0] == ["2.dcm"]
    assert found(str(folder / "*" / "[12].*"))[0] == ["a/1.DCM", "a/2.dcm"]
    assert found("**/*.json")[0] == ["a/deep/er/x.json"]
    names, skipped = found("a/*")
    assert names == ["1.DCM", "2.dcm", "IM0001", "deep/er/x.json"]
    assert "README.md" in skipped
    assert found("**", "a")[0][:5] == ["a/1.DCM", "a/2.dcm", "a/IM0001", "a/deep/er/x.json", "b.dcm"]


def test_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    (folder / "x[1].dcm").write_bytes(DOCUMENT)
    (item,) = discover([folder / "x[1].dcm"])
    assert item.read() == DOCUMENT


def test_lists(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder.parent / "list.txt").write_text("# all of them\n\nb.dcm\na\nnone.dcm\n@list.txt\n")
    names, _ = found("@../list.txt")
    assert names == ["b.dcm", "a/1.DCM", "a/2.dcm", "a/IM0001", "a/deep/er/x.json", "none.dcm", "@list.txt"]
    items = list(discover(["@../list.txt"]))
    assert "does not exist" in failure(items[-2]).message
    assert "does not exist" in failure(items[-1]).message
    (missing,) = discover(["@none.txt"])
    assert "does not exist" in failure(missing).message


def test_what_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "text").mkdir()
    (folder / "text" / "a.txt").write_text("a")
    for source, words in {
        "none.dcm": "does not exist",
        "*.none": "no file matches the pattern",
        "empty": "the folder holds no document",
        "text": "the folder holds no document",
    }.items():
        (item,) = discover([source])
        assert words in failure(item).message
    good = [item for item in discover(["none.dcm", "b.dcm"]) if item.name.endswith("b.dcm")]
    assert good[0].read() == DOCUMENT


def test_file_that_goes_before_it_is_read(folder: Path) -> None:
    (item,) = discover([folder / "b.dcm"])
    (folder / "b.dcm").unlink()
    assert "does not exist" in failure(item).message


def test_size(folder: Path) -> None:
    (item,) = discover([folder / "b.dcm"])
    with pytest.raises(LimitError, match="SR2FHIR_MAX_FILE_SIZE") as caught:
        item.read(Limits(max_file_size=10))
    assert caught.value.source == "b.dcm"


def test_links(folder: Path) -> None:
    (folder / "a" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "a" / "link.dcm").symlink_to(folder / "b.dcm")
    (folder / "a" / "dangling.dcm").symlink_to(folder / "none.dcm")
    names, skipped = found(folder)
    assert skipped["a/loop"] == "it is a link to a folder"
    assert {"a/link.dcm", "a/dangling.dcm"} <= set(names)
    (dangling,) = (item for item in discover([folder]) if item.name == "a/dangling.dcm")
    assert "does not exist" in failure(dangling).message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_in_a_folder_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "a" / "pipe")
    assert found(folder)[1]["a/pipe"] == "it is neither file nor folder"


def test_names_are_printable(folder: Path) -> None:
    (folder / "a" / "tab\there\x1b[31m.dcm").write_bytes(DOCUMENT)
    assert r"a/tab\there\x1b[31m.dcm" in found(folder)[0]
    assert "\x1b" not in str(Skipped("a", "b"))


def test_json_arrays(folder: Path) -> None:
    two = [json_report(), json_report(t00100020={"vr": "LO", "Value": ["second"]})]
    (folder / "two.json").write_bytes(json_bytes(two))
    (folder / "one.json").write_bytes(json_bytes(two[:1]))
    (folder / "none.json").write_bytes(b"[]")
    items = {item.name: item for item in discover([folder])}
    assert read(items["two.json#1"].read()).dataset.get("PatientID") is None
    assert read(items["two.json#2"].read()).dataset.PatientID == "second"
    assert read(items["one.json"].read()).findings == ()
    with pytest.raises(NotDicomError, match="the JSON array is empty"):
        read(items["none.json"].read())
    assert "two.json" not in items


def test_a_list_on_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names = io.BytesIO(b"# reports\nb.dcm\n\na\nmissing.dcm\n")
    items = discover(["@-"], stdin=names)
    assert next(items).name == "b.dcm"
    assert [item.name for item in items] == [
        "a/1.DCM",
        "a/2.dcm",
        "a/IM0001",
        "a/deep/er/x.json",
        "missing.dcm",
    ]
    assert not names.closed


def test_standard_input() -> None:
    (item,) = discover(["-"], stdin=io.BytesIO(DOCUMENT))
    assert (item.name, item.read()) == ("standard input", DOCUMENT)
    array = discover(["-"], stdin=io.BytesIO(json_bytes([json_report()] * 3)))
    assert [item.name for item in array] == [f"standard input#{n}" for n in (1, 2, 3)]
    (large,) = discover(["-"], stdin=io.BytesIO(bytes(100)), limits=Limits(max_file_size=99))
    assert isinstance(failure(large), LimitError)


def test_nothing_is_read_ahead(folder: Path) -> None:
    """The second source is not looked at before the first one's inputs are taken."""

    class Watched(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            return super().read(size)

    stream = Watched(DOCUMENT)
    items: Iterator[Input] = discover([folder, "-"], stdin=stream)
    assert len(list(islice(items, 5))) == 5
    assert stream.reads == 0
    assert next(items).name == "standard input"


def test_folders_of_any_depth(tmp_path: Path) -> None:
    depth = 300
    path = tmp_path
    for _ in range(depth):
        path = path / "d"
    path.mkdir(parents=True)
    (path / "x.dcm").write_bytes(DOCUMENT)
    (item,) = discover([tmp_path])
    assert item.name == "d/" * depth + "x.dcm"
