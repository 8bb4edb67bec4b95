"""`sr2fhir setup`: fetch, verify and compile whatever the embedded engine needs."""

from __future__ import annotations

import argparse
import sys

from sr2fhir.cli.options import Subparsers, add_command
from sr2fhir.toolchain import runner

EXAMPLES = """\
  sr2fhir setup            do whatever is left to do; nothing, when nothing has changed
  sr2fhir setup --check    only tell whether something is left to do (exit code 3)
"""
CURRENT = "set-up: nothing to do"
STALE = "set-up: something is left to do; run `sr2fhir setup`"


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "setup", "fetch and build what the embedded engine needs", EXAMPLES)
    command.add_argument(
        "--check", action="store_true", help="change nothing; exit code 3 if something is left to do"
    )
    command.add_argument("--quiet", action="store_true", help="say nothing when there is nothing to do")


def run(arguments: argparse.Namespace) -> int:
    """Run the set-up, or tell whether it is needed."""
    if arguments.check:
        current = runner.is_current()
        _say(CURRENT if current else STALE, arguments.quiet and current)
        return 0 if current else 3
    if not runner.run():
        _say(CURRENT, arguments.quiet)
    return 0


def _say(text: str, quiet: bool) -> None:
    """Write a line, unless quiet."""
    if not quiet:
        print(text, file=sys.stderr)
