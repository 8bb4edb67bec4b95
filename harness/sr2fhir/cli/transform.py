"""`sr2fhir transform`: turn Structured Reports into Bundles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sr2fhir.cli.lines import Stopwatch, show, summary_lines
from sr2fhir.cli.options import (
    Subparsers,
    add_command,
    add_engine_option,
    add_render_options,
    count,
    render_options,
)
from sr2fhir.cli.terminal import Terminal, printable
from sr2fhir.errors import EngineUnavailableError, UsageError
from sr2fhir.outcome import describe
from sr2fhir.packaging import BUNDLE_TYPES, FORMATS, Packaging
from sr2fhir.wording import plural

if TYPE_CHECKING:
    from sr2fhir.engines import Engine, EngineOptions
    from sr2fhir.runs import Summary
    from sr2fhir.runs.destination import Destination
    from sr2fhir.runs.inputs import Input, Skipped
    from sr2fhir.runs.results import Done
    from sr2fhir.runs.work import MakeWork, Recipe

EXAMPLES = """\
  sr2fhir transform report.dcm                      out/report.dcm.bundle.json, .report.json, .outcome.json
  sr2fhir transform archive/ more.zip '*.dcm' --out fhir --jobs 2
  sr2fhir transform report.dcm --out report.json    the Bundle under that name; report.xml for XML
  sr2fhir transform - < report.dcm > bundle.json    the Bundle on standard output, messages on standard error
  sr2fhir transform report.dcm --bundle transaction --timezone -05:00 --validate
  find /archive -name 'SR*' | sr2fhir transform @- --out fhir --ndjson --jobs 4 --resume

Each input gives three files, named after it: the Bundle, a report (which element came from which content
item, and what reached none and why), and an OperationOutcome. An input that fails gives the OperationOutcome
alone; on standard output it takes the place of the Bundle. With --ndjson all inputs share Patient.ndjson,
Observation.ndjson and so on, reports.jsonl, and OperationOutcome.ndjson.
"""
STANDARD_INPUT = "-"
LIST_SIGN = "@"


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "transform", "turn Structured Reports into FHIR Bundles", EXAMPLES)
    command.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="DICOM or DICOM JSON file, folder, pattern, zip archive, - for standard input,"
        " @FILE for a list of these, or @- for a list on standard input",
    )
    command.add_argument(
        "--out",
        metavar="DIR|FILE|-",
        help="folder (default: out), file ending in .json or .xml for one input, or -",
    )
    command.add_argument(
        "--keep-lineage", action="store_true", help="leave the ids in the Bundle that name content items"
    )
    command.add_argument("--validate", action="store_true", help="have the HL7 validator check each Bundle")
    command.add_argument(
        "--ndjson",
        action="store_true",
        help="one file per type of resource (FHIR Bulk Data) instead of one Bundle per input",
    )
    command.add_argument(
        "--jobs",
        type=count,
        default=1,
        metavar="N",
        help="processes that work at once (default: 1)",
    )
    command.add_argument(
        "--resume", action="store_true", help="go on with a run into this folder that was interrupted"
    )
    command.add_argument(
        "--format",
        choices=FORMATS,
        help="format of the Bundles (default: what the ending of --out says, else json)",
    )
    command.add_argument("--quiet", action="store_true", help="print failures only")
    command.add_argument(
        "--bundle",
        choices=BUNDLE_TYPES,
        default="collection",
        help="type of the Bundle (default: collection)",
    )
    add_engine_option(command)
    add_render_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Transform all inputs, print a line for each and a summary, and answer the exit code."""
    from sr2fhir.runs import Summary
    from sr2fhir.runs.destination import choose, choose_format

    check_ndjson(arguments)
    arguments.format = choose_format(arguments.out, arguments.format)
    destination = choose(arguments.inputs, arguments.out, arguments.format, ndjson=arguments.ndjson)
    terminal = Terminal(sys.stderr if arguments.quiet or destination.place is None else sys.stdout)
    summary, stopwatch = Summary(), Stopwatch()
    try:
        transform(arguments, destination, terminal, summary)
    except (EngineUnavailableError, KeyboardInterrupt) as error:
        return stopped(error, destination, summary)
    form = {"ndjson": arguments.ndjson, "xml": arguments.format == "xml"}
    lines = summary_lines(summary, destination.place, validated=arguments.validate, **form)
    for line in () if arguments.quiet else (*lines, *stopwatch.lines(summary, terminal), *freshness_lines()):
        terminal.line(line)
    return 0 if summary.ok else 1


