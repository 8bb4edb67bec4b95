"""Where results go: never over an input, and never two into one place."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.cli import transform as destination
from sr2fhir.errors import UsageError


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


def test_a_folder_named_like_a_file_is_a_folder(folder: Path) -> None:
    (folder / "x.json").mkdir()
    assert destination.choose(["a.dcm", "in"], "x.json").place == Path("x.json")
