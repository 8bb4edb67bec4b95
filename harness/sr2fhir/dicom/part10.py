"""DICOM files: preamble, File Meta Information, data set (PS3.10 chapter 7)."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset

from sr2fhir.dicom import values
from sr2fhir.dicom.deflate import inflate
from sr2fhir.dicom.elements import ElementReader
from sr2fhir.dicom.limits import Limits
from sr2fhir.dicom.notes import Notes
from sr2fhir.dicom.open_items import EXPLICIT_BIG, EXPLICIT_LITTLE, FETCH_AGAIN, IMPLICIT_LITTLE, Encoding
from sr2fhir.dicom.signature import HEAD_SIZE, Kind
from sr2fhir.errors import DamagedError

TRANSFER_SYNTAX = 0x00020010
DEFLATED = "1.2.840.10008.1.2.1.99"
# PS3.5 Annex A; all others, with compressed pixel data, are explicit VR little endian.
TRANSFER_SYNTAXES = {
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
    DEFLATED: EXPLICIT_LITTLE,
}


def read_file(data: bytes, kind: Kind, notes: Notes, limits: Limits) -> Dataset:
    """Read a DICOM file, with preamble (`part10`) or without (`bare`).

    Returns
    -------
    Dataset
        With `file_meta`, which is empty where the file has none.

    Raises
    ------
    DamagedError
        The file is cut off or contradicts itself.
    LimitError
        The file is larger or deeper than the limits allow.
    """
    reader = ElementReader(data, notes, limits)
    meta, end = reader.read_meta(HEAD_SIZE if kind == "part10" else 0)
    if kind == "bare":
        notes.inform("missing-preamble", "", "the file has no preamble and prefix, as PS3.10 demands")
    dataset = read_dataset(data[end:], meta, notes, limits)
    dataset.file_meta = meta
    return dataset


def read_dataset(data: bytes, meta: FileMetaDataset, notes: Notes, limits: Limits) -> Dataset:
    """Read what follows File Meta Information, in the transfer syntax named or else seen."""
    syntax = values.text_of(meta, TRANSFER_SYNTAX)
    if syntax == DEFLATED:
        data = inflate(data, notes, limits)
    if not data:
        raise DamagedError("the file ends before the data set", where="data set", hint=FETCH_AGAIN)
    encoding = encoding_of(data, syntax, notes)
    return ElementReader(data, notes, limits).read(0, len(data), encoding)


def encoding_of(data: bytes, syntax: str, notes: Notes) -> Encoding:
    """Choose how to read a data set: as its transfer syntax says, unless the data show otherwise."""
    seen = seen_encoding(data)
    if not syntax:
        notes.warn(
            "transfer-syntax", "TransferSyntaxUID", "no transfer syntax is named; it was told from the data"
        )
        return seen or IMPLICIT_LITTLE
    named = TRANSFER_SYNTAXES.get(syntax, EXPLICIT_LITTLE)
    if seen and seen != named:
        message = "the data are not in the transfer syntax that the file names; they were read as they are"
        notes.warn("transfer-syntax", "TransferSyntaxUID", message)
        return seen
    return named


def seen_encoding(data: bytes) -> Encoding | None:
    """Tell the encoding from the first data element, where that is of group 0008."""
    little = data[:2] == b"\x08\x00"
    if not little and data[:2] != b"\x00\x08":
        return None
    implicit = data[4:6].decode("latin_1") not in values.KNOWN
    return None if implicit and not little else Encoding(implicit, little)
