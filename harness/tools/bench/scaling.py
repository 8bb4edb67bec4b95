"""Reports of growing size, whole process: time for each measurement, and memory."""

from __future__ import annotations

from pathlib import Path

from tools.bench.figures import Figure
from tools.bench.processes import Run, transform, watch
from tools.bench.reports import file_of

SIZES = (10, 100, 1000, 10_000)
ROUNDS = 3
GROWTH_GOAL, MEMORY_GOAL_MB = 1.3, 2 * 1024**3 / 1e6
TABLE = "growth with size, whole process"


def measure(folder: Path) -> list[Figure]:
    """Measure each size."""
    files = {number: file_of(number, folder) for number in SIZES}
    runs: dict[int, list[Run]] = {number: [] for number in SIZES}
    for _ in range(ROUNDS):
        for number, path in files.items():
            runs[number].append(watch(transform(path, folder / "large")))
    return [*(_time(number, runs[number]) for number in SIZES), *goals(runs)]


def goals(runs: dict[int, list[Run]]) -> list[Figure]:
    """Make the figures that have a goal."""
    thousand, most = (_median(runs[number]) / number for number in (1000, 10_000))
    largest = max(runs[10_000], key=lambda run: run.python_mb + run.java_mb)
    memory = f"Python {largest.python_mb:.0f} MB, Java {largest.java_mb:.0f} MB"
    return [
        Figure(TABLE, "time per measurement, 10,000 / 1,000", most / thousand, at_most=GROWTH_GOAL),
        Figure(
            TABLE,
            "memory of all processes, 10,000 measurements",
            largest.python_mb + largest.java_mb,
            "MB",
            at_most=MEMORY_GOAL_MB,
            note=memory,
        ),
    ]


def _time(number: int, runs: list[Run]) -> Figure:
    """Make the figure of one size."""
    memory = max(run.python_mb + run.java_mb for run in runs)
    return Figure(TABLE, f"{number:,} measurements", _median(runs), "s", note=f"{memory:.0f} MB")


def _median(runs: list[Run]) -> float:
    """Return the median time in seconds."""
    return sorted(run.seconds for run in runs)[len(runs) // 2]
