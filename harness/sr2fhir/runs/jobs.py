"""The table of jobs: what is to be done, who does it, and what came of it.

A row stands for one input. The table lies in an SQLite file in the folder of the results, or in any SQLite or
PostgreSQL database that is named by its URL and that several processes, also on several machines, share. What was
committed outlasts the end of the process at any moment.

::

    waiting ──claim──▶ leased ──record──▶ done | failed | refused
       ▲                 │ the lease runs out, or is released
       └─────────────────┘

A lease says until when a row belongs to its owner. It is renewed as results are recorded. An input whose owner
is gone can be claimed by anybody once the lease has run out. Times are those of the database.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    and_,
    create_engine,
    delete,
    event,
    func,
    literal_column,
    make_url,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from sr2fhir.errors import InputError, Sr2FhirError, UsageError
from sr2fhir.outcome import unexpected
from sr2fhir.runs.results import COUNTS, FileResult

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from sr2fhir.runs.results import Done

WAITING, LEASED, DONE, FAILED, REFUSED = "waiting", "leased", "done", "failed", "refused"
OVER = (DONE, FAILED, REFUSED)
FREE = {"state": WAITING, "owner": None, "until": None}
LEASE_S = 600.0
PAGE = 100
# row of the work that comes after the last input: it has neither a name nor a place among them
LAST = ("", -1)

jobs = Table(
    "jobs",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("queue", String, nullable=False),  # the folder of the results
    Column("input", String, nullable=False),  # its name, as found
    Column("number", Integer),  # place in the order of the inputs; none if this run has not come to it yet
    Column("options", String, nullable=False),  # digest of all that decides about results beside the input
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("owner", String),
    Column("until", Float),  # seconds since 1970
    Column("digest", String),  # SHA-256 of the input
    Column("output", String),  # where the Bundle or the OperationOutcome is
    Column("digests", JSON),  # SHA-256 of each output
    Column("counts", JSON),
    Column("error", JSON),  # class, where, message, hint
    UniqueConstraint("queue", "number"),
    Index("jobs_by_input", "queue", "input"),
    Index("jobs_by_state", "queue", "state"),
)

# How the dialects insert where a row may be there already, and how they tell the time.
INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
CLOCK = {
    "sqlite": "CAST(strftime('%s', 'now') AS REAL)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
}
# A log beside the file, so that recording need not wait for the disk, and the end of a process harms nothing.
PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL")


class Job(NamedTuple):
    """What the table says of one input."""

    id: int
    input: str
    number: int | None
    state: str
    attempts: int
    digest: str | None
    output: str | None
    digests: dict[str, str] | None
    counts: dict[str, int | None] | None
    error: dict[str, str | None] | None

    @property
    def is_over(self) -> bool:
        """Whether there is a result, good or bad."""
        return self.state in OVER

    @property
    def result(self) -> FileResult:
        """The counts, and why it failed."""
        error = self.error and Sr2FhirError(
            str(self.error["message"]), where=self.error["where"], hint=self.error["hint"]
        )
        return FileResult(self.input, self.output, **(self.counts or {}), error=error)  # type: ignore[arg-type]


_COLUMNS = [jobs.c[name] for name in Job._fields]


class Jobs:
    """The jobs of one queue.

    Parameters
    ----------
    url
        Of the database, `sqlite:///…` or `postgresql://…`; or the path of an SQLite file, which this process then
        has for itself.
    queue
        Name of what the jobs belong to.
    options
        Digest of all that decides about results beside the inputs. What was done with another one is done again.
    lease_s
        Seconds that a job belongs to its owner.

    Raises
    ------
    UsageError
        Another process has the file, the URL is none, or there is no driver for it.
    Sr2FhirError
        The database cannot be reached or written.
    """

    def __init__(self, url: str | Path, queue: str, options: str, *, lease_s: float = LEASE_S) -> None:
        self._file = url if isinstance(url, Path) else None
        self._url = make_url(f"sqlite:///{url}") if isinstance(url, Path) else url_of(url)
        self._queue, self._options, self._lease_s = queue, options, lease_s
        self.owner = uuid4().hex
        self._renewed = time.monotonic()
        self._here = jobs.c.queue == queue
        try:
            self._connection = self._connect()
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is missing", hint="pip install 'sr2fhir[postgresql]'") from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            if self._file is None or not is_damage(error):
                raise self._refusal(error) from error
            self._file.unlink()
            self._connection = self._connect()
        self._insert = INSERT[self._url.get_backend_name()]
        self._now: ColumnElement[float] = literal_column(CLOCK[self._url.get_backend_name()], Float)

    def _connect(self) -> Connection:
        """Open the database and make the table."""
        engine = create_engine(self._url, **self._arguments())
        if self._url.get_backend_name() == "sqlite":
            prepare_sqlite(engine, exclusive=self._file is not None)
        connection = engine.connect()
        try:
            with connection.begin():
                jobs.metadata.create_all(connection)
        except BaseException:
            connection.close()
            engine.dispose()
            raise
        return connection

    def _arguments(self) -> dict[str, Any]:
        if self._url.get_backend_name() != "sqlite":
            return {}
        return {"connect_args": {"timeout": 0 if self._file else 60}}

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Do all that is done within, or nothing."""
        try:
            with self._connection.begin():
                yield self._connection
        except SQLAlchemyError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: SQLAlchemyError | sqlite3.Error) -> Sr2FhirError:
        """Say why the table cannot be used, without the values that a statement had."""
        cause = getattr(error, "orig", None) or error
        reason = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
        if self._file is None:
            place, hint = (
                self._url.render_as_string(),
                "See that the database is there and that you may write to it",
            )
        else:
            place, hint = str(self._file.parent), "See that there is room and that the folder is yours"
            if reason == "SQLITE_BUSY":
                return in_use(str(self._file.parent.parent))
        return Sr2FhirError(f"the record of the run cannot be written ({reason})", where=place, hint=hint)

    # ---- a run

    def begin(self, *, resume: bool) -> bool:
        """Begin a run, go on with one that was interrupted, or join one that others work on.

        Parameters
        ----------
        resume
            Whether to keep what is recorded, or to join. What failed is tried again.

        Returns
        -------
        bool
            Whether nobody else is at it.

        Raises
        ------
        UsageError
            Others work on it, and it is not to be resumed or has other options.
        """
        with self._transaction() as connection:
            others = select(jobs.c.options).where(
                self._here, jobs.c.state == LEASED, jobs.c.until > self._now
            )
            found = None if self._file else connection.execute(others.limit(1)).scalar()
            if found is not None:
                if resume and found == self._options:
                    return False
                raise in_use(self._queue)
            # an SQLite file of ours: who had it has ended, and its leases with it
            gone = and_(self._here, jobs.c.number == LAST[1]) if resume else self._here
            stale = or_(~jobs.c.state.in_((WAITING, DONE)), jobs.c.options != self._options)
            connection.execute(delete(jobs).where(gone))
            connection.execute(update(jobs).where(self._here).values(number=None))
            connection.execute(update(jobs).where(self._here, stale).values({**FREE, "attempts": 0}))
        return True

    def enter(self, name: str, number: int) -> Job:
        """Enter an input, unless there is a row for it, and return the row as it was found or made.

        Parameters
        ----------
        number
            Its place in the order of the inputs; the same name can have several places. In a row that was found it
            is None where only a run that was interrupted has worked on it.

        Raises
        ------
        UsageError
            Another process has another input in this place.
        """
        known = select(*_COLUMNS).where(
            self._here, jobs.c.input == name, or_(jobs.c.number.is_(None), jobs.c.number == number)
        )
        values = {
            "queue": self._queue,
            "input": name,
            "number": number,
            "options": self._options,
            "state": WAITING,
        }
        new = self._insert(jobs).values(values).on_conflict_do_nothing().returning(*_COLUMNS)
        with self._transaction() as connection:
            row = connection.execute(known.order_by(jobs.c.number, jobs.c.id).limit(1)).first()
            if row is not None and row.number is None:
                connection.execute(update(jobs).where(jobs.c.id == row.id).values(number=number))
            row = row or connection.execute(new).first() or connection.execute(known).first()
        if row is None:
            raise UsageError(
                "another run into this folder has other inputs",
                where=self._queue,
                hint="Give both the same inputs",
            )
        return Job(*row)

    def claim(self, limit: int = 1, *, only: Job | None = None) -> list[Job]:
        """Take jobs that nobody has, the first ones in their order, or a certain one.

        Returns
        -------
        list of Job
            What is ours until the lease runs out; empty if there is none to be had.
        """
        free = or_(jobs.c.state == WAITING, and_(jobs.c.state == LEASED, jobs.c.until < self._now))
        wanted = select(jobs.c.id).where(
            self._here, free, jobs.c.id == only.id if only else jobs.c.number >= 0
        )
        # PostgreSQL passes over what another process is claiming at this moment; SQLite has one writer at a time
        chosen = wanted.order_by(jobs.c.number).limit(limit).with_for_update(skip_locked=True).cte()
        claimed = (
            update(jobs)
            .where(jobs.c.id.in_(select(chosen.c.id)))
            .values(
                state=LEASED,
                owner=self.owner,
                until=self._now + self._lease_s,
                attempts=jobs.c.attempts + 1,
                options=self._options,
            )
        )
        with self._transaction() as connection:
            rows = connection.execute(claimed.returning(*_COLUMNS)).all()
        return sorted((Job(*row) for row in rows), key=lambda job: job.number or 0)

    def look(self, job: Job) -> Job:
        """Return what the table says of a job now."""
        with self._transaction() as connection:
            return Job(*connection.execute(select(*_COLUMNS).where(jobs.c.id == job.id)).one())

    def reopen(self, job: Job) -> None:
        """Let a job be done again whose input or output is not what it was."""
        again = update(jobs).where(jobs.c.id == job.id, jobs.c.state == job.state).values(FREE)
        with self._transaction() as connection:
            connection.execute(again)

    def record(self, done: Done) -> None:
        """Record what became of a job of ours, and renew the leases of the others in time."""
        error = done.result.error
        values = {
            "state": DONE if error is None else REFUSED if isinstance(error, InputError) else FAILED,
            "digest": done.digest,
            "output": done.written.where,
            "digests": done.written.digests,
            "counts": {name: getattr(done.result, name) for name in (*COUNTS, "invalid")},
            "error": None if error is None else error_of(error),
        }
        ours = and_(self._here, jobs.c.owner == self.owner, jobs.c.state == LEASED)
        with self._transaction() as connection:
            connection.execute(update(jobs).where(ours, jobs.c.id == done.job).values(values))
            if time.monotonic() - self._renewed > self._lease_s / 4:
                connection.execute(update(jobs).where(ours).values(until=self._now + self._lease_s))
                self._renewed = time.monotonic()

    def finish(self, job: Job) -> None:
        """Record that a job of ours without an input is done."""
        with self._transaction() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job.id).values(state=DONE))

    def over(self) -> Iterator[Job]:
        """Read the jobs that have a result, in the order of the inputs, some at a time."""
        number = -1
        wanted = (
            select(*_COLUMNS).where(self._here, jobs.c.state.in_(OVER)).order_by(jobs.c.number).limit(PAGE)
        )
        while True:
            with self._transaction() as connection:
                rows = connection.execute(wanted.where(jobs.c.number > number)).all()
            yield from (Job(*row) for row in rows)
            if len(rows) < PAGE:
                return
            number = rows[-1].number

    def count(self, *states: str) -> int:
        """Count the jobs in certain states."""
        counted = select(func.count()).select_from(jobs).where(self._here, jobs.c.state.in_(states))
        with self._transaction() as connection:
            return connection.execute(counted).scalar_one()

    def close(self) -> None:
        """Give back what was claimed and not done, and close the database."""
        ours = and_(self._here, jobs.c.owner == self.owner, jobs.c.state == LEASED)
        try:
            with self._transaction() as connection:
                connection.execute(update(jobs).where(ours).values({**FREE, "attempts": jobs.c.attempts - 1}))
        finally:
            self._connection.close()
            self._connection.engine.dispose()


