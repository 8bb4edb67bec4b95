"""Is what the engine returned the Bundle of this document? Each check is a row of `CHECKS`.

The maps make a resource for whatever the logical model lists, such as a person or a device; one that nothing
refers to is taken out again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sr2fhir.errors import OutputError
from sr2fhir.jsontext import JsonError, JsonObject, NumberText, loads_strict
from sr2fhir.model.datatypes import MAX_AFTER_POINT, decimal

if TYPE_CHECKING:
    from sr2fhir.model import Rendering

HINT = "This is a fault of the engine or of a map, not of the input; compare with another --engine"
URN = "urn:uuid:"
# parts of the logical model of which every Bundle holds a resource (mapping specification, section 3.2)
REQUIRED = {"patient": "Patient", "study": "ImagingStudy", "equipment": "Device"}
ONCE = ("Patient",)
# what says something by itself; the equipment does, too
INDEPENDENT = frozenset(
    {"Patient", "ServiceRequest", "ImagingStudy", "Observation", "DiagnosticReport", "Provenance"}
)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NESTED = (dict, list)
RESOURCE_ID_KEYS = ("id", "sourceId")


def parse(data: bytes) -> dict[str, Any]:
    """Parse what an engine returned; every number keeps its text.

    Raises
    ------
    OutputError
        Not JSON, cut short, with a key that occurs twice, with NaN or infinity, or not an object.
    """
    if not data.strip():
        raise OutputError("the engine returned nothing", hint=HINT)
    try:
        content = loads_strict(data, number=plain)
    except JsonError as error:
        raise OutputError(f"the engine returned malformed JSON: {error}", hint=HINT) from error
    if not isinstance(content, dict):
        raise OutputError("the engine returned JSON that is not a resource", hint=HINT)
    return content


def plain(text: str) -> NumberText:
    """Write a number with an exponent where FHIR needs one, and only there.

    Engines write 0.00000015 as 1.5E-7, and 1.6666666666666666e-2 with more decimals than FHIR allows.
    """
    may_differ = "e" in text.lower() or len(text) > MAX_AFTER_POINT
    return (decimal(text) if may_differ else None) or NumberText(text)


# ---- what the document offers ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sources:
    """The ids of a logical model.

    Parameters
    ----------
    resources
        Id of a resource that may be made → position of the content item that it comes from, or None.
    elements
        Ids that an element of the Bundle may carry: positions of content items and keywords of attributes.
    items
        Position → content item of the logical model.
    """

    resources: dict[str, str | None]
    elements: frozenset[str]
    items: dict[str, dict[str, Any]]

    @staticmethod
    def of(rendering: Rendering) -> Sources:
        """Collect the ids of a rendering."""
        resources: dict[str, str | None] = {}
        traced: set[str] = set()
        items: dict[str, dict[str, Any]] = {}
        for node in walk(rendering.document):
            position = content_position(node)
            if position is not None:
                items[position] = node
            for name in (node[key] for key in RESOURCE_ID_KEYS if key in node):
                if UUID.fullmatch(name):
                    resources[name] = resources.get(name) or position
                else:
                    traced.update(name.split("-"))
        positions = {record.position for record in rendering.items}
        elements = traced | positions | {record.path for record in rendering.header}
        return Sources(resources, frozenset(elements), items)


def content_position(node: dict[str, Any]) -> str | None:
    """Tell the position of a content item; None for any other part of the model."""
    return node["position"] if "position" in node and "valueType" in node else None


def walk(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Visit every object of a JSON document, without recursion: content trees can be deep."""
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        members = node.values() if isinstance(node, dict) else node
        waiting += [value for value in members if isinstance(value, NESTED)]


def resource_path(resource: dict[str, Any]) -> str:
    """Name a resource as a reader finds it: `Observation/<id>`."""
    return f"{resource['resourceType']}/{resource.get('id', '')}"


# ---- checks ------------------------------------------------------------------------------------------------

Fault = tuple[str, str]
"""Where, and what is wrong there."""


@dataclass(frozen=True)
class Case:
    """A Bundle, the document that it claims to be made from, and the ids that the document gives out."""

    bundle: JsonObject
    document: JsonObject
    sources: Sources

    @property
    def bundle_type(self) -> str:
        """What Bundle.type has to be."""
        return "collection"


def resource_type(case: Case) -> Iterator[Fault]:
    """Check that it is a Bundle as maps make it."""
    if case.bundle.get("resourceType") != "Bundle":
        yield "resourceType", "the result is not a Bundle"
    if case.bundle.get("type") != case.bundle_type:
        yield "Bundle.type", f"the Bundle is not a {case.bundle_type}"


