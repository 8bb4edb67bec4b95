"""A replayed server that holds what transforms need, and engines for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sr2fhir.engines import EngineOptions
from sr2fhir.engines.hapi import HapiEngine, installation
from sr2fhir.engines.hapi.installation import Part
from sr2fhir.paths import layout

from .replay import Fhir, serving

Make = Callable[..., HapiEngine]


@pytest.fixture(scope="session")
def needed() -> list[Part]:
    """List what transforms need."""
    return installation.for_transforming(layout())


@pytest.fixture
def fhir(needed: list[Part]) -> Fhir:
    """Return a server that holds everything."""
    fhir = Fhir()
    fhir.holds(*needed)
    return fhir


@pytest.fixture
def base(fhir: Fhir) -> Iterator[str]:
    """Serve it, and return its base URL."""
    with serving(fhir) as url:
        yield url


@pytest.fixture
def make(base: str) -> Iterator[Make]:
    """Return a function that makes an engine for the server."""
    made: list[HapiEngine] = []

    def engine(url: str = base, timeout_s: float = 20.0, install: bool = False) -> HapiEngine:
        settings = {"install": "yes"} if install else {}
        made.append(HapiEngine(EngineOptions(url=url, timeout_s=timeout_s, settings=settings)))
        return made[-1]

    yield engine
    for each in made:
        each.close()


@pytest.fixture
def sample(samples_dir: Path) -> Path:
    """Return the sample whose transform was recorded."""
    return samples_dir / "gen_highdicom_group1501_cyrillic_iso_ir144.dcm"
