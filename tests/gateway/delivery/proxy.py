"""A server that breaks off: connections to a real one, cut as the test says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

# before anything is passed on; in the middle of the request; when the server has done it, before its response;
# in the middle of the response
Cut = Literal["refused", "request", "response", "half"]
_BLOCK = 1 << 16


class Proxy:
    """Pass on what comes, and cut the next connections as they are listed."""

    def __init__(self, base: str, cuts: list[Cut | None]) -> None:
        parts = urlsplit(base)
        self._server = (str(parts.hostname), int(parts.port or 80))
        self._path = parts.path
        self._lock = threading.Lock()
        self.cuts = cuts
        self.done: list[Cut] = []
        self.posts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{self._path}"

    def accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._server) as server:
            client.settimeout(30)
            while request := read(client):
                cut = self._next(request)
                if cut == "refused":
                    break
                if cut == "request":
                    server.sendall(request[: len(request) // 2])
                    break
                server.sendall(request)
                response = read(server)
                if cut == "response":
                    break
                client.sendall(response[: len(response) // 2] if cut == "half" else response)
                if cut == "half":
                    break
            # a reset, as of a process that was killed
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _next(self, request: bytes) -> Cut | None:
        """Say what becomes of a request; only transactions are cut."""
        if not request.startswith(b"POST "):
            return None
        with self._lock:
            self.posts += 1
            cut = self.cuts.pop(0) if self.cuts else None
            if cut:
                self.done.append(cut)
            return cut


def read(connection: socket.socket) -> bytes:
    """Read one message of HTTP/1.1, with a length or in chunks."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(_BLOCK)):
            return b""
        data += piece
    head, _, _ = data.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in headers:
        whole = len(head) + 4 + int(headers[b"content-length"])
        while len(data) < whole:
            data += connection.recv(_BLOCK)
    elif headers.get(b"transfer-encoding") == b"chunked":
        while not data.endswith(b"\r\n0\r\n\r\n"):
            data += connection.recv(_BLOCK)
    return data


@contextmanager
def proxying(base: str, cuts: list[Cut | None]) -> Iterator[Proxy]:
    """Run a proxy before a server."""
    made = Proxy(base, cuts)
    threading.Thread(target=made.accept, daemon=True).start()
    try:
        yield made
    finally:
        made.close()
