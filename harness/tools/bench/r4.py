"""What FHIR R4 costs: the engine's time for the step from R5, beside its time for the transform to R5."""

from __future__ import annotations

from pathlib import Path

from sr2fhir import render
from sr2fhir.engines import Engine, EngineOptions, create
from sr2fhir.errors import Sr2FhirError
from sr2fhir.model import Rendering
from sr2fhir.settings import R4

from tools.bench.batch import NUMBER, fill
from tools.bench.figures import Figure, Times, alternately

ROUNDS = 5
GOAL = 0.35
TABLE = f"{NUMBER} mixed reports, FHIR R4"


def measure(folder: Path) -> list[Figure]:
    """Compare the step with the transform, in one engine, warm."""
    fill(folder)
    documents = rendered(folder)
    engine = create(options=EngineOptions(batch=True, target=R4))
    try:
        made = transformed(engine, documents)
        stepped(engine, made)
        times = alternately([lambda: transformed(engine, documents), lambda: stepped(engine, made)], ROUNDS)
    finally:
        engine.close()
    return figures(times)


def figures(times: Times) -> list[Figure]:
    """Make the figures of the times of the transform and of the step."""
    return [
        Figure(TABLE, "engine, logical model to R5", times.median(0), "s"),
        Figure(TABLE, "engine, R5 to R4", times.median(1), "s"),
        Figure(TABLE, "R5 to R4 / logical model to R5", times.ratio(1, 0), at_most=GOAL),
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


def transformed(engine: Engine, documents: list[Rendering]) -> list[bytes]:
    """Transform all to R5."""
    return [engine.transform(each.to_json(), each.document_type.entry_map) for each in documents]


def stepped(engine: Engine, bundles: list[bytes]) -> list[bytes]:
    """Lead all from R5 to R4."""
    (step,) = R4.step_maps
    return [engine.transform(bundle, step) for bundle in bundles]
