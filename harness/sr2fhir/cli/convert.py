"""`sr2fhir convert`: lead R5 Bundles that others made to another version of FHIR."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter

from sr2fhir import toolchain
from sr2fhir.cli.bundles import add_bundles, expand
from sr2fhir.cli.options import (
    Subparsers,
    add_command,
    add_engine_option,
    add_selections_option,
    argument,
    engine_options,
)
from sr2fhir.cli.terminal import CONVERTED, Terminal, rate_lines, show, summary_lines
from sr2fhir.cli.transform import Destination, choose
from sr2fhir.configuration import check_steps, named_target
from sr2fhir.packaging import FORMATS
from sr2fhir.runs import Summary

EXAMPLES = """\
  sr2fhir convert a.bundle.json --to R4                    out-r4/a.bundle.json, .report.json, .outcome.json
  sr2fhir convert out --to R4 --out r4 --validate          all Bundles below out/
  sr2fhir convert a.bundle.json --to R4 --out a.r4.xml     under that name, as XML
  sr2fhir convert - --to R4 < bundle.json > r4.json        from standard input to standard output

The Bundle may be anybody's who follows the guide; its requests are kept, so that a transaction stays one.
Each gives three files: the Bundle, a report of what the other version has no element for, and an
OperationOutcome. Resources of a type that no map takes are left out: an error each type. `sr2fhir transform
--fhir R4` makes such Bundles of Structured Reports directly.
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "convert", "convert R5 Bundles to another version of FHIR", EXAMPLES)
    add_bundles(command)
    command.add_argument(
        "--to",
        dest="fhir",
        required=True,
        type=argument(named_target),
        metavar="VERSION",
        help="version of FHIR: R4",
    )
    add_selections_option(command)
    command.add_argument(
        "--out",
        metavar="DIR|FILE|-",
        help="folder (default: out- and the version), file ending in .json or .xml for one input, or -",
    )
    command.add_argument(
        "--format",
        choices=FORMATS,
        help="format of the Bundles (default: what the ending of --out says, else json)",
    )
    command.add_argument("--validate", action="store_true", help="have the HL7 validator check each Bundle")
    command.add_argument("--quiet", action="store_true", help="print failures only")
    add_engine_option(command)


def run(arguments: argparse.Namespace) -> int:
    """Convert all Bundles, print a line for each and a summary, and return the exit code."""
    begin, summary = perf_counter(), Summary()
    check_steps(arguments.fhir)
    files = list(expand(arguments.inputs))
    default = Path(f"out-{arguments.fhir.name.lower()}")
    destination = choose(arguments.inputs, arguments.out, arguments.format, default=default)
    terminal = Terminal(sys.stderr if arguments.quiet or destination.place is None else sys.stdout)
    convert(arguments, files, destination, terminal, summary)
    if not arguments.quiet:
        lines = summary_lines(
            summary,
            destination.place,
            validated=arguments.validate,
            xml=destination.format == "xml",
            words=CONVERTED,
            target=arguments.fhir,
        )
        for line in chain(lines, rate_lines(summary, perf_counter() - begin, terminal)):
            terminal.line(line)
    return 0 if summary.ok else 1


def convert(
    arguments: argparse.Namespace,
    files: list[str],
    destination: Destination,
    terminal: Terminal,
    summary: Summary,
) -> None:
    """Convert all Bundles and print a line for each."""
    engine = toolchain.make_engine(arguments.engine, engine_options(arguments, batch=len(files) > 1))
    try:
        # Java starts while Python loads this
        from sr2fhir.cli.running import bundle_inputs, sink_of
        from sr2fhir.conversion import convert
        from sr2fhir.pipeline import Settings
        from sr2fhir.runs.work import Task, make_work

        settings = Settings(
            target=arguments.fhir,
            selections=arguments.selections or "basic",
            format=destination.format,
            validate=arguments.validate,
        )
        work = make_work(settings, sink_of(destination), engine, convert)
        items = bundle_inputs(files, arguments.inputs, destination)
        results = (work(Task(item)).result for item in items)
        show(results, summary, terminal, partial(len, files), quiet=arguments.quiet)
    finally:
        engine.close()
