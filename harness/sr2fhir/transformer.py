"""The public API: from a Structured Report to a Bundle, with its report and outcome.

Read, render, transform on an engine, finish. The engine starts in the background while the first input is
read: starting Java takes longer than reading most reports.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from sr2fhir.errors import OutputError, Sr2FhirError
from sr2fhir.memory import let_go
from sr2fhir.outcome import finding_issue, outcome

if TYPE_CHECKING:
    import pydicom

    from sr2fhir.accounting import Finished, Report
    from sr2fhir.dicom import Limits, SourceDocument
    from sr2fhir.dicom.source import Source as Readable
    from sr2fhir.engines.base import Engine, EngineOptions
    from sr2fhir.findings import Finding
    from sr2fhir.model import Rendering, RenderOptions
    from sr2fhir.validation import ValidationIssue

    Source = Readable | pydicom.Dataset | SourceDocument

ENGINE_VARIABLE = "SR2FHIR_ENGINE"
URL_VARIABLE = "SR2FHIR_ENGINE_URL"
DEFAULT_ENGINE = "embedded"
# what a server is taken for that is given by its URL alone
SERVER_ENGINE = "validator"

Format = Literal["json", "xml"]

T = TypeVar("T")
logger = logging.getLogger(__name__)


def render(
    source: Source,
    *,
    name: str | None = None,
    options: RenderOptions | None = None,
    limits: Limits | None = None,
) -> Rendering:
    """Render a Structured Report as the logical model; no engine is needed.

    Parameters
    ----------
    source
        Path of a file, its bytes or a binary stream (DICOM, PS3.10, or DICOM JSON, PS3.18 Annex F), a Dataset
        in memory, or what `read` returned.
    name
        What to call the input in messages; by default its path.
    options
        Form of the Bundle, default time zone, coding schemes and issuers.
    limits
        How large and how deep an input may be.

    Returns
    -------
    Rendering
        The logical-model document, findings, and a record of each content item and header attribute.

    Raises
    ------
    InputError
        The input is not a TID 1500 Measurement Report, or damaged.
    """
    from sr2fhir.model import RenderOptions
    from sr2fhir.model import render as render_dataset

    return render_dataset(load(source, name, limits), options=options or RenderOptions())


def load(source: Source, name: str | None, limits: Limits | None) -> pydicom.Dataset | SourceDocument:
    """Read what is not in memory yet."""
    import pydicom

    from sr2fhir.dicom import SourceDocument, read

    if isinstance(source, pydicom.Dataset | SourceDocument):
        return source
    return read(source, name=name, limits=limits)


def make_engine(name: str | None = None, options: EngineOptions | None = None) -> Engine:
    """Make an engine, which begins to start in the background.

    Parameters
    ----------
    name
        `embedded`, …; by default what SR2FHIR_ENGINE says, else `validator` for a URL, else `embedded`.
    options
        What the engine is asked for; without a URL the one of SR2FHIR_ENGINE_URL holds.

    Raises
    ------
    UsageError
        No engine has this name, or the URL is none.
    """
    from sr2fhir.engines import EngineOptions, engine_type
    from sr2fhir.paths import layout

    options = options or EngineOptions()
    url = options.url or os.environ.get(URL_VARIABLE) or None
    default = SERVER_ENGINE if url else DEFAULT_ENGINE
    made = engine_type(name or os.environ.get(ENGINE_VARIABLE) or default)
    if getattr(made, "needs_setup", False) and layout().is_installed:  # a checkout is set up by its Makefile
        from sr2fhir.toolchain import runner

        runner.run()
    return made(replace(options, url=url))


@dataclass(frozen=True)
class Result:
    """What one input became.

    Parameters
    ----------
    name
        What the input is called.
    json
        The Bundle as UTF-8 JSON, indented; numbers keep the text of DICOM. Byte-identical on repetition.
    report
        Which element came from which content item, and what reached none.
    findings
        What reading, rendering and accounting noticed.
    validation
        What the HL7 validator found; None if it was not asked.
    xml
        The same Bundle as UTF-8 XML, indented; None if it was not asked for.
    """

    name: str
    json: bytes
    report: Report
    findings: tuple[Finding, ...]
    validation: tuple[ValidationIssue, ...] | None = None
    xml: bytes | None = None

    @property
    def content(self) -> bytes:
        """The Bundle in the format that was asked for."""
        return self.json if self.xml is None else self.xml

    @cached_property
    def bundle(self) -> dict[str, Any]:
        """The Bundle as Python objects, its decimals as `decimal.Decimal`."""
        content: dict[str, Any] = json.loads(self.json, parse_float=Decimal)
        return content

    @cached_property
    def outcome(self) -> dict[str, Any]:
        """The findings as OperationOutcome."""
        issues = [finding_issue(finding) for finding in self.findings]
        return outcome(issues + [issue.to_issue() for issue in self.validation or ()])

    @cached_property
    def counts(self) -> Counter[str]:
        """How many findings there are of each severity, without those of the validator."""
        return Counter[str](finding.severity for finding in self.findings)

    @cached_property
    def validation_counts(self) -> Counter[str]:
        """How many findings of the validator there are of each severity."""
        return Counter[str](issue.severity for issue in self.validation or ())

    @property
    def ok(self) -> bool:
        """Whether nothing of severity error was found, not by the validator either."""
        return not (self.counts["error"] or self.validation_counts["error"])

    @cached_property
    def report_content(self) -> dict[str, Any]:
        """The report and the findings; no values but digests."""
        findings = [finding_entry(finding) for finding in self.findings]
        return {"source": self.name, **self.report.to_dict(), "findings": findings}

    @cached_property
    def report_json(self) -> bytes:
        """The report and the findings as UTF-8 JSON, indented."""
        from sr2fhir.jsontext import dumps

        return dumps(self.report_content, indent=True) + b"\n"

    @cached_property
    def outcome_json(self) -> bytes:
        """The OperationOutcome as UTF-8 JSON, indented."""
        from sr2fhir.jsontext import dumps

        return dumps(self.outcome, indent=True) + b"\n"


def finding_entry(finding: Finding) -> dict[str, str]:
    """Make the report's entry of a finding."""
    members = ("severity", "code", "where", "message", "hint")
    return {member: value for member in members if (value := getattr(finding, member))}


