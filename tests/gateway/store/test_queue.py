"""Objects from acceptance to results: states, repetition, the same UID with other content, failures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian
from sr2fhir.errors import (
    InputError,
    NotDicomError,
    NotStructuredReportError,
    Sr2FhirError,
    TemplateError,
    TransformError,
)
from sr2fhir.gateway.store import AlertMade, Route, Store
from sr2fhir.gateway.store.tables import metadata

from tests import builders as b
from tests.gateway.objects import accept, report, results, succeeding, transform_all
from tests.gateway.store.conftest import NewStore


@pytest.fixture
def store(opened: NewStore) -> Store:
    return opened()


def files_below(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("gateway.sqlite")
    ]


def states(store: Store) -> dict[str, int]:
    return {state: number for state, number in store.views.counts().items() if number}


def events(store: Store, object_id: int) -> list[str]:
    detail = store.views.object(object_id)
    assert detail is not None
    return [event.what for event in detail.events]


def test_an_object_is_kept_with_its_bytes(store: Store, tmp_path: Path) -> None:
    data = b.encoded(report("1"))
    receipt = accept(store, data)
    assert (receipt.is_new, receipt.sop_instance_uid) == (True, "2.25.1")
    assert [path.read_bytes() for path in files_below(tmp_path)] == [data]
    assert states(store) == {"received": 1}


def test_the_same_object_twice_is_one(store: Store, tmp_path: Path) -> None:
    first, second = accept(store, report("1")), accept(store, report("1"))
    assert (second.object_id, second.is_new) == (first.object_id, False)
    assert states(store) == {"received": 1}
    assert len(files_below(tmp_path)) == 1


def test_a_deflated_object_and_one_in_json_are_taken(store: Store) -> None:
    deflated = b.encoded(report("1"), DeflatedExplicitVRLittleEndian)
    json = report("2").to_json(suppress_invalid_tags=True).encode()
    assert [accept(store, data).sop_instance_uid for data in (deflated, json)] == ["2.25.1", "2.25.2"]


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\0" * 128 + b"DICM"])
def test_what_is_no_dicom_is_refused_and_not_kept(store: Store, tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError):
        accept(store, data)
    assert states(store) == {}
    assert not files_below(tmp_path)


def test_an_object_without_uid_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="SOPInstanceUID"):
        accept(store, b.encoded(report("1")).replace(b"2.25.1", b"\0" * 6))


def test_no_table_tells_the_patient(store: Store) -> None:
    accept(store, report("1", "PATIENT-4711", PatientName="Doe^Jane"))
    with store._database.read() as connection:
        rows = [connection.execute(table.select()).all() for table in metadata.sorted_tables]
    assert "2.25.1" in str(rows)
    assert "4711" not in str(rows)
    assert "Doe" not in str(rows)


def test_results_lead_to_a_delivery(store: Store) -> None:
    receipt = accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    assert (job.object_id, job.attempts, job.file.is_file()) == (receipt.object_id, 1, True)
    assert store.claim_object() is None
    store.transformed(job, results(text=b'{"resourceType": "Bundle"}'))
    assert states(store) == {"transformed": 1}
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    assert delivery.bundle is not None
    assert delivery.bundle.read_bytes() == b'{"resourceType": "Bundle"}'
    assert delivery.report is not None
    assert delivery.report.is_file()
    store.delivered(delivery, (), 200)
    assert states(store) == {"delivered": 1}
    assert events(store, receipt.object_id) == ["received", "transformed", "delivered"]


def test_an_input_that_cannot_be_transformed_is_dead(store: Store) -> None:
    receipt = accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    store.failed(job, NotDicomError("no report", where="1", hint="Send reports"))
    detail = store.views.object(receipt.object_id)
    assert detail is not None
    assert (detail.row.state, detail.row.reason, detail.row.hint) == ("dead", "no report [1]", "Send reports")
    assert store.claim_object() is None


@pytest.mark.parametrize("error", [TemplateError("another template"), NotStructuredReportError("an image")])
def test_what_is_not_meant_for_us_is_skipped_and_not_dead(store: Store, error: Sr2FhirError) -> None:
    """An archive sends all its reports; nobody has to look at those of other templates."""
    receipt = accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    store.failed(job, error)
    assert states(store) == {"skipped": 1}
    assert events(store, receipt.object_id) == ["received", "skipped"]
    assert store.purge(before=store.views.now() + 1, who="test") == 1


def test_an_object_that_comes_with_another_file_meta_is_the_same(store: Store) -> None:
    """Each node that stores an object writes File Meta Information of its own (PS3.10 section 7.1)."""
    first = b.encoded(report("1"))
    read = b.reread(first)
    read.file_meta.SourceApplicationEntityTitle = "AN_ARCHIVE"
    buffer = BytesIO()
    read.save_as(buffer, enforce_file_format=True)
    assert first != buffer.getvalue()
    one, other = accept(store, first), accept(store, buffer.getvalue())
    assert (one.object_id, one.is_new, other.is_new) == (other.object_id, True, False)


def test_an_engine_that_fails_is_asked_again_so_often(
    opened: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sr2fhir.gateway.store.queue.BACK_OFF_S", 0.0)
    store = opened(tries=2)
    accept(store, report("1"))
    for attempt in (1, 2):
        job = store.claim_object()
        assert job is not None
        assert job.attempts == attempt
        store.failed(job, TransformError("a map failed"))
    assert store.claim_object() is None
    assert states(store) == {"dead": 1}


def test_a_failure_waits_before_the_next_attempt(store: Store) -> None:
    accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    store.failed(job, TransformError("a map failed"))
    assert states(store) == {"received": 1}
    assert store.claim_object() is None


def test_a_worker_that_ends_three_times_makes_an_object_dead(
    opened: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sr2fhir.gateway.store.queue.BACK_OFF_S", 0.0)
    store = opened(owner="worker")
    receipt = accept(store, report("1"))
    for _ in range(3):
        assert store.claim_object() is not None
        store.ended("worker")
    detail = store.views.object(receipt.object_id)
    assert detail is not None
    assert detail.row.state == "dead"
    assert detail.row.reason == "the process working on this input ended 3 times"


def test_what_a_worker_had_is_claimed_again_when_its_lease_has_run_out(opened: NewStore) -> None:
    store = opened(lease_s=-1.0)
    accept(store, report("1"))
    late = store.claim_object()
    again = store.claim_object()
    assert late is not None
    assert again is not None
    store.transformed(late, results())
    assert states(store) == {"received": 1}
    store.transformed(again, results())
    assert states(store) == {"transformed": 1}
    assert len(store.views.object(1).deliveries) == 1  # type: ignore[union-attr]


def test_what_is_given_back_was_not_tried(store: Store) -> None:
    accept(store, report("1"))
    for _ in range(2):
        job = store.claim_object()
        assert job is not None
        assert job.attempts == 1
        store.give_back(job)


def test_the_same_uid_with_later_content_counts(store: Store) -> None:
    old = accept(store, report("1", ContentDate="20260101", ContentTime="101010"))
    new = accept(store, report("1", ContentDate="20260101", ContentTime="101011"))
    assert new.is_new
    assert states(store) == {"superseded": 1, "received": 1}
    for receipt, state in ((old, "superseded"), (new, "received")):
        detail = store.views.object(receipt.object_id)
        assert detail is not None
        assert detail.row.state == state
        assert [finding.code for finding in detail.findings] == ["same-uid"]


def test_the_same_uid_with_other_content_of_the_same_time_does_not_count(store: Store) -> None:
    first, second = accept(store, report("1", text="one")), accept(store, report("1", text="two"))
    assert second.is_new
    job = store.claim_object()
    assert job is not None
    assert job.object_id == first.object_id
    assert store.claim_object() is None
    detail = store.views.object(second.object_id)
    assert detail is not None
    assert detail.row.state == "superseded"
    assert detail.file.is_file()


def test_a_correction_takes_the_place_of_what_was_not_delivered_yet(store: Store) -> None:
    old = accept(store, report("1", ContentDate="20260101"))
    transform_all(store)
    accept(store, report("1", ContentDate="20260102"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    assert delivery.object_id != old.object_id
    store.delivered(delivery, (), 200)
    assert store.claim_delivery("ehr") is None
    assert states(store) == {"superseded": 1, "delivered": 1}


def test_a_live_alert_leads_to_a_notice_and_a_shadow_does_not(opened: NewStore) -> None:
    alerts = (
        AlertMade("pneumothorax", "live", "Flag/1", ("Observation/1",), "RID49480"),
        AlertMade("mass", "shadow", None, ("Observation/2",)),
    )
    store = opened(routes=[Route("ehr"), Route("pager", "notice", None)])
    accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    store.transformed(job, results(alerts))
    assert store.claim_delivery("pager") is None, "the results come first"
    bundle = store.claim_delivery("ehr")
    assert bundle is not None
    store.delivered(bundle, (), 200)
    notice = store.claim_delivery("pager")
    assert notice is not None
    assert (notice.kind, notice.bundle) == ("notice", None)
    assert notice.payload == {
        "rule": "pneumothorax",
        "mode": "live",
        "flag": "Flag/1",
        "observations": ["Observation/1"],
        "category": "RID49480",
    }
    assert store.claim_delivery("pager") is None
    assert [(alert.rule, alert.state) for alert in store.views.alerts()] == [
        ("mass", None),
        ("pneumothorax", "waiting"),
    ]


def test_alerts_of_one_rule_have_a_notice_each_and_go_when_a_replay_finds_them_no_more(
    opened: NewStore,
) -> None:
    store = opened(routes=[Route("pager", "notice", None)])
    accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    flags = ("Flag/1", "Flag/2")
    store.transformed(job, results(tuple(AlertMade("mass", "live", flag, ()) for flag in flags)))
    first, second = store.claim_delivery("pager"), store.claim_delivery("pager")
    assert first is not None
    assert second is not None
    assert [each.payload and each.payload["flag"] for each in (first, second)] == list(flags)
    store.delivered(first, (), 204)
    store.give_back(second)
    store.replay(objects=[1], who="me")
    job = store.claim_object()
    assert job is not None
    store.transformed(job, results())
    assert store.claim_delivery("pager") is None
    detail = store.views.object(1)
    assert detail is not None
    assert [row.state for row in detail.deliveries] == ["delivered", "superseded"]


def test_replaying_transforms_and_delivers_again(store: Store) -> None:
    receipt = accept(store, report("1"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    store.delivered(delivery, (), 200)
    assert store.replay(objects=[receipt.object_id], who="me") == 1
    assert states(store) == {"received": 1}
    assert transform_all(store) == 1
    assert store.claim_delivery("ehr") is not None
    assert [(entry.who, entry.action) for entry in store.views.audit_entries()] == [("me", "replay")]


def test_a_second_version_has_a_report_of_its_own(opened: NewStore) -> None:
    store = opened(routes=[Route("five", "bundle", "R5"), Route("four", "bundle", "R4")])
    accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    store.transformed(job, results()._replace(others={"R4": (b"report of R4", b"outcome of R4")}))
    for destination, expected in (("five", b"{}"), ("four", b"report of R4")):
        delivery = store.claim_delivery(destination)
        assert delivery is not None
        assert delivery.report is not None
        assert delivery.report.read_bytes() == expected


def test_a_successor_that_names_its_own_uid_is_newer(store: Store) -> None:
    accept(store, report("1"))
    newer = accept(store, succeeding("1", "1"))
    job = store.claim_object()
    assert job is not None
    assert job.object_id == newer.object_id


def test_a_wrong_length_of_the_file_meta_information_makes_no_two_objects_one(store: Store) -> None:
    length = b"\x02\x00\x00\x00UL\x04\x00"
    for uid, patient in (("1", "A"), ("2", "B")):
        head, _, rest = b.encoded(report(uid, patient)).partition(length)
        accept(store, head + length + (1 << 24).to_bytes(4, "little") + rest[4:])
    details = [store.views.object(number) for number in (1, 2)]
    assert len({each.digest for each in details if each}) == 2
    assert all(
        detail and f"2.25.{number}".encode() in detail.file.read_bytes()
        for number, detail in enumerate(details, 1)
    )
