"""Names for places in a data set: `PatientID`, `1.4.2`, `1.4.2 MeasuredValueSequence[1].NumericValue`.

Content items are named by their position in the content tree, counted from 1 as PS3.3 C.17.3.2.5 does for
Referenced Content Item Identifier; anything else by the keywords that lead to it.
"""

from __future__ import annotations

from functools import lru_cache

from pydicom.datadict import keyword_for_tag

CONTENT_SEQUENCE = 0x0040A730


class Step:
    """Remember how an item was reached: from which item, through which sequence, as which of it (from 1)."""

    __slots__ = ("index", "parent", "tag")

    def __init__(self, parent: Step | None, tag: int, index: int) -> None:
        self.parent = parent
        self.tag = tag
        self.index = index


@lru_cache(maxsize=4096)
def name_of(tag: int) -> str:
    """Name an attribute by its keyword, or by its tag where it has none."""
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def place_of(item: Step | None, tag: int | None = None) -> str:
    """Name an item, or one of its attributes."""
    steps = steps_to(item)
    depth = next((n for n, step in enumerate(steps) if step.tag != CONTENT_SEQUENCE), len(steps))
    position = ".".join(["1", *(str(step.index) for step in steps[:depth])])
    names = [f"{name_of(step.tag)}[{step.index}]" for step in steps[depth:]]
    names += [name_of(tag)] if tag is not None else []
    return " ".join(part for part in (position if depth or not names else "", ".".join(names)) if part)


def steps_to(item: Step | None) -> list[Step]:
    """List the steps from the root to an item."""
    steps = []
    while item is not None:
        steps.append(item)
        item = item.parent
    return steps[::-1]
