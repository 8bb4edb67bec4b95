"""Find inputs in files, folders and streams, without reading ahead."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sr2fhir.dicom.source import (
    HEAD_SIZE,
    Limits,
    bytes_of,
    bytes_of_file,
    in_force,
    is_array,
    kind_of,
    printable,
    unreadable,
)
from sr2fhir.errors import InputError
from sr2fhir.runs.inputs import (
    BytesInput,
    FailedInput,
    FileInput,
    Input,
    Skipped,
    hidden,
    or_failure,
    reason_to_skip,
)
from sr2fhir.runs.inputs.archives import inputs_of_archive, inputs_of_array


class Search:
    """A search for inputs. What is found comes in the order of names.

    An input has a name that no other has unless it is given twice: its path below the base. What cannot be
    read is an input too, which raises when read. What is plainly no document is yielded as skipped. A file
    that is named, or has an ending of documents (.dcm, .dicom, .dic, .json), is never skipped.

    Parameters
    ----------
    base
        Folder below which inputs are named.
    limits
        By default those of the environment, see `sr2fhir.dicom.Limits`.
    leave_out
        Folders not to walk into, such as that of the results.
    """

    def __init__(
        self, base: Path, limits: Limits | None = None, leave_out: frozenset[Path] = frozenset()
    ) -> None:
        self._base = base
        self._limits = in_force(limits)
        self._leave_out = leave_out

    def of_path(self, path: Path) -> Iterator[Input | Skipped]:
        """Find the inputs of a file, an archive or a folder that is named."""
        return self._of_folder(path) if path.is_dir() else self._of_file(path)

    def of_matches(self, paths: list[Path], *, deep: bool) -> Iterator[Input | Skipped]:
        """Find the inputs of what matches a pattern.

        Parameters
        ----------
        deep
            Whether what is in the folders among the matches matches too.
        """
        for path in paths:
            if not path.is_dir():
                yield from self._of_found_file(path)
            elif not deep:
                yield from self._walk(path)

    def of_stream(self, stream: BinaryIO, name: str) -> Iterator[Input | Skipped]:
        """Read a stream whole, as it can be read once only, and find the inputs in it."""
        try:
            data = bytes_of(stream, self._limits)
        except InputError as error:
            yield FailedInput(name, error)
            return
        if kind_of(data[:HEAD_SIZE]) == "zip":
            yield from inputs_of_archive(io.BytesIO(data), name, self._limits)
        elif is_array(data[:HEAD_SIZE]):
            yield from inputs_of_array(data, name)
        else:
            yield BytesInput(name, data)

    def _name(self, path: Path) -> str:
        """Name a file or folder by its path below the base; what is elsewhere by its whole path."""
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
        """Walk a folder."""
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


def absolute(path: str | os.PathLike[str]) -> Path:
    """Make a path absolute without following links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


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
