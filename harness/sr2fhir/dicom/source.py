"""One input: how large it may be, its bytes, and what it is by the first of them."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO, Literal

from sr2fhir.dicom import values
from sr2fhir.errors import DamagedError, InputError, LimitError, NotDicomError, UsageError

# ---- limits ------------------------------------------------------------------------------------------------

MEGABYTE = 1024 * 1024
UNITS = {"": 1, "K": 1024, "M": MEGABYTE, "G": 1024 * MEGABYTE}
QUANTITY = re.compile(r"(\d{1,15})\s*([KMG]?)(?:i?B)?", re.IGNORECASE)
VARIABLE_PREFIX = "SR2FHIR_"


@dataclass(frozen=True, slots=True)
class Limits:
    """Say how large and how deep an input may be.

    Parameters
    ----------
    max_file_size
        Bytes of one file, archive member or standard input.
    max_inflated_size
        Bytes that a deflated data set or an archive member may grow to.
    max_inflation_ratio
        Bytes out per byte in, of an archive member; looked at once a member has grown past one megabyte.
    max_members
        Entries of one archive.
    max_nesting
        Sequences within sequences; the root data set is level 0.
    max_items
        Sequence items of one document, at all levels together.
    max_elements
        Data elements of one document, at all levels together.
    """

    max_file_size: int = 512 * MEGABYTE
    max_inflated_size: int = 512 * MEGABYTE
    max_inflation_ratio: int = 1000
    max_members: int = 1_000_000
    max_nesting: int = 1024
    max_items: int = 1_000_000
    max_elements: int = 5_000_000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **others: int) -> Limits:
        """Read the limits set by variables such as `SR2FHIR_MAX_FILE_SIZE=2G`; those not set may be given.

        Raises
        ------
        UsageError
            A variable does not hold a whole number with an optional unit K, M or G.
        """
        given = {field.name: environment.get(variable(field.name)) for field in fields(cls)}
        return cls(**others | {name: quantity(name, text) for name, text in given.items() if text})

    def exceeded(self, name: str, what: str, *, where: str | None = None) -> LimitError:
        """Make the error that tells which limit was passed and how to raise it."""
        hint = (
            f"If you trust the input, raise the limit with {variable(name)}, in Python with Limits({name}=…)"
        )
        return LimitError(f"{what}, more than the {getattr(self, name):,} allowed", where=where, hint=hint)


def variable(name: str) -> str:
    """Name the environment variable of a limit."""
    return VARIABLE_PREFIX + name.upper()


def quantity(name: str, text: str) -> int:
    """Read what a variable says of a limit."""
    try:
        return size(text)
    except ValueError as error:
        raise UsageError(
            f"{variable(name)} is not a size", hint="Give a whole number, with K, M or G where wanted: 512M"
        ) from error


def size(text: str) -> int:
    """Read `512`, `512K`, `512 MB` or `2GiB`; units are powers of 1024.

    Raises
    ------
    ValueError
        It is none.
    """
    match = QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a size: a whole number, with K, M or G where wanted, such as 512M")
    return int(match[1]) * UNITS[match[2].upper()]


DEFAULT_LIMITS = Limits()


def in_force(limits: Limits | None) -> Limits:
    """Return the limits given, else those that the environment sets."""
    return Limits.from_environment(os.environ) if limits is None else limits


# ---- bytes -------------------------------------------------------------------------------------------------

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
    return _read(source, limits)


def _read(stream: BinaryIO, limits: Limits) -> bytes:
    """Read a stream to its end, but no more than one byte beyond the limit.

    In blocks: some streams reserve at once what they are asked for, which would be the whole limit for a
    report of some kB.
    """
    blocks, left = [], limits.max_file_size + 1
    while left and (block := stream.read(min(left, _BLOCK))):
        blocks.append(block)
        left -= len(block)
    return checked(b"".join(blocks), limits)


def bytes_of_file(path: Path, limits: Limits) -> bytes:
    """Read a file, refusing one that is too large before it is read."""
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size > limits.max_file_size:
                raise too_large(limits)
            return _read(stream, limits)
    except (OSError, ValueError) as error:
        raise unreadable(error) from None


def checked(data: bytes, limits: Limits) -> bytes:
    """Return the bytes unless there are too many."""
    if len(data) > limits.max_file_size:
        raise too_large(limits)
    return data


def too_large(limits: Limits) -> LimitError:
    """Make the error for an input that is too large."""
    return limits.exceeded("max_file_size", f"the input is larger than {limits.max_file_size:,} bytes")


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


# ---- what it is --------------------------------------------------------------------------------------------

PREAMBLE_SIZE = 128
PREFIX = b"DICM"
HEAD_SIZE = PREAMBLE_SIZE + len(PREFIX)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
PRINTABLE = re.compile(rb"[\t\n\f\r\x20-\x7e]*")
LONGEST_FIRST_VALUE = 0x10000
Kind = Literal["part10", "bare", "json", "zip", "multipart", "other"]
# the first boundary of a multipart body, and the first header of its first part (RFC 2046 section 5.1)
FIRST_BOUNDARY = re.compile(rb"\s{0,4}--([^\r\n]{1,70}?)[ \t]*\r?\n(?:\r?\n|[A-Za-z-]+:)")
END_OF_HEADERS = re.compile(rb"(?:\A|\r?\n)\r?\n")

# What is met by mistake most often: how it begins, what it is, what to do.
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "Give the DICOM object that it was made from"),
    (b"\xff\xd8\xff", "a JPEG image", "Give the DICOM object that it was made from"),
    (b"GIF8", "a GIF image", "Give the DICOM object that it was made from"),
    (b"%PDF", "a PDF document", "Give the Structured Report that it was made from"),
    (ZIP, "a ZIP archive", "Give the archive as an input of its own: its members are read one by one"),
    (EMPTY_ZIP, "an empty ZIP archive", "Give an archive with DICOM files"),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it with gunzip"),
    (b"BZh", "compressed with bzip2", "Unpack it with bunzip2"),
    (b"\xfd7zXZ\0", "compressed with xz", "Unpack it with unxz"),
    (b"(\xb5/\xfd", "compressed with zstd", "Unpack it with unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it"),
    (b"<!DOCTYPE", "a web page", "Check the address from which it was fetched"),
    (b"<html", "a web page", "Check the address from which it was fetched"),
    (b"<", "XML", "Convert it to DICOM: DCMTK has xml2dsr and xml2dcm"),
)
GIVE_DICOM = "Give a DICOM file (PS3.10) or a document in the DICOM JSON Model (PS3.18 Annex F)"


def kind_of(head: bytes) -> Kind:
    """Tell what an input is from its first bytes, of which 132 are enough."""
    if head[PREAMBLE_SIZE:HEAD_SIZE] == PREFIX:
        return "part10"
    if head.startswith((ZIP, EMPTY_ZIP)):
        return "zip"
    if head.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] in (b"{", b"["):
        return "json"
    if FIRST_BOUNDARY.match(head):
        return "multipart"
    return "bare" if any(looks_like_element(head, order) for order in "<>") else "other"


def looks_like_element(head: bytes, order: str) -> bool:
    """Tell whether a first data element could stand here: group 2 or 8, then a VR or a length."""
    if len(head) < 8:
        return False
    group, number, code, short = struct.unpack_from(f"{order}HH2sH", head)
    (length,) = struct.unpack_from(f"{order}I", head, 4)
    if group not in (0x0002, 0x0008) or number > 0x0018:
        return False
    if code.decode("latin_1") in values.KNOWN:
        return bool(short < LONGEST_FIRST_VALUE)
    return order == "<" and length < LONGEST_FIRST_VALUE


def refusal(data: bytes) -> NotDicomError | DamagedError:
    """Make the error for an input that is not DICOM, telling what it is where that can be seen."""
    if not data:
        return NotDicomError("the input is empty", hint="Fetch or export it again")
    if not any(data):
        return DamagedError("the input holds nothing but zero bytes", hint="Fetch or export it again")
    start = data[:HEAD_SIZE].removeprefix(BYTE_ORDER_MARK).lstrip()
    for magic, name, hint in OTHERS:
        if start.startswith(magic):
            return NotDicomError(f"the input is not DICOM but {name}", hint=hint)
    if PRINTABLE.fullmatch(data[:4096]):
        return NotDicomError("the input is not DICOM but text", hint=GIVE_DICOM)
    return NotDicomError("the input is not DICOM", hint=GIVE_DICOM)


def parts_of_multipart(data: bytes) -> Iterator[bytes]:
    """Cut the body of a `multipart/related` response (PS3.18 section 8.6.1) into what its parts hold.

    The headers of the parts are passed over: what a part is, its content says. One part is copied at a time.
    The parsers of the standard library hold a body several times, as text.

    Raises
    ------
    DamagedError
        There is no closing boundary: the body was cut off.
    """
    first = FIRST_BOUNDARY.match(data)
    boundary = re.escape(first[1]) if first else b""
    delimiter = re.compile(rb"(?:\A\s*|\r?\n)--" + boundary + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    start = None
    for found in delimiter.finditer(data):
        if start is not None:
            headers = END_OF_HEADERS.search(data, start, found.start())
            yield data[headers.end() if headers else start : found.start()]
        if found[1]:
            return
        start = found.end()
    message = "the multipart body is cut off: it has no closing boundary"
    raise DamagedError(message, hint="Fetch it again")


def is_array(head: bytes) -> bool:
    """Tell whether an input begins as a JSON array."""
    return head.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"["
