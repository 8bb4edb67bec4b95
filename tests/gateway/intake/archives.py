"""An archive for faults: it gives each path what a test says, and notes what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pydicom.dataset import Dataset

from tests import builders as b

JSON = "application/dicom+json"
BOUNDARY = b"a-boundary"
MULTIPART = 'multipart/related; type="application/dicom"; boundary=a-boundary'


class Reply(NamedTuple):
    """What is said: status, media type, body, and a length that may be untrue."""

    status: int
    content_type: str
    body: bytes
    length: int | None = None


class FakeArchive:
    """Studies of reports, of which parts can be replaced by faults.

    Parameters
    ----------
    reports
        By study.
    """

    def __init__(self, *reports: Dataset) -> None:
        self.reports = list(reports)
        self.faults: dict[str, Reply] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""
        self.tells_numbers = True
        self.knows_pages = True
        self.most = 1000

    def reply(self, path: str, query: dict[str, str]) -> Reply:
        self.asked.append((path, query))
        for part, fault in self.faults.items():
            if part in path:
                return fault
        if "/series/" in path:
            uid = path.split("/")[-1]
            found = [report for report in self.reports if report.SOPInstanceUID == uid]
            return multipart(*map(b.encoded, found)) if found else Reply(404, JSON, b"")
        wanted = query.get("Modality") or query["ModalitiesInStudy"]
        found = [report for report in self.reports if report.Modality == wanted]
        if path == "/studies":
            results = {report.StudyInstanceUID: self._study(report) for report in found}
        else:
            study = path.split("/")[2]
            results = {r.SOPInstanceUID: instance(r) for r in found if r.StudyInstanceUID == study}
        return self._page(list(results.values()), query)

    def _study(self, report: Dataset) -> dict[str, Any]:
        number = len([each for each in self.reports if each.StudyInstanceUID == report.StudyInstanceUID])
        study: dict[str, Any] = {"0020000D": value("UI", report.StudyInstanceUID)}
        return study | ({"00201208": value("IS", number)} if self.tells_numbers else {})

    def _page(self, results: list[Any], query: dict[str, str]) -> Reply:
        if self.knows_pages:
            offset = int(query.get("offset", 0))
            results = results[offset : offset + int(query.get("limit", self.most))]
        return Reply(200, JSON, json.dumps(results).encode()) if results else Reply(204, "", b"")


def value(vr: str, content: object) -> dict[str, Any]:
    return {"vr": vr, "Value": [content]}


def instance(report: Dataset) -> dict[str, Any]:
    return {
        "00080016": value("UI", report.SOPClassUID),
        "00080018": value("UI", report.SOPInstanceUID),
        "0020000D": value("UI", report.StudyInstanceUID),
        "0020000E": value("UI", report.SeriesInstanceUID),
    }


def multipart(*parts: bytes, closing: bytes = b"\r\n--a-boundary--\r\n") -> Reply:
    """Return a body of PS3.18 8.6.1.2."""
    head = b"\r\n--" + BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
    return Reply(200, MULTIPART, b"".join(head + part for part in parts) + closing)


@contextmanager
def serving(archive: FakeArchive) -> Iterator[FakeArchive]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            reply = archive.reply(parts.path.removeprefix("/dicom-web"), dict(parse_qsl(parts.query)))
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    archive.url = f"http://127.0.0.1:{server.server_address[1]}/dicom-web"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
