"""Memory depends on the largest input and not on how many there are."""

from __future__ import annotations

import gc
import pathlib
import tracemalloc
from functools import partial
from pathlib import Path

import pytest
from sr2fhir import runs
from sr2fhir.runs.books import FilesBook
from sr2fhir.runs.inputs import discover
from sr2fhir.runs.ndjson import NdjsonSink
from sr2fhir.runs.ndjson_book import NdjsonBook
from sr2fhir.runs.results import Summary
from sr2fhir.runs.work import Work
from sr2fhir.runs.writing import WORK_FOLDER, folder_sink
from sr2fhir.transformer import Transformer

from tests.runs.toys import ToyEngine

FEW, MANY = 200, 2000
KILOBYTE = 1024


# names of files are interned, in a table that Python makes larger now and then
NOISE = tracemalloc.Filter(inclusive=False, filename_pattern=pathlib.__file__)


def used(folder: Path, number: int, ndjson: bool) -> int:
    """Answer how many bytes a run holds at its end, over a list of so many files that are no reports."""
    (folder / "list.txt").write_text("a.dcm\n" * number)
    out, summary = folder / f"out{number}", Summary()
    files = folder_sink(out, out / WORK_FOLDER)
    sink = NdjsonSink(out) if ndjson else files
    book = NdjsonBook(summary, out, "x", resume=False) if ndjson else FilesBook(files, out, "x", resume=False)
    tracemalloc.start()
    with book:
        work = partial(map, Work(Transformer(ToyEngine()), sink))
        for result in runs.run(discover([f"@{folder}/list.txt"]), work, book, summary):
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
