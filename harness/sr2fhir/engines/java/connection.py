"""Requests to Java and their replies, over the pipes of a process of our own or over a socket to a service.

Java runs beside Python and not within it: it starts while Python loads pydicom, whereas inside one process
starting it holds Python's lock, and each class and method is looked up by reflection. The other end of the
conversation, with the form of the messages, is ``harness/java/sr2fhir``.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from itertools import count
from pathlib import Path
from typing import IO, Any, Protocol, cast

from sr2fhir.engines.java.options import OPTIONS_VARIABLE, SETUP_HINT
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.settings import R5, Target
from sr2fhir.threads import in_background

_HEAD = struct.Struct(">ib")
# what can be loaded before it is needed
MAPS, VALIDATOR = "maps", "validator"
_LENGTH = struct.Struct(">i")
_MARK = b"SR2F"
_FAILURE_PARTS = 5
# what Java says when it refuses to start; it prints little more before it falls silent
_COMPLAINT_BYTES = 2000
_PATIENCE_S = 5
_log = logging.getLogger(__name__)


class Operation(bytes, Enum):
    """What can be asked for; harness/java/sr2fhir/Exchange.java says with which name and content."""

    TRANSFORM = b"T"
    TRANSFORM_TWICE = b"D"
    TO_XML = b"X"
    COMPILE = b"C"
    LOAD = b"L"
    VALIDATE = b"V"
    SNAPSHOT = b"S"
    READ_R4 = b"J"


@dataclass(eq=False)  # not frozen: Python itself sets the members of an exception that is passed on
class RequestFailedError(Exception):
    """Say why a request failed, in the engine's words, which may quote values.

    Parameters
    ----------
    stage
        How far it came: read, map, write, compile, load, validate, snapshot, start.
    kind
        Name of the Java exception's class, without package.
    text
        The engine's message.
    group, rule
        What was being executed; empty where unknown.
    """

    stage: str
    kind: str
    text: str
    group: str
    rule: str


def blocks(content: bytes) -> list[bytes]:
    """Split a result that consists of several blocks."""
    found, at = [], 0
    while at < len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size + length
        found.append(content[at - length : at])
    return found


class ConnectionLostError(Exception):
    """The other end went away before it replied."""


class ConnectionEndedError(ConnectionLostError):
    """We ended it, for the sake of another request or because the engine is closed."""


class Link(Protocol):
    """Two streams to Java, and how to end what is behind them."""

    reader: IO[bytes]
    writer: IO[bytes]

    def kill(self) -> None:
        """End it at once, so that nobody waits for it any more."""
        ...

    def close(self, patience_s: float | None) -> None:
        """Let it end, and end it when it does not within so many seconds (None: any time)."""
        ...

    def release(self) -> None:
        """Release what is left when nothing reads from it any more."""
        ...

    def complaint(self) -> str:
        """Say why it ended, if that is known."""
        ...

    def descriptors(self) -> Iterator[int]:
        """List its open files."""
        ...


def _temporary_file(folder: Path) -> IO[bytes]:
    """Open a file without a name.

    Raises
    ------
    EngineUnavailableError
        The folder cannot be written, as in a set-up of another user.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        message = f"Java's temporary files cannot be written ({error.strerror or type(error).__name__})"
        hint = "Let this user write there, or set up in a folder of its own: SR2FHIR_HOME"
        raise EngineUnavailableError(message, where=str(folder), hint=hint) from None


