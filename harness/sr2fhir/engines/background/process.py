"""A server of ours as a process in the background: launched, waited for, asked and ended from here.

The process is detached: it survives the terminal. It is never left behind unseen, since it writes its record
before it says that it is ready, and ends by itself when nobody is there any more to hear that.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import IO, Any

from sr2fhir.engines.background import record
from sr2fhir.engines.background.lock import Lock, is_held
from sr2fhir.engines.background.record import Running
from sr2fhir.errors import EngineError, EngineUnavailableError
from sr2fhir.paths import HOME_VARIABLE, Layout

# Where the service says what it is; not one of the HL7 service's own paths.
ABOUT = "/sr2fhir"
# the command that runs it
SERVER: tuple[str, ...] = (sys.executable, "-m", "sr2fhir.engines.background.serve")
# seconds: for a polite end, for a forced one, for an answer to a question that costs nothing
_POLITE_S, _FORCED_S, _ASK_S = 10.0, 5.0, 3.0
_PAUSE_S = 0.05

Word = dict[str, Any]


def start(engine: str, port: int | None, limit_s: float, places: Layout) -> tuple[Running, bool]:
    """Start a server, unless one that has loaded the current set-up runs; see `background.start`."""
    alone = Lock(record.path_of(engine, places, "start.lock"))
    if not alone.hold(limit_s):
        raise _failed("another start is still under way", places, engine)
    try:
        found = _reusable(engine, places)
        return (found, False) if found else (_launched(engine, port, limit_s, places), True)
    finally:
        alone.release()


def is_alive(running: Running, places: Layout) -> bool:
    """Tell whether the process that wrote the record lives: it holds the lock as long as it does."""
    return is_held(record.path_of(running.engine, places, "lock"))


def answers(running: Running) -> bool:
    """Tell whether the server answers, and is the one that was written down."""
    return about(running.engine, running.url).get("content") == running.content


def about(engine: str, url: str) -> Word:
    """Ask a server of ours what it is; nothing, if it does not answer or is another's."""
    from sr2fhir.http import Client

    client = Client(engine, url, _ASK_S)
    try:
        answer = client.get(ABOUT)
        content = answer.json() if answer.ok else None
    except EngineError:
        content = None
    finally:
        client.close()
    return content if isinstance(content, dict) else {}


def stop(running: Running, places: Layout) -> None:
    """Ask the process to end, and end it if it does not.

    Raises
    ------
    EngineUnavailableError
        It belongs to somebody else, or does not even end when it is made to.
    """
    for sign, limit_s in ((signal.SIGTERM, _POLITE_S), (_KILL, _FORCED_S)):
        if _ended(running, places, sign, limit_s):
            return
    raise _failed(f"process {running.pid} does not end", places, running.engine)


# Windows knows no other way than by force.
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def _ended(running: Running, places: Layout, sign: int, limit_s: float) -> bool:
    """Send a signal and wait for the end of the process; its id is used only while it is surely the same."""
    deadline = monotonic() + limit_s
    if running.pid and is_alive(running, places):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(running.pid, sign)
    while is_alive(running, places):
        if monotonic() > deadline:
            return False
        sleep(_PAUSE_S)
    _reap(running.pid)
    return True


def _reap(pid: int | None) -> None:
    """Let the system forget a process that this one had started."""
    if pid and hasattr(os, "WNOHANG"):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _reusable(engine: str, places: Layout) -> Running | None:
    """Answer the server that runs; stop it if it does not answer or has loaded another set-up."""
    from sr2fhir.engines import background

    found = background.find(engine, places)
    if found is None or (found.content == record.content_key(places) and answers(found)):
        return found
    background.stop(engine, places)
    return None


def _launched(engine: str, port: int | None, limit_s: float, places: Layout) -> Running:
    """Launch the server, wait until it is ready, and leave nothing behind if it never is."""
    if places.is_installed:  # a checkout is set up by its Makefile
        from sr2fhir import toolchain

        toolchain.run()
    log = record.path_of(engine, places, "log")
    with log.open("wb") as stream:
        process = _process(port, places, stream)
    try:
        word = _first_word(process, limit_s)
        if "error" not in word:
            return Running(**word)
    except LateError:
        word = {"error": f"it was not ready within {limit_s:g} seconds"}
    except BaseException:
        _kill(process)
        raise
    _kill(process)
    raise _failed(word["error"], places, engine, word.get("hint"))


def _process(port: int | None, places: Layout, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Launch the server's process, apart from this terminal and its signals."""
    command = [*SERVER, *(["--port", str(port)] if port else [])]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=places.home,
        env=os.environ | {HOME_VARIABLE: str(places.home)},
        start_new_session=True,
    )


def _first_word(process: subprocess.Popen[bytes], limit_s: float) -> Word:
    """Wait for the line in which the server says that it is ready, or why it is not.

    Raises
    ------
    TimeoutError
        It says nothing in time.
    """
    heard: Future[Word] = Future()

    def listen() -> None:
        with process.stdout or contextlib.nullcontext() as stream:
            words = [word for line in stream or () if (word := _word(line))][:1]
        heard.set_result(words[0] if words else {"error": f"it ended with status {process.wait()}"})

    Thread(target=listen, name="sr2fhir-start", daemon=True).start()
    return heard.result(limit_s)


def _word(line: bytes) -> Word | None:
    """Read a line; Java itself may write others when it cannot start."""
    try:
        word = json.loads(line)
    except ValueError:
        return None
    return word if isinstance(word, dict) else None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that is not wanted, and wait for its end."""
    process.kill()
    process.wait()


def _failed(reason: str, places: Layout, engine: str, hint: str | None = None) -> EngineUnavailableError:
    """Make the error of a server that does not start or stop."""
    log = record.path_of(engine, places, "log")
    return EngineUnavailableError(
        f"the {engine} service in the background: {reason}", hint=hint or f"Its log is {_shown(log)}"
    )


def _shown(path: Path) -> str:
    """Answer a path as briefly as it can be said."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
