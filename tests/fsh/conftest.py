"""Fixtures of the FSH tests: the compiled definitions, the published guide and the R5 core definitions."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.paths import layout

PUBLISHED = layout().sources.parent / "shared" / "official"


@pytest.fixture(scope="session")
def definitions_dir() -> Path:
    """Answer the folder of our compiled conformance resources."""
    folder = layout().definitions
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: run the set-up first")
    return folder


@pytest.fixture(scope="session")
def published_dir() -> Path:
    """Answer the folder of the published guide's compiled resources, or skip where it is not at hand."""
    if not PUBLISHED.is_dir():
        pytest.skip("the published guide is not at hand (../shared/official)")
    return PUBLISHED


@pytest.fixture(scope="session")
def core_dir() -> Path:
    """Answer the folder of the R5 core definitions."""
    folder = layout().packages / "hl7.fhir.r5.core#5.0.0" / "package"
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: run the set-up first")
    return folder
