"""What stands between a connection and the pages: time limits, the caller's address, headers, errors."""

from __future__ import annotations

import asyncio
import logging

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sr2fhir.errors import Sr2FhirError
from sr2fhir.gateway.store import BusyError
from sr2fhir.outcome import describe, unexpected

logger = logging.getLogger(__name__)

HEADERS_S = 15.0
"""Seconds in which a client has to send the head of a request."""

RETRY_AFTER_S = 10
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{what}-src 'self'" for what in ("style", "script", "img", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class TimedProtocol(H11Protocol):
    """Close a connection on which the head of a request does not come; uvicorn waits for ever.

    Only the time between requests has a limit there (`timeout_keep_alive`), which ends with the first byte.
    """

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the head is there, and start it when another begins."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._watch()
        else:
            self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEADERS_S, self._late)

    def _unwatch(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()


class Peer:
    """Keep the address that a connection comes from, before headers of a proxy put another in its place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put it into the scope as `peer`."""
        client = scope.get("client")
        await self._app({**scope, "peer": client[0] if client else None}, receive, send)


class Guard:
    """Add the headers that protect a browser, and turn what nobody caught into a plain 500.

    The text of an exception may quote a document: the log gets its type and place.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = False

        async def protected(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, protected)
        except Exception as error:
            told = describe(error) if isinstance(error, Sr2FhirError) else unexpected(error)
            logger.log(logging.ERROR, "%s", told)
            if not began:
                await _failure(error)(scope, receive, protected)


def _failure(error: Exception) -> PlainTextResponse:
    """Say that a request failed, without the words of the error: they may name hosts and files."""
    if isinstance(error, BusyError):
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return PlainTextResponse(f"The store cannot be used now: {error.cause}\n", 503, headers)
    return PlainTextResponse("The gateway failed on this request; its log says where\n", 500)
