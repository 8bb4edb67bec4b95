"""Where results go: a folder, a file or a stream.

Files are written beside their place and then moved there, so none is ever half there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.files import replace_file
from sr2fhir.outcome import from_error
from sr2fhir.runs.results import Written

if TYPE_CHECKING:
    from sr2fhir.transformer import Result

UNNAMED = "input"
# Within a folder of results: what a run needs that is not at its end.
WORK_FOLDER = ".sr2fhir"
BUNDLE, REPORT, OUTCOME = ".bundle.json", ".report.json", ".outcome.json"
OTHER_BUNDLE = {".bundle.json": ".bundle.xml", ".bundle.xml": ".bundle.json"}


class Sink(Protocol):
    """Take results and failures."""

    def write(self, result: Result) -> Written:
        """Write what came of an input, or answer the lines that the run is to write."""
        ...

    def fail(self, name: str, error: Exception) -> Written:
        """Do so with the OperationOutcome of an input that failed."""
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
    parts
        Folder where files are written before they are moved to their place; by default that of the place.
        Where one is given, the digest of what was written is answered.
    """

    base: Callable[[str], Path]
    bundle_ending: str = BUNDLE
    parts: Path | None = None

    def write(self, result: Result) -> Written:
        """Write report, Bundle and outcome."""
        contents = (result.report_json, result.content, result.outcome_json)
        places = self.places(result.name)
        with writing(places[0]):
            for place, content in zip(places, contents, strict=True):
                replace_file(place, content, self.parts)
            for place in self._other_bundle(result.name):
                place.unlink(missing_ok=True)
        return Written(str(places[1]), digest_of(contents) if self.parts else "")

    def fail(self, name: str, error: Exception) -> Written:
        """Write the outcome alone, and remove what an earlier run may have left beside it."""
        report, bundle, outcome = self.places(name)
        with writing(outcome):
            for place in (report, bundle, *self._other_bundle(name)):
                place.unlink(missing_ok=True)
            replace_file(outcome, outcome_bytes(error), self.parts)
        return Written(str(outcome))

    def _other_bundle(self, name: str) -> list[Path]:
        """Answer where an earlier run may have left the Bundle in the other format."""
        other = OTHER_BUNDLE.get(self.bundle_ending)
        return [add_ending(self.base(name), other)] if other else []

    def places(self, name: str) -> tuple[Path, Path, Path]:
        """Answer where report, Bundle and outcome of an input go, in the order in which they are written."""
        base = self.base(name)
        return add_ending(base, REPORT), add_ending(base, self.bundle_ending), add_ending(base, OUTCOME)

    def digest(self, name: str) -> str | None:
        """Answer the digest of the files that an input has; None if one is missing."""
        try:
            return digest_of(place.read_bytes() for place in self.places(name))
        except OSError:
            return None


@dataclass(frozen=True)
class StreamSink:
    """Write the Bundle to a stream; for an input that failed, its OperationOutcome."""

    stream: BinaryIO

    def write(self, result: Result) -> Written:
        """Write the Bundle."""
        return self._put(result.content)

    def fail(self, name: str, error: Exception) -> Written:
        """Write the OperationOutcome."""
        return self._put(outcome_bytes(error))

    def _put(self, data: bytes) -> Written:
        self.stream.write(data)
        self.stream.flush()
        return Written("standard output")


@dataclass
class SingleSink:
    """Let one input pass to another sink; a file or stream that takes one Bundle cannot take the next."""

    sink: Sink
    taken: str | None = None

    def write(self, result: Result) -> Written:
        """Write the result of the only input."""
        self._take(result.name)
        return self.sink.write(result)

    def fail(self, name: str, error: Exception) -> Written:
        """Write the failure of the only input."""
        self._take(name)
        return self.sink.fail(name, error)

    def _take(self, name: str) -> None:
        self.taken = self.taken or name
        if self.taken != name:
            raise Sr2FhirError("the input holds several documents", hint="Name a folder with --out")


def folder_sink(folder: Path, parts: Path | None = None) -> FileSink:
    """Keep path and whole name of each input, so that no two inputs share a file: `a.dcm.bundle.json`."""
    return FileSink(partial(in_folder, folder), parts=parts)


def in_folder(folder: Path, name: str) -> Path:
    """Answer the path of an input below a folder."""
    return folder / safe_path(name)


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


def digest_of(contents: Iterable[bytes]) -> str:
    """Answer the digest of several contents, each with its size, so that they cannot run into each other."""
    from hashlib import sha256

    digest = sha256()
    for content in contents:
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


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
