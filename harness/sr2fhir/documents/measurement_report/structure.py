"""What the content items of a Measurement Report are: the tables roles.toml and structure.toml, applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sr2fhir.documents.measurement_report.group_findings import GroupFindings
from sr2fhir.findings import FindingLog
from sr2fhir.model.codes import Roles, table
from sr2fhir.model.context import Use
from sr2fhir.model.tree import CONTAINS, MODIFIES, PROPERTIES, Item

GROUP = "measurement-group"
MEASUREMENT = "measurement"
EVALUATION = "evaluation"
OBSERVATIONS = frozenset({GROUP, MEASUREMENT, "derived-measurement", EVALUATION})
"""Roles of the items that become Observations."""
MEASURED = OBSERVATIONS - {EVALUATION}
EVALUATIONS = "qualitative-evaluations"
_FINDING = "finding"
_PARAMETER = "parameter"
_QUALIFYING = frozenset({"finding-site", "algorithm"})
_DESCRIBES = frozenset({MODIFIES, PROPERTIES})
_CONTEXT = "context"
_DEVICE = frozenset({"observer.device-uid", "observer.device-name"})
_SECTION = "section."


@dataclass(frozen=True, slots=True)
class Part:
    """A row of structure.toml: what may stand in a container or number.

    Parameters
    ----------
    name
        Of the row.
    role
        Role of the container or number in the logical model.
    containers
        Term of the concept of a container in it → the name of its row.
    number, relationship
        Row of a number in it, and the relationship that it needs.
    evaluations, never
        Value types of the contained items that are evaluations, and roles of concepts that are none.
    """

    name: str
    role: str
    containers: Mapping[str, str]
    number: str | None
    relationship: str | None
    evaluations: frozenset[str]
    never: frozenset[str]


@cache
def roles() -> Roles:
    """Return the table of roles."""
    return Roles(table(__package__, "roles.toml"))


@cache
def _parts() -> dict[str, Part]:
    rows = table(__package__, "structure.toml")
    return {name: _row(name, _whole(row, rows)) for name, row in rows.items()}


def _whole(row: Mapping[str, Any], rows: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the lines of a row, and those of the row that it is like."""
    return {**_whole(rows[row["like"]], rows), **row} if "like" in row else row


def _row(name: str, row: Mapping[str, Any]) -> Part:
    special = row.get("special", {})
    return Part(
        name,
        row.get("role", name),
        {_SECTION + section: special.get(section, section) for section in row.get("containers", ())},
        row.get("number"),
        row.get("relationship"),
        frozenset(row.get("evaluations", ())),
        frozenset(row.get("never", ())),
    )


def is_group(item: Item) -> bool:
    """Tell whether an item is a Measurement Group of its own, wherever it stands."""
    return item.value_type == "CONTAINER" and item.means(_SECTION + GROUP) and not item.by_reference


# ---- containers and numbers --------------------------------------------------------------------------------


def structure(items: Iterable[Item]) -> dict[Item, Part]:
    """Return which part of the template each container and number is; parents come before children."""
    found: dict[Item, Part] = {}
    for item in items:
        name = _part(item, found.get(item.parent)) if item.parent else "report"
        if name:
            found[item] = _parts()[name]
    return found


def _part(item: Item, around: Part | None) -> str | None:
    if around is None or item.by_reference:
        return None
    if item.value_type == "CONTAINER":
        return next((around.containers[term] for term in item.terms if term in around.containers), None)
    if item.value_type == "NUM" and item.concept and around.relationship in (None, item.relationship):
        return around.number
    return None


# ---- roles -------------------------------------------------------------------------------------------------


def members(parts: Mapping[Item, Part]) -> dict[Item, list[Item]]:
    """Return what each Measurement Group contains, also within containers of evaluations in it."""
    found: dict[Item, list[Item]] = {item: [] for item, part in parts.items() if part.role == GROUP}
    for group, contained in found.items():
        holders = [group]
        for holder in holders:
            inside = [c for c in holder.children if c.relationship == CONTAINS and not c.by_reference]
            holders += [child for child in inside if child in parts and parts[child].role == EVALUATIONS]
            contained += inside
    return found


