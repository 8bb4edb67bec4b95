"""The engine fml: how its program is found and called, how it fails, and what the real one makes."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sr2fhir
from sr2fhir.comparing.differences import differences
from sr2fhir.comparing.running import reason_for
from sr2fhir.engines import Engine, EngineOptions, converting, create, validating
from sr2fhir.errors import EngineError, EngineUnavailableError, TransformError
from sr2fhir.paths import Layout, layout
from tools.fml_engine import PROGRAM_VARIABLE, FmlEngine

from tests.engines.conftest import BASE, ENTRY_MAP, document, fml

SECRET = "Smith^Jane"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs of these tests are POSIX scripts")


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FmlEngine]:
    """Return a function that makes an engine of which a Python script plays the program."""

    def make(script: str, **options: float) -> FmlEngine:
        program = tmp_path / "played"
        program.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv(PROGRAM_VARIABLE, str(program))
        return FmlEngine(EngineOptions(**options), layout())  # type: ignore[arg-type]

    return make


@pytest.fixture
def real() -> FmlEngine:
    """Return the engine with the real program, or skip where there is none."""
    try:
        return FmlEngine()
    except EngineUnavailableError as error:
        pytest.skip(str(error))


# ---- finding the program ---------------------------------------------------------------------------


def test_without_the_program_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(PROGRAM_VARIABLE, raising=False)
    with pytest.raises(EngineUnavailableError, match=r"not installed.*make fml-engine") as raised:
        FmlEngine(places=Layout(tmp_path, tmp_path))
    assert PROGRAM_VARIABLE in str(raised.value)


def test_a_variable_that_names_no_program_is_an_error_even_where_another_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = built(tmp_path)
    monkeypatch.setenv("PATH", str(found.parent))
    monkeypatch.setenv(PROGRAM_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(EngineUnavailableError, match=f"{PROGRAM_VARIABLE} names no program"):
        FmlEngine(places=Layout(tmp_path, tmp_path))


def test_the_program_that_make_built_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(PROGRAM_VARIABLE, raising=False)
    assert FmlEngine(places=Layout(tmp_path, tmp_path)).version() == "fml-cli 7.8.9"


def built(home: Path) -> Path:
    program = home / "fml" / "bin" / "fml"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho fml 7.8.9\n", encoding="ascii")
    program.chmod(0o755)
    return program


def test_it_is_an_engine_of_the_table(play: Callable[..., FmlEngine]) -> None:
    play("")
    assert isinstance(create("fml"), FmlEngine)


# ---- calling it ------------------------------------------------------------------------------------

ECHO = "json.dump({'arguments': sys.argv[1:], 'input': open(sys.argv[3]).read()}, sys.stdout)"


def test_it_is_given_document_maps_and_definitions(play: Callable[..., FmlEngine]) -> None:
    said = json.loads(play(ECHO).transform(b'{"value": 15}', ENTRY_MAP))
    places = layout()
    assert said["input"] == '{"value": 15}'
    entry, _, *rest = said["arguments"][1:]
    assert said["arguments"][0] == "run"
    assert entry == str(places.maps / "measurement-report" / "MeasurementReport.map")
    assert rest == ["--maps", str(places.maps), "--package", str(places.definitions)]


def test_without_sources_it_runs_the_compiled_maps(play: Callable[..., FmlEngine], tmp_path: Path) -> None:
    play(ECHO)
    compiled = tmp_path / "maps"
    compiled.mkdir()
    (compiled / "MeasurementReport.json").write_text("{}", encoding="ascii")
    engine = FmlEngine(places=Layout(tmp_path / "nothing", tmp_path))
    arguments = json.loads(engine.transform(b"{}", ENTRY_MAP))["arguments"]
    assert arguments[1] == str(compiled / "MeasurementReport.json")
    assert arguments[4] == str(compiled)


@pytest.mark.parametrize("url", [f"{BASE}/StructureMap/NoSuchMap", f"{BASE}/StructureMap/../x", "urn:other"])
def test_a_map_that_is_not_there_is_an_error(play: Callable[..., FmlEngine], url: str) -> None:
    with pytest.raises(TransformError, match="there is no map"):
        play(ECHO).transform(b"{}", url)


def test_what_it_cannot_do_it_says(play: Callable[..., FmlEngine]) -> None:
    engine = play("")
    for task in (validating, converting):
        with pytest.raises(EngineError, match=r"the engine fml cannot .* such as embedded") as raised:
            task(engine)
        assert not isinstance(raised.value, EngineUnavailableError)


DOUBLES = "json.dump([json.load(open(sys.argv[3])), 7, 0.25], sys.stdout, indent=1)"


def test_a_decimal_keeps_its_text_in_a_program_that_computes_with_doubles(
    play: Callable[..., FmlEngine],
) -> None:
    document = b'{"a": [12.50, 12.5, 0.00, 123456789.12345679, 3], "b": "12.50"}'
    answer = play(DOUBLES).transform(document, ENTRY_MAP)
    assert b"".join(answer.split()) == b"[" + b"".join(document.split()) + b",7,0.25]"


# ---- failing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"sys.exit('error: no idea what {SECRET} is')", "the process ended with code 1"),
        ("os.kill(os.getpid(), 9)", "the process was killed"),
        (
            f"sys.exit('error: rule `gender`: evaluate gave 2 values where one was expected: {SECRET}')",
            "an expression gave 2 values where one is needed (rule gender)",
        ),
        (f"sys.exit('error: rule `x`: unknown variable `{SECRET}`')", "ended with code 1 (rule x)"),
        (
            "sys.exit('error: in: not JSON: recursion limit exceeded at line 1')",
            "nests deeper than the engine",
        ),
    ],
)
def test_a_failure_names_the_reason_and_no_value(
    play: Callable[..., FmlEngine], script: str, said: str
) -> None:
    with pytest.raises(TransformError) as raised:
        play(script).transform(b"{}", ENTRY_MAP)
    assert said in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_rule_whose_name_is_used_once_is_located(play: Callable[..., FmlEngine]) -> None:
    with pytest.raises(TransformError) as raised:
        play("sys.exit('error: rule `identifierOther`: no source variable `x`')").transform(b"{}", ENTRY_MAP)
    error = raised.value
    assert (error.map_name, error.rule, error.file) == (
        "Patient",
        "identifierOther",
        "maps/shared/Patient.map",
    )
    assert (
        "identifierOther"
        in (layout().maps / "shared" / "Patient.map").read_text("utf-8").splitlines()[error.line - 1]
    )  # type: ignore[operator]


def test_a_program_that_hangs_is_ended(play: Callable[..., FmlEngine]) -> None:
    with pytest.raises(TransformError, match=r"no result within 0\.2 s"):
        play("time.sleep(60)", timeout_s=0.2).transform(b"{}", ENTRY_MAP)


def test_a_program_that_does_not_start_is_an_error(play: Callable[..., FmlEngine], tmp_path: Path) -> None:
    engine = play("")
    (tmp_path / "played").write_bytes(b"\x7fELF is not what follows")
    with pytest.raises(EngineUnavailableError, match="does not start"):
        engine.transform(b"{}", ENTRY_MAP)


# ---- the real one ----------------------------------------------------------------------------------


def test_the_real_one_makes_the_bundle(real: FmlEngine, samples: list[Path]) -> None:
    rendering = sr2fhir.render(samples[-1])
    answer = json.loads(real.transform(rendering.to_json(), ENTRY_MAP))
    assert answer["resourceType"] == "Bundle"
    assert {entry["resource"]["resourceType"] for entry in answer["entry"]} >= {"Patient", "Observation"}
    assert real.transform(rendering.to_json(), ENTRY_MAP) == real.transform(rendering.to_json(), ENTRY_MAP)


@pytest.mark.parametrize("text", [b"12.50", b"-0.00", b"0.0000001250", b"12345678901234567890.10"])
def test_the_real_one_keeps_the_text_of_numbers(real: FmlEngine, samples_dir: Path, text: bytes) -> None:
    written = b'"value":64.4505437946691'
    document = sr2fhir.render(samples_dir / "real_dcmjs_ohif_bidirectional.dcm").to_json()
    assert document.count(written) == 1
    answer = real.transform(document.replace(written, b'"value":' + text), ENTRY_MAP)
    assert re.findall(rb'"value"\s*:\s*(-?[0-9][^\s,}]*)', answer) == [text, b"42.9670291964462"]


def test_the_real_one_names_the_rule_that_fails(real: FmlEngine, tmp_path: Path) -> None:
    body = """\
