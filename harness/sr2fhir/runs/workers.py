"""The seam behind which many inputs are worked on: one after the other, or several at once.

Processes, not threads: reading, rendering and finishing are Python and would wait for one another, and what
kills a process (Java, or the system when memory runs out) takes no other input with it. Each worker has a
pipe of its own and no lock is shared, so that one that dies leaves none behind. The engine stays here, one
for all: Java's compiler and memory are needed once, and each worker asks for its services through the pipe.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Generic, TypeVar, cast

from sr2fhir.engines.base import Engine
from sr2fhir.errors import EngineError, EngineUnavailableError
from sr2fhir.runs.worker import Answer, MakeWork, Request, reply, serve
from sr2fhir.threads import Threads

Item = TypeVar("Item")
Done = TypeVar("Done")

# Items that a worker has at a time: one in work, one to go on with.
AHEAD = 2
# Items taken and not yet passed on, for each worker: while one takes long, so many others are done.
WINDOW = 64
# How often an item is tried whose worker dies.
TRIES = 2
PATIENCE_S = 5.0
MEMORY_HINT = "Memory may have run out: take fewer --jobs, or split the report"


@dataclass
class Task(Generic[Item]):
    """An item, its number in the order, and how many workers died of it."""

    number: int
    item: Item
    deaths: int = 0


@dataclass(eq=False)
class Worker(Generic[Item]):
    """A process, our end of its pipe, and the tasks it was sent; the first of them is in work."""

    process: BaseProcess
    connection: Connection
    tasks: deque[Task[Item]] = field(default_factory=deque)
    ready: bool = False
    lock: Lock = field(default_factory=Lock)

    def send(self, message: object) -> None:
        """Send something, an item or a reply; threads wait for each other."""
        with self.lock:
            self.connection.send(message)


class Workers(Generic[Item, Done]):
    """Work on items in several processes; yield what comes out in the order of the items.

    Parameters
    ----------
    jobs
        How many processes.
    engine
        Serves all of them.
    make_work
        Makes, in each process, of an engine the function that does the work. Can be pickled, as items and
        results can.
    lost
        Makes the result of an item that its workers died of.
    prepare
        Called first in each process, before anything is loaded that the work needs.
    """

    def __init__(
        self,
        jobs: int,
        engine: Engine,
        make_work: MakeWork[Item, Done],
        lost: Callable[[Item, EngineError], Done],
        prepare: Callable[[], object] = int,
    ) -> None:
        self._jobs = jobs
        self._engine = engine
        self._make_work = make_work
        self._lost = lost
        self._prepare = prepare
        self._workers: list[Worker[Item]] = []
        self._again: deque[Task[Item]] = deque()
        self._answers: dict[int, Answer[Done]] = {}
        self._taken = 0
        self._passed_on = 0
        self._threads = Threads(jobs, "sr2fhir-engine")

    def __call__(self, items: Iterable[Item]) -> Iterator[Done]:
        """Work on items, which are taken only as they are needed.

        Raises
        ------
        EngineUnavailableError
            No worker can start, or it has no engine.
        """
        coming = iter(items)
        try:
            while self._feed(coming):
                self._receive()
                yield from self._in_order()
        finally:
            self._stop()

    # Giving

    def _feed(self, coming: Iterator[Item]) -> bool:
        """Give the workers what they have room for; tell whether there is anything to wait for."""
        while self._has_room() and (task := self._next(coming)):
            self._send(self._idlest(), task)
        return any(worker.tasks for worker in self._workers)

    def _has_room(self) -> bool:
        return len(self._workers) < self._jobs or any(len(w.tasks) < AHEAD for w in self._workers)

    def _next(self, coming: Iterator[Item]) -> Task[Item] | None:
        """Take an item whose worker died, else a new one, unless the window is full."""
        if self._again:
            return self._again.popleft()
        if self._taken - self._passed_on >= WINDOW * self._jobs:
            return None
        for item in coming:
            self._taken += 1
            return Task(self._taken - 1, item)
        return None

    def _idlest(self) -> Worker[Item]:
        """Find the worker with the fewest tasks; start another while all have some and there may be more."""
        idlest = min(self._workers, key=lambda worker: len(worker.tasks), default=None)
        if idlest is None or (idlest.tasks and len(self._workers) < self._jobs):
            return self._start()
        return idlest

    def _send(self, worker: Worker[Item], task: Task[Item]) -> None:
        try:
            worker.send(task.item)
        except OSError:
            self._again.append(task)
            self._bury(worker)
        else:
            worker.tasks.append(task)

    # Taking

    def _receive(self) -> None:
        """Wait for messages, and take all that are there."""
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection)):
            worker = by_connection[cast(Connection, connection)]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self._bury(worker)
            else:
                take = self._ask_engine if isinstance(message, Request) else self._take
                take(worker, message)

    def _ask_engine(self, worker: Worker[Item], request: Request) -> None:
        """Pass a request on to the engine; the thread that waits for the reply sends it back."""

        def ask() -> None:
            with suppress(OSError):  # the worker has died meanwhile
                worker.send(reply(self._engine, request))

        self._threads.submit(ask)

    def _take(self, worker: Worker[Item], answer: Answer[Done]) -> None:
        """Keep the answer until its turn; the first one tells only whether the worker can begin."""
        if worker.ready:
            self._answers[worker.tasks.popleft().number] = answer
        elif answer.error is not None:
            raise answer.error
        worker.ready = True

    def _in_order(self) -> Iterator[Done]:
        """Pass on the answers whose turn it is."""
        while answer := self._answers.pop(self._passed_on, None):
            self._passed_on += 1
            if answer.error is not None:
                raise answer.error
            yield cast(Done, answer.done)

    # Starting and ending

    def _start(self) -> Worker[Item]:
        context = get_context("spawn")  # a Java machine does not survive a fork
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self._prepare), daemon=True)
        with without_interruption():
            process.start()
        theirs.close()
        worker: Worker[Item] = Worker(process, ours)
        worker.send(self._make_work)
        self._workers.append(worker)
        return worker

    def _bury(self, worker: Worker[Item]) -> None:
        """Give the tasks of a worker that died to others, unless it died of the first for the last time."""
        self._workers.remove(worker)
        how = end(worker)
        if not worker.ready:
            self._do_without(how)
        elif worker.tasks:
            self._count_death(worker.tasks.popleft(), how)
        self._again.extend(worker.tasks)

    def _do_without(self, how: str) -> None:
        """Go on with one worker less, since one more cannot start."""
        self._jobs -= 1
        if not self._workers:
            raise EngineUnavailableError(f"a worker process does not start: it {how}", hint=MEMORY_HINT)

    def _count_death(self, task: Task[Item], how: str) -> None:
        task.deaths += 1
        if task.deaths < TRIES:
            self._again.appendleft(task)
        else:
            error = EngineError(f"the process working on this input {how}, {TRIES} times", hint=MEMORY_HINT)
            self._answers[task.number] = Answer(self._lost(task.item, error))

    def _stop(self) -> None:
        """End all workers at once, whatever they are at; what the engine is at ends with the engine."""
        self._threads.end()
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            end(worker)


def end(worker: Worker[Item]) -> str:
    """See that a worker whose pipe is closed has ended, and say how."""
    worker.connection.close()
    worker.process.join(PATIENCE_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    code = worker.process.exitcode or 0
    worker.process.close()
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


@contextmanager
def without_interruption() -> Iterator[None]:
    """Keep an interruption from the keyboard from a process that is started meanwhile; hear it after."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # starts with the first process, and would let interruptions through again
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
