"""Inputs of a run: each has a name, is opened only when it is read, and can be sent to a worker process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from sr2fhir.dicom.source import Limits, bytes_of_file, in_force, kind_of
from sr2fhir.errors import InputError


class Input(Protocol):
    """One document to be read."""

    @property
    def name(self) -> str:
        """The path below what was named, with `/`; no part of it leads upwards."""
        ...

    def read(self, limits: Limits | None = None) -> bytes:
        """Read it whole.

        Raises
        ------
        InputError
            It cannot be read, is damaged or too large; the error names the input.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileInput:
    """A file."""

    name: str
    path: Path

    def read(self, limits: Limits | None = None) -> bytes:
        """Read the file."""
        try:
            return bytes_of_file(self.path, in_force(limits))
        except InputError as error:
            error.source = self.name
            raise


@dataclass(frozen=True, slots=True)
class BytesInput:
    """A document that had to be read to be found: standard input, or one of several in a JSON array."""

    name: str
    data: bytes

    def read(self, limits: Limits | None = None) -> bytes:
        """Return the bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class FailedInput:
    """What was named or found but cannot be an input; reading it tells why."""

    name: str
    error: InputError

    def read(self, limits: Limits | None = None) -> bytes:
        """Raise the error."""
        self.error.source = self.name
        raise self.error


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was passed over, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        """Say both in one line."""
        return f"{self.name}: skipped, {self.reason}"


def or_failure(found: Iterator[Input | Skipped], name: str, what: str) -> Iterator[Input | Skipped]:
    """Pass on what is found; where that is no input at all, add one that tells so.

    Parameters
    ----------
    name, what
        Of what is searched: its name, and whether it is a folder or an archive.
    """
    empty = True
    for result in found:
        empty = empty and isinstance(result, Skipped)
        yield result
    if empty:
        hint = "Documents are known by their content, or by an ending such as .dcm"
        yield FailedInput(name, InputError(f"the {what} holds no document", hint=hint))


# ---- which files are taken for documents, and why the others are not

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
