"""The whole document: header, parties, evidence, content tree, in the order of the logical model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sr2fhir import jsontext
from sr2fhir.findings import Finding, FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import (
    accounting,
    by_reference,
    header,
    leftovers,
    observed,
    participants,
    tree,
    uids,
    values,
)
from sr2fhir.model.accounting import HeaderRecord, ItemRecord, Usage
from sr2fhir.model.algorithms import Algorithms
from sr2fhir.model.attributes import Attributes, keyword_path, tag, template_identifier
from sr2fhir.model.datetimes import is_instant
from sr2fhir.model.effective_time import EffectiveTimes
from sr2fhir.model.environment import Environment, RenderOptions, prepare
from sr2fhir.model.evidence import Evidence
from sr2fhir.model.item_json import ItemWriter
from sr2fhir.model.members import filled, traced
from sr2fhir.model.observation_context import (
    Moment,
    ObservationContext,
    content_date_time,
    creation_date_time,
)
from sr2fhir.model.people import People
from sr2fhir.model.procedures import Procedures
from sr2fhir.model.reference_sets import ReferenceSets
from sr2fhir.model.sites import Sites
from sr2fhir.model.subjects import Subjects
from sr2fhir.model.tree import Item

if TYPE_CHECKING:
    from sr2fhir.documents import DocumentType

RESOURCE_TYPE = "DicomSR"

_FLAGS = {
    "completionFlag": tag("CompletionFlag"),
    "completionFlagDescription": tag("CompletionFlagDescription"),
    "verificationFlag": tag("VerificationFlag"),
    "preliminaryFlag": tag("PreliminaryFlag"),
}
_CREATION = ("InstanceCreationDate", "InstanceCreationTime")
_PLACES = {
    "sopInstanceUid": "SOPInstanceUID",
    "contentDateTime": "ContentDate",
    "instanceCreationDateTime": "InstanceCreationDate",
    **{name: keyword_path(number) for name, number in _FLAGS.items()},
}


@dataclass(frozen=True)
class Rendering:
    """A Structured Report as the logical model writes it, with the account of it.

    Parameters
    ----------
    document_type
        Which kind of document it is.
    document
        Members of the logical model; every number in it is a :class:`~sr2fhir.jsontext.NumberText` or an int.
    findings
        What was noticed, in the order in which it was.
    items, header
        Every content item and every attribute of the header.
    """

    document_type: DocumentType
    document: JsonObject
    findings: tuple[Finding, ...]
    items: tuple[ItemRecord, ...]
    header: tuple[HeaderRecord, ...]

    def to_json(self, *, indent: bool = False) -> bytes:
        """Return the document as UTF-8 JSON."""
        return jsontext.dumps(self.document, indent=indent)


@dataclass(frozen=True)
class _Header:
    """The parts of the header that content items are compared with."""

    patient: JsonObject
    study: JsonObject
    equipment: JsonObject
    requests: list[JsonObject]
    started: str | None
    content_date_time: str | None
    creation_date_time: str | None

    def issued(self) -> Moment | None:
        """Return Content Date/Time, else Instance Creation Date/Time, where it has a time (decision D15)."""
        moments = {"ContentDate": self.content_date_time, "InstanceCreationDate": self.creation_date_time}
        found = (Moment(value, path) for path, value in moments.items() if value and is_instant(value))
        return next(found, None)

    def used(self) -> tuple[str, ...]:
        """Return the attributes that only some documents need, where this one does."""
        issued = self.issued()
        return _CREATION if issued and issued.path in _CREATION else ()

    def same_as(self) -> dict[str, str]:
        """Return the place that speaks for the header's accession number: the item that adds its issuer."""
        accession = self.requests[0].get("accession", {}) if self.requests else {}
        place = accession.get("id", "AccessionNumber")
        return {} if place == "AccessionNumber" else {"AccessionNumber": place}


