"""`sr2fhir transform`: turn Structured Reports into Bundles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from sr2fhir.cli.lines import show, summary_lines
from sr2fhir.cli.options import (
    Subparsers,
    add_command,
    add_engine_option,
    add_render_options,
    count,
    render_options,
)
from sr2fhir.cli.terminal import Terminal

if TYPE_CHECKING:
    from sr2fhir.batch import FileResult, Summary
    from sr2fhir.batch.destination import Destination
    from sr2fhir.engines import Engine
    from sr2fhir.inputs import Input, Skipped

EXAMPLES = """\
  sr2fhir transform report.dcm                      out/report.dcm.bundle.json, .report.json, .outcome.json
  sr2fhir transform archive/ more.zip '*.dcm' --out fhir --jobs 2
  sr2fhir transform report.dcm --out report.json    the Bundle under that name
  sr2fhir transform - < report.dcm > bundle.json    the Bundle on standard output, messages on standard error
  sr2fhir transform report.dcm --bundle transaction --timezone -05:00 --validate

Each input gives three files, named after it: the Bundle, a report (which element came from which content
item, and what reached none and why), and an OperationOutcome. An input that fails gives the OperationOutcome
alone; on standard output it takes the place of the Bundle.
"""
FORMATS = ("json",)
STANDARD_INPUT = "-"


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "transform", "turn Structured Reports into FHIR Bundles", EXAMPLES)
    command.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="DICOM or DICOM JSON file, folder, pattern, zip archive, or - for standard input",
    )
    command.add_argument(
        "--out", metavar="DIR|FILE|-", help="folder (default: out), file ending in .json for one input, or -"
    )
    command.add_argument(
        "--keep-lineage", action="store_true", help="leave the ids in the Bundle that name content items"
    )
    command.add_argument("--validate", action="store_true", help="have the HL7 validator check each Bundle")
    command.add_argument(
        "--jobs", type=count, default=1, metavar="N", help="inputs worked on at once (default: 1)"
    )
    command.add_argument(
        "--format", choices=FORMATS, default="json", help="format of the Bundles (default: json)"
    )
    command.add_argument("--quiet", action="store_true", help="print failures only")
    add_engine_option(command)
    add_render_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Transform all inputs, print a line for each and a summary, and answer the exit code."""
    from sr2fhir.batch.destination import choose

    destination = choose(arguments.inputs, arguments.out)
    terminal = Terminal(sys.stderr if arguments.quiet or destination.place is None else sys.stdout)
    summary = transform(arguments, destination, terminal)
    lines = summary_lines(summary, destination.place, validated=arguments.validate)
    for line in () if arguments.quiet else (*lines, *freshness_lines()):
        terminal.line(line)
    return 0 if summary.ok else 1


def freshness_lines() -> tuple[str, ...]:
    """Warn where the compiled maps are not those of the sources."""
    from sr2fhir.setup.freshness import REMEDY, outdated

    return (f"Note: {REMEDY}",) if outdated() else ()


def transform(arguments: argparse.Namespace, destination: Destination, terminal: Terminal) -> Summary:
    """Transform all inputs and print a line for each."""
    from sr2fhir.batch import Summary
    from sr2fhir.batch.destination import is_single
    from sr2fhir.cli.options import engine_options
    from sr2fhir.transformer import make_engine

    # first of all: Java starts while Python still loads pydicom
    engine = make_engine(arguments.engine, engine_options(arguments, batch=not is_single(arguments.inputs)))
    summary = Summary()
    try:
        done = results(arguments, destination, engine, find(arguments.inputs, destination, summary.skip))
        show(
            done,
            summary,
            terminal,
            lambda: count_inputs(arguments.inputs, destination),
            quiet=arguments.quiet,
        )
    finally:
        engine.close()
    return summary


def results(
    arguments: argparse.Namespace, destination: Destination, engine: Engine, items: Iterable[Input]
) -> Iterator[FileResult]:
    """Transform inputs, one result after the other."""
    from sr2fhir import batch
    from sr2fhir.transformer import Transformer

    transformer = Transformer(
        engine,
        options=render_options(arguments),
        keep_lineage=arguments.keep_lineage,
        validate=arguments.validate,
    )
    return batch.run(items, transformer, destination.sink, jobs=arguments.jobs)


def find(
    inputs: Sequence[str], destination: Destination, skipped: Callable[[Skipped], None]
) -> Iterator[Input]:
    """Find the inputs, but none in the folder of the results."""
    from sr2fhir.inputs import discover

    return discover(inputs, leave_out=[destination.place] if destination.place else [], skipped=skipped)


def count_inputs(inputs: Sequence[str], destination: Destination) -> int:
    """Count the inputs; standard input, which can be read only once, counts as one."""
    named = [name for name in inputs if name != STANDARD_INPUT]
    found = sum(1 for _ in find(named, destination, lambda _: None))
    return found + len(inputs) - len(named)
