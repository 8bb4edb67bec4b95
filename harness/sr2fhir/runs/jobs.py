"""The table of jobs: what is to be done, who does it, and what came of it.

A row stands for one input. The table lies in an SQLite file in the folder of the results, or in a database
that is named by its URL and that several processes share: SQLite on one machine, PostgreSQL on several. What
was committed outlasts the end of the process at any moment.

::

    waiting ──claim──▶ leased ──record──▶ done | failed | refused
       ▲                 │ it is given back
       └─────────────────┘

A lease says until when a row belongs to its owner. A thread renews it, whatever the owner is at. When it has
run out, its owner is taken for gone, and any process can claim the row. Times are those of the database.

A row in the state `running` stands for a process that works on the run, whether it has a job just now or not;
in the state `ending`, for one that has no input left. The last of them does what comes after all inputs.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from sr2fhir.errors import InputError, Sr2FhirError, UsageError
from sr2fhir.outcome import unexpected
from sr2fhir.runs import COUNTS, LEASE_S, FileResult
from sr2fhir.threads import in_background

if TYPE_CHECKING:
    from sr2fhir.runs import Done

logger = logging.getLogger(__name__)

WAITING, LEASED, DONE, FAILED, REFUSED = "waiting", "leased", "done", "failed", "refused"
OVER = (DONE, FAILED, REFUSED)
# of a row that stands for a process and not for an input
RUNNING, ENDING = "running", "ending"
FREE = {"state": WAITING, "owner": None, "until": None}
DATABASE_HINT = "See that the database is there and that you may write to it"
PAGE = 100
# how long one waits for another process that is writing
PATIENCE_S = 60
# results that are committed together, and how long one waits for others
BATCH, BATCH_S = 32, 1.0
# row of the work that comes after the last input: it has neither a name nor a place among them
LAST = ("", -1)
# how often a lease is renewed before it would run out
RENEWALS = 4

jobs = sa.Table(
    "jobs",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    # the folder of the results, and the name of the input as found
    sa.Column("queue", sa.String, nullable=False),
    sa.Column("input", sa.String, nullable=False),
    # place in the order of the inputs; none if the run has not come to it yet
    sa.Column("number", sa.Integer),
    # digest of all that decides about results beside the input
    sa.Column("options", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    # who has it, until when: seconds since 1970
    sa.Column("owner", sa.String),
    sa.Column("until", sa.Float),
    # SHA-256 of the input; where the Bundle or the OperationOutcome is; SHA-256 of each output
    sa.Column("digest", sa.String),
    sa.Column("output", sa.String),
    sa.Column("digests", sa.JSON),
    sa.Column("counts", sa.JSON),
    # class, where, message, hint
    sa.Column("error", sa.JSON),
    sa.UniqueConstraint("queue", "number"),
    sa.Index("jobs_by_input", "queue", "input"),
    sa.Index("jobs_by_state", "queue", "state"),
)

# How the dialects insert where a row may be there already, and how they tell the time.
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
CLOCK = {
    "sqlite": "CAST(strftime('%s', 'now') AS REAL)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
}
# Of the lock under which processes make the table, begin and end, where the database does not let one write
# at a time anyway; any number that no other program uses.
LOCK = int.from_bytes(b"sr2fhir", "big")
# A log beside the file, so that recording need not wait for the disk, and the end of a process harms nothing.
PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL")


class Job(NamedTuple):
    """What the table says of one input."""

    id: int
    input: str
    number: int | None
    state: str
    owner: str | None
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
        Of the database, `sqlite:///…` or `postgresql://…`; or the path of an SQLite file, which this process
        then has for itself.
    queue
        Name of what the jobs belong to.
    options
        Digest of all that decides about results beside the inputs. What was done with another one is done
        again.
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
        # made of its parts: the name of a folder may hold what means something in a URL
        own = sa.URL.create("sqlite", database=str(url))
        self._url = own if self._file else url_of(str(url))
        self._queue, self._options, self._lease_s = queue, options, lease_s
        self.owner = uuid4().hex
        self._results: list[dict[str, Any]] = []
        self._committed = time.monotonic()
        self._is_new = self._is_late = False
        self._left = Event()
        self._renewing: Future[None] | None = None
        try:
            self._connection = self._connect()
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is missing", hint="pip install 'sr2fhir[postgresql]'") from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            if self._file is None or not is_damage(error):
                raise self._refusal(error) from error
            self._file.unlink()
            self._connection = self._connect()
        self._make_statements(self._url.get_backend_name())

    def _make_statements(self, dialect: str) -> None:
        """Make once what is executed for each input."""
        self._here = jobs.c.queue == self._queue
        self._now: sa.ColumnElement[float] = sa.literal_column(CLOCK[dialect], sa.Float)
        self._free = sa.or_(
            jobs.c.state == WAITING, sa.and_(jobs.c.state == LEASED, jobs.c.until < self._now)
        )
        self._ours = sa.and_(self._here, jobs.c.owner == self.owner)
        self._at_work = sa.and_(self._here, jobs.c.until > self._now)
        self._lease = {"owner": self.owner, "until": self._now + self._lease_s, "attempts": 1}
        claimed = {"state": LEASED, "options": self._options}
        place = sa.or_(jobs.c.number.is_(None), jobs.c.number == sa.bindparam("number"))
        self._known = (
            sa.select(*_COLUMNS)
            .where(self._here, jobs.c.input == sa.bindparam("input"), place)
            .order_by(jobs.c.number.is_(None), jobs.c.id)
            .limit(1)
        )
        again = {**self._lease, "attempts": jobs.c.attempts + 1}
        self._claimed = sa.update(jobs).values(**claimed, **again).returning(*_COLUMNS)
        place_of_new: dict[str, Any] = {name: sa.bindparam(name) for name in ("input", "number")}
        new = INSERT[dialect](jobs).values(**claimed, **self._lease, **place_of_new, queue=self._queue)
        self._made = new.on_conflict_do_nothing().returning(*_COLUMNS)

    def _connect(self) -> sa.Connection:
        """Open the database and make the table."""
        if self._url.get_backend_name() == "sqlite":
            engine = sa.create_engine(self._url, connect_args={"timeout": 0 if self._file else PATIENCE_S})
            prepare_sqlite(engine, exclusive=self._file is not None)
        else:
            engine = sa.create_engine(self._url)
        connection = engine.connect()
        try:
            with connection.begin():
                lock(connection)
                jobs.metadata.create_all(connection)
        except BaseException:
            connection.close()
            engine.dispose()
            raise
        return connection

    @contextmanager
    def _transaction(self, *, alone: bool = False) -> Iterator[sa.Connection]:
        """Do all that is done within, or nothing; if alone, while no other process is within such a one."""
        try:
            with self._connection.begin():
                if alone:
                    lock(self._connection)
                yield self._connection
        except SQLAlchemyError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: SQLAlchemyError | sqlite3.Error) -> Sr2FhirError:
        """Say why the table cannot be used, without the values that a statement had."""
        cause = getattr(error, "orig", None) or error
        reason = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
        if self._file and reason == "SQLITE_BUSY":
            return in_use(str(self._file.parent.parent))
        place = str(self._file.parent) if self._file else self._url.render_as_string()
        hint = "See that there is room and that the folder is yours" if self._file else DATABASE_HINT
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
        with self._transaction(alone=True) as connection:
            found = self._other(connection, LEASED, RUNNING, ENDING)
            if found is not None and (not resume or found.options != self._options):
                raise in_use(self._queue)
            if found is None:
                self._begin_alone(connection, resume)
            else:
                self._is_late = self._is_closing(connection)
            here = {"queue": self._queue, "options": self._options, "input": self.owner, "state": RUNNING}
            connection.execute(sa.insert(jobs).values(**here, **self._lease))
        if self._file is None:
            self._renewing = in_background(self._renew, "sr2fhir-leases")
        return found is None

    def _other(self, connection: sa.Connection, *states: str) -> sa.Row[Any] | None:
        """Find a row in one of these states that another process has, which is not gone."""
        others = sa.and_(self._at_work, jobs.c.owner != self.owner, jobs.c.state.in_(states))
        # who could open a file that a process has for itself knows that all others are gone
        return None if self._file else connection.execute(sa.select(jobs).where(others).limit(1)).first()

    def _is_closing(self, connection: sa.Connection) -> bool:
        """Tell whether a process does, or has done, the work that comes after the last input."""
        taken = sa.or_(self._at_work, jobs.c.state == DONE)
        last = sa.select(jobs.c.id).where(self._here, jobs.c.number == LAST[1], taken)
        return connection.execute(last).first() is not None

    def _renew(self) -> None:
        """Renew the leases until we leave; where the database is not to be had for a while, try again."""
        held = jobs.c.state.in_((LEASED, RUNNING, ENDING))
        renewed = sa.update(jobs).where(self._ours, held).values(until=self._lease["until"])
        while not self._left.wait(self._lease_s / RENEWALS):
            try:
                with self._connection.engine.begin() as connection:
                    connection.execute(renewed)
            except SQLAlchemyError as error:
                logger.warning("the leases are not renewed: %s", self._refusal(error))

    def _begin_alone(self, connection: sa.Connection, resume: bool) -> None:
        """Forget what is not to be kept. Who had leases has ended."""
        processes = jobs.c.state.in_((RUNNING, ENDING))
        gone = sa.or_(jobs.c.number == LAST[1], processes) if resume else sa.true()
        stale = sa.or_(~jobs.c.state.in_((WAITING, DONE)), jobs.c.options != self._options)
        connection.execute(sa.delete(jobs).where(self._here, gone))
        connection.execute(sa.update(jobs).where(self._here).values(number=None))
        connection.execute(sa.update(jobs).where(self._here, stale).values({**FREE, "attempts": 0}))
        self._is_new = not resume and self._file is not None

    def take(self, name: str, number: int) -> Job:
        """Enter an input unless there is a row for it, and claim it unless it is over or somebody has it.

        Parameters
        ----------
        number
            Its place in the order of the inputs; the same name can have several places.

        Returns
        -------
        Job
            If it is over, as it was found: its number is None if only an interrupted run has worked on it.

        Raises
        ------
        UsageError
            Another process has another input in this place, or the run that was joined is being finished
            without this input.
        """
        values = {"input": name, "number": number}
        with self._transaction() as connection:
            known = None if self._is_new else connection.execute(self._known, values).first()
            if self._is_late and not (known and known.number == number and known.state in OVER):
                raise in_use(self._queue)
            made = None if known else connection.execute(self._made, values).first()
            row = known or made or connection.execute(self._known, values).first()
            if row is None:
                raise UsageError(
                    "another run into this folder has other inputs",
                    where=self._queue,
                    hint="Give all the same inputs",
                )
            if row.number is None:
                connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(number=number))
            if not made and row.state not in OVER:
                row = connection.execute(self._claimed.where(jobs.c.id == row.id, self._free)).first() or row
        return Job(*row)

    def claim(self, job: Job) -> Job:
        """Claim a job that no process has, or one that is over, since its input or output is not what it was.

        Returns
        -------
        Job
            As it is now: it is ours until the lease runs out, or over, or another process has it.
        """
        self._commit()
        wanted = jobs.c.state == job.state if job.is_over else self._free
        here = jobs.c.id == job.id
        with self._transaction() as connection:
            claimed = connection.execute(self._claimed.where(here, wanted)).first()
            return Job(*(claimed or connection.execute(sa.select(*_COLUMNS).where(here)).one()))

    def end(self) -> Job | None:
        """Tell others that we have no input left, and claim the work that comes after the last one.

        Returns
        -------
        Job or None
            As of `claim`; None while others still work on inputs.
        """
        self._commit()
        ending = sa.update(jobs).where(self._ours, jobs.c.state == RUNNING).values(state=ENDING)
        with self._transaction(alone=True) as connection:
            connection.execute(ending)
            if not self._is_closing(connection) and self._other(connection, LEASED, RUNNING):
                return None
            made = connection.execute(self._made, dict(zip(("input", "number"), LAST, strict=True))).first()
            last = sa.and_(self._here, jobs.c.number == LAST[1])
            row = made or connection.execute(self._claimed.where(last, self._free)).first()
            return Job(*(row or connection.execute(sa.select(*_COLUMNS).where(last)).one()))

    def record(self, done: Done) -> None:
        """Record what became of a job of ours; it is committed together with others."""
        error = done.result.error
        state = DONE if error is None else REFUSED if isinstance(error, InputError) else FAILED
        self._results.append(
            {
                "job": done.job,
                "state": state,
                "digest": done.digest,
                "output": done.written.where,
                "digests": done.written.digests,
                "counts": {name: getattr(done.result, name) for name in (*COUNTS, "invalid")},
                "error": None if error is None else error_of(error),
            }
        )
        if len(self._results) >= BATCH or time.monotonic() - self._committed > BATCH_S:
            self._commit()

    def _commit(self) -> None:
        """Commit results."""
        if not self._results:
            return
        results, self._results, self._committed = self._results, [], time.monotonic()
        recorded = sa.update(jobs).where(self._ours, jobs.c.state == LEASED, jobs.c.id == sa.bindparam("job"))
        with self._transaction() as connection:
            connection.execute(recorded, results)

    def over(self) -> Iterator[Job]:
        """Read the jobs that have a result, in the order of the inputs, some at a time."""
        self._commit()
        number = -1
        wanted = sa.select(*_COLUMNS).where(self._here, jobs.c.state.in_(OVER))
        page = wanted.order_by(jobs.c.number).limit(PAGE)
        while True:
            with self._transaction() as connection:
                rows = connection.execute(page.where(jobs.c.number > number)).all()
            yield from (Job(*row) for row in rows)
            if len(rows) < PAGE:
                return
            number = rows[-1].number

    def count(self, state: str) -> int:
        """Count the jobs in a state."""
        return self._count(jobs.c.state == state)

    def count_left(self) -> int:
        """Count the inputs of this run that have no result."""
        return self._count(sa.and_(jobs.c.number > LAST[1], ~jobs.c.state.in_(OVER)))

    def _count(self, wanted: sa.ColumnElement[bool]) -> int:
        self._commit()
        counted = sa.select(sa.func.count()).select_from(jobs).where(self._here, wanted)
        with self._transaction() as connection:
            return connection.execute(counted).scalar_one()

    def close(self) -> None:
        """Give back what was claimed and not done, and close the database."""
        if self._connection.closed:
            return
        given_back = {**FREE, "attempts": jobs.c.attempts - 1}
        held, own = jobs.c.state == LEASED, jobs.c.state.in_((RUNNING, ENDING))
        self._left.set()
        try:
            if self._renewing:
                self._renewing.result()
            self._commit()
            with self._transaction() as connection:
                connection.execute(sa.update(jobs).where(self._ours, held).values(given_back))
                connection.execute(sa.delete(jobs).where(self._ours, own))
        finally:
            self._connection.close()
            self._connection.engine.dispose()


def lock(connection: sa.Connection) -> None:
    """Keep others out until the end of the transaction; SQLite does so by itself (`prepare_sqlite`)."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))


def prepare_sqlite(engine: sa.Engine, *, exclusive: bool) -> None:
    """Have SQLite keep its log beside the file, begin each transaction as a writer, and lock the file."""

    @sa.event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # else Python would begin transactions, and later than we do
        for pragma in ("locking_mode = EXCLUSIVE", *PRAGMAS) if exclusive else PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_damage(error: Exception) -> bool:
    """Tell a file that is no database, or a damaged one, from one that cannot be used now."""
    cause = getattr(error, "orig", None) or error
    return isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.OperationalError)


def url_of(text: str) -> sa.URL:
    """Read the URL of a database.

    Raises
    ------
    UsageError
        It is none, or of a kind that cannot be used.
    """
    try:
        url = sa.make_url(text)
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
    message = error.message if isinstance(error, Sr2FhirError) else unexpected(error)
    members = {name: getattr(error, name, None) for name in ("where", "hint")}
    return {"class": type(error).__name__, "message": message, **members}
