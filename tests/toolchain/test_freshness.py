"""The hint that compiled maps are older than their sources."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sr2fhir.paths import Layout
from sr2fhir.toolchain import outdated


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    places = Layout(tmp_path / "sources", tmp_path / "build")
    for folder in (places.maps / "a-document", places.fsh / "model", places.home):
        folder.mkdir(parents=True)
    for path in (places.maps / "a-document" / "A.map", places.fsh / "model" / "B.fsh", places.stamps):
        path.touch()
        os.utime(path, (1000, 1000))
    return places


def test_compiled_after_the_last_change(places: Layout) -> None:
    assert not outdated(places)


@pytest.mark.parametrize("changed", ["maps/a-document/A.map", "fsh/model/B.fsh"])
def test_changed_after_compilation(places: Layout, changed: str) -> None:
    os.utime(places.sources / changed, (2000, 2000))
    assert outdated(places)


def test_never_set_up(places: Layout) -> None:
    places.stamps.unlink()
    assert not outdated(places)
