"""The servers themselves."""

from __future__ import annotations

import pytest
import requests

from tests.servers import hapi_jpa

pytestmark = pytest.mark.slow
HEADERS = {"Content-Type": "application/fhir+json"}


@pytest.mark.parametrize(("version", "stated"), [("R5", "5.0.0"), ("R4", "4.0.1")])
def test_a_server_stores_states_its_version_and_ends(version: str, stated: str) -> None:
    name = f"started{version}"
    url = hapi_jpa.required(name, version=version)
    statement = requests.get(f"{url}/metadata", timeout=60).json()
    assert (statement["fhirVersion"], statement["software"]["name"]) == (stated, "HAPI FHIR Server")
    patient = {"resourceType": "Patient", "id": "one", "active": True}
    assert requests.put(f"{url}/Patient/one", json=patient, headers=HEADERS, timeout=60).status_code == 201
    assert requests.get(f"{url}/Patient/one", timeout=60).json()["active"] is True
    hapi_jpa.end(name)
    assert requests.get(f"{url}/metadata", timeout=60).status_code == 404


def test_a_server_that_is_made_again_is_empty() -> None:
    patient = {"resourceType": "Patient", "id": "one"}
    for _ in range(2):
        url = hapi_jpa.required("again")
        assert requests.get(f"{url}/Patient/one", timeout=60).status_code == 404
        requests.put(f"{url}/Patient/one", json=patient, headers=HEADERS, timeout=60).raise_for_status()
        assert hapi_jpa.required("again") == url
        assert requests.get(f"{url}/Patient/one", timeout=60).status_code == 200
        hapi_jpa.end("again")


def test_what_cannot_be_made_is_told() -> None:
    hapi_jpa.required("told")
    with pytest.raises(AssertionError, match="DSTU9"):
        hapi_jpa.server("never", version="DSTU9")
    hapi_jpa.end("told")


def test_where_jars_cannot_be_fetched_tests_are_skipped_or_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def server(name: str) -> str:
        raise hapi_jpa.UnavailableError("no registry")

    monkeypatch.setattr(hapi_jpa, "server", server)
    monkeypatch.delenv("SR2FHIR_TEST_ONLINE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no FHIR server: no registry"):
        hapi_jpa.required("x")
    monkeypatch.setenv("SR2FHIR_TEST_ONLINE", "1")
    with pytest.raises(pytest.fail.Exception, match="no FHIR server: no registry"):
        hapi_jpa.required("x")
