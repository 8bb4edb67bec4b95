"""Fixtures that all tests share: samples, the compiled definitions, the published guide, and one engine for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sr2fhir.paths import layout

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

pytest_plugins = ["tests.rows.accounting", "tests.comparing.answers"]

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT.parent / "shared" / "official"


@pytest.fixture(scope="session")
def samples_dir() -> Path:
    """Answer the folder of the samples."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def samples(samples_dir: Path) -> list[Path]:
    """List the samples."""
    return sorted(path for path in samples_dir.iterdir() if path.suffix in (".dcm", ".json"))


@pytest.fixture(scope="session")
def definitions_dir() -> Path:
    """Answer the folder of our compiled conformance resources."""
    folder = layout().definitions
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: run the set-up first")
    return folder


@pytest.fixture(scope="session")
def official_dir() -> Path:
    """Answer the folder of the published guide's compiled resources, or skip where it is not at hand."""
    if not PUBLISHED.is_dir():
        pytest.skip("the published guide is not at hand (../shared/official)")
    return PUBLISHED


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Answer the embedded engine: started once, since a process can have one Java machine only."""
    from sr2fhir.engines import EngineOptions, create

    engine = create("embedded", EngineOptions(batch=True))
    yield engine
    engine.close()