group Failing(source sr : DicomSR, target bundle : Bundle) {
  sr.content as root then {
    root.textValue as text -> bundle.type = (text | 'other') "broken";
  } "content";
}
"""
    places = Layout(tmp_path, tmp_path)
    places.maps.mkdir()
    (places.maps / "Failing.map").write_text(fml("Failing", body), encoding="utf-8")
    places.definitions.symlink_to(layout().definitions)
    (places.home / "fml").symlink_to(layout().home / "fml")  # where `make fml-engine` builds the program
    with pytest.raises(TransformError) as raised:
        FmlEngine(places=places).transform(document(textValue=SECRET), f"{BASE}/StructureMap/Failing")
    assert "an expression gave 2 values where one is needed (rule broken)" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_the_real_one_says_that_a_tree_is_too_deep(real: FmlEngine) -> None:
    tree = '{"container":[' * 200 + "]}" * 200
    with pytest.raises(TransformError, match="nests deeper"):
        real.transform(document(container=["@"]).replace(b'"@"', tree.encode()), ENTRY_MAP)


def test_the_step_to_r4_gives_the_same(real: FmlEngine, engine: Engine, samples: list[Path]) -> None:
    for sample in samples:
        first, second = (sr2fhir.Transformer(each, target="R4").transform(sample) for each in (engine, real))
        found = [
            each
            for each in differences(first.bundle, second.bundle)
            if reason_for("embedded", "fml", each) is None
        ]
        assert not found, sample.name
        # which elements an item reached differs: this engine keeps the ids of more primitives
        classes = [
            [(line.source, line.category, line.reason) for line in each.report.lines]
            for each in (first, second)
        ]
        assert classes[0] == classes[1]
