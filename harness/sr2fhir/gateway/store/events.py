"""The history of an object, and the state that it has by its deliveries."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sr2fhir.gateway.store import records
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.tables import deliveries, events, findings, objects


class History:
    """Write what happens; within the transaction of what happens.

    Parameters
    ----------
    database
        Tells the time.
    """

    def __init__(self, database: Database) -> None:
        self._now = database.now

    def add(self, connection: sa.Connection, object_id: int, what: str, **more: Any) -> None:
        """Write an event; `more` are destination, status and reason."""
        connection.execute(sa.insert(events).values(time=self._now, object_id=object_id, what=what, **more))

    def find(self, connection: sa.Connection, object_id: int, code: str, message: str) -> None:
        """Write a finding."""
        row = {"time": self._now, "object_id": object_id, "code": code, "message": message}
        connection.execute(sa.insert(findings).values(row))

    def restate(self, connection: sa.Connection, object_id: int) -> None:
        """Give an object the state that follows from its deliveries."""
        found = sa.select(deliveries.c.state).where(deliveries.c.object_id == object_id)
        state = state_by(set(connection.execute(found).scalars()))
        own = sa.and_(objects.c.id == object_id, objects.c.state != state)
        values: dict[str, Any] = {"state": state, "changed": self._now}
        if state == records.DELIVERED:
            values |= {"delivered": self._now, "reason": None, "hint": None}
        connection.execute(sa.update(objects).where(own).values(values))


def state_by(states: set[str]) -> str:
    """Return the state of an object that was transformed, by those of its deliveries."""
    if records.DEAD in states:
        return records.DEAD
    if records.WAITING in states:
        return records.WAITING
    if records.PENDING in states:
        return records.TRANSFORMED
    return records.SUPERSEDED if states == {records.SUPERSEDED} else records.DELIVERED
