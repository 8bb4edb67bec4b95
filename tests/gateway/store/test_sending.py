"""Deliveries: order by patient and predecessor, back-off, dead letters, and what a destination has."""

from __future__ import annotations

import pytest
from sr2fhir.gateway.running import alarms_of_alerts
from sr2fhir.gateway.store import AlertMade, Failure, Route, Sent, Store

from tests.gateway.objects import accept, report, results, succeeding, transform_all
from tests.gateway.store.conftest import NewStore

BUSY = Failure(503, "the server is busy", "Wait")
REFUSED = Failure(422, "HAPI-0000: refused", "See the server")


@pytest.fixture
def store(opened: NewStore) -> Store:
    return opened(routes=[Route("ehr"), Route("copy", "bundle", "R4")])


def claimed(store: Store, destination: str = "ehr") -> str | None:
    delivery = store.claim_delivery(destination)
    return delivery and delivery.sop_instance_uid.removeprefix("2.25.")


def deliver(store: Store, destination: str = "ehr") -> str | None:
    delivery = store.claim_delivery(destination)
    if delivery is None:
        return None
    store.delivered(delivery, (), 200)
    return delivery.sop_instance_uid.removeprefix("2.25.")


def state(store: Store, object_id: int) -> str:
    detail = store.views.object(object_id)
    assert detail is not None
    return detail.row.state


def test_deliveries_of_one_patient_keep_their_order(store: Store) -> None:
    for uid, patient in (("1", "A"), ("2", "A"), ("3", "B")):
        accept(store, report(uid, patient))
    transform_all(store)
    assert [claimed(store) for _ in range(3)] == ["1", "3", None]


def test_an_earlier_object_that_is_not_transformed_yet_comes_first(store: Store) -> None:
    accept(store, report("1"))
    accept(store, report("2"))
    first, second = store.claim_object(), store.claim_object()
    assert first is not None
    assert second is not None
    store.transformed(second, results())
    assert claimed(store) is None
    store.transformed(first, results())
    assert [deliver(store), deliver(store)] == ["1", "2"]


def test_destinations_do_not_wait_for_each_other(store: Store) -> None:
    accept(store, report("1"))
    accept(store, report("2"))
    transform_all(store)
    assert claimed(store) == "1"
    assert [deliver(store, "copy"), deliver(store, "copy")] == ["1", "2"]


def test_a_delivery_waits_for_its_predecessor(store: Store) -> None:
    accept(store, report("1", "A"))
    accept(store, succeeding("2", "1", patient="B"))
    transform_all(store)
    assert [claimed(store), claimed(store)] == ["1", None]


def test_a_predecessor_that_comes_later_is_delivered_first(store: Store) -> None:
    accept(store, succeeding("3", "2"))
    accept(store, succeeding("2", "1"))
    accept(store, report("4"))
    accept(store, report("1"))
    transform_all(store)
    assert [deliver(store) for _ in range(5)] == ["4", "1", "2", "3", None]


def test_reports_that_name_each_other_wait_for_nobody(store: Store) -> None:
    accept(store, succeeding("1", "2"))
    accept(store, succeeding("2", "1"))
    transform_all(store)
    assert {deliver(store), deliver(store)} == {"1", "2"}


