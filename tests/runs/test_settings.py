"""What is recorded is kept only where all that decides about results is as it was."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sr2fhir
from sr2fhir.dicom import Limits
from sr2fhir.engines import EngineOptions
from sr2fhir.model import RenderOptions
from sr2fhir.packaging import Packaging
from sr2fhir.paths import Layout
from sr2fhir.pipeline import Settings
from sr2fhir.runs.work import RunSettings
from sr2fhir.settings import Target

SETTINGS = RunSettings("embedded", EngineOptions(batch=True), Settings())


def with_pipeline(**chosen: Any) -> RunSettings:
    return replace(SETTINGS, pipeline=Settings(**chosen))


OTHERS = [
    replace(SETTINGS, engine="fml"),
    replace(SETTINGS, engine_options=EngineOptions(batch=True, url="http://x.example")),
    with_pipeline(options=RenderOptions(default_timezone="+01:00")),
    with_pipeline(options=RenderOptions(coding_schemes={"99A": "http://a.example"})),
    with_pipeline(packaging=Packaging("transaction")),
    with_pipeline(limits=Limits(max_items=10)),
    with_pipeline(document_types=()),
    with_pipeline(keep_lineage=True),
    with_pipeline(validate=True),
    with_pipeline(format="xml"),
    with_pipeline(target=Target("R6", "6.0.0", "hl7.fhir.r6.core")),
    replace(SETTINGS, ndjson=True),
]


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, tmp_path, None)
    made.compiled_maps.mkdir(parents=True)
    (made.compiled_maps / "A.json").write_text("{}")
    return made


def test_the_digest_is_the_same_for_the_same(places: Layout) -> None:
    other = replace(SETTINGS, pipeline=Settings(), engine_options=EngineOptions(batch=True, timeout_s=1))
    assert SETTINGS.digest(places) == other.digest(places)


@pytest.mark.parametrize("other", OTHERS)
def test_it_differs_where_an_option_does(other: RunSettings, places: Layout) -> None:
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


def test_it_is_the_same_in_another_process(places: Layout) -> None:
    """What it covers prints no address and no set order."""
    program = (
        "from pathlib import Path; from sr2fhir.engines import EngineOptions; from sr2fhir.paths import Layout\n"
        "from sr2fhir.pipeline import Settings; from sr2fhir.runs.work import RunSettings\n"
        f"root = Path({str(places.sources)!r})\n"
        "print(RunSettings('embedded', EngineOptions(batch=True), Settings()).digest(Layout(root, root, None)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == SETTINGS.digest(places)
