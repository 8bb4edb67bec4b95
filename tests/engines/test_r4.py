"""FHIR R4 by the embedded engine: definitions beside those of R5, XML, and a validator that refuses what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sr2fhir
from sr2fhir.engines import Engine, EngineOptions, TransformsTwice, converting, validating
from sr2fhir.engines.hapi import HapiEngine
from sr2fhir.engines.java import EmbeddedEngine
from sr2fhir.engines.validator import ValidatorEngine
from sr2fhir.errors import EngineError, EngineUnavailableError, TransformError
from sr2fhir.jsontext import NumberText, dumps
from sr2fhir.paths import layout
from sr2fhir.settings import CANONICAL, R4, R5, target_of

from .conftest import ENTRY_MAP, lay_out

(STEP,) = R4.step_maps
PATIENT = "00000000-0000-5000-8000-000000000001"
NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">text</div>'}
BASE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"


def bundle(*resources: dict[str, Any]) -> bytes:
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources]
    return dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def test_a_step_map_makes_resources_of_r4_with_the_ids_of_their_elements(engine: Engine) -> None:
    patient = {
        "resourceType": "Patient",
        "id": PATIENT,
        "gender": "female",
        "_gender": {"id": "PatientSex"},
        "birthDate": "1950-01-01",
        "_birthDate": {"id": "PatientBirthDate"},
    }
    assert json.loads(engine.transform(bundle(patient), STEP)) == json.loads(bundle(patient))


def test_the_map_decides_the_version() -> None:
    assert target_of(STEP) is R4
    assert target_of("http://hl7.org/fhir/uv/dicom-sr/StructureMap/MeasurementReport") is R5


def test_what_is_loaded_beforehand_gives_the_same(engine: Engine) -> None:
    patient = {"resourceType": "Patient", "id": PATIENT, "gender": "other"}
    early = EmbeddedEngine(EngineOptions(target=R4))
    try:
        assert early.transform(bundle(patient), STEP) == engine.transform(bundle(patient), STEP)
    finally:
        early.close()


def test_without_what_set_up_makes_for_r4_only_r4_is_refused(tmp_path: Path, samples: list[Path]) -> None:
    places = lay_out(tmp_path)
    for path in layout().compiled_maps.glob("*.json"):
        (places.compiled_maps / path.name).symlink_to(path)
    engine = EmbeddedEngine(places=places)
    try:
        with pytest.raises(EngineUnavailableError, match=r"do not load.*sr2fhir setup"):
            engine.transform(bundle({"resourceType": "Patient", "id": PATIENT}), STEP)
        assert sr2fhir.Transformer(engine).transform(samples[0]).ok
    finally:
        engine.close()


# ---- both maps in one go ---------------------------------------------------------------------------


def test_both_maps_in_one_go_make_what_they_make_one_by_one(engine: Engine, samples: list[Path]) -> None:
    assert isinstance(engine, TransformsTwice)
    for sample in samples:
        document = sr2fhir.render(sample).to_json()
        made, stepped = engine.transform_twice(document, ENTRY_MAP, STEP)
        assert made == engine.transform(document, ENTRY_MAP)
        assert stepped == engine.transform(made, STEP)


def test_a_step_that_fails_leaves_what_the_first_map_made(engine: Engine, samples: list[Path]) -> None:
    assert isinstance(engine, TransformsTwice)
    document = sr2fhir.render(samples[0]).to_json()
    made, stepped = engine.transform_twice(document, ENTRY_MAP, f"{CANONICAL}/StructureMap/Unknown")
    assert (made, stepped) == (engine.transform(document, ENTRY_MAP), None)


def test_a_first_map_that_fails_is_named_as_ever(engine: Engine) -> None:
    assert isinstance(engine, TransformsTwice)
    with pytest.raises(TransformError) as once:
        engine.transform(b"{", ENTRY_MAP)
    with pytest.raises(TransformError) as twice:
        engine.transform_twice(b"{", ENTRY_MAP, STEP)
    assert str(twice.value) == str(once.value)


# ---- XML -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["12.500", "0.000000135", "0.0000001350", "123456789.12345679", "-0.0"])
def test_decimals_keep_their_text_in_xml(engine: Engine, text: str) -> None:
    content = {"resourceType": "Observation", "valueQuantity": {"value": NumberText(text)}}
    assert f'<value value="{text}"/>'.encode() in converting(engine).to_xml(dumps(content), R4)


def test_xml_has_the_elements_of_r4(engine: Engine) -> None:
    device = {"resourceType": "Device", "deviceName": [{"name": "CT 1", "type": "user-friendly-name"}]}
    written = converting(engine).to_xml(dumps(device), R4)
    assert b'<deviceName><name value="CT 1"/><type value="user-friendly-name"/></deviceName>' in written
    assert b"deviceName" not in converting(engine).to_xml(dumps(device), R5)


# ---- validating ------------------------------------------------------------------------------------


def observation(**members: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "121071"}]}
    return {
        "resourceType": "Observation",
        "id": PATIENT,
        "text": NARRATIVE,
        "status": "final",
        "code": code,
        "valueString": "seen",
        **members,
    }


def selection(**members: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "ImagingSelection"}]}
    return {"resourceType": "Basic", "id": PATIENT, "text": NARRATIVE, "code": coded, **members}


def parts(**values: Any) -> list[dict[str, Any]]:
    return [{"url": url, **value} for url, value in values.items()]


INSTANCE = parts(uid={"valueId": "1.2.3"}, subset={"valueString": "1"})
SITE = [
    {"url": "http://hl7.org/fhir/StructureDefinition/_datatype", "valueString": "CodeableReference"},
    {"url": "concept", "valueCodeableConcept": {"text": "Liver"}},
]

RIGHT = {
    "an Observation": observation(),
    "a quantity": observation(valueString=None, valueQuantity={"value": NumberText("1.50"), "unit": "mm"}),
    "a status of a selection": selection(
        modifierExtension=[{"url": f"{BASE}ImagingSelection.status", "valueCode": "available"}]
    ),
    "an instance of a selection": selection(
        extension=[{"url": f"{BASE}ImagingSelection.instance", "extension": INSTANCE}]
    ),
    "a CodeableReference": selection(
        extension=[{"url": f"{BASE}ImagingSelection.bodySite", "extension": SITE}]
    ),
}
WRONG = {
    "an element of R5": (observation(bodyStructure={"display": "liver"}), "bodyStructure"),
    "a status that there is not": (observation(status="nonsense"), "nonsense"),
    "no status": ({**observation(), "status": None}, "status"),
    # a code that DCM has not is no error: our CodeSystem is a fragment, and that of FHIR R4 is of 2018
    "a resource of R5": ({"resourceType": "ImagingSelection", "id": PATIENT}, "ImagingSelection"),
    "an extension that nobody defines": (
        observation(extension=[{"url": "http://hl7.org/fhir/StructureDefinition/none", "valueCode": "a"}]),
        "could not be found",
    ),
    "an extension of another element": (
        observation(extension=[{"url": f"{BASE}ImagingSelection.instance", "extension": INSTANCE}]),
        "not allowed",
    ),
    "an extension with another type": (
        selection(extension=[{"url": f"{BASE}ImagingSelection.seriesUid", "valueString": "1.2"}]),
        "seriesUid",
    ),
    "a part that an extension has not": (
        selection(
            extension=[
                {"url": f"{BASE}ImagingSelection.instance", "extension": parts(none={"valueString": "1"})}
            ]
        ),
        "uid",
    ),
    "a modifier among the others": (
        selection(extension=[{"url": f"{BASE}ImagingSelection.status", "valueCode": "available"}]),
        "odifier",
    ),
}


def errors(engine: Engine, resource: dict[str, Any]) -> list[str]:
    content = {name: value for name, value in resource.items() if value is not None}
    found = validating(engine).validate(dumps(content), (), R4)
    return [message.text for message in found if message.severity in ("error", "fatal")]


@pytest.mark.parametrize("resource", RIGHT.values(), ids=RIGHT)
def test_what_r4_allows_is_valid(engine: Engine, resource: dict[str, Any]) -> None:
    assert errors(engine, resource) == []


@pytest.mark.parametrize(("resource", "word"), WRONG.values(), ids=WRONG)
def test_what_r4_does_not_allow_is_refused(engine: Engine, resource: dict[str, Any], word: str) -> None:
    found = errors(engine, resource)
    assert found
    assert any(word in text for text in found)


# ---- engines that are servers of R5 ----------------------------------------------------------------


@pytest.mark.parametrize("make", [ValidatorEngine, HapiEngine])
def test_a_server_of_r5_says_in_one_line_that_another_engine_does_it(make: Any) -> None:
    engine = make(EngineOptions(url="http://127.0.0.1:9/fhir"))
    try:
        with pytest.raises(EngineError, match=r"cannot transform in FHIR R4.*--engine, such as embedded"):
            engine.transform(b"{}", STEP)
        with pytest.raises(EngineError, match=r"cannot validate in FHIR R4"):
            engine.validate(b"{}", (), R4)
        if make is ValidatorEngine:
            with pytest.raises(EngineError, match=r"cannot write XML in FHIR R4"):
                engine.to_xml(b"{}", R4)
    finally:
        engine.close()