def shape(case: Case) -> Iterator[Fault]:
    """Check that there are entries, each with fullUrl and a resource with type and id."""
    entries = case.bundle.get("entry")
    if not isinstance(entries, list) or not entries:
        yield "Bundle.entry", "the Bundle is empty"
        return
    for index, entry in enumerate(entries):
        if not is_complete(entry):
            yield (
                f"Bundle.entry[{index}]",
                "fullUrl, resource, resourceType or id is missing, or they disagree",
            )


def is_complete(entry: Any) -> bool:
    """Tell whether an entry has all that it needs, its fullUrl being the URN of its id."""
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return False
    return isinstance(resource.get("id"), str) and entry.get("fullUrl") == URN + resource["id"]


def uniqueness(case: Case) -> Iterator[Fault]:
    """Check that no resource stands there twice."""
    seen: set[str] = set()
    for index, entry in enumerate(case.bundle["entry"]):
        if entry["fullUrl"] in seen:
            yield f"Bundle.entry[{index}]", "its fullUrl occurs more than once"
        seen.add(entry["fullUrl"])


def provenance(case: Case) -> Iterator[Fault]:
    """Check that each id was given out by the document: maps make none."""
    for index, entry in enumerate(case.bundle["entry"]):
        if entry["resource"]["id"] not in case.sources.resources:
            yield f"Bundle.entry[{index}].resource.id", "the id was not given out by this document"


def references(case: Case) -> Iterator[Fault]:
    """Check that literal references lead to an entry."""
    known = {entry["fullUrl"] for entry in case.bundle["entry"]}
    for index, entry in enumerate(case.bundle["entry"]):
        if any(url.startswith(URN) and url not in known for url in _referred_to(entry["resource"])):
            yield f"Bundle.entry[{index}].resource", "a reference leads to no entry"


def completeness(case: Case) -> Iterator[Fault]:
    """Check that nothing is missing that every Bundle holds."""
    made = {(entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in case.bundle["entry"]}
    for part, kind in REQUIRED.items():
        if (kind, case.document[part]["id"]) not in made:
            yield "Bundle.entry", f"the {kind} of the {part} is missing"
    for kind in ONCE:
        if sum(made_kind == kind for made_kind, _ in made) != 1:
            yield "Bundle.entry", f"there is not exactly one {kind}"


def requests(case: Case) -> Iterator[Fault]:
    """Check that no entry says how it is to be sent: packaging decides that."""
    for index, entry in enumerate(case.bundle["entry"]):
        if "request" in entry:
            yield f"Bundle.entry[{index}].request", "only the entries of a transaction have a request"


AnyCase = TypeVar("AnyCase", bound=Case)
# in this order: each may rely on those before it
CHECKS: tuple[Callable[[Case], Iterator[Fault]], ...] = (
    *(resource_type, shape, uniqueness, provenance),
    *(references, completeness, requests),
)


def check(case: AnyCase, checks: Iterable[Callable[[AnyCase], Iterator[Fault]]] = CHECKS) -> None:
    """Run checks in their order, stopping at the first that finds faults.

    Raises
    ------
    OutputError
        Naming the first fault and how many there are of its kind.
    """
    for run in checks:
        faults = list(run(case))
        if faults:
            where, message = faults[0]
            more = f" (and {len(faults) - 1} more like it)" if len(faults) > 1 else ""
            raise OutputError(f"the engine's answer was refused: {message}{more}", where=where, hint=HINT)


def check_further(bundle: JsonObject) -> None:
    """Check a collection to which entries were added that are not of the document alone.

    Raises
    ------
    OutputError
        An entry is incomplete or stands there twice, or a reference leads to none.
    """
    check(Case(bundle, {}, Sources({}, frozenset(), {})), (shape, uniqueness, references))


# ---- resources that nothing refers to ----------------------------------------------------------------------


def remove_orphans(bundle: JsonObject, equipment: str, independent: Collection[str] = ()) -> list[JsonObject]:
    """Remove the resources to which no reference leads from one that says something by itself.

    Parameters
    ----------
    bundle
        Its references lead to entries.
    equipment
        Id of the Device of the equipment, which each document has.
    independent
        Further types of this type of document that say something by themselves.

    Returns
    -------
    list
        The entries that have been removed.
    """
    resources = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    independent_types = INDEPENDENT.union(independent)
    waiting = [url for url, made in resources.items() if made["resourceType"] in independent_types]
    waiting.append(URN + equipment)
    reached: set[str] = set()
    while waiting:
        url = waiting.pop()
        if url in resources and url not in reached:
            reached.add(url)
            waiting += _referred_to(resources[url])
    removed = [entry for entry in bundle["entry"] if entry["fullUrl"] not in reached]
    if removed:
        bundle["entry"] = [entry for entry in bundle["entry"] if entry["fullUrl"] in reached]
    return removed


def _referred_to(resource: dict[str, Any]) -> list[str]:
    return [node["reference"] for node in walk(resource) if isinstance(node.get("reference"), str)]