def prepare_sqlite(engine: Engine, *, exclusive: bool) -> None:
    """Have SQLite keep its log beside the file, begin transactions as writers, and if wanted lock the file."""

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # else Python would begin transactions, and later than we do
        for pragma in ("locking_mode = EXCLUSIVE", *PRAGMAS) if exclusive else PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_damage(error: Exception) -> bool:
    """Tell a file that is no database, or a damaged one, from one that cannot be used now."""
    cause = getattr(error, "orig", None) or error
    return isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.OperationalError)


def url_of(text: str) -> URL:
    """Read the URL of a database.

    Raises
    ------
    UsageError
        It is none, or of a kind that cannot be used.
    """
    try:
        url = make_url(text)
        known = url.get_backend_name() in INSERT
    except (ArgumentError, NoSuchModuleError):
        known = False
    if not known:
        raise UsageError(
            "not the URL of a database", hint="Give sqlite:///FILE or postgresql://USER@HOST/NAME"
        )
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def in_use(folder: str) -> UsageError:
    """Make the error for a folder that another run writes into."""
    return UsageError(
        "another run is writing into this folder",
        where=folder,
        hint="Wait for it to end, or name another folder with --out",
    )


def error_of(error: Exception) -> dict[str, str | None]:
    """Make of an error what the table keeps: it names no patient, as no message of ours does."""
    known = error if isinstance(error, Sr2FhirError) else None
    return {
        "class": type(error).__name__,
        "message": known.message if known else unexpected(error),
        "where": known and known.where,
        "hint": known and known.hint,
    }
