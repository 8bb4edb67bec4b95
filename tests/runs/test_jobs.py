"""The table of jobs outlasts the process, is believed only where it fits, and gives no job to two at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from sr2fhir.errors import EngineError, NotDicomError, Sr2FhirError, UsageError
from sr2fhir.runs import Done, FileResult, Written
from sr2fhir.runs.jobs import DONE, FAILED, LEASED, REFUSED, WAITING, Job, Jobs, jobs as table, url_of
from sr2fhir.threads import Threads

GOOD = FileResult("a", "out/a.bundle.json", resources=3, unmapped=2, errors=1, warnings=4, invalid=5)
BAD = FileResult("b", error=NotDicomError("not DICOM", source="b", where="PixelData", hint="Give DICOM"))
BROKEN = FileResult("c", error=EngineError("the map failed"))
DIGESTS = {"a.bundle.json": "d1"}


def done(job: Job, result: FileResult) -> Done:
    return Done(result, f"digest of {result.name}", Written(result.where, DIGESTS), job.id)


def record_all(jobs: Jobs) -> None:
    for number, result in enumerate((GOOD, BAD, BROKEN)):
        jobs.record(done(jobs.take(result.name, number), result))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Make the file of a run that was interrupted."""
    made = tmp_path / "out" / ".sr2fhir" / "jobs.sqlite"
    made.parent.mkdir(parents=True)
    with closing(Jobs(made, "out", "one")) as jobs:
        jobs.begin(resume=False)
        record_all(jobs)
    return made


def states(jobs: Jobs) -> dict[str, int]:
    return {
        state: jobs.count(state) for state in (WAITING, LEASED, DONE, FAILED, REFUSED) if jobs.count(state)
    }


def begun(file: Path, options: str = "one", *, resume: bool = True) -> Jobs:
    jobs = Jobs(file, "out", options)
    jobs.begin(resume=resume)
    return jobs


def test_what_was_recorded_comes_back(file: Path) -> None:
    with closing(Jobs(file, "out", "one")) as jobs:
        assert states(jobs) == {DONE: 1, REFUSED: 1, FAILED: 1}
        good, bad, broken = jobs.over()
    assert (good.input, good.digest, good.output, good.digests) == ("a", "digest of a", GOOD.where, DIGESTS)
    assert good.result == GOOD
    assert bad.error == {
        "class": "NotDicomError",
        "message": "not DICOM",
        "where": "PixelData",
        "hint": "Give DICOM",
    }
    assert str(broken.result.error) == "the map failed"


def test_a_run_that_goes_on_keeps_what_is_done_and_tries_again_what_failed(file: Path) -> None:
    with closing(begun(file)) as jobs:
        assert states(jobs) == {DONE: 1, WAITING: 2}
        kept = jobs.take("a", 7)
        assert (kept.state, kept.number) == (DONE, None)
        assert [job.number for job in jobs.over()] == [7]
        assert jobs.take("b", 8).owner == jobs.owner
        assert jobs.claim(kept).owner == jobs.owner


@pytest.mark.parametrize(
    ("options", "resume", "kept"), [("one", True, 1), ("two", True, 0), ("one", False, 0)]
)
def test_it_is_forgotten_where_it_does_not_fit(options: str, resume: bool, kept: int, file: Path) -> None:
    with closing(begun(file, options, resume=resume)) as jobs:
        assert jobs.count(DONE) == kept
    with closing(begun(file)) as jobs:
        assert jobs.count(DONE) == kept


