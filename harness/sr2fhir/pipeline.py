"""From a Structured Report to a Bundle: `Settings`, all of it in `transform`, and the `Result`.

Python speaks DICOM: it reads a document and renders it as the logical model. The maps speak FHIR: an engine
makes a collection of R5 resources of it. Then the collection is held against the document, turned into
the version of FHIR that is wanted, held against it once more, and packaged as it is to travel.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pydicom

from sr2fhir import alerts, configuration, documents
from sr2fhir.accounting import Finished, Report, Steps, finish
from sr2fhir.accounting.checks import parse, resource_path
from sr2fhir.accounting.classify import source_of
from sr2fhir.alerts import Alert, Alerts, Rules
from sr2fhir.dicom import Limits, SourceDocument, read
from sr2fhir.dicom.source import UNNAMED, Source as Readable, name_of_source
from sr2fhir.documents import DocumentType
from sr2fhir.engines import TransformsTwice
from sr2fhir.errors import OutputError, Sr2FhirError, TemplateError, UsageError
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject, dumps
from sr2fhir.model import Rendering, RenderOptions
from sr2fhir.model.attributes import Attributes
from sr2fhir.outcome import finding_issue, listed, outcome, require
from sr2fhir.packaging import Format, Packaging
from sr2fhir.settings import CRITICAL_FINDING_MAP, R4, R5, Selections, Target
from sr2fhir.validation import ValidationIssue, validate

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Source = Readable | pydicom.Dataset | SourceDocument

_MOST_EXPRESSIONS = 3
"""Resources that an issue of the outcome names: what is wrong with the header is in all of them."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Choose what becomes of documents.

    Parameters
    ----------
    options
        Form, default time zone, coding schemes and issuers.
    limits
        How large and how deep an input may be.
    document_types
        Which kinds of documents are taken.
    target
        Version of FHIR.
    selections
        `none` to leave out ImagingSelections in a version that has no such type.
    packaging
        How Bundles are to travel.
    format
        `xml` to have each Bundle as XML besides.
    keep_lineage
        Leave the ids in the Bundle by which each element names the content item it came from.
    validate
        Have the HL7 validator check each Bundle against the profiles that it claims.
    alerts
        Rules of the site that say which findings are critical; each is flagged in the Bundle.

    Raises
    ------
    UsageError
        A transaction is asked for in the form `ig-literal`, XML without lxml (the extra `xml`), or no
        selections in a version of FHIR that has them.
    """

    options: RenderOptions = field(default_factory=RenderOptions)
    limits: Limits | None = None
    document_types: tuple[DocumentType, ...] = documents.TYPES
    target: Target = R5
    selections: Selections = "basic"
    packaging: Packaging = field(default_factory=Packaging)
    format: Format = "json"
    keep_lineage: bool = False
    validate: bool = False
    alerts: Rules | None = None

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> Settings:
        """Read a settings file (`sr2fhir.configuration`); limits of the environment come before the file.

        Raises
        ------
        UsageError
            It cannot be read, or a key or value is wrong; file, line and key are named.
        """
        parts = configuration.read(Path(file))
        limits = parts.get("limits")
        return cls(
            RenderOptions(**parts.get("options", {})),
            Limits.from_environment(os.environ, **limits) if limits else None,
            packaging=Packaging(**parts.get("packaging", {})),
            **parts.get("target", {}),
        )

    def __post_init__(self) -> None:
        """Refuse what cannot go together, or needs a part that is not installed."""
        self.packaging.check_form(self.options.form)
        self.steps()
        if self.target.only_of and self.packaging.bundle != "collection":
            raise UsageError(
                f"a document of {self.target.name} is one Bundle: it is sent as a whole, and no transaction",
                hint="Leave --bundle out",
            )
        if self.format == "xml":
            require("lxml")

    def steps(self) -> Target:
        """Return the version of FHIR with the step maps that are to lead there."""
        chosen = self.target if self.selections == "basic" else self.target.without_selections()
        if chosen is None:
            raise UsageError(
                f"{self.target.name}: selections can be left out of FHIR R4 alone",
                hint="Choose FHIR R4, or leave `selections` out",
            )
        return chosen


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
    entries
        Type and id of the resource of each entry: `Observation/<id>`.
    alerts
        What the rules of the site decided; None if there are none.
    """

    name: str
    json: bytes
    report: Report
    findings: tuple[Finding, ...]
    validation: tuple[ValidationIssue, ...] | None = None
    xml: bytes | None = None
    entries: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] | None = None

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
        made = self._made
        issues = [finding_issue(finding, made.get(source_of(finding), ())) for finding in self.findings]
        return outcome(issues + [issue.to_issue() for issue in self.validation or ()])

    @cached_property
    def _made(self) -> dict[str, list[str]]:
        """FHIRPath of the resources that came from what findings are about; of many the first."""
        sources = {source_of(finding) for finding in self.findings}
        places = {name: f"Bundle.entry[{number}].resource" for number, name in enumerate(self.entries)}
        found = {}
        for line in self.report.lines:
            if line.source in sources:
                names = dict.fromkeys(element.partition(".")[0] for element in line.elements)
                found[line.source] = [places[name] for name in names if name in places][:_MOST_EXPRESSIONS]
        return found

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
        members = ("severity", "code", "where", "message", "hint")
        findings = [
            {member: value for member in members if (value := getattr(finding, member))}
            for finding in self.findings
        ]
        decided = {} if self.alerts is None else {"alerts": [asdict(alert) for alert in self.alerts]}
        return {"source": self.name, **self.report.to_dict(), "findings": findings, **decided}

    @cached_property
    def report_json(self) -> bytes:
        """The report and the findings as UTF-8 JSON, indented."""
        return dumps(self.report_content, indent=True) + b"\n"

    @cached_property
    def outcome_json(self) -> bytes:
        """The OperationOutcome as UTF-8 JSON, indented."""
        return dumps(self.outcome, indent=True) + b"\n"


