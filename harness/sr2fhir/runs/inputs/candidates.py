"""Which files found in a folder or an archive are taken for documents, and why the others are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from sr2fhir.dicom.signature import kind_of

# Files that claim to be documents by their ending: what they hold is for the reader to judge.
DOCUMENT_ENDINGS = frozenset({".dcm", ".dicom", ".dic", ".json"})
ARCHIVE_ENDING = ".zip"
# Endings of what `sr2fhir transform` writes.
RESULT_ENDINGS = (".bundle.json", ".report.json", ".outcome.json", ".bundle.xml", ".ndjson", "reports.jsonl")
DIRECTORY_NAME = "DICOMDIR"
RESOURCE_FORKS = "__MACOSX"

HIDDEN = "it is hidden"
RESULT = "it is a result of sr2fhir"
DIRECTORY = "it is a DICOM directory, which lists files and holds no document"
FOREIGN = "it does not look like DICOM"
EMPTY = "it is empty"


def reason_to_skip(name: str, head: Callable[[], bytes]) -> str | None:
    """Tell why a file is no candidate; None when it is one.

    Parameters
    ----------
    name
        File name without folders.
    head
        Reads the first 132 bytes; called only where the name does not decide.
    """
    if hidden(name):
        return HIDDEN
    if name.lower().endswith(RESULT_ENDINGS):
        return RESULT
    if name.upper() == DIRECTORY_NAME:
        return DIRECTORY
    if PurePosixPath(name).suffix.lower() in (*DOCUMENT_ENDINGS, ARCHIVE_ENDING):
        return None
    return reason_in_content(head())


def hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden by its name."""
    return name.startswith(".") or name == RESOURCE_FORKS


def reason_in_content(head: bytes) -> str | None:
    """Tell by its first bytes why a file is no candidate."""
    if not head:
        return EMPTY
    return FOREIGN if kind_of(head) == "other" else None