class Transformer:
    """Transform Structured Reports into Bundles, one engine for all; safe to use from several threads.

    Parameters
    ----------
    engine
        An engine or its name; by default what SR2FHIR_ENGINE says, else `embedded`.
    options
        Form of the Bundle, default time zone, coding schemes and issuers.
    limits
        How large and how deep an input may be.
    keep_lineage
        Leave the ids in the Bundle by which each element names the content item it came from.
    validate
        Have the HL7 validator check each Bundle against the profiles that it claims.
    format
        `xml` to have each Bundle as XML besides, in `Result.xml`.

    Examples
    --------
    >>> with Transformer() as transformer:  # doctest: +SKIP
    ...     result = transformer.transform("report.dcm")
    """

    def __init__(
        self,
        engine: str | Engine | None = None,
        *,
        options: RenderOptions | None = None,
        limits: Limits | None = None,
        keep_lineage: bool = False,
        validate: bool = False,
        format: Format = "json",
    ) -> None:
        self.options = options
        self.format = format
        self.limits = limits
        self.keep_lineage = keep_lineage
        self.validates = validate
        self._name = engine if isinstance(engine, str) else None
        self._engine = None if isinstance(engine, str) else engine
        self._owns = self._engine is None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Start the engine in the background."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the engine."""
        self.close()

    def start(self) -> Engine:
        """Start the engine in the background, if it has not been started, and answer it."""
        with self._lock:
            if self._engine is None:
                self._engine = make_engine(self._name)
            return self._engine

    def close(self) -> None:
        """Close the engine, unless it was handed in."""
        with self._lock:
            engine, self._engine = self._engine, None if self._owns else self._engine
        if engine is not None and self._owns:
            engine.close()

    def transform(self, source: Source, *, name: str | None = None) -> Result:
        """Transform one Structured Report.

        Parameters
        ----------
        source
            Path of a file, its bytes or a binary stream (DICOM, PS3.10, or DICOM JSON, PS3.18 Annex F), a
            Dataset in memory, or what `read` returned.
        name
            What to call the input in messages; by default its path.

        Raises
        ------
        InputError
            The input is not a TID 1500 Measurement Report, or damaged.
        TransformError
            A map failed on it.
        OutputError
            The engine returned something else than the Bundle of this document, or XML cannot hold it.
        EngineUnavailableError
            The engine cannot be had.
        """
        engine = self.start()
        name = name or name_of(source)
        try:
            return self._transform(source, name, engine)
        except Sr2FhirError as error:
            error.source = error.source or name
            raise

    __call__ = transform

    def _finish(self, answer: bytes, rendering: Rendering, engine: Engine) -> Finished:
        """Check and finish what an engine answered; an answer that is none is told with its engine."""
        from sr2fhir.accounting import finish

        try:
            return finish(answer, rendering, keep_lineage=self.keep_lineage)
        except OutputError as error:
            error.message = f"{engine.label()}: {error.message}"
            raise

    def _transform(self, source: Source, name: str, engine: Engine) -> Result:
        stages = Stopwatch(name)
        rendering = stages(
            "render", lambda: render(source, name=name, options=self.options, limits=self.limits)
        )
        let_go(len(rendering.items))
        answer = stages("engine", lambda: engine.transform(rendering.to_json()))
        finished = stages("finish", lambda: self._finish(answer, rendering, engine))
        findings = (*rendering.findings, *unmapped_findings(finished.report))
        result = Result(name, finished.bundle, finished.report, findings)
        if self.format == "xml":
            result = stages("xml", lambda: with_xml(result, engine))
        return stages("validate", lambda: validated(result, engine)) if self.validates else result


