"""Fixtures of the tests of the maps."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.paths import layout
from tools.publishing import mapping_pages
from tools.publishing.mapping_pages import fsh
from tools.publishing.mapping_pages.fsh import Definition
from tools.publishing.mapping_pages.pages import Guide, Page

from tests.maps.lint import Library, read_texts


@pytest.fixture(scope="session")
def definitions() -> tuple[Definition, ...]:
    """Answer the FSH definitions."""
    return fsh.read(layout().fsh)


@pytest.fixture(scope="session")
def guide() -> Guide:
    """Answer what the pages of the mapping documentation are made of."""
    return mapping_pages.guide(layout().maps, layout().fsh)


@pytest.fixture(scope="session")
def pages(guide: Guide) -> tuple[Page, ...]:
    """Answer the pages of the mapping documentation."""
    return tuple(guide.pages())


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Answer the text of each map."""
    return read_texts(layout().maps)


@pytest.fixture(scope="session")
def library(texts: dict[str, str], definitions: tuple[Definition, ...]) -> Library:
    """Answer the maps as they are."""
    return Library(texts, definitions)


@pytest.fixture(scope="session")
def core_dir() -> Path:
    """Answer the folder of the R5 core definitions."""
    folder = layout().packages / "hl7.fhir.r5.core#5.0.0" / "package"
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: run the set-up first")
    return folder
