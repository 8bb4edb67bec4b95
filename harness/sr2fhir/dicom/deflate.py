"""The deflated transfer syntax (PS3.5 A.5): a raw deflate stream, without length and checksum."""

from __future__ import annotations

import zlib

from sr2fhir.dicom.limits import Limits
from sr2fhir.dicom.notes import Notes
from sr2fhir.errors import DamagedError

WHERE = "data set"
HINT = "Fetch or export it again, best without compression"


def inflate(packed: bytes, notes: Notes, limits: Limits) -> bytes:
    """Undo deflate, and insist on a stream that is complete and ends where the file does.

    Raises
    ------
    DamagedError
        The stream is broken or cut off, or other data follow it.
    LimitError
        The stream would grow beyond `limits.max_inflated_size`.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(packed, limits.max_inflated_size + 1)
    except zlib.error:
        raise DamagedError("the deflate stream is damaged", where=WHERE, hint=HINT) from None
    if len(data) > limits.max_inflated_size:
        raise limits.exceeded("max_inflated_size", "the deflated data set grows too large")
    if not stream.eof:
        raise DamagedError("the deflate stream is cut off", where=WHERE, hint=HINT)
    check_rest(stream.unused_data, notes)
    return data


def check_rest(rest: bytes, notes: Notes) -> None:
    """Accept the zero byte that makes the length even, tolerate more of them, refuse anything else."""
    if rest.strip(b"\0"):
        message = f"the deflate stream ends {len(rest):,} bytes before the file does"
        raise DamagedError(message, where=WHERE, hint=HINT)
    if len(rest) > 1:
        notes.inform("trailing-padding", WHERE, "zero bytes after the deflate stream")
