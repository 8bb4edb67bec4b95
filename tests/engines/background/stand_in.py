"""The service's process with everything but Java: a small server stands in for the HL7 service.

STAND_IN says what it does: `ready`, `silent` (never ready), `refuses` (an error that it tells of), `dies`
(without a word), `stubborn` (ready, but deaf to a polite signal).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sr2fhir.engines.background import record, serve
from sr2fhir.engines.background.record import Running
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout

MODE = os.environ.get("STAND_IN", "ready")


class Service:
    """Answer the question what this is, and none other."""

    def __init__(self, places: Layout, content: str) -> None:
        self.places, self.content = places, content

    def start(self, port: int) -> Running:
        """Do what the mode says."""
        if MODE == "silent":
            time.sleep(600)
        if MODE == "dies":
            os._exit(7)
        if MODE == "refuses":
            raise EngineUnavailableError("it does not want to", hint="Ask again")
        content = self.content

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"version": "stand-in", "content": content}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer((serve.ADDRESS, port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{serve.ADDRESS}:{server.server_port}"
        log = str(record.path_of("validator", self.places, "log"))
        return Running("validator", "process", url, "stand-in", os.getpid(), None, log, self.content)

    def stop(self) -> None:
        """Nothing is left to be done."""


def deaf() -> threading.Event:
    """Take no notice of signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return threading.Event()


if __name__ == "__main__":
    serve.Service = Service  # type: ignore[assignment,misc]
    serve._WATCH_S = 0.1
    if MODE == "stubborn":
        serve._signals = deaf
    code = serve.main(sys.argv[1:])
    os._exit(code)
