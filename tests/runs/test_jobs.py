"""The table of jobs outlasts the process, is believed only where it fits, and gives no job to two at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sr2fhir.errors import EngineError, NotDicomError, Sr2FhirError, UsageError
from sr2fhir.runs import Done, FileResult, Written
from sr2fhir.runs.jobs import DONE, FAILED, LEASED, REFUSED, WAITING, Job, Jobs

from tests.runs import databases

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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a PostgreSQL server, or skip where there is none."""
    databases.require_postgres()
    # not below the folder of pytest, which other users may not enter
    with databases.scratch() as folder, databases.postgres(folder / "pg") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database that can be shared."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.sqlite"
    found: str = request.getfixturevalue("server")
    return found


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Callable[..., Jobs]]:
    """Open the table as another process does."""
    made: list[Jobs] = []

    def open_one(*, lease_s: float = 60.0, options: str = "one") -> Jobs:
        made.append(Jobs(url, str(tmp_path), options, lease_s=lease_s))
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


def test_a_lease_runs_out_unless_it_is_renewed(opened: Callable[..., Jobs]) -> None:
    first, second = opened(lease_s=2.0), opened(lease_s=2.0)
    first.begin(resume=False)
    left, kept = first.take("a", 0), first.take("b", 1)
    deadline = time.monotonic() + 30
    while (claimed := second.claim(left)).owner != second.owner:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert claimed.attempts == 2
    first.record(done(left, GOOD))  # it is not ours any more
    first.record(done(kept, GOOD))
    assert second.claim(left).owner == second.owner
    assert second.claim(left).state == LEASED


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
    opened: Callable[..., Jobs], url: str, tmp_path: Path
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
            [sys.executable, "-c", CLAIMING, url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    done_by = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert Counter(name for each in done_by for name in each) == Counter(names)
    assert opened().count(DONE) == len(names)
