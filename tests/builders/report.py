"""A whole Structured Report, as it comes out of a file."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any, NamedTuple

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.builders.codes import MEASUREMENT_REPORT, OF_INTEREST, Code
from tests.builders.items import raw, sequence_item

COMPREHENSIVE_3D = "1.2.840.10008.5.1.4.1.1.88.34"
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
STUDY = "1.2.840.99.1"
SERIES = "1.2.840.99.2"
INSTANCE = "1.2.840.99.3"
IMAGE_SERIES = "1.2.840.99.4"

_HEADER: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "SOPClassUID": COMPREHENSIVE_3D,
    "SOPInstanceUID": INSTANCE,
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": SERIES,
    "Modality": "SR",
    "StudyDate": "20240102",
    "StudyTime": "101500",
    "ContentDate": "20240103",
    "ContentTime": "120000",
    "TimezoneOffsetFromUTC": "+0100",
    "PatientID": "PID-1",
    "PatientName": "Doe^John",
    "Manufacturer": "Maker",
    "ManufacturerModelName": "Model",
    "CompletionFlag": "COMPLETE",
    "VerificationFlag": "UNVERIFIED",
    "ValueType": "CONTAINER",
    "ContinuityOfContent": "SEPARATE",
}


_KEY_OBJECTS: dict[str, Any] = {
    "SOPClassUID": KEY_OBJECT_SELECTION,
    "Modality": "KO",
    "CompletionFlag": None,
    "VerificationFlag": None,
}


class Instance(NamedTuple):
    """An instance of the evidence."""

    uid: str
    sop_class: str = "1.2.840.10008.5.1.4.1.1.2"
    series: str = IMAGE_SERIES
    study: str = STUDY


def measurement_report(
    *children: Dataset,
    title: Code | None = MEASUREMENT_REPORT,
    template: str | None = "1500",
    listed: Iterable[Instance] | None = None,
    **header: Any,
) -> Dataset:
    """Return a Measurement Report (TID 1500), written to a file and read back.

    Parameters
    ----------
    children
        Content items of the root.
    title
        Concept name of the root; None leaves it out.
    template
        Its template identifier; None leaves it out.
    listed
        The evidence; every instance that a content item refers to, all in one series, where not given.
    header
        Attributes by keyword; None leaves one out.
    """
    report = sequence_item(**{**_HEADER, **header})
    if title:
        report.ConceptNameCodeSequence = [title.as_item()]
    if template:
        report.ContentTemplateSequence = [sequence_item(MappingResource="DCMR", TemplateIdentifier=template)]
    if children:
        report.ContentSequence = list(children)
    sequence = evidence(_referenced(report) if listed is None else listed)
    if sequence:
        report.CurrentRequestedProcedureEvidenceSequence = sequence
    return reread(encoded(report))


def key_objects(
    *children: Dataset,
    title: Code | None = OF_INTEREST,
    template: str | None = "2010",
    listed: Iterable[Instance] | None = None,
    **header: Any,
) -> Dataset:
    """Return a Key Object Selection (TID 2010), written to a file and read back; parameters as above."""
    stated = {**_KEY_OBJECTS, **header}
    return measurement_report(*children, title=title, template=template, listed=listed, **stated)


def evidence(instances: Iterable[Instance]) -> list[Dataset]:
    """Return the items of an evidence sequence, one for each study."""
    studies: dict[str, dict[str, list[Instance]]] = {}
    for instance in dict.fromkeys(instances):
        studies.setdefault(instance.study, {}).setdefault(instance.series, []).append(instance)
    return [
        sequence_item(
            StudyInstanceUID=study,
            ReferencedSeriesSequence=[
                sequence_item(
                    SeriesInstanceUID=series, ReferencedSOPSequence=[_listed(one) for one in members]
                )
                for series, members in by_series.items()
            ],
        )
        for study, by_series in studies.items()
    ]


def encoded(report: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Return a report as the bytes of a file."""
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = transfer_syntax
    report.file_meta.MediaStorageSOPClassUID = report.get("SOPClassUID", COMPREHENSIVE_3D)
    report.file_meta.MediaStorageSOPInstanceUID = report.get("SOPInstanceUID", INSTANCE)
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # malformed values are meant
        report.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def reread(data: bytes) -> Dataset:
    """Return the report that bytes of a file hold."""
    return dcmread(BytesIO(data))


def _listed(instance: Instance) -> Dataset:
    listed = sequence_item(ReferencedSOPClassUID=instance.sop_class)
    return raw(
        listed, "ReferencedSOPInstanceUID", "UI", instance.uid.encode() + b"\0" * (len(instance.uid) % 2)
    )


def _referenced(report: Dataset) -> Iterator[Instance]:
    stack = [report]
    while stack:
        current = stack.pop()
        stack.extend(reversed(current.get("ContentSequence", [])))
        for reference in current.get("ReferencedSOPSequence", []):
            uid = reference.get_item("ReferencedSOPInstanceUID").value
            yield Instance(uid.rstrip(b"\0").decode(), str(reference.ReferencedSOPClassUID))
