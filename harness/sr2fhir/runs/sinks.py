"""Where results go: three files for each input, or the Bundle alone in a stream (`ndjson` writes otherwise).

Files are written beside their place and then moved there, so none is ever half there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from sr2fhir.errors import Sr2FhirError
from sr2fhir.files import replace_file, sha256
from sr2fhir.jsontext import dumps
from sr2fhir.outcome import from_error
from sr2fhir.runs import Written, digest_of

if TYPE_CHECKING:
    from sr2fhir.pipeline import Result
    from sr2fhir.runs import Summary
    from sr2fhir.runs.jobs import Jobs

# Within a folder of results: what a run needs that is not at its end.
WORK_FOLDER = ".sr2fhir"
UNNAMED = "input"
BUNDLE, REPORT, OUTCOME = ".bundle.json", ".report.json", ".outcome.json"
OTHER_BUNDLE = {BUNDLE: ".bundle.xml", ".bundle.xml": BUNDLE}
# of what many inputs share (`ndjson`); reports are not FHIR, so what loads all .ndjson files passes them over
LINES, REPORTS = ".ndjson", "reports.jsonl"
# of all files that are written, so that none is taken for an input
RESULT_ENDINGS = (*OTHER_BUNDLE, REPORT, OUTCOME, LINES, REPORTS)


class Sink(Protocol):
    """Take results and failures, in whatever process they come about."""

    def write(self, result: Result) -> Written:
        """Write what came of an input, or return the lines that are to be written at the end."""
        ...

    def fail(self, name: str, error: Exception) -> Written:
        """Do so with the OperationOutcome of an input that failed."""
        ...


class SharedSink(Sink, Protocol):
    """Take the results of many inputs. What follows is called in one process only."""

    def keep(self, written: Written) -> Written:
        """Keep the lines that a worker returned, if any, before the job is recorded as done."""
        return written

    def holds(self, name: str, digests: dict[str, str]) -> bool:
        """Tell whether what was written of an input is still there, byte for byte."""
        ...

    def finish(self, jobs: Jobs, summary: Summary) -> None:
        """Do what is to be done after the last input, and tell the summary what inputs had in common."""
        return

    def close(self) -> None:
        """Close files."""
        return


@dataclass(frozen=True)
class FileSink(SharedSink):
    """Write three files for each input: report, Bundle, and the outcome last.

    Parameters
    ----------
    target
        Folder of the results, in which each input keeps its path and whole name, so that no two inputs share
        a file: `a.dcm.bundle.json`. Or, for one input, the file of its Bundle.
    bundle_ending
        Ending of the Bundle's file.
    parts
        Folder where files are written before they are moved to their place; by default that of the place.
        Where one is given, the digests of what was written are returned.
    is_file
        Whether the target is a file.
    """

    target: Path
    bundle_ending: str = BUNDLE
    parts: Path | None = None
    is_file: bool = False

    def base(self, name: str) -> Path:
        """Return the path to which the endings of the three files are added; a Bundle keeps its name."""
        return self.target.with_suffix("") if self.is_file else self.target / safe_path(own_name(name))

    def write(self, result: Result) -> Written:
        """Write report, Bundle and outcome."""
        contents = (result.report_json, result.content, result.outcome_json)
        files = dict(zip(self.files(result.name), contents, strict=True))
        _, bundle, _ = files
        with writing(bundle):
            for file, content in files.items():
                replace_file(file, content, self.parts)
            for file in self._other_bundle(result.name):
                file.unlink(missing_ok=True)
        return Written(str(bundle), self._digests(files))

    def fail(self, name: str, error: Exception) -> Written:
        """Write the outcome alone, and remove what an earlier run may have left beside it."""
        report, bundle, outcome = self.files(name)
        content = outcome_bytes(error)
        with writing(outcome):
            for file in (report, bundle, *self._other_bundle(name)):
                file.unlink(missing_ok=True)
            replace_file(outcome, content, self.parts)
        return Written(str(outcome), self._digests({outcome: content}))

    def _digests(self, files: dict[Path, bytes]) -> dict[str, str]:
        return {file.name: digest_of(content) for file, content in files.items()} if self.parts else {}

    def _other_bundle(self, name: str) -> list[Path]:
        """Return where an earlier run may have left the Bundle in the other format."""
        other = OTHER_BUNDLE.get(self.bundle_ending)
        return [Path(f"{self.base(name)}{other}")] if other else []

    def files(self, name: str) -> tuple[Path, Path, Path]:
        """Return where report, Bundle and outcome of an input go, in the order in which they are written."""
        base = self.base(name)
        return Path(f"{base}{REPORT}"), Path(f"{base}{self.bundle_ending}"), Path(f"{base}{OUTCOME}")

    def holds(self, name: str, digests: dict[str, str]) -> bool:
        """Tell whether the files of an input are still what was written."""
        folder = self.base(name).parent
        try:
            return all(sha256(folder / file) == digest for file, digest in digests.items())
        except OSError:
            return False


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


def safe_path(name: str) -> Path:
    """Turn an input's name into a relative path that cannot lead out of the output folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return Path(*("_" if part == ".." else part.replace(":", "_") for part in parts or [UNNAMED]))


def own_name(name: str) -> str:
    """Return the name of an input without the ending that its Bundle gets; never nothing."""
    stem = name.removesuffix(BUNDLE)
    return name if stem.endswith("/") or not stem else stem


def outcome_bytes(error: Exception) -> bytes:
    """Make the OperationOutcome of a failure."""
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
