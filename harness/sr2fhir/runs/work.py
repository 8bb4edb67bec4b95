"""What a worker does with one input: read it, transform it, write what comes out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sr2fhir.errors import EngineUnavailableError, InputError, SetupError, Sr2FhirError
from sr2fhir.outcome import REPORT_IT, unexpected
from sr2fhir.packaging import Format, Packaging
from sr2fhir.runs.results import Done, FileResult, Written
from sr2fhir.transformer import Transformer

if TYPE_CHECKING:
    from sr2fhir.engines import Engine, EngineOptions
    from sr2fhir.model import RenderOptions
    from sr2fhir.result import Result
    from sr2fhir.runs.inputs import Input
    from sr2fhir.runs.writing import Sink

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """All that decides about results beside the inputs and the program; can be sent to another process.

    Parameters
    ----------
    engine, engine_options
        As in `sr2fhir.engines.make_engine`.
    options, packaging, keep_lineage, validate, format
        As in `sr2fhir.Transformer`.
    """

    engine: str | None
    engine_options: EngineOptions
    options: RenderOptions
    packaging: Packaging = field(default_factory=Packaging)
    keep_lineage: bool = False
    validate: bool = False
    format: Format = "json"

    def __post_init__(self) -> None:
        """Refuse what cannot go together, before any work is begun."""
        self.packaging.check_form(self.options.form)

    def transformer(self, engine: Engine) -> Transformer:
        """Make the transformer."""
        return Transformer(
            engine,
            options=self.options,
            packaging=self.packaging,
            keep_lineage=self.keep_lineage,
            validate=self.validate,
            format=self.format,
        )


@dataclass(frozen=True)
class Work:
    """Do the work on one input after the other.

    Parameters
    ----------
    transformer
        Transforms them.
    sink
        Takes what comes out.
    """

    transformer: Transformer
    sink: Sink

    def __call__(self, item: Input) -> Done:
        """Transform one input and write what comes out.

        Raises
        ------
        EngineUnavailableError, SetupError
            There is no engine to work with, which concerns the other inputs too.
        """
        digest = ""
        try:
            data = item.read(self.transformer.settings.limits)
            digest = digest_of(data)
            result = self.transformer.transform(data, name=item.name)
            written = self.sink.write(result)
            return Done(counted(result, written.where), digest, written)
        except (EngineUnavailableError, SetupError, BrokenPipeError):
            raise
        except Exception as error:
            log_stack(item.name, error)
            return failure(self.sink, item, error, digest)


@dataclass(frozen=True)
class MakeWork:
    """Make the work of a worker."""

    recipe: Recipe
    sink: Sink

    def __call__(self, engine: Engine) -> Work:
        """Make the work."""
        return Work(self.recipe.transformer(engine), self.sink)


def counted(result: Result, where: str | None) -> FileResult:
    """Count what one input became."""
    return FileResult(
        result.name,
        where,
        resources=sum(result.report.resources.values()),
        unmapped=len(result.report.unmapped),
        errors=result.counts["error"],
        warnings=result.counts["warning"],
        invalid=None if result.validation is None else result.validation_counts["error"],
    )


def failure(sink: Sink, item: Input, error: Exception, digest: str = "") -> Done:
    """Write the outcome of a failure; no place is told where even that cannot be written."""
    told = portable(error, item.name)
    try:
        written = sink.fail(item.name, told)
    except Sr2FhirError as second:
        log_stack(item.name, second)
        written = Written()
    return Done(FileResult(item.name, written.where, error=told), digest, written)


def lost(sink: Sink, item: Input, error: Sr2FhirError) -> Done:
    """Write the outcome of an input that its worker died of."""
    error.source = item.name
    return failure(sink, item, error, digest_of_input(item))


def digest_of_input(item: Input) -> str:
    """Answer the digest of an input's bytes as they are now; nothing if it cannot be read."""
    try:
        return digest_of(item.read())
    except InputError:
        return ""


def digest_of(data: bytes) -> str:
    """Answer the digest of an input's bytes."""
    from hashlib import sha256

    return sha256(data).hexdigest()


def portable(error: Exception, name: str | None = None) -> Sr2FhirError:
    """Make of any error one that says the same in another process.

    It lets go of the frames that it passed through, and with them of the input, which would otherwise stay in
    memory for as long as the error.
    """
    if not isinstance(error, Sr2FhirError):
        return Sr2FhirError(unexpected(error), source=name, hint=REPORT_IT)
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def log_stack(name: str, error: BaseException) -> None:
    """Log where an error came from, without its text, which may hold patient data."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    from traceback import extract_tb

    frames = "; ".join(
        f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in extract_tb(error.__traceback__)
    )
    logger.debug("%s: %s raised in %s", name, type(error).__name__, frames)
