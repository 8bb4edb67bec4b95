"""Inputs of a run: files, members of ZIP archives, and what stands in their place where they cannot be read.

Each has a name, is opened only when it is read, and can be sent to a worker process. Members of archives are
read one by one, checked and bounded; nothing is unpacked to disk.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Protocol

from sr2fhir.dicom.dicom_json import members as members_of_array
from sr2fhir.dicom.source import (
    HEAD_SIZE,
    MEGABYTE,
    Limits,
    bytes_of_file,
    in_force,
    is_array,
    kind_of,
    parts_of_multipart,
    printable,
    unreadable,
)
from sr2fhir.errors import DamagedError, InputError
from sr2fhir.runs.sinks import RESULT_ENDINGS

# Files that claim to be documents by their ending: what they hold is for the reader to judge.
DOCUMENT_ENDINGS = frozenset({".dcm", ".dicom", ".dic", ".json"})
ARCHIVE_ENDING = ".zip"
DIRECTORY_NAME = "DICOMDIR"
RESOURCE_FORKS = "__MACOSX"

OPEN_AT_ONCE = 4
ENCRYPTED_FLAG = 0x1
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,
    OSError,
    IndexError,
)
REPAIR = "Fetch the archive again, and test it with `unzip -t`"


class Input(Protocol):
    """One document to be read."""

    @property
    def name(self) -> str:
        """The path below what was named, with `/`; no part of it leads upwards."""
        ...

    def read(self, limits: Limits | None = None) -> bytes:
        """Read it whole.

        Raises
        ------
        InputError
            It cannot be read, is damaged or too large; the error names the input.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileInput:
    """A file."""

    name: str
    path: Path

    def read(self, limits: Limits | None = None) -> bytes:
        """Read the file."""
        try:
            return bytes_of_file(self.path, in_force(limits))
        except InputError as error:
            error.source = self.name
            raise


@dataclass(frozen=True, slots=True)
class BytesInput:
    """A document that had to be read to be found: standard input, or one of several in a JSON array."""

    name: str
    data: bytes

    def read(self, limits: Limits | None = None) -> bytes:
        """Return the bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class FailedInput:
    """What was named or found but cannot be an input; reading it tells why."""

    name: str
    error: InputError

    def read(self, limits: Limits | None = None) -> bytes:
        """Raise the error."""
        self.error.source = self.name
        raise self.error


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was passed over, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        """Say both in one line."""
        return f"{self.name}: skipped, {self.reason}"


def or_failure(found: Iterator[Input | Skipped], name: str, what: str) -> Iterator[Input | Skipped]:
    """Pass on what is found; where that is no input at all, add one that tells so.

    Parameters
    ----------
    name, what
        Of what is searched: its name, and whether it is a folder or an archive.
    """
    empty = True
    for result in found:
        empty = empty and isinstance(result, Skipped)
        yield result
    if empty:
        hint = "Documents are known by their content, or by an ending such as .dcm"
        yield FailedInput(name, InputError(f"the {what} holds no document", hint=hint))


# ---- which files are taken for documents, and why the others are not


def reason_to_skip(name: str, head: Callable[[], bytes]) -> str | None:
    """Tell why a file is no candidate; None when it is one.

    Parameters
    ----------
    name
        File name without folders.
    head
        Reads the first 132 bytes; called only where the name does not decide.
    """
    if hidden(name):
        return "it is hidden"
    if name.lower().endswith(RESULT_ENDINGS):
        return "it is a result of sr2fhir"
    if name.upper() == DIRECTORY_NAME:
        return "it is a DICOM directory, which lists files and holds no document"
    if PurePosixPath(name).suffix.lower() in (*DOCUMENT_ENDINGS, ARCHIVE_ENDING):
        return None
    return reason_in_content(head())


def hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden by its name."""
    return name.startswith(".") or name == RESOURCE_FORKS


def reason_in_content(head: bytes) -> str | None:
    """Tell by its first bytes why a file is no candidate."""
    if not head:
        return "it is empty"
    return "it does not look like DICOM" if kind_of(head) == "other" else None


# ---- ZIP archives


@dataclass(frozen=True, slots=True)
class MemberInput:
    """A member of an archive on disk."""

    name: str
    archive: Path
    index: int

    def read(self, limits: Limits | None = None) -> bytes:
        """Unpack the member in memory."""
        try:
            archive = opened(self.archive)
            return unpacked(archive, archive.infolist()[self.index], in_force(limits))
        except InputError as error:
            error.source = self.name
            raise


class Member(NamedTuple):
    """An entry of an archive, with its number and a name that no other entry has."""

    name: str
    number: int
    info: zipfile.ZipInfo


def inputs_of_archive(source: Path | BinaryIO, name: str, limits: Limits) -> Iterator[Input | Skipped]:
    """Find the documents in an archive, in the order of their names.

    Parameters
    ----------
    source
        Path of the archive, or a stream that can seek; members of a stream are read when they are found.
    name
        Name of the archive, with which the names of its members begin.
    """
    try:
        archive = opened(source) if isinstance(source, Path) else zipfile.ZipFile(source)
        number = len(archive.filelist)
        if number > limits.max_members:
            raise limits.exceeded("max_members", f"the archive has {number:,} entries")
    except InputError as error:
        yield FailedInput(name, error)
    except BROKEN:
        yield FailedInput(name, DamagedError("the ZIP archive is damaged", hint=REPAIR))
    else:
        members = sorted_members(archive)
        found = (inputs_of_member(archive, source, member, name, limits) for member in members)
        yield from or_failure(chain.from_iterable(found), name, "archive")


