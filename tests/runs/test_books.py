"""A run that goes on after an interruption ends as one that was never interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.errors import NotDicomError
from sr2fhir.runs.books import FilesBook
from sr2fhir.runs.inputs import BytesInput
from sr2fhir.runs.ndjson_book import NdjsonBook
from sr2fhir.runs.results import Done, FileResult, Line, Summary, Written
from sr2fhir.runs.writing import WORK_FOLDER, digest_of, folder_sink

ENDINGS = (".report.json", ".bundle.json", ".outcome.json")


def inputs(*contents: str) -> list[BytesInput]:
    return [BytesInput(f"{number}.dcm", content.encode()) for number, content in enumerate(contents)]


@dataclass
class Run:
    """A run whose work is to copy its inputs; `worked_on` tells which it did."""

    folder: Path
    worked_on: list[str] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)

    def book(self, **options: Any) -> Any:
        raise NotImplementedError

    def write(self, item: BytesInput) -> Written:
        raise NotImplementedError

    def __call__(self, items: Iterable[BytesInput], stop_after: int = 99, **options: Any) -> list[str]:
        """Run, stopping after so many inputs; answer which were worked on."""
        self.worked_on, self.summary = [], Summary()
        try:
            with self.book(**{"fingerprint": "one", "resume": True, **options}) as book:
                for item in items:
                    if result := book.earlier(item):
                        self.summary.resume(result)
                        continue
                    if len(self.worked_on) == stop_after:
                        raise KeyboardInterrupt
                    book.enter(self.work(item))
        except KeyboardInterrupt:
            pass
        return self.worked_on

    def work(self, item: BytesInput) -> Done:
        self.worked_on.append(item.name)
        error = NotDicomError("no") if item.data.startswith(b"bad") else None
        result = FileResult(item.name, resources=len(item.data.split()) * (error is None), error=error)
        self.summary.add(result)
        return Done(result, sha256(item.data).hexdigest(), self.write(item))

    def contents(self) -> dict[str, bytes]:
        """Answer the files in the folder."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}


class FilesRun(Run):
    """Write three files for each input."""

    @property
    def sink(self) -> Any:
        return folder_sink(self.folder, self.folder / WORK_FOLDER)

    def book(self, **options: Any) -> FilesBook:
        return FilesBook(self.sink, self.folder, **options)

    def write(self, item: BytesInput) -> Written:
        for ending in ENDINGS:
            (self.folder / f"{item.name}{ending}").write_bytes(ending.encode() + item.data)
        return Written("here", digest_of(ending.encode() + item.data for ending in ENDINGS))


class NdjsonRun(Run):
    """Write a line for each word of an input, to the file of its first letter."""

    def book(self, **options: Any) -> NdjsonBook:
        return NdjsonBook(self.summary, self.folder, **options)

    def write(self, item: BytesInput) -> Written:
        words = [word for word in item.data.decode().split() if word != "bad"]
        lines = [Line(f"{word[0]}.ndjson", word.partition("=")[0], word.encode()) for word in words]
        return Written("here", lines=(*lines, Line("reports.jsonl", None, item.data)))


KINDS: list[Callable[[Path], Run]] = [FilesRun, NdjsonRun]
CONTENTS = ("P1 O1 O2", "bad", "P1 O3 D=1", "P2 D=2 S1", "P3 O4")


