"""What a benchmark gives: figures, some with a goal."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """State one measured figure.

    Parameters
    ----------
    table
        The table it belongs to.
    name
        What was measured.
    value
        The figure.
    unit
        Of the value: `ms`, `s`, `MB`, `x` for a ratio.
    at_most, at_least
        The goal; None where there is none.
    note
        The values that a ratio was made of.
    """

    table: str
    name: str
    value: float
    unit: str = "x"
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Tell whether the goal is met; None where there is none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    @property
    def goal(self) -> str:
        """Write the goal: `<= 0.15`."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "" if self.at_least is None else f">= {self.at_least:g}"

    def to_dict(self) -> dict[str, Any]:
        """Make the entry of the JSON file."""
        entry = {**asdict(self), "value": round(self.value, 4), "met": self.met}
        return {member: value for member, value in entry.items() if value not in (None, "")}


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@dataclass(frozen=True)
class Times:
    """What several things took that were done in turn.

    Parameters
    ----------
    rounds
        Seconds, one row for each round and one column for each thing.
    """

    rounds: Sequence[Sequence[float]]

    def median(self, column: int) -> float:
        """Return the median time of one thing, in seconds."""
        return statistics.median(row[column] for row in self.rounds)

    def ratio(self, over: int, under: int) -> float:
        """Return the median of the ratios of two things that were done one soon after the other.

        The ratio of the medians would compare rounds in which the machine was quick with rounds in which it
        was slow.
        """
        return statistics.median(row[over] / row[under] for row in self.rounds)


def alternately(works: Sequence[Callable[[], object]], rounds: int) -> Times:
    """Time several things in turn, so many rounds."""
    return Times([[seconds(work) for work in works] for _ in range(rounds)])
