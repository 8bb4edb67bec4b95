"""Accept an object: its file is on disk and its row committed before this returns."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa

from sr2fhir.errors import InputError
from sr2fhir.gateway.store import records
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.events import History
from sr2fhir.gateway.store.files import Files, digest_of, refusal
from sr2fhir.gateway.store.header import Header, patient_key, read_header
from sr2fhir.gateway.store.records import BusyError, Origin, Receipt
from sr2fhir.gateway.store.tables import deliveries, objects, predecessors
from sr2fhir.runs.jobs import INSERT

# Turns lie so far apart: a successor that came first is moved between its predecessor and the next object.
TURN = 1024
# How long the length of the queue is taken for what it was.
COUNT_S = 1.0
SAME_UID = "same-uid"
LATE_PREDECESSOR = "late-predecessor"


class Accepting:
    """Take objects in.

    Parameters
    ----------
    queue_limit
        How many objects may be under way.
    """

    def __init__(self, database: Database, files: Files, history: History, queue_limit: int) -> None:
        self._database, self._files, self._history = database, files, history
        self._queue_limit = queue_limit
        self._salt = database.salt()
        self._counted, self._under_way = float("-inf"), 0
        self._lock = Lock()

    def check(self) -> None:
        """See that an object could be taken now.

        Raises
        ------
        BusyError
            The disk or the queue is too full, or the database cannot be reached.
        """
        self._files.check()
        self._database.check_present()
        with self._lock:
            if time.monotonic() - self._counted > COUNT_S:
                self._under_way = self._count()
                self._counted = time.monotonic()
            if self._under_way >= self._queue_limit:
                message = f"{self._under_way:,} objects are under way, and {self._queue_limit:,} may be"
                hint = "See what they wait for (sr2fhir gateway status), or raise queue_limit in [gateway]"
                raise BusyError(message, cause="queue", hint=hint)

    def _count(self) -> int:
        under_way = objects.c.state.in_(records.UNDER_WAY)
        counted = sa.select(sa.func.count()).select_from(objects).where(under_way)
        with self._database.read() as connection:
            return connection.execute(counted).scalar_one()

    def accept(self, file: Path, origin: Origin) -> Receipt:
        """Take an object in; the file is moved, or removed."""
        try:
            self.check()
            header = read_header(file)
            digest = digest_of(file)
            known = self._known(header, digest)
            if known is None:
                self._files.keep(file, digest)
                known = self._enter(header, digest, origin)
            return known
        except InputError as error:
            error.source = None  # the name of the file says nothing to anybody
            raise
        except OSError as error:
            raise refusal(error, self._files.folder) from None
        finally:
            file.unlink(missing_ok=True)

    def _known(self, header: Header, digest: str) -> Receipt | None:
        """Find the object, if it was accepted before."""
        same = sa.and_(objects.c.sop_instance_uid == header.sop_instance_uid, objects.c.digest == digest)
        with self._database.read() as connection:
            found = connection.execute(sa.select(objects.c.id).where(same)).scalar()
        return None if found is None else _receipt(found, header, is_new=False)

    def _enter(self, header: Header, digest: str, origin: Origin) -> Receipt:
        """Write the row of an object whose file is in its place."""
        now = self._database.now
        row: dict[str, Any] = {
            "digest": digest,
            "sop_instance_uid": header.sop_instance_uid,
            "sop_class_uid": header.sop_class_uid,
            "study_instance_uid": header.study_instance_uid,
            "patient": patient_key(header.patient, self._salt),
            "content_time": header.content_time,
            "turn": 0,
            **origin._asdict(),
            **dict.fromkeys(("received", "changed", "due"), now),
            "state": records.RECEIVED,
            "attempts": 0,
            "deaths": 0,
        }
        with self._database.write("adding") as connection:
            if not self._files.object(digest).is_file():  # removed just now, as the rest of an older one
                message = "the file of the object is gone"
                raise BusyError(message, cause="disk", where=str(self._files.folder), hint="Send it again")
            new = INSERT[self._database.dialect](objects).values(row).on_conflict_do_nothing()
            object_id = connection.execute(new.returning(objects.c.id)).scalar()
            if object_id is None:  # another association brought the same one at the same time
                same = objects.c.sop_instance_uid == header.sop_instance_uid
                found = sa.select(objects.c.id).where(same, objects.c.digest == digest)
                return _receipt(connection.execute(found).scalar_one(), header, is_new=False)
            connection.execute(
                sa.update(objects).where(objects.c.id == object_id).values(turn=object_id * TURN)
            )
            self._history.add(connection, object_id, records.RECEIVED)
            self._order(connection, object_id, header)
            self._settle(connection, object_id, header)
        with self._lock:
            self._under_way += 1
        return _receipt(object_id, header, is_new=True)

    def _order(self, connection: sa.Connection, object_id: int, header: Header) -> None:
        """Note the predecessors, and move successors that came first behind this one."""
        for uid in header.predecessors:
            if uid != header.sop_instance_uid:
                row = {"object_id": object_id, "sop_instance_uid": uid}
                connection.execute(sa.insert(predecessors).values(row))
        moved = {object_id}
        uids, turn = {header.sop_instance_uid}, object_id * TURN
        while uids:
            followers = (
                sa.select(objects.c.id, objects.c.sop_instance_uid, objects.c.state)
                .join(predecessors, predecessors.c.object_id == objects.c.id)
                .where(predecessors.c.sop_instance_uid.in_(uids), objects.c.id.not_in(moved))
            )
            found = connection.execute(followers).all()
            turn += 1
            for each in found:
                connection.execute(sa.update(objects).where(objects.c.id == each.id).values(turn=turn))
                if each.state == records.DELIVERED:
                    message = "its predecessor was received after it was delivered"
                    self._history.find(connection, each.id, LATE_PREDECESSOR, message)
            moved |= {each.id for each in found}
            uids = {each.sop_instance_uid for each in found}

    def _settle(self, connection: sa.Connection, object_id: int, header: Header) -> None:
        """Where the same UID is there with other content, find out which of them counts.

        The newer one counts if it says so: by naming the other as predecessor, or by a later time of content.
        """
        others = sa.and_(objects.c.sop_instance_uid == header.sop_instance_uid, objects.c.id != object_id)
        found = connection.execute(
            sa.select(objects.c.id, objects.c.content_time, objects.c.state).where(others)
        )
        for other in found.all():
            is_newer = header.sop_instance_uid in header.predecessors or (
                header.content_time is not None
                and (other.content_time is None or header.content_time > other.content_time)
            )
            older, newer = (other.id, object_id) if is_newer else (object_id, other.id)
            why = "says that it is newer" if is_newer else "came first, and this one does not say it is newer"
            message = f"the same SOP Instance UID with other content: object {newer} counts, it {why}"
            for each in (other.id, object_id):
                self._history.find(connection, each, SAME_UID, message)
            self._supersede(connection, older, newer)

    def _supersede(self, connection: sa.Connection, older: int, newer: int) -> None:
        """Leave an object, and those of its deliveries that nobody has begun."""
        now = self._database.now
        idle = sa.or_(deliveries.c.lease.is_(None), deliveries.c.until < now)
        left = sa.and_(deliveries.c.object_id == older, deliveries.c.state.in_(records.OPEN), idle)
        connection.execute(sa.update(deliveries).where(left).values(state=records.SUPERSEDED, changed=now))
        reason = f"object {newer} has the same SOP Instance UID and counts"
        values = {"state": records.SUPERSEDED, "changed": now, "reason": reason, "hint": None}
        own = sa.and_(objects.c.id == older, objects.c.state != records.SUPERSEDED)
        if connection.execute(sa.update(objects).where(own).values(values)).rowcount:
            self._history.add(connection, older, records.SUPERSEDED, reason=reason)


def _receipt(object_id: int, header: Header, *, is_new: bool) -> Receipt:
    return Receipt(object_id, is_new, header.sop_instance_uid, header.sop_class_uid)
