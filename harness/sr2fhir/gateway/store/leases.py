"""Leases: whose a row is, until when.

Who claims a row holds it until it says what came of it. A thread renews the leases, whatever their holder is
at. When one has run out, its holder is taken for gone, and the row can be claimed again; should it come back,
its lease is not the one of the row any more, and what it says is not heard.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from sr2fhir.errors import Sr2FhirError
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.tables import deliveries, objects
from sr2fhir.threads import in_background

logger = logging.getLogger(__name__)

LEASE_S = 30.0
RENEWALS = 4
SHORTEST_S = 0.05
# No due time lies further ahead: where one does, the clock was set back.
LONGEST_DELAY_S = 3600.0
FREE: dict[str, Any] = {"lease": None, "owner": None, "until": None}


class Leases:
    """The leases of one process.

    Parameters
    ----------
    owner
        Name of the process.
    """

    def __init__(self, database: Database, owner: str | None = None, lease_s: float = LEASE_S) -> None:
        self.owner = owner or uuid4().hex
        self._database, self._lease_s = database, lease_s
        self._held: set[str] = set()
        self._lock = Lock()
        self._closed = Event()
        self._renewing: Future[None] | None = None

    def free(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Return the condition that a row may be claimed: it is due, and nobody has it."""
        unheld = sa.or_(table.c.lease.is_(None), table.c.until < self._database.now)
        return sa.and_(table.c.due <= self._database.now, unheld)

    def claimed(self, table: sa.Table) -> dict[str, Any]:
        """Return what makes a row ours; its lease is renewed from now on."""
        lease = uuid4().hex
        with self._lock:
            self._held.add(lease)
            if self._renewing is None:
                self._renewing = in_background(self._renew, "sr2fhir-leases")
        return {
            "lease": lease,
            "owner": self.owner,
            "until": self._database.now + self._lease_s,
            "attempts": table.c.attempts + 1,
        }

    def forget(self, lease: str) -> None:
        """Renew a lease no more."""
        with self._lock:
            self._held.discard(lease)

    @contextmanager
    def ending(self, lease: str) -> Iterator[None]:
        """Renew a lease no more when this is left; what could not be recorded is done again."""
        try:
            yield
        finally:
            self.forget(lease)

    def close(self) -> None:
        """Renew nothing more, and give back what is held."""
        self._closed.set()
        if self._renewing:
            self._renewing.result()
        with self._lock:
            held, self._held = list(self._held), set()
        if not held:
            return
        with self._database.write() as connection:
            for table in (objects, deliveries):
                given_back = {**FREE, "attempts": table.c.attempts - 1}
                connection.execute(sa.update(table).where(table.c.lease.in_(held)).values(given_back))

    def _renew(self) -> None:
        """Renew the leases until the store is closed; where the database is gone for a while, try again."""
        while not self._closed.wait(max(self._lease_s / RENEWALS, SHORTEST_S)):
            try:
                self.renew()
            except Sr2FhirError as error:
                logger.warning("leases cannot be renewed now: %s", error.message)

    def renew(self) -> None:
        """Renew all leases, and bring due times near that a step of the clock left far ahead."""
        with self._lock:
            held = list(self._held)
        now = self._database.now
        with self._database.write() as connection:
            for table in (objects, deliveries):
                if held:
                    ours = table.c.lease.in_(held)
                    connection.execute(sa.update(table).where(ours).values(until=now + self._lease_s))
                beyond = table.c.until > now + 2 * self._lease_s
                connection.execute(sa.update(table).where(beyond).values(until=now + self._lease_s))
                far = table.c.due > now + LONGEST_DELAY_S
                connection.execute(sa.update(table).where(far).values(due=now))
