"""From a Key Object Selection (PS3.16 TID 2010) to the logical model: the story of a rendering, pass by pass.

Who selected, for which purpose and in which language is stated for the whole document; the references under
the root are what was selected.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from sr2fhir.documents.key_objects.image_library import NOTHING_SAID, image_library
from sr2fhir.documents.key_objects.institution import institution
from sr2fhir.documents.key_objects.selections import Selections, orders_of, selected
from sr2fhir.errors import IdentityError
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import header
from sr2fhir.model.codes import Roles, table
from sr2fhir.model.content import Found, content, context
from sr2fhir.model.context import Scope, Uses, language, scopes, stated
from sr2fhir.model.datatypes import filled
from sr2fhir.model.document import Passed, Renderer, general, issued, of_another_patient
from sr2fhir.model.entities import Studies, Subjects
from sr2fhir.model.environment import Environment
from sr2fhir.model.header import Header
from sr2fhir.model.parties import Fallback, Parties, observers, participants
from sr2fhir.model.tree import Item
from sr2fhir.model.values import Values

HEADER = header.table_of(__package__)
_MANIFEST = "manifest."  # titles of documents whose evidence lists all that is shared
_UNKNOWN_TITLE = "the title is none of those of a Key Object Selection (PS3.16 CID 7010): it is kept as it is"
_NO_TITLE = "the document has no title: nothing says what the objects were selected for"
_TITLE_HINT = "State a title of CID 7010 as the Concept Name of the root"
_NO_REPORT = "a Key Object Selection has no results: no DiagnosticReport is made of it"


@cache
def roles() -> Roles:
    """Return the table of roles."""
    return Roles(table(__package__, "roles.toml"))


def _passes(env: Environment, items: list[Item], values: Values) -> Passed:
    """Take what is stated of the whole document first, then what was selected."""
    head = header.read(env, HEADER)
    uses = Uses(same=dict(head.same))
    parties = Parties(env.ids, head.equipment, uses)
    subjects = Subjects(env.header, env.ids, head.patient["id"], uses, env.log)
    studies = Studies(env.ids, head.study, head.requests, env.evidence, uses)
    aspects = {
        "observer": lambda _, children, __: observers(children, parties, env.log),
        "subject": subjects.state,
        "language": lambda _, children, __: stated("language", language(children, uses, env.log)),
    }
    scoped = scopes(items, values, Scope(issued=issued(head)), aspects)
    fallback = participants(env.header, env.codes, parties, env.log)

    root = items[0]
    _report_title(root, env.log)
    if env.options.diagnostic_report:
        env.log.add("information", "no-target", root.position, _NO_REPORT)
    foreign = of_another_patient(items, scoped)
    chosen = [item for item in selected(root) if item not in foreign]
    if foreign and not chosen:
        raise _all_of_another_patient(selected(root), foreign)
    selections = Selections(env, values, studies, head.requests).of(root, chosen)
    found = Found(
        values,
        uses,
        {},
        {root: _context(scoped[root], fallback)},
        {root: selections},
        foreign=foreign,
    )
    is_manifest = any(term.startswith(_MANIFEST) for term in root.terms)
    owner = institution(env, head.equipment.get("institutionName")) if is_manifest else None
    library = image_library(root, env, uses) if is_manifest else NOTHING_SAID
    members = {
        **general(env, head),
        "patient": head.patient,
        **_studies(env, head, studies),
        "series": head.series,
        "equipment": head.equipment | filled({"owner": owner["id"] if owner else None}),
        "institution": owner,
        "request": head.requests,
        "manifest": is_manifest or None,
        "evidence": library.added_to(env.evidence.as_json(), env.study_uid),
        "endpoint": env.evidence.endpoints.as_json(),
        "person": [person.as_json() for person in parties.persons],
        "device": [device.as_json() for device in parties.devices],
        "subject": subjects.as_json(),
        "content": content(items, found, env.ids),
    }
    parties.report(env.log)
    return Passed(members, uses, {root}, foreign)


def _report_title(root: Item, log: FindingLog) -> None:
    """Report a title that is none of CID 7010."""
    if root.concept is None:
        log.add("warning", "unknown-title", root.position, _NO_TITLE, _TITLE_HINT)
    elif roles().role(root.terms) != "title":
        log.add("warning", "unknown-title", root.position, _UNKNOWN_TITLE, _TITLE_HINT, kept=True)


def _all_of_another_patient(references: list[Item], foreign: Collection[Item]) -> IdentityError:
    where = next((item for item in references if item in foreign), None)
    return IdentityError(
        "all that was selected is of another patient than the header",
        where=where.position if where else "1",
        hint="Check the document: header and content tree do not agree whose images these are",
    )


def _context(scope: Scope, fallback: Fallback) -> JsonObject:
    """Return the context of the selection, with each observer and the role that is stated of it."""
    observed = (
        ("person", scope.persons or fallback.persons),
        ("device", scope.devices or fallback.devices),
    )
    performers = [
        filled({"party": party, "kind": kind, "function": scope.functions.get(party)})
        for kind, parties in observed
        for party in parties
    ]
    return context(scope, fallback) | filled({"performer": performers})


def _studies(env: Environment, head: Header, studies: Studies) -> JsonObject:
    """Return the studies of document, evidence and orders, each with its orders."""
    for listed in env.evidence.as_json():
        if listed["kind"] == "current" and "studyUid" in listed:
            studies.of_instances(listed["studyUid"])
    for order in head.requests:
        for uid, place in zip(order.get("studyUid", ()), order.get("_studyUid", ()), strict=True):
            studies.named(uid, place["id"])
    own, *others = (
        filled({**study, "request": orders_of(head.requests, uid, env.study_uid)})
        for uid, study in ((env.study_uid, head.study), *studies.by_uid.items())
    )
    return {"study": own, "otherStudy": others}


render = Renderer(roles(), HEADER, _passes)
"""Render a Key Object Selection."""
