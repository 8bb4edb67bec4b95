"""The web server: status page, STOW-RS, health and figures, in a thread of the main process."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import uvicorn
from cryptography import x509  # comes with pyjwt[crypto]

from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.gateway.parts import Alarm, Check
from sr2fhir.gateway.web.app import application
from sr2fhir.gateway.web.login import Tokens
from sr2fhir.gateway.web.protection import TimedProtocol

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store
    from sr2fhir.gateway.web.settings import WebSettings, WebTls

CONNECTIONS = 200
"""Connections at once; whoever comes beyond them is told 503."""
PATIENCE_S = 10.0
SOON_S = 30 * 86400.0


class Web:
    """The web server as a part of the gateway.

    Parameters
    ----------
    settings
        Where it listens, and to whom.
    store
        What the pages show, and what STOW-RS gives to.
    alarms
        What is wrong now, of all parts.
    workers
        Process ids of the workers that live.

    Raises
    ------
    UsageError
        Others would reach it without encryption or log-in.
    """

    name = "web"

    def __init__(
        self,
        settings: WebSettings,
        store: Store,
        alarms: Callable[[], Sequence[Alarm]],
        workers: Callable[[], Sequence[int]],
    ) -> None:
        settings.check_safe()
        self.settings = settings
        self._store = store
        self._alarms = alarms
        self._workers = workers
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        #: where it listens; its port is the one that was free, if the settings name none
        self.port = settings.port

    @property
    def url(self) -> str:
        """Where a browser of this machine finds it."""
        host = f"[{self.settings.address}]" if ":" in self.settings.address else self.settings.address
        return f"{'https' if self.settings.tls else 'http'}://{host}:{self.port}"

    def start(self) -> None:
        """Listen, and return when requests are served.

        Raises
        ------
        Sr2FhirError
            The address cannot be used, or the certificate or the tokens file cannot be read.
        """
        tls = self.settings.tls
        config = uvicorn.Config(
            application(self.settings, self._store, self._alarms, self._workers),
            http=TimedProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # read by the application, if there is a proxy
            server_header=False,
            limit_concurrency=CONNECTIONS,
            ssl_context_factory=(lambda *_: context_of(tls)) if tls else None,
        )
        config.load()
        listening = _listening(self.settings.address, self.settings.port)
        self.port = listening.getsockname()[1]
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="web", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + PATIENCE_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise Sr2FhirError("the web server does not start", where="web", hint="See the log")
            time.sleep(0.01)

    def stop(self, timeout_s: float) -> None:
        """Take no more, end what is under way."""
        if self._server is None or self._thread is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, int(timeout_s) - 1)
        self._server.should_exit = True
        self._thread.join(timeout_s)
        self._server = self._thread = None

    def check(self) -> Iterator[Check]:
        """See that the address is free, and that certificate and tokens can be read."""
        if self._server is None:
            where = f"web: {self.settings.address} port {self.settings.port}"
            yield _tried(where, lambda: _listening(self.settings.address, self.settings.port).close(), "free")
        if tls := self.settings.tls:
            yield _tried("web: certificate", lambda: context_of(tls), "can be used")
            yield from _validity(tls)
        if (login := self.settings.login) and (file := login.tokens_file):
            yield _tried("web: tokens file", lambda: Tokens(file), "can be read")

    def alarms(self) -> list[Alarm]:
        """Tell if the server ended, its certificate ends soon, or the tokens file cannot be read."""
        found = []
        if (login := self.settings.login) and (file := login.tokens_file):
            tokens = _tried("", lambda: Tokens(file), "")
            found += [] if tokens.ok else [Alarm("error", self.name, f"nobody can log in: {tokens.message}")]
        if self._thread is not None and not self._thread.is_alive():
            found.append(Alarm("error", self.name, "the web server has ended; restart the gateway"))
        if tls := self.settings.tls:
            found += [Alarm("warning", self.name, each.message) for each in _validity(tls) if not each.ok]
        return found


def context_of(tls: WebTls) -> ssl.SSLContext:
    """Make what TLS needs: 1.2 or newer, with what Python holds to be safe.

    Raises
    ------
    UsageError
        A file cannot be read, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        hint = "Name PEM files: the certificate with its chain, and its key without a password"
        message = f"certificate and key cannot be used ({reason})"
        raise UsageError(message, where="web.tls", hint=hint) from None
    return context


def _validity(tls: WebTls) -> Iterator[Check]:
    """Tell until when the certificate holds."""
    what = "web: certificate"
    try:
        certificate = x509.load_pem_x509_certificates(tls.certificate.read_bytes())[0]
    except (OSError, ValueError, IndexError):
        yield Check(what, False, "the certificate cannot be read", "Name a PEM file in [web.tls] certificate")
        return
    until = certificate.not_valid_after_utc
    left = (until - datetime.now(UTC)).total_seconds()
    word = "has expired on" if left < 0 else "expires on"
    yield Check(what, left > SOON_S, f"it {word} {until:%Y-%m-%d}", None if left > SOON_S else "Renew it")


def _listening(address: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    Sr2FhirError
        The address is not of this machine, or the port is taken or needs more rights.
    """
    try:
        family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((address, port), family=family, backlog=2 * CONNECTIONS)
    except OSError as error:
        # what create_server says names the address again
        is_name = isinstance(error, socket.gaierror) or error.errno is None
        reason = error.strerror or type(error).__name__ if is_name else os.strerror(error.errno or 0)
        message = f"{address} port {port} cannot be used ({reason})"
        hint = "Choose another address or port in [web], or stop the program that listens there"
        raise Sr2FhirError(message, where="web", hint=hint) from None


def _tried(what: str, do: Callable[[], object], well: str) -> Check:
    try:
        do()
    except Sr2FhirError as error:
        return Check(what, False, error.message, error.hint)
    return Check(what, True, well)