def check_ndjson(arguments: argparse.Namespace) -> None:
    """Refuse a transaction as NDJSON, which has no place for its requests."""
    if arguments.ndjson and arguments.bundle != "collection":
        raise UsageError(f"--ndjson cannot hold a {arguments.bundle}", hint="Leave --bundle out")


def stopped(
    error: EngineUnavailableError | KeyboardInterrupt, destination: Destination, summary: Summary
) -> int:
    """Say how far a run came that could not go on, and how to go on with it.

    Raises
    ------
    EngineUnavailableError, KeyboardInterrupt
        Nothing was done before, or a person wanted the end.
    """
    terminal = Terminal(sys.stderr)
    now = summary.done - summary.resumed
    if destination.is_shared and summary.done:
        terminal.line(
            f"{plural(summary.done, 'input')} done; the same command with --resume goes on from there"
        )
    if isinstance(error, KeyboardInterrupt) or not now:
        raise error
    terminal.line(f"sr2fhir: {printable(describe(error))}")
    return 1


def freshness_lines() -> tuple[str, ...]:
    """Warn where the compiled maps are not those of the sources."""
    from sr2fhir.toolchain.freshness import REMEDY, outdated

    return (f"Note: {REMEDY}",) if outdated() else ()


def transform(
    arguments: argparse.Namespace, destination: Destination, terminal: Terminal, summary: Summary
) -> None:
    """Transform all inputs and print a line for each."""
    from sr2fhir import runs
    from sr2fhir.cli.options import engine_options
    from sr2fhir.engines import make_engine
    from sr2fhir.runs.destination import is_single

    options = engine_options(arguments, batch=not is_single(arguments.inputs))
    # first of all: Java starts while Python still loads pydicom
    engine = make_engine(arguments.engine, options)
    from sr2fhir.runs.work import MakeWork

    try:
        recipe = recipe_of(arguments, options)
        work = working(arguments, destination, MakeWork(recipe, destination.sink), engine)
        items = find(arguments.inputs, destination, summary.skip)
        with destination.book(recipe, summary, resume=arguments.resume) as book:
            done = runs.run(items, work, book, summary)
            number = partial(count_inputs, arguments.inputs, destination)
            show(done, summary, terminal, number, quiet=arguments.quiet)
    finally:
        engine.close()


def working(
    arguments: argparse.Namespace, destination: Destination, make_work: MakeWork, engine: Engine
) -> Callable[[Iterable[Input]], Iterator[Done]]:
    """Work in this process, or in several."""
    if arguments.jobs == 1 or not destination.is_shared:
        return partial(map, make_work(engine))
    from sr2fhir.runs.work import lost
    from sr2fhir.runs.workers import Workers

    prepare = partial(prepare_worker, arguments)
    return Workers(arguments.jobs, engine, make_work, partial(lost, destination.sink), prepare)


def prepare_worker(arguments: argparse.Namespace) -> None:
    """Set a worker process up as this one was."""
    from sr2fhir.cli.main import prepare, travel_light

    travel_light()
    prepare(arguments)


def recipe_of(arguments: argparse.Namespace, engine_options: EngineOptions) -> Recipe:
    """Gather what decides about the results."""
    from sr2fhir.runs.work import Recipe

    return Recipe(
        arguments.engine,
        engine_options,
        render_options(arguments),
        Packaging(arguments.bundle),
        keep_lineage=arguments.keep_lineage,
        validate=arguments.validate,
        format=arguments.format,
    )


def find(
    inputs: Sequence[str], destination: Destination, skipped: Callable[[Skipped], None]
) -> Iterator[Input]:
    """Find the inputs, but none in the folder of the results."""
    from sr2fhir.runs.inputs import discover

    return discover(inputs, leave_out=[destination.place] if destination.place else [], skipped=skipped)


def count_inputs(inputs: Sequence[str], destination: Destination) -> int | None:
    """Count the inputs; standard input counts as one, and a list that is read from it cannot be counted."""
    if f"{LIST_SIGN}{STANDARD_INPUT}" in inputs:
        return None
    named = [name for name in inputs if name != STANDARD_INPUT]
    found = sum(1 for _ in find(named, destination, lambda _: None))
    return found + len(inputs) - len(named)
