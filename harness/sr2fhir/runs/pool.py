"""Work on many inputs: one after the other in this process, or several at once in processes of their own.

Processes, not threads: reading, rendering and accounting are Python and would wait for one another, and what
kills a process (Java, or the system when memory runs out) takes no other input with it. Each worker has a
pipe of its own and no lock is shared, so that one that dies leaves none behind. The engine stays here, one
for all: Java's compiler and memory are needed once, and each worker asks for its services through the pipe.

Results come as they are ready, each with its place in the order; `in_order` passes them on in it.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar, cast

from sr2fhir.engines import Engine
from sr2fhir.errors import EngineError, EngineUnavailableError
from sr2fhir.runs import without_frames
from sr2fhir.threads import Threads, in_background

Item = TypeVar("Item")
Done = TypeVar("Done")
Work = Callable[[Item], Done]
# makes the work of a process, of the engine; can be pickled, as items and results can
MakeWork = Callable[[Engine], Work[Item, Done]]

# Items that a worker has at a time: one in work, one to go on with.
AHEAD = 2
# Items taken after the first one that is not done, for each worker: so many are done while one takes long.
WINDOW = 64
# How often an item is tried whose worker dies.
TRIES = 2
PATIENCE_S = 5.0
MEMORY_HINT = "Memory may have run out: take fewer --jobs, or split the report"


@dataclass(frozen=True)
class Outcome(Generic[Done]):
    """The result of the item in a place of the order, or the error that ends the run."""

    number: int
    done: Done | None = None
    error: Exception | None = None


def in_order(outcomes: Iterable[Outcome[Done]]) -> Iterator[Done]:
    """Pass on results in the order of their items.

    Raises
    ------
    Exception
        What ends the run, when its turn has come.
    """
    waiting: dict[int, Outcome[Done]] = {}
    turn = 0
    for outcome in outcomes:
        waiting[outcome.number] = outcome
        while (ready := waiting.pop(turn, None)) is not None:
            turn += 1
            if ready.error is not None:
                raise ready.error
            yield cast(Done, ready.done)


def one_by_one(work: Work[Item, Done], items: Iterable[Item]) -> Generator[Outcome[Done], None, None]:
    """Work on items in this process."""
    for number, item in enumerate(items):
        yield Outcome(number, work(item))


# ---- this end of the pipe


@dataclass
class Task(Generic[Item]):
    """An item, its place in the order, and how many workers died of it."""

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
        """Send an item or a reply; threads wait for each other."""
        with self.lock:
            self.connection.send(message)


@dataclass
class Pool(Generic[Item, Done]):
    """Work on items in several processes.

    Parameters
    ----------
    jobs
        How many processes.
    engine
        Serves all of them.
    make_work
        Makes, in each process, of an engine the function that does the work.
    lost
        Makes the result of an item that its workers died of.
    prepare
        Called first in each process, before anything is loaded that the work needs.
    """

    jobs: int
    engine: Engine
    make_work: MakeWork[Item, Done]
    lost: Callable[[Item, EngineError], Done]
    prepare: Callable[[], object] = int
    _workers: list[Worker[Item]] = field(default_factory=list, init=False)
    _again: deque[Task[Item]] = field(default_factory=deque, init=False)
    _ready: deque[Outcome[Done]] = field(default_factory=deque, init=False)
    _taken: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._threads = Threads(self.jobs, "sr2fhir-engine")

    def __call__(self, items: Iterable[Item]) -> Generator[Outcome[Done], None, None]:
        """Work on items, which are taken only as they are needed; yield results as they come.

        Raises
        ------
        EngineUnavailableError
            No worker can start, or it has no engine.
        """
        coming = iter(items)
        try:
            while self._feed(coming) or self._ready:
                if not self._ready:
                    self._receive()
                while self._ready:
                    yield self._ready.popleft()
        finally:
            self._stop()

    # Giving

    def _feed(self, coming: Iterator[Item]) -> bool:
        """Give the workers what they have room for; tell whether there is anything to wait for."""
        while self._has_room() and (task := self._next(coming)):
            self._send(self._idlest(), task)
        return any(worker.tasks for worker in self._workers)

    def _has_room(self) -> bool:
        return len(self._workers) < self.jobs or any(len(w.tasks) < AHEAD for w in self._workers)

    def _next(self, coming: Iterator[Item]) -> Task[Item] | None:
        """Take an item whose worker died, else a new one, unless the window is full."""
        if self._again:
            return self._again.popleft()
        first = min((task.number for w in self._workers for task in w.tasks), default=self._taken)
        if self._taken - first >= WINDOW * self.jobs:
            return None
        for item in coming:
            self._taken += 1
            return Task(self._taken - 1, item)
        return None

    def _idlest(self) -> Worker[Item]:
        """Find the worker with the fewest tasks; start another while all have some and there may be more."""
        idlest = min(self._workers, key=lambda worker: len(worker.tasks), default=None)
        if idlest is None or (idlest.tasks and len(self._workers) < self.jobs):
            return self._start()
        return idlest

    def _send(self, worker: Worker[Item], task: Task[Item]) -> None:
        try:
            worker.send(task.item)
        except OSError:
            self._again.append(task)
            self._remove(worker)
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
                self._remove(worker)
            else:
                take = self._ask_engine if isinstance(message, Request) else self._take
                take(worker, message)

    def _ask_engine(self, worker: Worker[Item], request: Request) -> None:
        """Pass a request on to the engine; the thread that waits for the reply sends it back."""

        def ask() -> None:
            with suppress(OSError):  # the worker has died meanwhile
                worker.send(attempt(getattr(self.engine, request.method), *request.arguments))

        self._threads.submit(ask)

    def _take(self, worker: Worker[Item], reply: Reply) -> None:
        """Take the result of a task; the first reply tells only whether the worker can begin."""
        if worker.ready:
            self._ready.append(Outcome(worker.tasks.popleft().number, reply.value, reply.error))
        elif reply.error is not None:
            raise reply.error
        worker.ready = True

    # Starting and ending

    def _start(self) -> Worker[Item]:
        context = get_context("spawn")  # a Java machine does not survive a fork
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self.prepare), daemon=True)
        with without_interruption():
            process.start()
        theirs.close()
        worker: Worker[Item] = Worker(process, ours)
        worker.send(self.make_work)
        self._workers.append(worker)
        return worker

    def _remove(self, worker: Worker[Item]) -> None:
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
        self.jobs -= 1
        if not self._workers:
            raise EngineUnavailableError(f"a worker process does not start: it {how}", hint=MEMORY_HINT)

    def _count_death(self, task: Task[Item], how: str) -> None:
        task.deaths += 1
        if task.deaths < TRIES:
            self._again.appendleft(task)
        else:
            error = EngineError(f"the process working on this input {how}, {TRIES} times", hint=MEMORY_HINT)
            self._ready.append(Outcome(task.number, self.lost(task.item, error)))

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


# ---- the other end: what runs in a worker process


class Request(NamedTuple):
    """What a worker wants from the engine: the name of a method, and its arguments."""

    method: str
    arguments: tuple[Any, ...]


class Reply(NamedTuple):
    """What a call returned, or raised."""

    value: Any = None
    error: Exception | None = None


def attempt(call: Callable[..., Any], *arguments: Any) -> Reply:
    """Call something, and make of what it returns or raises what can be sent."""
    try:
        return Reply(call(*arguments))
    except Exception as error:
        return Reply(error=without_frames(error))


class DistantEngine:
    """The one engine of a run, seen from a worker.

    Parameters
    ----------
    connection
        Leads to the process that has the engine.
    replies
        Where its replies arrive.
    """

    def __init__(self, connection: Connection, replies: SimpleQueue[Reply]) -> None:
        self._connection = connection
        self._replies = replies

    def __getattr__(self, method: str) -> Callable[..., Any]:
        """Ask for a method of the engine."""
        return partial(self._ask, method)

    def close(self) -> None:
        """Leave it open: it is not ours."""

    def _ask(self, method: str, *arguments: Any) -> Any:
        self._connection.send(Request(method, arguments))
        reply = self._replies.get()
        if reply.error is not None:
            raise reply.error
        return reply.value


def serve(connection: Connection, prepare: Callable[[], object]) -> None:
    """Work on what comes through the pipe until it is closed; what comes first makes the work.

    The run decides what an interruption from the keyboard means, so it is not listened to here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()
    inbox: SimpleQueue[Any] = SimpleQueue()
    replies: SimpleQueue[Reply] = SimpleQueue()
    in_background(partial(receive, connection, inbox, replies), "sr2fhir-inbox")
    with suppress(OSError):  # nobody is there to hear the reply
        made = attempt(inbox.get(), cast(Engine, DistantEngine(connection, replies)))
        connection.send(Reply(error=made.error))
        while made.error is None:
            connection.send(attempt(made.value, inbox.get()))


def receive(connection: Connection, inbox: SimpleQueue[Any], replies: SimpleQueue[Reply]) -> None:
    """Take what comes through the pipe; end the process, in the midst of its work, when it is closed.

    It is closed when the run has ended, by its own will or killed. What is half written lies where the run,
    or the next one, removes it.
    """
    try:
        while True:
            message = connection.recv()
            (replies if isinstance(message, Reply) else inbox).put(message)
    except EOFError:
        os._exit(0)
    finally:  # what cannot be understood is no reason to wait for ever
        os._exit(1)
