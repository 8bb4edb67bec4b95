"""From a Bundle to what an expectation can be compared with: roles for ids, and no order where FHIR has none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from tests.scenarios.words import NO_ENTRY, PUT, Json

if TYPE_CHECKING:
    from sr2fhir import Result

    from tests.scenarios.words import Expected

# references and components are sets; everything else stays in order
UNORDERED = {"derivedFrom", "focus", "component"}
URN = "urn:uuid:"


def roles(entries: list[Json], expected: dict[str, Json]) -> dict[str, str]:
    """Return id to role: of each type, the resources that say most alike are paired, the first ones first."""
    made = {entry["resource"]["id"]: entry["resource"] for entry in entries}
    said = {place: statements(resource) for place, resource in made.items()}
    wanted = {role: statements(resource) for role, resource in expected.items()}
    pairs = [
        (-len(said[place] & wanted[role]), place, role)
        for place, resource in made.items()
        for role, one in expected.items()
        if one["resourceType"] == resource["resourceType"]
    ]
    found: dict[str, str] = {}
    for _, place, role in sorted(pairs, key=itemgetter(0)):
        if place not in found and role not in found.values():
            found[place] = role
    for place, resource in made.items():  # what nothing expects is called after its type
        found.setdefault(place, f"unexpected {resource['resourceType']} {place}")
    return found


def statements(node: Any, path: str = "") -> frozenset[str]:
    """Return each value in a resource with the path to it, but for ids and for where references lead."""
    if isinstance(node, dict):
        parts = [
            statements(value, f"{path}.{name}")
            for name, value in node.items()
            if name != "id" and not (name == "reference" and isinstance(value, str))
        ]
        return frozenset().union(*parts)
    if isinstance(node, list):
        return frozenset().union(*(statements(each, path) for each in node))
    return frozenset([f"{path} {node}"])


def canonical(node: Any, names: dict[str, str], element: str = "") -> Any:
    """Return a part of a resource with roles for ids, numbers with their text, and sets in one order."""
    if isinstance(node, dict):
        return {name: canonical(value, names, name) for name, value in node.items()}
    if isinstance(node, list):
        parts = [canonical(each, names) for each in node]
        return sorted(parts, key=dumps) if element in UNORDERED else parts
    if isinstance(node, (Decimal, float, int)) and not isinstance(node, bool):
        return f"number {node}"
    if isinstance(node, str) and element == "reference":
        return names.get(node.removeprefix(URN), node)
    return node


def dumps(node: Any) -> str:
    return json.dumps(node, sort_keys=True, ensure_ascii=False)


def resources(result: Result, expected: Expected) -> dict[str, Json]:
    """Return role to resource; each has the id that its full URL says."""
    entries = result.bundle["entry"]
    names = roles(entries, expected.document.resources)
    made = {}
    for entry in entries:
        resource = entry["resource"]
        assert entry["fullUrl"] == URN + resource["id"]
        without_id = {name: value for name, value in resource.items() if name != "id"}
        made[names[resource["id"]]] = canonical(without_id, names)
    return made


def wanted(expected: Expected) -> dict[str, Json]:
    """Return role to resource as they are to be in a collection."""
    return {role: canonical(one, {}) for role, one in expected.document.resources.items()}


def wanted_in_transaction(expected: Expected) -> dict[str, Json]:
    """Return role to resource as they are to be in a transaction (specification 1.2).

    Whom the server is to know itself has no entry, and references to it name type and identifier only.
    """
    without = {role for role, request in expected.requests.items() if request is NO_ENTRY}
    stated = expected.document.resources
    return {role: canonical(logical(one, without), {}) for role, one in stated.items() if role not in without}


def logical(node: Any, without: set[str]) -> Any:
    if isinstance(node, dict):
        kept = {name: logical(value, without) for name, value in node.items()}
        if isinstance(node.get("reference"), str) and node["reference"] in without:
            del kept["reference"]
        return kept
    return [logical(each, without) for each in node] if isinstance(node, list) else node


def requests(result: Result, expected: Expected) -> dict[str, str | None]:
    """Return role to request in the words of an expectation; NO_ENTRY for roles that have none."""
    names = roles(result.bundle["entry"], expected.document.resources)
    made: dict[str, str | None] = dict.fromkeys(expected.document.resources, NO_ENTRY)
    for entry in result.bundle["entry"]:
        resource, request = entry["resource"], entry["request"]
        kind = resource["resourceType"]
        if request == {"method": "PUT", "url": f"{kind}/{resource['id']}"}:
            made[names[resource["id"]]] = PUT
        else:
            assert request == {"method": "POST", "url": kind, "ifNoneExist": request["ifNoneExist"]}
            made[names[resource["id"]]] = request["ifNoneExist"]
    return made


def items(result: Result, expected: Expected) -> dict[str, tuple[str, set[str]]]:
    """Return the account of the content items in the words of an expectation."""
    names = roles(result.bundle["entry"], expected.document.resources)
    return {
        line.source: (
            line.reason or "?" if line.category == "UNM" else line.category,
            {element(each, names) for each in line.elements},
        )
        for line in result.report.items
    }


def element(path: str, names: dict[str, str]) -> str:
    """Return `role.element` of `Observation/<id>.element[0].part`."""
    place, _, name = path.partition(".")
    role = names[place.partition("/")[2]]
    return f"{role}.{re.split(r'[.[]', name)[0]}" if name else role


def references(node: Any) -> Iterator[str]:
    """Yield where the literal references of a resource lead."""
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
