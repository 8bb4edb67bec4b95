"""Fixtures that all tests share: samples, the compiled definitions, the published guide, and one engine for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sr2fhir.paths import layout

from tests.databases import postgres, require_postgres, scratch
from tests.published import PUBLISHED, published_over_ours

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

pytest_plugins = ["tests.servers.hapi_jpa", "tests.rows.accounting", "tests.comparing.answers"]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def samples_dir() -> Path:
    """Return the folder of the samples."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def samples(samples_dir: Path) -> list[Path]:
    """List the samples."""
    return sorted(path for path in samples_dir.iterdir() if path.suffix in (".dcm", ".json"))


@pytest.fixture(scope="session")
def definitions_dir() -> Path:
    """Return the folder of our compiled conformance resources."""
    folder = layout().definitions
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: run the set-up first")
    return folder


@pytest.fixture(scope="session")
def official_dir() -> Path:
    """Return the folder of the published guide's compiled resources, or skip where it is not at hand."""
    if not PUBLISHED.is_dir():
        pytest.skip("the published guide is not at hand (../shared/official)")
    return PUBLISHED


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Return the embedded engine: started once, since a process can have one Java machine only."""
    from sr2fhir.engines import EngineOptions, create

    engine = create("embedded", EngineOptions(batch=True))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def start_published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Engine]]:
    """Return what starts, the first time, an engine with the published definitions in the place of ours.

    For who may not need it at all; it takes long to read its definitions.
    """

    @cache
    def start() -> Engine:
        return published_over_ours(tmp_path_factory.mktemp("published"))

    yield start
    if start.cache_info().currsize:
        start().close()


@pytest.fixture(scope="session")
def published(official_dir: Path, start_published: Callable[[], Engine]) -> Engine:
    """Return an engine with the published definitions in the place of ours, or skip where they are not at hand."""
    return start_published()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Run a PostgreSQL server, or skip where there is none; return the URL of its database."""
    require_postgres()
    # not below the folder of pytest, which other users may not enter
    with scratch() as folder, postgres(folder / "pg") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.sqlite"
    found: str = request.getfixturevalue("postgres_url")
    return found
