"""What FHIR R4 costs: the engine's time for the step from R5, beside its time for the transform to R5."""

from __future__ import annotations

from pathlib import Path

from sr2fhir import render
from sr2fhir.engines import Engine, EngineOptions, create
from sr2fhir.errors import Sr2FhirError
from sr2fhir.model import Rendering
from sr2fhir.pipeline import executed
from sr2fhir.settings import R4, R5

from tools.bench.batch import NUMBER, fill
from tools.bench.figures import Figure, Times, alternately

ROUNDS = 5
GOAL = 0.35
TABLE = f"{NUMBER} mixed reports, FHIR R4"


def measure(folder: Path) -> list[Figure]:
    """Compare both transforms with the first one, in one engine, warm."""
    fill(folder)
    documents = rendered(folder)
    engine = create(options=EngineOptions(batch=True, target=R4))
    try:
        works = [lambda: to_r5(engine, documents), lambda: to_r4(engine, documents)]
        alternately(works, 1)
        times = alternately(works, ROUNDS)
    finally:
        engine.close()
    return figures(times)


def figures(times: Times) -> list[Figure]:
    """Make the figures of the times of the first transform and of both."""
    return [
        Figure(TABLE, "engine, to R5", times.median(0), "s"),
        Figure(TABLE, "engine, to R5 and R4", times.median(1), "s"),
        Figure(TABLE, "what R4 adds / to R5", times.ratio(1, 0) - 1, at_most=GOAL),
    ]


def rendered(folder: Path) -> list[Rendering]:
    """Render what is a report."""
    found = []
    for path in sorted(folder.rglob("*.dcm")):
        try:
            found.append(render(path))
        except Sr2FhirError:  # the corpus holds some that are refused
            continue
    return found


def to_r5(engine: Engine, documents: list[Rendering]) -> None:
    """Transform all to R5."""
    for each in documents:
        executed(each, engine, R5)


def to_r4(engine: Engine, documents: list[Rendering]) -> None:
    """Transform all to R5 and R4."""
    for each in documents:
        executed(each, engine, R4)
