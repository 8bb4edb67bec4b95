"""The store: what was accepted, what became of it, and where it was sent.

::

    intake ─▶ accepting (header, files, objects) ─▶ queue ─▶ worker
                                                     │
                     views ◀── all tables            ▼
                                                  sending ─▶ destinations

Files lie in the folder of the gateway, rows in its database (`database`): SQLite in the same folder, or
PostgreSQL for several nodes that share the folder. A row is written only when its file is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from sr2fhir.errors import Sr2FhirError
from sr2fhir.gateway.store import records
from sr2fhir.gateway.store.accepting import Accepting
from sr2fhir.gateway.store.database import Database
from sr2fhir.gateway.store.events import History
from sr2fhir.gateway.store.files import Files
from sr2fhir.gateway.store.header import Header, read_header
from sr2fhir.gateway.store.leases import LEASE_S, Leases
from sr2fhir.gateway.store.people import People
from sr2fhir.gateway.store.queue import Queue
from sr2fhir.gateway.store.records import (
    AlertMade,
    BusyError,
    Delivery,
    Failure,
    Job,
    Made,
    Origin,
    Receipt,
    Route,
    Sent,
)
from sr2fhir.gateway.store.sending import Sending
from sr2fhir.gateway.store.views import EventRow, Views
from sr2fhir.jsontext import JsonObject

__all__ = [
    "AlertMade",
    "BusyError",
    "Delivery",
    "EventRow",
    "Failure",
    "Header",
    "Job",
    "Made",
    "Origin",
    "Receipt",
    "Route",
    "Sent",
    "Store",
    "Views",
    "read_header",
]

LOW_DISK = 1 << 30
QUEUE_LIMIT = 100_000
TRIES = 3


class Store:
    """The store of a gateway; all methods may be called from any thread.

    Parameters
    ----------
    folder
        Of the gateway; it is made if it is not there.
    database
        URL of a PostgreSQL database; None for SQLite in the folder.
    routes
        Where results go. Only what transforms has to know.
    low_disk
        Bytes that have to stay free on the disk.
    queue_limit
        How many objects may be under way.
    tries
        How often an object is tried whose transformation the engine fails at.
    owner
        Name of this process in leases; by default one that no other has.
    upgrade
        Whether to lead older tables to the newest form; where there are none, they are made.
    lease_s
        Seconds after which what a process had is given to another, unless it says that it is still there.

    Raises
    ------
    UsageError
        The database cannot be one of a gateway, or its tables are those of another version.
    BusyError
        The folder or the database cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str | None = None,
        routes: Sequence[Route] = (),
        low_disk: int = LOW_DISK,
        queue_limit: int = QUEUE_LIMIT,
        tries: int = TRIES,
        owner: str | None = None,
        upgrade: bool = True,
        lease_s: float = LEASE_S,
    ) -> None:
        self._files = Files(folder, low_disk)
        self._database = Database(folder, database, upgrade=upgrade)
        history = History(self._database)
        self._leases = Leases(self._database, owner, lease_s)
        self._accepting = Accepting(self._database, self._files, history, queue_limit)
        self._queue = Queue(self._database, self._files, history, self._leases, routes, tries)
        self._sending = Sending(self._database, self._files, history, self._leases)
        self._people = People(self._database, self._files, history)
        self._heard: list[Callable[[], None]] = []
        self.views = Views(self._database, self._files, [route.destination for route in routes])

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Give back what was claimed, and close the database."""
        try:
            self._leases.close()
        except Sr2FhirError:  # the database is gone; the leases run out
            pass
        finally:
            self._database.close()

    # ---- intake

    def on_accepted(self, call: Callable[[], None]) -> None:
        """Have something called whenever an object was accepted by this process."""
        self._heard.append(call)

    def check(self) -> None:
        """See that an object could be taken now; cheap, for intakes to call before they read a body.

        Raises
        ------
        BusyError
            The disk or the queue is too full, or the database cannot be reached.
        """
        self._accepting.check()

    def incoming(self) -> Path:
        """Return the name of a new file, to receive an object straight to disk."""
        return self._files.incoming()

    def accept(self, file: Path, origin: Origin) -> Receipt:
        """Take an object in: when this returns, its file is on disk and its row is committed.

        Only its header is read. The file is moved or, whatever happens, removed. The same SOP Instance UID
        with the same bytes is one object. With other bytes it is another object, with a finding;
        the later one counts only if it says that it is newer: by its Predecessor Documents or its Content
        Date and Time.

        Parameters
        ----------
        file
            On the file system of the gateway's folder, as `incoming` names one.

        Raises
        ------
        InputError
            It is no DICOM, or its header cannot be read. Nothing is kept.
        BusyError
            It cannot be taken now. Nothing is kept.
        """
        receipt = self._accepting.accept(file, origin)
        for call in self._heard:
            call()
        return receipt

    # ---- workers

    def claim_object(self) -> Job | None:
        """Claim an object to transform it; None if there is none to do now."""
        return self._queue.claim()

    def transformed(self, job: Job, made: Made) -> None:
        """Keep results on disk, and make a delivery for each destination."""
        self._queue.transformed(job, made)

    def failed(self, job: Job, error: Sr2FhirError) -> None:
        """Record that an object was not transformed: an engine may fail some times, an input is dead."""
        self._queue.failed(job, error)

    def ended(self, owner: str) -> None:
        """Record that a worker ended; what it was at is tried again, or dead at the third time."""
        self._queue.ended(owner)

    # ---- destinations

    def claim_delivery(self, destination: str) -> Delivery | None:
        """Claim a delivery that is due; None if there is none.

        Never before an earlier one of the same patient or SOP Instance UID to the same destination is over,
        nor before one of its predecessors.
        """
        return self._sending.claim(destination)

    def delivered(
        self, delivery: Delivery, sent: Sequence[Sent], status: int | None, note: str | None = None
    ) -> None:
        """Record that a delivery arrived.

        Parameters
        ----------
        sent
            All that the destination has of this SOP Instance UID now.
        """
        self._sending.delivered(delivery, sent, status, note)

    def postpone(self, delivery: Delivery, after_s: float, error: Failure) -> None:
        """Record that a delivery failed and is to be tried again, within an hour at the latest."""
        self._sending.postpone(delivery, after_s, error)

    def dead(self, delivery: Delivery, error: Failure) -> None:
        """Record that a delivery failed for good, until somebody replays it."""
        self._sending.dead(delivery, error)

    def give_back(self, claimed: Job | Delivery) -> None:
        """Leave what was claimed to others, as if it had not been."""
        if isinstance(claimed, Job):
            self._queue.give_back(claimed)
        else:
            self._sending.give_back(claimed)

    def sent_of(self, destination: str, sop_instance_uid: str) -> list[Sent]:
        """Return what a destination has of an SOP Instance UID."""
        return self._sending.sent_of(destination, sop_instance_uid)

    def update_sent(self, destination: str, sop_instance_uid: str, sent: Sequence[Sent]) -> None:
        """Replace what a destination has of an SOP Instance UID, without a delivery of it."""
        self._sending.update_sent(destination, sop_instance_uid, sent)

    # ---- archives, and whoever has to remember something

    def cursor(self, name: str) -> JsonObject | None:
        """Return what was kept under a name."""
        return self._people.cursor(name)

    def set_cursor(self, name: str, value: JsonObject) -> None:
        """Keep something under a name, without patient data."""
        self._people.set_cursor(name, value)

    # ---- people

    def replay(
        self,
        *,
        objects: Sequence[int] = (),
        state: str | None = None,
        destination: str | None = None,
        who: str,
    ) -> int:
        """Do objects again; all that is given has to hold.

        Parameters
        ----------
        objects
            Their numbers.
        state
            Theirs, or with a destination that of the delivery.
        destination
            Deliver there again, and transform nothing. Alone it stands for what waits or is dead there.
        who
            For the audit trail.

        Returns
        -------
        int
            How many objects.
        """
        return self._people.replay(objects, state, destination, who)

    def purge(self, *, before: float, who: str, states: Sequence[str] = records.SETTLED) -> int:
        """Remove objects in some states that have not changed since a time; return how many."""
        return self._people.purge(before, states, who)

    def audit(self, who: str, action: str, object_id: int | None = None) -> None:
        """Write an entry of the audit trail."""
        self._people.note(who, action, object_id)

    # ---- the process tree

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may use the store."""
        return self._database.is_shared

    def retire(self, who: str) -> int:
        """Give up deliveries to destinations that the settings name no more; return how many."""
        return self._people.retire(self.views.routes, who)

    def recover(self) -> None:
        """Clean up what a crash left: files that were never acknowledged, and leases of who has ended.

        Due times that lie far ahead, of before the clock was set back, are brought near. To be called while
        no worker runs on this node.
        """
        self._leases.renew()
        if not self.is_shared:
            self._people.free_all()
        self.sweep()

    def sweep(self) -> int:
        """Remove files that were never acknowledged; return how many."""
        return self._people.sweep()
