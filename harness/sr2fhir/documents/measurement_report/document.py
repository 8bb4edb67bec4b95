"""From a Measurement Report (PS3.16 TID 1500) to the logical model: the story of a rendering, pass by pass.

Each pass takes what it needs and returns what it found; a content item does not change on the way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sr2fhir.documents.measurement_report.context import EffectiveTimes, Sites, not_around_groups
from sr2fhir.documents.measurement_report.group_findings import group_findings
from sr2fhir.documents.measurement_report.items import (
    further,
    groups_of_targets,
    repeated,
    report_qualifiers,
)
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
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import header
from sr2fhir.model.content import Found, content, context
from sr2fhir.model.context import Moment, Scope, Uses, language, scopes, stated
from sr2fhir.model.document import Passed, Renderer, general, issued, of_another_patient
from sr2fhir.model.entities import Algorithms, Studies, Subjects
from sr2fhir.model.environment import Environment
from sr2fhir.model.header import Header
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.parties import Fallback, Parties, observers, participants
from sr2fhir.model.requested import requested
from sr2fhir.model.tree import Item, coded_json
from sr2fhir.model.values import Values

HEADER = header.table_of(__package__)


def _passes(env: Environment, items: list[Item], values: Values) -> Passed:
    """Take what is stated of other items first, then what each item is, then the whole."""
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
        "language": lambda _, children, __: stated("language", language(children, uses, env.log)),
        "algorithm": algorithms.state,
        "finding-site": located,
        "finding": located,
        "tracking": located,
        "method": not_around_groups(parts, lambda _, children, __: stated("method", _coded(children))),
    }
    scoped = scopes(items, values, Scope(issued=issued(head)), aspects)
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
    found = Found(
        values,
        uses,
        of_items,
        {item: _context(item, scoped[item], fallback, effective.get(item)) for item in observations},
        sets,
        further(items, of_items, findings, env.ids),
        groups_of_targets(items, of_items, env.ids),
        foreign,
    )
    performers = [
        each for item in observations for each in scoped[item].persons or fallback.persons
    ] or fallback.persons
    whole = requested(
        env,
        issued(head),
        dict.fromkeys(performers),
        fallback.verifiers,
        has_observations=bool(observations),
    )
    tree = content(items, found, env.ids)
    document = {
        **general(env, head),
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
    return Passed(document, uses, observations, foreign)


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

    It is a participating device, else the equipment. Participants are read here for their id alone, since an
    algorithm states its parent. They are collected after the content tree, whose persons and devices come
    first: that decides their order, and which one is said to repeat the other.
    """
    ids = Ids(env.ids.document, env.ids.study, env.ids.documents)
    found = participants(env.header, env.codes, Parties(ids, head.equipment, Uses()), FindingLog())
    return next(iter(found.devices), str(head.equipment["id"]))


def _context(item: Item, scope: Scope, fallback: Fallback, effective: Moment | None) -> JsonObject:
    """Return the context of an Observation; only a number has a method."""
    without = item.value_type != "NUM" and scope.method
    return context(replace(scope, method=None) if without else scope, fallback, effective)


def _coded(children: list[Item]) -> JsonObject | None:
    return next((value for child in children if (value := coded_json(child))), None)


render = Renderer(roles(), HEADER, _passes)
"""Render a Measurement Report."""
