"""`sr2fhir transform`: turn Structured Reports into Bundles."""

from __future__ import annotations

import argparse
import sys

from sr2fhir import toolchain
from sr2fhir.cli.destination import Destination, choose, is_single
from sr2fhir.cli.options import (
    Subparsers,
    add_command,
    add_engine_option,
    add_render_options,
    count,
    engine_options,
    seconds,
)
from sr2fhir.cli.terminal import Stopwatch, Terminal, printable, show, summary_lines
from sr2fhir.errors import EngineUnavailableError, UsageError
from sr2fhir.outcome import describe, plural
from sr2fhir.packaging import BUNDLE_TYPES, FORMATS
from sr2fhir.runs import LEASE_S, Summary
from sr2fhir.toolchain import REMEDY, outdated

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
        "--jobs-db",
        metavar="URL",
        help="database in which several commands share a run (sqlite:///FILE or postgresql://USER@HOST/NAME);"
        " all but the first join it with --resume",
    )
    command.add_argument(
        "--jobs-lease",
        type=seconds,
        default=LEASE_S,
        metavar="SECONDS",
        help="with --jobs-db, time after which others take over from a command that records nothing more"
        f" (default: {LEASE_S:g})",
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
    """Transform all inputs, print a line for each and a summary, and return the exit code."""
    check_ndjson(arguments)
    destination = choose(arguments.inputs, arguments.out, arguments.format, ndjson=arguments.ndjson)
    check_database(arguments, destination)
    terminal = Terminal(sys.stderr if arguments.quiet or destination.place is None else sys.stdout)
    summary, stopwatch = Summary(), Stopwatch()
    try:
        transform(arguments, destination, terminal, summary)
    except (EngineUnavailableError, KeyboardInterrupt) as error:
        return stopped(error, destination, summary)
    form = {"ndjson": arguments.ndjson, "xml": destination.format == "xml", "shared": bool(arguments.jobs_db)}
    lines = summary_lines(summary, destination.place, validated=arguments.validate, **form)
    for line in () if arguments.quiet else (*lines, *stopwatch.lines(summary, terminal), *freshness_lines()):
        terminal.line(line)
    return 0 if summary.ok else 1


def check_ndjson(arguments: argparse.Namespace) -> None:
    """Refuse a transaction as NDJSON, which has no place for its requests."""
    if arguments.ndjson and arguments.bundle != "collection":
        raise UsageError(f"--ndjson cannot hold a {arguments.bundle}", hint="Leave --bundle out")


def check_database(arguments: argparse.Namespace, destination: Destination) -> None:
    """Refuse to share a run that has one input."""
    if arguments.jobs_db and not destination.is_shared:
        raise UsageError("--jobs-db is for many inputs into one folder", hint="Leave --jobs-db out")


def transform(
    arguments: argparse.Namespace, destination: Destination, terminal: Terminal, summary: Summary
) -> None:
    """Transform all inputs and print a line for each."""
    options = engine_options(arguments, batch=not is_single(arguments.inputs))
    engine = toolchain.make_engine(arguments.engine, options)
    try:
        # Java starts while Python loads this, and with it pydicom
        from sr2fhir.cli.running import Running

        running = Running(arguments, options, destination, engine, summary)
        with running.results() as results:
            show(results, summary, terminal, running.count_inputs, quiet=arguments.quiet)
    finally:
        engine.close()


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
    return (f"Note: {REMEDY}",) if outdated() else ()
