"""Files of results: never out of their folder, never half, and none left over of an earlier run."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from sr2fhir.errors import NotDicomError, Sr2FhirError
from sr2fhir.files import replace_file
from sr2fhir.runs.inputs import reason_to_skip
from sr2fhir.runs.ndjson import FILES
from sr2fhir.runs.sinks import OTHER_BUNDLE, FileSink, SingleSink, StreamSink, safe_path, writing


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"a")
    (tmp_path / "a.json").write_bytes(b"b")
    (tmp_path / "in").mkdir()
    return tmp_path


def test_a_stream_takes_one_document(tmp_path: Path) -> None:
    stream = io.BytesIO()
    sink = SingleSink(StreamSink(stream))
    sink.fail("a", NotDicomError("no"))
    first = stream.getvalue()
    with pytest.raises(Sr2FhirError, match="several documents"):
        sink.fail("b", NotDicomError("no"))
    assert json.loads(first)["resourceType"] == "OperationOutcome"
    assert stream.getvalue() == first


def test_a_failure_removes_what_an_earlier_run_left(folder: Path) -> None:
    for name in ("x.json", "x.report.json", "x.outcome.json", "other.json"):
        (folder / name).write_text("old")
    where = FileSink(folder / "x.json", ".json", is_file=True).fail("a", NotDicomError("no")).where
    assert where == str(folder / "x.outcome.json")
    left = {path.name for path in folder.glob("*.json")}
    assert left == {"x.outcome.json", "other.json", "a.json"}
    assert json.loads((folder / "x.outcome.json").read_text())["issue"][0]["code"] == "structure"


def test_inputs_with_like_names_have_files_of_their_own() -> None:
    names = ["a", "a.dcm", "a.json", "a.bundle", "b/a", "b.zip/a"]
    base = FileSink(Path("out")).base
    bases = {base(name) for name in names}
    files = {
        f"{path}{ending}" for path in bases for ending in (".bundle.json", ".report.json", ".outcome.json")
    }
    assert len(files) == 3 * len(names)


ESCAPES = ["../a", "/etc/a", "x/../../a", "..\\a", "C:\\a", "\\\\host\\share\\a", "./a", "a//b"]


@pytest.mark.parametrize("name", ESCAPES)
def test_names_cannot_lead_out_of_the_folder(name: str, folder: Path) -> None:
    path = folder / "out" / safe_path(name)
    assert path.resolve().is_relative_to(folder / "out")
    assert ":" not in path.name


def test_a_file_is_replaced_as_a_whole(folder: Path) -> None:
    replace_file(folder / "x", b"new")
    assert (folder / "x").read_bytes() == b"new"
    assert {path.name for path in folder.iterdir()} == {"a.dcm", "a.json", "in", "x"}


def test_a_file_can_be_written_elsewhere_before_it_is_moved(folder: Path) -> None:
    replace_file(folder / "x", b"new", folder / "in")
    assert (folder / "x").read_bytes() == b"new"
    assert list((folder / "in").iterdir()) == []


def test_what_cannot_be_written_is_said_and_leaves_nothing(folder: Path) -> None:
    with pytest.raises(Sr2FhirError, match="cannot be written"), writing(folder / "a.dcm" / "x"):
        pass
    (folder / "in" / "x").mkdir()
    with pytest.raises(Sr2FhirError, match="cannot be written"), writing(folder / "in" / "x"):
        replace_file(folder / "in" / "x", b"new")
    assert [path.name for path in (folder / "in").iterdir()] == ["x"]


def test_nothing_that_is_written_is_taken_for_an_input() -> None:
    files = {path.name for ending in OTHER_BUNDLE for path in FileSink(Path("out"), ending).files("a.dcm")}
    assert len(files) == 4
    for name in files | FILES:
        assert reason_to_skip(name, lambda: b"") == "it is a result of sr2fhir"
