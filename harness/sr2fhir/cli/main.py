"""The command `sr2fhir`: run a subcommand and turn whatever happens into one line and an exit code."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import NoReturn

import sr2fhir
from sr2fhir.errors import EngineUnavailableError, SetupError, UsageError
from sr2fhir.outcome import describe, explained

COMMANDS = ("transform", "convert", "render", "validate", "compare", "gateway", "engine", "setup", "info")

EXIT_DONE, EXIT_FINDINGS, EXIT_USAGE, EXIT_ENGINE = 0, 1, 2, 3
EXIT_INTERRUPTED, EXIT_PIPE = 130, 141
INTERRUPTED = "interrupted; the files that were written are whole"
# the first that fits counts
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UsageError, EXIT_USAGE),
    (SetupError, EXIT_ENGINE),
    (EngineUnavailableError, EXIT_ENGINE),
    (KeyboardInterrupt, EXIT_INTERRUPTED),
    (BrokenPipeError, EXIT_PIPE),
    (Exception, EXIT_FINDINGS),
)

DESCRIPTION = """\
Turn DICOM Structured Reports into FHIR Bundles, R5 or R4: Measurement Reports (TID 1500), Key Object
Selections (TID 2010) and manifests. Convert Bundles of others to R4."""
EPILOG = """\
first steps:
  sr2fhir setup                        fetch and build what the engine needs (once)
  sr2fhir transform report.dcm         write out/report.dcm.bundle.json
  sr2fhir validate out                 check the Bundles against the profiles

exit codes:
  0 done   1 done, but files failed or there are findings of severity error   2 wrong use   3 no engine
"""
LOG_FORMAT = "%(levelname)s %(name)s: %(message)s"
# Objects made until Python looks for garbage. With its own 700, or with 50,000, looking took as long as the
# account of a report of a thousand measurements.
YOUNG = 1_000_000
# options whose value may begin with a minus sign, which argparse would take for an option
SIGNED_OPTIONS = frozenset({"--timezone"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        The arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        0 done, 1 files failed or findings of severity error, 2 wrong use, 3 no engine; 130 interrupted,
        141 broken pipe.
    """
    if argv is None:
        tune()
    words = join_signed(sys.argv[1:] if argv is None else argv)
    try:
        code = run(words)
        sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:
        code = report(explained(error))
        if argv is None and code == EXIT_INTERRUPTED:
            leave_interrupted()
        return code
    finally:
        if argv is None:
            # the process ends: spare it the search for garbage in all that it loaded (0.04 s)
            gc.freeze()


def run(words: Sequence[str]) -> int:
    """Load the subcommand that is named, and run it."""
    modules = {name: import_module(f"sr2fhir.cli.{name}") for name in needed(words)}
    arguments = parser(modules).parse_args(words)
    prepare(getattr(arguments, "log_level", None))
    code: int = modules[arguments.command].run(arguments)
    return code


def leave_interrupted() -> NoReturn:
    """End with the exit code of an interruption.

    Where it came while Python ran a text, as for each dataclass that is loaded, Python would have the signal
    end the process in spite of the code.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(EXIT_INTERRUPTED)


def needed(words: Sequence[str]) -> Sequence[str]:
    """Name the subcommands whose modules are needed: the one given, or all, to tell which there are."""
    return words[:1] if words and words[0] in COMMANDS else COMMANDS


def parser(modules: dict[str, ModuleType]) -> argparse.ArgumentParser:
    """Make the parser of all subcommands."""
    top = argparse.ArgumentParser(
        "sr2fhir",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=Version, help="print the version and exit")
    subparsers = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in modules.values():
        module.add_parser(subparsers)
    return top


class Version(argparse.Action):
    """Print the version, which is looked up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and exit."""
        print(f"sr2fhir {sr2fhir.__version__}")
        parser.exit()


def join_signed(argv: Sequence[str]) -> list[str]:
    """Write `--timezone -05:00` as `--timezone=-05:00`."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] in SIGNED_OPTIONS and argument.startswith("-"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def tune() -> None:
    """Have Python look for garbage less often: by default it does so a hundred times while modules load."""
    gc.set_threshold(YOUNG)


def prepare(level: str | None) -> None:
    """Show what is logged from a level on, and keep the warnings of libraries off the terminal.

    They may quote values, as may what libraries log: only the loggers `sr2fhir.*` are shown.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if level:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        logger = logging.getLogger("sr2fhir")
        logger.handlers[:] = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False


def prepare_worker(level: str | None) -> None:
    """Set a worker process up as that of the command was."""
    tune()
    prepare(level)


def report(error: BaseException) -> int:
    """Say in one line what went wrong, without patient data, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        silence_stdout()
    else:
        text = INTERRUPTED if isinstance(error, KeyboardInterrupt) else describe(error)
        print(f"sr2fhir: {text}", file=sys.stderr)
    return exit_code(error)


def exit_code(error: BaseException) -> int:
    """Find the exit code of an error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def silence_stdout() -> None:
    """Let nothing more be written to a pipe that nobody reads, not even when Python ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
