"""Bundles of R4: by whatever way they are made they are the same, valid, and what they lack is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sr2fhir
from sr2fhir.paths import layout
from sr2fhir.settings import TARGETS
from sr2fhir.validation import validate

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

R4 = TARGETS["R4"]
SAMPLES = layout().sources / "samples"
INPUTS = sorted(path for path in SAMPLES.glob("*") if path.suffix in (".dcm", ".json"))
INPUTS += sorted((SAMPLES / "scenarios").glob("*.dcm"))
every_input = pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
Forms = tuple[sr2fhir.Result, sr2fhir.Result, sr2fhir.Result]
# what R4 has no element for, of all that the samples and scenarios say (docs/r4.md)
WITHOUT_PLACE: set[str] = set()


@pytest.fixture(scope="module")
def made(engine: Engine) -> Callable[[Path, sr2fhir.packaging.BundleType], Forms]:
    """Return a function to the Bundle of an input in R5, in R4, and that of R5 converted to R4."""
    options = sr2fhir.RenderOptions(diagnostic_report=True, provenance=True)

    @cache
    def make(path: Path, form: sr2fhir.packaging.BundleType) -> Forms:
        packaging = sr2fhir.Packaging(form)
        r5 = sr2fhir.Transformer(engine, options=options, packaging=packaging).transform(path)
        to_r4 = sr2fhir.Transformer(engine, options=options, packaging=packaging, target=R4)
        return r5, to_r4.transform(path), to_r4.convert(r5.json)

    return make


Made = Callable[[Path, str], Forms]


@every_input
@pytest.mark.parametrize("form", sr2fhir.packaging.BUNDLE_TYPES)
def test_converted_from_r5_is_the_same_as_made_of_the_report(made: Made, path: Path, form: str) -> None:
    _, transformed, converted = made(path, form)
    assert json.loads(converted.json) == json.loads(transformed.json)
    assert converted.json == transformed.json


@every_input
@pytest.mark.parametrize("form", sr2fhir.packaging.BUNDLE_TYPES)
def test_valid_in_r4(engine: Engine, made: Made, path: Path, form: str) -> None:
    _, transformed, _ = made(path, form)
    found = validate(engine, transformed.bundle, transformed.json, target=R4)
    assert [f"{each.resource} {each.path}: {each.text}" for each in found if each.severity == "error"] == []


@every_input
def test_what_has_no_place_in_r4_is_what_the_page_lists(made: Made, path: Path) -> None:
    _, _, converted = made(path, "collection")
    assert {dict(line.description)["element"] for line in converted.report.unmapped} <= WITHOUT_PLACE
    assert [each for each in converted.findings if each.severity == "error"] == []


@every_input
def test_selections_can_be_left_out_of_a_converted_bundle(engine: Engine, made: Made, path: Path) -> None:
    r5, _, with_selections = made(path, "collection")
    result = sr2fhir.Transformer(engine, target=R4, selections="none").convert(r5.json)
    assert "Basic" not in result.report.resources
    left_out = with_selections.report.resources.get("Basic", 0)
    assert sum(with_selections.report.resources.values()) == sum(result.report.resources.values()) + left_out
    assert [each.severity for each in result.findings if "left out" in each.message] == [
        "information"
    ] * bool(left_out)
    assert result.ok


@every_input
def test_r4_is_known_as_such(engine: Engine, made: Made, path: Path) -> None:
    """It is refused where something in it tells, and is the same in both versions where nothing does."""
    r5, transformed, _ = made(path, "collection")
    to_r4 = sr2fhir.Transformer(engine, target=R4)
    with pytest.raises(sr2fhir.InputError, match="this Bundle is R4 already"):
        to_r4.convert(transformed.json)
    assert to_r4.convert(r5.json)
