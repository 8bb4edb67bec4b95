"""The other end of the pipe: what runs in a worker process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar, cast

from sr2fhir.engines.base import ENTRY_MAP, Engine, ValidationMessage, converting, validating
from sr2fhir.runs.work import portable

Item = TypeVar("Item")
Done = TypeVar("Done")
Work = Callable[[Item], Done]
MakeWork = Callable[[Engine], Work[Item, Done]]


@dataclass(frozen=True)
class Answer(Generic[Done]):
    """What a worker sends: first that it is ready, then the result of each item, or what ends the run."""

    done: Done | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Request:
    """What a worker wants from the engine: the name of a method, and its arguments."""

    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Reply:
    """What the engine answered, or raised."""

    value: Any = None
    error: Exception | None = None


# what not every engine can do -> the engine as one that can, or the error that it cannot
ABLE: dict[str, Callable[[Engine], Any]] = {"validate": validating, "to_xml": converting}


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

    def transform(self, document: bytes, map_url: str = ENTRY_MAP) -> bytes:
        """Turn a logical-model document into a resource; see `Transforms.transform`."""
        return cast(bytes, self._ask("transform", document, map_url))

    def validate(self, resource: bytes, profiles: Sequence[str] = ()) -> list[ValidationMessage]:
        """Validate a resource; see `Validates.validate`."""
        return cast(list[ValidationMessage], self._ask("validate", resource, profiles))

    def to_xml(self, resource: bytes) -> bytes:
        """Write a resource as XML; see `Converts.to_xml`."""
        return cast(bytes, self._ask("to_xml", resource))

    def label(self) -> str:
        """Name the engine; see `Engine.label`."""
        return cast(str, self._ask("label"))

    def version(self) -> str:
        """Name the engine and its version."""
        return cast(str, self._ask("version"))

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
    Thread(target=receive, args=(connection, inbox, replies), daemon=True).start()
    with suppress(OSError):  # nobody is there to hear the answer
        work = made(connection, inbox.get(), DistantEngine(connection, replies))
        while work is not None:
            connection.send(answer(work, inbox.get()))


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


def made(connection: Connection, make_work: MakeWork[Item, Done], engine: Engine) -> Work[Item, Done] | None:
    """Make the work and say that it can begin; None, and why, where it cannot."""
    try:
        work = make_work(engine)
    except Exception as error:
        connection.send(Answer(error=portable(error)))
        return None
    connection.send(Answer())
    return work


def answer(work: Work[Item, Done], item: Item) -> Answer[Done]:
    """Work on one item; what is raised concerns the whole run."""
    try:
        return Answer(work(item))
    except Exception as error:
        return Answer(error=portable(error))


def reply(engine: Engine, request: Request) -> Reply:
    """Ask the engine what a worker wants to know."""
    try:
        able = ABLE[request.method](engine) if request.method in ABLE else engine
        return Reply(getattr(able, request.method)(*request.arguments))
    except Exception as error:
        return Reply(error=portable(error))
