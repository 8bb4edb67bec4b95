"""Work on many items keeps their order, takes them as needed, and stops when the caller does."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest
from sr2fhir.batch.workers import WINDOW, ordered


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    gate = threading.Event()

    def work(number: int) -> int:
        if number == 0 and jobs > 1:
            assert gate.wait(10)  # the first is done only when a later one is
        if number == 1:
            gate.set()
        return number * number

    assert list(ordered(work, range(20), jobs)) == [number * number for number in range(20)]


@pytest.mark.parametrize("jobs", [1, 3])
def test_endless_input_is_taken_only_as_needed(jobs: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    results = ordered(str, items(), jobs)
    assert [next(results) for _ in range(4)] == ["0", "1", "2", "3"]
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 4 + WINDOW * jobs


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_work_raises_reaches_the_caller(jobs: int) -> None:
    def work(number: int) -> int:
        if number == 2:
            raise LookupError("two")
        return number

    results = ordered(work, range(100), jobs)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(LookupError):
        next(results)


def test_several_workers_run_at_once() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert list(ordered(lambda _: meeting.wait() >= 0, range(3), 3)) == [True] * 3
