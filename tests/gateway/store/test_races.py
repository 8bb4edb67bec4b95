"""Intakes that take objects of one UID, or a report and its successor, at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from pydicom.dataset import Dataset
from sr2fhir.gateway.store import Store

from tests.gateway.objects import accept, report, succeeding, transform_all
from tests.gateway.store.conftest import NewStore

ROUNDS = 20


def together(store: Store, *made: Dataset) -> None:
    """Have objects accepted by one thread each, at once."""
    barrier = Barrier(len(made))

    def take(each: Dataset) -> None:
        barrier.wait()
        accept(store, each)

    with ThreadPoolExecutor(len(made)) as threads:
        list(threads.map(take, made))


def test_of_two_contents_of_one_uid_that_come_at_once_one_counts(opened: NewStore) -> None:
    store = opened()
    for number in range(ROUNDS):
        both = [
            report(f"{number + 1}", text=text, ContentDate=day)
            for text, day in (("a", "20260101"), ("b", "20260102"))
        ]
        together(store, *both)
    assert store.views.counts()["superseded"] == ROUNDS


def test_a_report_and_its_successor_that_come_at_once_keep_their_order(opened: NewStore) -> None:
    store = opened()
    for number in range(1, ROUNDS + 1):
        first, second = (
            report(f"{number}0", f"A{number}"),
            succeeding(f"{number}1", f"{number}0", patient=f"B{number}"),
        )
        together(store, second, first)
    transform_all(store)
    came: list[str] = []
    while delivery := store.claim_delivery("ehr"):
        came.append(delivery.sop_instance_uid)
        store.delivered(delivery, (), 200)
    assert len(came) == 2 * ROUNDS
    for number in range(1, ROUNDS + 1):
        assert came.index(f"2.25.{number}0") < came.index(f"2.25.{number}1")
