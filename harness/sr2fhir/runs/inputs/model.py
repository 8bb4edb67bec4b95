"""Inputs of a run: each has a name, is opened only when it is read, and can be sent to a worker process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sr2fhir.dicom.limits import Limits, in_force
from sr2fhir.dicom.source import bytes_of_file
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
