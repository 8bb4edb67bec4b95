"""Bundles of others in another version of FHIR: nothing is lost in silence, and all stays that is not the maps' business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
import sr2fhir
from sr2fhir.conversion import convert
from sr2fhir.engines import Engine
from sr2fhir.errors import OutputError, UsageError
from sr2fhir.jsontext import dumps, loads_strict
from sr2fhir.pipeline import Result, Settings
from sr2fhir.settings import R4, R5, Selections

from .builders import PATIENT, PROFILED, Json, bundle, observation, transaction

SELECTION = {
    "resourceType": "ImagingSelection",
    "id": "s",
    "status": "available",
    "code": {"text": "key image"},
    "instance": [{"uid": "1.2.3", "subset": ["1", "2"]}],
}


ISSUES = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "unknown"}]}


@dataclass
class Altering:
    """Changes what the step map made."""

    engine: Engine
    change: Any

    def transform(self, document: bytes, map_url: str) -> bytes:
        made = loads_strict(self.engine.transform(document, map_url))
        self.change(made)
        return dumps(made)


Converted = Callable[..., Result]


@pytest.fixture
def converted(engine: Engine) -> Converted:
    """Return a function to what a Bundle becomes in R4."""

    def make(content: Json, change: Any = None, selections: Selections = "basic") -> Result:
        used = Altering(engine, change) if change else engine
        return convert(
            dumps(content), cast(Engine, used), Settings(target=R4, selections=selections), "input"
        )

    return make


def resources(result: Result) -> list[Json]:
    return [entry["resource"] for entry in result.bundle["entry"]]


def test_what_the_maps_copy_comes_out_as_it_was_and_has_no_line(converted: Converted) -> None:
    made = observation(valueQuantity={"value": 3, "unit": "mm"}, note=[{"text": "seen", "id": "own"}])
    del made["meta"]
    result = converted(bundle(PATIENT, made))
    assert resources(result) == [PATIENT, made]
    assert (result.report.unmapped, result.findings) == ((), ())
    assert result.ok


def test_numbers_keep_their_text(engine: Engine) -> None:
    text = dumps(bundle(PATIENT, observation(valueQuantity={"value": 1}))).replace(
        b'"value":1', b'"value":12.500'
    )
    result = convert(text, engine, Settings(target=R4), "input")
    assert b'"value": 12.500\n' in result.json


def test_ids_and_extensions_of_primitives_stay_as_they_were(converted: Converted) -> None:
    extension = {"url": "http://a.example/x", "id": "e", "valueString": "seen", "_valueString": {"id": "v"}}
    patient = {
        **PATIENT,
        "birthDate": "1950",
        "_birthDate": {"id": "b", "extension": [extension]},
        "name": [{"given": ["Jane", None], "_given": [None, {"extension": [extension]}]}],
        "_gender": {"extension": [extension]},
        "contact": [{"name": {"_given": [{"extension": [extension]}]}}],
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Jane</div>'},
        "active": False,
    }
    assert resources(converted(bundle(patient))) == [patient]


def test_what_has_no_place_is_a_line_with_its_path_and_no_value(converted: Converted) -> None:
    trigger = {"observation": {"display": "Jane Roe's liver"}, "type": "reflex"}
    made = observation(triggeredBy=[trigger, trigger], instantiatesCanonical="http://a.example/Roe")
    result = converted(bundle(PATIENT, made))
    lost = {line.source: dict(line.description)["element"] for line in result.report.unmapped}
    assert lost == {
        "Bundle.entry[1].resource.instantiatesCanonical": "Observation.instantiatesCanonical",
        "Bundle.entry[1].resource.triggeredBy[0]": "Observation.triggeredBy",
        "Bundle.entry[1].resource.triggeredBy[1]": "Observation.triggeredBy",
    }
    (finding,) = result.findings
    assert (finding.severity, finding.code) == ("information", "no-r4-element")
    assert "Observation.triggeredBy (2), Observation.instantiatesCanonical (1)" in finding.message
    assert b"Roe" not in result.report_json + result.outcome_json
    assert result.ok


def test_a_profile_of_r5_is_told_apart_from_a_loss(converted: Converted) -> None:
    result = converted(bundle(PATIENT, observation()))
    assert result.report.unmapped == ()
    assert result.report_content["context"] == [
        {
            "element": "Observation.meta",
            "reason": "r5-profile",
            "count": 1,
            "places": ["Bundle.entry[1].resource.meta"],
        }
    ]
    assert result.findings == ()


def test_meta_with_a_profile_alone_is_no_loss(converted: Converted) -> None:
    device = {"resourceType": "ImagingSelection", "id": "s", "meta": {"source": "urn:oid:1.2", **PROFILED}}
    for meta, lost in ((PROFILED, set()), (device["meta"], {"ImagingSelection.meta"})):
        lines = converted(bundle(PATIENT, {**device, "meta": meta}), without_meta).report.unmapped
        assert {dict(line.description)["element"] for line in lines} == lost


def without_meta(made: Json) -> None:
    made["entry"][1]["resource"].pop("meta", None)


def test_what_surrounds_a_part_that_arrived_has_arrived(converted: Converted) -> None:
    made = observation(meta={**PROFILED, "source": "urn:oid:1.2.3"})
    assert converted(bundle(PATIENT, made)).report.unmapped == ()


def test_what_the_bundle_itself_says_is_kept_or_told(converted: Converted) -> None:
    result = converted(
        bundle(PATIENT, identifier={"value": "7"}, timestamp="2024-01-01T00:00:00Z", issues=ISSUES)
    )
    assert result.bundle["type"] == "collection"
    assert result.bundle["identifier"] == {"value": "7"}
    assert result.bundle["timestamp"] == "2024-01-01T00:00:00Z"
    assert [line.source for line in result.report.unmapped] == ["Bundle.issues.issue[0]"]


def test_a_type_without_a_map_is_left_out_and_told_once(converted: Converted) -> None:
    encounters = [{"resourceType": "Encounter", "id": name, "status": "planned"} for name in ("e", "f")]
    made = observation(encounter={"reference": "urn:x:e"}, device={"reference": "urn:x:p"})
    result = converted(bundle(*encounters, PATIENT, made))
    assert [each["resourceType"] for each in resources(result)] == ["Patient", "Observation"]
    (finding,) = (each for each in result.findings if each.severity == "error")
    assert finding.message == "2 Encounters left out: there is no map of this type to R4"
    assert finding.where == "Bundle.entry[0]"
    assert not result.ok
    # a reference that would lead nowhere names what it led to
    assert resources(result)[1]["encounter"] == {
        "type": "Encounter",
        "display": "Encounter without identifier",
    }
    assert resources(result)[1]["device"] == {"reference": "urn:x:p"}
    lost = {line.source: line.reason for line in result.report.unmapped}
    assert finding.code == lost["Bundle.entry[0]"] == lost["Bundle.entry[1]"] == "no-map"


def test_a_reference_to_a_server_stays_where_the_resource_is_left_out(converted: Converted) -> None:
    """It leads to the resource there."""
    content = bundle(
        {"resourceType": "Encounter", "id": "e"}, observation(encounter={"reference": "Encounter/e"})
    )
    content["entry"][0]["fullUrl"] = "http://ehr.example/Encounter/e"
    assert resources(converted(content))[0]["encounter"] == {"reference": "Encounter/e"}


def test_a_transaction_stays_one_and_addresses_follow_the_type(converted: Converted) -> None:
    result = converted(transaction(PATIENT, observation(), SELECTION))
    assert result.bundle["type"] == "transaction"
    assert [entry["request"] for entry in result.bundle["entry"]] == [
        {"method": "PUT", "url": "Patient/p", "ifMatch": 'W/"3"'},
        {"method": "PUT", "url": "Observation/o", "ifMatch": 'W/"3"'},
        {"method": "PUT", "url": "Basic/s", "ifMatch": 'W/"3"'},
    ]


def test_a_conditional_create_asks_for_the_new_type(converted: Converted) -> None:
    content = transaction(SELECTION)
    request = {"method": "POST", "url": "ImagingSelection", "ifNoneExist": "identifier=urn:x%7C7"}
    content["entry"][0]["request"] = request
    assert converted(content).bundle["entry"][0]["request"] == {**request, "url": "Basic"}


def test_a_search_that_the_new_type_does_not_know_is_refused(converted: Converted) -> None:
    content = transaction(SELECTION)
    content["entry"][0]["request"] = {
        "method": "POST",
        "url": "ImagingSelection",
        "ifNoneExist": "study-uid=1.2",
    }
    with pytest.raises(
        sr2fhir.InputError, match=r"searches ImagingSelection by what Basic cannot be searched by"
    ):
        converted(content)


def test_an_entry_without_an_address_gets_none(converted: Converted) -> None:
    content = transaction(PATIENT)
    del content["entry"][0]["fullUrl"], content["entry"][0]["resource"]["id"]
    content["entry"][0]["request"] = {"method": "POST", "url": "Patient"}
    assert converted(content).bundle == content


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.update(resourceType="Parameters"),
        lambda made: made.update(entry=[]),
        lambda made: made["entry"].append(made["entry"][0]),
        lambda made: made["entry"][0].update(id="other"),
        lambda made: made["entry"][0].pop("resource"),
        lambda made: made["entry"][0]["resource"].update(id="other"),
        lambda made: made["entry"][0]["resource"]["name"][0].update(id="other"),
    ],
    ids=["no Bundle", "nothing", "twice", "another entry", "no resource", "another id", "an id of its own"],
)
def test_what_maps_invent_is_refused(converted: Converted, change: Any) -> None:
    with pytest.raises(OutputError):
        converted(bundle(PATIENT), change)


def test_the_same_bundle_gives_the_same_bytes(converted: Converted) -> None:
    content = transaction(PATIENT, observation(), SELECTION)
    first, second = converted(content), converted(content)
    assert (first.json, first.report_json) == (second.json, second.report_json)


def test_from_python(engine: Engine, tmp_path: Any) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(dumps(bundle(PATIENT)))
    transformer = sr2fhir.Transformer(engine, target=R4)
    assert transformer.convert(file).json == transformer.convert(file.read_bytes()).json
    with pytest.raises(UsageError, match="Bundles of the guide are FHIR R5 already"):
        sr2fhir.Transformer(engine, target=R5).convert(file)