def sorted_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """Sort the files of an archive by name; further ones of the same name get a number."""
    files = [
        (safe_name(info.filename), n, info) for n, info in enumerate(archive.infolist()) if not info.is_dir()
    ]
    for name, same in groupby(sorted(files, key=lambda file: file[:2]), key=lambda file: file[0]):
        for repetition, (_, number, info) in enumerate(same, 1):
            yield Member(name if repetition == 1 else f"{name}#{repetition}", number, info)


def safe_name(name: str) -> str:
    """Make a relative path of a member's name that leads nowhere else and can be printed."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return printable("/".join(parts)) or "unnamed"


def inputs_of_member(
    archive: zipfile.ZipFile, source: Path | BinaryIO, member: Member, archive_name: str, limits: Limits
) -> Iterator[Input | Skipped]:
    """Make the input of one member; several where it is a JSON array."""
    name = f"{archive_name}/{member.name}"
    *folders, file = member.name.split("/")
    try:
        head = head_of(archive, member.info)
        reason = "its folder is hidden" if any(map(hidden, folders)) else reason_to_skip(file, lambda: head)
        if reason:
            yield Skipped(name, reason)
        elif kind_of(head) == "zip":
            raise InputError("an archive within an archive is not opened", hint="Unpack the outer one first")
        elif holds_several(head):
            yield from inputs_within(unpacked(archive, member.info, limits), name)
        elif isinstance(source, Path):
            yield MemberInput(name, source, member.number)
        else:
            yield BytesInput(name, unpacked(archive, member.info, limits))
    except InputError as error:
        yield FailedInput(name, error)


def holds_several(head: bytes) -> bool:
    """Tell whether a document may hold several: a JSON array, or a multipart body."""
    return is_array(head) or kind_of(head) == "multipart"


def inputs_within(data: bytes, name: str) -> Iterator[Input]:
    """Make an input of each instance of a JSON array, and of each part of a multipart body.

    An array or body of none or one is left as it is.
    """
    every = numbered(members_of_array(data) if is_array(data) else parts_of_multipart(data), name)
    first, second = next(every, None), next(every, None)
    if first is None or second is None:
        yield BytesInput(name, data)
    else:
        yield from chain((first, second), every)


def numbered(documents: Iterator[bytes], name: str) -> Iterator[Input]:
    """Make an input of each document; what cannot be found for want of a whole body is one that fails."""
    number = 0
    try:
        for number, document in enumerate(documents, 1):
            yield BytesInput(f"{name}#{number}", document)
    except InputError as error:
        yield FailedInput(f"{name}#{number + 1}", error)


def head_of(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read the first bytes of a member."""
    check_readable(info)
    try:
        with archive.open(info) as stream:
            return stream.read(HEAD_SIZE)
    except BROKEN:
        raise damaged() from None


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: Limits) -> bytes:
    """Unpack a member in memory, piece by piece, whatever size the archive claims for it.

    Raises
    ------
    DamagedError
        The member is broken, or its checksum wrong.
    LimitError
        It grows too large, or by too much.
    InputError
        It is encrypted.
    """
    check_readable(info)
    pieces: list[bytes] = []
    size = 0
    try:
        with archive.open(info) as stream:
            while piece := stream.read(MEGABYTE):
                pieces.append(piece)
                size += len(piece)
                check_growth(size, info.compress_size, limits)
    except BROKEN:
        raise damaged() from None
    return b"".join(pieces)


def check_growth(size: int, packed: int, limits: Limits) -> None:
    """Stop at a member that unpacks to more than it reasonably can."""
    if size > min(limits.max_inflated_size, limits.max_file_size):
        name = "max_inflated_size" if limits.max_inflated_size < limits.max_file_size else "max_file_size"
        raise limits.exceeded(name, "the member of the archive grows too large")
    if size > MEGABYTE and size > limits.max_inflation_ratio * max(packed, 1):
        raise limits.exceeded(
            "max_inflation_ratio", "the member of the archive grows by too much on unpacking"
        )


def check_readable(info: zipfile.ZipInfo) -> None:
    """Refuse an encrypted member."""
    if info.flag_bits & ENCRYPTED_FLAG:
        raise InputError(
            "the member of the archive is encrypted", hint="Unpack the archive with its password"
        )


def damaged() -> DamagedError:
    """Make the error for a member that cannot be unpacked."""
    return DamagedError("the member of the archive cannot be unpacked", hint=REPAIR)


def opened(path: Path) -> zipfile.ZipFile:
    """Open an archive, or return it still open: its list is not read again for each member."""
    try:
        state = path.stat()
        return opened_as(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise unreadable(error) from None


@lru_cache(maxsize=OPEN_AT_ONCE)
def opened_as(path: Path, changed: int, size: int) -> zipfile.ZipFile:
    """Open an archive as it is now; it closes when it is no longer among the last few in use."""
    return zipfile.ZipFile(path)
