"""The Java process that executes maps: how it is started, and how requests and replies go over its pipes.

Java runs beside Python and not within it: it starts while Python loads pydicom, whereas inside one process
starting it holds Python's lock, and each class and method is looked up by reflection. The other end of the
conversation, with the form of the messages, is ``harness/java/sr2fhir``.
"""

from __future__ import annotations

import logging
import os
import struct
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, cast

from sr2fhir.engines import jvm
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout

TRANSFORM, TO_XML = b"T", b"X"
MAIN_CLASS = "sr2fhir.MapRunner"
_HEAD = struct.Struct(">ib")
_LENGTH = struct.Struct(">i")
_FAILURE_PARTS = 5
# what Java says when it refuses to start; it prints little more before it falls silent
_COMPLAINT_BYTES = 2000
_PATIENCE_S = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestFailedError(Exception):
    """Say why a request failed, in the engine's words, which may quote values.

    Parameters
    ----------
    stage
        How far it came: read, map, write.
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


class RunnerDiedError(Exception):
    """The process ended before it answered."""


class Runner:
    """One Java process; safe to use from several threads at once.

    Parameters
    ----------
    places
        Where set-up has put the engine's parts.
    profile
        See `sr2fhir.engines.jvm.flags`.
    files
        Definitions and maps to read.
    extra
        Further options for Java.

    Raises
    ------
    EngineUnavailableError
        Java or a part of the engine is missing.
    """

    def __init__(
        self,
        places: Layout,
        profile: jvm.Profile,
        files: Sequence[Path],
        extra: Sequence[str] | None = None,
    ) -> None:
        self._ids = count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[bytes]] = {0: Future()}
        self._process = _start(command(places, profile, files, extra), places.scratch)
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="sr2fhir-replies", daemon=True)
        self._reader.start()

    def request(self, operation: bytes, map_url: str, document: bytes, timeout_s: float | None) -> bytes:
        """Have something done and wait for the result.

        Raises
        ------
        RequestFailedError
            The engine failed on this document.
        RunnerDiedError
            The process ended before it answered.
        TimeoutError
            There was no answer in time; the process has been stopped, as nothing else ends its work.
        EngineUnavailableError
            Java did not start at all.
        """
        reply: Future[bytes] = Future()
        try:
            self._send(reply, operation, map_url.encode(), document)
            return reply.result(timeout_s)
        except TimeoutError:
            self.kill()
            raise
        except RunnerDiedError:
            self._explain_start()
            raise

    def close(self, patience_s: float | None = _PATIENCE_S) -> None:
        """Let the process end; when it does not, end it.

        Parameters
        ----------
        patience_s
            Seconds that it may take; None for any time.
        """
        with self._lock:
            self._ended = True
            _close(self._process.stdin)
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(_PATIENCE_S)
        for stream in (self._process.stdout, self._process.stderr):
            _close(stream)

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Answer the process id."""
        return self._process.pid

    def _send(self, reply: Future[bytes], operation: bytes, url: bytes, document: bytes) -> None:
        """Note who waits for a reply and write the request."""
        stdin = cast("IO[bytes]", self._process.stdin)
        with self._lock:
            if self._ended:
                raise RunnerDiedError
            number = next(self._ids)
            self._waiting[number] = reply
            head = _HEAD.pack(number, operation[0]) + _LENGTH.pack(len(url)) + url
            try:
                stdin.write(head + _LENGTH.pack(len(document)))
                stdin.write(document)
                stdin.flush()
            except OSError:  # the reader notices as well, and tells all that wait
                raise RunnerDiedError from None

    def _read(self) -> None:
        """Hand each reply to who waits for it, until the process ends; then disappoint the others."""
        stdout = cast("IO[bytes]", self._process.stdout)
        try:
            while True:
                self._deliver(stdout)
        except (EOFError, OSError, ValueError, KeyError):
            self._process.kill()
            with self._lock:
                self._ended = True
                waiting = list(self._waiting.values())
            for reply in waiting:
                reply.set_exception(RunnerDiedError())

    def _deliver(self, stdout: IO[bytes]) -> None:
        """Read one reply and hand it over."""
        number, failed = _HEAD.unpack(_exactly(stdout, _HEAD.size))
        parts = [_block(stdout) for _ in range(_FAILURE_PARTS if failed else 1)]
        with self._lock:
            reply = self._waiting.pop(number)
        if failed:
            reply.set_exception(RequestFailedError(*(part.decode("utf-8", "replace") for part in parts)))
        else:
            reply.set_result(parts[0])

    def _explain_start(self) -> None:
        """Raise EngineUnavailableError if the process never came to be ready."""
        if 0 not in self._waiting:
            return
        self._process.wait()
        stderr = cast("IO[bytes]", self._process.stderr)
        complaint = stderr.read(_COMPLAINT_BYTES).decode("utf-8", "replace")
        raise EngineUnavailableError(
            f"Java does not start: {_first_line(complaint) or f'exit code {self._process.returncode}'}",
            hint=f"Check {jvm.OPTIONS_VARIABLE}, if it is set, and the free memory",
        )


def command(
    places: Layout,
    profile: jvm.Profile,
    files: Sequence[Path],
    extra: Sequence[str] | None = None,
) -> list[str]:
    """Make the command line of the process.

    Parameters
    ----------
    places, profile, files, extra
        As for `Runner`; by default `extra` is the use of the class cache, where there is one.
    """
    options = [*jvm.flags(places, profile), *(jvm.aot_flags(places, profile) if extra is None else extra)]
    path = os.pathsep.join([*jvm.class_path(places)])
    settings = [str(places.fhir_settings), str(jvm.STACK_BYTES)]
    return [str(jvm.launcher()), *options, "-cp", path, MAIN_CLASS, *settings, *map(str, files)]


def _start(command: Sequence[str], scratch: Path) -> subprocess.Popen[bytes]:
    """Start the process, out of reach of the terminal's Ctrl-C: it ends when its input ends."""
    scratch.mkdir(parents=True, exist_ok=True)
    pipe = subprocess.PIPE
    _log.debug("starting Java with %d arguments", len(command))
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, process_group=0)
    except OSError as error:
        raise EngineUnavailableError(
            f"Java does not start: {error.strerror or type(error).__name__}", hint=jvm.SETUP_HINT
        ) from error


def _exactly(stream: IO[bytes], number: int) -> bytes:
    """Read so many bytes."""
    data = stream.read(number)
    if len(data) < number:
        raise EOFError
    return data


def _block(stream: IO[bytes]) -> bytes:
    """Read a length and so many bytes."""
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return _exactly(stream, length)


def _close(stream: IO[bytes] | None) -> None:
    """Close a stream whose other end may be gone."""
    try:
        if stream is not None:
            stream.close()
    except OSError:
        _log.debug("a pipe to Java was broken when it was closed")


def _first_line(text: str) -> str:
    """Answer the first line that says something of its own."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("Picked up")), "")
