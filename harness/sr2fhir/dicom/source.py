"""Bytes of one input, never more than the limits allow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from sr2fhir.dicom.limits import Limits
from sr2fhir.errors import InputError, LimitError

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
UNNAMED = "input"
# bytes read at once
_BLOCK = 1 << 20


def name_of_source(source: Source) -> str:
    """Name an input in messages: by its path, else by the name that a stream has."""
    if isinstance(source, str | os.PathLike):
        return printable(os.fspath(source))
    name = getattr(source, "name", None)
    return printable(name) if isinstance(name, str) else UNNAMED


def printable(name: str) -> str:
    """Make a file name safe to print: control characters and bytes that are no text become escapes."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


def bytes_of(source: Source, limits: Limits) -> bytes:
    """Read an input whole.

    Raises
    ------
    InputError
        The file is a folder, does not exist or may not be read.
    LimitError
        The input is larger than `limits.max_file_size`.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return checked(bytes(source), limits)
    if isinstance(source, str | os.PathLike):
        return bytes_of_file(Path(source), limits)
    return checked(_read(source, limits.max_file_size + 1), limits)


def _read(stream: BinaryIO, most: int) -> bytes:
    """Read a stream to its end, or so many bytes.

    In blocks: some streams reserve at once what they are asked for, which would be the whole limit for a
    report of some kB.
    """
    blocks, left = [], most
    while left and (block := stream.read(min(left, _BLOCK))):
        blocks.append(block)
        left -= len(block)
    return b"".join(blocks)


def bytes_of_file(path: Path, limits: Limits) -> bytes:
    """Read a file, refusing one that is too large before it is read."""
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > limits.max_file_size:
                raise too_large(size, limits)
            return checked(_read(stream, limits.max_file_size + 1), limits)
    except (OSError, ValueError) as error:
        raise unreadable(error) from None


def checked(data: bytes, limits: Limits) -> bytes:
    """Return the bytes unless there are too many."""
    if len(data) > limits.max_file_size:
        raise too_large(len(data), limits)
    return data


def too_large(size: int, limits: Limits) -> LimitError:
    """Make the error for an input that is too large."""
    return limits.exceeded(
        "max_file_size", f"the input is larger than {min(size, limits.max_file_size):,} bytes"
    )


REASONS: tuple[tuple[type[OSError], str, str], ...] = (
    (IsADirectoryError, "the input is a folder", "Name a file in it, or give the folder on the command line"),
    (FileNotFoundError, "the input does not exist", "Check the path"),
    (PermissionError, "the input may not be read", "Check the permissions of the file and its folders"),
)


def unreadable(error: OSError | ValueError) -> InputError:
    """Make the error for a file that cannot be read, without the system's words, which repeat the path."""
    if isinstance(error, ValueError):  # a null character
        return InputError("the path is not one that a file can have", hint="Check the path")
    for kind, message, hint in REASONS:
        if isinstance(error, kind):
            return InputError(message, hint=hint)
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return InputError(
        f"the input cannot be read ({reason})", hint="Check the path and the disk or share it is on"
    )
