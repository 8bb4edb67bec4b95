"""What the content items of a Measurement Report are: the tables roles.toml and structure.toml, applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sr2fhir.model.codes import Roles, table
from sr2fhir.model.context import Use
from sr2fhir.model.tree import CONTAINS, Item

GROUP = "measurement-group"
MEASUREMENT = "measurement"
EVALUATION = "evaluation"
OBSERVATIONS = frozenset({GROUP, MEASUREMENT, "derived-measurement", EVALUATION})
"""Roles of the items that become Observations."""
MEASURED = OBSERVATIONS - {EVALUATION}
_FINDING = "finding"
_PARAMETER = "parameter"
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
    special = {GROUP: row["group"]} if "group" in row else {}
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


def item_roles(
    items: Iterable[Item],
    parts: Mapping[Item, Part],
    uses: Mapping[Item, Use],
    has_references: Callable[[Item], bool],
) -> dict[Item, str]:
    """Return the role of each item that has one.

    Parameters
    ----------
    parts
        Which parts of the template containers and numbers are.
    uses
        What was used for the context of other items, and is no evaluation therefore.
    has_references
        Tells whether a number has references of its own.
    """
    found: dict[Item, str] = {}
    findings: set[Item] = set()
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
    """Return the role of a container or number; one below a measurement may be one itself (row 3.8.11)."""
    if part.role != _PARAMETER:
        return part.role
    if item.parent is None or found.get(item.parent) not in OBSERVATIONS:
        return None
    return MEASUREMENT if item.observation_uid is not None or has_references(item) else _PARAMETER


def _contained(item: Item, around: Part | None, uses: Mapping[Item, Use], findings: set[Item]) -> str | None:
    """Return the role of an item by its concept, unless it is an evaluation where it stands."""
    role = roles().role(item.terms)
    if role == _FINDING and _is_first_finding(item, around, findings):
        return role
    may_be = item.relationship == CONTAINS and not item.by_reference and item not in uses and item.concept
    if around and may_be and item.value_type in around.evaluations and role not in around.never:
        return EVALUATION
    return role


def _is_first_finding(item: Item, around: Part | None, findings: set[Item]) -> bool:
    """Tell whether an item is the first coded Finding of a group, which is the group's value."""
    group = item.parent
    if (
        group is None
        or around is None
        or around.role != GROUP
        or item.value_type != "CODE"
        or group in findings
    ):
        return False
    findings.add(group)
    return True
