"""The account of a rendering: every header attribute and every content item; nothing is lost in silence.

Mapping section 8.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from sr2fhir.findings import Finding
from sr2fhir.model.attributes import Attributes, keyword_path
from sr2fhir.model.tree import Item

Disposition = Literal["mapped", "context", "unmapped"]


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
    resolved
        What consumed the item.
    same_as
        Position of an item that said the same before, and whose lineage therefore holds for this one.
    """

    position: str
    value_type: str
    relationship: str | None
    concept: str | None
    resolved: str | None
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


@dataclass(frozen=True, slots=True)
class Usage:
    """What the rendering of a document made of its header.

    Parameters
    ----------
    unused
        Paths of sequence items that name no party in use.
    used
        Attributes that only some documents need, and this one did.
    same_as
        Place that said the same before, by path.
    """

    unused: Collection[str] = ()
    used: Collection[str] = ()
    same_as: Mapping[str, str] = field(default_factory=dict)


def item_records(items: Iterable[Item]) -> tuple[ItemRecord, ...]:
    """Return a record for each content item, in document order."""
    return tuple(
        ItemRecord(
            item.position,
            item.value_type,
            item.relationship,
            item.concept.label if item.concept else None,
            item.resolved,
            item.same_as,
        )
        for item in items
    )


def header_records(header: Attributes, findings: Iterable[Finding], usage: Usage) -> tuple[HeaderRecord, ...]:
    """Return a record for each attribute of the header, and for the parts of sequences with several targets.

    An empty sequence is absent. An empty attribute that would have a target has nothing to map: context.

    Parameters
    ----------
    header
        The document's attributes.
    findings
        An attribute whose value is invalid is unmapped for that reason.
    usage
        What was made of the header.
    """
    invalid = {finding.where for finding in findings if finding.code == "invalid-value"}
    return tuple(_record(attribute, invalid, usage) for attribute in _attributes(header))


class _Attribute(NamedTuple):
    """An attribute of the header: its path, its name in the table, and whether it has no value."""

    path: str
    name: str
    is_empty: bool


def _record(attribute: _Attribute, invalid: set[str], usage: Usage) -> HeaderRecord:
    path, name, is_empty = attribute
    disposition = "mapped" if name in usage.used else _dispositions().get(name, "unmapped")
    if disposition == "mapped" and is_empty:
        return HeaderRecord(path, "context", "empty")
    if disposition == "mapped" and path in invalid:
        return HeaderRecord(path, "unmapped", "invalid-value")
    unused = any(path.startswith(f"{prefix}.") for prefix in usage.unused)
    if disposition == "unmapped" or (disposition == "mapped" and unused):
        return HeaderRecord(path, "unmapped", "no-target")
    return HeaderRecord(path, disposition, same_as=usage.same_as.get(path))


def _attributes(header: Attributes) -> Iterator[_Attribute]:
    for number in _present(header):
        keyword = keyword_path(number)
        if keyword not in _opened():
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


@cache
def _table() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads(
        files(__package__).joinpath("header_attributes.json").read_text("utf-8")
    )
    return table


@cache
def _dispositions() -> dict[str, Disposition]:
    dispositions: tuple[Disposition, ...] = ("mapped", "context")
    return {name: disposition for disposition in dispositions for name in _table()[disposition]}


@cache
def _opened() -> frozenset[str]:
    split = {name.split(".")[0] for name in _dispositions() if "." in name}
    return frozenset({*split, *_table()["opened"]})