@pytest.mark.parametrize("content", [b"no database" * 500, b""])
def test_a_damaged_file_is_made_anew(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with closing(begun(file)) as jobs:
        assert states(jobs) == {}


def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    file = tmp_path / "a?b=c#d%20 é" / "jobs.sqlite"
    file.parent.mkdir()
    begun(file).close()
    assert file.is_file()


def test_one_run_at_a_time_in_a_folder(file: Path) -> None:
    with closing(begun(file)) as jobs:
        with pytest.raises(UsageError, match="another run") as refused:
            Jobs(file, "out", "one")
        assert (refused.value.where, bool(refused.value.hint)) == (str(file.parent.parent), True)
        assert jobs.count(DONE) == 1
    begun(file).close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Sr2FhirError, match="cannot be written") as refused:
        Jobs(tmp_path / "none" / "jobs.sqlite", "out", "one")
    assert refused.value.where == str(tmp_path / "none")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("jobs.sqlite", "not the URL"),
        ("mysql://u:secret@h/d", "not the URL"),
        ("postgresql://u:secret@127.0.0.1:1/d", "cannot be written"),
        ("sqlite:////no/such/folder/jobs.sqlite", "SQLITE_CANTOPEN"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(url: str, words: str) -> None:
    with pytest.raises(Sr2FhirError, match=words) as refused:
        Jobs(url, "out", "one")
    assert refused.value.hint
    assert "secret" not in f"{refused.value} {refused.value.where}"


# ---- shared by several processes


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Jobs]]:
    """Open the table as another process does."""
    made: list[Jobs] = []

    def open_one(*, lease_s: float = 60.0, options: str = "one") -> Jobs:
        made.append(Jobs(database_url, str(tmp_path), options, lease_s=lease_s))
        return made[-1]

    yield open_one
    for jobs in made:
        jobs.close()


def test_a_second_process_has_to_say_that_it_joins(opened: Callable[..., Jobs]) -> None:
    first = opened()
    assert first.begin(resume=False)
    second = opened()
    with pytest.raises(UsageError, match="another run"):
        second.begin(resume=False)
    assert not second.begin(resume=True)
    with pytest.raises(UsageError, match="another run"):
        opened(options="two").begin(resume=True)
    first.close()
    second.close()
    assert opened().begin(resume=False)


def test_a_job_belongs_to_one(opened: Callable[..., Jobs]) -> None:
    first, second = opened(), opened()
    first.begin(resume=False)
    job = first.take("a", 0)
    assert second.take("a", 0).owner == first.owner
    assert second.claim(job).owner == first.owner
    second.record(done(job, GOOD))
    assert second.claim(job).state == LEASED
    first.record(done(job, GOOD))
    assert first.claim(job).result == GOOD
    assert second.take("a", 0).is_over


def test_another_input_in_the_same_place_is_refused(opened: Callable[..., Jobs]) -> None:
    first, second = opened(), opened()
    first.begin(resume=False)
    first.take("a", 0)
    with pytest.raises(UsageError, match="other inputs"):
        second.take("b", 0)


def test_what_is_given_back_can_be_claimed(opened: Callable[..., Jobs]) -> None:
    first, second = opened(), opened()
    first.begin(resume=False)
    for number, name in enumerate("abc"):
        first.take(name, number)
    taken = [second.take(name, number) for number, name in enumerate("abc")]
    assert {job.owner for job in taken} == {first.owner}
    first.close()
    claimed = [second.claim(job) for job in taken]
    assert [(job.input, job.owner, job.attempts) for job in claimed] == [
        (name, second.owner, 1) for name in "abc"
    ]


def dies(jobs: Jobs) -> None:
    """Do as a process that is killed: renew nothing more, give nothing back."""
    jobs._left.set()


def claimed_in_time(jobs: Jobs, job: Job) -> Job:
    """Claim a job as soon as its lease has run out."""
    deadline = time.monotonic() + 30
    while (claimed := jobs.claim(job)).owner != jobs.owner:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return claimed


def test_a_lease_is_renewed_while_its_owner_is_at_one_report(opened: Callable[..., Jobs]) -> None:
    first, second = opened(lease_s=2.0), opened()
    first.begin(resume=False)
    job = first.take("a", 0)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        assert second.claim(job).owner == first.owner
        time.sleep(0.2)
    first.record(done(job, GOOD))
    assert first.claim(job).is_over


def test_a_lease_runs_out_when_its_owner_is_gone(opened: Callable[..., Jobs]) -> None:
    first, second = opened(lease_s=2.0), opened()
    first.begin(resume=False)
    left, kept = first.take("a", 0), first.take("b", 1)
    dies(first)
    assert claimed_in_time(second, left).attempts == 2
    first.record(done(left, GOOD))  # it is not ours any more
    first.record(done(kept, GOOD))
    assert second.claim(left).owner == second.owner
    assert second.claim(left).state == LEASED


