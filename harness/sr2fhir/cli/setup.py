"""`sr2fhir setup`: fetch, verify and compile whatever the embedded engine needs."""

from __future__ import annotations

import argparse
import sys

from sr2fhir.cli.options import Subparsers, add_command

EXAMPLES = """\
  sr2fhir setup            do whatever is left to do; nothing, when nothing has changed
  sr2fhir setup --check    only tell whether something is left to do (exit code 3)
"""
CURRENT = "set-up: nothing to do"
STALE = "set-up: something is left to do; run `sr2fhir setup`"
INTERRUPTED = 130


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "setup", "fetch and build what the embedded engine needs", EXAMPLES)
    add_options(command)


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    command.add_argument(
        "--check", action="store_true", help="change nothing; exit code 3 if something is left to do"
    )
    command.add_argument("--quiet", action="store_true", help="say nothing when there is nothing to do")


def run(arguments: argparse.Namespace) -> int:
    """Run the set-up, or tell whether it is needed."""
    from sr2fhir import toolchain

    if arguments.check:
        current = toolchain.is_current()
        _say(CURRENT if current else STALE, arguments.quiet and current)
        return 0 if current else 3
    if not toolchain.run():
        _say(CURRENT, arguments.quiet)
    return 0


def main() -> int:
    """Run the set-up by itself, without the rest of the command line."""
    from sr2fhir.errors import Sr2FhirError

    parser = argparse.ArgumentParser("python -m sr2fhir.toolchain")
    add_options(parser)
    try:
        return run(parser.parse_args())
    except Sr2FhirError as error:
        print(f"sr2fhir: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("sr2fhir: interrupted; the next set-up goes on where this one stopped", file=sys.stderr)
        return INTERRUPTED


def _say(text: str, quiet: bool) -> None:
    """Write a line, unless quiet."""
    if not quiet:
        print(text, file=sys.stderr)
