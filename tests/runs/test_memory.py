"""Memory depends on the largest input and not on how many there are."""

from __future__ import annotations

import gc
import pathlib
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from sr2fhir.engines import EngineOptions
from sr2fhir.pipeline import Settings
from sr2fhir.runs import Summary
from sr2fhir.runs.discovery import discover
from sr2fhir.runs.pool import one_by_one
from sr2fhir.runs.shared import SharedRun
from sr2fhir.runs.work import RunSettings, make_work

from tests.runs.toys import ToyEngine

FEW, MANY = 200, 2000
KILOBYTE = 1024


# names of files are interned, in a table that Python makes larger now and then
NOISE = tracemalloc.Filter(inclusive=False, filename_pattern=pathlib.__file__)


def used(folder: Path, number: int, ndjson: bool) -> int:
    """Return how many bytes a run holds at its end, over a list of so many files that are no reports."""
    (folder / "list.txt").write_text("a.dcm\n" * number)
    settings = RunSettings(None, EngineOptions(), Settings(), ndjson)
    summary = Summary()
    tracemalloc.start()
    with SharedRun(settings, folder / f"out{number}", summary, resume=False) as run:
        work = partial(one_by_one, make_work(settings.pipeline, run.sink, ToyEngine()))
        for result in run(discover([f"@{folder}/list.txt"]), work):
            summary.add(result)
            if summary.files == number:
                gc.collect()
                found = tracemalloc.take_snapshot().filter_traces([NOISE])
    tracemalloc.stop()
    assert summary.failed == number
    return sum(trace.size for trace in found.traces)


@pytest.mark.parametrize("ndjson", [False, True])
def test_ten_times_the_inputs_take_no_more_memory(
    ndjson: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.dcm").write_bytes(b"no report")
    used(tmp_path, 20, ndjson)  # loads what is loaded once
    few, many = (used(tmp_path, number, ndjson) for number in (FEW, MANY))
    assert many < few + 64 * KILOBYTE