def render_dataset(
    attributes: Attributes, document_type: DocumentType, options: RenderOptions, known: tuple[Finding, ...]
) -> Rendering:
    """Render a Dataset.

    Parameters
    ----------
    attributes
        Those of a Structured Report.
    document_type
        Which kind it is.
    options
        What the document leaves open.
    known
        Findings of the reader, to stand before those of the renderer.

    """
    log = FindingLog()
    env = prepare(attributes, options, log)
    items = tree.walk(attributes, env.codes)
    by_reference.resolve(items, log)
    observed.place(items)
    values.read_values(items, env)
    document, usage, observing = _document(env, items)
    leftovers.report(items, observing, log)
    findings = (*known, *log.frozen())
    records = accounting.header_records(attributes, findings, usage)
    return Rendering(document_type, document, findings, accounting.item_records(items), records)


def _document(env: Environment, items: list[Item]) -> tuple[JsonObject, Usage, frozenset[Item]]:
    """Return the document, what it made of the header, and the items that become Observations."""
    head = _header(env)
    people = People(env.ids, header.identity(head.equipment, env.header))
    algorithms, sites = Algorithms(env.ids, env.log), Sites(env.ids, env.log)
    subjects = Subjects(env.header, env.ids, env.log)
    procedures = Procedures(env.ids, env.study_uid, head.requests, env.log)
    context = ObservationContext(env, people, algorithms, sites, subjects, procedures)
    context.assign(items, head.issued())
    fallback = participants.collect(env.header, env.codes, people)
    writer = ItemWriter(env, EffectiveTimes(env, items, head.started), fallback)
    sets = ReferenceSets(env, writer.id_of, _Studies(head.study, procedures, env.evidence).of)
    observing = observed.Observed(items, sets.are_of)
    people.mark_effective({party for item in observing.items for party in writer.parties(item)})
    content = writer.tree(items, sets, observing)
    document = {
        "resourceType": RESOURCE_TYPE,
        **_general(env, head),
        "patient": head.patient,
        "study": head.study,
        "otherStudy": procedures.studies,
        "series": header.series(env),
        "equipment": head.equipment,
        "request": head.requests,
        "otherRequest": procedures.requests,
        "evidence": env.evidence.as_json(),
        "person": [person.as_json() for person in people.persons],
        "device": [device.as_json() for device in people.devices],
        "algorithm": algorithms.as_json(),
        "findingSite": sites.as_json(),
        "subject": subjects.as_json(),
        "content": content,
    }
    people.report_names(env.log)
    usage = Usage(people.unused_paths(), head.used(), people.same_as() | head.same_as())
    return filled(document), usage, frozenset(observing.items)


def _header(env: Environment) -> _Header:
    started = header.study_started(env)
    return _Header(
        header.patient(env),
        header.study(env, started),
        header.equipment(env),
        header.requests(env),
        started,
        content_date_time(env),
        creation_date_time(env),
    )


def _general(env: Environment, head: _Header) -> JsonObject:
    flags = {name: env.header.text(number) for name, number in _FLAGS.items()}
    if flags["completionFlag"] == "PARTIAL" and flags["verificationFlag"] == "VERIFIED":
        message = "the document is verified although its completion flag says that it is partial"
        env.log.add("warning", "conflict", "VerificationFlag", message)
    general = {
        "form": env.options.form,
        "sopClass": {"id": "SOPClassUID", **uids.sop_class(env.sop_class_uid)},
        "sopInstanceUid": env.sop_instance_uid,
        "template": template_identifier(env.header),
        **flags,
        "contentDateTime": head.content_date_time,
        "instanceCreationDateTime": head.creation_date_time,
    }
    return traced(general, _PLACES)


class _Studies:
    """Name the study of a reference set: the header's, or one more of the document."""

    def __init__(self, own: JsonObject, procedures: Procedures, evidence: Evidence) -> None:
        self._own = own
        self._procedures = procedures
        self._evidence = evidence

    def of(self, uid: str) -> JsonObject:
        """Return ``referenceSet.study``."""
        own = self._own["identifier"]
        if own["value"] == uids.identifier(uid, "")["value"]:
            return filled({"id": self._own["id"], "uid": self._own.get("uid"), "identifier": own})
        study = self._procedures.study(uid, self._evidence.place_of(uid))
        return filled({"id": study["id"], "uid": study.get("uid"), "identifier": study["identifier"]})
