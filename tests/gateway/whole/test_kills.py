"""Whatever is killed under load: what was acknowledged is on the FHIR server, once (issue 13, "Shown at the end").

The long form, with more kills: ``make bench BENCH=gateway``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Postgres, require_postgres, scratch
from tests.gateway.whole.kills import Tally, killed
from tests.servers import hapi_jpa

pytestmark = pytest.mark.slow


@pytest.fixture
def database() -> Iterator[Postgres]:
    require_postgres()
    with scratch() as folder:
        server = Postgres(folder / "pg")
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def fhir_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the base URL of an empty FHIR server."""
    name = request.node.name.replace("_", "")
    yield hapi_jpa.required(name)
    hapi_jpa.end(name)


def check(tally: Tally) -> None:
    print(tally)
    assert tally.acknowledged > 10
    assert tally.states == {"delivered": tally.acknowledged}
    assert (tally.missing, tally.foreign, tally.twice) == (set(), set(), set())


def test_killed_processes_lose_nothing_and_send_nothing_twice(fhir_server: str, tmp_path: Path) -> None:
    check(killed(tmp_path, fhir_server, kills=6, rate=4, seed=1))


def test_a_killed_database_loses_nothing_either(fhir_server: str, tmp_path: Path, database: Postgres) -> None:
    check(killed(tmp_path, fhir_server, kills=4, rate=4, seed=2, database=database))
