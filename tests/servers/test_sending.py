"""What a real server holds after the transactions of all samples (specification, 1.2; docs/sending.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sr2fhir
from sr2fhir.engines import Engine
from sr2fhir.paths import layout

from .client import Client, Resource, counts, is_known, promised, references, transactions
from .conftest import PATIENTS

pytestmark = pytest.mark.slow
Make = Callable[..., Client]
Sent = Callable[..., list[bytes]]
# patients that are created, and orders besides
WITH_SYSTEM = ("--patient-id-system", PATIENTS)
PATIENT = {"resourceType": "Patient", "identifier": [{"system": PATIENTS, "value": "99000"}]}
# options by their row in docs/sending.md, and its columns
WAYS = {
    "default: no Patient ID of the samples has a known system": (),
    "`--patient-id-system`": WITH_SYSTEM,
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "sending.md"
COLUMNS = "Patient ServiceRequest ImagingStudy Device Practitioner BodyStructure ImagingSelection Observation"


@dataclass(frozen=True)
class Filled:
    """A server, and the transactions that were sent to it."""

    server: Client
    bundles: list[bytes]


@pytest.fixture(scope="module")
def filled(empty_server: Make, sent_samples: Sent) -> Filled:
    """Return a server that holds all samples, of patients whose identifiers have a system."""
    server, bundles = empty_server(), sent_samples(*WITH_SYSTEM)
    for bundle in bundles:
        assert server.send(bundle).status_code == 200
    return Filled(server, bundles)


@pytest.mark.parametrize("way", WAYS)
def test_every_sample_is_stored_and_sent_twice_changes_nothing(
    empty_server: Make, sent_samples: Sent, way: str
) -> None:
    server, bundles = empty_server(), sent_samples(*WAYS[way])
    assert [server.send(bundle).status_code for bundle in bundles] == [200] * len(bundles)
    first = server.versions()
    assert counts(first) == counts(promised(bundles))
    assert set(first.values()) == {"1"}
    assert [server.send(bundle).status_code for bundle in bundles] == [200] * len(bundles)
    assert server.versions() == first
    row = "".join(f" {counts(first)[kind]} |" for kind in COLUMNS.split())
    assert f"| {way} |{row}" in PAGE.read_text("utf-8"), f"{way}: {row}"


def test_the_services_of_manifests_are_stored_once(empty_server: Make, tmp_path: Path) -> None:
    """The manifests of two studies name one service, one of two series names a second, and each is sent twice."""
    folder = layout().sources / "samples" / "key_objects"
    options = ("--orders", "create", *WITH_SYSTEM)
    bundles = transactions(tmp_path, sorted(folder.glob("*mado*.dcm")), *options)
    assert len(bundles) == 3
    server = empty_server()
    assert [server.send(bundle).status_code for bundle in bundles] == [200] * 3
    first = server.versions()
    services = [each["address"] for each in server.find("Endpoint")]
    assert sorted(services) == [
        "https://dicomserver.com/AET/rs",
        "https://east.hospital.test/dicom-web",
        "https://west.hospital.test/wado/rs",
    ]
    assert [server.send(bundle).status_code for bundle in bundles] == [200] * 3
    assert server.versions() == first
    assert set(first.values()) == {"1"}
    places = {
        reference["reference"]
        for study in server.find("ImagingStudy")
        for series in study["series"]
        for reference in series["endpoint"]
        if "reference" in reference
    }
    assert places == {name for name in first if name.startswith("Endpoint/")}


def test_what_is_stored_is_what_was_sent(filled: Filled) -> None:
    held = filled.server.held()
    under_own_id = {name: each for name, each in promised(filled.bundles).items() if name in held}
    assert counts(under_own_id)["Observation"] == counts(held)["Observation"] > 0
    for name, resource in under_own_id.items():
        assert plain(held[name]) == plain(resource)


def plain(resource: Resource) -> Resource:
    """Return a resource without what a server writes itself: meta, and references in the form that it keeps."""
    taken = {name: value for name, value in resource.items() if name != "meta"}
    profiles = sorted(resource.get("meta", {}).get("profile", []))
    return {"profiles": profiles, **without_references(taken)}


def without_references(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: without_references(each) for name, each in node.items() if name != "reference"}
    return [without_references(each) for each in node] if isinstance(node, list) else node


def test_all_references_are_resolved_and_lead_to_what_is_there(filled: Filled) -> None:
    held = filled.server.held()
    assert {target for each in held.values() for target in references(each)} <= held.keys()


def test_orders_are_not_created(filled: Filled) -> None:
    assert counts(filled.server.held())["ServiceRequest"] == 0


@pytest.mark.parametrize("kind", ["Patient", "ImagingStudy", "Device", "BodyStructure"])
def test_what_a_person_changed_in_a_stub_stays(filled: Filled, kind: str) -> None:
    before = filled.server.held()
    created = [name for name, each in before.items() if name.startswith(f"{kind}/") and is_known(each)]
    assert created
    filled.server.changed_by_a_person(created)
    changed = filled.server.held()
    for bundle in filled.bundles:
        assert filled.server.send(bundle).status_code == 200
    assert {changed[name]["meta"]["versionId"] for name in created} == {"2"}
    assert filled.server.held() == changed


def test_a_result_that_a_person_amended_is_not_overwritten_with_if_match(
    empty_server: Make, engine: Engine, samples_dir: Path
) -> None:
    """D56: FHIR asks for 412; HAPI FHIR JPA returns 409."""
    server, sample = empty_server(), samples_dir / "real_dcmjs_ohif_bidirectional.dcm"
    assert server.send(transaction(engine, sample, {})).status_code == 200
    written = {name: each["meta"]["versionId"] for name, each in server.held().items()}
    results = {name: version for name, version in written.items() if name.startswith("Observation/")}
    again = transaction(engine, sample, results)
    assert server.send(again).status_code == 200
    name = min(results)
    server.put({**server.held()[name], "note": [{"text": "measured again"}]})
    changed = server.held()
    assert server.send(again).status_code in {409, 412}
    assert server.held() == changed


def transaction(engine: Engine, sample: Path, versions: dict[str, str]) -> bytes:
    packaging = sr2fhir.Packaging("transaction", versions=versions)
    return sr2fhir.Transformer(engine, packaging=packaging).transform(sample).json


def test_eight_senders_at_once_end_as_one_does(empty_server: Make, sent_samples: Sent) -> None:
    """Refused races are sent again, as docs/sending.md says."""
    server, bundles = empty_server(), sent_samples(*WITH_SYSTEM)
    with ThreadPoolExecutor(8) as pool:
        attempts = list(pool.map(server.send_patiently, [*bundles, *reversed(bundles), *[bundles[-1]] * 8]))
    assert {statuses[-1] for statuses in attempts} == {200}
    versions = server.versions()
    assert counts(versions) == counts(promised(bundles))
    assert set(versions.values()) == {"1"}


def test_a_patient_of_the_hospital_is_used_and_left_as_it_is(empty_server: Make, sent_samples: Sent) -> None:
    server, bundles = empty_server(), of_patient(sent_samples(*WITH_SYSTEM))
    known = {**PATIENT, "id": "known", "birthDate": "1950-01-01", "address": [{"city": "Bremen"}]}
    server.put(known)
    for bundle in bundles:
        assert server.send(bundle).status_code == 200
    held = server.held()
    assert [name for name in held if name.startswith("Patient/")] == ["Patient/known"]
    assert held["Patient/known"]["meta"]["versionId"] == "1"
    results = [each for name, each in held.items() if name.startswith("Observation/")]
    assert results
    assert {each["subject"]["reference"] for each in results} == {"Patient/known"}


def of_patient(bundles: list[bytes]) -> list[bytes]:
    """Return the transactions of the one patient that these tests are about."""
    found = [bundle for bundle in bundles if b'"99000"' in bundle]
    assert len(found) == 2
    return found


def refused(server: Client, bundles: list[bytes]) -> tuple[set[int], set[str]]:
    """Return the statuses of transactions, and what the server holds besides Patients."""
    statuses = {server.send(bundle).status_code for bundle in bundles}
    return statuses, {name for name in server.held() if not name.startswith("Patient/")}


def test_two_patients_with_the_identifier_refuse_the_transaction_whole(
    empty_server: Make, sent_samples: Sent
) -> None:
    server = empty_server()
    for name in ("one", "two"):
        server.put({**PATIENT, "id": name})
    assert refused(server, of_patient(sent_samples(*WITH_SYSTEM))) == ({412}, set())


def test_a_patient_that_has_to_exist_is_found_or_the_transaction_refused_whole(
    empty_server: Make, samples: list[Path], tmp_path: Path
) -> None:
    server = empty_server()
    sample = [each for each in samples if each.name == "real_dicom4qi_dataset1_ct_liver.dcm"]
    bundles = transactions(tmp_path, sample, *WITH_SYSTEM, "--patients", "existing")
    statuses, held = refused(server, bundles)
    assert all(400 <= status < 500 for status in statuses)
    assert held == set()
    server.put({**PATIENT, "id": "known"})
    assert [server.send(bundle).status_code for bundle in bundles] == [200]
    found = server.find("Observation?subject=Patient/known")
    assert len(found) == counts(promised(bundles))["Observation"]
    assert server.versions()["Patient/known"] == "1"


def test_a_patient_without_a_system_is_neither_created_nor_matched(
    empty_server: Make, sent_samples: Sent
) -> None:
    server, bundles = empty_server(), of_patient(sent_samples())
    server.put({"resourceType": "Patient", "id": "ehr", "identifier": [{"value": "99000"}]})
    for bundle in bundles:
        assert server.send(bundle).status_code == 200
    held = server.held()
    assert [name for name in held if name.startswith("Patient/")] == ["Patient/ehr"]
    assert held["Patient/ehr"]["meta"]["versionId"] == "1"
    assert not server.find("Observation?subject=Patient/ehr")


def test_a_bundle_that_stays_a_collection_is_refused(empty_server: Make, sent_samples: Sent) -> None:
    collection = json.dumps(json.loads(sent_samples()[0]) | {"type": "collection"}).encode()
    assert refused(empty_server(), [collection]) == ({400}, set())
