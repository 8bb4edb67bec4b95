"""One file, the whole process, beside the engine as it comes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import sr2fhir

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
    stock = [sys.executable, str(STOCK), str(document)]
    with service():
        served = transform(sample(), folder / "served", "--engine", "validator")
        for command in (own, served):  # so that Python's bytecode is there
            run(command)
        times = alternately([partial(run, command) for command in (own, served, stock)], ROUNDS)
    return figures(times)


def figures(times: Times) -> list[Figure]:
    """Make the figures of the times of a cold start, one with a service, and the engine as it comes."""
    return [
        Figure(TABLE, "the engine as it comes", times.median(2), "s"),
        Figure(TABLE, "sr2fhir", times.median(0), "s"),
        Figure(TABLE, "sr2fhir with a running validator service", times.median(1), "s"),
        Figure(TABLE, "sr2fhir / engine as it comes", times.ratio(0, 2), at_most=COLD_GOAL),
        Figure(TABLE, "with service / engine as it comes", times.ratio(1, 2), at_most=SERVICE_GOAL),
    ]


@contextmanager
def service() -> Iterator[None]:
    """Keep a validator service running; one that ran before runs on."""
    ran = subprocess.run([*SR2FHIR, "engine", "status"], capture_output=True, check=False).returncode == 0
    run([*SR2FHIR, "engine", "start"])
    try:
        yield
    finally:
        if not ran:
            run([*SR2FHIR, "engine", "stop"])
