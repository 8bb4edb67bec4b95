"""The paths of the web server, what each needs, and what stands before them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from sr2fhir.gateway.intake.stow import Stow, routes_of
from sr2fhir.gateway.web.health import Health
from sr2fhir.gateway.web.login import Gate
from sr2fhir.gateway.web.metrics import Metrics
from sr2fhir.gateway.web.pages import FOLDER, Pages
from sr2fhir.gateway.web.protection import Guard, Peer

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store
    from sr2fhir.gateway.web.pages import Alarms, Workers
    from sr2fhir.gateway.web.settings import WebSettings

#: paths that are served to everybody: they say nothing that is anybody's
OPEN = ("/health/live", "/health/ready", "/login", "/static")


def application(settings: WebSettings, store: Store, alarms: Alarms, workers: Workers) -> Starlette:
    """Make the application.

    Parameters
    ----------
    settings
        Of the web server.
    store
        What the pages show, and what STOW-RS gives to.
    alarms
        What is wrong now, of all parts.
    workers
        Process ids of the workers that live.
    """
    gate = Gate(settings)
    pages = Pages(store, gate, alarms)
    health = Health(store, alarms, workers)
    routes = [
        Route("/health/live", health.live),
        Route("/health/ready", health.ready),
        Route("/metrics", guarded(gate, "metrics", Metrics(store, alarms))),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
        Route("/login", pages.ask_token, methods=["GET"]),
        Route("/login", pages.log_in, methods=["POST"]),
        Route("/logout", pages.log_out, methods=["POST"]),
        Route("/", guarded(gate, "see", pages.overview)),
        Route("/reports", guarded(gate, "see", pages.reports)),
        Route("/reports/{id:int}", guarded(gate, "see", pages.report)),
        Route("/reports/{id:int}/{name}.json", guarded(gate, "see", pages.account)),
        Route("/alerts", guarded(gate, "see", pages.alerts)),
        Route("/audit", guarded(gate, "see", pages.audit)),
        Route("/replay", guarded(gate, "replay", pages.replay), methods=["POST"]),
    ]
    if settings.stow:
        stow = Stow(store, settings.stow)
        routes += [
            Route(path, guarded(gate, "store", serve), methods=["POST"]) for path, serve in routes_of(stow)
        ]
    return Starlette(routes=routes, middleware=list(_before(settings)))


def _before(settings: WebSettings) -> list[Middleware]:
    """Return what a request passes first, outermost first."""
    proxies = [Middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.proxies))]
    return [
        Middleware(Guard),
        Middleware(Peer),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(settings.names), www_redirect=False),
        *(proxies if settings.behind_proxy else []),
    ]


def guarded(gate: Gate, right: str, serve: Callable[..., object]) -> Callable[..., object]:
    """Serve only callers who have a right; send browsers to the log-in."""

    async def endpoint(request: Request) -> Response:
        # apart from the threads that do the work: whoever guesses tokens keeps nobody from it
        caller = await to_thread.run_sync(gate.caller, request, limiter=gate.limiter)
        if caller is None:
            return _unknown(request)
        if right not in caller.rights:
            return PlainTextResponse(f"{caller.name} may not do this: it takes the right {right}\n", 403)
        request.state.caller = caller
        return await serve(request)  # type: ignore[misc, no-any-return]

    return endpoint


def _unknown(request: Request) -> Response:
    if "authorization" in request.headers:
        logger.warning("a token is not known, from %s", request.client.host if request.client else "unknown")
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/login?next={quote(request.url.path, safe='/')}", 303)
    return PlainTextResponse("Log in with a token\n", 401, {"WWW-Authenticate": 'Bearer realm="sr2fhir"'})
