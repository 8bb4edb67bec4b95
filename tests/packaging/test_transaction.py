"""A collection becomes a transaction that can be sent twice without harm (mapping section 1, decision D30)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from sr2fhir import RenderOptions, Transformer, UsageError
from sr2fhir.jsontext import JsonObject, NumberText, dumps
from sr2fhir.packaging import PROFILES, Packaging, request, search_token

ID = "00000000-0000-5000-8000-000000000001"
OWN = {"system": "http://h.org", "value": "PID 1"}
LOCAL = {"value": "7"}


def resource(kind: str, *identifiers: JsonObject, **members: Any) -> JsonObject:
    return {"resourceType": kind, "id": ID, "identifier": list(identifiers), **members}


def post(kind: str, token: str) -> JsonObject:
    return {"method": "POST", "url": kind, "ifNoneExist": f"identifier={token}"}


@pytest.mark.parametrize("kind", ["Patient", "ServiceRequest", "ImagingStudy", "Practitioner"])
def test_what_others_know_by_an_identifier_is_created_unless_it_exists(kind: str) -> None:
    assert request(resource(kind, OWN)) == post(kind, "http%3A%2F%2Fh.org%7CPID%201")


@pytest.mark.parametrize("kind", ["Patient", "ServiceRequest", "Practitioner"])
def test_an_identifier_without_a_system_names_nothing_beyond_its_archive(kind: str) -> None:
    assert request(resource(kind, LOCAL)) == {"method": "PUT", "url": f"{kind}/{ID}"}


@pytest.mark.parametrize("kind", ["Observation", "ImagingSelection", "BodyStructure", "Specimen"])
def test_what_the_document_says_is_stored_under_its_own_id(kind: str) -> None:
    assert request(resource(kind, OWN)) == {"method": "PUT", "url": f"{kind}/{ID}"}


def test_resources_without_any_identifier_are_stored_under_their_own_id() -> None:
    assert request({"resourceType": "Patient", "id": ID}) == {"method": "PUT", "url": f"Patient/{ID}"}


def test_other_patient_ids_do_not_name_the_patient() -> None:
    assert request(resource("Patient", LOCAL, OWN))["method"] == "PUT"
    assert request(resource("ServiceRequest", LOCAL, OWN))["method"] == "POST"


@pytest.mark.parametrize(
    ("profile", "method"),
    [
        ("dicom-general-equipment", "POST"),
        ("dicom-participant-device", "POST"),
        ("algorithm-identification", "PUT"),
        (None, "PUT"),
    ],
)
def test_only_equipment_and_observing_devices_are_known_by_their_uid(
    profile: str | None, method: str
) -> None:
    claimed = {"meta": {"profile": [PROFILES + profile]}} if profile else {}
    assert request(resource("Device", OWN, **claimed))["method"] == method


def test_search_tokens_are_percent_encoded_and_escaped() -> None:
    assert search_token({"system": "s", "value": "a|b,c$d\\e"}) == "s%7Ca%5C%7Cb%5C%2Cc%5C%24d%5C%5Ce"


COLLECTION = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {"fullUrl": f"urn:uuid:{ID}", "resource": resource("Patient", OWN)},
        {"fullUrl": "urn:uuid:2", "resource": resource("Observation", valueInteger=NumberText("1.50"))},
    ],
}


def test_a_collection_travels_as_it_is() -> None:
    assert Packaging().package(copy.deepcopy(COLLECTION)) == COLLECTION


def test_a_transaction_adds_requests_and_nothing_else() -> None:
    before = copy.deepcopy(COLLECTION)
    made = Packaging("transaction").package(before)
    assert before == COLLECTION
    assert [list(entry) for entry in made["entry"]] == [["fullUrl", "resource", "request"]] * 2
    without = {**made, "type": "collection", "entry": [dict(entry) for entry in made["entry"]]}
    for entry in without["entry"]:
        assert entry.pop("request") == request(entry["resource"])
    assert dumps(without) == dumps(COLLECTION)
    assert list(made) == ["resourceType", "type", "entry"]


def test_a_sop_class_that_dicom_does_not_have_is_not_sent() -> None:
    with pytest.raises(UsageError, match="ig-literal"):
        Transformer(options=RenderOptions(form="ig-literal"), packaging=Packaging("transaction"))
