"""Content items as the logical model writes them: role, context, value, reference sets, children."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sr2fhir.documents.measurement_report.group_findings import GroupFindings
from sr2fhir.documents.measurement_report.structure import (
    EVALUATIONS,
    GROUP,
    MEASURED,
    OBSERVATIONS,
    is_group,
)
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import tag, template_identifier
from sr2fhir.model.context import Moment, Scope, Uses
from sr2fhir.model.datatypes import filled, traced
from sr2fhir.model.identifiers import Ids, uid_identifier
from sr2fhir.model.parties import Fallback
from sr2fhir.model.tree import IMAGES, REGIONS, Item, written
from sr2fhir.model.values import LISTS, Values

_CONTINUITY = tag("ContinuityOfContent")
_UNKNOWN_LIST = "unknown"
_LIST_ORDER = (*LISTS.values(), _UNKNOWN_LIST)
_SELECTED = IMAGES | REGIONS | {"COMPOSITE"}


@dataclass(frozen=True)
class Found:
    """What the passes found out about the items of a document.

    Parameters
    ----------
    values
        What items state of themselves.
    scopes, uses
        Observation context, and what was used for it.
    sets
        Reference sets.
    roles
        What items are.
    findings
        Which Findings are negated, and which items say whether a finding is there.
    effective
        Effective times of what becomes an Observation.
    fallback
        Observers where the content tree states none.
    foreign
        What is about another patient; a reference to it leads nowhere.
    """

    values: Values
    scopes: Mapping[Item, Scope]
    uses: Uses
    sets: Mapping[Item, list[JsonObject]]
    roles: Mapping[Item, str]
    findings: GroupFindings
    effective: Mapping[Item, Moment]
    fallback: Fallback
    foreign: Collection[Item] = ()


def repeated(items: list[Item]) -> dict[Item, Item]:
    """Return what said the same before, for by-reference items (decision D31).

    Of several items beside each other that lead to one target by one relationship, those after the first
    say the same as it; so does a reference to an item that stands beside it with the same relationship, and
    to an image, region or group that stands there with any.
    """
    before: dict[tuple[Item | None, str | None, Item], Item] = {}
    found: dict[Item, Item] = {}
    for item in items:
        target = item.target
        if target:
            said = (item.parent, item.relationship, target)
            first = before.setdefault(said, target if _is_said_beside(item, target) else item)
            if first is not item:
                found[item] = first
    return found


def _is_said_beside(item: Item, target: Item) -> bool:
    """Tell whether a target stands beside a reference to it and says there what the reference says."""
    anyhow = target.value_type in _SELECTED or is_group(target)
    return target.parent is item.parent and (anyhow or target.relationship == item.relationship)


_QUALIFIER = "the qualifier of a number that is no observation of its own has no element"


def report_qualifiers(values: Values, roles: Mapping[Item, str], log: FindingLog) -> None:
    """Report the Numeric Value Qualifiers of numbers that become components or limits of a range."""
    for item, value in values.of.items():
        if "qualifier" in value and roles.get(item) not in OBSERVATIONS and not item.by_reference:
            log.add("information", "no-target", item.position, _QUALIFIER)


def content(items: list[Item], found: Found, ids: Ids) -> JsonObject:
    """Return the root with all that is below it."""
    writer = _Writer(found, ids)
    made = {item: writer.own(item) for item in items}
    for item, body in made.items():
        body |= _lists(_visible_children(item), made, found.foreign)
    return made[items[0]]


class _Writer:
    """Write items without their children."""

    def __init__(self, found: Found, ids: Ids) -> None:
        self._found = found
        self._ids = ids
        self._first_into: dict[tuple[Item | None, str | None, str, Item], Item] = {}

    def own(self, item: Item) -> JsonObject:
        """Return an item without its children."""
        found, attributes = self._found, item.attributes
        observed = found.roles.get(item) in OBSERVATIONS
        pointed = observed and self._has_source(item)
        use = found.uses.of.get(item)
        return filled(
            {
                "id": self._ids.item(item.identifier),
                "sourceId": self._ids.at(item.identifier, "source") if pointed else None,
                "position": item.position,
                "contentItemIdentifier": item.identifier if pointed else None,
                "relationship": item.relationship,
                "valueType": item.value_type,
                "role": found.roles.get(item),
                "negated": True if observed and item in found.findings.negated else None,
                "presence": found.findings.presence.get(item),
                "concept": item.concept.as_json(item.position) if item.concept else None,
                "key": list(item.keys),
                "template": template_identifier(attributes),
                "continuity": attributes.text(_CONTINUITY),
                "observationUid": item.observation_uid,
                "observationIdentifier": _observation_identifier(item),
                "observationDateTime": found.values.observed.get(item),
                "resolved": use.kind if use else None,
                "targetItem": self._target(item),
                "context": self._context(item) if observed else None,
                **found.values.of[item],
                "referenceSet": found.sets.get(item),
            }
        )

    def _target(self, item: Item) -> JsonObject | None:
        if item.reference is None:
            return None
        if item.target is None or item in self._found.foreign:
            return self._nowhere(item.reference)
        role = self._found.roles.get(item.target)
        group = self._source_group(item, item.target)
        return filled(
            {
                "id": self._ids.item(item.target.identifier),
                "position": item.target.position,
                "role": role,
                "groupId": self._ids.item(group.identifier) if group else None,
                "firstOfGroup": self._is_first(item, group) if group and role in MEASURED else None,
                "repeated": True if item.position in self._found.uses.same else None,
                "observationIdentifier": _observation_identifier(item.target),
                "relationship": item.target.relationship,
            }
        )

    def _nowhere(self, reference: tuple[int, ...]) -> JsonObject:
        """Return what stands for the target of a reference that leads nowhere."""
        position = written(reference)
        return {"id": self._ids.item(position.replace(".", "\\")), "position": position or "0"}

    def _is_first(self, item: Item, group: Item) -> bool:
        """Tell whether no sibling before the item refers so to a like Observation in the group."""
        said = (item.parent, item.relationship, item.value_type, group)
        return self._first_into.setdefault(said, item) is item

    def _source_group(self, item: Item, target: Item) -> Item | None:
        """Return the group of a target; none where it holds the item as well: no source of its own member."""
        group: Item | None = target
        while group is not None and not is_group(group):
            group = group.parent
        if group is None or self._found.roles.get(group) != GROUP:
            return None
        return None if item.position.startswith(f"{group.position}.") else group

    def _context(self, item: Item) -> JsonObject:
        scope, fallback = self._found.scopes[item], self._found.fallback
        moments = {
            "issued": scope.issued,
            "effective": self._found.effective.get(item),
            "language": scope.language,
        }
        stated = traced(
            {
                **{name: moment.value for name, moment in moments.items() if moment},
                "person": list(scope.persons or fallback.persons),
                "device": list(scope.devices or fallback.devices),
                "algorithm": list(scope.algorithms),
                "method": scope.method if item.value_type == "NUM" else None,
                "subject": list(scope.subjects),
                "study": scope.study,
                "request": scope.request,
                "findingSite": scope.finding_site,
            },
            {name: moment.lineage for name, moment in moments.items() if moment},
        )
        return stated or {"unstated": True}

    def _has_source(self, item: Item) -> bool:
        """Tell whether a resource may point back to an item: not to a member of a group without a UID."""
        around = item.parent
        while around is not None and self._found.roles.get(around) == EVALUATIONS:
            around = around.parent
        inside = around is not None and is_group(around) and item.value_type != "CONTAINER"
        return not inside or item.observation_uid is not None


def _observation_identifier(item: Item) -> JsonObject | None:
    uid = item.observation_uid
    return uid_identifier(uid, item.attribute("ObservationUID")) if uid else None


def _visible_children(item: Item) -> list[Item]:
    """Return the children; of a region reached by reference also the images on which the target lies."""
    if item.target is None or item.target.value_type not in REGIONS:
        return item.children
    return [*item.children, *(child for child in item.target.children if child.value_type in IMAGES)]


def _lists(children: list[Item], made: Mapping[Item, JsonObject], foreign: Collection[Item]) -> JsonObject:
    found: dict[str, list[JsonObject]] = {}
    for child in children:
        leads_nowhere = child.by_reference and child in foreign
        name = _UNKNOWN_LIST if leads_nowhere else LISTS.get(child.value_type, _UNKNOWN_LIST)
        found.setdefault(name, []).append(made[child])
    return {name: found[name] for name in _LIST_ORDER if name in found}