def with_xml(result: Result, engine: Engine) -> Result:
    """Add the Bundle as XML."""
    from sr2fhir.packaging.xml import to_xml

    return replace(result, xml=to_xml(engine, result.json))


def validated(result: Result, engine: Engine) -> Result:
    """Add what the validator says."""
    from sr2fhir.validation import validate

    return replace(result, validation=validate(engine, result.bundle, result.json))


def unmapped_findings(report: Report) -> tuple[Finding, ...]:
    """Sum up in one finding what reached no element; the report lists it."""
    from sr2fhir.findings import Finding
    from sr2fhir.wording import listed

    if not report.unmapped:
        return ()
    items = sum(line.is_unmapped for line in report.items)
    lost = listed((items, "content item"), (len(report.unmapped) - items, "header attribute"))
    message = f"{lost} reached no element of the Bundle"
    return (Finding("information", "no-target", "1", message, "The report lists them under `unmapped`"),)


def name_of(source: Source) -> str:
    """Find a name for an input that came without."""
    import pydicom

    from sr2fhir.dicom import SourceDocument
    from sr2fhir.dicom.source import UNNAMED, name_of_source

    if isinstance(source, SourceDocument):
        return source.name
    return UNNAMED if isinstance(source, pydicom.Dataset) else name_of_source(source)


@dataclass(frozen=True)
class Stopwatch:
    """Log how long the stages of one input take."""

    name: str

    def __call__(self, stage: str, work: Callable[[], T]) -> T:
        """Do the work of one stage."""
        started = perf_counter()
        done = work()
        logger.debug("%s: %s took %.1f ms", self.name, stage, (perf_counter() - started) * 1000)
        return done
