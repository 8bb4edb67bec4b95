"""Claim objects to transform them, and record what they became."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sr2fhir.errors import EngineError, NotStructuredReportError, Sr2FhirError, TemplateError
from sr2fhir.gateway.store import records
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.events import History
from sr2fhir.gateway.store.files import Files
from sr2fhir.gateway.store.leases import FREE, Leases
from sr2fhir.gateway.store.records import AlertMade, Job, Made, Origin, Route
from sr2fhir.gateway.store.tables import alerts, deliveries, objects

logger = logging.getLogger(__name__)

# An archive sends all its reports: those of other templates are no fault, and are counted apart.
_NOT_MEANT = (NotStructuredReportError, TemplateError)

# How often the process may end that works on an object, and how often one is claimed at all.
DEATHS, CLAIMS = 3, 12
DEATH_HINT = "Memory may have run out: give the gateway more, take fewer workers, or look at the report"
# seconds until an object is tried again: after the first failure, doubled with each
BACK_OFF_S, LONGEST_BACK_OFF_S = 5.0, 600.0


class Queue:
    """Objects on their way to results.

    Parameters
    ----------
    routes
        Where results go.
    tries
        How often an object is tried whose transformation the engine fails at.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        history: History,
        leases: Leases,
        routes: Sequence[Route],
        tries: int,
    ) -> None:
        self._database, self._files, self._history, self._leases = database, files, history, leases
        self._routes, self._tries = routes, tries

    def claim(self) -> Job | None:
        """Claim the oldest object that is due."""
        due = sa.and_(objects.c.state == records.RECEIVED, self._leases.free(objects))
        oldest = sa.select(objects).where(due).order_by(objects.c.id).limit(1)
        with self._database.read() as connection:
            if connection.execute(oldest).first() is None:
                return None
        with self._database.write() as connection:
            row = connection.execute(oldest.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            if row.attempts >= CLAIMS:
                self._bury(connection, row.id, f"it was begun {CLAIMS} times and never ended", DEATH_HINT)
                return None
            claimed = self._leases.claimed(objects)
            connection.execute(sa.update(objects).where(objects.c.id == row.id).values(claimed))
            file = self._files.object(row.digest)
            origin = Origin(row.intake, row.peer)
            attempts = row.attempts + 1
            return Job(
                row.id, row.id, file, row.digest, row.sop_instance_uid, attempts, origin, claimed["lease"]
            )

    def transformed(self, job: Job, made: Made) -> None:
        """Keep results, and make a delivery for each destination."""
        contents = {**made.bundles, records.REPORT: made.report, records.OUTCOME: made.outcome}
        for version, (report, outcome) in made.others.items():
            contents |= {f"{version}.{records.REPORT}": report, f"{version}.{records.OUTCOME}": outcome}
        self._files.write_results(job.object_id, contents)
        now = self._database.now
        values = {
            **FREE,
            "state": records.TRANSFORMED,
            "changed": now,
            "transformed": now,
            "attempts": 0,
            "deaths": 0,
            "reason": None,
            "hint": None,
            "counts": dict(made.counts),
            "results": sorted(contents),
        }
        with self._leases.ending(job.lease), self._database.write() as connection:
            if not self._is_ours(connection, job, values):
                return
            self._history.add(connection, job.object_id, records.TRANSFORMED)
            self._keep_alerts(connection, job.object_id, made.alerts)
            for route in self._routes:
                self._send(connection, job.object_id, route, made)
            self._history.restate(connection, job.object_id)

    def failed(self, job: Job, error: Sr2FhirError) -> None:
        """Record that an object was not transformed: dead, to be tried again, or not meant for us."""
        reason = f"{error.message} [{error.where}]" if error.where else error.message
        again = isinstance(error, EngineError | records.BusyError) and job.attempts < self._tries
        values: dict[str, Any] = {**FREE, "reason": reason, "hint": error.hint, "changed": self._database.now}
        if again:
            values["due"] = self._database.now + back_off(job.attempts)
        else:
            values["state"] = records.SKIPPED if isinstance(error, _NOT_MEANT) else records.DEAD
        with self._leases.ending(job.lease), self._database.write() as connection:
            if self._is_ours(connection, job, values):
                what = "failed" if again else values["state"]
                self._history.add(connection, job.object_id, what, reason=reason)

    def give_back(self, job: Job) -> None:
        """Leave an object to others, as if it had not been claimed."""
        with self._leases.ending(job.lease), self._database.write() as connection:
            self._is_ours(connection, job, {**FREE, "attempts": objects.c.attempts - 1})

    def ended(self, owner: str) -> None:
        """Record that a worker ended: what it was at is tried again, later than what did not have a turn."""
        had = sa.select(objects.c.id, objects.c.deaths).where(
            objects.c.owner == owner, objects.c.state == records.RECEIVED
        )
        with self._database.write() as connection:
            for row in connection.execute(had).all():
                deaths = row.deaths + 1
                if deaths >= DEATHS:
                    reason = f"the process working on this input ended {deaths} times"
                    self._bury(connection, row.id, reason, DEATH_HINT)
                    continue
                due = self._database.now + back_off(deaths)
                values = {**FREE, "deaths": deaths, "due": due}
                connection.execute(sa.update(objects).where(objects.c.id == row.id).values(values))
                self._history.add(connection, row.id, "failed", reason="the process working on it ended")
            freed = sa.update(deliveries).where(deliveries.c.owner == owner).values(FREE)
            connection.execute(freed)

    def _is_ours(self, connection: sa.Connection, job: Job, values: Mapping[str, Any]) -> bool:
        """Change a row if its lease is still ours; what somebody else has done counts."""
        ours = sa.and_(
            objects.c.id == job.object_id, objects.c.lease == job.lease, objects.c.state == records.RECEIVED
        )
        if connection.execute(sa.update(objects).where(ours).values(values)).rowcount:
            return True
        logger.warning("object %d was taken from this process; its result is left", job.object_id)
        return False

    def _bury(self, connection: sa.Connection, object_id: int, reason: str, hint: str) -> None:
        values = {**FREE, "state": records.DEAD, "changed": self._database.now}
        own = sa.update(objects).where(objects.c.id == object_id)
        connection.execute(own.values({**values, "reason": reason, "hint": hint}))
        self._history.add(connection, object_id, records.DEAD, reason=reason)

    def _keep_alerts(self, connection: sa.Connection, object_id: int, made: Sequence[AlertMade]) -> None:
        connection.execute(sa.delete(alerts).where(alerts.c.object_id == object_id))
        for alert in made:
            row = as_json(alert)
            del row["category"]  # it is that of the rule
            connection.execute(sa.insert(alerts).values(time=self._database.now, object_id=object_id, **row))

    def _send(self, connection: sa.Connection, object_id: int, route: Route, made: Made) -> None:
        """Make the deliveries to one destination; one that is there is begun anew."""
        now = self._database.now
        payloads: dict[str, Any] = {"": None}
        if route.kind == records.NOTICE:
            payloads = {str(alert.flag): as_json(alert) for alert in made.alerts if alert.mode == "live"}
        place = {"object_id": object_id, "destination": route.destination}
        own = sa.and_(*(deliveries.c[name] == value for name, value in place.items()))
        for about, payload in payloads.items():
            fresh: dict[str, Any] = {
                **FREE,
                "fhir": route.fhir,
                "payload": payload,
                "state": records.PENDING,
                "attempts": 0,
                "due": now,
                "changed": now,
                **dict.fromkeys(("status", "reason", "hint")),
            }
            known = sa.update(deliveries).where(own, deliveries.c.about == about).values(fresh)
            if not connection.execute(known).rowcount:
                new = {**place, "kind": route.kind, "about": about}
                connection.execute(sa.insert(deliveries).values(**new, **fresh))
        gone = sa.and_(own, deliveries.c.about.not_in(payloads), deliveries.c.state.in_(records.OPEN))
        left = {**FREE, "state": records.SUPERSEDED, "changed": now}
        connection.execute(sa.update(deliveries).where(gone).values(left))


def as_json(alert: AlertMade) -> dict[str, Any]:
    """Return an alert as its notice has it."""
    return {**alert._asdict(), "observations": list(alert.observations)}


def back_off(failures: int) -> float:
    """Return the seconds until something is tried again that failed so often."""
    return min(BACK_OFF_S * 2.0 ** max(failures - 1, 0), LONGEST_BACK_OFF_S)
