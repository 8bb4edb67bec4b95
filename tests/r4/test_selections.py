"""Where it is said that selections are left out: Python, settings file, command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir import Settings, Transformer, UsageError
from sr2fhir.cli import transform
from sr2fhir.cli.main import parser
from sr2fhir.cli.options import settings_of
from sr2fhir.settings import R4, target_of

from tests.r4.step import MAP, MAP_WITHOUT_SELECTIONS


def test_a_step_map_of_its_own_leaves_selections_out() -> None:
    assert Settings(target=R4).steps().step_maps == (MAP,)
    chosen = Transformer(target="R4", selections="none").settings.steps()
    assert (chosen.step_maps, chosen.leaves_out) == ((MAP_WITHOUT_SELECTIONS,), {"ImagingSelection"})
    assert target_of(MAP_WITHOUT_SELECTIONS) == target_of(MAP) == R4


def test_r5_has_selections_and_keeps_them() -> None:
    with pytest.raises(UsageError, match="R5: selections can be left out of FHIR R4 alone") as refused:
        Transformer(selections="none")
    assert refused.value.hint == "Choose FHIR R4, or leave `selections` out"


def test_a_settings_file_says_it(tmp_path: Path) -> None:
    file = tmp_path / "sr2fhir.toml"
    file.write_text('fhir = "R4"\nselections = "none"\n', encoding="utf-8")
    assert Settings.read(file).selections == "none"
    file.write_text('fhir = "R4"\nselections = "some"\n', encoding="utf-8")
    with pytest.raises(UsageError, match="not one of basic, none") as refused:
        Settings.read(file)
    assert "sr2fhir.toml" in str(refused.value)


def test_the_command_line_says_it(tmp_path: Path) -> None:
    asked = ["transform", str(tmp_path), "--fhir", "R4", "--selections", "none"]
    assert settings_of(parser({"transform": transform}).parse_args(asked)).selections == "none"
