"""The account of a rendering: every header attribute and every content item; nothing is lost in silence.

Mapping section 8.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from sr2fhir.findings import Finding
from sr2fhir.rendering.attributes import Attributes, keyword_path
from sr2fhir.rendering.tree import Item

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
    """

    position: str
    value_type: str
    relationship: str | None
    concept: str | None
    resolved: str | None


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
        Why it is unmapped.
    """

    path: str
    disposition: Disposition
    reason: str | None = None


def item_records(items: Iterable[Item]) -> tuple[ItemRecord, ...]:
    """Return a record for each content item, in document order."""
    return tuple(
        ItemRecord(
            item.position,
            item.value_type,
            item.relationship,
            item.concept.label if item.concept else None,
            item.resolved,
        )
        for item in items
    )


def header_records(
    header: Attributes, findings: Iterable[Finding], unused: Iterable[str]
) -> tuple[HeaderRecord, ...]:
    """Return a record for each attribute of the header, and for the parts of sequences with several targets.

    Parameters
    ----------
    header
        The document's attributes.
    findings
        An attribute whose value is invalid is unmapped for that reason.
    unused
        Keyword paths of items that name no party in use.
    """
    invalid = {finding.where for finding in findings if finding.code == "invalid-value"}
    prefixes = tuple(f"{path}." for path in unused)
    return tuple(_record(path, name, invalid, prefixes) for path, name in _paths(header))


def _record(path: str, name: str, invalid: set[str], unused: tuple[str, ...]) -> HeaderRecord:
    disposition = _dispositions().get(name, "unmapped")
    if disposition == "mapped" and path in invalid:
        return HeaderRecord(path, "unmapped", "invalid-value")
    if disposition == "unmapped" or (disposition == "mapped" and path.startswith(unused)):
        return HeaderRecord(path, "unmapped", "no-target")
    return HeaderRecord(path, disposition)


def _paths(header: Attributes) -> Iterator[tuple[str, str]]:
    """Yield the path of each attribute and the name under which the table has it."""
    for number in header.tags():
        keyword = keyword_path(number)
        if keyword in _opened():
            for n, item in enumerate(header.items(number), 1):
                yield from (
                    (f"{keyword}.{n}.{keyword_path(part)}", f"{keyword}.{keyword_path(part)}")
                    for part in item.tags()
                )
        elif _dispositions().get(keyword) != "mapped" or not header.is_empty(number):
            yield keyword, keyword


@cache
def _dispositions() -> dict[str, Disposition]:
    table = json.loads(files(__package__).joinpath("header_attributes.json").read_text("utf-8"))
    dispositions: tuple[Disposition, ...] = ("mapped", "context")
    return {name: disposition for disposition in dispositions for name in table[disposition]}


@cache
def _opened() -> frozenset[str]:
    return frozenset(name.split(".")[0] for name in _dispositions() if "." in name)
