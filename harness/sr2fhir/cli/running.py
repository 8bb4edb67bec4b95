"""What `sr2fhir transform` does once the engine is starting: find inputs, and work on them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sr2fhir.cli.destination import LIST_SIGN, STANDARD, Destination
from sr2fhir.cli.main import prepare, tune
from sr2fhir.cli.options import render_options
from sr2fhir.cli.sources import discover
from sr2fhir.engines import Engine, EngineOptions
from sr2fhir.packaging import Packaging
from sr2fhir.runs import FileResult, Summary
from sr2fhir.runs.inputs import Input, Skipped
from sr2fhir.runs.sinks import Sink
from sr2fhir.runs.sinks.files import FileSink, SingleSink, StreamSink
from sr2fhir.runs.work import MakeWork, Settings, Task, lost


class Running:
    """One run of the subcommand.

    Parameters
    ----------
    options
        Those with which the engine was made.
    summary
        Told what is passed over, and what was done before.
    """

    def __init__(
        self,
        arguments: argparse.Namespace,
        options: EngineOptions,
        destination: Destination,
        engine: Engine,
        summary: Summary,
    ) -> None:
        self.arguments, self.destination, self.engine, self.summary = arguments, destination, engine, summary
        self.settings = Settings(
            arguments.engine,
            options,
            render_options(arguments),
            Packaging(arguments.bundle),
            keep_lineage=arguments.keep_lineage,
            validate=arguments.validate,
            format=destination.format,
            sink="ndjson" if arguments.ndjson else "files",
        )

    @contextmanager
    def results(self) -> Iterator[Iterator[FileResult]]:
        """Transform all inputs; on leaving, the run is finished or kept to be gone on with."""
        items = self._find(self.arguments.inputs, self.summary.skip)
        if self.destination.place is None or not self.destination.is_shared:
            work = MakeWork(self.settings, sink_of(self.destination))(self.engine)
            yield (work(Task(item)).result for item in items)
            return
        from sr2fhir.runs.pool import Pool, one_by_one  # loads multiprocessing
        from sr2fhir.runs.shared import SharedRun  # loads SQLAlchemy

        arguments = self.arguments
        with SharedRun(
            self.settings,
            self.destination.place,
            self.summary,
            resume=arguments.resume,
            database=arguments.jobs_db,
            lease_s=arguments.jobs_lease,
        ) as run:
            make_work = MakeWork(self.settings, run.sink)
            if arguments.jobs == 1:
                yield run(items, partial(one_by_one, make_work(self.engine)))
                return
            ready = partial(prepare_worker, arguments.log_level)
            yield run(items, Pool(arguments.jobs, self.engine, make_work, partial(lost, run.sink), ready))

    def _find(self, inputs: list[str], skipped: Callable[[Skipped], None]) -> Iterator[Input]:
        """Find the inputs, but none in the folder of the results."""
        place = self.destination.place
        return discover(inputs, leave_out=[place] if place else [], skipped=skipped)

    def count_inputs(self) -> int | None:
        """Count the inputs; standard input is one, and a list that is read from it cannot be counted."""
        inputs = self.arguments.inputs
        if f"{LIST_SIGN}{STANDARD}" in inputs:
            return None
        named = [name for name in inputs if name != STANDARD]
        return sum(1 for _ in self._find(named, lambda _: None)) + len(inputs) - len(named)


def prepare_worker(level: str | None) -> None:
    """Set a worker process up as that of the command was."""
    tune()
    prepare(level)


def sink_of(destination: Destination) -> Sink:
    """Make the sink for a single input."""
    place = destination.place
    if place is None:
        return SingleSink(StreamSink(sys.stdout.buffer))
    if destination.is_file:
        return SingleSink(FileSink(place, place.suffix, is_file=True))
    return FileSink(Path(place), f".bundle.{destination.format}")
