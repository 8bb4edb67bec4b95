"""What was tolerated while reading, and names for where.

Where is `PatientID`, `1.4.2` or `1.4.2 MeasuredValueSequence[1].NumericValue`: content items are named by
their position in the content tree, counted from 1 as PS3.3 C.17.3.2.5 does for Referenced Content Item
Identifier; anything else by the keywords that lead to it.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from pydicom.datadict import keyword_for_tag

from sr2fhir.findings import Finding, Severity

MAX_OF_A_KIND = 20


class Notes:
    """Collect findings; of a kind that occurs again and again, keep the first ones and count the others."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._seen: Counter[tuple[str, str]] = Counter()

    def warn(self, code: str, where: str, message: str, hint: str | None = None) -> None:
        """Note an oddity that was tolerated."""
        self._add("warning", code, where, message, hint)

    def inform(self, code: str, where: str, message: str, hint: str | None = None) -> None:
        """Note something that needs no action."""
        self._add("information", code, where, message, hint)

    def _add(self, severity: Severity, code: str, where: str, message: str, hint: str | None) -> None:
        kind = (code, message)
        self._seen[kind] += 1
        if self._seen[kind] <= MAX_OF_A_KIND:
            self._findings.append(Finding(severity, code, where, message, hint))

    def all(self) -> tuple[Finding, ...]:
        """Return the findings in the order in which they were made, then one for each kind cut short."""
        more = [
            Finding("warning", code, "", f"{message} (and in {count - MAX_OF_A_KIND:,} more places)", None)
            for (code, message), count in self._seen.items()
            if count > MAX_OF_A_KIND
        ]
        return (*self._findings, *more)


CONTENT_SEQUENCE = 0x0040A730


class Step:
    """Remember how an item was reached: from which item, through which sequence, as which of it (from 1)."""

    __slots__ = ("index", "parent", "tag")

    def __init__(self, parent: Step | None, tag: int, index: int) -> None:
        self.parent = parent
        self.tag = tag
        self.index = index


@lru_cache(maxsize=4096)
def keyword_path(tag: int) -> str:
    """Return the keyword of a tag, or ``(gggg,eeee)`` where it has none."""
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def place_of(item: Step | None, tag: int | None = None) -> str:
    """Name an item, or one of its attributes."""
    steps = steps_to(item)
    depth = next((n for n, step in enumerate(steps) if step.tag != CONTENT_SEQUENCE), len(steps))
    position = ".".join(["1", *(str(step.index) for step in steps[:depth])])
    names = [f"{keyword_path(step.tag)}[{step.index}]" for step in steps[depth:]]
    names += [keyword_path(tag)] if tag is not None else []
    return " ".join(part for part in (position if depth or not names else "", ".".join(names)) if part)


def steps_to(item: Step | None) -> list[Step]:
    """List the steps from the root to an item."""
    steps = []
    while item is not None:
        steps.append(item)
        item = item.parent
    return steps[::-1]
