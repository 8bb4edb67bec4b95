"""Claim deliveries in their order, and record what came of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sr2fhir.gateway.store import records
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.events import History
from sr2fhir.gateway.store.files import Files
from sr2fhir.gateway.store.leases import FREE, LONGEST_DELAY_S, Leases
from sr2fhir.gateway.store.records import Delivery, Failure, Sent
from sr2fhir.gateway.store.tables import deliveries, objects, predecessors, sent

logger = logging.getLogger(__name__)

# A notice waits so long for the first attempt to deliver the results that it speaks of.
RESULTS_FIRST_S = 60.0
_SENT = (sent.c.type, sent.c.resource_id, sent.c.version, sent.c.digest, sent.c.key)

_BEFORE = (
    sa.select(predecessors.c.sop_instance_uid)
    .join(objects, objects.c.id == predecessors.c.object_id)
    .where(objects.c.sop_instance_uid.in_(sa.bindparam("uids", expanding=True)))
)
_AFTER = (
    sa.select(objects.c.sop_instance_uid)
    .join(predecessors, predecessors.c.object_id == objects.c.id)
    .where(predecessors.c.sop_instance_uid.in_(sa.bindparam("uids", expanding=True)))
)


class Sending:
    """Deliveries to destinations."""

    def __init__(self, database: Database, files: Files, history: History, leases: Leases) -> None:
        self._database, self._files, self._history, self._leases = database, files, history, leases

    def claim(self, destination: str) -> Delivery | None:
        """Claim the delivery that is due first and has its turn; what failed before comes first."""
        for state in (records.WAITING, records.PENDING):
            turn = self._turn(destination, state)
            with self._database.read() as connection:
                if connection.execute(turn).first() is None:
                    continue
            with self._database.write() as connection:
                row = connection.execute(turn.with_for_update(skip_locked=True, of=deliveries)).first()
                if row is None:
                    continue
                before = self._line(connection, row.sop_instance_uid, _BEFORE)
                after = self._line(connection, row.sop_instance_uid, _AFTER) - before
                is_succeeded = self._is_there(connection, row, after)
                if is_succeeded and row.kind == records.NOTICE:
                    self._leave(connection, row)
                    continue
                claimed = self._leases.claimed(deliveries)
                connection.execute(sa.update(deliveries).where(deliveries.c.id == row.id).values(claimed))
                made = self._delivery(row, tuple(sorted(before)), claimed["lease"])
                return made._replace(is_succeeded=is_succeeded)
        return None

    @staticmethod
    def _line(connection: sa.Connection, uid: str, step: sa.Select[Any]) -> set[str]:
        """Return the SOP Instance UIDs of all predecessors or successors, near and far."""
        found: set[str] = set()
        new = {uid}
        while new:
            named = connection.execute(step, {"uids": sorted(new)}).scalars()
            new = set(named) - found - {uid}
            found |= new
        return found

    @staticmethod
    def _is_there(connection: sa.Connection, row: sa.Row[Any], uids: set[str]) -> bool:
        """Tell whether results of one of these are at the destination; for a notice, at any."""
        there = sa.and_(
            objects.c.sop_instance_uid.in_(sorted(uids)),
            deliveries.c.kind == records.BUNDLE,
            deliveries.c.state == records.DELIVERED,
            sa.or_(row.kind == records.NOTICE, deliveries.c.destination == row.destination),
        )
        joined = sa.select(deliveries.c.id).join(objects, objects.c.id == deliveries.c.object_id)
        return bool(uids) and connection.execute(joined.where(there).limit(1)).first() is not None

    def _leave(self, connection: sa.Connection, row: sa.Row[Any]) -> None:
        """Leave a notice of an alert that is over: nobody is told of it."""
        reason = "a successor of the report is there"
        values = {**FREE, "state": records.SUPERSEDED, "reason": reason, "changed": self._database.now}
        connection.execute(sa.update(deliveries).where(deliveries.c.id == row.id).values(values))
        more = {"destination": row.destination, "reason": reason}
        self._history.add(connection, row.object_id, records.SUPERSEDED, **more)
        self._give_state(connection, row.object_id, values)

    def _turn(self, destination: str, state: str) -> sa.Select[Any]:
        """Return what finds the next delivery in a state.

        Written so that the index by destination, state and due time is walked until the first one that fits.
        """
        of_object = (objects.c[name] for name in ("sop_instance_uid", "digest", "received", "results"))
        return (
            sa.select(deliveries, *of_object)
            .join(objects, objects.c.id == deliveries.c.object_id)
            .where(
                deliveries.c.destination == destination,
                deliveries.c.state == state,
                self._leases.free(deliveries),
                *(~first for first in self._come_first()),
            )
            .order_by(deliveries.c.due, deliveries.c.id)
            .limit(1)
        )

    def _delivery(self, row: sa.Row[Any], before: tuple[str, ...], lease: str) -> Delivery:
        bundle = report = outcome = None
        if row.kind == records.BUNDLE:
            own = f"{row.fhir}." if f"{row.fhir}.{records.REPORT}" in row.results else ""
            names = (row.fhir, own + records.REPORT, own + records.OUTCOME)
            bundle, report, outcome = (self._files.result(row.object_id, name) for name in names)
        return Delivery(
            row.id,
            row.object_id,
            row.destination,
            row.kind,
            row.sop_instance_uid,
            row.digest,
            bundle,
            row.payload,
            row.attempts + 1,
            row.received,
            before,
            report,
            outcome,
            lease,
        )

    def _come_first(self) -> Iterator[sa.Exists]:
        """Yield the conditions that another delivery comes first; each has an index.

        That is one of an object with an earlier turn, of the same patient, of the same SOP Instance UID or
        of a predecessor, to the same destination, which is not over or not made yet. For a notice it is the
        first attempt to deliver its results too. Turns are an order, so nothing waits in a circle.
        """
        earlier, others = objects.alias("earlier"), deliveries.alias("others")
        is_open = sa.exists().where(
            others.c.object_id == earlier.c.id,
            others.c.destination == deliveries.c.destination,
            others.c.state.in_(records.OPEN),
        )
        is_before = sa.and_(
            earlier.c.turn < objects.c.turn,
            earlier.c.state != records.DELIVERED,
            sa.or_(earlier.c.state == records.RECEIVED, is_open.correlate(earlier, deliveries)),
        )
        around = (objects, deliveries)
        yield sa.exists().where(earlier.c.patient == objects.c.patient, is_before).correlate(*around)
        same_uid = earlier.c.sop_instance_uid == objects.c.sop_instance_uid
        yield sa.exists().where(same_uid, is_before).correlate(*around)
        is_predecessor = (
            predecessors.c.object_id == objects.c.id,
            earlier.c.sop_instance_uid == predecessors.c.sop_instance_uid,
        )
        yield sa.exists().where(*is_predecessor, is_before).correlate(*around)
        results = deliveries.alias("results")
        untold = (
            deliveries.c.kind == records.NOTICE,
            results.c.object_id == deliveries.c.object_id,
            results.c.kind == records.BUNDLE,
            results.c.state == records.PENDING,
            results.c.changed > self._database.now - RESULTS_FIRST_S,
        )
        yield sa.exists().where(*untold).correlate(deliveries)

    def delivered(
        self, delivery: Delivery, state: Sequence[Sent], status: int | None, note: str | None
    ) -> None:
        """Record that a delivery arrived, and all that the destination has of it now."""
        values = {"state": records.DELIVERED, "status": status, "reason": note, "hint": None}
        with self._leases.ending(delivery.lease), self._database.write() as connection:
            if self._end(connection, delivery, values, status, note) and delivery.kind == records.BUNDLE:
                self._replace(connection, delivery.destination, delivery.sop_instance_uid, state)

    def postpone(self, delivery: Delivery, after_s: float, error: Failure) -> None:
        """Record that a delivery is to be tried again."""
        delay = min(max(after_s, 0.0), LONGEST_DELAY_S)
        values = {**error._asdict(), "state": records.WAITING, "due": self._database.now + delay}
        with self._leases.ending(delivery.lease), self._database.write() as connection:
            self._end(connection, delivery, values, error.status, error.reason)

    def dead(self, delivery: Delivery, error: Failure) -> None:
        """Record that a delivery is not tried again by itself."""
        values = {**error._asdict(), "state": records.DEAD}
        with self._leases.ending(delivery.lease), self._database.write() as connection:
            self._end(connection, delivery, values, error.status, error.reason)

    def give_back(self, delivery: Delivery) -> None:
        """Leave a delivery to others, as if it had not been claimed."""
        ours = sa.and_(deliveries.c.id == delivery.id, deliveries.c.lease == delivery.lease)
        values = {**FREE, "attempts": deliveries.c.attempts - 1}
        with self._leases.ending(delivery.lease), self._database.write() as connection:
            connection.execute(sa.update(deliveries).where(ours).values(values))

    def _end(
        self,
        connection: sa.Connection,
        delivery: Delivery,
        values: Mapping[str, Any],
        status: int | None,
        reason: str | None,
    ) -> bool:
        """Change a row if its lease is still ours, write the event, and give the object its state."""
        ours = sa.and_(deliveries.c.id == delivery.id, deliveries.c.lease == delivery.lease)
        changed = sa.update(deliveries).where(ours).values({**values, **FREE, "changed": self._database.now})
        if not connection.execute(changed).rowcount:
            logger.warning("delivery %d was taken from this process; its result is left", delivery.id)
            return False
        more = {"destination": delivery.destination, "status": status, "reason": reason}
        self._history.add(connection, delivery.object_id, str(values["state"]), **more)
        self._give_state(connection, delivery.object_id, values)
        return True

    def _give_state(self, connection: sa.Connection, object_id: int, values: Mapping[str, Any]) -> None:
        """Give the object its state; a superseded one keeps its own, whatever was under way."""
        found = connection.execute(sa.select(objects.c.state).where(objects.c.id == object_id)).scalar()
        if found in (records.SUPERSEDED, records.RECEIVED):
            return
        if values["state"] != records.DELIVERED:
            told = {"reason": values.get("reason"), "hint": values.get("hint")}
            connection.execute(sa.update(objects).where(objects.c.id == object_id).values(told))
        self._history.restate(connection, object_id)

    # ---- what a destination has

    def sent_of(self, destination: str, sop_instance_uid: str) -> list[Sent]:
        """Return what a destination has of an SOP Instance UID."""
        own = sa.and_(sent.c.destination == destination, sent.c.sop_instance_uid == sop_instance_uid)
        with self._database.read() as connection:
            rows = connection.execute(sa.select(*_SENT).where(own).order_by(sent.c.number)).all()
        return [Sent(*row) for row in rows]

    def update_sent(self, destination: str, sop_instance_uid: str, state: Sequence[Sent]) -> None:
        """Replace what a destination has of an SOP Instance UID."""
        with self._database.write() as connection:
            self._replace(connection, destination, sop_instance_uid, state)

    def _replace(
        self, connection: sa.Connection, destination: str, sop_instance_uid: str, state: Sequence[Sent]
    ) -> None:
        place = {"destination": destination, "sop_instance_uid": sop_instance_uid}
        own = sa.and_(*(sent.c[name] == value for name, value in place.items()))
        connection.execute(sa.delete(sent).where(own))
        rows = [
            {**place, "number": number, **each._asdict(), "resource_id": each.id}
            for number, each in enumerate(state)
        ]
        for row in rows:
            del row["id"]
        if rows:
            connection.execute(sa.insert(sent), rows)
