"""A record of what a run has done, which outlasts the end of the process at any moment.

SQLite keeps it: what was committed stays, what was not is gone, and only one run at a time can hold it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.runs.results import COUNTS, FileResult

FILE = "journal.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (fingerprint TEXT);
CREATE TABLE IF NOT EXISTS done (
    number INTEGER PRIMARY KEY, name TEXT, source TEXT, output TEXT, result TEXT, sizes TEXT
);
CREATE INDEX IF NOT EXISTS by_name ON done (name);
CREATE TABLE IF NOT EXISTS resource (
    key TEXT, digest BLOB, number INTEGER, PRIMARY KEY (key, digest)
) WITHOUT ROWID
"""
# Exclusive, so that two runs cannot write into one folder. A log beside the file, so that recording need not
# wait for the disk, and the end of the process harms nothing.
_OPEN = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "BEGIN IMMEDIATE",
    *_SCHEMA.split(";"),
    "COMMIT",
)
_COLUMNS = "number, name, source, output, result, sizes"


@dataclass(frozen=True)
class Entry:
    """What is recorded of one input.

    Parameters
    ----------
    number
        Its place in the order of the inputs.
    source, output
        Digests of its bytes and of what was written.
    result
        The counts.
    sizes
        For files that many inputs share, their sizes after this one.
    """

    number: int
    name: str
    source: str
    output: str
    result: FileResult
    sizes: dict[str, int]


class Journal:
    """The record of one run.

    Parameters
    ----------
    folder
        Where it is kept.
    fingerprint
        Of all that decides about the results beside the inputs. A record with another one is forgotten.
    resume
        Whether to keep what an interrupted run recorded.

    Raises
    ------
    UsageError
        Another run holds it.
    Sr2FhirError
        It cannot be written.
    """

    def __init__(self, folder: Path, fingerprint: str, *, resume: bool) -> None:
        self._file = folder / FILE
        try:
            self._connection = self._opened()
        except sqlite3.OperationalError as error:
            raise refused(folder, error) from error
        except sqlite3.DatabaseError:  # not a journal, or a damaged one
            self._file.unlink()
            self._connection = self._opened()
        if not resume or self._fingerprint() != fingerprint:
            self._begin(fingerprint)

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=0, isolation_level=None)
        for statement in _OPEN:
            connection.execute(statement)
        return connection

    def _fingerprint(self) -> str | None:
        found = self._connection.execute("SELECT fingerprint FROM run").fetchone()
        return found[0] if found else None

    def _begin(self, fingerprint: str) -> None:
        with self.transaction():
            for table in ("run", "done", "resource"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
            self._connection.execute("INSERT INTO run VALUES (?)", (fingerprint,))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Record all that is recorded within, or nothing."""
        self._connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def __len__(self) -> int:
        """Count the inputs recorded."""
        return int(self._connection.execute("SELECT count(*) FROM done").fetchone()[0])

    def named(self, name: str) -> Entry | None:
        """Find an input by its name."""
        return self._entry("name = ?", name)

    def numbered(self, number: int) -> Entry | None:
        """Find an input by its place in the order."""
        return self._entry("number = ?", number)

    def last(self) -> Entry | None:
        """Find the last input recorded."""
        return self._entry("number = (SELECT max(number) FROM done)")

    def _entry(self, condition: str, *values: object) -> Entry | None:
        query = f"SELECT {_COLUMNS} FROM done WHERE {condition}"  # noqa: S608 - conditions of our own
        row = self._connection.execute(query, values).fetchone()
        if row is None:
            return None
        number, name, source, output, result, sizes = row
        return Entry(number, name, source, output, result_of(name, result), json.loads(sizes))

    def enter(self, entry: Entry) -> None:
        """Record an input."""
        values = (entry.number, entry.name, entry.source, entry.output)
        texts = (text_of(entry.result), json.dumps(entry.sizes))
        self._connection.execute("INSERT INTO done VALUES (?, ?, ?, ?, ?, ?)", values + texts)

    def forget(self, name: str) -> None:
        """Forget an input."""
        self._connection.execute("DELETE FROM done WHERE name = ?", (name,))

    def forget_from(self, number: int) -> None:
        """Forget all inputs from a place in the order on."""
        with self.transaction():
            self._connection.execute("DELETE FROM done WHERE number >= ?", (number,))
            self._connection.execute("DELETE FROM resource WHERE number >= ?", (number,))

    def resources(self) -> tuple[int, int]:
        """Count the resources that were written, and those that differ in type or id."""
        query = "SELECT count(*), count(DISTINCT key) FROM resource"
        written, distinct = self._connection.execute(query).fetchone()
        return int(written), int(distinct)

    def is_new(self, key: str, digest: bytes, number: int) -> bool:
        """Record a resource; tell whether it was not there with this content."""
        values = (key, digest, number)
        return (
            self._connection.execute("INSERT OR IGNORE INTO resource VALUES (?, ?, ?)", values).rowcount == 1
        )

    def close(self) -> None:
        """Close it; it can be opened again."""
        self._connection.close()


def text_of(result: FileResult) -> str:
    """Write the counts of a result, and why it failed."""
    members = {name: getattr(result, name) for name in (*COUNTS, "invalid")}
    return json.dumps({**members, "error": None if result.error is None else str(result.error)})


def result_of(name: str, text: str) -> FileResult:
    """Read what `text_of` wrote."""
    members = json.loads(text)
    message = members.pop("error")
    return FileResult(name, **members, error=None if message is None else Sr2FhirError(message))


def refused(folder: Path, error: sqlite3.OperationalError) -> Sr2FhirError:
    """Say why the record cannot be kept: another run has it, or the folder cannot be written."""
    if error.sqlite_errorname == "SQLITE_BUSY":
        return UsageError(
            "another run is writing into this folder",
            where=str(folder.parent),
            hint="Wait for it to end, or name another folder with --out",
        )
    return Sr2FhirError(
        f"the record of the run cannot be written ({error.sqlite_errorname})",
        where=str(folder),
        hint="See that there is room and that the folder is yours",
    )
