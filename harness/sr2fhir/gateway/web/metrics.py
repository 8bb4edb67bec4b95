"""Figures for a monitor, in the text format of Prometheus.

Counters and histograms follow the history of the store, event by event, from the start of this process on:
they never go back, also when the store is purged. What is now is read when it is asked for. Nodes that
share a store each tell the same of it: take the maximum over the nodes, not the sum.

No label holds what a report or a person states.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psutil
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store
    from sr2fhir.gateway.store.views import EventRow
    from sr2fhir.gateway.web.pages import Alarms

BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 86400.0)
#: what may come of an attempt to deliver
ENDS = ("delivered", "waiting", "dead", "superseded")
BREAKERS = ("closed", "half-open", "open")
PAGE = 1000


class Metrics:
    """Serve the figures.

    Parameters
    ----------
    store, alarms
        Of the gateway.
    """

    def __init__(self, store: Store, alarms: Alarms) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._last = store.views.last_event()
        registry = self._registry = CollectorRegistry()
        self._received = Counter(
            "sr2fhir_received", "Reports that were accepted", ["intake"], registry=registry
        )
        self._events = Counter(
            "sr2fhir_events",
            "Changes of state of reports",
            ["state"],
            registry=registry,
        )
        self._deliveries = Counter(
            "sr2fhir_deliveries",
            "Attempts to deliver, by what came of them and by HTTP status",
            ["destination", "state", "status"],
            registry=registry,
        )
        self._latency = Histogram(
            "sr2fhir_latency_seconds",
            "Time from the acceptance of a report (transform, total) or its transformation (deliver)",
            ["stage"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        registry.register(Present(store, alarms))

    async def __call__(self, _: Request) -> Response:
        """Write all figures."""
        text = await run_in_threadpool(self._text)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _text(self) -> bytes:
        with self._lock:
            while events := self._store.views.events_after(self._last, limit=PAGE):
                for event in events:
                    self._count(event)
                self._last = events[-1].id
        return generate_latest(self._registry)

    def _count(self, event: EventRow) -> None:
        if event.destination and event.what in ENDS:
            status = str(event.status or "")
            self._deliveries.labels(event.destination, event.what, status).inc()
            if event.what == "delivered":
                self._latency.labels("total").observe(event.time - event.received)
                if event.transformed:
                    self._latency.labels("deliver").observe(event.time - event.transformed)
            return
        if event.destination:
            return
        self._events.labels(event.what).inc()
        if event.what == "received":
            self._received.labels(event.intake).inc()
        if event.what == "transformed":
            self._latency.labels("transform").observe(event.time - event.received)


class Present(Collector):
    """Read what is now: depth, age, breakers, alerts, alarms, memory."""

    def __init__(self, store: Store, alarms: Alarms) -> None:
        self._views = store.views
        self._alarms = alarms

    def describe(self) -> list[Metric]:
        """Name nothing: so that registering reads nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the figures."""
        depth = GaugeMetricFamily("sr2fhir_reports", "Reports in the store", labels=["state"])
        for state, count in self._views.counts().items():
            depth.add_metric([state], count)
        yield depth
        oldest = self._views.oldest_waiting()
        text = "Age of the oldest report that is neither delivered nor dead; 0 if there is none"
        yield GaugeMetricFamily(
            "sr2fhir_oldest_seconds", text, value=self._views.now() - oldest if oldest else 0
        )
        yield from self._destinations()
        alerts = GaugeMetricFamily("sr2fhir_alerts", "Alerts in the store", labels=["rule", "mode"])
        for (rule, mode), count in self._views.alert_counts().items():
            alerts.add_metric([rule, mode], count)
        yield alerts
        text = "Live alerts in the store that did not arrive somewhere"
        yield GaugeMetricFamily("sr2fhir_dead_alerts", text, value=self._views.dead_alerts()[0])
        yield from self._alarmed()
        yield memory()

    def _destinations(self) -> Iterator[Metric]:
        queue = GaugeMetricFamily(
            "sr2fhir_destination_deliveries", "Deliveries in the store", labels=["destination", "state"]
        )
        breaker = GaugeMetricFamily(
            "sr2fhir_breaker",
            "Circuit breaker: 1 at the state that it is in",
            labels=["destination", "state"],
        )
        for each in self._views.destinations():
            for state in ("waiting", "delivered", "dead"):
                queue.add_metric([each.name, state], getattr(each, state))
            for state in BREAKERS if each.breaker else ():
                breaker.add_metric([each.name, state], state == each.breaker)
        yield queue
        yield breaker

    def _alarmed(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("sr2fhir_alarms", "What is wrong now", labels=["severity"])
        found = [alarm.severity for alarm in self._alarms()]
        for severity in ("warning", "error"):
            family.add_metric([severity], found.count(severity))
        yield family


def memory() -> Metric:
    """Measure the resident memory of this process and of those that it started, by kind."""
    family = GaugeMetricFamily(
        "sr2fhir_memory_bytes", "Resident memory of the process tree", labels=["process"]
    )
    main = psutil.Process()
    used = {"main": main.memory_info().rss, "worker": 0, "java": 0}
    for child in main.children(recursive=True):
        try:
            kind = "java" if child.name().startswith("java") else "worker"
            used[kind] += child.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    for kind, size in used.items():
        family.add_metric([kind], size)
    return family
