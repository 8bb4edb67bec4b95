"""What pages, commands and metrics read of the store; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from sr2fhir.gateway.store import records
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.files import Files
from sr2fhir.gateway.store.tables import alerts, audit, cursors, deliveries, events, findings, objects

NEWEST = 5000
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BREAKER = "breaker "
"""Begins the name of the cursor in which a destination keeps the state of its circuit breaker."""

Stage = Literal["transform", "deliver", "total"]
AlertState = Literal["sent", "waiting", "dead", "superseded"]


class ObjectRow(NamedTuple):
    """An object in a list."""

    id: int
    state: str
    received: float
    changed: float
    intake: str
    peer: str
    sop_class_uid: str
    sop_instance_uid: str
    attempts: int
    reason: str | None
    hint: str | None


class Event(NamedTuple):
    """What happened to an object."""

    time: float
    what: str
    destination: str | None
    status: int | None
    reason: str | None


class EventRow(NamedTuple):
    """What happened to any object."""

    id: int
    time: float
    what: str
    object_id: int
    destination: str | None
    status: int | None
    intake: str
    received: float
    transformed: float | None


class DeliveryRow(NamedTuple):
    """A delivery of an object."""

    id: int
    destination: str
    kind: str
    state: str
    attempts: int
    due: float | None
    status: int | None
    reason: str | None
    hint: str | None
    changed: float


class Found(NamedTuple):
    """A finding of the store about an object."""

    time: float
    code: str
    message: str


class ObjectDetail(NamedTuple):
    """All that is known of an object.

    Parameters
    ----------
    file
        The object.
    results
        `report`, `outcome`, and the version of FHIR of each Bundle, with the files.
    """

    row: ObjectRow
    digest: str
    file: Path
    results: dict[str, Path]
    events: list[Event]
    deliveries: list[DeliveryRow]
    findings: list[Found]
    alerts: list[AlertRow]
    counts: dict[str, int]


class DestinationRow(NamedTuple):
    """A destination in numbers; `oldest` is when the oldest object was received that waits for it."""

    name: str
    waiting: int
    delivered: int
    dead: int
    oldest: float | None
    last_delivered: float | None
    breaker: str | None


class Rates(NamedTuple):
    """Objects that were accepted within the last minute, hour and day."""

    minute: int
    hour: int
    day: int


class AlertRow(NamedTuple):
    """An alert; its state is None in shadow mode."""

    object_id: int
    rule: str
    mode: str
    flag: str | None
    time: float
    state: AlertState | None


class AuditRow(NamedTuple):
    """Who did what."""

    id: int
    time: float
    who: str
    action: str
    object_id: int | None


_ROW = [objects.c[name] for name in ObjectRow._fields]
_EVENT = [events.c[name] for name in Event._fields]
_DELIVERY = [deliveries.c[name] for name in DeliveryRow._fields]


class Views:
    """Read the store.

    Parameters
    ----------
    routes
        Names of the destinations.
    """

    def __init__(self, database: Database, files: Files, routes: Sequence[str]) -> None:
        self._database, self._files = database, files
        self.routes = tuple(routes)

    def _all(self, statement: sa.Executable) -> list[Any]:
        with self._database.read() as connection:
            return list(connection.execute(statement).all())

    def _one(self, statement: sa.Executable) -> Any:
        with self._database.read() as connection:
            return connection.execute(statement).scalar()

    # ---- numbers

    def now(self) -> float:
        """Return the time by the clock of the database."""
        return float(self._one(sa.select(self._database.now)))

    def counts(self) -> dict[str, int]:
        """Count the objects in each state."""
        counted = sa.select(objects.c.state, sa.func.count()).group_by(objects.c.state)
        return dict.fromkeys(records.STATES, 0) | dict(self._all(counted))

    def oldest_waiting(self) -> float | None:
        """Tell when the oldest object was received that is still under way."""
        under_way = objects.c.state.in_(records.UNDER_WAY)
        oldest: float | None = self._one(sa.select(sa.func.min(objects.c.received)).where(under_way))
        return oldest

    def rates(self) -> Rates:
        """Count the objects that were accepted lately."""
        now = self._database.now
        counts = [sa.func.count().filter(objects.c.received > now - span) for span in (MINUTE, HOUR, DAY)]
        lately = sa.select(*counts).select_from(objects).where(objects.c.received > now - DAY)
        return Rates(*self._all(lately)[0])

    def received_by_intake(self) -> dict[str, int]:
        """Count the objects of each intake."""
        counted = sa.select(objects.c.intake, sa.func.count()).group_by(objects.c.intake)
        return dict(self._all(counted))

    def latencies(self, *, since: float) -> dict[Stage, list[float]]:
        """Return the seconds that objects took, of the newest that were delivered since a time."""
        times = (objects.c.received, objects.c.transformed, objects.c.delivered)
        newest = (
            sa.select(*times)
            .where(objects.c.received >= since, objects.c.transformed.is_not(None))
            .order_by(objects.c.received.desc())
            .limit(NEWEST)
        )
        rows = self._all(newest)
        done = [row for row in rows if row.delivered is not None]
        return {
            "transform": [row.transformed - row.received for row in rows],
            "deliver": [row.delivered - row.transformed for row in done],
            "total": [row.delivered - row.received for row in done],
        }

    # ---- objects

    def objects(
        self,
        *,
        state: str | None = None,
        intake: str | None = None,
        destination: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[ObjectRow]:
        """List objects, the newest first; `before` is the last number of the page before."""
        chosen: list[sa.ColumnElement[bool]] = []
        if state:
            chosen.append(objects.c.state == state)
        if intake:
            chosen.append(objects.c.intake == intake)
        if before is not None:
            chosen.append(objects.c.id < before)
        if destination:
            there = (deliveries.c.object_id == objects.c.id, deliveries.c.destination == destination)
            chosen.append(sa.exists().where(*there))
        rows = self._all(sa.select(*_ROW).where(*chosen).order_by(objects.c.id.desc()).limit(limit))
        return [ObjectRow(*row) for row in rows]

    def object(self, object_id: int) -> ObjectDetail | None:
        """Return all that is known of an object."""
        found = self._all(sa.select(objects).where(objects.c.id == object_id))
        if not found:
            return None
        row = found[0]
        of_it = {table: table.c.object_id == object_id for table in (events, deliveries, findings)}
        columns = [findings.c[name] for name in Found._fields]
        happened = self._all(sa.select(*_EVENT).where(of_it[events]).order_by(events.c.id))
        sendings = self._all(sa.select(*_DELIVERY).where(of_it[deliveries]).order_by(deliveries.c.id))
        noticed = self._all(sa.select(*columns).where(of_it[findings]).order_by(findings.c.id))
        return ObjectDetail(
            ObjectRow(*(getattr(row, name) for name in ObjectRow._fields)),
            row.digest,
            self._files.object(row.digest),
            {name: self._files.result(object_id, name) for name in row.results or ()},
            [Event(*each) for each in happened],
            [DeliveryRow(*each) for each in sendings],
            [Found(*each) for each in noticed],
            self._alerts(alerts.c.object_id == object_id),
            dict(row.counts or {}),
        )

    # ---- destinations

    def destinations(self) -> list[DestinationRow]:
        """Return the destinations of the settings, and those that ever had something to get."""
        is_open = deliveries.c.state.in_(records.OPEN)
        counts = [
            sa.func.count().filter(condition)
            for condition in (
                is_open,
                deliveries.c.state == records.DELIVERED,
                deliveries.c.state == records.DEAD,
            )
        ]
        ends = [
            sa.func.min(objects.c.received).filter(is_open),
            sa.func.max(deliveries.c.changed).filter(deliveries.c.state == records.DELIVERED),
        ]
        rows = self._all(
            sa.select(deliveries.c.destination, *counts, *ends)
            .join(objects, objects.c.id == deliveries.c.object_id)
            .group_by(deliveries.c.destination)
            .order_by(deliveries.c.destination)
        )
        breakers = self._breakers()
        known = {row.destination: row for row in rows}
        nothing = (0, 0, 0, None, None)
        return [
            DestinationRow._make((name, *(known[name][1:] if name in known else nothing), breakers.get(name)))
            for name in sorted({*known, *self.routes})
        ]

    def _breakers(self) -> dict[str, str | None]:
        rows = self._all(sa.select(cursors).where(cursors.c.name.startswith(BREAKER, autoescape=True)))
        return {row.name.removeprefix(BREAKER): row.value.get("state") for row in rows}

    def delivery_counts(self) -> dict[tuple[str, str], int]:
        """Count deliveries by destination, and by the status of the last response or their state."""
        columns = (deliveries.c.destination, deliveries.c.state, deliveries.c.status)
        rows = self._all(sa.select(*columns, sa.func.count()).group_by(*columns))
        counts: dict[tuple[str, str], int] = {}
        for destination, state, status, number in rows:
            key = destination, str(status or state)
            counts[key] = counts.get(key, 0) + number
        return counts

    # ---- alerts, history, audit

    def alerts(self, *, limit: int = 50) -> list[AlertRow]:
        """Return the newest alerts."""
        return self._alerts(limit=limit)

    def _alerts(self, *chosen: sa.ColumnElement[bool], limit: int | None = None) -> list[AlertRow]:
        columns = (alerts.c.object_id, alerts.c.rule, alerts.c.mode, alerts.c.flag, alerts.c.time)
        newest = sa.select(*columns).where(*chosen).order_by(alerts.c.id.desc()).limit(limit)
        rows = self._all(newest)
        states = self._states_of(row.object_id for row in rows)
        return [
            AlertRow._make(
                (*row, _alert_state(states.get(row.object_id, set())) if row.mode == "live" else None)
            )
            for row in rows
        ]

    def _states_of(self, object_ids: Iterable[int]) -> dict[int, set[str]]:
        """Return the states of the deliveries of each object."""
        ids = sorted(set(object_ids))
        columns = (deliveries.c.object_id, deliveries.c.state)
        states: dict[int, set[str]] = {}
        for object_id, state in self._all(sa.select(*columns).where(deliveries.c.object_id.in_(ids))):
            states.setdefault(object_id, set()).add(state)
        return states

    def alert_counts(self) -> dict[tuple[str, str], int]:
        """Count alerts by rule and mode."""
        columns = (alerts.c.rule, alerts.c.mode)
        return {
            (rule, mode): n
            for rule, mode, n in self._all(sa.select(*columns, sa.func.count()).group_by(*columns))
        }

    def dead_alerts(self) -> tuple[int, float | None]:
        """Count the live alerts of which somebody should have heard and did not; tell since when."""
        is_of_it = sa.and_(deliveries.c.object_id == alerts.c.object_id, deliveries.c.state == records.DEAD)
        counted = (
            sa.select(sa.func.count(alerts.c.id.distinct()), sa.func.min(deliveries.c.changed))
            .join(deliveries, is_of_it)
            .join(objects, objects.c.id == alerts.c.object_id)
            .where(alerts.c.mode == "live", objects.c.state != records.SUPERSEDED)
        )
        number, since = self._all(counted)[0]
        return number, since

    def last_event(self) -> int:
        """Return the number of the newest event; 0 if there is none."""
        return self._one(sa.select(sa.func.max(events.c.id))) or 0

    def events_after(self, event_id: int, limit: int = 1000) -> list[EventRow]:
        """Return what happened after an event, the oldest first."""
        columns = [events.c[name] for name in EventRow._fields[:6]]
        later = (
            sa.select(*columns, objects.c.intake, objects.c.received, objects.c.transformed)
            .join(objects, objects.c.id == events.c.object_id)
            .where(events.c.id > event_id)
            .order_by(events.c.id)
            .limit(limit)
        )
        return [EventRow(*row) for row in self._all(later)]

    def audit_entries(self, *, limit: int = 50, before: int | None = None) -> list[AuditRow]:
        """Return the newest entries of the audit trail; `before` as of `objects`."""
        chosen = [] if before is None else [audit.c.id < before]
        newest = sa.select(audit).where(*chosen).order_by(audit.c.id.desc()).limit(limit)
        return [AuditRow(*row) for row in self._all(newest)]


def _alert_state(states: set[str]) -> AlertState:
    """Return the state of an alert by those of the deliveries that carry it."""
    if records.DEAD in states:
        return "dead"
    if states & set(records.OPEN):
        return "waiting"
    return "superseded" if states == {records.SUPERSEDED} else "sent"
