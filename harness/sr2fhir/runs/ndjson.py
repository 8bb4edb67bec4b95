"""Bundles as NDJSON, one file per type of resource, as FHIR's Bulk Data Access lays results out.

Resources are written as they are, with two changes that a server makes too when it takes a Bundle in: each
stands alone on a line without blanks, and a reference to another entry of its Bundle becomes `Type/id`, since
there is no `fullUrl` any more to which it could lead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.jsontext import JsonObject, dumps, loads_strict
from sr2fhir.outcome import from_error
from sr2fhir.runs.results import Line, Written

if TYPE_CHECKING:
    from sr2fhir.result import Result

ENDING = ".ndjson"
OUTCOMES = f"OperationOutcome{ENDING}"
# Not FHIR, so that what loads all .ndjson files of a folder passes it over.
REPORTS = "reports.jsonl"
# What a run may write: files of these names are left over from an earlier run where this one writes none.
TYPES = (
    "Patient",
    "ServiceRequest",
    "ImagingStudy",
    "Device",
    "Practitioner",
    "Specimen",
    "BodyStructure",
    "ImagingSelection",
    "Observation",
)
FILES = frozenset({*(f"{name}{ENDING}" for name in TYPES), OUTCOMES, REPORTS})


@dataclass(frozen=True)
class NdjsonSink:
    """Split a result into lines, which the run writes in the order of the inputs.

    Parameters
    ----------
    folder
        Where the files will be.
    """

    folder: Path

    def write(self, result: Result) -> Written:
        """Answer the lines of a Bundle, of its report and of what was found."""
        lines = [*resources(loads_strict(result.json)), Line(REPORTS, None, dumps(result.report_content))]
        if result.findings or result.validation:
            lines.append(Line(OUTCOMES, None, dumps(named(result.outcome, result.name))))
        return Written(str(self.folder), lines=tuple(lines))

    def fail(self, name: str, error: Exception) -> Written:
        """Answer the line of a failure."""
        line = Line(OUTCOMES, None, dumps(named(from_error(error), name)))
        return Written(str(self.folder / OUTCOMES), lines=(line,))


def resources(bundle: JsonObject) -> Iterator[Line]:
    """Make a line of each resource of a Bundle."""
    entries = [(entry["fullUrl"], entry["resource"]) for entry in bundle.get("entry", ())]
    places = {url: f"{resource['resourceType']}/{resource['id']}" for url, resource in entries}
    for url, resource in entries:
        relate(resource, places)
        yield Line(f"{resource['resourceType']}{ENDING}", places[url], dumps(resource))


def relate(resource: JsonObject, places: dict[str, str]) -> None:
    """Make references to entries of the Bundle relative ones, in place."""
    stack: list[Any] = [resource]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            target = current.get("reference")
            if isinstance(target, str) and target in places:
                current["reference"] = places[target]
            stack.extend(current.values())
        elif isinstance(current, list):
            stack.extend(current)


def named(outcome: JsonObject, name: str) -> JsonObject:
    """Name the input in each issue, since many inputs share the file."""
    return {**outcome, "issue": [{**issue, "diagnostics": told(issue, name)} for issue in outcome["issue"]]}


def told(issue: JsonObject, name: str) -> str:
    """Put the name of the input before what is told, unless it stands there."""
    diagnostics = issue.get("diagnostics", "")
    return diagnostics if diagnostics.startswith(name) else "; ".join(filter(None, (name, diagnostics)))
