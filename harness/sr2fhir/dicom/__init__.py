"""Reading: from a file or bytes to a pydicom Dataset that is whole and within limits.

::

    source ─▶ part10 (headers, values) ─▶ Dataset ─▶ check_whole
          └─▶ dicom_json (values) ────────┘

Why not `pydicom.dcmread`? What comes from outside may be cut off, contradictory or hostile, and must be
refused by name rather than lose content. pydicom ends in a RecursionError at some hundred levels of sequences
(its issue 2330), and reads a data set that was cut off without an error or ends in a bare OSError (its
issue 2332). So lengths, delimiters, nesting and limits are checked here; the data set that comes out, its
dictionaries and the conversion of values are pydicom's.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sr2fhir.dicom.dicom_json import GIVE_TO_DISCOVER, read_json
from sr2fhir.dicom.notes import CONTENT_SEQUENCE, Notes, keyword_path
from sr2fhir.dicom.part10 import read_file
from sr2fhir.dicom.source import (
    DEFAULT_LIMITS,
    Limits,
    Source,
    bytes_of,
    in_force,
    kind_of,
    name_of_source,
    parts_of_multipart,
    printable,
    refusal,
)
from sr2fhir.dicom.values import text_of
from sr2fhir.errors import DamagedError, InputError
from sr2fhir.findings import Finding

__all__ = ["DEFAULT_LIMITS", "STRUCTURED_REPORTS", "Limits", "SourceDocument", "read"]

# what the UIDs of all SOP classes of Structured Reports begin with (PS3.6 Table A-1)
STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
SOP_CLASS = 0x00080016
SOP_CLASS_IN_META = 0x00020002
VALUE_TYPE = 0x0040A040
# PS3.3 C.17.3: attributes of the root content item. Content Sequence has one of the highest tags of all.
OF_THE_ROOT = (VALUE_TYPE, CONTENT_SEQUENCE)
HINT = "Fetch or export the whole instance again; a search result or metadata without content is not enough"


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A data set as it was read.

    Parameters
    ----------
    dataset
        Text is decoded; other values are converted by pydicom when they are looked at. `file_meta` holds
        File Meta Information and is empty where there is none.
    name
        How messages call the input.
    findings
        What was tolerated in reading.
    """

    dataset: Dataset
    name: str
    findings: tuple[Finding, ...]


def read(source: Source, *, name: str | None = None, limits: Limits | None = None) -> SourceDocument:
    """Read a DICOM file or a document in the DICOM JSON Model, and see that it is whole.

    Whether it is a Structured Report of TID 1500 is seen to by `sr2fhir.render`, which also takes data sets
    from elsewhere.

    Parameters
    ----------
    source
        A path, bytes, or a binary stream, which is read to its end and not closed.
    name
        How messages are to call the input; its path or the stream's name when not given.
    limits
        What protects the reader from inputs that are too large or too deep; by default those of the
        environment (`SR2FHIR_MAX_FILE_SIZE` and so on), else `DEFAULT_LIMITS`.

    Raises
    ------
    NotDicomError
        The input is empty, or neither DICOM nor DICOM JSON.
    DamagedError
        The input is cut off, contradicts itself, or has a damaged deflate stream.
    LimitError
        It passes one of the limits.
    InputError
        It cannot be read at all, or holds several documents.
    """
    name = printable(name) if name else name_of_source(source)
    try:
        return read_named(source, name, in_force(limits))
    except InputError as error:
        error.source = error.source or name
        raise


def read_named(source: Source, name: str, limits: Limits) -> SourceDocument:
    """Read an input; errors do not tell its name yet."""
    notes = Notes()
    data = bytes_of(source, limits)
    dataset = read_bytes(data, notes, limits)
    check_whole(dataset)
    return SourceDocument(dataset, name, notes.all())


def read_bytes(data: bytes, notes: Notes, limits: Limits) -> Dataset:
    """Read a data set in whatever form it is written."""
    kind = kind_of(data)
    if kind == "multipart":
        data = only_part(data)
        kind = kind_of(data)
    if kind in ("part10", "bare"):
        return read_file(data, kind, notes, limits)
    if kind == "json":
        return read_json(data, notes, limits)
    raise refusal(data)


def only_part(data: bytes) -> bytes:
    """Return the content of the only part of a multipart body."""
    parts = parts_of_multipart(data)
    first = next(parts, None)
    if first is None or next(parts, None) is not None:
        several = "no part" if first is None else "several parts, where one document is read at a time"
        raise InputError(f"the multipart body has {several}", hint=GIVE_TO_DISCOVER)
    return first


def check_whole(dataset: Dataset) -> None:
    """Refuse a Structured Report whose content is missing.

    Elements are written in ascending order of tags, and Content Sequence (0040,A730) is among the last: a
    file that was cut between two attributes is well-formed but lacks it.

    Raises
    ------
    DamagedError
        The SOP class, of the data set or of File Meta Information, is one of Structured Reports, and the
        root has no Value Type or no content items.
    """
    if not is_structured_report(dataset):
        return
    for tag in OF_THE_ROOT:
        if tag not in dataset or not dataset.get_item(tag).value:
            message = "the document is not complete: it was cut off, or its content was left out"
            raise DamagedError(message, where=keyword_path(tag), hint=HINT)
    if not isinstance(dataset.get_item(CONTENT_SEQUENCE).value, Sequence):
        raise DamagedError("the attribute is no sequence", where=keyword_path(CONTENT_SEQUENCE), hint=HINT)


def is_structured_report(dataset: Dataset) -> bool:
    """Tell by the SOP class whether an instance is a Structured Report, a Key Object Selection included."""
    classes = (text_of(dataset, SOP_CLASS), text_of(dataset.file_meta, SOP_CLASS_IN_META))
    return any(uid.startswith(STRUCTURED_REPORTS) for uid in classes)
