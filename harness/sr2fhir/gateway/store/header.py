"""What the store wants to know of an object, read from its header alone."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pydicom
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from sr2fhir.dicom import Limits, read
from sr2fhir.dicom.source import HEAD_SIZE, kind_of
from sr2fhir.errors import MissingAttributeError

CONTENT_SEQUENCE = 0x0040A730
DEFLATED = "1.2.840.10008.1.2.1.99"
_DIGITS = re.compile(r"\d*")
# pairs of date and time that say how new the content is, the best first
_CONTENT_TIMES = (("ContentDate", "ContentTime"), ("InstanceCreationDate", "InstanceCreationTime"))
_UID = re.compile(r"[0-9.]{1,64}")


class Header(NamedTuple):
    """What the header says.

    Parameters
    ----------
    patient
        Issuer of Patient ID and Patient ID; None without Patient ID. It is hashed before it is kept.
    content_time
        Digits of date and time of the content, which can be compared as text; None without date.
    predecessors
        SOP Instance UIDs of Predecessor Documents.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str | None
    patient: tuple[str, str] | None
    content_time: str | None
    predecessors: tuple[str, ...]


def read_header(file: Path, limits: Limits | None = None) -> Header:
    """Read the header of a DICOM file or a document in the DICOM JSON Model.

    Raises
    ------
    InputError
        It is neither, or has no SOP Instance UID or SOP Class UID.
    """
    dataset = _quickly(file)
    if dataset is None:
        dataset = read(file, name="the object", limits=limits).dataset
    return Header(
        _required(dataset, "SOPInstanceUID"),
        _required(dataset, "SOPClassUID"),
        _text(dataset, "StudyInstanceUID") or None,
        _patient(dataset),
        next(filter(None, (_time(dataset, *names) for names in _CONTENT_TIMES)), None),
        tuple(dict.fromkeys(_predecessors(dataset))),
    )


def patient_key(patient: tuple[str, str] | None, salt: str) -> str | None:
    """Return what stands for a patient in the tables: nobody can tell the id from it."""
    if patient is None:
        return None
    return sha256("\0".join((salt, *patient)).encode("utf-8", "replace")).hexdigest()


def _quickly(file: Path) -> pydicom.Dataset | None:
    """Read what comes before the content tree; None where our own reader has to look (which is stricter).

    So an object of any size takes little memory. A deflated one would be inflated without limit here.
    """
    with file.open("rb") as stream:
        if kind_of(stream.read(HEAD_SIZE)) != "part10":
            return None
        stream.seek(0)
        try:
            meta = read_partial(stream, stop_when=_is_data).file_meta
            if meta.get("TransferSyntaxUID", DEFLATED) == DEFLATED:
                return None
            stream.seek(0)
            dataset = read_partial(stream, stop_when=_is_content)
            return dataset if _text(dataset, "SOPInstanceUID") else None
        except Exception:  # whatever pydicom stumbles over, our own reader names or tolerates
            return None


def _is_data(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return bool(tag.group > 2)


def _is_content(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return bool(tag >= CONTENT_SEQUENCE)


def _text(dataset: pydicom.Dataset, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
    except Exception:  # a value that pydicom cannot convert
        return ""
    return "" if value is None else str(value).strip()


def _required(dataset: pydicom.Dataset, keyword: str) -> str:
    value = _text(dataset, keyword)
    if not _UID.fullmatch(value):
        message = f"the object has no {keyword}" if not value else f"{keyword} is no UID"
        raise MissingAttributeError(message, where=keyword, hint="Without it the object is not valid DICOM")
    return value


def _patient(dataset: pydicom.Dataset) -> tuple[str, str] | None:
    known = _text(dataset, "PatientID")
    return (_text(dataset, "IssuerOfPatientID"), known) if known else None


def _time(dataset: pydicom.Dataset, date: str, time: str) -> str | None:
    day, clock = _text(dataset, date).replace("-", ""), _text(dataset, time).replace(":", "")
    if len(day) != 8 or not day.isdecimal():
        return None
    whole, _, fraction = clock.partition(".")
    match = _DIGITS.match(whole)
    return day + (match[0] if match else "")[:6].ljust(6, "0") + fraction[:6].ljust(6, "0")


def _predecessors(dataset: pydicom.Dataset) -> list[str]:
    """Return the UIDs in Predecessor Documents Sequence (PS3.3 C.17.2.3)."""
    try:
        return [
            uid
            for study in dataset.get("PredecessorDocumentsSequence") or ()
            for series in study.get("ReferencedSeriesSequence") or ()
            for instance in series.get("ReferencedSOPSequence") or ()
            if _UID.fullmatch(uid := _text(instance, "ReferencedSOPInstanceUID"))
        ]
    except Exception:  # a sequence that pydicom cannot read is told by the transformation
        return []
