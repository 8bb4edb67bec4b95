"""What only content items of a Measurement Report have in the logical model, and what some of them repeat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
from sr2fhir.model.datatypes import filled
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.tree import IMAGES, REGIONS, Item
from sr2fhir.model.values import Values

_SELECTED = IMAGES | REGIONS | {"COMPOSITE"}


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


# ---- members of the logical model that only a Measurement Report has ---------------------------------------


def further(
    items: Iterable[Item], roles: Mapping[Item, str], findings: GroupFindings, ids: Ids
) -> dict[Item, JsonObject]:
    """Return of each item what points back to it, and what it says of a finding.

    Parameters
    ----------
    findings
        Which Findings are negated, and which items say whether a finding is there.
    """
    return {item: _further(item, roles, findings, ids) for item in items}


def _further(item: Item, roles: Mapping[Item, str], findings: GroupFindings, ids: Ids) -> JsonObject:
    observed = roles.get(item) in OBSERVATIONS
    pointed = observed and _has_source(item, roles)
    return filled(
        {
            "sourceId": ids.at(item.identifier, "source") if pointed else None,
            "contentItemIdentifier": item.identifier if pointed else None,
            "negated": True if observed and item in findings.negated else None,
            "presence": findings.presence.get(item),
        }
    )


def _has_source(item: Item, roles: Mapping[Item, str]) -> bool:
    """Tell whether a resource may point back to an item: not to a member of a group without a UID."""
    around = item.parent
    while around is not None and roles.get(around) == EVALUATIONS:
        around = around.parent
    inside = around is not None and is_group(around) and item.value_type != "CONTAINER"
    return not inside or item.observation_uid is not None


def groups_of_targets(items: Iterable[Item], roles: Mapping[Item, str], ids: Ids) -> dict[Item, JsonObject]:
    """Return the group of the target of each by-reference item, and whether it is the first to lead there."""
    first_into: dict[tuple[Item | None, str | None, str, Item], Item] = {}
    found: dict[Item, JsonObject] = {}
    for item in items:
        group = _source_group(item, item.target, roles) if item.target else None
        if item.target is None or group is None:
            continue
        found[item] = {"groupId": ids.item(group.identifier)}
        if roles.get(item.target) in MEASURED:
            said = (item.parent, item.relationship, item.value_type, group)
            found[item]["firstOfGroup"] = first_into.setdefault(said, item) is item
    return found


def _source_group(item: Item, target: Item, roles: Mapping[Item, str]) -> Item | None:
    """Return the group of a target; none where it holds the item as well: no source of its own member."""
    group: Item | None = target
    while group is not None and not is_group(group):
        group = group.parent
    if group is None or roles.get(group) != GROUP:
        return None
    return None if item.position.startswith(f"{group.position}.") else group
