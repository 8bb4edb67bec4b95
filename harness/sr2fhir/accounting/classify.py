"""Put every content item and header attribute into one class, by what the lineage of the Bundle says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sr2fhir.accounting import description
from sr2fhir.accounting.classes import NONE, Classes, Marks, Origin, tables
from sr2fhir.accounting.lineage import Link, resource_path
from sr2fhir.accounting.report import Category, Line, Loss, Report
from sr2fhir.accounting.sources import Sources
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
    }
)
ROOT = "1"
CONTAINER = "CONTAINER"
IMAGING_MEASUREMENTS = "DCM#126010"

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
        return with_ancestors(self.reached)

    def is_container(self, record: ItemRecord) -> bool:
        """Tell whether an item is a container; one that refers to a container holds nothing itself."""
        by_reference = "targetItem" in self.sources.items.get(record.position, {})
        return record.value_type == CONTAINER and not by_reference

    @cached_property
    def out_of_scope(self) -> frozenset[str]:
        """Positions in the containers below Imaging Measurements (126010, DCM) that no row takes."""
        inside: set[str] = set()
        below: set[str] = set()
        for position, record in self.records.items():
            parent = parent_of(position)
            if parent in below or IMAGING_MEASUREMENTS in self.marks(parent):
                below.add(position)
                if parent in inside or (self.is_container(record) and position not in self.live):
                    inside.add(position)
        return frozenset(inside)

    @cached_property
    def repeated(self) -> frozenset[str]:
        """Positions of the items that repeat one beside them which reached an element: FHIR has one place."""
        return frozenset(repeated(self))

    @cached_property
    def firsts(self) -> dict[tuple[str, str], str]:
        """An item and a concept that leads or follows → its first child that has it, and a value."""
        follows = tables()["follows"]
        rows = {row["leader"]: row for row in follows.values()} | follows
        found: dict[tuple[str, str], str] = {}
        for position in self.records:
            for concept in rows.keys() & self.marks(position):
                if self.has_value(position, rows[concept]):
                    found.setdefault((parent_of(position), concept), position)
        return found

    def has_value(self, position: str, row: Mapping[str, Any]) -> bool:
        """Tell whether an item has a value that a row of the table of what follows asks for."""
        item = self.sources.items.get(position, {})
        return "value" not in row or row["value"].get(item.get("valueType")) in item

    @cached_property
    def marked(self) -> dict[str, Marks]:
        """Position of an item → its value type and concepts."""
        items = self.sources.items.items()
        return {position: frozenset((item["valueType"], *item.get("key", ()))) for position, item in items}

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
        """Answer value type and concepts of an item."""
        return self.marked.get(position, NONE)

    def origin(self, position: str) -> Origin:
        """Answer all marks of an item."""
        return Origin(self.marks(position), self.marks(parent_of(position)), self.around[position])


def account(rendering: Rendering, links: Iterable[Link], bundle: dict[str, Any], sources: Sources) -> Report:
    """Put every content item and every header attribute into one class.

    Parameters
    ----------
    links
        The lineage of the Bundle's elements; that of its resources is read from their ids.

    Raises
    ------
    OutputError
        The account is not one of each content item of the document, once.
    """
    resources = [entry["resource"] for entry in bundle["entry"]]
    known = Account(
        {record.position: record for record in rendering.items},
        by_source([*resource_links(resources, sources), *links]),
        stated_reasons(rendering.findings),
        Classes.of(resources),
        sources,
    )
    items = tuple(item_line(record, known) for record in rendering.items)
    check_complete(items, sources)
    root_item = frozenset(tables()["root_item"])
    header = (record for record in rendering.header if record.path not in root_item)
    attributes = tuple(attribute_line(record, known) for record in header)
    made = dict(Counter(each["resourceType"] for each in resources))
    return Report(items, attributes, made, losses(rendering.findings, (*attributes, *items)))


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
    origins = ((resource_path(resource), sources.resources[resource["id"]]) for resource in resources)
    return [Link(path, source) for path, source in origins if source is not None]


def by_source(links: Iterable[Link]) -> dict[str, Elements]:
    """Group the elements by what they came from, keeping the order of the Bundle."""
    reached: dict[str, list[str]] = {}
    for link in links:
        reached.setdefault(link.source, []).append(link.element)
    return {source: tuple(elements) for source, elements in reached.items()}


def item_elements(record: ItemRecord, known: Account) -> Elements:
    """Answer what came from an item, from an equal or leading one, or else what it went into."""
    own = known.reached.get(record.position) or known.reached.get(record.same_as or "")
    return own or followed(record, known) or structures(record, known)


def followed(record: ItemRecord, known: Account) -> Elements:
    """Answer the elements of the item around or beside this one in which its value stands, too."""
    for mark in known.marks(record.position) & tables()["follows"].keys():
        row = tables()["follows"][mark]
        if row.get("resolved") in (None, record.resolved) and is_used(record.position, mark, known):
            elements = known.reached.get(leader_of(record.position, row, known), ())
            return tuple(each for each in elements if row.get("in", "") in each)
    return ()


def is_used(position: str, mark: str, known: Account) -> bool:
    """Tell whether an item has the value that goes with its leader's, and is the one that the maps take."""
    row = tables()["follows"][mark]
    is_first = known.firsts.get((parent_of(position), mark)) == position
    return known.has_value(position, row) and (is_first or not row.get("first"))


