"""Many inputs in one run: worked on by several workers, reported in their order, summed up at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sr2fhir.batch.workers import ordered
from sr2fhir.errors import EngineUnavailableError, SetupError, Sr2FhirError

if TYPE_CHECKING:
    from sr2fhir.batch.writing import Sink
    from sr2fhir.inputs import Input, Skipped
    from sr2fhir.transformer import Result, Transformer

__all__ = ["FileResult", "Summary", "run"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileResult:
    """What became of one input, without its content.

    Parameters
    ----------
    where
        Where the Bundle is; for a failure, its OperationOutcome.
    resources, unmapped
        Resources made; content items and attributes that reached no element.
    errors, warnings
        Findings of these severities, without those of the validator.
    invalid
        Errors that the validator found; None if it was not asked.
    error
        Why there is no Bundle.
    """

    name: str
    where: str | None = None
    resources: int = 0
    unmapped: int = 0
    errors: int = 0
    warnings: int = 0
    invalid: int | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a Bundle and nothing of severity error was found."""
        return self.error is None and not self.errors and not self.invalid


@dataclass
class Summary:
    """Add up a run."""

    files: int = 0
    failed: int = 0
    resources: int = 0
    unmapped: int = 0
    errors: int = 0
    warnings: int = 0
    invalid: int = 0
    skipped: int = 0

    def skip(self, skipped: Skipped) -> None:
        """Count what was passed over."""
        logger.info("%s", skipped)
        self.skipped += 1

    def add(self, result: FileResult) -> None:
        """Add one result."""
        self.files += 1
        self.failed += result.error is not None
        for member in ("resources", "unmapped", "errors", "warnings"):
            setattr(self, member, getattr(self, member) + getattr(result, member))
        self.invalid += result.invalid or 0

    @property
    def ok(self) -> bool:
        """Whether no input failed and no finding is an error."""
        return not (self.failed or self.errors or self.invalid)


def run(
    items: Iterable[Input], transformer: Transformer, sink: Sink, *, jobs: int = 1
) -> Iterator[FileResult]:
    """Transform inputs and write what comes out; yield their results in the order of the inputs.

    An input that fails is a result too. Only what concerns the whole run is raised.

    Raises
    ------
    EngineUnavailableError, SetupError
        There is no engine to work with.
    """
    return ordered(lambda item: process(item, transformer, sink), items, jobs)


def process(item: Input, transformer: Transformer, sink: Sink) -> FileResult:
    """Transform one input and write what comes out."""
    try:
        result = transformer.transform(item.read(transformer.limits), name=item.name)
        return counted(item.name, result, sink.write(result))
    except (EngineUnavailableError, SetupError, BrokenPipeError):
        raise
    except Exception as error:
        log_stack(item.name, error)
        return FileResult(item.name, failure_place(sink, item.name, error), error=error)


def counted(name: str, result: Result, where: str) -> FileResult:
    """Count what one input became."""
    return FileResult(
        name,
        where,
        resources=sum(result.report.resources.values()),
        unmapped=len(result.report.unmapped),
        errors=result.counts["error"],
        warnings=result.counts["warning"],
        invalid=None if result.validation is None else result.validation_counts["error"],
    )


def failure_place(sink: Sink, name: str, error: Exception) -> str | None:
    """Write the outcome of a failure; None where even that cannot be written."""
    try:
        return sink.fail(name, error)
    except Sr2FhirError as second:
        log_stack(name, second)
        return None


def log_stack(name: str, error: BaseException) -> None:
    """Log where an error came from, without its text, which may hold patient data."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    from traceback import extract_tb

    frames = "; ".join(
        f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in extract_tb(error.__traceback__)
    )
    logger.debug("%s: %s raised in %s", name, type(error).__name__, frames)
