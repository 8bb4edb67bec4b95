"""The account of a Bundle in another version of FHIR than R5: what the step maps carried on, and what not.

Step maps copy the ids of elements, so the lineage of their result tells what came from where, as that of the
R5 Bundle does. The class of a content item is decided by its elements in R5, of which the guide speaks. What
reached an element of R5 and none of the other version is unmapped, with a reason that names the version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sr2fhir.accounting.checks import (
    Case,
    Fault,
    Sources,
    check,
    references,
    requests,
    resource_path,
    resource_type,
    shape,
    uniqueness,
)
from sr2fhir.accounting.report import Line, Loss, Report
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject
from sr2fhir.outcome import listed
from sr2fhir.settings import Target

LOOKED_AT = frozenset({"ImagingSelection"})
"""Types of resources at which step maps look while they make another.

An Observation of R4 is derived from studies, in the order in which the selections of the Bundle name them.
"""
_HINT = "The report lists what is lost by that under `unmapped`"


def no_element(target: Target) -> str:
    """Return the reason of what reached no element of a version: `no-r4-element`."""
    return f"no-{target.folder or target.name.lower()}-element"


# ---- is it the same Bundle? --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step(Case):
    """What a step map made, and of what."""

    before: JsonObject
    target: Target

    @property
    def bundle_type(self) -> str:
        """A Bundle of another version is what it was, unless it becomes a document."""
        return "document" if self.target.only_of else super().bundle_type


def entries(step: Step) -> Iterator[Fault]:
    """Check that the entries are those of before, in their order, but for what the version leaves out."""
    made = [_identity(entry) for entry in step.bundle["entry"]]
    known = {_identity(entry) for entry in step.before["entry"]}
    for index, identity in enumerate(made):
        if identity not in known:
            yield f"Bundle.entry[{index}]", "the entry was not in the R5 Bundle"
    there = set(made)
    for entry in step.before["entry"]:
        kind = entry["resource"]["resourceType"]
        if _identity(entry) not in there and kind not in step.target.leaves_out:
            yield resource_path(entry["resource"]), f"the step to {step.target.name} has lost the resource"
    if step.target.only_of is None and made != [
        identity for identity in map(_identity, step.before["entry"]) if identity in there
    ]:
        yield "Bundle.entry", "the entries are in another order than in the R5 Bundle"


def _identity(entry: JsonObject) -> tuple[str, str]:
    return entry["fullUrl"], entry["resource"]["id"]


CHECKS: tuple[Callable[[Step], Iterator[Fault]], ...] = (
    resource_type,
    shape,
    uniqueness,
    entries,
    references,
    requests,
)


def check_step(before: JsonObject, made: JsonObject, target: Target) -> None:
    """Check that a step map has made the same Bundle in another version.

    Raises
    ------
    OutputError
        It has lost, invented or moved an entry, or a reference leads to none.
    """
    check(Step(made, {}, Sources({}, frozenset(), {}), before, target), CHECKS)


# ---- what became of what -----------------------------------------------------------------------------------


def in_version(r5: Report, other: Report, made: JsonObject, target: Target) -> Report:
    """Tell what reached which element of another version.

    Parameters
    ----------
    r5
        The report of the Bundle in R5.
    other
        The same of what the step maps made of it; its classes mean nothing, since they speak of R5.
    made
        What the step maps made.
    """
    reason = no_element(target)
    places = {entry["resource"]["id"]: resource_path(entry["resource"]) for entry in made["entry"]}
    items, attributes = (
        tuple(_line(line, reached, reason) for line, reached in zip(*lines, strict=True))
        for lines in ((r5.items, other.items), (r5.attributes, other.attributes))
    )
    losses = tuple(
        Loss(line.source, reason, f"what it says of {place} in R5 has no element in {target.name}")
        for line, reached in zip(r5.lines, other.lines, strict=True)
        if reached.elements
        for place in _lost(line, reached, places)
    )
    return Report(items, attributes, other.resources, (*r5.losses, *losses))


def _line(line: Line, reached: Line, reason: str) -> Line:
    """Tell what became of one item or attribute."""
    if line.is_unmapped:
        return line
    if reached.is_unmapped:
        return replace(reached, reason=reason)
    return replace(line, elements=reached.elements) if reached.elements else reached


def _lost(line: Line, reached: Line, places: Mapping[str, str]) -> list[str]:
    """Name the resources that are still there, but without an element that came from an item."""
    lost = _resources(line.elements) - _resources(reached.elements)
    return [place for name, place in places.items() if name in lost]


def _resources(elements: Iterable[str]) -> set[str]:
    """Return the ids of the resources of elements, `Observation/<id>.code`: their types may change."""
    return {element.partition(".")[0].partition("/")[2] for element in elements}


def findings_of(before: JsonObject, made: JsonObject, report: Report, target: Target) -> tuple[Finding, ...]:
    """Sum up what a version has no form for; the report lists it."""
    reason = no_element(target)
    there = {entry["fullUrl"] for entry in made["entry"]}
    left_out = Counter(
        entry["resource"]["resourceType"] for entry in before["entry"] if entry["fullUrl"] not in there
    )
    lost = [line for line in report.unmapped if line.reason == reason]
    items = sum(line.source[0].isdigit() for line in lost)
    messages = []
    if left_out:
        messages.append(f"{listed(*((number, kind) for kind, number in left_out.items()))} left out")
    if lost:
        counted = listed((items, "content item"), (len(lost) - items, "header attribute"))
        messages.append(f"{counted} reached an element of FHIR R5 and none of {target.name}")
    return tuple(Finding("information", reason, "1", message, _HINT) for message in messages)
