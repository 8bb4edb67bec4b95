"""The account of a rendering: every header attribute and every content item; nothing is lost in silence.

Mapping section 8.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from sr2fhir import jsontext
from sr2fhir.dicom.notes import keyword_path
from sr2fhir.findings import Finding
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes
from sr2fhir.model.context import Use, Uses
from sr2fhir.model.header import HeaderTable
from sr2fhir.model.tree import Item

if TYPE_CHECKING:
    from sr2fhir.documents.base import DocumentType

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
    leftovers
        What items have besides, to be told after the findings.
    """

    document_type: DocumentType
    document: JsonObject
    findings: tuple[Finding, ...]
    items: tuple[ItemRecord, ...]
    header: tuple[HeaderRecord, ...]
    leftovers: tuple[Leftover, ...] = ()

    def told(self, seen: Container[str] | None = None) -> tuple[Finding, ...]:
        """Return all findings, those about leftovers last.

        Parameters
        ----------
        seen
            Lineage ids that elements of the Bundle have; None where there is no Bundle yet, so that what
            becomes of attributes with a lineage is not known.
        """
        left = (
            each.finding
            for each in self.leftovers
            if each.lineage is None or (seen is not None and each.lineage not in seen)
        )
        return tuple(dict.fromkeys((*self.findings, *left)))

    def to_json(self, *, indent: bool = False) -> bytes:
        """Return the document as UTF-8 JSON."""
        return jsontext.dumps(self.document, indent=indent)


@dataclass(frozen=True, slots=True)
class Leftover:
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
    """

    position: str
    value_type: str
    relationship: str | None
    concept: str | None
    terms: tuple[str, ...] = ()
    use: Use | None = None
    same_as: str | None = None


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


def item_records(items: Iterable[Item], uses: Uses) -> tuple[ItemRecord, ...]:
    """Return a record for each content item, in document order."""
    return tuple(
        ItemRecord(
            item.position,
            item.value_type,
            item.relationship,
            item.concept.label if item.concept else None,
            item.terms,
            uses.of.get(item),
            uses.same.get(item.position),
        )
        for item in items
    )


def header_records(
    header: Attributes, findings: Iterable[Finding], table: HeaderTable, same: Mapping[str, str]
) -> tuple[HeaderRecord, ...]:
    """Return a record for each attribute of the header, and for the parts of sequences with several targets.

    Those of the root content item are told as item 1.

    An empty sequence is absent. An empty attribute that would have a target has nothing to map: context.

    Parameters
    ----------
    header
        The document's attributes.
    findings
        An attribute whose value is invalid is unmapped for that reason.
    table
        Says which attributes have a target.
    same
        Path → lineage id that said the same before.
    """
    invalid = {finding.where for finding in findings if finding.code == "invalid-value"}
    return tuple(_record(attribute, table, invalid, same) for attribute in _attributes(header, table))


class _Attribute(NamedTuple):
    """An attribute of the header: its path, its name in the table, and whether it has no value."""

    path: str
    name: str
    is_empty: bool


def _record(
    attribute: _Attribute, table: HeaderTable, invalid: set[str], same: Mapping[str, str]
) -> HeaderRecord:
    path, name, is_empty = attribute
    disposition = table.dispositions.get(name)
    if disposition == "mapped" and is_empty:
        return HeaderRecord(path, "context", "empty")
    if disposition == "mapped" and path in invalid:
        return HeaderRecord(path, "unmapped", "invalid-value", same.get(path))
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
                yield _Attribute(f"{keyword}.{n}.{below}", f"{keyword}.{below}", item.is_empty(part))


def _present(attributes: Attributes) -> list[int]:
    """Return the tags, without those of empty sequences."""
    return [
        number
        for number in attributes.tags()
        if not (attributes.is_sequence(number) and attributes.is_empty(number))
    ]
