"""A server on loopback that answers as it is told: whole, in parts, wrongly, or not at all."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# the first byte of a TLS connection (RFC 8446 5.1: handshake)
TLS = b"\x16"
Action = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Where the server listens, and what it was sent."""

    url: str
    requests: list[Request] = field(default_factory=list)


def answer(
    body: bytes | dict[str, Any] = b"{}",
    status: int = 200,
    content_type: str = "application/fhir+json",
    **headers: str,
) -> Action:
    """Return whole."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    stated = {"Content-Type": content_type, "Content-Length": str(len(data)), "Connection": "close"}
    lines = [
        f"HTTP/1.1 {status} Told",
        *(f"{k.replace('_', '-')}: {v}" for k, v in (stated | headers).items()),
    ]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


def outcome(text: str, status: int = 500, code: str = "exception") -> Action:
    """Return with an OperationOutcome, as the HL7 service does when something fails."""
    issue = {"severity": "error", "code": code, "details": {"text": text}}
    return answer({"resourceType": "OperationOutcome", "issue": [issue]}, status)


def raw(data: bytes) -> Action:
    """Send these bytes and close."""
    return lambda client, _: client.sendall(data)


def reset(data: bytes = b"") -> Action:
    """Send these bytes, then break the connection."""

    def act(client: socket.socket, _: threading.Event) -> None:
        client.sendall(data)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return act


def silent(client: socket.socket, over: threading.Event) -> None:
    """Say nothing until the test is over."""
    over.wait(30)


def dribble(client: socket.socket, over: threading.Event) -> None:
    """Begin an answer that never ends, byte by byte."""
    client.sendall(b"HTTP/1.1 200 Told\r\nContent-Length: 1000000\r\n\r\n")
    while not over.wait(0.02):
        client.sendall(b"x")


@contextmanager
def serving(*actions: Action) -> Iterator[Server]:
    """Serve one action after the other, one for each request; the last one again and again."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=_serve, args=(listener, server, actions, over), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            over.set()
            # closing a listener does not wake who accepts on it
            socket.create_connection(listener.getsockname()).close()
            thread.join()


def _serve(
    listener: socket.socket, server: Server, actions: tuple[Action, ...], over: threading.Event
) -> None:
    workers = []
    while True:
        client = listener.accept()[0]
        if over.is_set():
            client.close()
            break
        workers.append(threading.Thread(target=_one, args=(client, server, actions, over)))
        workers[-1].start()
    for worker in workers:
        worker.join()


def _one(client: socket.socket, server: Server, actions: tuple[Action, ...], over: threading.Event) -> None:
    with client:
        request = _read(client)
        if request is None:
            return
        server.requests.append(request)
        with contextlib.suppress(OSError):  # the client may have gone
            actions[min(len(server.requests), len(actions)) - 1](client, over)


def _read(client: socket.socket) -> Request | None:
    if client.recv(1, socket.MSG_PEEK) == TLS:
        return Request("TLS", {}, client.recv(4096))
    stream = client.makefile("rb")
    line = stream.readline().decode().strip()
    if not line:
        return None
    headers = {}
    while header := stream.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Request(line, headers, stream.read(int(headers.get("content-length", 0))))
