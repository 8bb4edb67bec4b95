"""Where results go: a folder, a file or a stream.

Files are written beside their place and then moved there, so none is ever half there.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.outcome import from_error

if TYPE_CHECKING:
    from sr2fhir.transformer import Result

UNNAMED = "input"
BUNDLE, REPORT, OUTCOME = ".bundle.json", ".report.json", ".outcome.json"


class Sink(Protocol):
    """Take results and failures."""

    def write(self, result: Result) -> str:
        """Write what came of an input and answer where its Bundle is."""
        ...

    def fail(self, name: str, error: Exception) -> str:
        """Write the OperationOutcome of an input that failed and answer where it is."""
        ...


@dataclass(frozen=True)
class FileSink:
    """Write three files for each input: Bundle, report, and the outcome last.

    Parameters
    ----------
    base
        Answers, for the name of an input, the path to which the endings of the three files are added.
    bundle_ending
        Ending of the Bundle's file.
    """

    base: Callable[[str], Path]
    bundle_ending: str = BUNDLE

    def write(self, result: Result) -> str:
        """Write Bundle, report and outcome."""
        base = self.base(result.name)
        with writing(base):
            replace_file(add_ending(base, REPORT), result.report_json)
            replace_file(add_ending(base, self.bundle_ending), result.json)
            replace_file(add_ending(base, OUTCOME), result.outcome_json)
        return str(add_ending(base, self.bundle_ending))

    def fail(self, name: str, error: Exception) -> str:
        """Write the outcome alone, and remove what an earlier run may have left beside it."""
        base = self.base(name)
        with writing(base):
            for ending in (self.bundle_ending, REPORT):
                add_ending(base, ending).unlink(missing_ok=True)
            replace_file(add_ending(base, OUTCOME), outcome_bytes(error))
        return str(add_ending(base, OUTCOME))


@dataclass(frozen=True)
class StreamSink:
    """Write the Bundle to a stream; for an input that failed, its OperationOutcome."""

    stream: BinaryIO

    def write(self, result: Result) -> str:
        """Write the Bundle."""
        return self._put(result.json)

    def fail(self, name: str, error: Exception) -> str:
        """Write the OperationOutcome."""
        return self._put(outcome_bytes(error))

    def _put(self, data: bytes) -> str:
        self.stream.write(data)
        self.stream.flush()
        return "standard output"


@dataclass
class SingleSink:
    """Let one input pass to another sink; a file or stream that takes one Bundle cannot take the next."""

    sink: Sink
    taken: str | None = None

    def write(self, result: Result) -> str:
        """Write the result of the only input."""
        self._take(result.name)
        return self.sink.write(result)

    def fail(self, name: str, error: Exception) -> str:
        """Write the failure of the only input."""
        self._take(name)
        return self.sink.fail(name, error)

    def _take(self, name: str) -> None:
        self.taken = self.taken or name
        if self.taken != name:
            raise Sr2FhirError("the input holds several documents", hint="Name a folder with --out")


def folder_sink(folder: Path) -> FileSink:
    """Keep path and whole name of each input, so that no two inputs share a file: `a.dcm.bundle.json`."""
    return FileSink(lambda name: folder / safe_path(name))


def file_sink(file: Path) -> FileSink:
    """Write the Bundle to the file that is named, report and outcome beside it."""
    return FileSink(lambda _: file.with_suffix(""), bundle_ending=file.suffix)


def safe_path(name: str) -> Path:
    """Turn an input's name into a relative path that cannot lead out of the output folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return Path(*("_" if part == ".." else part.replace(":", "_") for part in parts or [UNNAMED]))


def add_ending(base: Path, ending: str) -> Path:
    """Add an ending to a name, whatever dots it has."""
    return base.with_name(base.name + ending)


def outcome_bytes(error: Exception) -> bytes:
    """Make the OperationOutcome of a failure."""
    from sr2fhir.jsontext import dumps

    return dumps(from_error(error), indent=True) + b"\n"


@contextmanager
def writing(base: Path) -> Iterator[None]:
    """Make the folder, and say what is wrong if a file cannot be written.

    Raises
    ------
    Sr2FhirError
        The folder is not writable, the disk is full, or the name too long.
    """
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        message = f"the result cannot be written: {error.strerror or type(error).__name__}"
        raise Sr2FhirError(
            message, where=str(base.parent), hint="See that there is room and that the folder is yours"
        ) from error


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there."""
    part = path.with_name(f".sr2fhir-{os.getpid()}-{threading.get_ident()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be one.

    Raises
    ------
    UsageError
        Something else has its name.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{folder} is a file, and a folder is needed for the results",
            hint="Name another folder with --out",
        )
