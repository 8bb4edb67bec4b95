"""The pipeline with other parameters than the command line gives it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sr2fhir
from sr2fhir import documents, pipeline, toolchain
from sr2fhir.engines import Engine
from sr2fhir.errors import TemplateError, UsageError
from sr2fhir.jsontext import dumps, loads_strict
from sr2fhir.pipeline import Settings
from sr2fhir.settings import R5, TARGETS, Target

SAMPLE = "real_dcmjs_ohif_bidirectional.dcm"
STEP = "http://example.org/StructureMap/step"


class Stepping:
    """Engine with one step map, which marks the Bundle."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def transform(self, document: bytes, map_url: str) -> bytes:
        if map_url != STEP:
            return self.engine.transform(document, map_url)
        return dumps({**loads_strict(document), "language": "de"})


def test_a_target_leads_the_checked_bundle_through_its_step_maps(engine: Engine, samples_dir: Path) -> None:
    settings = Settings(target=Target("R6", "6.0.0", ("hl7.fhir.r6.core",), (STEP,)))
    plain = pipeline.transform(samples_dir / SAMPLE, engine, Settings())
    stepped = pipeline.transform(samples_dir / SAMPLE, Stepping(engine), settings)
    assert stepped.bundle == {**plain.bundle, "language": "de"}
    assert stepped.report == plain.report


def test_the_maps_themselves_make_r5() -> None:
    assert TARGETS["R5"] is R5
    assert not R5.step_maps


def test_only_the_document_types_that_are_asked_for_are_taken(engine: Engine, samples_dir: Path) -> None:
    report = documents.TYPES[0]
    other = replace(report, name="Key Objects", template="2010", titles=frozenset())
    with pytest.raises(TemplateError, match="not TID 2010"):
        pipeline.transform(samples_dir / SAMPLE, engine, Settings(document_types=(other,)))
    both = pipeline.transform(samples_dir / SAMPLE, engine, Settings(document_types=(other, report)))
    assert both.json == pipeline.transform(samples_dir / SAMPLE, engine, Settings()).json


def test_a_transformer_asks_its_engine_for_throughput_unless_told_otherwise(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[sr2fhir.EngineOptions] = []

    def made(_: str | None, options: sr2fhir.EngineOptions) -> Engine:
        asked.append(options)
        return engine

    monkeypatch.setattr(toolchain, "make_engine", made)
    short = sr2fhir.EngineOptions(timeout_s=5)
    sr2fhir.Transformer().start()
    sr2fhir.Transformer(engine_options=short).start()
    assert asked == [sr2fhir.EngineOptions(batch=True), short]


def test_a_transformer_refuses_options_for_an_engine_that_is_made_already(engine: Engine) -> None:
    with pytest.raises(UsageError, match="takes no options"):
        sr2fhir.Transformer(engine, engine_options=sr2fhir.EngineOptions())


def test_a_transformer_takes_a_target_by_its_name_and_as_such(engine: Engine) -> None:
    other = Target("R6", "6.0.0", ("hl7.fhir.r6.core",), (STEP,))
    assert sr2fhir.Transformer(engine).settings.target is R5
    assert sr2fhir.Transformer(engine, target="R5").settings.target is R5
    assert sr2fhir.Transformer(engine, target=other).settings.target is other
    with pytest.raises(UsageError, match="FHIR R9 is not made: there are R5 and R4"):
        sr2fhir.Transformer(engine, target="R9")


def test_xml_is_refused_at_once_where_its_part_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr2fhir.outcome.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="the package lxml is not installed"):
        Settings(format="xml")