def item_roles(
    items: Iterable[Item],
    parts: Mapping[Item, Part],
    uses: Mapping[Item, Use],
    findings: GroupFindings,
    has_references: Callable[[Item], bool],
) -> dict[Item, str]:
    """Return the role of each item that has one.

    Parameters
    ----------
    parts
        Which parts of the template containers and numbers are.
    uses
        What was used for the context of other items, and is no evaluation therefore.
    findings
        Which Finding is the value of its group, and which are negated.
    has_references
        Tells whether a number has references of its own.
    """
    found: dict[Item, str] = {}
    for item in items:
        if item in parts:
            role = _structural(item, parts[item], found, has_references)
        else:
            role = _contained(item, parts.get(item.parent) if item.parent else None, uses, findings)
        if role:
            found[item] = role
    return found


def _structural(
    item: Item, part: Part, found: Mapping[Item, str], has_references: Callable[[Item], bool]
) -> str | None:
    """Return the role of a container or number; one below a measurement may be one itself (row 3.8.11).

    A component has a code and a value only. A number with a site, a modifier or a device, with an
    Observation UID or with references is a measurement. So is one with the concept of the measurement
    around it, such as a number of which that is the mean: no component may have the code of its
    Observation (invariant obs-7).
    """
    if part.role != _PARAMETER:
        return part.role
    if item.parent is None or found.get(item.parent) not in OBSERVATIONS:
        return None
    says_more = (
        item.observation_uid is not None or any(map(_qualifies, item.children)) or has_references(item)
    )
    is_like_it = not set(item.keys).isdisjoint(item.parent.keys)
    return MEASUREMENT if says_more or is_like_it else _PARAMETER


def _qualifies(child: Item) -> bool:
    """Tell whether a child is a site or device of a number, or modifies or describes it."""
    role = roles().role(child.terms)
    if role == _CONTEXT:
        return not _DEVICE.isdisjoint(child.terms)
    return role in _QUALIFYING or child.relationship in _DESCRIBES


def _contained(
    item: Item, around: Part | None, uses: Mapping[Item, Use], findings: GroupFindings
) -> str | None:
    """Return the role of an item by its concept, unless it is an evaluation where it stands.

    Of the Findings, the value of a group alone has the role of its concept. A negated one in a group is an
    evaluation in whatever relationship it stands: it must not be lost that something is absent.
    """
    role = roles().role(item.terms)
    if role == _FINDING:
        if item.parent and findings.value.get(item.parent) is item:
            return role
        role = None
    if around is None or item.by_reference or item in uses or not item.concept:
        return role
    is_contained = item.relationship == CONTAINS
    is_negated = item in findings.negated and around.role == GROUP
    may_be = (is_contained or is_negated) and item.value_type in around.evaluations
    return EVALUATION if may_be and role not in around.never else role


# ---- places ------------------------------------------------------------------------------------------------


_OUTSIDE = "the item stands directly under the root: it is taken as if Imaging Measurements contained it"
_UNKNOWN_CONTAINER = "Imaging Measurements has no such container: nothing in it is mapped"


def report_places(parts: Mapping[Item, Part], found: Mapping[Item, str], log: FindingLog) -> None:
    """Report observations directly under the root, and containers that no row takes (rows 3.5.05, 3.5.06)."""
    for holder, part in parts.items():
        for child in holder.children:
            if holder.parent is None and found.get(child) in (MEASUREMENT, EVALUATION):
                log.add("warning", "out-of-scope-place", child.position, _OUTSIDE)
            is_container = child.value_type == "CONTAINER" and not child.by_reference
            if part.role == "imaging-measurements" and is_container and child not in parts:
                log.add("information", "out-of-scope-container", child.position, _UNKNOWN_CONTAINER)
