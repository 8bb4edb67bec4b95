"""HL7's own HTTP service, the engine `validator`, gives the same Bundles as the embedded engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sr2fhir
from sr2fhir.engines import EngineOptions, create, validating

from tests.conftest import ROOT

from .answers import available, check_one_answer

if TYPE_CHECKING:
    from sr2fhir.engines import Engine


@pytest.fixture(scope="module")
def service() -> Iterator[Engine]:
    """Start the service in a process of its own, and return an engine that uses it."""
    pytest.importorskip("jpype", reason="HL7's own service is started through JPype, which is not installed")
    command = [sys.executable, "-m", "tests.hl7_service"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            engine = create("validator", EngineOptions(url=f"http://127.0.0.1:{port}"))
            yield engine
            engine.close()
        finally:
            process.kill()


def test_all_engines_make_the_same_bundles(engine: Engine, service: Engine, samples: list[Path]) -> None:
    """With the independent engine where it is available."""
    others = {**available(), "validator": service}
    for sample in samples:
        check_one_answer(sr2fhir.render(sample), engine, others)


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
