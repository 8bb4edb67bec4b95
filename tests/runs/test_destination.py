"""Where results go: never over an input, never two into one place, never half."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from sr2fhir.errors import NotDicomError, Sr2FhirError, UsageError
from sr2fhir.runs import destination
from sr2fhir.runs.ndjson import NdjsonSink
from sr2fhir.runs.writing import (
    SingleSink,
    StreamSink,
    file_sink,
    folder_sink,
    replace_file,
    safe_path,
    writing,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"a")
    (tmp_path / "a.json").write_bytes(b"b")
    (tmp_path / "in").mkdir()
    return tmp_path


PLACES = [
    (["a.dcm"], None, Path("out")),
    (["in", "a.dcm"], "fhir", Path("fhir")),
    (["-"], None, None),
    (["-"], "x.json", Path("x.json")),
    (["-"], "x", Path("x")),
    (["a.dcm"], "-", None),
    (["a.dcm"], "x.JSON", Path("x.JSON")),
]


@pytest.mark.parametrize(("inputs", "out", "place"), PLACES)
def test_the_place_is_chosen(inputs: list[str], out: str | None, place: Path | None) -> None:
    assert destination.choose(inputs, out).place == place


REFUSED = {
    "two inputs, one file": (["a.dcm", "a.json"], "x.json"),
    "a folder, one file": (["in"], "x.json"),
    "an archive, one file": (["b.zip"], "x.json"),
    "a pattern, one file": (["*.dcm"], "x.json"),
    "two inputs on standard output": (["a.dcm", "a.json"], "-"),
    "a folder on standard output": (["in"], "-"),
    "a list, one file": (["@names"], "x.json"),
    "the input itself": (["a.json"], "in/../a.json"),
    "a file as folder": (["in"], "a.dcm"),
}


@pytest.mark.parametrize(("inputs", "out"), REFUSED.values(), ids=REFUSED)
def test_places_that_cannot_take_the_results_are_refused(inputs: list[str], out: str) -> None:
    with pytest.raises(UsageError) as refused:
        destination.choose(inputs, out)
    assert refused.value.hint or "input" in str(refused.value)


SHARED = [
    (["a.dcm"], False, False),
    (["in"], False, True),
    (["@names"], False, True),
    (["a.dcm"], True, True),
]


@pytest.mark.parametrize(("inputs", "ndjson", "shared"), SHARED)
def test_a_record_is_kept_where_many_results_go(inputs: list[str], ndjson: bool, shared: bool) -> None:
    chosen = destination.choose(inputs, "x", ndjson=ndjson)
    assert chosen.is_shared == shared
    assert isinstance(chosen.sink, NdjsonSink) == ndjson


def test_a_folder_named_like_a_file_is_a_folder(folder: Path) -> None:
    (folder / "x.json").mkdir()
    assert destination.choose(["a.dcm", "in"], "x.json").place == Path("x.json")


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
    where = file_sink(folder / "x.json").fail("a", NotDicomError("no")).where
    assert where == str(folder / "x.outcome.json")
    left = {path.name for path in folder.glob("*.json")}
    assert left == {"x.outcome.json", "other.json", "a.json"}
    assert json.loads((folder / "x.outcome.json").read_text())["issue"][0]["code"] == "structure"


def test_inputs_with_like_names_have_files_of_their_own() -> None:
    names = ["a", "a.dcm", "a.json", "a.bundle", "b/a", "b.zip/a"]
    base = folder_sink(Path("out")).base
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
