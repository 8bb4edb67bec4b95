"""The account of one document: each content item and header attribute in exactly one class.

The classes are those of the mapping specification, section 8:

mapped    an element or a resource of the Bundle came from it
context   it is structure (a container with something mapped inside) or was used up while rendering
unmapped  nothing in the Bundle came from it; listed with the reason and a digest of its value, never with it
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from sr2fhir.finishing.lineage import Link, resource_path
from sr2fhir.finishing.sources import Sources
from sr2fhir.jsontext import dumps

if TYPE_CHECKING:
    from sr2fhir.findings import Finding
    from sr2fhir.rendering import HeaderRecord, ItemRecord, Rendering

Category = Literal["mapped", "context", "unmapped"]
CATEGORIES: tuple[Category, ...] = ("mapped", "context", "unmapped")

# reasons of section 8; a finding with one of them says why its item reached no element
REASONS = frozenset(
    {
        "no-target",
        "multiplicity",
        "invalid-value",
        "unresolved-reference",
        "out-of-scope-container",
        "different-subject",
        "needs-r6",
    }
)
NO_TARGET = "no-target"
OUT_OF_SCOPE = "out-of-scope-container"
ROOT = "1"
DIGEST_LENGTH = 16
# members of a content item that hold its value
VALUE_MEMBERS = (
    "valueText",
    "textValue",
    "conceptCode",
    "measuredValue",
    "numericValue",
    "floatingPointValue",
    "rationalNumerator",
    "rationalDenominator",
    "units",
    "qualifier",
    "dateTimeValue",
    "dateValue",
    "timeValue",
    "uidValue",
    "personNameValue",
    "reference",
    "graphic",
    "temporal",
    "tabulatedValues",
)


@dataclass(frozen=True)
class Line:
    """One content item or header attribute and what became of it.

    Parameters
    ----------
    source
        Position of the item (`1.4.2`) or keyword of the attribute.
    category
        Its class.
    reason
        Why it is unmapped.
    description
        Of an item: value type, relationship, concept; no value.
    digest
        First 16 hexadecimal digits of the SHA-256 of the value of an unmapped item.
    elements
        What came from it.
    """

    source: str
    category: Category
    reason: str | None = None
    description: tuple[tuple[str, str], ...] = ()
    digest: str | None = None
    elements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Where everything in a document went.

    Parameters
    ----------
    items
        One line for each content item, in document order.
    attributes
        One line for each attribute of the header.
    resources
        How many resources of each type were made, in the order of the Bundle.
    """

    items: tuple[Line, ...]
    attributes: tuple[Line, ...]
    resources: dict[str, int]

    @cached_property
    def unmapped(self) -> tuple[Line, ...]:
        """What reached no element: attributes, then items."""
        return tuple(line for line in (*self.attributes, *self.items) if line.category == "unmapped")

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON objects."""
        lines = (*self.attributes, *self.items)
        return {
            "resources": self.resources,
            "items": totals(self.items),
            "attributes": totals(self.attributes),
            "unmapped": [unmapped_entry(line) for line in self.unmapped],
            "context": [line.source for line in lines if line.category == "context"],
            "lineage": [lineage_entry(line) for line in lines if line.elements],
        }


def totals(lines: Sequence[Line]) -> dict[str, int]:
    """Count the lines of each class; the classes add up to the total."""
    counts = Counter(line.category for line in lines)
    return {"total": len(lines), **{category: counts[category] for category in CATEGORIES}}


def unmapped_entry(line: Line) -> dict[str, Any]:
    """Make the report's entry of what reached no element."""
    entry = {"source": line.source, **dict(line.description), "digest": line.digest, "reason": line.reason}
    return {key: value for key, value in entry.items() if value}


def lineage_entry(line: Line) -> dict[str, Any]:
    """Make the report's entry of what reached an element."""
    return {
        "source": line.source,
        **dict(line.description),
        "class": line.category,
        "elements": list(line.elements),
    }


