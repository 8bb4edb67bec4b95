"""One file, the whole process, beside the engine as it comes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import sr2fhir
from sr2fhir.paths import layout

from tools.bench.figures import Figure, Times, alternately
from tools.bench.processes import SR2FHIR, run, transform
from tools.bench.reports import sample

ROUNDS = 9
COLD_GOAL, SERVICE_GOAL = 0.15, 0.05
STOCK = Path(__file__).with_name("stock.py")
TABLE = "one file, whole process"


def measure(folder: Path) -> list[Figure]:
    """Compare a cold start, and one with a running service, with the engine as it comes."""
    document = folder / "document.json"
    document.write_bytes(sr2fhir.render(sample()).to_json())
    own = transform(sample(), folder / "cold")
    stock = [sys.executable, str(STOCK), str(document), str(folder)]
    served = transform(sample(), folder / "served")
    with service(folder / "home") as home:
        jobs = [partial(run, own), partial(run, served, home), partial(run, stock)]
        for job in jobs:  # so that Python's bytecode is there, and the class of the engine as it comes
            job()
        times = alternately(jobs, ROUNDS)
    return figures(times)


def figures(times: Times) -> list[Figure]:
    """Make the figures of the times of a cold start, one with a service, and the engine as it comes."""
    return [
        Figure(TABLE, "the engine as it comes", times.median(2), "s"),
        Figure(TABLE, "sr2fhir", times.median(0), "s"),
        Figure(TABLE, "sr2fhir with a running service", times.median(1), "s"),
        Figure(TABLE, "sr2fhir / engine as it comes", times.ratio(0, 2), at_most=COLD_GOAL),
        Figure(TABLE, "with service / engine as it comes", times.ratio(1, 2), at_most=SERVICE_GOAL),
    ]


@contextmanager
def service(folder: Path) -> Iterator[dict[str, str]]:
    """Keep a service running in a home of its own; yield the environment in which it is found."""
    folder.mkdir()
    for path in layout().home.iterdir():
        if path.name != "running":
            (folder / path.name).symlink_to(path)
    home = {"SR2FHIR_HOME": str(folder)}
    run([*SR2FHIR, "engine", "start"], home)
    try:
        yield home
    finally:
        run([*SR2FHIR, "engine", "stop"], home)
