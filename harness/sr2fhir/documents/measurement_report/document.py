"""From a Measurement Report (PS3.16 TID 1500) to the logical model: the story of a rendering, pass by pass.

Each pass takes what it needs and returns what it found; a content item does not change on the way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from sr2fhir.documents.measurement_report.context import EffectiveTimes, Sites, not_around_groups
from sr2fhir.documents.measurement_report.group_findings import group_findings
from sr2fhir.documents.measurement_report.items import Found, content, repeated, report_qualifiers
from sr2fhir.documents.measurement_report.reference_sets import ReferenceSets
from sr2fhir.documents.measurement_report.structure import (
    OBSERVATIONS,
    item_roles,
    members,
    report_places,
    roles,
    structure,
)
from sr2fhir.errors import IdentityError
from sr2fhir.findings import Finding, FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import header
from sr2fhir.model.attributes import Attributes, template_identifier
from sr2fhir.model.codes import table
from sr2fhir.model.context import Changes, Moment, Scope, Uses, language, scopes
from sr2fhir.model.datatypes import filled, traced
from sr2fhir.model.entities import Algorithms, Studies, Subjects
from sr2fhir.model.environment import Environment, RenderOptions, prepare
from sr2fhir.model.header import Header, HeaderTable
from sr2fhir.model.identifiers import Ids, sop_class_coding
from sr2fhir.model.parties import Parties, observers, participants
from sr2fhir.model.rendering import Rendering, header_records, item_records, not_held
from sr2fhir.model.requested import requested
from sr2fhir.model.times import is_instant
from sr2fhir.model.tree import Item, coded_json, walk
from sr2fhir.model.values import Values, read_values

if TYPE_CHECKING:
    from sr2fhir.model.rendering import DocumentType

RESOURCE_TYPE = "DicomSR"

HEADER = HeaderTable(table(__package__, "header.toml"))


def render(
    attributes: Attributes, document_type: DocumentType, options: RenderOptions, known: tuple[Finding, ...]
) -> Rendering:
    """Render a Measurement Report.

    Parameters
    ----------
    attributes
        Those of the document.
    document_type
        Which kind it is.
    options
        What the document leaves open.
    known
        Findings of the reader, to stand before those of the renderer.
    """
    log = FindingLog()
    env = prepare(attributes, options, log, roles())
    items = walk(attributes, env.codes, log)
    values = read_values(items, env)
    document, uses, observations, foreign = _document(env, items, values)
    findings = (*known, *log.frozen(), *attributes.noticed())
    return Rendering(
        document_type,
        document,
        findings,
        item_records(items, uses, dict.fromkeys(foreign, "different-subject")),
        header_records(attributes, findings, HEADER, uses.same, env.evidence.endpoints.paths),
        not_held(items, values, uses, observations),
    )


def _document(
    env: Environment, items: list[Item], values: Values
) -> tuple[JsonObject, Uses, Collection[Item], Collection[Item]]:
    """Return the document, what items were used for, and which become Observations or are left out."""
    head = header.read(env, HEADER)
    uses = Uses(same=dict(head.same) | {one.position: said.position for one, said in repeated(items).items()})
    parts = structure(items)
    findings = group_findings(items, members(parts), env.log)

    # what is stated for other items: it makes the context of each, and the entities that the context names
    parties = Parties(env.ids, head.equipment, uses)
    algorithms, sites = (
        Algorithms(env.ids, _unit(env, head), uses, env.log),
        Sites(env.ids, head.patient["id"], findings.value, uses, env.log),
    )
    subjects = Subjects(env.header, env.ids, head.patient["id"], uses, env.log)
    system = env.options.accession_system
    studies = Studies(env.ids, head.study, head.requests, env.evidence, uses, system)
    located = not_around_groups(parts, sites.state)
    aspects = {
        "observer": lambda _, children, __: observers(children, parties, env.log),
        "subject": subjects.state,
        "procedure": studies.state,
        "language": lambda _, children, __: _stated("language", language(children, uses, env.log)),
        "algorithm": algorithms.state,
        "finding-site": located,
        "finding": located,
        "tracking": located,
        "method": not_around_groups(parts, lambda _, children, __: _stated("method", _coded(children))),
    }
    scoped = scopes(items, values, Scope(issued=_issued(head)), aspects)
    fallback = participants(env.header, env.codes, parties, env.log)

    # what each item is; a number below a measurement is one itself where it has references or says more
    times = EffectiveTimes(env, items, values, parts, head.moments.get("started"))
    references = ReferenceSets(env, values, parts, studies.of_instances)
    of_items = item_roles(items, parts, uses.of, findings, references.are_of)
    foreign = of_another_patient(items, scoped)
    of_items = of_header_patient(of_items, foreign)
    report_places(parts, of_items, env.log)
    report_qualifiers(values, of_items, env.log)
    observations = dict.fromkeys(item for item, role in of_items.items() if role in OBSERVATIONS)
    effective = {item: moment for item in observations if (moment := times.of(item, scoped[item], uses))}
    sets = {item: references.of(item) for item in items}
    found = Found(values, scoped, uses, sets, of_items, findings, effective, fallback, foreign)
    performers = [
        each for item in observations for each in scoped[item].persons or fallback.persons
    ] or fallback.persons
    whole = requested(
        env,
        _issued(head),
        dict.fromkeys(performers),
        fallback.verifiers,
        has_observations=bool(observations),
    )
    tree = content(items, found, env.ids)
    document = {
        "resourceType": RESOURCE_TYPE,
        **_general(env, head),
        **whole,
        "patient": head.patient,
        "study": head.study,
        "otherStudy": studies.studies,
        "series": head.series,
        "equipment": head.equipment,
        "request": head.requests,
        "otherRequest": studies.requests,
        "evidence": env.evidence.as_json(),
        "endpoint": env.evidence.endpoints.as_json(),
        "person": [person.as_json() for person in parties.persons],
        "device": [device.as_json() for device in parties.devices],
        "algorithm": algorithms.as_json(),
        "findingSite": sites.as_json(scoped),
        "subject": subjects.as_json(),
        "content": tree,
    }
    parties.report(env.log)
    return filled(document), uses, observations, foreign


def of_another_patient(items: Iterable[Item], scoped: Mapping[Item, Scope]) -> frozenset[Item]:
    """Return the items that are about another patient than the header, or refer to one that is."""
    return frozenset(
        item for item in items if scoped[item].foreign or (item.target and scoped[item.target].foreign)
    )


def _is_section(item: Item, role: str) -> bool:
    """Tell whether an item only holds others, which may state the header's patient again."""
    return item.value_type == "CONTAINER" and role not in OBSERVATIONS