@pytest.fixture(params=KINDS, ids=["files", "ndjson"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    made: Run = request.param(tmp_path / "out")
    return made


@pytest.fixture
def undisturbed(run: Run, tmp_path: Path) -> dict[str, bytes]:
    """Answer what a run writes that nothing disturbs."""
    other = type(run)(tmp_path / "undisturbed")
    other(inputs(*CONTENTS))
    return other.contents()


@pytest.mark.parametrize("after", range(6))
def test_it_ends_the_same_wherever_it_was_interrupted(
    after: int, run: Run, undisturbed: dict[str, bytes]
) -> None:
    items = inputs(*CONTENTS)
    done = run(items, stop_after=after)
    again = run(items)
    assert run.contents() == undisturbed
    assert set(done) | set(again) == {item.name for item in items}
    repeated = {"1.dcm"} if isinstance(run, FilesRun) and 1 < after < 5 else set()
    assert set(done) & set(again) <= (repeated or ({item.name for item in items} if after == 5 else set()))
    assert (run.summary.files, run.summary.failed, run.summary.resources) == (5, 1, 11)


def test_without_resume_all_is_done_again(run: Run, undisturbed: dict[str, bytes]) -> None:
    run(inputs(*CONTENTS), stop_after=3)
    assert len(run(inputs(*CONTENTS), resume=False)) == 5
    assert run.contents() == undisturbed


def test_with_other_options_all_is_done_again(run: Run, undisturbed: dict[str, bytes]) -> None:
    run(inputs(*CONTENTS), stop_after=3)
    assert len(run(inputs(*CONTENTS), fingerprint="two")) == 5
    assert run.contents() == undisturbed


def test_an_input_that_has_changed_is_done_again(run: Run, undisturbed: dict[str, bytes]) -> None:
    changed = ("P1 O1 O2", "bad", "P1 O9 D=1 X7", *CONTENTS[3:])
    run(inputs(*changed), stop_after=4)
    again = run(inputs(*CONTENTS))
    assert "2.dcm" in again
    assert "0.dcm" not in again
    assert run.contents() == undisturbed


def test_a_run_that_did_nothing_leaves_nothing(run: Run) -> None:
    run(inputs(*CONTENTS), stop_after=0)
    assert not run.folder.exists()


def test_half_written_files_are_removed(run: Run, undisturbed: dict[str, bytes]) -> None:
    run(inputs(*CONTENTS), stop_after=3)
    (run.folder / WORK_FOLDER / ".sr2fhir-1-1.part").write_bytes(b"half")
    run(inputs(*CONTENTS))
    assert run.contents() == undisturbed


# ---- files of each input


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"half")])
def test_files_that_are_not_what_was_written_are_written_again(damage: Any, tmp_path: Path) -> None:
    run = FilesRun(tmp_path / "out")
    run(inputs(*CONTENTS), stop_after=4)
    whole = run.contents()
    damage(run.folder / "2.dcm.report.json")
    assert "2.dcm" in run(inputs(*CONTENTS))
    assert run.contents()["2.dcm.report.json"] == whole["2.dcm.report.json"]


# ---- files that inputs share


def test_lines_that_were_not_recorded_are_cut_off(
    tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS), stop_after=3)
    work = run.folder / WORK_FOLDER
    for name in ("P.ndjson", "reports.jsonl", "S.ndjson"):
        with (work / name).open("ab") as file:
            file.write(b"P9\nP1")
    assert run(inputs(*CONTENTS)) == ["3.dcm", "4.dcm"]
    assert run.contents() == undisturbed_lines


def test_shared_files_that_are_too_short_are_begun_anew(
    tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS), stop_after=3)
    (run.folder / WORK_FOLDER / "P.ndjson").write_bytes(b"P")
    assert len(run(inputs(*CONTENTS))) == 5
    assert run.contents() == undisturbed_lines


def test_inputs_that_are_gone_leave_no_lines(tmp_path: Path, undisturbed_lines: dict[str, bytes]) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS, "P7 X1"), stop_after=6)
    run = NdjsonRun(tmp_path / "other")
    run([*inputs(*CONTENTS), *inputs(*"abcdefg")], stop_after=7)
    assert run(inputs(*CONTENTS)) == []
    assert run.contents() == undisturbed_lines


def test_an_interruption_while_files_are_moved(tmp_path: Path, undisturbed_lines: dict[str, bytes]) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS, "P7"), stop_after=5)
    (run.folder / WORK_FOLDER / "P.ndjson").rename(run.folder / "P.ndjson")
    assert run(inputs(*CONTENTS)) == []
    assert run.contents() == undisturbed_lines


def test_a_resource_is_written_once_and_each_content_of_it(undisturbed_lines: dict[str, bytes]) -> None:
    assert undisturbed_lines["P.ndjson"] == b"P1\nP2\nP3\n"
    assert undisturbed_lines["D.ndjson"] == b"D=1\nD=2\n"
    assert undisturbed_lines["O.ndjson"] == b"O1\nO2\nO3\nO4\n"


def test_the_summary_tells_what_inputs_had_in_common(tmp_path: Path) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS), stop_after=3)
    run(inputs(*CONTENTS))
    assert (run.summary.repeated, run.summary.differing) == (1, 1)


def test_files_of_an_earlier_run_do_not_outlive_it(tmp_path: Path) -> None:
    run = NdjsonRun(tmp_path / "out")
    run.folder.mkdir()
    for name in ("Specimen.ndjson", "OperationOutcome.ndjson", "mine.ndjson"):
        (run.folder / name).write_bytes(b"old\n")
    run(inputs(*CONTENTS))
    assert {"Specimen.ndjson", "OperationOutcome.ndjson"}.isdisjoint(run.contents())
    assert run.contents()["mine.ndjson"] == b"old\n"


@pytest.fixture
def undisturbed_lines(tmp_path: Path) -> dict[str, bytes]:
    run = NdjsonRun(tmp_path / "undisturbed")
    run(inputs(*CONTENTS))
    return run.contents()
