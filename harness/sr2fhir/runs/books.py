"""What a run into a folder keeps, so that it can go on after an interruption.

All that is unfinished lies in one hidden folder within that of the results: the journal, files that are half
written, and NDJSON files, which are whole only at the end. It is removed when the run has come to its end.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sr2fhir.runs.journal import Entry, Journal
from sr2fhir.runs.work import digest_of_input
from sr2fhir.runs.writing import WORK_FOLDER, FileSink, writing

if TYPE_CHECKING:
    from sr2fhir.runs.inputs import Input
    from sr2fhir.runs.results import Done, FileResult

PARTS = "*.part"


class FolderBook:
    """Record which inputs have their files.

    Parameters
    ----------
    folder
        Folder of the results.
    fingerprint, resume
        As in `Journal`.
    """

    def __init__(self, folder: Path, fingerprint: str, *, resume: bool) -> None:
        self.folder = folder
        self.work = folder / WORK_FOLDER
        with writing(self.work / PARTS):
            pass  # makes the folder, or says why it cannot be made
        self.journal = Journal(self.work, fingerprint, resume=resume)
        self.number = (entry.number + 1) if (entry := self.journal.last()) else 0

    def __enter__(self) -> Self:
        """Remove what an interrupted run left half written."""
        self._remove_parts()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish, or keep what is needed to go on, if there is anything."""
        useless = not self.journal
        if kind is None:
            self.finish()
        self.journal.close()
        if kind is None or useless:
            shutil.rmtree(self.work, ignore_errors=True)
            with suppress(OSError):
                self.folder.rmdir()  # where nothing was written
        else:
            self._remove_parts()

    def finish(self) -> None:
        """Do what is to be done after the last input."""

    def _remove_parts(self) -> None:
        for part in self.work.glob(PARTS):
            part.unlink(missing_ok=True)


class FilesBook(FolderBook):
    """Record which inputs have files of their own.

    Parameters
    ----------
    sink
        Writes these files.
    """

    def __init__(self, sink: FileSink, folder: Path, fingerprint: str, *, resume: bool) -> None:
        super().__init__(folder, fingerprint, resume=resume)
        self.sink = sink

    def earlier(self, item: Input) -> FileResult | None:
        """Answer what is recorded, if the input and its files are still the same, byte for byte."""
        entry = self.journal.named(item.name)
        if entry is None or digest_of_input(item) != entry.source:
            return None
        return entry.result if self.sink.digest(item.name) == entry.output else None

    def enter(self, done: Done) -> None:
        """Record an input that has its Bundle; one that failed is tried again."""
        name = done.result.name
        with self.journal.transaction():
            self.journal.forget(name)
            if done.result.error is None:
                entry = Entry(self.number, name, done.source, done.written.digest, done.result, {})
                self.journal.enter(entry)
                self.number += 1
