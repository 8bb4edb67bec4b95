"""Stores on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from sr2fhir.gateway.store import Store

from tests.gateway.objects import new_store

NewStore = Callable[..., Store]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """Return the URL of an empty database; None for SQLite in the folder of the gateway."""
    if request.param == "sqlite":
        return None
    return empty_database(request.getfixturevalue("postgres_url"))


def empty_database(server: str) -> str:
    """Make a database on a PostgreSQL server, and return its URL."""
    import psycopg

    name = f"gateway_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
def opened(tmp_path: Path, database: str | None) -> Iterator[NewStore]:
    """Return what opens a store on the database of the test; all are closed after it."""
    with ExitStack() as left:

        def make(**settings: object) -> Store:
            return left.enter_context(new_store(tmp_path, database=database, **settings))

        yield make
