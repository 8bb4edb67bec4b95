"""A FHIR server on loopback that answers as a recorded one did, keeps what is put there, and can fail in many ways."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sr2fhir.engines.hapi.installation import Part

RECORDED = Path(__file__).parent / "recorded"
JSON = "application/fhir+json"
TRANSFORM = "POST /StructureMap/$transform"


@dataclass(frozen=True)
class Reply:
    """An answer; `stated` is the length that it claims to have."""

    status: int = 200
    content_type: str = JSON
    body: bytes = b""
    stated: int | None = None


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


Answering = Reply | Callable[[Asked], Reply | None]


@cache
def recorded(name: str) -> Reply:
    """Read a recorded answer."""
    exchange = json.loads((RECORDED / f"{name}.json").read_bytes())
    return Reply(exchange["status"], exchange["contentType"], "\n".join(exchange["body"]).encode())


def resource(content: dict[str, Any], status: int = 200) -> Reply:
    """Return with a resource."""
    return Reply(status, JSON, json.dumps(content).encode())


def cut_off(reply: Reply) -> Reply:
    """State the whole length and send half of it."""
    return Reply(reply.status, reply.content_type, reply.body[: len(reply.body) // 2], len(reply.body))


class Fhir:
    """What the server holds, what it was asked, and how it is to answer instead of as usual."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.times: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.instead: dict[str, Answering] = {}
        self.released = threading.Event()
        self.root = ""

    def holds(self, *parts: Part) -> None:
        for part in parts:
            self.put(part.content)

    def put(self, content: dict[str, Any]) -> None:
        self.held[content["url"]] = content
        self.times[content["url"]] = f"2000-01-01T00:00:00.{len(self.asked):06}+00:00"

    def lines(self, method: str) -> list[str]:
        """List the paths that were asked with a method."""
        return [asked.path for asked in self.asked if asked.method == method]

    def answer(self, asked: Asked) -> Reply | None:
        """Return a request; None cuts the connection."""
        self.asked.append(asked)
        special = self.instead.get(asked.line)
        if special is not None:
            return special(asked) if callable(special) else special
        return self.usual(asked)

    def usual(self, asked: Asked) -> Reply:
        """Return as the recorded server did."""
        if asked.line in USUAL:
            return recorded(USUAL[asked.line])
        if asked.method == "PUT":
            self.put(json.loads(asked.body))
            return resource(json.loads(asked.body))
        return self.found(asked.query["url"]) if "url" in asked.query else recorded("unknown-type")

    def found(self, url: str) -> Reply:
        """Return a search; the server adds a date and a narrative to what it holds, as recorded."""
        if url not in self.held:
            return recorded("search-missing")
        bundle = json.loads(recorded("search-found").body)
        shown = bundle["entry"][0]["resource"]
        own = {"meta": {"lastUpdated": self.times[url]}, "text": shown["text"]}
        bundle["entry"][0]["resource"] = self.held[url] | own
        return resource(bundle)

    def hang(self, _: Asked) -> None:
        """Return nothing until the test is over."""
        self.released.wait(30)


USUAL = {
    "GET /metadata": "metadata",
    TRANSFORM: "transformed",
    "POST /$validate": "validated",
}


def cut(_: Asked) -> None:
    """Cut the connection without an answer."""


@dataclass
class _Handler:
    """Make the handler class of a server."""

    fhir: Fhir
    base: str = "/fhir"
    made: type[BaseHTTPRequestHandler] = field(init=False)

    def __post_init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = (
                    parts.path.removeprefix(outer.base)
                    if parts.path.startswith(outer.base)
                    else f"!{parts.path}"
                )
                reply = outer.fhir.answer(Asked(self.command, path, query, dict(self.headers), body))
                self.close_connection = reply is None or reply.stated is not None
                if reply is not None:
                    self.send(reply)

            def send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(reply.stated or len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.made = Handler


@contextmanager
def serving(fhir: Fhir) -> Iterator[str]:
    """Serve on a free port of loopback and return the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler(fhir).made)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/fhir"
    finally:
        fhir.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
