"""What decides about results, and what is done with one input: read, transform, write."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from traceback import extract_tb
from typing import NamedTuple

import sr2fhir
from sr2fhir.dicom.source import in_force
from sr2fhir.engines import Engine, EngineOptions
from sr2fhir.errors import EngineUnavailableError, InputError, SetupError, Sr2FhirError
from sr2fhir.paths import Layout, layout
from sr2fhir.pipeline import Result, Settings, transform
from sr2fhir.runs import Done, FileResult, Written, digest_of, without_frames
from sr2fhir.runs.inputs import Input
from sr2fhir.runs.sinks import Sink
from sr2fhir.settings import ENGINE_VARIABLE, URL_VARIABLE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSettings:
    """All that decides about results beside the inputs and the program; can be sent to another process.

    Parameters
    ----------
    engine, engine_options
        As in `sr2fhir.toolchain.make_engine`.
    pipeline
        What becomes of each document.
    ndjson
        Whether many inputs share the files of their results.
    """

    engine: str | None
    engine_options: EngineOptions
    pipeline: Settings
    ndjson: bool = False

    def digest(self, places: Layout | None = None) -> str:
        """Return a digest of the settings, the limits, the version of the program, and the compiled maps.

        Where one of them has changed, results of an interrupted run are not kept.
        """
        # how long an engine may take decides whether there is a result, not what it is
        engine_options = replace(self.engine_options, timeout_s=0, settings={})
        # types of documents have functions, which print another address in each process
        pipeline = replace(self.pipeline, limits=in_force(self.pipeline.limits), document_types=())
        types = [each.entry_map for each in self.pipeline.document_types]
        environment = [os.environ.get(name) for name in (ENGINE_VARIABLE, URL_VARIABLE)]
        settings = replace(self, engine_options=engine_options, pipeline=pipeline)
        digest = sha256(repr((settings, types, environment, sr2fhir.__version__)).encode(errors="replace"))
        for file in sorted((places or layout()).compiled_maps.rglob("*.json")):
            digest.update(sha256(file.read_bytes()).digest())
        return digest.hexdigest()


class Task(NamedTuple):
    """An input, and the number of its job; 0 where there is no table of jobs."""

    item: Input
    job: int = 0


Step = Callable[[bytes, Engine, Settings, str], Result]
"""What is done with the bytes of one input, which has a name."""


def make_work(
    settings: Settings, sink: Sink, engine: Engine, step: Step = transform
) -> Callable[[Task], Done]:
    """Make the function that does the work of a process."""
    return partial(work_on, settings, sink, engine, step)


def work_on(settings: Settings, sink: Sink, engine: Engine, step: Step, task: Task) -> Done:
    """Do one input and write what comes out.

    Raises
    ------
    EngineUnavailableError, SetupError
        There is no engine to work with, which concerns the other inputs too.
    """
    digest, item = "", task.item
    try:
        data = item.read(settings.limits)
        digest = digest_of(data)
        result = step(data, engine, settings, item.name)
        written = sink.write(result)
        return Done(counted(result, written.where), digest, written, task.job)
    except (EngineUnavailableError, SetupError, BrokenPipeError):
        raise
    except Exception as error:
        log_stack(item.name, error)
        return failure(sink, task, error, digest)


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


def failure(sink: Sink, task: Task, error: Exception, digest: str = "") -> Done:
    """Write the outcome of a failure; without a path where even that cannot be written."""
    name = task.item.name
    kept = without_frames(error, name)
    try:
        written = sink.fail(name, kept)
    except Sr2FhirError as second:
        log_stack(name, second)
        written = Written()
    return Done(FileResult(name, written.where, error=kept), digest, written, task.job)


def lost(sink: Sink, task: Task, error: Sr2FhirError) -> Done:
    """Write the outcome of an input that its workers died of."""
    error.source = task.item.name
    return failure(sink, task, error, digest_of_input(task.item))


def digest_of_input(item: Input) -> str:
    """Return the digest of an input's bytes as they are now; nothing if it cannot be read."""
    try:
        return digest_of(item.read())
    except InputError:
        return ""


def log_stack(name: str, error: BaseException) -> None:
    """Log where an error came from, without its text, which may hold patient data."""
    if logger.isEnabledFor(logging.DEBUG):
        frames = extract_tb(error.__traceback__)
        passed = "; ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames)
        logger.debug("%s: %s raised in %s", name, type(error).__name__, passed)
