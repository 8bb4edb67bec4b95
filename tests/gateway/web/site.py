"""A gateway's store and web server for tests: real ones, on a free port of loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from sr2fhir.gateway.parts import Alarm
from sr2fhir.gateway.store import Made, Origin, Route, Store
from sr2fhir.gateway.web import Web
from sr2fhir.gateway.web.login import new_token
from sr2fhir.gateway.web.settings import Login, WebSettings

SAMPLES = Path(__file__).parents[3] / "samples"
PRESENT = SAMPLES / "scenarios" / "pneumothorax_present.dcm"
ABSENT = SAMPLES / "scenarios" / "pneumothorax_absent.dcm"
ROUTES = (Route("ehr"), Route("research", fhir="R4"))
# as short as a store takes them: what they say is tested elsewhere
MADE = Made({"R5": b"{}", "R4": b"{}"}, b"{}", b"{}", {"resources": 0})


@dataclass
class Site:
    """A running web server, with what it reads."""

    store: Store
    web: Web
    alarms: list[Alarm] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.web.url

    @property
    def stow(self) -> str:
        return f"{self.url}/dicom-web/studies"

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=30, allow_redirects=False, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=30, allow_redirects=False, **more)

    def bearer(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def accept(self, sample: Path = PRESENT, intake: str = "dimse", peer: str = "AI@127.0.0.1") -> int:
        """Have the store accept a copy of a file; return the number of the object."""
        file = self.store.incoming()
        file.write_bytes(sample.read_bytes())
        return self.store.accept(file, Origin(intake, peer)).object_id

    def transform(self, made: Made = MADE) -> None:
        """Say that the object whose turn it is became something."""
        job = self.store.claim_object()
        assert job is not None
        self.store.transformed(job, made)

    def kept(self) -> list[Path]:
        """List the files that the store has, and those that it receives."""
        folder = self.store.incoming().parent.parent
        return [
            path for name in ("objects", "incoming") for path in (folder / name).rglob("*") if path.is_file()
        ]


@contextmanager
def site(folder: Path, settings: WebSettings | None = None, **of_store: Any) -> Iterator[Site]:
    """Run a web server with an empty store in a folder."""
    alarms: list[Alarm] = []
    workers = [os.getpid()]
    with Store(folder / "gateway", routes=ROUTES, **of_store) as store:
        web = Web(settings or WebSettings(port=0), store, lambda: alarms, lambda: workers)
        web.start()
        try:
            yield Site(store, web, alarms, workers)
        finally:
            web.stop(10)


@contextmanager
def site_with_login(folder: Path, **more: Any) -> Iterator[Site]:
    """Run a web server that asks for tokens: `people`, `monitor`, `pacs` and `reader` have one each."""
    rights = {"people": ("see", "replay"), "reader": ("see",), "monitor": ("metrics",), "pacs": ("store",)}
    made = {name: new_token(name, granted) for name, granted in rights.items()}
    file = folder / "tokens"
    file.write_text("".join(f"{line}\n" for _, line in made.values()))
    settings = WebSettings(port=0, login=Login(tokens_file=file))
    with site(folder, settings, **more) as running:
        running.tokens.update({name: token for name, (token, _) in made.items()})
        yield running
