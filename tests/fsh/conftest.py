"""The R5 core definitions, for the FSH tests; ours and the published ones are fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.paths import layout


@pytest.fixture(scope="session")
def core_dir() -> Path:
    """Return the folder of the R5 core definitions."""
    folder = layout().packages / "hl7.fhir.r5.core#5.0.0" / "package"
    if not folder.is_dir():
        pytest.fail(f"{folder} is missing: run the set-up first")
    return folder