def account(rendering: Rendering, links: Iterable[Link], bundle: dict[str, Any], sources: Sources) -> Report:
    """Put every content item and every header attribute into one class.

    Parameters
    ----------
    links
        The lineage of the Bundle's elements; that of its resources is read from their ids.
    """
    resources = [entry["resource"] for entry in bundle["entry"]]
    reached = by_source([*resource_links(resources, sources), *links])
    reasons = stated_reasons(rendering.findings)
    live = with_ancestors(reached)
    items = (item_line(record, reached, reasons, live, sources) for record in rendering.items)
    attributes = (attribute_line(record, reached, sources) for record in rendering.header)
    return Report(
        tuple(items), tuple(attributes), dict(Counter(resource["resourceType"] for resource in resources))
    )


def resource_links(resources: Iterable[dict[str, Any]], sources: Sources) -> list[Link]:
    """Tell which content item became which resource."""
    origins = ((resource_path(resource), sources.resources[resource["id"]]) for resource in resources)
    return [Link(path, source) for path, source in origins if source is not None]


def by_source(links: Iterable[Link]) -> dict[str, list[str]]:
    """Group the elements by what they came from, keeping the order of the Bundle."""
    reached: dict[str, list[str]] = {}
    for link in links:
        reached.setdefault(link.source, []).append(link.element)
    return reached


def stated_reasons(findings: Iterable[Finding]) -> dict[str, str]:
    """Collect the reasons that findings give for items; of several the first, wherever in the item."""
    reasons: dict[str, str] = {}
    for finding in findings:
        if finding.code in REASONS:
            reasons.setdefault(finding.where.partition(" ")[0], finding.code)
    return reasons


def with_ancestors(positions: Iterable[str]) -> frozenset[str]:
    """Add to the positions those of all containers around them."""
    live = {ROOT}
    for position in positions:
        while position not in live:
            live.add(position)
            position = position.rpartition(".")[0] or ROOT
    return frozenset(live)


def item_line(
    record: ItemRecord,
    reached: dict[str, list[str]],
    reasons: dict[str, str],
    live: frozenset[str],
    sources: Sources,
) -> Line:
    """Put a content item into its class."""
    elements = tuple(reached.get(record.position, ()))
    category, reason = item_category(record, bool(elements), reasons, live)
    digest = value_digest(sources.items.get(record.position, {})) if category == "unmapped" else None
    return Line(record.position, category, reason, description(record), digest, elements)


def item_category(
    record: ItemRecord, reached: bool, reasons: dict[str, str], live: frozenset[str]
) -> tuple[Category, str | None]:
    """Decide the class of a content item, and the reason if it is unmapped."""
    if reached:
        return "mapped", None
    if record.position in reasons:
        return "unmapped", reasons[record.position]
    if record.position in live or record.resolved:
        return "context", None
    container = record.position if record.value_type == "CONTAINER" else record.position.rpartition(".")[0]
    return "unmapped", NO_TARGET if container in live else OUT_OF_SCOPE


def attribute_line(record: HeaderRecord, reached: dict[str, list[str]], sources: Sources) -> Line:
    """Put a header attribute into its class."""
    elements = tuple(reached.get(record.path, ()))
    if elements:
        return Line(record.path, "mapped", elements=elements)
    if record.disposition == "mapped" and is_lost(record.path, reached, sources):
        return Line(record.path, "unmapped", NO_TARGET)
    reason = record.reason or NO_TARGET if record.disposition == "unmapped" else None
    return Line(record.path, record.disposition, reason)


def is_lost(path: str, reached: dict[str, list[str]], sources: Sources) -> bool:
    """Tell whether an attribute, or the sequence item it is in, has an id that reached nothing.

    Without such an id there is nothing to see, and what the renderer says of the attribute holds.
    """
    traced = [place for place in (path, path.rpartition(".")[0]) if place in sources.traced]
    return bool(traced) and not any(place in reached for place in traced)


def description(record: ItemRecord) -> tuple[tuple[str, str], ...]:
    """Describe a content item by what is not patient data."""
    members = {"concept": record.concept, "valueType": record.value_type, "relationship": record.relationship}
    return tuple((key, value) for key, value in members.items() if value)


def value_digest(item: dict[str, Any]) -> str | None:
    """Digest the value of a content item, so that two reports can be compared without showing it."""
    value = {member: item[member] for member in VALUE_MEMBERS if member in item}
    return hashlib.sha256(dumps(value)).hexdigest()[:DIGEST_LENGTH] if value else None
