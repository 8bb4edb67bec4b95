"""A folder of mixed reports, whole process, beside pydicom reading the same files."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

import pydicom

from tools.bench.figures import Figure, Times, alternately
from tools.bench.processes import run, transform
from tools.bench.reports import touch
from tools.corpus import corpus

NUMBER, ROUNDS = 500, 5
PYDICOM_GOAL, WORKERS_GOAL = 3.0, 1.7
TABLE = f"{NUMBER} mixed reports"


def measure(folder: Path) -> list[Figure]:
    """Compare one worker with pydicom, and two workers with one."""
    reports = folder / "reports"
    fill(reports)
    reading = [sys.executable, str(Path(__file__)), str(reports)]
    works = [partial(run, reading), *(partial(_batch, reports, folder / "out", jobs) for jobs in (1, 2))]
    return figures(alternately(works, ROUNDS))


def figures(times: Times) -> list[Figure]:
    """Make the figures of the times of pydicom, one worker and two workers."""
    one, two = times.median(1), times.median(2)
    return [
        Figure(TABLE, "pydicom reads and touches every element", times.median(0), "s"),
        Figure(TABLE, "sr2fhir, one worker", one, "s", note=f"{NUMBER / one:.0f} reports/s"),
        Figure(TABLE, "sr2fhir, two workers", two, "s", note=f"{NUMBER / two:.0f} reports/s"),
        Figure(TABLE, "one worker / pydicom", times.ratio(1, 0), at_most=PYDICOM_GOAL),
        Figure(TABLE, "throughput of two workers / one", times.ratio(1, 2), at_least=WORKERS_GOAL),
    ]


def fill(folder: Path) -> None:
    """Write the reports, all of them DICOM, which pydicom reads."""
    for name, data in corpus(NUMBER, endings=(".dcm",)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _batch(reports: Path, out: Path, jobs: int) -> None:
    """Transform all of them into an empty folder."""
    shutil.rmtree(out, ignore_errors=True)
    run(transform(reports, out, "--jobs", str(jobs)))


def read_all(folder: Path) -> int:
    """Read each file and touch every element of it."""
    return sum(touch(pydicom.dcmread(path)) for path in sorted(folder.rglob("*.dcm")))


if __name__ == "__main__":
    read_all(Path(sys.argv[1]))
