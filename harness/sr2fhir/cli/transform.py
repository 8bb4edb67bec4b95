"""`sr2fhir transform`: turn Structured Reports into Bundles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter

from sr2fhir import toolchain
from sr2fhir.cli.options import (
    POLICY_OPTIONS,
    Subparsers,
    add_alerts_option,
    add_command,
    add_engine_option,
    add_packaging_options,
    add_render_options,
    add_selections_option,
    add_target_options,
    count,
    engine_options,
    seconds,
    settings_of,
)
from sr2fhir.cli.terminal import Terminal, printable, rate_lines, show, summary_lines
from sr2fhir.errors import EngineUnavailableError, UsageError
from sr2fhir.outcome import describe, plural
from sr2fhir.packaging import BUNDLE_TYPES, FORMATS, Format
from sr2fhir.runs import LEASE_S, STANDARD, Summary, is_list, is_pattern
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
DEFAULT_FOLDER = Path("out")
# endings of the name of a file, and the format of the Bundle in it
FILE_ENDINGS: dict[str, Format] = {".json": "json", ".xml": "xml"}
ARCHIVE_ENDING = ".zip"


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
        "--jobs", type=count, default=1, metavar="N", help="processes that work at once (default: 1)"
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
        help="with --jobs-db, time after which others take over from a command that is gone"
        f" (default: {LEASE_S:g})",
    )
    add_target_options(command)
    add_selections_option(command)
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
    add_packaging_options(command)
    add_alerts_option(command)
    add_engine_option(command)
    add_render_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Transform all inputs, print a line for each and a summary, and return the exit code."""
    begin, summary = perf_counter(), Summary()
    destination = destination_of(arguments)
    terminal = Terminal(sys.stderr if arguments.quiet or destination.place is None else sys.stdout)
    try:
        transform(arguments, destination, terminal, summary)
    except (EngineUnavailableError, KeyboardInterrupt) as error:
        return stopped(error, destination, summary)
    if not arguments.quiet:
        lines = summary_lines(
            summary,
            destination.place,
            validated=arguments.validate,
            ndjson=arguments.ndjson,
            xml=destination.format == "xml",
            shared=bool(arguments.jobs_db),
            target=settings_of(arguments).target,
        )
        for line in chain(lines, rate_lines(summary, perf_counter() - begin, terminal)):
            terminal.line(line)
        if outdated():
            terminal.line(f"Note: {REMEDY}")
    return 0 if summary.ok else 1


def transform(
    arguments: argparse.Namespace, destination: Destination, terminal: Terminal, summary: Summary
) -> None:
    """Transform all inputs and print a line for each."""
    options = engine_options(arguments, batch=not is_single(arguments.inputs))
    engine = toolchain.make_engine(arguments.engine, options)
    try:
        # Java starts while Python loads this, and with it pydicom
        from sr2fhir.cli.running import count_inputs, transforming

        count_all = partial(count_inputs, arguments.inputs, destination)
        with transforming(arguments, options, destination, engine, summary) as results:
            show(results, summary, terminal, count_all, quiet=arguments.quiet)
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


# ---- where results go


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Parameters
    ----------
    place
        The folder, or the file of the only Bundle; None for standard output.
    format
        Of the Bundles.
    is_shared
        Whether many inputs go there, of which a record is kept.
    """

    place: Path | None
    format: Format
    is_shared: bool = False


def destination_of(arguments: argparse.Namespace) -> Destination:
    """Choose the destination that the command line names.

    Raises
    ------
    UsageError
        The place cannot take the results, or what is asked for does not go together.
    """
    if arguments.ndjson and arguments.bundle != "collection":
        raise UsageError(f"--ndjson cannot hold a {arguments.bundle}", hint="Leave --bundle out")
    check_policies(arguments)
    destination = choose(arguments.inputs, arguments.out, arguments.format, ndjson=arguments.ndjson)
    if arguments.jobs_db and not destination.is_shared:
        raise UsageError("--jobs-db is for many inputs into one folder", hint="Leave --jobs-db out")
    return destination


def check_policies(arguments: argparse.Namespace) -> None:
    """Refuse policies where nothing is sent.

    Raises
    ------
    UsageError
        A policy is given for a collection.
    """
    given = [name for name in POLICY_OPTIONS if getattr(arguments, name)]
    if given and arguments.bundle == "collection":
        raise UsageError(
            f"--{given[0].replace('_', '-')} is about transactions, and a collection is asked for",
            hint="Add --bundle transaction",
        )


def choose(
    inputs: Sequence[str],
    out: str | None,
    wanted: Format | None = None,
    *,
    ndjson: bool = False,
    default: Path = DEFAULT_FOLDER,
) -> Destination:
    """Choose the destination that the command line names.

    Parameters
    ----------
    inputs
        The inputs as named.
    out
        Folder, file, `-`, or None for the default: a folder, or standard output for standard input.
    wanted
        Format of the Bundles; by default what the ending of a file says, else JSON.
    ndjson
        Whether to split the Bundles into a file for each type of resource.
    default
        The folder where none is named.

    Raises
    ------
    UsageError
        The place cannot take the results: it is an input, it takes one Bundle and there may be several, or it
        is a file where a folder is needed; or it contradicts the format.
    """
    place = Path(out) if out else default
    form = choose_format(place, wanted)
    is_stream = out == STANDARD or (out is None and list(inputs) == [STANDARD])
    if ndjson and (out == STANDARD or names_file(place) or form != "json"):
        raise UsageError("NDJSON is several files of JSON", hint="Name a folder with --out, and no --format")
    if is_stream and not ndjson:
        check_single(inputs, "standard output takes")
        return Destination(None, form)
    if names_file(place):
        check_single(inputs, f"{place} takes")
        check_not_input(inputs[0], place)
        return Destination(place, form)
    check_folder(place)
    return Destination(place, form, is_shared=ndjson or not is_single(inputs))


def is_single(sources: Sequence[str]) -> bool:
    """Tell one document from several, and from a folder, an archive, a list and a pattern."""
    if len(sources) != 1 or is_list(sources[0]) or is_pattern(sources[0]):
        return False
    path = Path(sources[0])
    return sources[0] == STANDARD or not (path.is_dir() or path.suffix.lower() == ARCHIVE_ENDING)


def choose_format(place: Path, wanted: Format | None) -> Format:
    """Return the format that is asked for, else the one that the name of the file says, else JSON.

    Raises
    ------
    UsageError
        The two contradict each other.
    """
    ending = FILE_ENDINGS[place.suffix.lower()] if names_file(place) else None
    if wanted and ending and wanted != ending:
        raise UsageError(f"{place} is no name for {wanted.upper()}", hint="Leave --format out")
    return wanted or ending or "json"


def names_file(place: Path) -> bool:
    """Tell a file from a folder, by its ending, unless there is a folder of that name."""
    return place.suffix.lower() in FILE_ENDINGS and not place.is_dir()


def check_single(inputs: Sequence[str], place: str) -> None:
    """Refuse to put several Bundles into one place."""
    if not is_single(inputs):
        raise UsageError(
            f"{place} the Bundle of one file", hint="Name a folder with --out for several inputs"
        )


def check_not_input(name: str, place: Path) -> None:
    """Refuse to overwrite the input."""
    if name != STANDARD and place.exists() and Path(name).exists() and place.samefile(name):
        raise UsageError(f"{place} is the input", hint="Name another place with --out")


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be one, since something else has its name."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{folder} is a file, and a folder is needed for the results",
            hint="Name another folder with --out",
        )
