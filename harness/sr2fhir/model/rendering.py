"""A rendered document and the account of it: header attributes and content items (mapping section 8)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

from sr2fhir import jsontext
from sr2fhir.dicom.notes import MAX_OF_A_KIND, keyword_path
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import table
from sr2fhir.model.context import Use, Uses
from sr2fhir.model.environment import RenderOptions
from sr2fhir.model.header import Disposition as Target, HeaderTable
from sr2fhir.model.times import is_instant
from sr2fhir.model.tree import Item
from sr2fhir.model.values import Values

Disposition = Literal["mapped", "context", "unmapped"]


@dataclass(frozen=True)
class Rendering:
    """A Structured Report as the logical model writes it, with what the account of it needs.

    Parameters
    ----------
    document_type
        Which kind of document it is.
    document
        Members of the logical model; every number in it is a :class:`~sr2fhir.jsontext.NumberText` or an int.
    findings
        What was noticed, in the order in which it was.
    items, header
        Every content item and every attribute of the header.
    not_held
        What items have besides: findings, unless the Bundle turns out to hold it.
    """

    document_type: DocumentType
    document: JsonObject
    findings: tuple[Finding, ...]
    items: tuple[ItemRecord, ...]
    header: tuple[HeaderRecord, ...]
    not_held: tuple[NotHeld, ...] = ()

    def all_findings(self, seen: Container[str] | None = None) -> tuple[Finding, ...]:
        """Return all findings, those about not_held last.

        Parameters
        ----------
        seen
            Lineage ids that elements of the Bundle have; None where there is no Bundle yet, so that what
            becomes of attributes with a lineage is not known.
        """
        left = (
            each.finding
            for each in self.not_held
            if each.lineage is None or (seen is not None and each.lineage not in seen)
        )
        return tuple(dict.fromkeys((*self.findings, *left)))

    def to_json(self, *, indent: bool = False) -> bytes:
        """Return the document as UTF-8 JSON."""
        return jsontext.dumps(self.document, indent=indent)


@dataclass(frozen=True, slots=True)
class NotHeld:
    """What an item has and the logical model does not.

    Parameters
    ----------
    finding
        Says so.
    lineage
        Id of an attribute that the model does hold: it is left over only where no element has this id.
    """

    finding: Finding
    lineage: str | None = None


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """Name one content item.

    Parameters
    ----------
    position
        ``1.4.2``.
    value_type, relationship
        As the logical model has them.
    concept
        ``code, scheme, "meaning"``; None where the item has no concept name.
    terms
        Of its concept.
    use
        What it was used for.
    same_as
        Position of an item that said the same before, and whose lineage therefore holds for this one.
    left_out
        Why the maps are not to see it, if so.
    code
        ``code, scheme, "meaning"`` of its value, where that is a code.
    """

    position: str
    value_type: str
    relationship: str | None
    concept: str | None
    terms: tuple[str, ...] = ()
    use: Use | None = None
    same_as: str | None = None
    left_out: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class HeaderRecord:
    """Say where one attribute of the header went.

    Parameters
    ----------
    path
        Keyword path: ``ParticipantSequence.1.PersonName``.
    disposition
        ``mapped``: it has a target; ``context``: consumed or structural; ``unmapped``.
    reason
        Why it is unmapped; ``empty`` where a target gets nothing.
    same_as
        Position or path that said the same before, and whose lineage therefore holds for this one.
    """

    path: str
    disposition: Disposition
    reason: str | None = None
    same_as: str | None = None


def item_records(items: Iterable[Item], uses: Uses, left_out: Mapping[Item, str]) -> tuple[ItemRecord, ...]:
    """Return a record for each content item, in document order; reasons for those that are left out."""
    return tuple(
        ItemRecord(
            item.position,
            item.value_type,
            item.relationship,
            item.concept.label if item.concept else None,
            item.terms,
            uses.of.get(item),
            uses.same.get(item.position),
            left_out.get(item),
            item.origin.coded.label if item.value_type == "CODE" and item.origin.coded else None,
        )
        for item in items
    )


def header_records(
    header: Attributes,
    findings: Iterable[Finding],
    table: HeaderTable,
    same: Mapping[str, str],
    inside: Iterable[str] = (),
    unread: Iterable[str] = (),
) -> tuple[HeaderRecord, ...]:
    """Return a record for each attribute of the header, and for the parts of sequences with several targets.

    Those of the root content item are counted as item 1.

    An empty sequence is absent. An empty attribute has nothing to map: context.

    Parameters
    ----------
    header
        The document's attributes.
    findings
        Of an attribute whose value is invalid, or is left out, the reason why it is unmapped.
    table
        Says which attributes have a target.
    same
        Path → lineage id that said the same before.
    inside
        Paths of attributes with a target, somewhere in sequences that are accounted for as a whole.
    unread
        Paths of attributes without a target in such sequences.
    """
    left_out = {f.where: f.code for f in reversed([*findings]) if f.code in _LEFT_OUT and not f.kept}
    below: dict[str, list[tuple[str, Target | None]]] = {}
    parts: list[tuple[str, Target | None]] = [(path, "mapped") for path in inside]
    parts += [(path, None) for path in unread]
    for path, disposition in parts:
        around, _, rest = path.partition(".")
        below.setdefault(around, []).extend([(path, disposition)] if rest else [])
    records = []
    for attribute in _attributes(header, table):
        records.append(_record(attribute, table.disposition(attribute.name, header), left_out, same))
        records += [
            _record(_Attribute(path, path, is_empty=False), disposition, left_out, same)
            for path, disposition in below.get(attribute.path, ())
        ]
    return tuple(records)


_STUDY = tag("StudyInstanceUID")
_LEFT_OUT = frozenset({"invalid-value", "assumed-offset"})


class _Attribute(NamedTuple):
    """An attribute of the header: its path, its name in the table, and whether it has no value.

    Whether it is a study other than the document's, where the table expects that one, is told, too.
    """

    path: str
    name: str
    is_empty: bool
    of_another_study: bool = False


def _record(
    attribute: _Attribute, disposition: Target | None, left_out: Mapping[str, str], same: Mapping[str, str]
) -> HeaderRecord:
    path, _, is_empty, of_another_study = attribute
    disposition = None if of_another_study else disposition
    if is_empty:
        return HeaderRecord(path, "context", "empty")
    if disposition in ("mapped", "implied") and path in left_out:
        return HeaderRecord(path, "unmapped", left_out[path], same.get(path))
    if disposition is None:
        return HeaderRecord(path, "unmapped", "no-target")
    return HeaderRecord(path, "mapped" if disposition == "mapped" else "context", same_as=same.get(path))


def _attributes(header: Attributes, table: HeaderTable) -> Iterator[_Attribute]:
    for number in _present(header):
        keyword = keyword_path(number)
        if keyword in table.root_item:
            continue
        if keyword not in table.opened:
            yield _Attribute(keyword, keyword, header.is_empty(number))
            continue
        for n, item in enumerate(header.items(number), 1):
            for part in _present(item):
                below = keyword_path(part)
                name = f"{keyword}.{below}"
                another = name in table.own_study and item.text(part) not in (None, header.text(_STUDY))
                yield _Attribute(f"{keyword}.{n}.{below}", name, item.is_empty(part), another)


def _present(attributes: Attributes) -> list[int]:
    """Return the tags, without those of empty sequences."""
    return [
        number
        for number in attributes.tags()
        if not (attributes.is_sequence(number) and attributes.is_empty(number))
    ]


@dataclass(frozen=True)
class DocumentType:
    """A kind of Structured Report that maps exist for.

    Parameters
    ----------
    name
        For people, in the plural: `Measurement Reports`.
    template
        Template Identifier of its root: `1500` (PS3.16).
    titles
        Concepts of its root, by which it is known where that states no template.
    sop_classes
        Those that hold documents of this type only.
    entry_map
        Canonical URL of the StructureMap that makes its Bundle.
    render
        Makes the logical model of a document; takes what the reader noticed besides.
    classes
        Table for the account of what reached the Bundle.
    """

    name: str
    template: str
    titles: frozenset[str]
    entry_map: str
    render: Callable[[Attributes, DocumentType, RenderOptions, tuple[Finding, ...]], Rendering]
    classes: Mapping[str, Any] = field(repr=False)
    sop_classes: frozenset[str] = frozenset()

    @property
    def tid(self) -> str:
        """The template as PS3.16 names it."""
        return f"TID {self.template}"


# ---- what items have and the logical model does not -------------------------------------------------------


_NO_INSTANT = (
    "the Observation DateTime has no time of day, which `issued` needs: that of what is around holds"
)
_NO_CONCEPT = "the item has no concept name: nothing says what it is"
_CODE_AS_TEXT = "a code stands where a text is meant: its meaning is carried over, code and scheme are not"
# uses of items whose value is a text, and the terms among them whose value is a code
_TEXTS = frozenset({"observer", "subject", "procedure", "algorithm", "tracking"})
_CODED = frozenset(
    "algorithm.family observer.type procedure.code subject.class subject.specimen-type "
    "subject.specimen-type-retired".split()
)
_UNITS = tag("MeasurementUnitsCodeSequence")
_DESIGNATOR = tag("CodingSchemeDesignator")
_VERSION = tag("CodingSchemeVersion")
_NAMED = frozenset("TEXT NUM CODE DATETIME DATE TIME UIDREF PNAME".split())
_OBSERVED = tag("ObservationDateTime")
_TRACED = frozenset({_OBSERVED, tag("ObservationUID")})


def not_held(
    items: Iterable[Item], values: Values, uses: Uses, observations: Container[Item]
) -> tuple[NotHeld, ...]:
    """Return every attribute of a content item, other than the root, that the logical model does not hold.

    A value without a concept name (PS3.3 Table C.17-5: required) is reported too: it says nothing.
    Observation UID and Observation DateTime are held with a lineage of their own: what becomes of them is
    seen in the Bundle.

    Parameters
    ----------
    uses
        What items were used for.
    observations
        Items that become Observations. Of their Observation DateTime no more is reported than that it has no
        time of day.
    """
    versions: _Versions = {}
    of_items = [
        left
        for item in items
        if item.parent
        for left in _of(item, values, uses.of.get(item), item in observations, versions)
    ]
    return (*of_items, *(_versions_not_carried(*each, observations) for each in versions.items()))


_Versions = dict[tuple[str | None, str | None], list[Item]]
"""Designator and version of a coding scheme of units → the items with such units."""


def _of(
    item: Item, values: Values, use: Use | None, is_observation: bool, versions: _Versions
) -> Iterator[NotHeld]:
    observed = values.observed.get(item)
    if item.concept is None and item.value_type in _NAMED:
        yield NotHeld(Finding("warning", "invalid-value", item.position, _NO_CONCEPT))
    if observed and not is_instant(observed):
        yield NotHeld(Finding("information", "no-target", item.position, _NO_INSTANT))
    if item.value_type == "CODE" and use and use.kind in _TEXTS and _CODED.isdisjoint(item.terms):
        yield NotHeld(Finding("information", "no-target", item.position, _CODE_AS_TEXT))
    for number in item.attributes.others(_held("by-reference" if item.by_reference else item.value_type)):
        if number in _TRACED and (number != _OBSERVED or is_instant(observed)):
            yield _not_carried(number, item, item.attribute(keyword_path(number)))
        elif number != _OBSERVED or not (is_observation or item.value_type == "CONTAINER"):
            yield _not_carried(number, item)
    for sequence, nested, number in _left_below(item.attributes):
        if (sequence, number) == (_UNITS, _VERSION):
            versions.setdefault((nested.text(_DESIGNATOR), nested.text(_VERSION)), []).append(item)
        else:
            yield _not_carried(number, item)


def _left_below(attributes: Attributes) -> Iterator[tuple[int, Attributes, int]]:
    """Yield the attributes that are not held in the first item of a sequence, at any depth, with both."""
    opened = [attributes]
    while opened:
        outer = opened.pop()
        for sequence in outer.present(_held_below()):
            for nested in outer.items(sequence)[:1]:
                held = _held_below()[sequence]
                yield from ((sequence, nested, number) for number in nested.others(held))
                opened.append(nested)


def _versions_not_carried(
    scheme: tuple[str | None, str | None], items: list[Item], observations: Container[Item]
) -> NotHeld:
    """Report a version of a coding scheme once for all units that state it: every number has units.

    It stands at the first of the items, if possible one that is an Observation, and names the others.
    """
    where = next((item for item in items if item in observations), items[0])
    others = [item.position for item in items if item is not where]
    further = len(others) - MAX_OF_A_KIND
    named = [*others[:MAX_OF_A_KIND], *([f"{further:,} more"] if further > 0 else ())]
    also = f"; nor that of {', '.join(named)}" if named else ""
    message = f"the {keyword_path(_VERSION)} of the units ({scheme[0]}) is not carried over{also}"
    return NotHeld(Finding("information", "no-target", where.position, message))


def _not_carried(number: int, item: Item, lineage: str | None = None) -> NotHeld:
    message = f"the attribute {keyword_path(number)} is not carried over"
    return NotHeld(Finding("information", "no-target", item.position, message), lineage)


@cache
def _held(kind: str) -> frozenset[int]:
    """Return the attributes that are held of items of a value type, or of those by reference."""
    stated = table(__package__, "held.toml")
    if kind == "by-reference":
        return frozenset(map(tag, stated[kind]))
    return frozenset(map(tag, (*stated["always"], *stated["value"].get(kind, ()))))


@cache
def _held_below() -> dict[int, frozenset[int]]:
    stated = table(__package__, "held.toml")["below"]
    return {tag(sequence): frozenset(map(tag, held)) for sequence, held in stated.items()}
