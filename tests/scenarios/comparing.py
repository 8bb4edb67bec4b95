"""From a Bundle to what an expectation can be compared with: roles for ids, and no order where FHIR has none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.scenarios.words import NO_ENTRY, PUT, Json

if TYPE_CHECKING:
    from sr2fhir import Result

    from tests.scenarios.words import Expected

# references and components are sets; everything else stays in order
UNORDERED = {"derivedFrom", "focus", "component"}
URN = "urn:uuid:"


def roles(entries: list[Json], expected: dict[str, Json]) -> dict[str, str]:
    """Return id to role: resources are paired that say the same but for their references, then in their order."""
    found: dict[str, str] = {}
    for kind in {resource["resourceType"] for resource in expected.values()}:
        made = [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == kind]
        open_roles = {role: one for role, one in expected.items() if one["resourceType"] == kind}
        left = []
        for resource in made:
            said = key(resource)
            role = next((role for role, one in open_roles.items() if key(one) == said), None)
            if role is None:
                left.append(resource)
            else:
                found[resource["id"]] = role
                del open_roles[role]
        found.update((resource["id"], role) for resource, role in zip(left, open_roles, strict=False))
    for entry in entries:  # what nothing expects is called after its type
        found.setdefault(entry["resource"]["id"], f"unexpected {entry['resource']['resourceType']}")
    return found


def key(resource: Json) -> str:
    """Return what a resource says, without its id and without where its references lead."""
    return dumps(canonical({name: value for name, value in resource.items() if name != "id"}, None))


def canonical(node: Any, names: dict[str, str] | None, element: str = "") -> Any:
    """Return a part of a resource with roles for ids, numbers with their text, and sets in one order.

    Without names, references lead nowhere: they are left out.
    """
    if isinstance(node, dict):
        kept = {name: value for name, value in node.items() if names is not None or name != "reference"}
        if names is None and "reference" in node and isinstance(node["reference"], dict):
            kept["reference"] = node["reference"]  # CodeableReference.reference
        return {name: canonical(value, names, name) for name, value in kept.items()}
    if isinstance(node, list):
        parts = [canonical(each, names) for each in node]
        return sorted(parts, key=dumps) if element in UNORDERED else parts
    if isinstance(node, (Decimal, float, int)) and not isinstance(node, bool):
        return f"number {node}"
    if isinstance(node, str) and element == "reference" and names is not None:
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

    Whom the server is to know itself has no entry, and references to it name type and identifier only. The study
    carries what it must have, and nothing that the archive knows better.
    """
    without = {role for role, request in expected.requests.items() if request is NO_ENTRY}
    study = expected.document.resources["study"]
    stub = {name: study[name] for name in ("resourceType", "status", "subject")}
    stated = {**expected.document.resources, "study": {**stub, "identifier": study["identifier"][:1]}}
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
