"""What content items have without a place in the logical model, or lack: none is dropped in silence."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from functools import cache

from sr2fhir.dicom.notes import keyword_path
from sr2fhir.findings import Finding
from sr2fhir.model.accounting import Leftover
from sr2fhir.model.attributes import tag
from sr2fhir.model.datetimes import is_instant
from sr2fhir.model.roles import table
from sr2fhir.model.tree import Item
from sr2fhir.model.values import Values

_NO_INSTANT = (
    "the Observation DateTime has no time of day, which `issued` needs: that of what is around holds"
)
_NO_CONCEPT = "the item has no concept name: nothing says what it is"
_NAMED = frozenset("TEXT NUM CODE DATETIME DATE TIME UIDREF PNAME".split())
_OBSERVED = tag("ObservationDateTime")
_TRACED = frozenset({_OBSERVED, tag("ObservationUID")})


def leftovers(items: Iterable[Item], values: Values, observations: Container[Item]) -> tuple[Leftover, ...]:
    """Return every attribute of a content item, other than the root, that the logical model does not hold.

    A value without a concept name (PS3.3 Table C.17-5: required) is told too: it says nothing. Observation
    UID and Observation DateTime are held with a lineage of their own: what becomes of them is seen in the
    Bundle.

    Parameters
    ----------
    observations
        Items that become Observations. Of their Observation DateTime no more is told than that it has no
        time of day.
    """
    return tuple(left for item in items if item.parent for left in _of(item, values, item in observations))


def _of(item: Item, values: Values, is_observation: bool) -> Iterator[Leftover]:
    observed = values.observed.get(item)
    if item.concept is None and item.value_type in _NAMED:
        yield Leftover(Finding("warning", "invalid-value", item.position, _NO_CONCEPT))
    if observed and not is_instant(observed):
        yield Leftover(Finding("information", "no-target", item.position, _NO_INSTANT))
    for number in item.attributes.others(_held("by-reference" if item.by_reference else item.value_type)):
        if number in _TRACED and (number != _OBSERVED or is_instant(observed)):
            yield _not_carried(number, item, item.attribute(keyword_path(number)))
        elif number != _OBSERVED or not (is_observation or item.value_type == "CONTAINER"):
            yield _not_carried(number, item)
    for sequence, held in _held_below().items():
        for nested in item.attributes.items(sequence)[:1]:
            for number in nested.others(held):
                yield _not_carried(number, item)


def _not_carried(number: int, item: Item, lineage: str | None = None) -> Leftover:
    message = f"the attribute {keyword_path(number)} is not carried over"
    return Leftover(Finding("information", "no-target", item.position, message), lineage)


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
