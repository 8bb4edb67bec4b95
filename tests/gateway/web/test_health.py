"""Health and figures, as a monitor asks for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sr2fhir.gateway.parts import Alarm
from sr2fhir.gateway.store import AlertMade, Failure

from tests.gateway.web.site import MADE, Site, site


def figures(running: Site) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = running.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


# ---- health


def test_a_gateway_that_takes_reports_is_ready(local: Site) -> None:
    assert local.get("/health/live").json() == {"status": "live"}
    response = local.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with site(tmp_path, low_disk=shutil.disk_usage(tmp_path).total * 2) as running:
        response = running.get("/health/ready")
        assert (response.status_code, response.json()["wrong"]) == (503, ["disk"])
        assert running.get("/health/live").status_code == 200


def test_a_full_queue_and_a_lost_database_are_told(tmp_path: Path) -> None:
    with site(tmp_path, queue_limit=1) as running:
        running.accept()
        assert running.get("/health/ready").json()["wrong"] == ["queue"]
        for file in running.store.incoming().parent.parent.glob("gateway.sqlite*"):
            file.unlink()
        assert running.get("/health/ready").json()["wrong"] == ["database"]


def test_no_worker_is_told(local: Site) -> None:
    local.workers.clear()
    assert local.get("/health/ready").json()["wrong"] == ["workers"]


@pytest.mark.parametrize(
    ("alarm", "status"),
    [
        (Alarm("error", "dimse", "the port is taken"), 503),
        (Alarm("error", "archive pacs", "down at https://pacs.example"), 200),
        (Alarm("error", "destination ehr", "down at https://ehr.example"), 200),
        (Alarm("warning", "dimse", "many at once"), 200),
    ],
)
def test_what_keeps_reports_out_is_told_without_its_cause(local: Site, alarm: Alarm, status: int) -> None:
    local.alarms.append(alarm)
    response = local.get("/health/ready")
    assert response.status_code == status
    assert alarm.message not in response.text


# ---- figures


def test_what_is_there_is_counted(local: Site) -> None:
    local.accept()
    found = figures(local)
    assert found["sr2fhir_reports", (("state", "received"),)] == 1
    assert found["sr2fhir_reports", (("state", "dead"),)] == 0
    assert 0 <= found["sr2fhir_oldest_seconds", ()] < 60
    assert found["sr2fhir_received_total", (("intake", "dimse"),)] == 1
    assert found["sr2fhir_memory_bytes", (("process", "main"),)] > 10_000_000
    assert found["sr2fhir_alarms", (("severity", "error"),)] == 0


def test_what_happens_is_counted_by_destination_and_status(local: Site) -> None:
    local.accept()
    alert = AlertMade("pneumothorax", "live", "Flag/1", ("Observation/1",))
    local.transform(MADE._replace(alerts=[alert]))
    local.store.postpone(local.store.claim_delivery("ehr"), 0, Failure(503, "not ready"))
    local.store.delivered(local.store.claim_delivery("ehr"), [], 200)
    local.store.dead(local.store.claim_delivery("research"), Failure(422, "refused"))
    local.store.set_cursor("breaker ehr", {"state": "half-open"})
    found = figures(local)

    def attempts(destination: str, state: str, status: str) -> float:
        labels = (("destination", destination), ("state", state), ("status", status))
        return found["sr2fhir_deliveries_total", labels]

    assert attempts("ehr", "waiting", "503") == 1
    assert attempts("ehr", "delivered", "200") == 1
    assert attempts("research", "dead", "422") == 1
    assert found["sr2fhir_events_total", (("state", "transformed"),)] == 1
    for stage, number in (("transform", 1), ("deliver", 1), ("total", 1)):
        assert found["sr2fhir_latency_seconds_count", (("stage", stage),)] == number
    assert found["sr2fhir_latency_seconds_bucket", (("le", "60.0"), ("stage", "total"))] == 1
    assert found["sr2fhir_alerts", (("mode", "live"), ("rule", "pneumothorax"))] == 1
    assert found["sr2fhir_breaker", (("destination", "ehr"), ("state", "half-open"))] == 1
    assert found["sr2fhir_breaker", (("destination", "ehr"), ("state", "closed"))] == 0
    assert found["sr2fhir_destination_deliveries", (("destination", "research"), ("state", "dead"))] == 1


def test_counters_never_go_back(local: Site) -> None:
    key = ("sr2fhir_received_total", (("intake", "dimse"),))
    local.accept()
    local.transform()
    for destination in ("ehr", "research"):
        local.store.delivered(local.store.claim_delivery(destination), [], 200)
    assert figures(local)[key] == 1
    assert local.store.purge(before=local.store.views.now() + 10, who="test") == 1
    found = figures(local)
    assert found[key] == 1
    assert found["sr2fhir_reports", (("state", "delivered"),)] == 0


def test_what_was_there_before_the_process_is_not_counted_again(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.accept()
    with site(tmp_path) as running:
        assert ("sr2fhir_received_total", (("intake", "dimse"),)) not in figures(running)
        assert figures(running)["sr2fhir_reports", (("state", "received"),)] == 1