class Process:
    """A Java process of our own: it ends when its input ends, and is out of reach of the terminal's Ctrl-C.

    Parameters
    ----------
    command
        As `options.command` makes it.
    scratch
        Folder for a file of what Java complains of; a pipe would have to be emptied while Java runs.
    is_detached
        It outlives the terminal, for its input to end it or not.
    """

    def __init__(self, command: Sequence[str], scratch: Path, *, is_detached: bool = False) -> None:
        self._complaints = _temporary_file(scratch)  # closed by `release`
        pipe = subprocess.PIPE
        apart: dict[str, Any] = {"start_new_session": True} if is_detached else {"process_group": 0}
        try:
            self.process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=self._complaints, **apart
            )
        except OSError as error:
            raise EngineUnavailableError(
                f"Java does not start: {error.strerror or type(error).__name__}", hint=SETUP_HINT
            ) from error
        self.reader = cast("IO[bytes]", self.process.stdout)
        self.writer = cast("IO[bytes]", self.process.stdin)

    def kill(self) -> None:
        """End the process at once; see `Link.kill`."""
        self.process.kill()
        self.process.wait()

    def close(self, patience_s: float | None) -> None:
        """Let the process end; see `Link.close`."""
        _close(self.writer)
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def release(self) -> None:
        """Close what is left open; see `Link.release`."""
        _close(self.reader)
        _close(self._complaints)

    def complaint(self) -> str:
        """Read the first line of what Java complained of; see `Link.complaint`."""
        try:
            self._complaints.seek(0)
            text = self._complaints.read(_COMPLAINT_BYTES).decode("utf-8", "replace")
        except (OSError, ValueError):
            text = ""
        return _first_line(text) or f"exit code {self.process.returncode}"

    def descriptors(self) -> Iterator[int]:
        """List its open files; see `Link.descriptors`."""
        streams = (self.writer, self.reader, self._complaints)
        return (stream.fileno() for stream in streams if not stream.closed)


class Socket:
    """A connection to a service, which goes on when it is closed."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.reader: IO[bytes] = connected.makefile("rb")
        self.writer: IO[bytes] = connected.makefile("wb")

    def kill(self) -> None:
        """Break the connection; see `Link.kill`."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self, patience_s: float | None) -> None:
        """Close the connection; see `Link.close`."""
        self.kill()
        _close(self.writer)

    def release(self) -> None:
        """Close what is left open; see `Link.release`."""
        _close(self.reader)
        self._socket.close()

    def complaint(self) -> str:
        """Say what is known; see `Link.complaint`."""
        return "the service has gone"

    def descriptors(self) -> Iterator[int]:
        """List its open files; see `Link.descriptors`."""
        return iter([self._socket.fileno()] if self._socket.fileno() >= 0 else [])


