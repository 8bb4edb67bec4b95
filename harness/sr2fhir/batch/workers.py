"""The seam behind which many inputs are worked on at once.

Threads share one Java machine, whose work runs outside Python's lock; a pool of processes would fit behind
the same function.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

# inputs in work or done but not yet taken, for each worker; bounds memory however many inputs there are
WINDOW = 2


def ordered(work: Callable[[Item], Done], items: Iterable[Item], jobs: int) -> Iterator[Done]:
    """Work on items, `jobs` at a time, and yield what comes out in the order of the items.

    Items are taken only as they are needed. When the caller stops or work raises, what waits is not begun.
    """
    if jobs <= 1:
        yield from map(work, items)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    pending: deque[Future[Done]] = deque()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="sr2fhir-worker")
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= WINDOW * jobs:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
