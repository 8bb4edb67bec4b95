"""Fixtures of the tests of the maps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sr2fhir.paths import layout
from tools.guide import docs, resources
from tools.guide.structure_maps import Library

from tests.maps.lint import Maps


@pytest.fixture(scope="session")
def library() -> Library:
    """Return the compiled maps."""
    return docs.library(layout())


@pytest.fixture(scope="session")
def codes(definitions_dir: Path) -> dict[str, str]:
    """Return display by code of the CodeSystem of DICOM's own scheme that the guide carries."""
    path = definitions_dir / "CodeSystem-dicom-controlled-terminology.json"
    return {each["code"]: each["display"] for each in json.loads(path.read_bytes())["concept"]}


@pytest.fixture(scope="session")
def maps(library: Library, codes: dict[str, str]) -> Maps:
    """Return the maps as they are, with what they are checked against."""
    places = layout()
    texts = {name: path.read_text(encoding="utf-8") for name, path in resources.map_sources(places).items()}
    urls = frozenset(each.content["url"] for each in resources.definitions(places))
    return Maps(library, texts, codes, urls)
