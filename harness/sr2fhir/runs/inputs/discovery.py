"""Find inputs: files, folders, patterns, archives, lists and standard input, without reading ahead."""

from __future__ import annotations

import glob
import io
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from sr2fhir.dicom.limits import Limits, in_force
from sr2fhir.dicom.signature import HEAD_SIZE, is_array, kind_of
from sr2fhir.dicom.source import bytes_of, bytes_of_file, printable, unreadable
from sr2fhir.errors import InputError
from sr2fhir.runs.inputs.archives import inputs_of_archive, inputs_of_array
from sr2fhir.runs.inputs.candidates import hidden, reason_to_skip
from sr2fhir.runs.inputs.model import BytesInput, FailedInput, FileInput, Input, Skipped, or_failure

STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "standard input"
LIST_SIGN = "@"
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
    limits
        By default those of the environment, see `sr2fhir.dicom.Limits`.
    leave_out
        Folders not to walk into, such as that of the results.
    skipped
        Called for each file or folder that is passed over, because it is plainly no document. A file that is
        named, or has an ending of documents (.dcm, .dicom, .dic, .json), is never passed over.
    stdin
        Standard input, where it is not that of the process.

    Yields
    ------
    Input
        With a name that no other input has unless it is given twice: the path below the folder named, or
        below what all sources have in common. What cannot be read is an input too, which raises when read.
    """
    given = [os.fspath(source) for source in sources]
    search = Search(base_of(given), in_force(limits), frozenset(map(absolute, leave_out)), stdin)
    for source in given:
        for found in search.inputs_of(source):
            if isinstance(found, Skipped):
                skipped(found)
            else:
                yield found


def base_of(sources: list[str]) -> Path:
    """Find the folder below which inputs are named: the only one given, else what all have in common."""
    if len(sources) == 1 and Path(sources[0]).is_dir():
        return absolute(sources[0])
    parents = [folder_of(source) for source in sources if source != STANDARD_INPUT]
    try:
        return Path(os.path.commonpath(parents)) if parents else Path.cwd()
    except ValueError:  # on different drives
        return Path.cwd()


def folder_of(source: str) -> Path:
    """Find the folder that a source is in; for a pattern, the deepest one without a sign of patterns."""
    path = absolute(source).parent if Path(source).exists() or source[:1] != LIST_SIGN else Path.cwd()
    while glob.has_magic(str(path)) and not path.exists():
        path = path.parent
    return path


def absolute(path: str | os.PathLike[str]) -> Path:
    """Make a path absolute without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


class Search:
    """A search for inputs.

    Parameters
    ----------
    base
        Folder below which inputs are named.
    limits, leave_out, stdin
        See `discover`.
    """

    def __init__(
        self, base: Path, limits: Limits, leave_out: frozenset[Path], stdin: BinaryIO | None
    ) -> None:
        self._base = base
        self._limits = limits
        self._leave_out = leave_out
        self._stdin = stdin

    def inputs_of(self, source: str, *, listed: bool = False) -> Iterator[Input | Skipped]:
        """Find the inputs of one source; one that stands in a list is no list itself."""
        path = absolute(source)
        if source == STANDARD_INPUT:
            return self._of_standard_input()
        if path.is_dir():
            return self._of_folder(path)
        if source.startswith(LIST_SIGN) and not listed and not path.exists():
            return self._of_list(source.removeprefix(LIST_SIGN))
        if glob.has_magic(source) and not path.exists():
            return self._of_pattern(source)
        return self._of_file(path)

    def _name(self, path: Path) -> str:
        """Name a file or folder by its path below the base; what a list names elsewhere by its whole path."""
        inside = path.relative_to(self._base if path.is_relative_to(self._base) else path.anchor)
        return printable(inside.as_posix() if inside.parts else path.name)

    # Files

    def _of_file(self, path: Path) -> Iterator[Input | Skipped]:
        """Make the input of a file; of an archive or a JSON array, those in it."""
        name = self._name(path)
        try:
            head = head_of(path)
            if kind_of(head) == "zip":
                yield from inputs_of_archive(path, name, self._limits)
            elif is_array(head):
                yield from inputs_of_array(bytes_of_file(path, self._limits), name)
            else:
                yield FileInput(name, path)
        except InputError as error:
            yield FailedInput(name, error)

    def _of_found_file(self, path: Path) -> Iterator[Input | Skipped]:
        """Make the input of a file that was found and not named, unless it is plainly no document."""
        try:
            reason = reason_to_skip(path.name, lambda: head_of(path))
        except InputError:
            reason = None  # reading it tells what is wrong
        if reason:
            yield Skipped(self._name(path), reason)
        else:
            yield from self._of_file(path)

    # Folders

    def _of_folder(self, folder: Path) -> Iterator[Input | Skipped]:
        """Walk a folder in the order of names."""
        return or_failure(self._walk(folder), self._name(folder), "folder")

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
        """List a folder: paths of folders to walk into, and what its files give."""
        try:
            entries = entries_of(folder)
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
        if absolute(entry.path) in self._leave_out:
            return "it is the folder of the results"
        if hidden(entry.name):
            return "it is hidden"
        return "it is a link to a folder" if entry.is_symlink() else None

    # Patterns, lists, standard input

    def _of_pattern(self, pattern: str) -> Iterator[Input | Skipped]:
        """Take what a pattern matches, in the order of names."""
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
        for match in matches:
            path = absolute(match)
            if not path.is_dir():
                yield from self._of_found_file(path)
            elif "**" not in pattern:  # which has matched all that is in it
                yield from self._walk(path)
        if not matches:
            error = InputError(
                "no file matches the pattern", hint="Check it; `**` stands for folders of any depth"
            )
            yield FailedInput(printable(pattern), error)

    def _of_list(self, file: str) -> Iterator[Input | Skipped]:
        """Take the sources that a file lists, one a line, without empty lines and comments (#)."""
        try:
            with self._opened_list(file) as lines:
                for line in lines:
                    source = line.decode("utf-8", "surrogateescape").strip()
                    if source and not source.startswith(COMMENT_SIGN):
                        yield from self.inputs_of(source, listed=True)
        except OSError as error:
            yield FailedInput(printable(file), unreadable(error))

    def _opened_list(self, file: str) -> AbstractContextManager[BinaryIO]:
        """Open a list; standard input stays open."""
        if file == STANDARD_INPUT:
            return nullcontext(self._stdin or sys.stdin.buffer)
        return Path(file).open("rb")

    def _of_standard_input(self) -> Iterator[Input | Skipped]:
        """Read standard input whole, as it can be read once only."""
        try:
            data = bytes_of(self._stdin or sys.stdin.buffer, self._limits)
        except InputError as error:
            yield FailedInput(STANDARD_INPUT_NAME, error)
            return
        if kind_of(data[:HEAD_SIZE]) == "zip":
            yield from inputs_of_archive(io.BytesIO(data), STANDARD_INPUT_NAME, self._limits)
        elif is_array(data[:HEAD_SIZE]):
            yield from inputs_of_array(data, STANDARD_INPUT_NAME)
        else:
            yield BytesInput(STANDARD_INPUT_NAME, data)


def head_of(path: Path) -> bytes:
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


def entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """List a folder in the order of names."""
    with os.scandir(folder) as entries:
        return iter(sorted(entries, key=lambda entry: entry.name))


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder or a link to one; one that cannot be asked is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False