# ---- the beginning and the end


@pytest.mark.parametrize("round_", range(5))
@pytest.mark.parametrize("resume", [True, False])
def test_of_processes_that_begin_at_once_one_is_alone(
    resume: bool, round_: int, postgres_url: str, tmp_path: Path
) -> None:
    """Each makes the table unless it is there, and begins unless another has."""
    database = sa.create_engine(url_of(postgres_url))
    table.metadata.drop_all(database)
    database.dispose()
    number = 6
    together = Barrier(number)

    def begin(_: int) -> Jobs | UsageError:
        together.wait(30)
        jobs = Jobs(postgres_url, str(tmp_path), "one")
        together.wait(30)
        try:
            alone.append(jobs.begin(resume=resume))
        except UsageError as error:
            jobs.close()
            return error
        return jobs

    alone: list[bool] = []
    threads = Threads(number, "test")
    begun = threads.map(begin, range(number))
    threads.end()
    assert alone.count(True) == 1
    assert len(alone) == (number if resume else 1)
    for jobs in begun:
        if isinstance(jobs, Jobs):
            jobs.close()


def test_who_is_the_last_to_have_no_input_left_does_what_comes_after(opened: Callable[..., Jobs]) -> None:
    first, second = opened(), opened()
    first.begin(resume=False)
    second.begin(resume=True)
    assert first.end() is None
    second.take("b", 1)
    assert first.end() is None
    second.record(done(second.take("b", 1), GOOD))
    last = second.end()
    assert last
    assert last.owner == second.owner
    waited = first.end()
    assert waited
    assert (waited.owner, waited.is_over) == (second.owner, False)
    second.record(Done(FileResult(last.input), job=last.id))
    assert second.end()
    waited = first.end()
    assert waited
    assert waited.is_over


def test_another_does_what_comes_after_where_who_did_it_is_gone(opened: Callable[..., Jobs]) -> None:
    first, second = opened(lease_s=2.0), opened()
    first.begin(resume=False)
    second.begin(resume=True)
    assert second.end() is None
    last = first.end()
    assert last
    dies(first)
    assert claimed_in_time(second, last).owner == second.owner


def test_inputs_that_a_process_has_not_done_when_it_is_gone_are_counted(opened: Callable[..., Jobs]) -> None:
    first, second = opened(), opened()
    first.begin(resume=False)
    second.begin(resume=True)
    second.record(done(second.take("a", 0), GOOD))
    second.take("b", 1)
    second.close()
    assert first.end()
    assert first.count_left() == 1


def test_who_joins_a_run_that_is_being_finished_finds_all_done_or_is_refused(
    opened: Callable[..., Jobs],
) -> None:
    first, late = opened(), opened()
    first.begin(resume=False)
    first.record(done(first.take("a", 0), GOOD))
    assert first.end()
    assert not late.begin(resume=True)
    assert late.take("a", 0).is_over
    with pytest.raises(UsageError, match="another run"):
        late.take("b", 1)


CLAIMING = """
import sys, time
from sr2fhir.runs import Done, FileResult
from sr2fhir.runs.jobs import Jobs
jobs = Jobs(sys.argv[1], sys.argv[2], "one")
for number in range(120):
    job = jobs.take(f"{number:03}", number)
    if job.owner == jobs.owner:
        print(job.input, flush=True)
        jobs.record(Done(FileResult(job.input), job=job.id))
jobs.close()
"""


def test_processes_share_a_queue_and_do_no_job_twice(
    opened: Callable[..., Jobs], database_url: str, tmp_path: Path
) -> None:
    """Each goes through the inputs, and does those that no other has."""
    jobs = opened()
    jobs.begin(resume=False)
    names = [f"{number:03}" for number in range(120)]
    for number, name in enumerate(names):
        jobs.take(name, number)
    jobs.close()  # gives them back
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMING, database_url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    done_by = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert Counter(name for each in done_by for name in each) == Counter(names)
    assert opened().count(DONE) == len(names)
