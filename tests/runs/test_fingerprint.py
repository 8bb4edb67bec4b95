"""An interrupted run is gone on with only where all is as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sr2fhir.engines import EngineOptions
from sr2fhir.model import RenderOptions
from sr2fhir.paths import Layout
from sr2fhir.runs.fingerprint import fingerprint
from sr2fhir.runs.work import Recipe

RECIPE = Recipe("embedded", EngineOptions(batch=True), RenderOptions())
OTHERS = [
    replace(RECIPE, engine="fml"),
    replace(RECIPE, engine_options=EngineOptions(batch=True, url="http://x.example")),
    replace(RECIPE, options=RenderOptions(default_timezone="+01:00")),
    replace(RECIPE, options=RenderOptions(coding_schemes={"99A": "http://a.example"})),
    replace(RECIPE, keep_lineage=True),
    replace(RECIPE, validate=True),
    replace(RECIPE, format="xml"),
]


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path, None)
    made.compiled_maps.mkdir(parents=True)
    (made.compiled_maps / "A.json").write_text("{}")
    return made


def test_it_is_the_same_for_the_same(places: Layout) -> None:
    other = replace(RECIPE, options=RenderOptions())
    assert fingerprint(RECIPE, "x", places) == fingerprint(other, "x", places)


@pytest.mark.parametrize("other", OTHERS)
def test_it_differs_where_an_option_does(other: Recipe, places: Layout) -> None:
    assert fingerprint(RECIPE, "x", places) != fingerprint(other, "x", places)


def test_it_differs_where_form_limits_or_maps_do(places: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [fingerprint(RECIPE, "x", places), fingerprint(RECIPE, "y", places)]
    monkeypatch.setenv("SR2FHIR_MAX_ITEMS", "10")
    found.append(fingerprint(RECIPE, "x", places))
    (places.compiled_maps / "A.json").write_text("{ }")
    found.append(fingerprint(RECIPE, "x", places))
    assert len(set(found)) == len(found)
