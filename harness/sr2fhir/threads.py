"""Work in the background, in threads that keep no process alive.

Those of `concurrent.futures` are waited for when Python ends: after Ctrl-C, for as long as a server takes
that does not respond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")
Work = Callable[[], None]


def in_background(work: Callable[[], T], name: str = "sr2fhir") -> Future[T]:
    """Do work in a thread of its own; its result, or what it raises, is in the Future."""
    future: Future[T] = Future()
    Thread(target=_fulfil, args=(future, work), name=name, daemon=True).start()
    return future


class Threads:
    """Do work in a number of threads, in the order in which it comes.

    Parameters
    ----------
    number
        How many threads; started with the first work.
    name
        What to call them.
    """

    def __init__(self, number: int, name: str) -> None:
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._unstarted = [Thread(target=self._run, name=name, daemon=True) for _ in range(number)]
        self._number = number

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do something soon; what it raises is in the Future."""
        future: Future[T] = Future()
        self._work.put(lambda: _fulfil(future, work))
        while self._unstarted:
            self._unstarted.pop().start()
        return future

    def map(self, work: Callable[[S], T], items: Iterable[S]) -> list[T]:
        """Do something with each item, and return the results in their order.

        Raises
        ------
        Exception
            The first that `work` raised, when all is done.
        """
        futures = [self.submit(lambda item=item: work(item)) for item in items]  # type: ignore[misc]
        errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]
        return [future.result() for future in futures]

    def end(self) -> None:
        """Let the threads end when they have done what came before."""
        for _ in range(self._number):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    """Do the work of a Future, unless it was cancelled before its turn."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
