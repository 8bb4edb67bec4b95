"""A content item as the logical model writes it: context, value, reference sets, children by value type."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import by_reference, uids
from sr2fhir.model.attributes import tag, template_identifier
from sr2fhir.model.effective_time import EffectiveTimes
from sr2fhir.model.environment import Environment
from sr2fhir.model.members import filled, traced
from sr2fhir.model.observed import Observed, is_group, may_be_observed
from sr2fhir.model.participants import Fallback
from sr2fhir.model.reference_sets import ReferenceSets
from sr2fhir.model.scope import Scope
from sr2fhir.model.tree import IMAGES, REGIONS, Item
from sr2fhir.model.values import LISTS

_CONTINUITY = tag("ContinuityOfContent")
_UNKNOWN_LIST = "unknown"
_LIST_ORDER = (*LISTS.values(), _UNKNOWN_LIST)


class ItemWriter:
    """Write the content tree.

    Parameters
    ----------
    env
        The document.
    effective
        Finds effective times.
    fallback
        Observers where the content tree states none.
    """

    def __init__(self, env: Environment, effective: EffectiveTimes, fallback: Fallback) -> None:
        self._env = env
        self._effective = effective
        self._fallback = fallback
        self._ids: dict[Item, str] = {}
        self._first_into: dict[tuple[Item | None, str | None, str, Item], Item] = {}

    def id_of(self, item: Item) -> str:
        """Return the id of an item."""
        made = self._ids.get(item)
        if made is None:
            made = self._ids[item] = self._env.ids.at(item.identifier, "item")
        return made

    def parties(self, item: Item) -> set[str]:
        """Return the ids of the persons and devices that observed an item."""
        scope = item.scope or Scope()
        return {*self._persons(scope), *self._devices(scope)}

    def tree(self, items: list[Item], sets: ReferenceSets, observed: Observed) -> JsonObject:
        """Return the root with all that is below it."""
        self._effective.settle([item for item in items if may_be_observed(item)])
        written = {item: self._own(item, sets, observed) for item in items}
        for item, body in written.items():
            body |= _lists(_visible_children(item), written)
        return written[items[0]]

    def _own(self, item: Item, sets: ReferenceSets, observed: Observed) -> JsonObject:
        """Return an item without its children."""
        in_context = may_be_observed(item)
        pointed = in_context and _has_source(item)
        observation_uid = item.observation_uid
        attributes = item.attributes
        return filled(
            {
                "id": self.id_of(item),
                "sourceId": self._env.ids.at(item.identifier, "source") if pointed else None,
                "position": item.position,
                "contentItemIdentifier": item.identifier if pointed else None,
                "relationship": item.relationship,
                "valueType": item.value_type,
                "concept": item.concept.as_json(item.position) if item.concept else None,
                "key": list(item.keys),
                "template": template_identifier(attributes),
                "continuity": attributes.text(_CONTINUITY),
                "observationUid": observation_uid,
                "observationIdentifier": _observation_identifier(item),
                "observationDateTime": item.observed,
                "resolved": item.resolved,
                "targetItem": self._target(item, observed),
                "context": self._context(item) if in_context else None,
                **item.value,
                "referenceSet": sets.of(item),
            }
        )

    def _target(self, item: Item, observed: Observed) -> JsonObject | None:
        if item.reference is None:
            return None
        if item.target is None:
            return self._nowhere(item.reference)
        made = item.target in observed
        group = _source_group(item, item.target)
        return filled(
            {
                "id": self.id_of(item.target),
                "position": item.target.position,
                "groupId": self.id_of(group) if group else None,
                "firstOfGroup": self._is_first(item, group) if group and made else None,
                "repeated": True if item.same_as else None,
                "observed": True if made else None,
                "observationIdentifier": _observation_identifier(item.target),
                "relationship": item.target.relationship,
            }
        )

    def _nowhere(self, reference: tuple[int, ...]) -> JsonObject:
        """Return what stands for the target of a reference that leads nowhere."""
        position = by_reference.written(reference)
        return {"id": self._env.ids.at(position.replace(".", "\\"), "item"), "position": position or "0"}

    def _is_first(self, item: Item, group: Item) -> bool:
        """Tell whether no sibling before the item refers so to a like Observation in the group."""
        said = (item.parent, item.relationship, item.value_type, group)
        return self._first_into.setdefault(said, item) is item

    def _context(self, item: Item) -> JsonObject:
        scope = item.scope or Scope()
        effective = self._effective.of(item)
        places = {
            "issued": scope.issued_from or "",
            "effective": effective.path if effective else "",
            "language": scope.language_from or "",
        }
        stated = traced(
            {
                "issued": scope.issued,
                "effective": effective.value if effective else None,
                "language": scope.language,
                "person": list(self._persons(scope)),
                "device": list(self._devices(scope)),
                "algorithm": list(scope.algorithms),
                "method": scope.method if item.value_type == "NUM" else None,
                "subject": list(scope.subjects),
                "study": scope.study,
                "request": scope.request,
                "findingSite": scope.finding_site,
            },
            places,
        )
        return stated or {"unstated": True}

    def _persons(self, scope: Scope) -> tuple[str, ...]:
        return scope.persons or self._fallback.persons

    def _devices(self, scope: Scope) -> tuple[str, ...]:
        return scope.devices or self._fallback.devices


def _has_source(item: Item) -> bool:
    """Tell whether a resource may point back to an item: not to a member of a group without its own UID."""
    inside = item.parent is not None and item.parent.is_group() and item.value_type != "CONTAINER"
    return not inside or item.observation_uid is not None


def _observation_identifier(item: Item) -> JsonObject | None:
    uid = item.observation_uid
    return uids.identifier(uid, item.position) if uid else None


def _source_group(item: Item, target: Item) -> Item | None:
    """Return the group of a target; none where it holds the item as well: no source of its own member."""
    group = _group(target)
    inside = group is not None and item.position.startswith(f"{group.position}.")
    return None if inside else group


def _group(item: Item) -> Item | None:
    """Return the nearest Measurement Group, the item itself included; None where it becomes no resource."""
    nearest: Item | None = item
    while nearest is not None and not nearest.is_group():
        nearest = nearest.parent
    return nearest if nearest is not None and is_group(nearest) else None


def _visible_children(item: Item) -> list[Item]:
    """Return the children; of a region reached by reference also the images on which the target lies."""
    if item.target is None or item.target.value_type not in REGIONS:
        return item.children
    return [*item.children, *(child for child in item.target.children if child.value_type in IMAGES)]


def _lists(children: list[Item], written: dict[Item, JsonObject]) -> JsonObject:
    found: dict[str, list[JsonObject]] = {}
    for child in children:
        found.setdefault(LISTS.get(child.value_type, _UNKNOWN_LIST), []).append(written[child])
    return {name: found[name] for name in _LIST_ORDER if name in found}
