"""A run of many inputs into one folder: what is done, by whom, and what is left when it was interrupted.

All that is unfinished lies in one hidden folder within that of the results: the table of jobs (unless it is
in a database elsewhere), half-written files, and lines of NDJSON. It is removed at the end of the run.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from sr2fhir.errors import EngineError
from sr2fhir.runs import LEASE_S, Done, FileResult, Summary
from sr2fhir.runs.inputs import Input
from sr2fhir.runs.jobs import DONE, Job, Jobs
from sr2fhir.runs.ndjson import NdjsonSink
from sr2fhir.runs.pool import MEMORY_HINT, Outcome, in_order
from sr2fhir.runs.sinks import WORK_FOLDER, FileSink, SharedSink, writing
from sr2fhir.runs.work import RunSettings, Task, digest_of_input, lost

FILE = "jobs.sqlite"
# how often a job may be begun; if its owner vanished each time, it may be what ended them
TRIES = 3
# between looks at what other processes work on
PAUSE_S = 0.5

Working = Callable[[Iterable[Task]], Generator[Outcome[Done], None, None]]


class SharedRun:
    """A run into a folder. On leaving it the run is finished, or after an error kept to be gone on with.

    Parameters
    ----------
    folder
        Of the results.
    summary
        Counts what was done before or elsewhere, and what inputs had in common.
    resume
        Whether to go on with what an interrupted run recorded, or to join one that other processes work on.
    database
        URL of the table of jobs, for several processes to share; by default it lies in the folder, and this
        process alone can write there.
    lease_s
        Seconds after which others take over from a process that is gone.

    Raises
    ------
    UsageError
        Another run writes into this folder.
    Sr2FhirError
        The folder or the database cannot be written.
    """

    def __init__(
        self,
        settings: RunSettings,
        folder: Path,
        summary: Summary,
        *,
        resume: bool,
        database: str | None = None,
        lease_s: float = LEASE_S,
    ) -> None:
        self.folder, self.summary, self.database = folder, summary, database
        self.work = folder / WORK_FOLDER
        with writing(self.work / FILE):
            pass  # makes the folder, or says why it cannot be made
        place = database or self.work / FILE
        self.jobs = Jobs(place, str(folder.resolve()), settings.digest(), lease_s=lease_s)
        # what is half written; the next run removes it if this one is interrupted
        self.own = self.work / self.jobs.owner
        self.sink: SharedSink = FileSink(folder, f".bundle.{settings.pipeline.format}", self.own)
        if settings.ndjson:
            self.sink = NdjsonSink(folder, self.work, self.jobs.owner)
        try:
            self._prepare(resume)
        except BaseException:
            self.jobs.close()
            raise

    def _prepare(self, resume: bool) -> None:
        """Begin, and remove what an interrupted run left half written."""
        left = [path for path in self.work.iterdir() if path.is_dir()]  # before others can join
        if self.jobs.begin(resume=resume):
            for path in left:
                shutil.rmtree(path, ignore_errors=True)
        with writing(self.own / FILE):
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, or keep what is needed to go on, if there is anything."""
        left = self.own
        try:
            is_last = kind is None and self._finish()
            is_useless = self.database is None and not self.jobs.count(DONE)
            left = self.work if is_last or is_useless else self.own
        finally:
            self.sink.close()
            if self.database:  # as soon as we have left, the folder may be another's
                shutil.rmtree(left, ignore_errors=True)
            self.jobs.close()
        if not self.database:
            shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):
            self.folder.rmdir()  # where nothing was written

    def _finish(self) -> bool:
        """Do what comes after the last input, unless another process does it; tell whether this one did.

        Whoever is the last to have no input left does it, and the others wait for it.
        """
        is_last = False
        while (job := self.jobs.end()) is None or not job.is_over:
            if job is None or job.owner != self.jobs.owner:
                time.sleep(PAUSE_S)
                continue
            self.sink.finish(self.jobs, self.summary)
            self.jobs.record(Done(FileResult(job.input), job=job.id))
            is_last = True
        return is_last

    # ---- inputs

    def __call__(self, items: Iterable[Input], work: Working) -> Iterator[FileResult]:
        """Do all inputs that are not done, record them, and yield results in the order of the inputs.

        An input that fails is a result too. Only what concerns the whole run is raised. What is done already
        is added to the summary and not yielded; what another process began and left comes last.
        """
        elsewhere: list[tuple[Input, Job]] = []
        yield from self._results(work, self._tasks(items, elsewhere))
        while elsewhere:
            time.sleep(PAUSE_S)
            waited, elsewhere = elsewhere, []
            abandoned = list(self._abandoned(waited, elsewhere))
            yield from self._results(work, (task for task, tries in abandoned if tries <= TRIES))
            for task, tries in abandoned:
                if tries > TRIES:
                    yield self._given_up(task)

    def _results(self, work: Working, tasks: Iterator[Task]) -> Iterator[FileResult]:
        with closing(work(tasks)) as outcomes:
            for done in in_order(map(self._record, outcomes)):
                yield done.result

    def _tasks(self, items: Iterable[Input], elsewhere: list[tuple[Input, Job]]) -> Iterator[Task]:
        """Claim inputs one by one as they are found, but for those that are done."""
        for number, item in enumerate(items):
            job = self.jobs.take(item.name, number)
            if job.is_over and self._is_valid(job, item):
                self.summary.resume(job.result)
                continue
            if job.is_over:
                job = self.jobs.claim(job)
            if job.owner == self.jobs.owner:
                yield Task(item, job.id)
            else:
                elsewhere.append((item, job))

    def _is_valid(self, job: Job, item: Input) -> bool:
        """Tell whether an input and its output are the same as recorded; what others did just now is."""
        if job.number is not None:
            return True
        return digest_of_input(item) == job.digest and self.sink.holds(job.input, job.digests or {})

    def _abandoned(
        self, waited: list[tuple[Input, Job]], elsewhere: list[tuple[Input, Job]]
    ) -> Iterator[tuple[Task, int]]:
        """Claim what another process has begun and does not go on with, and tell how often it was begun.

        What another process has done is added to the summary.
        """
        for item, before in waited:
            job = self.jobs.claim(before)
            if job.is_over:
                self.summary.resume(job.result)
            elif job.owner == self.jobs.owner:
                yield Task(item, job.id), job.attempts
            else:
                elsewhere.append((item, job))

    def _given_up(self, task: Task) -> FileResult:
        """Record an input as failed whose processes vanished too often."""
        error = EngineError(f"the process working on this input ended, {TRIES} times", hint=MEMORY_HINT)
        done = lost(self.sink, task, error)
        self._record(Outcome(0, done))
        return done.result

    def _record(self, outcome: Outcome[Done]) -> Outcome[Done]:
        """Record a result as soon as it is there."""
        if outcome.done is not None:
            written = self.sink.keep(outcome.done.written)
            self.jobs.record(replace(outcome.done, written=written))
        return outcome
