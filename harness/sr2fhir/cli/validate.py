"""`sr2fhir validate`: check Bundles with the HL7 validator."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from sr2fhir import toolchain
from sr2fhir.cli.bundles import add_bundles, expand
from sr2fhir.cli.options import Subparsers, add_command, add_engine_option, add_version_option, engine_options
from sr2fhir.cli.terminal import Terminal, printable
from sr2fhir.engines import Engine
from sr2fhir.errors import Sr2FhirError
from sr2fhir.files import replace_file
from sr2fhir.jsontext import dumps
from sr2fhir.outcome import error_issue, listed, outcome, plural
from sr2fhir.resources import read_resource
from sr2fhir.runs import STANDARD, without_frames
from sr2fhir.runs.sinks import writing
from sr2fhir.settings import R5
from sr2fhir.validation import ValidationIssue, validate

EXAMPLES = """\
  sr2fhir validate out                        all Bundles below out/
  sr2fhir validate a.bundle.json --all        every kind of warning, and notes too
  sr2fhir validate out --out outcome.json     every finding, as OperationOutcome
  sr2fhir validate out --fhir R4              Bundles that were made with --fhir R4
  sr2fhir transform a.dcm --out - | sr2fhir validate -

Each error is printed below its file. Warnings come at the end, like ones once, with their number and the
first place; most say that a terminology is not at hand.
"""
# kinds of warnings that are printed unless all are asked for
MOST = 12
JSON_HINT = "`sr2fhir transform --validate` checks Bundles that it writes as XML, too"
_INDEX = re.compile(r"\[\d+\]")


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(
        subparsers, "validate", "check Bundles against FHIR and the profiles they claim", EXAMPLES
    )
    add_bundles(command)
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="write the findings there as OperationOutcome"
    )
    command.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="URL",
        help="a further profile of the whole resource",
    )
    add_version_option(command, f"version of FHIR that they are in, which none states (default: {R5.name})")
    command.add_argument("--strict", action="store_true", help="fail on warnings too, and excuse no message")
    command.add_argument("--all", action="store_true", help="print every kind of warning, and notes too")
    command.add_argument("--quiet", action="store_true", help="print errors only")
    add_engine_option(command)


def run(arguments: argparse.Namespace) -> int:
    """Validate, print the findings, and return the exit code."""
    files = list(expand(arguments.inputs, JSON_HINT))
    engine = toolchain.make_engine(arguments.engine, engine_options(arguments))
    try:
        return Session(arguments, Terminal(sys.stdout)).run(files, engine)
    finally:
        engine.close()


class Session:
    """One run of the subcommand."""

    def __init__(self, arguments: argparse.Namespace, terminal: Terminal) -> None:
        self.arguments, self.terminal = arguments, terminal
        self.failing = ("error", "warning") if arguments.strict else ("error",)
        self.counts: Counter[str] = Counter()
        self.entries: list[dict[str, Any]] = []
        # findings that are no errors, like ones together, each with its file
        self.groups: dict[tuple[str, ...], list[tuple[str, ValidationIssue]]] = {}

    def run(self, files: list[str], engine: Engine) -> int:
        """Validate all files."""
        for file in files:
            self.one(file, engine)
        if self.arguments.out:
            with writing(self.arguments.out):
                replace_file(self.arguments.out, dumps(outcome(self.entries), indent=True) + b"\n")
        if not self.arguments.quiet:
            self.summary(len(files))
        return 0 if self.is_good(self.counts) else 1

    def is_good(self, counts: Counter[str]) -> bool:
        """Tell whether there is no finding that counts as failure."""
        return not any(counts[severity] for severity in self.failing)

    def one(self, file: str, engine: Engine) -> None:
        """Validate one file, print its line and its errors, and keep the other findings for the end."""
        try:
            issues = check_file(file, engine, self.arguments)
        except BrokenPipeError:
            raise
        except Exception as problem:
            error = without_frames(problem, file)
            error.source = error.source or file
            self.counts["error"] += 1
            self.entries.append(error_issue(error))
            self.terminal.line(f"{self.terminal.sign('failed')} {printable(str(error))}")
            return
        self.entries.extend(entry(file, issue) for issue in issues)
        counts = Counter[str](issue.severity for issue in issues)
        self.counts.update(counts)
        good = self.is_good(counts)
        if not (good and self.arguments.quiet):
            sign = self.terminal.sign("ok" if good else "failed")
            self.terminal.line(f"{sign} {printable(file)}  {tally(counts)}")
        for issue in issues:
            if issue.severity == "error":
                self.terminal.line(f"    error  {issue.resource}  {issue.path}  {printable(issue.text)}")
            else:
                self.groups.setdefault(likeness(issue), []).append((file, issue))

    def summary(self, files: int) -> None:
        """Print the findings that are no errors, like ones once, and the numbers."""
        shown = ("warning", "information") if self.arguments.all else ("warning",)
        groups = [group for key, group in self.groups.items() if key[0] in shown]
        groups.sort(key=lambda group: (shown.index(group[0][1].severity), -len(group)))
        most = len(groups) if self.arguments.all else MOST
        for group in groups[:most]:
            self.terminal.line(printable(line_of(*group[0], len(group))))
        if groups[most:]:
            self.terminal.line(f"{plural(len(groups[most:]), 'other kind')} of warnings; --all prints them")
        self.terminal.line(f"{plural(files, 'file')}: {tally(self.counts)}")


def likeness(issue: ValidationIssue) -> tuple[str, ...]:
    """Tell what like findings have in common: severity, kind of element, text."""
    return issue.severity, _INDEX.sub("", issue.path), issue.text


def line_of(file: str, issue: ValidationIssue, number: int) -> str:
    """Say severity, number, text and first place of like findings in one line."""
    excused = f" (excused by {issue.decision})" if issue.decision else ""
    first = f"{issue.resource} {issue.path} in {file}"
    return f"{issue.severity} x{number}  {issue.text}{excused}  first: {first}"


def check_file(file: str, engine: Engine, arguments: argparse.Namespace) -> tuple[ValidationIssue, ...]:
    """Parse a file strictly and validate it."""
    try:
        data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
    except OSError as error:
        raise Sr2FhirError(f"cannot be read: {error.strerror}", source=file) from error
    resource = read_resource(data, "validated", JSON_HINT)
    target = arguments.fhir or R5
    return validate(engine, resource, data, arguments.profile, strict=arguments.strict, target=target)


def entry(file: str, issue: ValidationIssue) -> dict[str, Any]:
    """Make the issue of the OperationOutcome, which names the file."""
    content = issue.to_issue()
    return {**content, "diagnostics": "; ".join(filter(None, (file, content.get("diagnostics"))))}


def tally(counts: Counter[str]) -> str:
    """Count the findings: `0 errors, 12 warnings, 3 notes`."""
    return f"{plural(counts['error'], 'error')}, " + (
        listed((counts["warning"], "warning"), (counts["information"], "note")) or "0 warnings"
    )
