"""Put every content item and header attribute into one class, by what the lineage of the Bundle says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sr2fhir.accounting.checks import Sources, resource_path
from sr2fhir.accounting.classes import NONE, Classes, Marks, Origin, tables_of
from sr2fhir.accounting.lineage import Lineage, Link
from sr2fhir.accounting.report import (
    Category,
    Line,
    Loss,
    Report,
    code_in_clear,
    description_of_attribute,
    description_of_item,
    value_digest,
)
from sr2fhir.errors import OutputError

if TYPE_CHECKING:
    from sr2fhir.findings import Finding
    from sr2fhir.model import HeaderRecord, ItemRecord, Rendering

DEGRADED = "degraded"
EMPTY = "empty"
MULTIPLICITY = "multiplicity"
NO_TARGET = "no-target"
OUT_OF_SCOPE = "out-of-scope-container"
# reasons of section 8; a finding with one of them says why its item reached no element
REASONS = frozenset(
    {
        NO_TARGET,
        MULTIPLICITY,
        "invalid-value",
        "unresolved-reference",
        OUT_OF_SCOPE,
        "different-subject",
        "needs-r6",
        "assumed-offset",
        "invalid-unit",
    }
)
# of these it does so only where a value was left out
ONLY_IF_LEFT_OUT = frozenset({"assumed-offset", "invalid-unit"})
ROOT = "1"
ROOT_MARK = "root"
CONTAINER = "CONTAINER"

Elements = tuple[str, ...]
Reached = Mapping[str, Elements]


@dataclass(frozen=True)
class Account:
    """What is known when lines are written.

    Parameters
    ----------
    records
        All content items by position.
    reached
        Position or keyword path → what came from it.
    reasons
        Position → reason that a finding gives.
    """

    records: Mapping[str, ItemRecord]
    reached: Reached
    reasons: Mapping[str, str]
    classes: Classes
    sources: Sources

    @cached_property
    def live(self) -> frozenset[str]:
        """Positions of what reached something, and of all items around it."""
        live = {ROOT}
        for position in self.reached:
            while position not in live:
                live.add(position)
                position = parent_of(position) or ROOT
        return frozenset(live)

    def is_container(self, record: ItemRecord) -> bool:
        """Tell whether an item is a container; one that refers to a container holds nothing itself."""
        by_reference = "targetItem" in self.sources.items.get(record.position, {})
        return record.value_type == CONTAINER and not by_reference

    @cached_property
    def out_of_scope(self) -> frozenset[str]:
        """Positions in the containers that no row takes, below the one that holds what is transformed."""
        inside: set[str] = set()
        below: set[str] = set()
        for position, record in self.records.items():
            parent = parent_of(position)
            if parent in below or self.classes.tables.scope in self.marks(parent):
                below.add(position)
                if parent in inside or (self.is_container(record) and position not in self.live):
                    inside.add(position)
        return frozenset(inside)

    @cached_property
    def repeated(self) -> frozenset[str]:
        """Positions of the items that repeat one beside them which reached an element: FHIR has one place."""
        taken: set[tuple[str | None, ...]] = set()
        found = set()
        for record in self.records.values():
            said = (parent_of(record.position), record.concept, record.value_type, record.relationship)
            if record.position in self.reached:
                taken.add(said)
            elif record.concept and said in taken:
                found.add(record.position)
        return frozenset(found)

    @cached_property
    def described(self) -> frozenset[str]:
        """Resources, by id, that are in the Bundle or of which an item reached an element."""
        uses = ((record.position, record.use) for record in self.records.values() if record.use)
        return frozenset(
            {*self.classes.places, *(use.resource for at, use in uses if use.resource and at in self.reached)}
        )

    @cached_property
    def marked(self) -> dict[str, Marks]:
        """Position of an item → its value type and the terms of its concept; of the root also `root`."""
        marked = {at: frozenset((record.value_type, *record.terms)) for at, record in self.records.items()}
        return marked | {ROOT: marked.get(ROOT, NONE) | {ROOT_MARK}}

    @cached_property
    def around(self) -> dict[str, Marks]:
        """Position of an item → marks of all items around it; records come in the order of the tree."""
        found: dict[str, Marks] = {"": NONE}
        for position in self.records:
            parent = parent_of(position)
            outer, own = found.get(parent, NONE), self.marks(parent)
            found[position] = outer if own <= outer else outer | own
        return found

    def marks(self, position: str) -> Marks:
        """Return value type and concepts of an item."""
        return self.marked.get(position, NONE)

    def origin(self, position: str) -> Origin:
        """Return all marks of an item."""
        return Origin(self.marks(position), self.marks(parent_of(position)), self.around[position])


def account(
    rendering: Rendering,
    findings: tuple[Finding, ...],
    lineage: Lineage,
    bundle: dict[str, Any],
    sources: Sources,
) -> Report:
    """Put every content item and every header attribute into one class.

    Parameters
    ----------
    findings
        All that was found.
    lineage
        Of the Bundle's elements; that of its resources is read from their ids.

    Raises
    ------
    OutputError
        The account is not one of each content item of the document, once.
    """
    resources = [entry["resource"] for entry in bundle["entry"]]
    known = Account(
        {record.position: record for record in rendering.items},
        by_source([*resource_links(resources, sources), *lineage.links]),
        stated_reasons(findings),
        Classes.of(resources, tables_of(rendering.document_type.classes)),
        sources,
    )
    items = tuple(item_line(record, known) for record in rendering.items)
    check_complete(items, sources)
    attributes = tuple(attribute_line(record, known) for record in rendering.header)
    made = dict(Counter(each["resourceType"] for each in resources))
    return Report(items, attributes, made, losses(findings, (*attributes, *items)))


def check_complete(items: Iterable[Line], sources: Sources) -> None:
    """Check that the account names each content item of the document, once.

    Raises
    ------
    OutputError
        It does not: lines of the report would be missing without a word.
    """
    positions = [line.source for line in items]
    if len(positions) != len(sources.items) or set(positions) != sources.items.keys():
        raise OutputError("the account does not name each content item once", where=ROOT)


# ---- what reached what -------------------------------------------------------------------------------------


def resource_links(resources: Iterable[dict[str, Any]], sources: Sources) -> list[Link]:
    """Tell which content item became which resource."""
    origins = ((resource_path(resource), sources.resources.get(resource["id"])) for resource in resources)
    return [Link(path, source) for path, source in origins if source is not None]


def by_source(links: Iterable[Link]) -> dict[str, Elements]:
    """Group the elements by what they came from, keeping the order of the Bundle."""
    reached: dict[str, list[str]] = {}
    for link in links:
        reached.setdefault(link.source, []).append(link.element)
    return {source: tuple(elements) for source, elements in reached.items()}


def item_elements(record: ItemRecord, known: Account) -> Elements:
    """Return what came from an item or an equal one, or else the resource that it describes."""
    own = known.reached.get(record.position) or known.reached.get(record.same_as or "")
    if own:
        return own
    use = record.use
    place = known.classes.places.get(use.resource or "") if use and use.carried else None
    return (place,) if place else ()


# ---- lines -------------------------------------------------------------------------------------------------


def item_line(record: ItemRecord, known: Account) -> Line:
    """Put a content item into its class."""
    described = description_of_item(record)
    elements = () if record.left_out else item_elements(record, known)
    if elements:
        origin = known.origin(record.position)
        reason = DEGRADED if known.classes.is_degraded(origin, elements) else None
        category = known.classes.of_source(origin, elements)
        return Line(record.position, category, reason, described, elements=elements)
    rest, reason = unreached(record, known)
    if reason is None:
        return Line(record.position, rest, None, described)
    digest = value_digest(known.sources.items.get(record.position, {}))
    return Line(record.position, rest, reason, described, digest, code=code_in_clear(record.code))


def unreached(record: ItemRecord, known: Account) -> tuple[Category, str | None]:
    """Decide the class of an item that reached nothing, and the reason if it is unmapped."""
    position = record.position
    if record.left_out and not (record.value_type == CONTAINER and position in known.live):
        return "UNM", record.left_out
    if position in known.reasons:
        return "UNM", known.reasons[position]
    if is_used(record, known) or (record.value_type == CONTAINER and position in known.live):
        return "CONTEXT", None
    if position in known.repeated:
        return "UNM", MULTIPLICITY
    return "UNM", OUT_OF_SCOPE if position in known.out_of_scope else NO_TARGET


def is_used(record: ItemRecord, known: Account) -> bool:
    """Tell whether an item chose, or repeats, what reached the Bundle."""
    use = record.use
    return use is not None and not use.carried and (use.resource is None or use.resource in known.described)


def attribute_line(record: HeaderRecord, known: Account) -> Line:
    """Put a header attribute into its class; one that should have a target and reached none is unmapped."""
    described = description_of_attribute(record.path)
    # what came from it, or from an equal one
    elements = known.reached.get(record.path) or known.reached.get(record.same_as or "", ())
    if elements:
        category = known.classes.of_source(attribute_origin(record.path), elements)
        return Line(record.path, category, None, described, elements=elements)
    if record.disposition == "context":
        return Line(record.path, "CONTEXT", record.reason if record.reason == EMPTY else None, described)
    return Line(record.path, "UNM", record.reason or NO_TARGET, described)


def attribute_origin(path: str) -> Origin:
    """Return the marks of an attribute: outermost keyword, own one, path without numbers."""
    keywords = [part for part in path.split(".") if not part.isdecimal()]
    return Origin(frozenset({keywords[0], keywords[-1], ".".join(keywords)}))


# ---- reasons -----------------------------------------------------------------------------------------------


def stated_reasons(findings: Iterable[Finding]) -> dict[str, str]:
    """Collect the reasons that findings give for items; of several the first, wherever in the item."""
    reasons: dict[str, str] = {}
    for finding in findings:
        if finding.code in REASONS and not (finding.kept and finding.code in ONLY_IF_LEFT_OUT):
            reasons.setdefault(source_of(finding), finding.code)
    return reasons


def losses(findings: Iterable[Finding], lines: Iterable[Line]) -> tuple[Loss, ...]:
    """Collect what findings say is lost, but for the items and attributes that are unmapped as a whole."""
    unmapped = {line.source for line in lines if line.is_unmapped}
    return tuple(
        Loss(source_of(finding), finding.code, finding.message)
        for finding in findings
        if finding.code in REASONS and not finding.kept and source_of(finding) not in unmapped
    )


def source_of(finding: Finding) -> str:
    """Return the position of the item, or the path of the attribute, that a finding is about."""
    return finding.where.partition(" ")[0]


# ---- positions ---------------------------------------------------------------------------------------------


def parent_of(position: str) -> str:
    """Return the position of the item around another; empty for the root."""
    return position.rpartition(".")[0]
