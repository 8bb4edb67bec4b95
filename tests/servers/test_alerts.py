"""Critical findings on a real server, in R5 and in R4: there with the Observations, once, and found by a search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sr2fhir import alerts
from sr2fhir.paths import layout

from .client import Client, Resource, counts, entries, promised, transactions
from .conftest import PATIENTS

pytestmark = pytest.mark.slow
Make = Callable[..., Client]
SCENARIOS = layout().sources / "samples" / "scenarios"
RULES = Path(alerts.__file__).with_name("alerts.toml")
DETAIL = "http://hl7.org/fhir/StructureDefinition/flag-detail"


def sent(folder: Path, *options: str) -> list[bytes]:
    """Return the transactions of a pneumothorax that was found, and of one that was not."""
    inputs = [SCENARIOS / f"pneumothorax_{name}.dcm" for name in ("absent", "present")]
    return transactions(folder, inputs, "--alerts", str(RULES), "--patient-id-system", PATIENTS, *options)


@pytest.mark.parametrize("version", ["R5", "R4"])
def test_a_flag_is_stored_with_its_observations_once(
    empty_server: Make, tmp_path: Path, version: str
) -> None:
    server, bundles = empty_server(version=version), sent(tmp_path, "--fhir", version)
    for _ in range(2):
        assert [server.send(bundle).status_code for bundle in bundles] == [200, 200]
        versions = server.versions()
        assert counts(versions) == counts(promised(bundles))
        assert counts(versions)["Flag"] == counts(versions)["CommunicationRequest"] == 1
        assert set(versions.values()) == {"1"}
    held = server.held()
    (flag,) = flags_of_the_patient(server)
    detail = [each["valueReference"]["reference"] for each in flag["extension"] if each["url"] == DETAIL]
    assert [held[name]["resourceType"] for name in detail] == ["Observation", "Observation"]
    assert held[detail[0]]["valueCodeableConcept"]["coding"][0]["code"] == "36118008"
    (request,) = server.find("CommunicationRequest?status=active")
    assert [each["reference"] for each in request["about"]] == detail
    assert request["subject"]["reference"] == flag["subject"]["reference"]


def flags_of_the_patient(server: Client) -> list[Resource]:
    """Return what a client finds that asks for the flags of the patient with the pneumothorax."""
    (patient,) = server.find("Patient?identifier=P-1001")
    return server.find(f"Flag?subject=Patient/{patient['id']}")


def test_a_server_that_gives_the_ids_has_each_once(empty_server: Make, tmp_path: Path) -> None:
    server, bundles = empty_server(client_ids="NOT_ALLOWED"), sent(tmp_path, "--ids", "server")
    assert {entry["request"]["method"] for entry in entries(bundles)} == {"POST"}
    for _ in range(2):
        assert [server.send(bundle).status_code for bundle in bundles] == [200, 200]
        assert counts(server.versions())["Flag"] == 1
        assert counts(server.versions())["CommunicationRequest"] == 1
    (flag,) = flags_of_the_patient(server)
    (found,) = server.find(
        f"Observation?_id={flag['extension'][0]['valueReference']['reference'].partition('/')[2]}"
    )
    assert found["valueCodeableConcept"]["coding"][0]["code"] == "36118008"


def test_a_validating_server_takes_them(empty_server: Make, tmp_path: Path) -> None:
    server = empty_server(version="R4", validate=True)
    for bundle in sent(tmp_path, "--fhir", "R4"):
        response = server.send(bundle)
        issues = [] if response.ok else response.json()["issue"]
        errors = [each["diagnostics"] for each in issues if each["severity"] in ("error", "fatal")]
        assert [each for each in errors if "CommunicationRequest" in each or "Flag" in each] == []
