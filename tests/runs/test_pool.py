"""Several processes keep the order, take items as needed, outlive each other, and none outlives the run."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError
from sr2fhir.runs.pool import AHEAD, WINDOW, Pool, in_order

from tests.runs import toys

ROOT = Path(__file__).parents[2]


def pool(jobs: int, make_work: Any) -> Pool[Any, Any]:
    return Pool(jobs, toys.ToyEngine(), make_work, lambda item, error: (item, error))


def ordered(jobs: int, make_work: Any, items: Iterable[Any]) -> Iterator[Any]:
    """Do all items, and yield results in their order."""
    with closing(pool(jobs, make_work)(items)) as outcomes:
        yield from in_order(outcomes)


def test_results_come_as_they_are_ready() -> None:
    outcomes = list(pool(2, toys.first_waits)(range(20)))
    assert outcomes[0].number != 0
    assert sorted((outcome.number, outcome.done) for outcome in outcomes) == [(n, n) for n in range(20)]


@pytest.fixture(autouse=True)
def no_process_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(ROOT)  # where worker processes find the toys
    yield
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    assert list(ordered(jobs, toys.squares, range(20))) == [number * number for number in range(20)]


def test_nothing_to_do_starts_nothing() -> None:
    assert list(ordered(2, toys.stillborn, [])) == []


def test_all_workers_take_part() -> None:
    assert len(set(ordered(2, toys.process_ids, range(40)))) == 2


def test_endless_input_is_taken_only_as_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    results = ordered(2, toys.squares, items())
    assert [next(results) for _ in range(4)] == [0, 1, 4, 9]
    results.close()  # type: ignore[attr-defined]
    assert len(taken) <= 4 + WINDOW * 2 + AHEAD


def test_what_ends_the_run_comes_in_its_turn() -> None:
    results = ordered(2, toys.refusing, range(100))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(Sr2FhirError, match="unexpected LookupError"):
        next(results)


def test_the_engine_serves_all_and_its_errors_arrive_whole() -> None:
    documents = [b"abc", b"refused", b"xyz"] * 4
    answers = [b"cba!", b"the map failed at r1", b"zyx!"] * 4
    assert list(ordered(2, toys.asking, documents)) == answers


def test_the_items_of_a_worker_that_died_are_done_by_another(tmp_path: Path) -> None:
    deadly = toys.Deadly(tmp_path, {3: 1, 4: 1, 11: 1})
    assert list(ordered(2, deadly, range(20))) == list(range(20))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_item_that_kills_its_workers_takes_no_other_with_it(jobs: int, tmp_path: Path) -> None:
    results = list(ordered(jobs, toys.Deadly(tmp_path, {0: 9, 7: 9}), range(12)))
    lost = {number: results[number] for number in (0, 7)}
    assert [result for result in results if isinstance(result, int)] == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
    for number, (item, error) in lost.items():
        assert item == number
        assert isinstance(error, EngineError)
        assert "SIGKILL" in error.message
        assert error.hint
    assert len(list(tmp_path.glob("7-*"))) == 2


@pytest.mark.parametrize(
    ("make_work", "kind", "words"),
    [(toys.unmakeable, Sr2FhirError, "LookupError"), (toys.stillborn, EngineUnavailableError, "SIGKILL")],
)
def test_workers_that_cannot_begin_end_the_run(
    make_work: Callable[..., Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        list(ordered(2, make_work, range(4)))


SCRIPT = """
from sr2fhir.runs.pool import Pool
from tests.runs import toys
if __name__ == "__main__":
    list(Pool(2, toys.ToyEngine(), toys.endless, print)(range(8)))
"""


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="processes are looked up in /proc, which is not there"
)
def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.Popen([sys.executable, "run.py"], cwd=tmp_path, env=environment)
    started = [tmp_path / f"{number}.started" for number in (0, 1)]
    wait_until(lambda: all(file.exists() and file.read_text() for file in started))
    run.kill()
    run.wait()
    processes = [Path("/proc") / file.read_text() for file in started]
    wait_until(lambda: not any(map(is_running, processes)))


def is_running(process: Path) -> bool:
    """Tell whether there is such a process, and not only its exit code waiting for somebody to ask for it."""
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except OSError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to pass in half a minute")
