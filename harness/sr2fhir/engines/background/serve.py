"""The validator's HTTP service as a process: ``python -m sr2fhir.engines.background.serve [--port N]``.

The HL7 validator brings the service (`FhirValidatorHttpService`): handlers that read a request, call the
validation engine and write the answer. They are used as they are, behind a server that is set up here, since
the one that the service makes answers requests one at a time, on a thread whose stack is too small for a deep
content tree. Left out are the handlers that change the engine, read files or end the process: there is no
log-in. It listens on 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from threading import Event
from typing import Any

from sr2fhir.engines import jvm
from sr2fhir.engines.background import VALIDATOR, record
from sr2fhir.engines.background.lock import Lock
from sr2fhir.engines.background.process import ABOUT
from sr2fhir.engines.background.record import Running
from sr2fhir.engines.base import ENTRY_MAP
from sr2fhir.engines.jvm import java
from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError
from sr2fhir.http import Client
from sr2fhir.paths import Layout, layout

ADDRESS = "127.0.0.1"
_HTTP = "org.hl7.fhir.validation.http"
_FULL, _SMALL = "full", "small"
# path -> handler of the HL7 service, and the engine that it calls
_HANDLERS = {
    "/transform": ("TransformHTTPHandler", _SMALL),
    "/compile": ("CompileHTTPHandler", _SMALL),
    "/validateResource": ("ValidateResourceHTTPHandler", _FULL),
    "/convert": ("ConvertHTTPHandler", _FULL),
    "/fhirpath": ("FhirPathHTTPHandler", _FULL),
}
# An answer leaves in two parts; unless told otherwise the system holds the second back for 40 ms.
_NO_DELAY = "-Dsun.net.httpserver.nodelay=true"
# until a transform of a sample takes the same time again and again
_WARM_ROUNDS = 3
# more than a client sends at once, so that a question how the service is never waits for work
_THREADS = 32
_LOCK_S, _WATCH_S, _LAST_WORDS_S = 5.0, 2.0, 1
_LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"

_log = logging.getLogger("sr2fhir.service")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until it is told to end."""
    parser = argparse.ArgumentParser("python -m " + __name__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    options = parser.parse_args(arguments)
    _log_own()
    try:
        _serve(options.port, layout())
    except Sr2FhirError as error:
        _log.error("%s", error)
        _say({"error": error.message, "hint": error.hint})
        return 3
    return 0


def _serve(port: int, places: Layout) -> None:
    """Start, tell that it is ready, wait for the end."""
    alive = Lock(record.path_of(VALIDATOR, places, "lock"))
    if not alive.hold(_LOCK_S):
        raise EngineUnavailableError(
            "another one runs or is starting", hint="Look at `sr2fhir engine status`"
        )
    _log.info("starting")
    content = record.content_key(places)
    service = Service(places, content)
    running = service.start(port)
    ending = _signals()
    record.write(running, places)
    try:
        _say(vars(running))
        _log.info("ready at %s", running.url)
        while not ending.wait(_WATCH_S) and record.read(VALIDATOR, places) == running:
            pass
    except BrokenPipeError:
        _log.info("whoever started this is gone")
    finally:
        _log.info("stopping")
        service.stop()
        record.remove(running, places)


def _log_own() -> None:
    """Log what this package says, and nothing of libraries, which quote values."""
    import warnings

    from sr2fhir.cli import logs

    warnings.simplefilter("ignore")
    logs.configure("info", _LOG_FORMAT)


def _signals() -> Event:
    """Answer an event for the signals that ask for the end; Java, once started, has taken them."""
    ending = Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ending.set())
    return ending


