"""Find inputs in files, folders, patterns, archives, `@lists` and streams, without reading ahead."""

from __future__ import annotations

import glob
import io
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sr2fhir.dicom.source import (
    HEAD_SIZE,
    Limits,
    bytes_of,
    bytes_of_file,
    in_force,
    kind_of,
    printable,
    unreadable,
)
from sr2fhir.errors import InputError
from sr2fhir.runs import LIST_SIGN, STANDARD, is_list, is_pattern
from sr2fhir.runs.inputs import (
    BytesInput,
    FailedInput,
    FileInput,
    Input,
    Skipped,
    hidden,
    holds_several,
    inputs_of_archive,
    inputs_within,
    or_failure,
    reason_to_skip,
)

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

    An input has a name that no other has unless it is given twice. What cannot be read is an input too, which
    raises when read. A file that is named, or has an ending of documents (.dcm, .dicom, .dic, .json), is
    never passed over.

    Parameters
    ----------
    sources
        Each a file; a folder, walked to its depths; a pattern with `*`, `?`, `[…]` or `**`; a ZIP archive,
        also one in a folder; `@list`, a file with a source per line, `@-` for such a list on standard input;
        or `-`, a document on standard input. A JSON array of several instances, and the body of a
        `multipart/related` response (WADO-RS), give an input for each instance or part.
    limits
        By default those of the environment, see `sr2fhir.dicom.Limits`.
    leave_out
        Folders not to walk into, such as that of the results.
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
    left_out = frozenset(map(absolute, leave_out))
    search = Search(base_of(given), in_force(limits), left_out, stdin or sys.stdin.buffer)
    for source in given:
        for found in search.of_source(source):
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


@dataclass(frozen=True)
class Search:
    """A search for inputs; see `discover`. What is found comes in the order of names.

    Parameters
    ----------
    base
        Folder below which inputs are named.
    """

    base: Path
    limits: Limits
    leave_out: frozenset[Path]
    stdin: BinaryIO

    def of_source(self, source: str, *, listed: bool = False) -> Iterator[Input | Skipped]:
        """Find the inputs of one source; one that stands in a list is no list itself."""
        if source == STANDARD:
            return self._of_stdin()
        if is_list(source) and not listed:
            return self._of_list(source.removeprefix(LIST_SIGN))
        if is_pattern(source):
            return self._of_pattern(source)
        path = absolute(source)
        if path.is_dir():
            return or_failure(self._walk(path), self._name(path), "folder")
        return self._of_file(path)

    def _of_stdin(self) -> Iterator[Input | Skipped]:
        """Read standard input whole, as it can be read once only, and find the inputs in it."""
        try:
            data = bytes_of(self.stdin, self.limits)
        except InputError as error:
            yield FailedInput(STANDARD_NAME, error)
            return
        head = data[:HEAD_SIZE]
        if kind_of(head) == "zip":
            yield from inputs_of_archive(io.BytesIO(data), STANDARD_NAME, self.limits)
        elif holds_several(head):
            yield from inputs_within(data, STANDARD_NAME)
        else:
            yield BytesInput(STANDARD_NAME, data)

    def _of_list(self, file: str) -> Iterator[Input | Skipped]:
        """Take the sources that a file lists, one a line, without empty lines and comments (#)."""
        try:
            with nullcontext(self.stdin) if file == STANDARD else Path(file).open("rb") as lines:
                for line in lines:
                    source = line.decode("utf-8", "surrogateescape").strip()
                    if source and not source.startswith(COMMENT_SIGN):
                        yield from self.of_source(source, listed=True)
        except OSError as error:
            yield FailedInput(printable(file), unreadable(error))

    def _of_pattern(self, pattern: str) -> Iterator[Input | Skipped]:
        """Take what a pattern matches; with `**`, what is in the folders among the matches matches too."""
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
        for path in map(absolute, matches):
            if not path.is_dir():
                yield from self._of_found_file(path)
            elif "**" not in pattern:
                yield from self._walk(path)
        if not matches:
            hint = "Check it; `**` stands for folders of any depth"
            yield FailedInput(printable(pattern), InputError("no file matches the pattern", hint=hint))

    def _name(self, path: Path) -> str:
        """Name a file or folder by its path below the base; what is elsewhere by its whole path."""
        inside = path.relative_to(self.base if path.is_relative_to(self.base) else path.anchor)
        return printable(inside.as_posix() if inside.parts else path.name)

    # Files

    def _of_file(self, path: Path) -> Iterator[Input | Skipped]:
        """Make the input of a file; of an archive or a JSON array, those in it."""
        name = self._name(path)
        try:
            head = head_of_file(path)
            if kind_of(head) == "zip":
                yield from inputs_of_archive(path, name, self.limits)
            elif holds_several(head):
                yield from inputs_within(bytes_of_file(path, self.limits), name)
            else:
                yield FileInput(name, path)
        except InputError as error:
            yield FailedInput(name, error)

    def _of_found_file(self, path: Path) -> Iterator[Input | Skipped]:
        """Make the input of a file that was found and not named, unless it is plainly no document."""
        try:
            reason = reason_to_skip(path.name, lambda: head_of_file(path))
        except InputError:
            reason = None  # reading it tells what is wrong
        if reason:
            yield Skipped(self._name(path), reason)
        else:
            yield from self._of_file(path)

    # Folders

    def _walk(self, top: Path) -> Iterator[Input | Skipped]:
        """Walk with a stack of open folders, so that depth does not matter."""
        folders = [self._entries(top)]
        while folders:
            found = next(folders[-1], None)
            if found is None:
                folders.pop()
            elif isinstance(found, Path):
                folders.append(self._entries(found))
            else:
                yield found

    def _entries(self, folder: Path) -> Iterator[Path | Input | Skipped]:
        """List a folder in the order of names: paths of folders to walk into, and what its files give."""
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield FailedInput(self._name(folder), unreadable(error))
            return
        for entry in entries:
            path = Path(entry.path)
            if is_folder(entry):
                reason = self._reason_to_pass(entry)
                yield Skipped(self._name(path), reason) if reason else path
            elif path.exists() and not path.is_file():
                yield Skipped(self._name(path), "it is neither file nor folder")
            else:
                yield from self._of_found_file(path)

    def _reason_to_pass(self, entry: os.DirEntry[str]) -> str | None:
        """Tell why a folder is not walked into."""
        if absolute(entry.path) in self.leave_out:
            return "it is the folder of the results"
        if hidden(entry.name):
            return "it is hidden"
        return "it is a link to a folder" if entry.is_symlink() else None


def absolute(path: str | os.PathLike[str]) -> Path:
    """Make a path absolute without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def head_of_file(path: Path) -> bytes:
    """Read the first bytes of a file.

    Raises
    ------
    InputError
        It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_SIZE)
    except (OSError, ValueError) as error:
        raise unreadable(error) from None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder or a link to one; one that cannot be asked is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False
