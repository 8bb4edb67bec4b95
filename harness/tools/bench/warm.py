"""One report after the other in a warm engine: where the time goes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from sr2fhir import read, render
from sr2fhir.accounting import finish
from sr2fhir.engines import Engine, EngineOptions, create

from tools.bench.figures import Figure
from tools.bench.reports import file_of

T = TypeVar("T")

# number of measurements -> how often, after so many that warm up
SIZES = {6: (200, 300), 1000: (10, 12)}
STAGES = ("read", "render", "engine", "finish")
TABLE = "warm, per report"


def measure(folder: Path) -> list[Figure]:
    """Time the stages for a small and a large report."""
    engine = create("embedded", EngineOptions(batch=True))
    try:
        return [figure for number in SIZES for figure in stages(number, file_of(number, folder), engine)]
    finally:
        engine.close()


def stages(number: int, path: Path, engine: Engine) -> list[Figure]:
    """Time the stages of one report."""
    rounds, warming = SIZES[number]
    times = [_once(path, engine) for _ in range(warming + rounds)][warming:]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    named = zip((*STAGES, "together"), (*medians, sum(medians)), strict=True)
    return [Figure(TABLE, f"{number:,} measurements: {stage}", 1000 * time, "ms") for stage, time in named]


def _once(path: Path, engine: Engine) -> list[float]:
    """Transform a report and time its stages, in seconds."""
    times: list[float] = []
    document = _timed(times, lambda: read(path))
    rendering = _timed(times, lambda: render(document))
    made = _timed(times, lambda: engine.transform(rendering.to_json(), rendering.document_type.entry_map))
    _timed(times, lambda: finish(made, rendering, keep_lineage=False))
    return times


def _timed(times: list[float], work: Callable[[], T]) -> T:
    """Do some work and note how long it took."""
    begin = perf_counter()
    done = work()
    times.append(perf_counter() - begin)
    return done
