"""A web server for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.web.site import Site, site, site_with_login


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Site]:
    """Run one on loopback, as it comes: without a log-in."""
    with site(tmp_path) as running:
        yield running


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Site]:
    """Run one that asks for tokens."""
    with site_with_login(tmp_path) as running:
        yield running