def leader_of(position: str, row: Mapping[str, Any], known: Account) -> str:
    """Find the item around or beside another that it follows."""
    parent, at = parent_of(position), row.get("at")
    if at != "beside" and row["leader"] in known.marks(parent):
        return parent
    return known.firsts.get((parent, row["leader"]), "") if at != "below" else ""


def structures(record: ItemRecord, known: Account) -> Elements:
    """Answer the resources that an item helped to make, where an equal item before it gave their elements."""
    members = tables()["structures"].get(record.resolved or "", ())
    if not members or known.marks(record.position) & set(tables()["consumed"]):
        return ()
    context = known.sources.items.get(parent_of(record.position), {}).get("context", {})
    places = known.classes.places
    return tuple(places[each] for name in members for each in ids(context.get(name)) if each in places)


def ids(value: Any) -> Iterator[str]:
    """Answer the ids in a member of a context: an id, an object that has one, or a list of either."""
    for each in value if isinstance(value, list) else [value]:
        if each is not None:
            yield each["id"] if isinstance(each, dict) else each


def attribute_elements(record: HeaderRecord, known: Account) -> Elements:
    """Answer what came from an attribute, from the one beside it that it follows, or from an equal one.

    An observer that is the equipment, and a request that is the header's, are told by attributes with the
    same keywords as there.
    """
    keyword = record.path.rpartition(".")[2]
    leader = tables()["follows"].get(keyword, {}).get("leader", keyword)
    equal = keyword if record.disposition == "mapped" else ""
    places = (record.path, record.path.removesuffix(keyword) + leader, record.same_as or "", equal)
    return next((known.reached[place] for place in places if place in known.reached), ())


# ---- lines -------------------------------------------------------------------------------------------------


def item_line(record: ItemRecord, known: Account) -> Line:
    """Put a content item into its class."""
    described = description.of_item(record)
    elements = item_elements(record, known)
    if elements:
        origin = known.origin(record.position)
        reason = DEGRADED if known.classes.is_degraded(origin, elements) else None
        category = known.classes.of_source(origin, elements)
        return Line(record.position, category, reason, described, elements=elements)
    rest, reason = unreached(record, known)
    value = known.sources.items.get(record.position, {}) if reason else {}
    return Line(record.position, rest, reason, described, description.value_digest(value))


def unreached(record: ItemRecord, known: Account) -> tuple[Category, str | None]:
    """Decide the class of an item that reached nothing, and the reason if it is unmapped."""
    position = record.position
    if position in known.reasons:
        return "UNM", known.reasons[position]
    if record.resolved or (record.value_type == CONTAINER and position in known.live):
        return "CONTEXT", None
    if position in known.repeated:
        return "UNM", MULTIPLICITY
    return "UNM", OUT_OF_SCOPE if position in known.out_of_scope else NO_TARGET


def attribute_line(record: HeaderRecord, known: Account) -> Line:
    """Put a header attribute into its class; one that should have a target and reached none is unmapped."""
    described = description.of_attribute(record.path)
    elements = attribute_elements(record, known)
    if elements:
        category = known.classes.of_source(attribute_origin(record.path), elements)
        return Line(record.path, category, None, described, elements=elements)
    if is_context(record):
        return Line(record.path, "CONTEXT", record.reason if record.reason == EMPTY else None, described)
    return Line(record.path, "UNM", record.reason or NO_TARGET, described)


def is_context(record: HeaderRecord) -> bool:
    """Tell whether an attribute that reached nothing was used up, or says nothing of its own."""
    implied = record.path in tables()["implied"] and record.reason in (None, NO_TARGET)
    return implied or record.disposition == "context"


def attribute_origin(path: str) -> Origin:
    """Answer the marks of an attribute: its keywords without the numbers of items."""
    keywords = [part for part in path.split(".") if not part.isdecimal()]
    return Origin(frozenset({keywords[0], ".".join(keywords)}))


# ---- reasons -----------------------------------------------------------------------------------------------


def stated_reasons(findings: Iterable[Finding]) -> dict[str, str]:
    """Collect the reasons that findings give for items; of several the first, wherever in the item."""
    reasons: dict[str, str] = {}
    for finding in findings:
        if finding.code in REASONS:
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
    """Answer the position of the item, or the path of the attribute, that a finding is about."""
    return finding.where.partition(" ")[0]


def repeated(known: Account) -> Iterator[str]:
    """Find the items that repeat one before them which reached an element."""
    taken: set[tuple[str | None, ...]] = set()
    for record in known.records.values():
        said = (parent_of(record.position), record.concept, record.value_type, record.relationship)
        if record.position in known.reached or followed(record, known):
            taken.add(said)
        elif record.concept and not record.resolved and said in taken:
            yield record.position


# ---- positions ---------------------------------------------------------------------------------------------


def parent_of(position: str) -> str:
    """Answer the position of the item around another; empty for the root."""
    return position.rpartition(".")[0]


def with_ancestors(positions: Iterable[str]) -> frozenset[str]:
    """Add to the positions those of all items around them."""
    live = {ROOT}
    for position in positions:
        while position not in live:
            live.add(position)
            position = parent_of(position) or ROOT
    return frozenset(live)