def test_a_dead_delivery_does_not_hold_up_its_patient(store: Store) -> None:
    receipt = accept(store, report("1"))
    accept(store, report("2"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    store.dead(delivery, REFUSED)
    assert state(store, receipt.object_id) == "dead"
    assert claimed(store) == "2"


def test_a_failure_is_tried_again_and_holds_up_its_patient(store: Store) -> None:
    receipt = accept(store, report("1"))
    accept(store, report("2"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    store.postpone(delivery, 60, BUSY)
    assert state(store, receipt.object_id) == "waiting"
    assert claimed(store) is None
    assert store.replay(destination="ehr", who="me") == 1
    again = store.claim_delivery("ehr")
    assert again is not None
    assert again.attempts == 1


def test_attempts_are_counted(store: Store) -> None:
    accept(store, report("1"))
    transform_all(store)
    for attempt in (1, 2, 3):
        delivery = store.claim_delivery("ehr")
        assert delivery is not None
        assert delivery.attempts == attempt
        store.postpone(delivery, 0, BUSY)


def test_what_was_sent_is_replaced_as_a_whole(store: Store) -> None:
    accept(store, report("1"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    first = [
        Sent("Observation", "1", "1", "aa", "urn:uuid:1"),
        Sent("Patient", "2", None, "bb", "urn:uuid:2"),
    ]
    assert store.sent_of("ehr", "2.25.1") == []
    store.delivered(delivery, first, 200)
    assert store.sent_of("ehr", "2.25.1") == first
    assert store.sent_of("copy", "2.25.1") == []
    store.update_sent("ehr", "2.25.1", first[1:])
    assert store.sent_of("ehr", "2.25.1") == first[1:]


def test_a_delivery_that_was_given_to_another_is_not_recorded_twice(opened: NewStore) -> None:
    store = opened(lease_s=-1.0)
    accept(store, report("1"))
    transform_all(store)
    late, again = store.claim_delivery("ehr"), store.claim_delivery("ehr")
    assert late is not None
    assert again is not None
    store.postpone(late, 60, BUSY)
    store.delivered(again, (), 201)
    detail = store.views.object(1)
    assert detail is not None
    assert [(row.state, row.status) for row in detail.deliveries] == [("delivered", 201)]


def test_a_dead_delivery_is_replayed_without_transforming(store: Store) -> None:
    receipt = accept(store, report("1"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    store.dead(delivery, REFUSED)
    assert store.replay(objects=[receipt.object_id], destination="ehr", who="me") == 1
    assert store.claim_object() is None
    assert deliver(store) == "1"
    assert deliver(store, "copy") == "1"
    assert state(store, receipt.object_id) == "delivered"


def test_what_is_dead_at_one_destination_is_not_purged_on_its_way_to_another(store: Store) -> None:
    accept(store, report("1"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    store.dead(delivery, REFUSED)
    later = store.views.now() + 60
    assert store.purge(before=later, who="me", states=["dead"]) == 0
    assert deliver(store, "copy") == "1"
    assert store.purge(before=later, who="me", states=["dead"]) == 1


def test_what_is_superseded_is_not_replayed_over_what_counts(store: Store) -> None:
    accept(store, report("1", text="old", ContentDate="20260101"))
    transform_all(store)
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    store.dead(delivery, REFUSED)
    accept(store, report("1", text="new", ContentDate="20260102"))
    transform_all(store)
    assert deliver(store) == "1"
    assert store.replay(destination="ehr", who="me") == 0
    assert store.replay(objects=[1], who="me") == 0
    assert store.replay(state="superseded", who="me") == 0
    assert claimed(store) is None
    assert state(store, 1) == "superseded"


def test_a_delivery_knows_all_predecessors_also_beyond_a_dead_one(store: Store) -> None:
    for made in (report("1"), succeeding("2", "1"), succeeding("3", "2")):
        accept(store, made)
    transform_all(store)
    assert deliver(store) == "1"
    dead = store.claim_delivery("ehr")
    assert dead is not None
    store.dead(dead, REFUSED)
    last = store.claim_delivery("ehr")
    assert last is not None
    assert last.predecessors == ("2.25.1", "2.25.2")
    store.delivered(last, (), 200)
    store.replay(destination="ehr", who="me")
    again = store.claim_delivery("ehr")
    assert again is not None
    assert (again.sop_instance_uid, again.is_succeeded) == ("2.25.2", True)
    other = store.claim_delivery("copy")  # which has none of them yet
    assert other is not None
    assert not other.is_succeeded


def test_reports_that_name_each_other_do_not_succeed_each_other(store: Store) -> None:
    accept(store, succeeding("1", "2"))
    accept(store, succeeding("2", "1"))
    transform_all(store)
    for _ in range(2):
        delivery = store.claim_delivery("ehr")
        assert delivery is not None
        assert not delivery.is_succeeded
        store.delivered(delivery, (), 200)


def test_nobody_is_told_of_an_alert_whose_report_has_a_successor_by_now(opened: NewStore) -> None:
    store = opened(routes=[Route("ehr"), Route("pager", "notice", None)])
    alert = AlertMade("rule", "live", "Flag/1", ("Observation/1",), "RID49480")
    accept(store, succeeding("2", "1"))
    transform_all(store)
    assert deliver(store) == "2"
    accept(store, report("1"))
    job = store.claim_object()
    assert job is not None
    store.transformed(job, results((alert,)))
    late = store.claim_delivery("ehr")
    assert late is not None
    assert late.is_succeeded
    store.delivered(late, (), 200)
    assert store.claim_delivery("pager") is None
    detail = store.views.object(job.object_id)
    assert detail is not None
    assert [row.state for row in detail.deliveries] == ["delivered", "superseded"]
    assert detail.row.state == "delivered"


def test_a_dead_alert_is_an_alarm_until_it_arrives(opened: NewStore) -> None:
    store = opened(routes=[Route("ehr"), Route("copy")])
    alert = AlertMade("rule", "live", "Flag/1", ("Observation/1",), "RID49480")
    shadow = alert._replace(mode="shadow", flag=None)
    for uid, made in (("1", (alert, shadow)), ("2", (shadow,))):
        accept(store, report(uid, uid))
        job = store.claim_object()
        assert job is not None
        store.transformed(job, results(made))
    assert alarms_of_alerts(store) == []
    for destination in ("ehr", "ehr", "copy"):
        delivery = store.claim_delivery(destination)
        assert delivery is not None
        store.dead(delivery, REFUSED)
    (alarm,) = alarms_of_alerts(store)
    assert (alarm.severity, alarm.message.partition(":")[0]) == ("error", "1 live alert dead")
    store.replay(state="dead", destination="ehr", who="me")
    store.replay(state="dead", destination="copy", who="me")
    assert alarms_of_alerts(store) == []
