"""What is recorded is kept only where all that decides about results is as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sr2fhir
from sr2fhir.engines import EngineOptions
from sr2fhir.model import RenderOptions
from sr2fhir.paths import Layout
from sr2fhir.runs.work import Settings

SETTINGS = Settings("embedded", EngineOptions(batch=True), RenderOptions())
OTHERS = [
    replace(SETTINGS, engine="fml"),
    replace(SETTINGS, engine_options=EngineOptions(batch=True, url="http://x.example")),
    replace(SETTINGS, render=RenderOptions(default_timezone="+01:00")),
    replace(SETTINGS, render=RenderOptions(coding_schemes={"99A": "http://a.example"})),
    replace(SETTINGS, keep_lineage=True),
    replace(SETTINGS, validate=True),
    replace(SETTINGS, format="xml"),
    replace(SETTINGS, sink="ndjson"),
]


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path, None)
    made.compiled_maps.mkdir(parents=True)
    (made.compiled_maps / "A.json").write_text("{}")
    return made


def test_the_digest_is_the_same_for_the_same(places: Layout) -> None:
    other = replace(SETTINGS, render=RenderOptions(), engine_options=EngineOptions(batch=True, timeout_s=1))
    assert SETTINGS.digest(places) == other.digest(places)


@pytest.mark.parametrize("other", OTHERS)
def test_it_differs_where_an_option_does(other: Settings, places: Layout) -> None:
    assert SETTINGS.digest(places) != other.digest(places)


def test_it_differs_where_limits_environment_maps_or_program_do(
    places: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [SETTINGS.digest(places)]
    monkeypatch.setenv("SR2FHIR_MAX_ITEMS", "10")
    found.append(SETTINGS.digest(places))
    monkeypatch.setenv("SR2FHIR_ENGINE_URL", "http://x.example")
    found.append(SETTINGS.digest(places))
    (places.compiled_maps / "A.json").write_text("{ }")
    found.append(SETTINGS.digest(places))
    monkeypatch.setattr(sr2fhir, "__version__", "99", raising=False)
    found.append(SETTINGS.digest(places))
    assert len(set(found)) == len(found)
