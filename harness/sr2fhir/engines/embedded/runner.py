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
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
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
_MARK = b"SR2F"
_FAILURE_PARTS = 5
# what Java says when it refuses to start; it prints little more before it falls silent
_COMPLAINT_BYTES = 2000
_PATIENCE_S = 5
_log = logging.getLogger(__name__)


@dataclass(eq=False)  # not frozen: Python itself sets the members of an exception that is passed on
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


class RunnerStoppedError(RunnerDiedError):
    """The process was ended by us, for the sake of another request or because the engine is closed."""


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
        places.scratch.mkdir(parents=True, exist_ok=True)
        # What Java complains of: in a file, for nobody need empty it while Java runs.
        self._complaints = tempfile.TemporaryFile(dir=places.scratch)  # noqa: SIM115 - closed by `close`
        self._process = _start(command(places, profile, files, extra), self._complaints)
        self._ended = self._stopped = False
        self._complaint = ""
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
        late = threading.Event()
        with self._limited(timeout_s, late):
            try:
                self._send(reply, operation, map_url.encode(), document)
                return reply.result()
            except RunnerDiedError:
                if late.is_set():
                    raise TimeoutError from None
                self._explain_start()
                raise

    def close(self, patience_s: float | None = _PATIENCE_S) -> None:
        """Let the process end; when it does not, end it.

        Parameters
        ----------
        patience_s
            Seconds that it may take; None for any time.
        """
        if not self._lock.acquire(timeout=-1 if patience_s is None else patience_s):
            self.kill()  # somebody is writing to a process that does not read
            self._lock.acquire()
        self._ended = self._stopped = True
        _close(self._process.stdin)
        self._lock.release()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(_PATIENCE_S)
        _close(self._process.stdout)
        _close(self._complaints)

    def disown(self) -> None:
        """Let go of the pipes in a process that was forked; the process of Java is its parent's.

        What the parent had begun to write must not be written twice, and locks that its threads held are
        never released here. So nothing is closed; the pipes are led nowhere instead.
        """
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream is not None and not stream.closed:
                os.dup2(nowhere, stream.fileno(), inheritable=False)
        os.close(nowhere)

    def kill(self) -> None:
        """End the process at once."""
        self._stopped = True
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Answer the process id."""
        return self._process.pid

    @contextmanager
    def _limited(self, timeout_s: float | None, late: threading.Event) -> Iterator[None]:
        """End the process when time is up: writing to it may take for ever, too."""

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

    def _send(self, reply: Future[bytes], operation: bytes, url: bytes, document: bytes) -> None:
        """Note who waits for a reply and write the request."""
        with self._lock:
            if self._ended:
                raise self._death()
            number = next(self._ids)
            self._waiting[number] = reply
            head = _HEAD.pack(number, operation[0]) + _LENGTH.pack(len(url)) + url
            self._write(head + _LENGTH.pack(len(document)), document)

    def _write(self, *parts: bytes) -> None:
        """Write all parts; half a request would be taken for the beginning of the next."""
        stdin = cast("IO[bytes]", self._process.stdin)
        try:
            for part in parts:
                stdin.write(part)
            stdin.flush()
        except (OSError, ValueError):
            self._process.kill()
            raise self._death() from None
        except BaseException:
            self.kill()
            raise

    def _death(self) -> RunnerDiedError:
        """Make the error of whoever waits in vain."""
        return RunnerStoppedError() if self._stopped else RunnerDiedError()

    def _read(self) -> None:
        """Hand each reply to who waits for it, until the process ends; then disappoint the others."""
        stdout = cast("IO[bytes]", self._process.stdout)
        try:
            while True:
                self._deliver(stdout)
        except BaseException as error:  # whatever it is: nobody else would tell those who wait
            _log.debug("no more replies: %s", type(error).__name__)
            self._process.kill()
            self._process.wait()
            self._complaint = _complaint(self._complaints)
            with self._lock:
                self._ended = True
                waiting = [reply for number, reply in self._waiting.items() if number]
            for reply in waiting:
                reply.set_exception(self._death())

    def _deliver(self, stdout: IO[bytes]) -> None:
        """Read one reply and hand it over."""
        if _exactly(stdout, len(_MARK)) != _MARK:
            raise EOFError  # something else writes there: nothing after it can be trusted
        number, failed = _HEAD.unpack(_exactly(stdout, _HEAD.size))
        parts = [_block(stdout) for _ in range(_FAILURE_PARTS if failed else 1)]
        with self._lock:
            reply = self._waiting.pop(number)
        if failed:
            reply.set_exception(RequestFailedError(*(part.decode("utf-8", "replace") for part in parts)))
        else:
            reply.set_result(parts[0])

    def _explain_start(self) -> None:
        """Raise EngineUnavailableError if the process never came to be ready, by no deed of ours."""
        self._reader.join(_PATIENCE_S)
        if self._stopped or 0 not in self._waiting:
            return
        raise EngineUnavailableError(
            f"Java does not start: {self._complaint or f'exit code {self._process.returncode}'}",
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


def _start(command: Sequence[str], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the process, out of reach of the terminal's Ctrl-C: it ends when its input ends."""
    pipe = subprocess.PIPE
    _log.debug("starting Java with %d arguments", len(command))
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=complaints, process_group=0)
    except OSError as error:
        raise EngineUnavailableError(
            f"Java does not start: {error.strerror or type(error).__name__}", hint=jvm.SETUP_HINT
        ) from error


def _complaint(file: IO[bytes]) -> str:
    """Read the first line of what Java complained of."""
    try:
        file.seek(0)
        return _first_line(file.read(_COMPLAINT_BYTES).decode("utf-8", "replace"))
    except (OSError, ValueError):
        return ""


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
