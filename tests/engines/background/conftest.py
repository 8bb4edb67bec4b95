"""A home of its own for what runs in the background, and the real service, once for the session."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sr2fhir.engines import background
from sr2fhir.engines.background import Running, process
from sr2fhir.paths import Layout, layout

STAND_IN = Path(__file__).with_name("stand_in.py")
PARTS = ("jars", "java-home", "maps", "definitions", "engine")


def home(folder: Path) -> Layout:
    """Make a home with what set-up has made and nothing running."""
    folder.mkdir()
    for name in PARTS:
        (folder / name).symlink_to(layout().home / name)
    return Layout(layout().sources, folder)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """Answer a home where the stand-in is what gets started, and leave nothing running."""
    monkeypatch.setattr(process, "SERVER", (sys.executable, str(STAND_IN)))
    found = home(tmp_path / "home")
    monkeypatch.setenv("SR2FHIR_HOME", str(found.home))
    yield found
    background.stop("validator", found)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Layout]]:
    """Start the real service, and stop it at the end."""
    places = home(tmp_path_factory.mktemp("service") / "home")
    running, new = background.start(places=places)
    assert new
    yield running, places
    assert background.stop("validator", places) == running
    assert background.find("validator", places) is None
