"""The embedded engine: what it makes, how it fails, and that it keeps quiet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import sr2fhir
from sr2fhir.engines import Engine, create
from sr2fhir.engines.java import EmbeddedEngine
from sr2fhir.errors import EngineError, EngineUnavailableError, TransformError, UsageError
from sr2fhir.paths import Layout, layout

from tests.engines.conftest import ENTRY_MAP

from .conftest import BASE, document, fml

SECRET = "Smith^Jane"
Workshop = Callable[..., EmbeddedEngine]

MINIMAL = fml(
    "Minimal",
    """\
group Minimal(source sr : DicomSR, target bundle : Bundle) {
  sr -> bundle.type = 'collection' "type";
  sr.content as root then Item(root, bundle) "content";
}
group Item(source item, target bundle) {
  item.position as place -> bundle.entry as entry, entry.fullUrl = place "position";
  item.container as inner then Item(inner, bundle) "container";
}
""",
)


@pytest.fixture(scope="module")
def rendered(samples: list[Path]) -> list[bytes]:
    """Render the samples."""
    return [sr2fhir.render(path).to_json() for path in samples]


def test_a_sample_becomes_a_bundle(engine: Engine, rendered: list[bytes]) -> None:
    bundle = json.loads(engine.transform(rendered[0], ENTRY_MAP))
    assert bundle["resourceType"] == "Bundle"
    assert bundle["type"] == "collection"
    assert {"Patient", "Observation"} <= {entry["resource"]["resourceType"] for entry in bundle["entry"]}


def test_threads_give_the_same_bytes_as_one_after_the_other(engine: Engine, rendered: list[bytes]) -> None:
    alone = [engine.transform(one, ENTRY_MAP) for one in rendered]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(engine.transform, rendered * 3, repeat(ENTRY_MAP)))
    assert together == alone * 3


def test_decimals_keep_their_text(workshop: Workshop) -> None:
    body = """\
group Decimals(source sr : DicomSR, target bundle : Bundle) {
  sr.content as root -> bundle.entry as entry, entry.resource = create('Observation') as obs then {
    root.measuredValue as value -> obs.value = value "value";
  } "content";
}
"""
    text = document(measuredValue={"value": "@"}).replace(b'"@"', b"12.500")
    answer = workshop(Decimals=fml("Decimals", body)).transform(text, f"{BASE}/StructureMap/Decimals")
    assert b'"value":12.500' in answer


def nested(levels: int) -> bytes:
    # Written by hand: Python's own writer recurses, too.
    start, leaf = '{"id":"x","position":"inner","container":[', '{"id":"leaf","position":"leaf"}'
    tree = start * levels + leaf + "]}" * levels
    return document(container=["@"]).replace(b'"@"', tree.encode())


@pytest.mark.parametrize("levels", [240, 500, 2000])
def test_a_deep_tree_is_followed_to_its_leaf(workshop: Workshop, levels: int) -> None:
    answer = workshop(Minimal=MINIMAL).transform(nested(levels), f"{BASE}/StructureMap/Minimal")
    entries = json.loads(answer)["entry"]
    assert entries[-1]["fullUrl"] == "leaf"
    assert len(entries) == levels + 2


def test_a_document_too_large_for_java_is_an_error_and_the_next_one_works(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR2FHIR_JAVA_OPTIONS", "-Xmx128m")
    engine = workshop(Minimal=MINIMAL)
    with pytest.raises(TransformError, match=r"memory.*SR2FHIR_JAVA_OPTIONS"):
        engine.transform(document(textValue="x" * 60_000_000), f"{BASE}/StructureMap/Minimal")
    assert engine.transform(nested(1), f"{BASE}/StructureMap/Minimal")


FAILING = fml(
    "Failing",
    """\
group Failing(source sr : DicomSR, target bundle : Bundle) {
  sr -> bundle.type = 'collection' "type";
  sr.content as root then {
    root.textValue as text then Text(text, bundle) "text";
  } "content";
}