def _say(word: dict[str, Any]) -> None:
    """Say one thing to the process that started this one, and no more.

    Raises
    ------
    BrokenPipeError
        It is gone.
    """
    os.write(sys.stdout.fileno(), json.dumps(word).encode() + b"\n")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class Service:
    """The HL7 service's handlers over an engine that has everything loaded, behind a server of threads.

    Parameters
    ----------
    places
        Where set-up has put the engine's parts.
    content
        Key of what is loaded.
    """

    def __init__(self, places: Layout, content: str) -> None:
        self._places = places
        self._content = content
        self._server: Any = None
        self._pool: Any = None

    def start(self, port: int) -> Running:
        """Load the engine and listen.

        Raises
        ------
        EngineUnavailableError
            Java does not start, set-up is not complete, or the port is taken.
        """
        jvm.start("batch", extra=[*jvm.aot_flags(self._places, "batch"), _NO_DELAY])
        # first the port, which may be taken: reading the definitions takes much longer
        self._server = _bound(port)
        url = f"http://{ADDRESS}:{self._server.getAddress().getPort()}"
        version = jvm.engine_version(self._places)
        engines = jvm.deep(lambda: _engines(self._places))
        self._open(engines, {"engine": VALIDATOR, "version": version, "content": self._content})
        _warm(Client(VALIDATOR, url), self._places)
        log = str(record.path_of(VALIDATOR, self._places, "log"))
        return Running(VALIDATOR, "process", url, version, os.getpid(), None, log, self._content)

    def stop(self) -> None:
        """Let requests under way end, for a second, and listen no more."""
        if self._server is not None:
            self._server.stop(_LAST_WORDS_S)
            self._pool.shutdownNow()

    def _open(self, engines: dict[str, Any], about: dict[str, str]) -> None:
        """Put the handlers behind their paths and begin to serve."""
        make = java(f"{_HTTP}.FhirValidatorHttpService")
        services = {name: make(engine, True, 0) for name, engine in engines.items()}
        for path, (name, engine) in _HANDLERS.items():
            self._server.createContext(path, _handler(name, services[engine]))
        headers = java("com.sun.net.httpserver.Headers").of(["Content-Type", "application/json"])
        answer = java("com.sun.net.httpserver.HttpHandlers").of(200, headers, json.dumps(about))
        self._server.createContext(ABOUT, answer)
        self._pool = _pool()
        self._server.setExecutor(self._pool)
        self._server.start()


def _bound(port: int) -> Any:
    """Make a server on the loopback address alone, which does not serve yet."""
    import jpype

    address = java("java.net.InetAddress").getByName(ADDRESS)
    try:
        return java("com.sun.net.httpserver.HttpServer").create(
            java("java.net.InetSocketAddress")(address, port), 0
        )
    except jpype.JException as error:
        reason = f"port {port} is not to be had" if port else "no port is to be had"
        raise EngineUnavailableError(
            f"{reason} ({error.getClass().getSimpleName()})", hint="Choose another with --port"
        ) from None


def _engines(places: Layout) -> dict[str, Any]:
    """Make two engines: one that has the whole of FHIR, and one that has what the maps need.

    A transform takes twice as long with all definitions at hand: each import of a map and each look for a
    type goes through all of them.
    """
    import jpype

    from sr2fhir.engines.embedded import context_files
    from sr2fhir.engines.embedded.context import small_context
    from sr2fhir.engines.embedded.validating import full_engine

    full = full_engine(places)
    try:
        small = java("org.hl7.fhir.validation.ValidationEngine")(full)
        return {_FULL: full, _SMALL: small.setContext(small_context(context_files(places)))}
    except (OSError, jpype.JException) as error:
        raise EngineUnavailableError(
            f"the maps cannot be read ({type(error).__name__})", hint=jvm.SETUP_HINT
        ) from None


def _warm(client: Client, places: Layout) -> None:
    """Transform the samples, where there are any, so that the first request finds Java with its work done."""
    from sr2fhir.toolchain.train import documents

    try:
        for document in list(documents(places.sources / "samples")) * _WARM_ROUNDS:
            answer = client.post("/transform", document, params={"map": ENTRY_MAP})
            if not answer.ok:
                _log.warning("a sample does not transform: status %d", answer.status)
    except EngineError as error:
        _log.warning("the samples do not transform: %s", error.message)
    finally:
        client.close()


def _handler(name: str, service: Any) -> Any:
    """Make one of the HL7 service's handlers, whose classes are not public."""
    loader = java(f"{_HTTP}.FhirValidatorHttpService").class_.getClassLoader()
    maker = java("java.lang.Class").forName(f"{_HTTP}.{name}", True, loader).getDeclaredConstructors()[0]
    maker.setAccessible(True)
    return maker.newInstance(service)


def _pool() -> Any:
    """Make the threads that serve, each with a stack for the deepest content tree."""
    factory = java("java.lang.Thread").ofPlatform().daemon(True).stackSize(jvm.STACK_BYTES).factory()
    return java("java.util.concurrent.Executors").newFixedThreadPool(_THREADS, factory)


if __name__ == "__main__":
    code = main()
    # Java's threads may still be at work: nothing waits for them.
    logging.shutdown()
    os._exit(code)
