"""Is what the engine returned the Bundle of this document? Each check is a row of `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sr2fhir.accounting.parse import HINT
from sr2fhir.accounting.sources import Sources, walk
from sr2fhir.errors import OutputError

URN = "urn:uuid:"
# parts of the logical model of which every Bundle holds a resource (mapping specification, section 3.2)
REQUIRED = {"patient": "Patient", "study": "ImagingStudy", "equipment": "Device"}
ONCE = ("Patient",)

JsonObject = dict[str, Any]
Fault = tuple[str, str]
"""Where, and what is wrong there."""


@dataclass(frozen=True)
class Case:
    """A Bundle, the document that it claims to be made from, and the ids that the document gives out."""

    bundle: JsonObject
    document: JsonObject
    sources: Sources


def resource_type(case: Case) -> Iterator[Fault]:
    """Check that it is a Bundle as maps make it."""
    if case.bundle.get("resourceType") != "Bundle":
        yield "resourceType", "the answer is not a Bundle"
    if case.bundle.get("type") != "collection":
        yield "Bundle.type", "the Bundle is not a collection"


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
        targets = (node.get("reference") for node in walk(entry["resource"]))
        if any(
            isinstance(target, str) and target.startswith(URN) and target not in known for target in targets
        ):
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


Check = Callable[[Case], Iterator[Fault]]
# in this order: each may rely on those before it
CHECKS: tuple[Check, ...] = (resource_type, shape, uniqueness, provenance, references, completeness, requests)


def check(bundle: JsonObject, document: JsonObject, sources: Sources) -> None:
    """Run all checks, stopping at the first that finds faults.

    Raises
    ------
    OutputError
        Naming the first fault and how many there are of its kind.
    """
    for run in CHECKS:
        faults = list(run(Case(bundle, document, sources)))
        if faults:
            where, message = faults[0]
            more = f" (and {len(faults) - 1} more like it)" if len(faults) > 1 else ""
            raise OutputError(f"the engine's answer was refused: {message}{more}", where=where, hint=HINT)
