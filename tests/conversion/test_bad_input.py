"""What cannot be converted: one line that says what, where and how to mend it."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import sr2fhir
from sr2fhir.conversion import convert
from sr2fhir.conversion.bundles import EXTENSIONS_OF_R5, MAX_DEPTH, bundle_of
from sr2fhir.engines import Engine
from sr2fhir.jsontext import dumps
from sr2fhir.outcome import describe
from sr2fhir.pipeline import Settings
from sr2fhir.settings import TARGETS

from .builders import PATIENT, bundle, observation

GOOD = bundle(PATIENT, observation())


def with_resource(resource: dict[str, Any]) -> bytes:
    return dumps(bundle(PATIENT, {"id": "x", **resource}))


def nested(levels: int) -> bytes:
    extension: dict[str, Any] = {"url": "http://a.example"}
    for _ in range(levels // 2):
        extension = {"url": "http://a.example", "extension": [extension]}
    return with_resource({"resourceType": "Observation", "extension": [extension]})


TARGET = TARGETS["R4"]
R4 = [
    {
        "resourceType": "ImagingStudy",
        "series": [{"uid": "1.2", "modality": {"system": "urn:x", "code": "CT"}}],
    },
    {"resourceType": "ImagingStudy", "series": [{"uid": "1.2", "bodySite": {"code": "39607008"}}]},
    {"resourceType": "Device", "type": {"text": "scanner"}},
    {"resourceType": "Specimen", "container": [{"identifier": [{"value": "7"}]}]},
    {"resourceType": "Specimen", "collection": {"bodySite": {"text": "liver"}}},
    {"resourceType": "Specimen", "processing": [{"procedure": {"text": "fixed"}}]},
    {"resourceType": "Practitioner", "communication": [{"text": "German"}]},
    {"resourceType": "Observation", "contained": [{"resourceType": "Device", "id": "d", "deviceName": []}]},
    {"resourceType": "ImagingStudy", "procedureCode": [{"text": "CT"}]},
    {
        "resourceType": "ImagingStudy",
        "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
    },
    {"resourceType": "Device", "deviceName": [{"name": "x", "type": "user-friendly-name"}]},
    {"resourceType": "DiagnosticReport", "imagingStudy": [{"reference": "urn:x:p"}]},
    {"resourceType": "ServiceRequest", "code": {"text": "CT of the chest"}},
    {"resourceType": "BodyStructure", "location": {"text": "liver"}},
    {"resourceType": "Endpoint", "payloadType": [{"text": "any"}]},
    {"resourceType": "Basic", "extension": [{"url": f"{EXTENSIONS_OF_R5}ImagingSelection.instance"}]},
    {"resourceType": "Basic", "modifierExtension": [{"url": f"{EXTENSIONS_OF_R5}ImagingSelection.status"}]},
]
R5 = [
    {
        "resourceType": "ImagingStudy",
        "modality": [{"coding": [{"code": "CT"}]}],
        "procedure": [{"concept": {"text": "CT"}}],
    },
    {"resourceType": "ServiceRequest", "code": {"concept": {"text": "CT of the chest"}}},
    {"resourceType": "Device", "name": [{"value": "x", "type": "user-friendly-name"}]},
    {"resourceType": "Basic", "code": {"text": "x"}, "extension": [{"url": "http://a.example/x"}]},
]
BAD = {
    "empty": (b"", "not JSON", "Give FHIR resources as JSON"),
    "XML": (
        b' <Bundle xmlns="http://hl7.org/fhir"/>',
        "this is XML, and only JSON can be converted here",
        "Give the Bundle as JSON",
    ),
    "no JSON": (b"hello", "not JSON", "Give FHIR resources as JSON"),
    "two keys": (
        b'{"resourceType": "Bundle", "type": "a", "type": "b"}',
        "the key 'type' occurs twice",
        "Give FHIR",
    ),
    "no UTF-8": (b'{"resourceType": "\xff"}', "not UTF-8", "Give FHIR resources as JSON"),
    "DICOM": (b"\0" * 128 + b"DICM", "not JSON", "Give FHIR resources as JSON"),
    "an array": (b"[]", "not a FHIR resource", "Give FHIR resources as JSON"),
    "no type": (b'{"entry": []}', "resourceType is missing", "Give FHIR resources as JSON"),
    "one resource": (
        json.dumps(PATIENT).encode(),
        "a resource of type Patient",
        "Put it into a Bundle of type collection",
    ),
    "no entry": (
        b'{"resourceType": "Bundle", "type": "collection"}',
        "the Bundle has no entries",
        "Give a Bundle",
    ),
    "an entry that deletes": (
        b'{"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "DELETE", "url": "Patient/1"}}]}',
        "[Bundle.entry[0]]: the entry has no resource",
        "Send what reads or deletes by itself",
    ),
    "a type that is none": (
        json.dumps(bundle(PATIENT, {"resourceType": "Jane Roe", "id": "x"})).encode(),
        "[Bundle.entry[1]]: the entry has no resource",
        "only entries with a resource can be converted",
    ),
    "one address twice": (
        json.dumps({**GOOD, "entry": [GOOD["entry"][0]] * 2}).encode(),
        "[Bundle.entry[1]]: its fullUrl occurs more than once",
        "Give each version",
    ),
    "too deep": (
        nested(MAX_DEPTH + 2),
        f"nested deeper than {MAX_DEPTH} levels",
        "No resource of FHIR needs that",
    ),
    "far too deep": (
        nested(4_000),
        f"nested deeper than {MAX_DEPTH} levels",
        "No resource of FHIR needs that",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_bundle_is_refused_in_one_line(name: str) -> None:
    data, what, remedy = BAD[name]
    with pytest.raises(sr2fhir.InputError) as caught:
        convert(
            data, cast(Engine, None), Settings(target=TARGET), "input.json"
        )  # refused before an engine is asked
    line = describe(caught.value)
    assert line.startswith("input.json")
    assert what in line
    assert remedy in line
    assert "\n" not in line


@pytest.mark.parametrize("resource", R4, ids=lambda each: "-".join(each))
def test_r4_is_known_by_what_r5_has_not(resource: dict[str, Any]) -> None:
    with pytest.raises(
        sr2fhir.InputError, match=r"\[Bundle\.entry\[1\]\.resource.*\]: this Bundle is R4 already: [A-Z]\w+\."
    ):
        bundle_of(with_resource(resource), TARGET)


@pytest.mark.parametrize("resource", R5, ids=lambda each: "-".join(each))
def test_r5_is_not_taken_for_r4(resource: dict[str, Any]) -> None:
    assert bundle_of(with_resource(resource), TARGET)


def test_no_value_of_the_input_is_in_the_message() -> None:
    data = with_resource({"resourceType": "Device", "deviceName": [{"name": "of Jane Roe"}]})
    with pytest.raises(sr2fhir.InputError) as caught:
        bundle_of(data, TARGET)
    assert "Roe" not in str(caught.value)


def refused(resource: dict[str, Any]) -> str:
    with pytest.raises(sr2fhir.InputError) as caught:
        bundle_of(with_resource(resource), TARGET)
    return str(caught.value)


@pytest.mark.parametrize(
    ("resource", "line"),
    [
        (
            {"resourceType": "Observation", "valueQuantiy": {"value": 3}},
            "[Bundle.entry[1].resource.valueQuantiy]: R5 has no element Observation.valueQuantiy. Correct its name",
        ),
        (
            {"resourceType": "Observation", "component": [{"code": {"coding": [{"kode": "x"}]}}]},
            "[Bundle.entry[1].resource.component[0].code.coding[0].kode]: R5 has no element Observation.component.code",
        ),
        (
            {"resourceType": "Patient", "contained": [{"resourceType": "Device", "id": "d", "naem": []}]},
            "[Bundle.entry[1].resource.contained[0].naem]: R5 has no element Device.naem",
        ),
        (
            {"resourceType": "Observation", "note": {"text": "seen"}},
            "[Bundle.entry[1].resource.note]: Observation.note is not written as R5 writes it. FHIR R5 says",
        ),
        (
            {"resourceType": "Observation", "status": {"value": "final"}},
            "Observation.status is not written as R5",
        ),
        (
            {"resourceType": "Observation", "valueQuantity": {"value": "3"}},
            "Observation.valueQuantity.value is not",
        ),
        ({"resourceType": "Patient", "_name": [{"id": "n"}]}, "Patient.name is not written as R5"),
    ],
)
def test_what_r5_does_not_know_is_named(resource: dict[str, Any], line: str) -> None:
    assert line in refused(resource)


def test_what_cannot_be_the_name_of_an_element_is_not_printed() -> None:
    assert "R5 has no element Patient.?." in refused({"resourceType": "Patient", "Jane Roe": True})


def test_of_a_type_without_a_map_nothing_is_asked() -> None:
    assert bundle_of(with_resource({"resourceType": "Encounter", "period": {"start": "2024"}}), TARGET)


@pytest.mark.parametrize(
    ("contained", "line"),
    [
        ([{"resourceType": "Device"}], "a contained resource has no id of its own"),
        ([{"resourceType": "Device", "id": "d"}] * 2, "a contained resource has no id of its own"),
        (
            [{"resourceType": "Device", "id": "d", "contained": []}],
            "a contained resource contains another. Contain both in the outer resource",
        ),
        ({"resourceType": "Device", "id": "d"}, "it is no list of resources"),
    ],
)
def test_contained_resources_that_cannot_be_found_again_are_refused(contained: Any, line: str) -> None:
    found = refused({"resourceType": "Observation", "contained": contained})
    assert f"[Bundle.entry[1].resource.contained]: {line}" in found
