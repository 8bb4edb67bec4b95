"""Tell from the first bytes what an input is."""

from __future__ import annotations

import re
import struct
from typing import Literal

from sr2fhir.dicom import values
from sr2fhir.errors import DamagedError, NotDicomError

PREAMBLE_SIZE = 128
PREFIX = b"DICM"
HEAD_SIZE = PREAMBLE_SIZE + len(PREFIX)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ZIP = b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
LONGEST_FIRST_VALUE = 0x10000
Kind = Literal["part10", "bare", "json", "zip", "other"]

# What is met by mistake most often: how it begins, what it is, what to do.
OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "Give the DICOM object that it was made from"),
    (b"\xff\xd8\xff", "a JPEG image", "Give the DICOM object that it was made from"),
    (b"GIF8", "a GIF image", "Give the DICOM object that it was made from"),
    (b"%PDF", "a PDF document", "Give the Structured Report that it was made from"),
    (
        b"PK\x03\x04",
        "a ZIP archive",
        "Give the archive as an input of its own: its members are read one by one",
    ),
    (b"PK\x05\x06", "an empty ZIP archive", "Give an archive with DICOM files"),
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
    return "bare" if looks_bare(head) else "other"


def looks_bare(head: bytes) -> bool:
    """Tell whether data elements could stand here without preamble: group 2 or 8, then a VR or a length."""
    return any(looks_like_element(head, order) for order in "<>")


def looks_like_element(head: bytes, order: str) -> bool:
    """Tell whether a first data element could stand here in a byte order."""
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
    if is_text(data[:4096]):
        return NotDicomError("the input is not DICOM but text", hint=GIVE_DICOM)
    return NotDicomError("the input is not DICOM", hint=GIVE_DICOM)


def is_text(head: bytes) -> bool:
    """Tell whether bytes are printable ASCII."""
    return re.fullmatch(rb"[\t\n\f\r\x20-\x7e]*", head) is not None


def is_array(head: bytes) -> bool:
    """Tell whether an input begins as a JSON array."""
    return head.removeprefix(BYTE_ORDER_MARK).lstrip()[:1] == b"["
