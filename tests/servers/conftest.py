"""Servers for tests: empty ones, and the transactions of the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.paths import layout

from tests.servers import hapi_jpa

from .client import Client, transactions

PATIENTS = "http://hospital.example/patients"
_numbers = count()


@pytest.fixture(scope="module")
def empty_server(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Return a function that makes an empty server, which ends with the tests of the module."""
    made: list[str] = []

    def make(**settings: Any) -> Client:
        name = f"{request.module.__name__.rpartition('.')[2].replace('_', '')}{next(_numbers)}"
        base = hapi_jpa.required(name, **settings)
        made.append(name)
        return Client(base)

    yield make
    for name in made:
        hapi_jpa.end(name)


@pytest.fixture(scope="session")
def sent_samples(samples: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[bytes]]:
    """Return a function that makes the transactions of the samples with options of the command."""

    @cache
    def make(*options: str) -> list[bytes]:
        return transactions(tmp_path_factory.mktemp("sent"), samples, *options)

    return make


@pytest.fixture(scope="session")
def sent_scenarios(scenarios: Callable[..., dict[str, bytes]]) -> dict[str, bytes]:
    """Return the transactions of the clinical scenarios by name."""
    return scenarios()


@pytest.fixture(scope="session")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, bytes]]:
    """Return a function that makes them with options of the command; their patients have identifiers with a system."""

    @cache
    def make(*options: str) -> dict[str, bytes]:
        inputs = sorted((layout().sources / "samples" / "scenarios").glob("*.dcm"))
        made = transactions(tmp_path_factory.mktemp("scenarios"), inputs, *options)
        assert len(made) == 7
        return dict(zip((path.stem for path in inputs), made, strict=True))

    return make
