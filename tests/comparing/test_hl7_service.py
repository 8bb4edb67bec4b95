"""HL7's own HTTP service, the engine `validator`, validates and writes XML as the embedded engine does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sr2fhir
from sr2fhir.engines import validating

from .answers import require

if TYPE_CHECKING:
    from sr2fhir.engines import Engine


@pytest.fixture(scope="module")
def service(other_engines: dict[str, Engine]) -> Engine:
    return require("validator", other_engines)


def test_both_validators_find_no_error_in_a_sample(
    engine: Engine, service: Engine, samples_dir: Path
) -> None:
    bundle = sr2fhir.Transformer(engine).transform(samples_dir / "gen_dcmqi_ct_liver_modifiers.dcm").json
    for each in (engine, service):
        assert not [found for found in validating(each).validate(bundle) if found.severity == "error"]


def test_both_write_the_same_xml(engine: Engine, service: Engine, samples_dir: Path) -> None:
    sample, chosen = samples_dir / "gen_dcmqi_ct_liver_modifiers.dcm", sr2fhir.Transformer
    embedded, elsewhere = (chosen(each, format="xml").transform(sample).xml for each in (engine, service))
    assert embedded
    assert embedded == elsewhere
