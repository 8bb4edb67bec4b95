"""The clinical scenarios on a real server: stored, sent again, by eight senders at once, and found by a client."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from .client import Client, Resource, counts, is_known, promised, references

pytestmark = pytest.mark.slow
SCT = "http://snomed.info/sct"
VOLUME, PNEUMOTHORAX = "118565006", "36118008"


@pytest.fixture(scope="module")
def bundles(sent_scenarios: dict[str, bytes]) -> list[bytes]:
    return list(sent_scenarios.values())


@pytest.fixture(scope="module")
def server(empty_server: Callable[..., Client], bundles: list[bytes]) -> Client:
    """Return a server to which eight senders have sent each scenario twice."""
    made = empty_server()
    with ThreadPoolExecutor(8) as pool:
        attempts = list(pool.map(made.send_patiently, [*bundles, *reversed(bundles)]))
    assert {statuses[-1] for statuses in attempts} == {200}
    return made


def test_each_is_stored_once_and_never_updated(server: Client, bundles: list[bytes]) -> None:
    versions = server.versions()
    assert counts(versions) == counts(promised(bundles))
    assert set(versions.values()) == {"1"}


def test_all_references_lead_to_what_is_there(server: Client) -> None:
    held = server.held()
    assert {target for each in held.values() for target in references(each)} <= held.keys()


def test_one_search_finds_the_trend_of_a_lesion(server: Client, sent_scenarios: dict[str, bytes]) -> None:
    """Scenario b: two studies, one patient, one lesion."""
    patient = identifier_of(sent_scenarios["nodule_follow_up"])
    found = server.find(f"Observation?code={SCT}|{VOLUME}&patient.identifier={patient}&_sort=date")
    assert [(each["effectiveDateTime"][:10], str(each["valueQuantity"]["value"])) for each in found] == [
        ("2026-03-01", "210.0"),
        ("2026-06-02", "310.5"),
    ]
    assert len({each["subject"]["reference"] for each in found}) == 1
    assert len({each["bodyStructure"]["reference"] for each in found}) == 1


def identifier_of(bundle: bytes) -> str:
    """Return the patient's identifier of a transaction as a search asks for it."""
    patients = [
        entry["resource"]
        for entry in json.loads(bundle)["entry"]
        if entry["resource"]["resourceType"] == "Patient"
    ]
    (identifier,) = patients[0]["identifier"]
    return f"{identifier['system']}|{identifier['value']}"


def test_the_patient_without_pneumothorax_is_not_found_by_it(
    server: Client, sent_scenarios: dict[str, bytes]
) -> None:
    """Scenario a, decision D41: a finding that is absent is no value."""
    found: list[Resource] = server.find(f"Observation?value-concept={SCT}|{PNEUMOTHORAX}")
    assert found
    held = server.held()
    ill = {each["subject"]["reference"] for each in found}
    names = [held[each]["identifier"][0]["value"] for each in ill]
    assert names == [identifier_of(sent_scenarios["pneumothorax_present"]).rpartition("|")[2]]
    assert names != [identifier_of(sent_scenarios["pneumothorax_absent"]).rpartition("|")[2]]


def test_what_a_person_changed_stays(server: Client, bundles: list[bytes]) -> None:
    """The last test of the module: it changes what the server holds."""
    before = server.held()
    created = [name for name in before if name.startswith(("Patient/", "ImagingStudy/", "BodyStructure/"))]
    known = [name for name in created if is_known(before[name])]
    assert {name.partition("/")[0] for name in known} == {"Patient", "ImagingStudy", "BodyStructure"}
    server.changed_by_a_person(known)
    changed = server.held()
    assert {server.send(bundle).status_code for bundle in bundles} == {200}
    assert server.held() == changed
