"""`sr2fhir render`: show the logical model of a Structured Report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sr2fhir.cli.options import Subparsers, add_command, add_render_options, settings_of
from sr2fhir.cli.terminal import Terminal, printable
from sr2fhir.files import replace_file
from sr2fhir.jsontext import dumps
from sr2fhir.runs import STANDARD
from sr2fhir.runs.sinks import writing

EXAMPLES = """\
  sr2fhir render report.dcm                    the DicomSR document on standard output
  sr2fhir render report.dcm --out model.json
  sr2fhir render - < report.dcm
"""


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(
        subparsers, "render", "show the logical model of a Structured Report, as the maps see it", EXAMPLES
    )
    command.add_argument("input", metavar="INPUT", help="DICOM or DICOM JSON file, or - for standard input")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="write it there instead of to standard output"
    )
    command.add_argument("--quiet", action="store_true", help="do not print findings")
    add_render_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Render, write the document, print the findings to standard error, and return the exit code."""
    from sr2fhir.pipeline import render  # loads pydicom

    standard = arguments.input == STANDARD
    source = sys.stdin.buffer.read() if standard else arguments.input
    name = "standard input" if standard else Path(arguments.input).name
    site = settings_of(arguments)
    rendering = render(source, name=name, options=site.options, limits=site.limits)
    write(dumps(rendering.document, indent=True) + b"\n", arguments.out)
    terminal = Terminal(sys.stderr)
    for finding in () if arguments.quiet else rendering.all_findings():
        terminal.line(printable(f"{finding.severity}  {name} [{finding.where}]  {finding.message}"))
    return 1 if any(finding.severity == "error" for finding in rendering.all_findings()) else 0


def write(data: bytes, file: Path | None) -> None:
    """Write to a file or standard output."""
    if file is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with writing(file):
        replace_file(file, data)