def transform(source: Source, engine: Engine, settings: Settings, name: str | None = None) -> Result:
    """Turn one Structured Report into a Bundle; `Transformer.transform` says what it takes and raises."""
    name = name or name_of(source)
    try:
        with stage("render", name):
            rendering = rendered(source, name, settings)
        check_kind(rendering, settings.target)
        with stage("engine", name):
            made, stepped = executed(rendering, engine, settings.steps())
        with stage("finish", name):
            finished, decided = accounted(made, rendering, engine, settings, stepped)
            packed, told = settings.packaging.package(finished.bundle)
            content = dumps(packed, indent=True) + b"\n"
            entries = tuple(resource_path(entry["resource"]) for entry in packed["entry"])
        report = finished.report
        if packed is not finished.bundle:
            report = report.sent(entry["resource"] for entry in packed["entry"])
        findings = (*finished.findings, *decided.findings, *told, *unmapped_findings(report))
        with stage("xml", name):
            xml = as_xml(content, engine, settings.target) if settings.format == "xml" else None
        flagged = decided.alerts if settings.alerts else None
        result = Result(name, content, report, findings, xml=xml, entries=entries, alerts=flagged)
        with stage("validate", name):
            if not settings.validate:
                return result
            return replace(result, validation=validated(result, engine, settings.target))
    except Sr2FhirError as error:
        error.source = error.source or name
        raise


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
        Form, default time zone, coding schemes and issuers.
    limits
        How large and how deep an input may be.

    Returns
    -------
    Rendering
        The logical-model document, findings, and a record of each content item and header attribute.

    Raises
    ------
    InputError
        The input is no document that is taken, or damaged.
    """
    return rendered(source, name, Settings(options or RenderOptions(), limits))


def rendered(source: Source, name: str | None, settings: Settings) -> Rendering:
    """Read what is not in memory yet, find out which type of document it is, and render it."""
    if isinstance(source, pydicom.Dataset):
        source = SourceDocument(source, UNNAMED, ())
    if not isinstance(source, SourceDocument):
        source = read(source, name=name, limits=settings.limits)
    header = Attributes(source.dataset)
    document_type = documents.type_of(header, settings.document_types)
    return document_type.render(header, document_type, settings.options, source.findings)


def check_kind(rendering: Rendering, target: Target) -> None:
    """Refuse a document of which no document of the target can be made.

    Raises
    ------
    TemplateError
        It is none of those, is about several studies or about no instance, or does not state its date.
    """
    if target.only_of is None:
        return
    evidence: list[JsonObject] = rendering.document.get("evidence", [])
    studies = {study.get("studyUid") for study in evidence if study["kind"] == "current"}
    hint = f"Leave --target {target.name} out, or choose --fhir {R4.name}"
    if not rendering.document.get(target.only_of):
        message = f"the document is no {target.only_of}: no document of {target.name} can be made of it"
        raise TemplateError(message, where="1", hint=hint)
    if len(studies) != 1:
        message = (
            f"the {target.only_of} lists {len(studies)} studies: a document of {target.name} is about one"
        )
        raise TemplateError(message, where="CurrentRequestedProcedureEvidenceSequence", hint=hint)
    root = rendering.document["content"]
    if not root.get("referenceSet"):
        message = f"the {target.only_of} refers to no instance: a document of {target.name} is about some"
        raise TemplateError(message, where="1", hint=hint)
    if "issued" not in root["context"]:
        message = f"the {target.only_of} does not state when it was made: a document of {target.name} has to"
        raise TemplateError(message, where="ContentDate", hint=f"State Content Date and Content Time. {hint}")


def executed(rendering: Rendering, engine: Engine, target: Target) -> tuple[bytes, bytes | None]:
    """Return the R5 Bundle, and what the step map made of it, where the engine does both in one go.

    Of a kind of document it does not: its map looks at all entries and puts them into an order of its own, so
    that they have to be the right ones beforehand.
    """
    document, entry_map = rendering.to_json(), rendering.document_type.entry_map
    if isinstance(engine, TransformsTwice) and len(target.step_maps) == 1 and target.only_of is None:
        return engine.transform_twice(document, entry_map, *target.step_maps)
    return engine.transform(document, entry_map), None


def accounted(
    made: bytes, rendering: Rendering, engine: Engine, settings: Settings, stepped: bytes | None = None
) -> tuple[Finished, Alerts]:
    """Check what an engine returned, in the version of FHIR that is wanted, and account for the document.

    A refusal names the engine.

    Parameters
    ----------
    stepped
        What `executed` returned besides.

    Returns
    -------
    tuple
        The collection, with what flags critical findings; and what the rules decided.
    """
    target = settings.steps()
    run = partial(in_version, engine=engine, target=target)
    steps = Steps(target, run, stepped) if target.step_maps else None
    flagging = Flagging(settings.alerts, engine)
    try:
        finished = finish(
            made, rendering, keep_lineage=settings.keep_lineage, steps=steps, further=flagging.entries
        )
    except OutputError as error:
        error.message = f"{engine.label()}: {error.message}"
        raise
    return finished, flagging.decided


@dataclass
class Flagging:
    """Flag the critical findings of one collection.

    Parameters
    ----------
    rules
        Of the site, if there are any.
    engine
        Executes the map.
    decided
        What the rules decided, once they were asked.
    """

    rules: Rules | None
    engine: Engine
    decided: Alerts = field(default_factory=Alerts)

    def entries(self, collection: JsonObject) -> list[JsonObject]:
        """Return the entries that flag what is critical in an R5 collection.

        Raises
        ------
        OutputError
            What the engine returned is not what the map makes of it.
        """
        if self.rules is None:
            return []
        self.decided = alerts.decide(self.rules, collection)
        for alert in self.decided.alerts:
            logger.info(
                "alert rule %s (%s) matches %s", alert.rule, alert.mode, ", ".join(alert.observations)
            )
        return [entry for document in self.decided.documents for entry in self._made(document)]

    def _made(self, document: JsonObject) -> list[JsonObject]:
        """Return the Flag and the CommunicationRequest of one critical finding."""
        made: list[JsonObject] = parse(self.engine.transform(dumps(document), CRITICAL_FINDING_MAP)).get(
            "entry", []
        )
        wanted = [document["flagId"], document["requestId"]]
        if [entry.get("resource", {}).get("id") for entry in made] != wanted:
            raise OutputError("the engine has not made Flag and CommunicationRequest of a critical finding")
        return made


def in_version(bundle: bytes, engine: Engine, target: Target) -> bytes:
    """Return an R5 Bundle in the version of FHIR that is wanted: the step maps lead there."""
    for step in target.step_maps:
        bundle = engine.transform(bundle, step)
    return bundle


def validated(result: Result, engine: Engine, target: Target) -> tuple[ValidationIssue, ...]:
    """Return what the HL7 validator finds in a Bundle."""
    return validate(engine, result.bundle, result.json, target=target)


def as_xml(bundle: bytes, engine: Engine, target: Target) -> bytes:
    """Return the Bundle as XML."""
    from sr2fhir.packaging.xml import to_xml  # noqa: PLC0415 - lxml is an extra

    return to_xml(engine, bundle, target)


def unmapped_findings(report: Report) -> tuple[Finding, ...]:
    """Sum up in one finding what reached no element; the report lists it."""
    if not report.unmapped:
        return ()
    items = sum(line.is_unmapped for line in report.items)
    lost = listed((items, "content item"), (len(report.unmapped) - items, "header attribute"))
    message = f"{lost} reached no element of the Bundle"
    return (Finding("information", "no-target", "1", message, "The report lists them under `unmapped`"),)


def name_of(source: Source) -> str:
    """Find a name for an input that came without."""
    if isinstance(source, SourceDocument):
        return source.name
    return UNNAMED if isinstance(source, pydicom.Dataset) else name_of_source(source)


@contextmanager
def stage(stage: str, name: str) -> Iterator[None]:
    """Log how long a stage of one input took."""
    started = perf_counter()
    yield
    logger.debug("%s: %s took %.1f ms", name, stage, (perf_counter() - started) * 1000)
