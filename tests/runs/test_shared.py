"""A run that goes on after an interruption ends as one that was never interrupted."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest
from sr2fhir.errors import NotDicomError, Sr2FhirError
from sr2fhir.pipeline import Settings
from sr2fhir.runs import Done, FileResult, Line, Summary, Written
from sr2fhir.runs.inputs import BytesInput
from sr2fhir.runs.jobs import ENDING, Jobs
from sr2fhir.runs.pool import one_by_one
from sr2fhir.runs.shared import PAUSE_S, SharedRun
from sr2fhir.runs.sinks import WORK_FOLDER
from sr2fhir.runs.work import RunSettings, Task
from sr2fhir.threads import in_background

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
    """Return what a run writes that nothing disturbs."""
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


# ---- shared with other commands


@dataclass
class Slow(NdjsonRun):
    """Wait before the input of this name."""

    name: str = "4.dcm"
    begun: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def work(self, stop_after: int, task: Task) -> Done:
        if task.item.name == self.name:
            self.begun.set()
            assert self.go_on.wait(60)
        return super().work(stop_after, task)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have others see each result as soon as it is recorded."""
    monkeypatch.setattr("sr2fhir.runs.jobs.BATCH", 1)


def wait_for_one_at_its_end(database_url: str, folder: Path) -> None:
    """Wait until a command has no input left."""
    with closing(Jobs(database_url, str(folder), "one")) as jobs:
        deadline = time.monotonic() + 60
        while not jobs.count(ENDING):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.usefixtures("at_once")
def test_the_last_command_to_be_done_puts_the_files_together(
    database_url: str, tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    """The other one had begun before the last input came into the folder."""
    slow, quick = Slow(tmp_path / "out"), NdjsonRun(tmp_path / "out")
    first = in_background(lambda: slow(inputs(*CONTENTS), resume=False, database=database_url))
    assert slow.begun.wait(60)
    second = in_background(lambda: quick(inputs(*CONTENTS[:4]), database=database_url))
    wait_for_one_at_its_end(database_url, quick.folder)
    with pytest.raises(TimeoutError):
        second.result(2 * PAUSE_S)
    assert not list(quick.folder.glob("*.ndjson"))
    slow.go_on.set()
    assert first.result(60) == [f"{number}.dcm" for number in range(5)]
    assert second.result(60) == []
    assert quick.contents() == undisturbed_lines


@pytest.mark.usefixtures("at_once")
def test_inputs_that_another_command_has_left_are_told_and_nothing_done_is_lost(
    database_url: str, tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    slow, quick = Slow(tmp_path / "out"), NdjsonRun(tmp_path / "out")
    first = in_background(lambda: slow(inputs(*CONTENTS), stop_after=4, resume=False, database=database_url))
    assert slow.begun.wait(60)
    second = in_background(lambda: quick(inputs(*CONTENTS[:4]), database=database_url))
    wait_for_one_at_its_end(database_url, quick.folder)
    slow.go_on.set()
    assert len(first.result(60)) == 4
    with pytest.raises(Sr2FhirError, match="1 input of another command") as told:
        second.result(60)
    assert "--resume" in str(told.value.hint)
    assert not list(quick.folder.glob("*.ndjson"))
    assert quick(inputs(*CONTENTS), database=database_url) == ["1.dcm", "4.dcm"]
    assert quick.contents() == undisturbed_lines


def test_what_a_command_has_that_joins_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    others = folder / WORK_FOLDER / "others"
    begin = Jobs.begin

    def joined(jobs: Jobs, *, resume: bool) -> bool:
        alone = begin(jobs, resume=resume)
        others.mkdir()
        return alone

    monkeypatch.setattr(Jobs, "begin", joined)
    settings = cast(RunSettings, Decided(False, "one"))
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    with pytest.raises(KeyboardInterrupt), SharedRun(settings, folder, Summary(), resume=True, database=url):
        raise KeyboardInterrupt
    assert others.is_dir()


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"P")])
def test_lines_that_are_lost_before_the_end_are_an_error_that_names_their_file(
    damage: Any, tmp_path: Path, undisturbed_lines: dict[str, bytes]
) -> None:
    run = NdjsonRun(tmp_path / "out")
    run(inputs(*CONTENTS), stop_after=4)
    kept = kept_lines(run.folder)

    class Losing(NdjsonRun):
        def work(self, stop_after: int, task: Task) -> Done:
            if task.item.name == "4.dcm":
                damage(kept)
            return super().work(stop_after, task)

    with pytest.raises(Sr2FhirError, match="lines that were kept") as told:
        Losing(run.folder)(inputs(*CONTENTS))
    assert told.value.where == str(kept)
    assert not list(run.folder.glob("*.ndjson"))
    run(inputs(*CONTENTS))
    assert run.contents() == undisturbed_lines