class Connection:
    """Ask for things and wait for the replies; safe to use from several threads at once.

    Parameters
    ----------
    link
        The process or service.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self._ids = count(1)
        self._lock = threading.Lock()
        #: the first reply, which comes once definitions and maps have been read
        self.ready: Future[bytes] = Future()
        self._waiting: dict[int, Future[bytes]] = {0: self.ready}
        self._is_over = self._is_ended_by_us = False
        self._complaint = ""
        self._reading = in_background(self._read, "sr2fhir-replies")

    def request(
        self,
        operation: Operation,
        name: str,
        content: bytes = b"",
        timeout_s: float | None = None,
        *,
        target: Target = R5,
    ) -> bytes:
        """Have something done in a version of FHIR and wait for the result.

        Raises
        ------
        RequestFailedError
            The engine failed on this content.
        ConnectionLostError
            The process or service went away before it replied.
        TimeoutError
            There was no reply in time. A process has been killed, as nothing else ends its work.
        EngineUnavailableError
            Java did not start at all.
        """
        reply: Future[bytes] = Future()
        late = threading.Event()
        with self._limited(timeout_s, late):
            try:
                head = _block_of(target.fhir_version.encode()) + _block_of(name.encode())
                self._send(reply, operation, head + _LENGTH.pack(len(content)), content)
                return reply.result()
            except ConnectionLostError:
                if late.is_set():
                    raise TimeoutError from None
                self._explain_start()
                raise

    def close(self, patience_s: float | None = _PATIENCE_S) -> None:
        """Let a process end, or leave a service.

        Parameters
        ----------
        patience_s
            Seconds that a process may take before it is killed; None for any time.
        """
        if not self._lock.acquire(timeout=-1 if patience_s is None else patience_s):
            self.kill()  # somebody is writing to a process that does not read
            self._lock.acquire()
        self._is_over = self._is_ended_by_us = True
        self._lock.release()
        self.link.close(patience_s)
        with suppress(TimeoutError):
            self._reading.result(_PATIENCE_S)
        self.link.release()

    def abandon(self) -> None:
        """Leave the connection to the parent of a process that was forked.

        What the parent had begun to write must not be written twice, and locks that its threads held are
        never released here. So nothing is closed; the streams are led nowhere instead.
        """
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in self.link.descriptors():
            os.dup2(nowhere, descriptor, inheritable=False)
        os.close(nowhere)

    def kill(self) -> None:
        """End it at once."""
        self._is_ended_by_us = True
        self.link.kill()

    @contextmanager
    def _limited(self, timeout_s: float | None, late: threading.Event) -> Iterator[None]:
        """End the connection when time is up: writing to it may take for ever, too."""

        def expire() -> None:
            late.set()
            self.kill()

        timer = None if timeout_s is None else threading.Timer(timeout_s, expire)
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()

    def _send(self, reply: Future[bytes], operation: Operation, head: bytes, content: bytes) -> None:
        """Note who waits for a reply and write the request."""
        with self._lock:
            if self._is_over:
                raise self._loss()
            number = next(self._ids)
            self._waiting[number] = reply
            self._write(_HEAD.pack(number, operation.value[0]) + head, content)

    def _write(self, *parts: bytes) -> None:
        """Write all parts; half a request would be taken for the beginning of the next."""
        try:
            for part in parts:
                self.link.writer.write(part)
            self.link.writer.flush()
        except (OSError, ValueError):
            self.link.kill()
            raise self._loss() from None
        except BaseException:
            self.kill()
            raise

    def _loss(self) -> ConnectionLostError:
        """Make the error of whoever waits in vain."""
        return ConnectionEndedError() if self._is_ended_by_us else ConnectionLostError()

    def _read(self) -> None:
        """Hand each reply to who waits for it, until there are no more; then disappoint the others."""
        try:
            while True:
                self._deliver(self.link.reader)
        except BaseException as error:  # whatever it is: nobody else would tell those who wait
            _log.debug("no more replies: %s", type(error).__name__)
            self.link.kill()
            self._complaint = self.link.complaint()
            with self._lock:
                self._is_over = True
                waiting = [reply for reply in self._waiting.values() if not reply.done()]
            for reply in waiting:
                reply.set_exception(self._loss())

    def _deliver(self, reader: IO[bytes]) -> None:
        """Read one reply and hand it over."""
        if _exactly(reader, len(_MARK)) != _MARK:
            raise EOFError  # something else writes there: nothing after it can be trusted
        number, failed = _HEAD.unpack(_exactly(reader, _HEAD.size))
        parts = [_block(reader) for _ in range(_FAILURE_PARTS if failed else 1)]
        with self._lock:
            reply = self._waiting.pop(number)
        if failed:
            reply.set_exception(RequestFailedError(*(part.decode("utf-8", "replace") for part in parts)))
        else:
            reply.set_result(parts[0])

    def _explain_start(self) -> None:
        """Raise EngineUnavailableError if Java was never ready, and that was not our doing."""
        with suppress(TimeoutError):
            self._reading.result(_PATIENCE_S)
        failure = self.ready.exception() if self.ready.done() else None
        if self._is_ended_by_us or failure is None:
            return
        reason = f"{failure.kind}: {failure.text}" if isinstance(failure, RequestFailedError) else ""
        raise EngineUnavailableError(
            f"Java does not start: {reason or self._complaint}",
            hint=f"Check {OPTIONS_VARIABLE}, if it is set, and the free memory",
        )


def _exactly(stream: IO[bytes], number: int) -> bytes:
    """Read so many bytes."""
    data = stream.read(number)
    if len(data) < number:
        raise EOFError
    return data


def _block_of(content: bytes) -> bytes:
    """Write a length and so many bytes."""
    return _LENGTH.pack(len(content)) + content


def _block(stream: IO[bytes]) -> bytes:
    """Read a length and so many bytes."""
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return _exactly(stream, length)


def _close(stream: IO[bytes]) -> None:
    """Close a stream whose other end may be gone."""
    try:
        stream.close()
    except OSError:
        _log.debug("a stream to Java was broken when it was closed")


def _first_line(text: str) -> str:
    """Return the first line that says something of its own."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("Picked up")), "")
