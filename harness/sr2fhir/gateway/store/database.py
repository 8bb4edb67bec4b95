"""The database of the gateway: an SQLite file in its folder, or PostgreSQL for several nodes."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from sr2fhir.errors import UsageError
from sr2fhir.gateway.store.records import BusyError
from sr2fhir.gateway.store.tables import HEAD, own
from sr2fhir.runs.jobs import LOCK, lock, url_of

FILE = "gateway.sqlite"
SQLITE, POSTGRESQL = "sqlite", "postgresql"
# Whoever may write waits so long for another who writes.
PATIENCE_S = 10
CONNECTIONS, MORE_CONNECTIONS = 8, 24
# What was committed is on disk: synchronous FULL. Readers and a writer do not wait for each other: WAL.
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
# with fractions of a second, which CLOCK of the table of jobs lacks
CLOCK = {
    SQLITE: "((julianday('now') - 2440587.5) * 86400.0)",
    POSTGRESQL: "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
}
HINT = "See that the database is there, that its disk has room, and that you may write to it"
READ_ONLY = "read_only"
Guard = Literal["adding", "removing"]
SALT = "salt"


class Database:
    """The database, and its transactions.

    Parameters
    ----------
    folder
        Of the gateway; it is there.
    url
        `postgresql://…`, or None for an SQLite file in the folder.
    upgrade
        Whether to lead older tables to the newest form.

    Raises
    ------
    UsageError
        The URL is none, its driver is missing, or the tables are those of another version of the program.
    BusyError
        The database cannot be reached.
    """

    def __init__(self, folder: Path, url: str | None, *, upgrade: bool) -> None:
        self._file = None if url else folder / FILE
        self._url = url_of(url) if url else sa.URL.create(SQLITE, database=str(self._file))
        self.dialect = self._url.get_backend_name()
        if url and self.dialect == SQLITE:
            hint = "Leave it out for SQLite, or give postgresql://USER@HOST/NAME"
            raise UsageError("the database of a gateway is SQLite in its folder, or PostgreSQL", hint=hint)
        self.now: sa.ColumnElement[float] = sa.literal_column(CLOCK[self.dialect], sa.Double)
        if self._file and not self._file.exists():
            self._file.touch(0o600)
        self._engine = self._made()
        self._identity = self._seen()
        try:
            self._ready(upgrade)
        except BaseException:
            self.close()
            raise

    def _made(self) -> sa.Engine:
        try:
            if self.dialect == SQLITE:
                engine = sa.create_engine(
                    self._url,
                    connect_args={"timeout": PATIENCE_S, "check_same_thread": False},
                    poolclass=sa.QueuePool,
                    pool_size=CONNECTIONS,
                    max_overflow=MORE_CONNECTIONS,
                    pool_timeout=PATIENCE_S,
                )
                _prepare(engine)
                return engine
            return sa.create_engine(
                self._url,
                pool_size=CONNECTIONS,
                max_overflow=MORE_CONNECTIONS,
                pool_timeout=PATIENCE_S,
                pool_pre_ping=True,
                connect_args={"connect_timeout": PATIENCE_S},
            )
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is missing", hint="pip install 'sr2fhir[postgresql]'") from error

    def _ready(self, upgrade: bool) -> None:
        """See that the tables are those of this version of the program."""
        with self.write() as connection:
            lock(connection)
            found = version_of(connection)
            if found == HEAD:
                return
            if found is not None and not upgrade:
                raise other_version(self.place)
            from sr2fhir.gateway.store.migrations import upgrade_tables  # noqa: PLC0415 - alembic

            upgrade_tables(connection)
            known = connection.execute(sa.select(own.c.value).where(own.c.name == SALT)).first()
            if known is None:
                connection.execute(sa.insert(own).values(name=SALT, value=secrets.token_hex(32)))

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return str(self._file) if self._file else self._url.render_as_string()

    @property
    def is_shared(self) -> bool:
        """Whether several nodes may use it."""
        return self._file is None

    def salt(self) -> str:
        """Return the salt of the patient keys."""
        with self.read() as connection:
            return str(connection.execute(sa.select(own.c.value).where(own.c.name == SALT)).scalar_one())

    @contextmanager
    def write(self, guard: Guard | None = None) -> Iterator[sa.Connection]:
        """Do all that is done within, or nothing; it is on disk when this is left.

        Parameters
        ----------
        guard
            `removing` where files are removed that have no row, `adding` where a row is written for a file.
            One at a time: each sees the rows of all before, such as those of the same UID, or of a successor.
            SQLite lets one write at a time anyway.

        Raises
        ------
        BusyError
            The database cannot be reached, or another program holds it.
        """
        try:
            self.check_present()
            with self._engine.begin() as connection:
                if guard and self.dialect == POSTGRESQL:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
                yield connection
        except SQLAlchemyError as error:
            raise self._refusal(error) from None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Read one state of the tables; nobody waits for it.

        Raises
        ------
        BusyError
            As of `write`.
        """
        try:
            self.check_present()
            with self._engine.connect() as connection:
                yield connection.execution_options(**{READ_ONLY: True})
        except SQLAlchemyError as error:
            raise self._refusal(error) from None

    def check_present(self) -> None:
        """Refuse to go on with a file that was removed or replaced: what is written there would be lost."""
        if self._file and self._seen() != self._identity:
            message = "the database file was removed or replaced while the gateway runs"
            hint = "Put the file back and start the gateway again"
            raise BusyError(message, cause="database", where=str(self._file), hint=hint)

    def _seen(self) -> tuple[int, int] | None:
        """Return what tells the file from another one of its name."""
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _refusal(self, error: SQLAlchemyError) -> BusyError:
        """Say why the database cannot be used, without the values that a statement had."""
        cause = getattr(error, "orig", None) or error
        reason = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
        return BusyError(
            f"the database cannot be used ({reason})", cause="database", where=self.place, hint=HINT
        )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _prepare(engine: sa.Engine) -> None:
    """Have SQLite keep its log beside the file, and begin each transaction as a writer, unless it reads."""

    @sa.event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # else Python would begin transactions, and later than we do
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        reads = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def version_of(connection: sa.Connection) -> str | None:
    """Return the version of the tables; None if there are none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def other_version(place: str) -> UsageError:
    """Make the error for tables of another version of the program."""
    return UsageError(
        "the tables are those of another version of sr2fhir",
        where=place,
        hint="Start the gateway with this version (sr2fhir gateway run), which leads older tables to its own",
    )
