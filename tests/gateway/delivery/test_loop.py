"""The loop of a destination, on a real store: what is due is tried, tried again, buried, or left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from sr2fhir.gateway.delivery import Backoff, DestinationLoop, DestinationPart
from sr2fhir.gateway.delivery.breaker import FAILURES, Breaker
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError
from sr2fhir.gateway.delivery.loop import Delivered
from sr2fhir.gateway.delivery.settings import Destination
from sr2fhir.gateway.parts import Check
from sr2fhir.gateway.store import Delivery, Failure, Made, Sent, Store
from sr2fhir.packaging import Packaging

from tests.engines.fake_server import Action, answer, serving
from tests.gateway.objects import accept, new_store, report

from .bundles import collection, patient, result, stored

FAST = Backoff(0.01, 0.05, 3)
CAPABLE = answer(
    {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "5.0.0",
        "rest": [{"mode": "server", "interaction": [{"code": "transaction"}], "resource": []}],
    }
)
BUNDLE = json.dumps(collection(patient(), result("one"))).encode()
GOOD = answer(stored("Patient/7", "Observation/one"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as made:
        yield made


def due(store: Store, *uids: str, patient: str = "P") -> list[int]:
    """Have deliveries made of objects, each of another patient."""
    receipts = [accept(store, report(uid, f"{patient}{uid}")) for uid in uids]
    while (job := store.claim_object()) is not None:
        store.transformed(job, Made({"R5": BUNDLE}, b"{}", b"{}", {}))
    return [receipt.object_id for receipt in receipts]


class Told:
    """Do as it is told with one delivery after the other; the last thing again and again."""

    def __init__(self, *actions: Callable[[], Delivered]) -> None:
        self.lacks = []
        self.actions = list(actions)
        self.sent: list[str] = []
        self.probes: list[float] = []
        self.probe_error: PostponedError | None = None

    def send(self, delivery: Delivery) -> Delivered:
        self.sent.append(delivery.sop_instance_uid)
        return (self.actions.pop(0) if len(self.actions) > 1 else self.actions[0])()

    def probe(self) -> None:
        self.probes.append(monotonic())
        if self.probe_error:
            raise self.probe_error

    def check(self) -> Iterator[Check]:
        yield Check("told", True, "well")

    def close(self) -> None: ...


def good() -> Delivered:
    return Delivered((Sent("Observation", "1", "1", "d", "urn:uuid:1"),), 200, "done")


def raising(error: Exception) -> Callable[[], Delivered]:
    def act() -> Delivered:
        raise error

    return act


def own(status: int = 500) -> PostponedError:
    return PostponedError(Failure(status, f"status {status}", None))


def whole() -> PostponedError:
    return PostponedError(Failure(None, "no server responds there", "Start it"), whole=True)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def run(
    store: Store, sender: Told, condition: Callable[[], bool], backoff: Backoff = FAST, parallel: int = 2
) -> DestinationLoop:
    loop = DestinationLoop("ehr", sender, store, parallel=parallel, backoff=backoff)
    loop.start()
    try:
        until(condition)
    finally:
        loop.stop(5)
    return loop


def state(store: Store, object_id: int) -> str:
    found = store.views.object(object_id)
    assert found is not None
    return str(found.row.state)


def test_what_is_due_is_delivered_and_remembered(store: Store) -> None:
    first, second = due(store, "1", "2")
    sender = Told(good)
    run(store, sender, lambda: state(store, first) == state(store, second) == "delivered")
    assert sorted(sender.sent) == ["2.25.1", "2.25.2"]
    assert len(sender.probes) == 1  # before the first
    assert store.sent_of("ehr", "2.25.1") == list(good().sent)
    assert store.cursor("breaker ehr") == {"state": "closed"}


def test_what_may_pass_is_tried_again(store: Store) -> None:
    (object_id,) = due(store, "1")
    sender = Told(raising(own()), raising(own(409)), good)
    loop = run(store, sender, lambda: state(store, object_id) == "delivered")
    assert len(sender.sent) == 3
    assert loop.alarms() == []


def test_what_fails_too_often_for_reasons_of_its_own_is_dead(store: Store) -> None:
    (object_id,) = due(store, "1")
    sender = Told(raising(own()))
    run(store, sender, lambda: state(store, object_id) == "dead")
    detail = store.views.object(object_id)
    assert detail is not None
    assert detail.deliveries[0].reason == "status 500 (3 tries)"
    assert len(sender.sent) == 3


def test_what_is_refused_is_dead_at_once_and_the_next_is_tried(store: Store) -> None:
    first, second = due(store, "1", "2")
    refused = RefusedError(Failure(422, "status 422: invalid", "Mend it"))
    sender = Told(raising(refused), good)
    run(store, sender, lambda: {state(store, first), state(store, second)} == {"dead", "delivered"})
    assert len(sender.sent) == 2


def test_a_destination_that_is_down_is_waited_for_and_nothing_dies(store: Store) -> None:
    first, second = due(store, "1", "2")
    sender = Told(good)
    sender.probe_error = whole()
    loop = DestinationLoop("ehr", sender, store, parallel=2, backoff=FAST)
    loop.start()
    until(lambda: len(sender.probes) > 5)
    (alarm,) = loop.alarms()
    assert (alarm.severity, alarm.where) == ("error", "destination ehr")
    assert alarm.message == "nothing is delivered: no server responds there. Start it"
    assert sender.sent == []
    assert state(store, first) == "transformed"
    sender.probe_error = None
    until(lambda: state(store, first) == state(store, second) == "delivered")
    assert loop.alarms() == []
    loop.stop(5)


def test_it_goes_down_in_the_middle(store: Store) -> None:
    (object_id,) = due(store, "1")
    sender = Told(raising(whole()), raising(whole()), raising(whole()), raising(whole()), good)
    run(store, sender, lambda: state(store, object_id) == "delivered", parallel=1)
    assert len(sender.sent) == 5  # more often than `tries`
    assert len(sender.probes) == 5


def test_an_error_of_ours_says_where_and_nothing_of_the_document(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    (object_id,) = due(store, "1")
    run(store, Told(raising(KeyError("Smith^Jane"))), lambda: state(store, object_id) == "dead")
    detail = store.views.object(object_id)
    assert detail is not None
    assert str(detail.deliveries[0].reason).startswith("unexpected KeyError at gateway/delivery/")
    assert "Smith" not in caplog.text


def test_a_store_that_fails_ends_no_thread(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from sr2fhir.gateway.delivery import loop as module
    from sr2fhir.gateway.store import BusyError

    (object_id,) = due(store, "1")
    claim, failures = store.claim_delivery, [1, 2]

    def failing(destination: str) -> Delivery | None:
        if failures:
            failures.pop()
            raise BusyError("the database cannot be reached", cause="database")
        return claim(destination)

    monkeypatch.setattr(module, "_WITHOUT_STORE_S", 0.01)
    monkeypatch.setattr(store, "claim_delivery", failing)
    run(store, Told(good), lambda: state(store, object_id) == "delivered")


def test_what_is_under_way_ends_before_it_stops(store: Store) -> None:
    (object_id,) = due(store, "1")
    begun: list[int] = []

    def slow() -> Delivered:
        begun.append(1)
        sleep(0.3)
        return good()

    run(store, Told(slow), lambda: bool(begun))
    assert state(store, object_id) == "delivered"


# ---- back-off and breaker


def test_waits_double_vary_and_are_bounded() -> None:
    backoff = Backoff(1.0, 60.0)
    for failures, most in ((1, 1), (2, 2), (5, 16), (7, 60), (10_000, 60)):
        waits = [backoff.wait_s(failures) for _ in range(50)]
        assert all(most / 2 <= each <= most for each in waits)
        assert len(set(waits)) > 1
    assert backoff.wait_s(1, 120.0) == 120.0


def breaker() -> Breaker:
    made = Breaker(lambda openings, asked: asked or 0.05 * openings)
    assert made.is_probe_due()
    made.probed()
    return made


FAILURE = Failure(500, "because", None)


def test_the_breaker_opens_after_some_failures_in_a_row() -> None:
    made = breaker()
    for _ in range(FAILURES - 1):
        made.failed(FAILURE)
    made.succeeded()
    for _ in range(FAILURES - 1):
        made.failed(FAILURE)
    assert (made.state, made.wait_s(), made.broken) == ("closed", 0.0, None)
    made.failed(FAILURE)
    assert made.state == "open"
    assert made.wait_s() > 0
    assert made.broken is not None


def test_one_thread_probes_and_the_others_wait() -> None:
    made = breaker()
    made.failed(FAILURE, at_once=True)
    assert not made.is_probe_due()
    until(lambda: made.state == "half-open")
    assert [made.is_probe_due() for _ in range(3)] == [True, False, False]
    assert made.wait_s() > 0
    made.open(FAILURE)
    assert made.state == "open"
    until(made.is_probe_due)
    made.probed()
    assert (made.state, made.broken) == ("closed", None)
    # one more failure is enough until something has gone well
    made.failed(FAILURE)
    assert made.state == "open"


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    made = breaker()
    made.failed(FAILURE, 30.0, at_once=True)
    assert 29 < made.wait_s() <= 30


# ---- with a server


def part(store: Store, url: str, **settings: object) -> DestinationPart:
    destination = Destination("ehr", url=url, after_s=0.01, after_at_most_s=0.05, timeout_s=20, **settings)  # type: ignore[arg-type]
    return DestinationPart(destination, store, Packaging())


@pytest.mark.parametrize(
    "statement",
    [
        answer(b"<html>", 200, "text/html"),
        answer({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}),
        answer({"resourceType": "Patient"}),
        answer(b"", 401),
        answer(b"", 404),
    ],
)
def test_nothing_is_sent_to_what_is_no_such_server(store: Store, statement: Action) -> None:
    (object_id,) = due(store, "1")
    with serving(statement) as server:
        loop = part(store, server.url)
        loop.start()
        until(lambda: len(server.requests) > 2)
        loop.stop(5)
    assert {request.line for request in server.requests} == {"GET /metadata HTTP/1.1"}
    assert [alarm.severity for alarm in loop.alarms()] == ["error"]
    assert state(store, object_id) == "transformed"
    assert [check.ok for check in loop.check()] == [False]


def test_from_the_store_to_the_server(store: Store) -> None:
    (object_id,) = due(store, "1")
    with serving(
        CAPABLE, answer(b"", 503), CAPABLE, answer(b"", 429, Retry_After="0"), CAPABLE, GOOD
    ) as server:
        loop = part(store, server.url)
        loop.start()
        until(lambda: state(store, object_id) == "delivered")
        loop.stop(5)
    lines = [request.line.split()[0] for request in server.requests]
    assert lines == ["GET", "POST", "GET", "POST", "GET", "POST"]
    assert [(each.type, each.id) for each in store.sent_of("ehr", "2.25.1")] == [("Observation", "one")]
    with serving(CAPABLE) as server:
        # a replay of the same sends nothing
        store.replay(objects=[object_id], destination="ehr", who="test")
        loop = part(store, server.url)
        loop.start()
        until(lambda: state(store, object_id) == "delivered")
        loop.stop(5)
    assert [request.line for request in server.requests] == ["GET /metadata HTTP/1.1"]


def test_patients_who_are_not_there_yet_keep_nobody_else_waiting(store: Store) -> None:
    due(store, *(str(number) for number in range(1, FAILURES + 3)))
    sender = Told(*[raising(own(200)) for _ in range(FAILURES + 1)], good)
    run(store, sender, lambda: store.views.counts()["delivered"] == FAILURES + 2, Backoff(0.01, 0.05, 20), 1)
    assert len(sender.probes) == 1
