"""Read one input as a data set that is whole."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from sr2fhir.dicom.completeness import check_whole
from sr2fhir.dicom.dicom_json import read_json
from sr2fhir.dicom.limits import Limits, in_force
from sr2fhir.dicom.notes import Notes
from sr2fhir.dicom.part10 import read_file
from sr2fhir.dicom.signature import kind_of, refusal
from sr2fhir.dicom.source import Source, bytes_of, name_of_source, printable
from sr2fhir.errors import InputError
from sr2fhir.findings import Finding


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
    if kind in ("part10", "bare"):
        return read_file(data, kind, notes, limits)
    if kind == "json":
        return read_json(data, notes, limits)
    raise refusal(data)
