"""Inputs as the command line names them: files, folders, patterns, archives, `@lists` and standard input."""

from __future__ import annotations

import glob
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

from sr2fhir.cli.destination import LIST_SIGN, STANDARD, is_list, is_pattern
from sr2fhir.dicom import Limits
from sr2fhir.dicom.source import printable, unreadable
from sr2fhir.errors import InputError
from sr2fhir.runs.inputs import FailedInput, Input, Skipped
from sr2fhir.runs.inputs.discovery import Search, absolute

STANDARD_NAME = "standard input"
COMMENT_SIGN = "#"

logger = logging.getLogger(__name__)


def log_skipped(skipped: Skipped) -> None:
    """Log what was passed over."""
    logger.info("%s", skipped)


def discover(
    sources: Iterable[str | os.PathLike[str]],
    *,
    limits: Limits | None = None,
    leave_out: Iterable[Path] = (),
    skipped: Callable[[Skipped], None] = log_skipped,
    stdin: BinaryIO | None = None,
) -> Iterator[Input]:
    """Find the inputs that sources stand for, in the order of the sources and, within each, of names.

    Parameters
    ----------
    sources
        Each a file; a folder, walked to its depths; a pattern with `*`, `?`, `[…]` or `**`; a ZIP archive,
        also one in a folder; `@list`, a file with a source per line, `@-` for such a list on standard input;
        or `-`, a document on standard input. A JSON array of several instances gives an input for each.
    limits, leave_out
        See `sr2fhir.runs.inputs.discovery.Search`.
    skipped
        Called for each file or folder that is passed over, because it is plainly no document.
    stdin
        Standard input, where it is not that of the process.

    Yields
    ------
    Input
        Named by its path below the folder given, or below what all sources have in common.
    """
    given = [os.fspath(source) for source in sources]
    search = Search(base_of(given), limits, frozenset(map(absolute, leave_out)))
    for source in given:
        for found in inputs_of(source, search, stdin or sys.stdin.buffer):
            if isinstance(found, Skipped):
                skipped(found)
            else:
                yield found


def base_of(sources: list[str]) -> Path:
    """Find the folder below which inputs are named: the only one given, else what all have in common."""
    if len(sources) == 1 and Path(sources[0]).is_dir():
        return absolute(sources[0])
    parents = [folder_of(source) for source in sources if source != STANDARD]
    try:
        return Path(os.path.commonpath(parents)) if parents else Path.cwd()
    except ValueError:  # on different drives
        return Path.cwd()


def folder_of(source: str) -> Path:
    """Find the folder that a source is in; for a pattern, the deepest one without a sign of patterns."""
    path = Path.cwd() if is_list(source) else absolute(source).parent
    while is_pattern(str(path)):
        path = path.parent
    return path


def inputs_of(
    source: str, search: Search, stdin: BinaryIO, *, listed: bool = False
) -> Iterator[Input | Skipped]:
    """Find the inputs of one source; one that stands in a list is no list itself."""
    if source == STANDARD:
        return search.of_stream(stdin, STANDARD_NAME)
    if is_list(source) and not listed:
        return inputs_of_list(source.removeprefix(LIST_SIGN), search, stdin)
    if is_pattern(source):
        return inputs_of_pattern(source, search)
    return search.of_path(absolute(source))


def inputs_of_pattern(pattern: str, search: Search) -> Iterator[Input | Skipped]:
    """Take what a pattern matches."""
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
    yield from search.of_matches([absolute(match) for match in matches], deep="**" in pattern)
    if not matches:
        hint = "Check it; `**` stands for folders of any depth"
        yield FailedInput(printable(pattern), InputError("no file matches the pattern", hint=hint))


def inputs_of_list(file: str, search: Search, stdin: BinaryIO) -> Iterator[Input | Skipped]:
    """Take the sources that a file lists, one a line, without empty lines and comments (#)."""
    try:
        with nullcontext(stdin) if file == STANDARD else Path(file).open("rb") as lines:
            for line in lines:
                source = line.decode("utf-8", "surrogateescape").strip()
                if source and not source.startswith(COMMENT_SIGN):
                    yield from inputs_of(source, search, stdin, listed=True)
    except OSError as error:
        yield FailedInput(printable(file), unreadable(error))