group Text(source text, target bundle) {
  text -> bundle.entry as entry, entry.resource = create('Observation') as obs then {
    // the next line is the one that fails
    text -> RULE "broken";
  } "entry";
}
""",
)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("obs.noSuchElement = text", "there is no element 'noSuchElement'"),
        ("obs.code = (text | 'other')", "an expression gave 2 values where one is needed"),
        ("obs.code = ((text | 'other').single())", "an expression found 2 values where one is needed"),
        ("obs.code = (1 + text)", "an expression combines types that do not fit"),
        ("obs.code = create('NoSuchType')", "a type that it creates is not known"),
        (
            "obs.code = translate(text, 'http://a.example/map', 'code')",
            "the ConceptMap http://a.example/map is not known",
        ),
        ("obs.code = cast(text, 'integer')", "the engine stopped with FHIRException"),
        ("nobody.code = text", "there is no target variable 'nobody'"),
    ],
)
def test_a_failing_rule_is_named_with_file_and_line_and_no_value(
    workshop: Workshop, rule: str, reason: str
) -> None:
    source = FAILING.replace("RULE", rule)
    engine = workshop(Failing=source)
    with pytest.raises(TransformError) as caught:
        engine.transform(document(textValue=SECRET), f"{BASE}/StructureMap/Failing")
    error = caught.value
    assert (error.map_name, error.group, error.rule) == ("Failing", "Text", "broken")
    assert error.file == "maps/Failing.map"
    assert '"broken"' in source.splitlines()[(error.line or 0) - 1]
    assert error.message == f"{reason} (map Failing, group Text, rule broken)"
    assert "Smith" not in str(error)
    assert error.__cause__ is None


def test_a_result_that_cannot_be_written_blames_no_rule(workshop: Workshop) -> None:
    rule = "obs.value = create('Quantity') as quantity, quantity.value = text"
    engine = workshop(Failing=FAILING.replace("RULE", rule))
    with pytest.raises(TransformError, match="cannot be written") as caught:
        engine.transform(document(textValue=SECRET), f"{BASE}/StructureMap/Failing")
    assert caught.value.rule is None


def test_a_document_that_is_not_json_is_an_error(workshop: Workshop) -> None:
    with pytest.raises(TransformError, match="not well-formed JSON"):
        workshop(Minimal=MINIMAL).transform(b'{"resourceType": "DicomSR",', f"{BASE}/StructureMap/Minimal")


def test_an_unknown_map_is_named(engine: Engine) -> None:
    with pytest.raises(TransformError, match="StructureMap/Nowhere"):
        engine.transform(document(), f"{BASE}/StructureMap/Nowhere")


def test_without_set_up_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="sr2fhir setup"):
        EmbeddedEngine(places=Layout(layout().sources, tmp_path))


def test_a_closed_engine_says_so(workshop: Workshop) -> None:
    engine = workshop(Minimal=MINIMAL)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.transform(document(), ENTRY_MAP)


def test_the_version_names_validator_and_java(engine: Engine) -> None:
    assert engine.version() == "HL7 validator 6.10.4, Java 25.0.2"


def test_an_unknown_engine_is_a_wrong_use() -> None:
    with pytest.raises(UsageError, match="Engines are: embedded"):
        create("nobody")


# ---- validation ---------------------------------------------------------------------------------------------------


def validate(engine: Engine, resource: dict[str, Any], *profiles: str) -> set[tuple[str, str]]:
    messages = engine.validate(json.dumps(resource).encode(), profiles)
    return {(message.severity, message.expression) for message in messages}


def test_findings_name_element_and_severity(engine: Engine) -> None:
    found = validate(engine, {"resourceType": "Patient", "gender": "unheard-of", "birthDate": "1970-13-01"})
    assert {("error", "Patient.gender"), ("error", "Patient.birthDate")} <= found


def test_references_are_resolved_inside_the_bundle(engine: Engine) -> None:
    def entry(number: int, resource: dict[str, Any]) -> dict[str, Any]:
        return {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{number}", "resource": resource}

    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "size"}}
    device = {"resourceType": "Device"}
    observation["subject"] = {"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"}
    observation["specimen"] = {"reference": "urn:uuid:00000000-0000-4000-8000-000000000002"}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [entry(1, observation), entry(2, device)],
    }
    found = validate(engine, bundle)
    # A Device may be the subject of an Observation, not its specimen.
    assert ("error", "Bundle.entry[0].resource.specimen") in found
    assert ("error", "Bundle.entry[0].resource.subject") not in found


def test_codes_of_the_terminology_package_are_known(engine: Engine) -> None:
    def patient(code: str) -> dict[str, Any]:
        coding = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code}
        return {"resourceType": "Patient", "identifier": [{"type": {"coding": [coding]}, "value": "1"}]}

    assert not {finding for finding in validate(engine, patient("MR")) if finding[0] != "information"}
    assert "Patient.identifier[0].type" in {
        path[:26] for _, path in validate(engine, patient("no such code"))
    }


def test_tables_hidden_from_transforms_are_whole_for_validation(engine: Engine) -> None:
    def guide(licence: str) -> dict[str, Any]:
        names = {"url": "http://example.org/guide", "name": "Guide", "packageId": "a.b", "status": "draft"}
        return {"resourceType": "ImplementationGuide", "fhirVersion": ["5.0.0"], "license": licence, **names}

    assert "error" not in {severity for severity, _ in validate(engine, guide("MIT"))}
    assert ("error", "ImplementationGuide.license") in validate(engine, guide("no-such-licence"))


@pytest.mark.parametrize("language", ["de", "en-US"])
def test_a_language_is_no_error_for_want_of_a_terminology_server(engine: Engine, language: str) -> None:
    found = validate(engine, {"resourceType": "Basic", "code": {"text": "x"}, "language": language})
    assert found == {("information", "Basic.language")}


def test_a_message_that_cuts_a_character_in_two_is_told_of(engine: Engine) -> None:
    """The validator quotes what is around a mark of writing direction by units of UTF-16."""
    found = validate(engine, {"resourceType": "Basic", "code": {"text": "\U0001fac1" * 8 + "\u202e"}})
    assert "Basic.code.text" in {path for _, path in found}


def test_an_unknown_profile_is_an_error(engine: Engine) -> None:
    with pytest.raises(EngineError, match=r"profile http://nowhere.example/profile is not known"):
        validate(engine, {"resourceType": "Patient"}, "http://nowhere.example/profile")


# ---- a process of its own -----------------------------------------------------------------------------------------

ALONE = """
import sys
from pathlib import Path
from sr2fhir.engines import create
engine = create()
MAP = "http://hl7.org/fhir/uv/dicom-sr/StructureMap/MeasurementReport"
answer = engine.transform(Path(sys.argv[1]).read_bytes(), MAP)
Path(sys.argv[2]).write_bytes(answer)
"""


def run_alone(tmp_path: Path, text: bytes, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    import os

    (tmp_path / "in.json").write_bytes(text)
    command = [sys.executable, "-c", ALONE, str(tmp_path / "in.json"), str(tmp_path / "out.json")]
    environment = os.environ | ({"SR2FHIR_HOME": str(home)} if home else {})
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_engine_writes_nothing_to_the_console(
    tmp_path: Path, engine: Engine, rendered: list[bytes]
) -> None:
    done = run_alone(tmp_path, rendered[0])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.json").read_bytes() == engine.transform(rendered[0], ENTRY_MAP)


@pytest.mark.parametrize("state", ["absent", "damaged"])
def test_without_a_usable_class_cache_it_only_takes_longer(
    tmp_path: Path, engine: Engine, rendered: list[bytes], state: str
) -> None:
    home = tmp_path / "home"
    (home / "engine").mkdir(parents=True)
    for name in ("jars", "java-home", "maps", "definitions"):
        (home / name).symlink_to(layout().home / name)
    for path in layout().core.parent.iterdir():
        if path != layout().aot_cache("single"):
            (home / "engine" / path.name).symlink_to(path)
    if state == "damaged":
        (home / "engine" / layout().aot_cache("single").name).write_bytes(b"no cache" * 1000)
    done = run_alone(tmp_path, rendered[0], home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out.json").read_bytes() == engine.transform(rendered[0], ENTRY_MAP)


def test_a_process_that_never_used_its_engine_ends_in_good_order() -> None:
    command = [sys.executable, "-c", "from sr2fhir.engines import create; create()"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
