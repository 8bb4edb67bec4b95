"""What people and timers do with the store: replay, purge, audit, cursors, cleaning up after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from sr2fhir.errors import UsageError
from sr2fhir.gateway.store import records
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.events import History
from sr2fhir.gateway.store.files import Files
from sr2fhir.gateway.store.leases import FREE
from sr2fhir.gateway.store.tables import audit, cursors, deliveries, objects
from sr2fhir.jsontext import JsonObject

# objects that are looked at in one transaction
PAGE = 500


class People:
    """What is done by hand, or at times."""

    def __init__(self, database: Database, files: Files, history: History) -> None:
        self._database, self._files, self._history = database, files, history

    def replay(self, object_ids: Sequence[int], state: str | None, destination: str | None, who: str) -> int:
        """Have objects transformed and delivered again, or only delivered to one destination.

        Never one in whose place another of the same UID counts: it would be delivered over that.
        """
        if not (object_ids or state or destination):
            raise UsageError("it is not said what to replay", hint="Give numbers, a state, or a destination")
        chosen: list[sa.ColumnElement[bool]] = [objects.c.state != records.SUPERSEDED]
        if object_ids:
            chosen.append(objects.c.id.in_(object_ids))
        if destination:
            of_delivery: list[sa.ColumnElement[bool]] = [
                deliveries.c.object_id == objects.c.id,
                deliveries.c.destination == destination,
            ]
            if state:
                of_delivery.append(deliveries.c.state == state)
            elif not object_ids:
                of_delivery.append(deliveries.c.state.in_((records.DEAD, records.WAITING)))
            chosen.append(sa.exists().where(*of_delivery))
        elif state:
            chosen.append(objects.c.state == state)
        with self._database.write() as connection:
            found = list(connection.execute(sa.select(objects.c.id).where(*chosen)).scalars())
            for object_id in found:
                self._again(connection, object_id, destination)
                self._history.add(connection, object_id, "replayed", destination=destination)
                self._note(connection, who, "replay", object_id)
        return len(found)

    def _again(self, connection: sa.Connection, object_id: int, destination: str | None) -> None:
        now = self._database.now
        fresh = {**FREE, "attempts": 0, "due": now, "changed": now, "reason": None, "hint": None}
        own = objects.c.id == object_id
        if destination is None:
            values = {**fresh, "state": records.RECEIVED, "deaths": 0}
            connection.execute(sa.update(objects).where(own).values(values))
            return
        there = sa.and_(deliveries.c.object_id == object_id, deliveries.c.destination == destination)
        connection.execute(sa.update(deliveries).where(there).values({**fresh, "state": records.PENDING}))
        connection.execute(sa.update(objects).where(own).values(reason=None, hint=None))
        self._history.restate(connection, object_id)

    def purge(self, before: float, states: Sequence[str], who: str) -> int:
        """Remove objects that are over and have not changed since a time, with all that is known of them.

        One that is dead at a destination, and on its way to another, is not over. What was sent stays: a
        later state of the same instance has to know it.
        """
        is_open = sa.exists().where(
            deliveries.c.object_id == objects.c.id, deliveries.c.state.in_(records.OPEN)
        )
        old = sa.and_(objects.c.state.in_(states), objects.c.changed < before, ~is_open)
        removed = 0
        while True:
            page = sa.select(objects.c.id, objects.c.digest).where(old).order_by(objects.c.id).limit(PAGE)
            with self._database.write() as connection:
                rows = connection.execute(page).all()
                if rows:
                    ids = [row.id for row in rows]
                    connection.execute(sa.delete(objects).where(objects.c.id.in_(ids)))
                    for object_id in ids:
                        self._note(connection, who, "purge", object_id)
            if not rows:
                return removed
            self._files.remove_results(row.id for row in rows)
            self._remove_unused([self._files.object(row.digest) for row in rows])
            removed += len(rows)

    def _remove_unused(self, files: Sequence[Path]) -> int:
        """Remove objects that have no row; while that is found out, no row is added."""
        with self._database.write("removing") as connection:
            digests = [file.stem for file in files]
            found = sa.select(objects.c.digest).where(objects.c.digest.in_(digests))
            used = set(connection.execute(found).scalars())
            unused = [file for file in files if file.stem not in used]
            for file in unused:
                file.unlink(missing_ok=True)
        return len(unused)

    def retire(self, known: Sequence[str], who: str) -> int:
        """Give up what is to go to destinations that are not known any more."""
        lost = sa.and_(deliveries.c.destination.not_in(known), deliveries.c.state.in_(records.OPEN))
        reason = "the settings name this destination no more"
        hint = "Name it again and replay, or purge what is dead"
        values = {
            **FREE,
            "state": records.DEAD,
            "reason": reason,
            "hint": hint,
            "changed": self._database.now,
        }
        with self._database.write() as connection:
            rows = connection.execute(sa.select(deliveries).where(lost)).all()
            for row in rows:
                connection.execute(sa.update(deliveries).where(deliveries.c.id == row.id).values(values))
                more = {"destination": row.destination, "reason": reason}
                self._history.add(connection, row.object_id, records.DEAD, **more)
                told = sa.update(objects).where(objects.c.id == row.object_id)
                connection.execute(told.values(reason=reason, hint=hint))
                self._history.restate(connection, row.object_id)
            if rows:
                self._note(connection, who, "retire", None)
        return len(rows)

    def sweep(self) -> int:
        """Remove files that were never acknowledged: what was being received, and objects without a row."""
        removed = 0
        for file in self._files.leftovers():
            file.unlink(missing_ok=True)
            removed += 1
        old = self._files.old_objects()
        while page := list(islice(old, PAGE)):
            removed += self._remove_unused(page)
        return removed

    def free_all(self) -> None:
        """Take all leases away, as if nothing had been claimed: the whole gateway has ended."""
        with self._database.write() as connection:
            for table in (objects, deliveries):
                values = {**FREE, "attempts": table.c.attempts - 1}
                connection.execute(sa.update(table).where(table.c.lease.is_not(None)).values(values))

    def note(self, who: str, action: str, object_id: int | None) -> None:
        """Write an entry of the audit trail."""
        with self._database.write() as connection:
            self._note(connection, who, action, object_id)

    def _note(self, connection: sa.Connection, who: str, action: str, object_id: int | None) -> None:
        row = {"time": self._database.now, "who": who, "action": action, "object_id": object_id}
        connection.execute(sa.insert(audit).values(row))

    def cursor(self, name: str) -> JsonObject | None:
        """Return what was kept under a name."""
        with self._database.read() as connection:
            found = connection.execute(sa.select(cursors.c.value).where(cursors.c.name == name)).scalar()
        return cast("JsonObject | None", found)

    def set_cursor(self, name: str, value: JsonObject) -> None:
        """Keep something under a name."""
        with self._database.write() as connection:
            own = sa.update(cursors).where(cursors.c.name == name).values(value=value)
            if not connection.execute(own).rowcount:
                connection.execute(sa.insert(cursors).values(name=name, value=value))
