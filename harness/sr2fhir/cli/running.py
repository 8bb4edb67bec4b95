"""What `transform` and `convert` do once the engine is starting: find inputs, and work on them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice

from sr2fhir.cli.main import prepare_worker
from sr2fhir.cli.options import settings_of
from sr2fhir.cli.transform import Destination, check_not_input, names_file
from sr2fhir.dicom import Limits
from sr2fhir.engines import Engine, EngineOptions
from sr2fhir.packaging import Packaging
from sr2fhir.runs import LIST_SIGN, STANDARD, FileResult, Summary
from sr2fhir.runs.discovery import absolute, base_of, discover
from sr2fhir.runs.inputs import FileInput, Input, Skipped
from sr2fhir.runs.sinks import FileSink, SingleSink, Sink, StreamSink
from sr2fhir.runs.work import RunSettings, Task, lost, make_work


@contextmanager
def transforming(
    arguments: argparse.Namespace,
    options: EngineOptions,
    destination: Destination,
    engine: Engine,
    summary: Summary,
) -> Iterator[Iterator[FileResult]]:
    """Transform all inputs; on leaving, the run is finished or kept to be gone on with.

    Parameters
    ----------
    options
        Those with which the engine was made.
    summary
        Counts what is passed over, and what was done before.
    """
    settings = replace(
        settings_of(arguments),
        format=destination.format,
        keep_lineage=arguments.keep_lineage,
        validate=arguments.validate,
    )
    items = find(arguments.inputs, destination, summary.skip, settings.limits)
    if settings.packaging.fixed:
        items = single(items, settings.packaging)
    if destination.place is None or not destination.is_shared:
        work = make_work(settings, sink_of(destination), engine)
        yield (work(Task(item)).result for item in items)
        return
    from sr2fhir.runs.pool import Pool, one_by_one  # loads multiprocessing
    from sr2fhir.runs.shared import SharedRun  # loads SQLAlchemy

    with SharedRun(
        RunSettings(arguments.engine, options, settings, arguments.ndjson),
        destination.place,
        summary,
        resume=arguments.resume,
        database=arguments.jobs_db,
        lease_s=arguments.jobs_lease,
    ) as run:
        make = partial(make_work, settings, run.sink)
        if arguments.jobs == 1:
            yield run(items, partial(one_by_one, make(engine)))
        else:
            ready = partial(prepare_worker, arguments.log_level)
            yield run(items, Pool(arguments.jobs, engine, make, partial(lost, run.sink), ready))


def find(
    inputs: list[str],
    destination: Destination,
    skipped: Callable[[Skipped], None],
    limits: Limits | None = None,
) -> Iterator[Input]:
    """Find the inputs, but none in the folder of the results."""
    left_out = [destination.place] if destination.place else []
    return discover(inputs, leave_out=left_out, limits=limits, skipped=skipped)


def single(items: Iterator[Input], packaging: Packaging) -> Iterator[Input]:
    """Return the only input: a patient, order or study that the caller names is that of one document.

    Raises
    ------
    UsageError
        There are several.
    """
    found = list(islice(items, 2))
    packaging.check_count(len(found))
    return iter(found)


def count_inputs(inputs: list[str], destination: Destination) -> int | None:
    """Count the inputs; standard input is one, and a list that is read from it cannot be counted."""
    if f"{LIST_SIGN}{STANDARD}" in inputs:
        return None
    named = [name for name in inputs if name != STANDARD]
    return sum(1 for _ in find(named, destination, lambda _: None)) + len(inputs) - len(named)


def sink_of(destination: Destination) -> Sink:
    """Make the sink for a single input."""
    place = destination.place
    if place is None:
        return SingleSink(StreamSink(sys.stdout.buffer))
    if names_file(place):
        return SingleSink(FileSink(place, place.suffix, is_file=True))
    return FileSink(place, f".bundle.{destination.format}")


def bundle_inputs(files: Iterable[str], named: list[str], destination: Destination) -> list[Input]:
    """Make inputs of Bundles.

    Parameters
    ----------
    files
        Paths, or `-`.
    named
        What the command line names, below which each file has its name.

    Raises
    ------
    UsageError
        A result would replace its input.
    """
    base, made = base_of(named), list[Input]()
    for file in files:
        if file == STANDARD:
            made += discover([file])
            continue
        path = absolute(file)
        name = path.relative_to(base if path.is_relative_to(base) else path.anchor).as_posix()
        if destination.place and not names_file(destination.place):
            _, bundle, _ = FileSink(destination.place).files(name)
            check_not_input(file, bundle)
        made.append(FileInput(name, path))
    return made
