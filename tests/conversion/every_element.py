"""One resource for each element of R5 and each type that its value may have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from sr2fhir.jsontext import NumberText
from sr2fhir.paths import layout
from sr2fhir.settings import TARGETS

Json = dict[str, Any]
# a value of each primitive type
PRIMITIVES: dict[str, Any] = {
    "base64Binary": "eA==",
    "boolean": True,
    "canonical": "http://a.example/x",
    "code": "x",
    "date": "2024-01-01",
    "dateTime": "2024-01-01",
    "decimal": NumberText("1.50"),
    "id": "x",
    "instant": "2024-01-01T00:00:00Z",
    "integer": NumberText("3"),
    "integer64": "3",
    "markdown": "x",
    "oid": "urn:oid:1.2",
    "positiveInt": NumberText("3"),
    "string": "x",
    "time": "10:00:00",
    "unsignedInt": NumberText("3"),
    "uri": "http://a.example/x",
    "url": "http://a.example/x",
    "uuid": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
}
# what all elements have, and what others contain
COMMON = frozenset(
    {"id", "extension", "modifierExtension", "contained", "meta", "implicitRules", "language", "text"}
)
# a value of these is written without going through all that may be in it
SHALLOW = frozenset({"Extension", "Resource", "Meta", "Narrative", "DomainResource"})


class Case(NamedTuple):
    """A resource with one element.

    Parameters
    ----------
    name
        Path of the element, with the type where there are several: `Observation.value[x]:Quantity`.
    resource
        The resource.
    """

    name: str
    resource: Json


@cache
def elements(version: str, kind: str) -> dict[str, Json]:
    """Return the elements of a type by path, as HL7 defines them."""
    (folder,) = layout().packages.glob(f"{TARGETS[version].core_package}#*")
    file = folder / "package" / f"StructureDefinition-{kind}.json"
    return {each["path"]: each for each in json.loads(file.read_bytes())["snapshot"]["element"]}


def types_of(element: Json) -> list[str]:
    """Return the types of an element; of ids, which HL7 types in the language of FHIRPath, string."""
    return ["string" if "://" in each["code"] else each["code"] for each in element.get("type", ())]


def cases(kind: str, version: str = "R5") -> Iterator[Case]:
    """Yield a resource for each element of a type of resource and each type that it may have."""
    known = elements(version, kind)
    for number, (path, element) in enumerate(known.items()):
        names = path.split(".")[1:]
        if not names or COMMON & set(names) or any(child.startswith(f"{path}.") for child in known):
            continue
        for choice in types_of(element) or ["contentReference"]:
            if choice in SHALLOW or choice == "contentReference":
                continue
            value = value_of(choice, version)
            for depth in range(len(names), 0, -1):
                around = known[".".join([kind, *names[:depth]])]
                name = names[depth - 1].replace("[x]", choice[0].upper() + choice[1:])
                value = {name: [value] if around["max"] != "1" else value}
            label = f"{path}:{choice}" if path.endswith("[x]") else path
            yield Case(label, {"resourceType": kind, "id": f"{kind}-{number}-{choice}", **value})


@cache
def value_of(kind: str, version: str, depth: int = 0) -> Any:
    """Return a value of a type with each of its elements; of a choice the first type."""
    if kind in PRIMITIVES:
        return PRIMITIVES[kind]
    known = elements(version, kind)
    return _inside(kind, known, version, depth)


def _inside(path: str, known: dict[str, Json], version: str, depth: int) -> Json:
    made: Json = {}
    for child, element in known.items():
        owner, _, name = child.rpartition(".")
        if owner != path or name in COMMON or "contentReference" in element:
            continue
        choice = types_of(element)[0]
        if choice in SHALLOW or (depth > 1 and choice not in PRIMITIVES):
            continue
        has_parts = any(each.startswith(f"{child}.") for each in known)
        value = (
            _inside(child, known, version, depth + 1) if has_parts else value_of(choice, version, depth + 1)
        )
        if value == {}:
            continue  # too deep: nothing is in it
        key = name.replace("[x]", choice[0].upper() + choice[1:])
        made[key] = [value] if element["max"] != "1" else value
    return made
