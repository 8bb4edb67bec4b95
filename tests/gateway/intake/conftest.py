"""A real store in a folder of the test, and what tests want to know of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sr2fhir.gateway.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "gateway", low_disk=0) as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the store."""
    return tmp_path / "gateway"
