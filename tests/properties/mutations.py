"""Change a report in one place: another value of an attribute, or none; one sequence item less, or twice."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from pydicom.config import IGNORE
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

CONTENT = 0x0040A730
OTHERS = {
    "DA": "20010203",
    "TM": "010203",
    "DT": "20010203040506",
    "DS": "77.5",
    "PN": "Other^Name",
    "UI": "1.2.826.99.77",
}
NUMBERS = frozenset({"US", "UL", "SS", "SL", "FD", "FL", "UV", "SV", "IS"})


class Spot(NamedTuple):
    """An attribute, or an item of a sequence, by the sequences and items that lead to it."""

    path: tuple[tuple[BaseTag, int], ...]
    tag: BaseTag
    item: int | None = None

    @property
    def position(self) -> str:
        """The position of the content item that it belongs to."""
        return ".".join(["1", *(str(number + 1) for tag, number in self.path if tag == CONTENT)])

    @property
    def keywords(self) -> str:
        """The keywords that lead to it from its content item or from the header."""
        tags = [*(tag for tag, _ in self.path if tag != CONTENT), self.tag]
        return ".".join(keyword_for_tag(tag) or str(tag) for tag in tags)


class Mutation(NamedTuple):
    """What is done to which spot: `change`, `remove` or `repeat`."""

    how: str
    spot: Spot

    def __str__(self) -> str:
        return f"{self.how} {self.spot.keywords} of {self.spot.position}"


def mutations(report: Dataset) -> list[Mutation]:
    """List everything that can be changed in one place of a report."""
    return [
        Mutation(how, spot)
        for spot in spots(report)
        for how in (("change", "remove") if spot.item is None else ("remove", "repeat"))
    ]


def spots(dataset: Dataset, path: tuple[tuple[BaseTag, int], ...] = ()) -> Iterator[Spot]:
    for element in dataset:
        if element.VR != "SQ":
            yield Spot(path, element.tag)
            continue
        for number, item in enumerate(element.value):
            yield Spot(path, element.tag, number)
            yield from spots(item, (*path, (element.tag, number)))


def mutated(report: Dataset, mutation: Mutation) -> Dataset:
    """Return a report that differs in one place."""
    made = deepcopy(report)
    around = made
    for tag, number in mutation.spot.path:
        around = around[tag].value[number]
    tag, item = mutation.spot.tag, mutation.spot.item
    if item is not None:
        sequence = around[tag].value
        if mutation.how == "remove":
            del sequence[item]
        else:
            sequence.insert(item, deepcopy(sequence[item]))
    elif mutation.how == "remove":
        del around[tag]
    else:
        element = around[tag]
        around[tag] = DataElement(tag, element.VR, other(element.VR, element.value), validation_mode=IGNORE)
    return made


def other(vr: str, value: Any) -> Any:
    """Return another value of the same kind; of several, the last is another."""
    if isinstance(value, MultiValue | list):
        return [*value[:-1], other(vr, value[-1])] if value else other(vr, None)
    if vr in NUMBERS:
        return (value or 0) + 1
    if vr in OTHERS:
        return OTHERS[vr]
    if isinstance(value, bytes):
        return value + b"\1\1"
    text = str(value or "")
    return f"{text}9" if len(text) < 16 else f"9{text[1:]}"