def of_header_patient(found: Mapping[Item, str], foreign: Collection[Item]) -> dict[Item, str]:
    """Return the roles without those of items about another patient (decision D35).

    Raises
    ------
    IdentityError
        Nothing else is observed.
    """
    sections = {item for item, role in found.items() if _is_section(item, role)}
    kept = {item: role for item, role in found.items() if item not in foreign or item in sections}
    left_out = [item for item, role in found.items() if role in OBSERVATIONS and item in foreign]
    if left_out and OBSERVATIONS.isdisjoint(kept.values()):
        raise IdentityError(
            "all results are about another patient than the header",
            where=left_out[0].position,
            hint="Check the document: header and content tree do not agree whose results these are",
        )
    return kept


def _unit(env: Environment, head: Header) -> str:
    """Return the id of the device that holds where the content tree names none.

    It is a participating device, else the equipment. Participants are read for their id alone: persons and
    devices of the content tree come before them.
    """
    ids = Ids(env.ids.document, env.ids.study)
    found = participants(env.header, env.codes, Parties(ids, head.equipment, Uses()), FindingLog())
    return next(iter(found.devices), str(head.equipment["id"]))


def _stated(name: str, value: object) -> Changes:
    return {name: value} if value else {}


def _coded(children: list[Item]) -> JsonObject | None:
    return next((value for child in children if (value := coded_json(child))), None)


def _issued(head: Header) -> Moment | None:
    """Return Content Date/Time, else Instance Creation Date/Time, where it has a time (decision D15)."""
    stated = (head.moments.get(name) for name in ("contentDateTime", "instanceCreationDateTime"))
    return next((moment for moment in stated if moment and is_instant(moment.value)), None)


def _general(env: Environment, head: Header) -> JsonObject:
    flags = head.document
    if flags.get("completionFlag") == "PARTIAL" and flags.get("verificationFlag") == "VERIFIED":
        message = "the document is verified although its completion flag says that it is partial"
        env.log.add("warning", "conflict", "VerificationFlag", message)
    general = {
        "form": env.options.form,
        "sopClass": {"id": "SOPClassUID", **sop_class_coding(env.sop_class_uid)},
        "sopInstanceUid": env.sop_instance_uid,
        "template": template_identifier(env.header),
    }
    return traced(general, {"sopInstanceUid": "SOPInstanceUID"}) | flags
