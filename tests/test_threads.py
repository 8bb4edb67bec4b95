"""Threads that keep no process alive."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from sr2fhir.threads import Threads


def test_results_come_in_the_order_of_the_items() -> None:
    first = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            first.wait(20)  # until the others are done
        if number == 3:
            first.set()
        return number * number

    threads = Threads(2, "test")
    assert threads.map(work, range(4)) == [0, 1, 4, 9]
    threads.end()


def test_the_first_error_is_raised_when_all_is_done() -> None:
    done = []

    def work(number: int) -> None:
        done.append(number)
        if number:
            raise ValueError(str(number))

    threads = Threads(1, "test")
    with pytest.raises(ValueError, match="1"):
        threads.map(work, range(3))
    assert done == [0, 1, 2]
    assert threads.submit(lambda: 7).result(20) == 7
    threads.end()


def test_work_that_is_cancelled_before_its_turn_is_not_done() -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []
    threads = Threads(1, "test")

    def first() -> None:
        begun.set()
        assert go_on.wait(20)

    under_way = threads.submit(first)
    cancelled = threads.submit(lambda: done.append(1))
    assert begun.wait(20)
    assert cancelled.cancel()
    assert not under_way.cancel()
    go_on.set()
    assert threads.submit(lambda: 7).result(20) == 7
    assert done == []
    threads.end()


def test_a_process_ends_whatever_they_are_at() -> None:
    script = (
        "import time; from sr2fhir.threads import Threads; Threads(2, 'x').submit(lambda: time.sleep(600))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0
