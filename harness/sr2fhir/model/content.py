"""Content items as the logical model writes them: role, context, value, reference sets, children."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Found:
    """What the passes found out about the items of a document.

    Parameters
    ----------
    values
        What items state of themselves.
    uses
        What was used for other items.
    roles
        What items are.
    contexts
        Observation context of what becomes a resource, as the logical model writes it.
    sets
        Reference sets.
    further
        Members that only items of this template have.
    targets
        Members that the targets of by-reference items have in this template only, by the referring item.
    foreign
        What is about another patient; a reference to it leads nowhere.
    """

    values: Values
    uses: Uses
    roles: Mapping[Item, str]
    contexts: Mapping[Item, JsonObject]
    sets: Mapping[Item, list[JsonObject]]
    further: Mapping[Item, JsonObject] = field(default_factory=dict)
    targets: Mapping[Item, JsonObject] = field(default_factory=dict)
    foreign: Collection[Item] = ()


def context(scope: Scope, fallback: Fallback, effective: Moment | None = None) -> JsonObject:
    """Return ``context`` of an item as the logical model writes it.

    Parameters
    ----------
    scope
        What holds for the item.
    fallback
        Observers where the content tree states none.
    effective
        When the observed state held.
    """
    moments = {"issued": scope.issued, "effective": effective, "language": scope.language}
    stated = traced(
        {
            **{name: moment.value for name, moment in moments.items() if moment},
            "person": list(scope.persons or fallback.persons),
            "device": list(scope.devices or fallback.devices),
            "algorithm": list(scope.algorithms),
            "method": scope.method,
            "subject": list(scope.subjects),
            "study": scope.study,
            "request": scope.request,
            "findingSite": scope.finding_site,
        },
        {name: moment.lineage for name, moment in moments.items() if moment},
    )
    return stated or {"unstated": True}


def observation_identifier(item: Item) -> JsonObject | None:
    """Return the Observation UID of an item as an Identifier."""
    uid = item.observation_uid
    return uid_identifier(uid, item.attribute("ObservationUID")) if uid else None


def content(items: list[Item], found: Found, ids: Ids) -> JsonObject:
    """Return the root with all that is below it."""
    made = {item: _own(item, found, ids) for item in items}
    for item, body in made.items():
        body |= _lists(_visible_children(item), made, found.foreign)
    return made[items[0]]


def _own(item: Item, found: Found, ids: Ids) -> JsonObject:
    """Return an item without its children."""
    attributes, use = item.attributes, found.uses.of.get(item)
    return filled(
        {
            "id": ids.item(item.identifier),
            "position": item.position,
            "relationship": item.relationship,
            "valueType": item.value_type,
            "role": found.roles.get(item),
            **found.further.get(item, {}),
            "concept": item.concept.as_json(item.position) if item.concept else None,
            "key": list(item.keys),
            "template": template_identifier(attributes),
            "continuity": attributes.text(_CONTINUITY),
            "observationUid": item.observation_uid,
            "observationIdentifier": observation_identifier(item),
            "observationDateTime": found.values.observed.get(item),
            "resolved": use.kind if use else None,
            "targetItem": _target(item, found, ids),
            "context": found.contexts.get(item),
            **found.values.of[item],
            "referenceSet": found.sets.get(item),
        }
    )


def _target(item: Item, found: Found, ids: Ids) -> JsonObject | None:
    if item.reference is None:
        return None
    if item.target is None or item in found.foreign:
        return _nowhere(item.reference, ids)
    return filled(
        {
            "id": ids.item(item.target.identifier),
            "position": item.target.position,
            "role": found.roles.get(item.target),
            **found.targets.get(item, {}),
            "repeated": True if item.position in found.uses.same else None,
            "observationIdentifier": observation_identifier(item.target),
            "relationship": item.target.relationship,
        }
    )


def _nowhere(reference: tuple[int, ...], ids: Ids) -> JsonObject:
    """Return what stands for the target of a reference that leads nowhere."""
    position = written(reference)
    return {"id": ids.item(position.replace(".", "\\")), "position": position or "0"}


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
