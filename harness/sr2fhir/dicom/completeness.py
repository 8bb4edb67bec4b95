"""What no Structured Report is without, so that a cut between two attributes is noticed."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from sr2fhir.dicom.place import name_of
from sr2fhir.dicom.values import text_of
from sr2fhir.errors import DamagedError

STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
SOP_CLASS = 0x00080016
SOP_CLASS_IN_META = 0x00020002
VALUE_TYPE = 0x0040A040
CONTENT_SEQUENCE = 0x0040A730
# PS3.3 C.17.3: attributes of the root content item. Content Sequence has one of the highest tags of all.
OF_THE_ROOT = (VALUE_TYPE, CONTENT_SEQUENCE)
HINT = "Fetch or export the whole instance again; a search result or metadata without content is not enough"


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
            raise DamagedError(message, where=name_of(tag), hint=HINT)
    if not isinstance(dataset.get_item(CONTENT_SEQUENCE).value, Sequence):
        raise DamagedError("the attribute is no sequence", where=name_of(CONTENT_SEQUENCE), hint=HINT)


def is_structured_report(dataset: Dataset) -> bool:
    """Tell by the SOP class whether an instance is a Structured Report, a Key Object Selection included."""
    classes = (text_of(dataset, SOP_CLASS), text_of(dataset.file_meta, SOP_CLASS_IN_META))
    return any(uid.startswith(STRUCTURED_REPORTS) for uid in classes)
