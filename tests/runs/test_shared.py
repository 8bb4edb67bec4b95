"""A run that goes on after an interruption ends as one that was never interrupted."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from sr2fhir.errors import NotDicomError
from sr2fhir.pipeline import Settings
from sr2fhir.runs import Done, FileResult, Line, Summary, Written
from sr2fhir.runs.inputs import BytesInput
from sr2fhir.runs.pool import one_by_one
from sr2fhir.runs.shared import SharedRun
from sr2fhir.runs.sinks import WORK_FOLDER
from sr2fhir.runs.work import RunSettings, Task

ENDINGS = (".report.json", ".bundle.json", ".outcome.json")


def inputs(*contents: str) -> list[BytesInput]:
    return [BytesInput(f"{number}.dcm", content.encode()) for number, content in enumerate(contents)]


@dataclass(frozen=True)
class Decided:
    """Settings of which the digest is known."""

    ndjson: bool
    mark: str
    pipeline: Settings = field(default_factory=Settings)

    def digest(self) -> str:
        return self.mark


@dataclass
class Run:
    """A run whose work is to copy its inputs; `worked_on` tells which it did."""

    folder: Path
    worked_on: list[str] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    ndjson = False

    def write(self, item: BytesInput) -> Written:
        raise NotImplementedError

    def __call__(
        self, items: list[BytesInput], stop_after: int = 99, mark: str = "one", **options: Any
    ) -> list[str]:
        """Run, stopping after so many inputs; return which were worked on."""
        self.worked_on, self.summary = [], Summary()
        settings = cast(RunSettings, Decided(self.ndjson, mark))
        try:
            with SharedRun(settings, self.folder, self.summary, **{"resume": True, **options}) as run:
                for result in run(items, partial(one_by_one, partial(self.work, stop_after))):
                    self.summary.add(result)
        except KeyboardInterrupt:
            pass
        return self.worked_on

    def work(self, stop_after: int, task: Task) -> Done:
        if len(self.worked_on) == stop_after:
            raise KeyboardInterrupt
        item = cast(BytesInput, task.item)
        self.worked_on.append(item.name)
        error = NotDicomError("no") if item.data.startswith(b"bad") else None
        result = FileResult(item.name, resources=len(item.data.split()) * (error is None), error=error)
        return Done(result, sha256(item.data).hexdigest(), self.write(item), task.job)

    def contents(self) -> dict[str, bytes]:
        """Read the files in the folder."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}


class FilesRun(Run):
    """Write three files for each input."""

    def write(self, item: BytesInput) -> Written:
        contents = {f"{item.name}{ending}": ending.encode() + item.data for ending in ENDINGS}
        for name, content in contents.items():
            (self.folder / name).write_bytes(content)
        return Written("here", {name: sha256(content).hexdigest() for name, content in contents.items()})


class NdjsonRun(Run):
    """Write a line for each word of an input, to the file of its first letter."""

    ndjson = True

    def write(self, item: BytesInput) -> Written:
        words = [word for word in item.data.decode().split() if word != "bad"]
        lines = [Line(f"{word[0]}.ndjson", word.partition("=")[0], word.encode()) for word in words]
        return Written("here", lines=(*lines, Line("reports.jsonl", None, item.data)))


KINDS = [FilesRun, NdjsonRun]
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
    repeated = {"1.dcm"} if 1 < after < 5 else set()  # what failed is tried again
    assert set(done) & set(again) <= (repeated or ({item.name for item in items} if after == 5 else set()))
    assert (run.summary.files, run.summary.failed, run.summary.resources) == (5, 1, 11)


def test_without_resume_all_is_done_again(run: Run, undisturbed: dict[str, bytes]) -> None:
    run(inputs(*CONTENTS), stop_after=3)
    assert len(run(inputs(*CONTENTS), resume=False)) == 5
    assert run.contents() == undisturbed


def test_with_other_options_all_is_done_again(run: Run, undisturbed: dict[str, bytes]) -> None:
    run(inputs(*CONTENTS), stop_after=3)
    assert len(run(inputs(*CONTENTS), mark="two")) == 5
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


def kept_lines(folder: Path) -> Path:
    """Find the file that keeps the lines of an interrupted run."""
    (file,) = (folder / WORK_FOLDER).glob("lines-*")
    return file


def test_lines_that_were_not_recorded_are_passed_over(
    tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS), stop_after=3)
    with kept_lines(run.folder).open("ab") as file:
        file.write(b"P.ndjson\tP9\tP9\nP.ndj")
    assert run(inputs(*CONTENTS)) == ["1.dcm", "3.dcm", "4.dcm"]
    assert run.contents() == undisturbed_lines


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"P")])
def test_inputs_whose_lines_are_lost_are_done_again(
    damage: Any, tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS), stop_after=3)
    damage(kept_lines(run.folder))
    assert len(run(inputs(*CONTENTS))) == 5
    assert run.contents() == undisturbed_lines


def test_inputs_that_are_gone_leave_no_lines(tmp_path: Path, undisturbed_lines: dict[str, bytes]) -> None:
    run = NdjsonRun(tmp_path / "out")
    run([*inputs(*CONTENTS), BytesInput("gone.dcm", b"P7 X1"), BytesInput("last.dcm", b"P8")], stop_after=6)
    assert run(inputs(*CONTENTS)) == ["1.dcm"]
    assert run.contents() == undisturbed_lines


def test_an_input_that_came_in_between_has_its_place(
    tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    run = NdjsonRun(tmp_path / "out")
    run([*inputs(*CONTENTS)[1:], BytesInput("last.dcm", b"P8")], stop_after=4)
    assert run(inputs(*CONTENTS)) == ["0.dcm", "1.dcm"]
    assert run.contents() == undisturbed_lines


def test_an_input_that_is_given_twice_is_done_twice(tmp_path: Path) -> None:
    run = NdjsonRun(tmp_path / "out")
    twice = [*inputs("P1 O1", "P2"), *inputs("P1 O1")]
    run(twice, stop_after=2)
    assert run(twice) == ["0.dcm"]
    assert run.contents()["reports.jsonl"] == b"P1 O1\nP2\nP1 O1\n"
    assert run.contents()["P.ndjson"] == b"P1\nP2\n"


def test_an_interruption_while_files_are_moved(
    tmp_path: Path, undisturbed_lines: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = NdjsonRun(tmp_path / "out")
    moved: list[Path] = []

    def interrupted(path: Path, target: Path) -> None:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(path)
        os.replace(path, target)  # noqa: PTH105 - replace of Path is what is patched

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", interrupted)
        run(inputs(*CONTENTS))
    assert 0 < len(list(run.folder.glob("*.ndjson"))) < 4
    assert run(inputs(*CONTENTS)) == ["1.dcm"]
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
