"""The files that all inputs of a run share: written line by line in the order of the inputs."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from sr2fhir.runs.books import PARTS, FolderBook
from sr2fhir.runs.journal import Entry
from sr2fhir.runs.ndjson import ENDING, FILES, REPORTS
from sr2fhir.runs.work import digest_of_input
from sr2fhir.runs.writing import writing

if TYPE_CHECKING:
    from sr2fhir.runs.inputs import Input
    from sr2fhir.runs.results import Done, FileResult, Line, Summary


class NdjsonBook(FolderBook):
    """Write the lines of all inputs, and record after each how long the files are.

    An interrupted run has done the first inputs, in their order. Another run goes on after the last of them
    that is still the same, and cuts off what came of those behind it. A resource that several inputs have in
    common is written once; if they differ in its content, each content is.

    Parameters
    ----------
    summary
        Told in the end how many resources inputs had in common.
    folder, fingerprint, resume
        As in `FolderBook`.
    """

    def __init__(self, summary: Summary, folder: Path, fingerprint: str, *, resume: bool) -> None:
        super().__init__(folder, fingerprint, resume=resume)
        self._summary = summary
        self._recorded, self.number = self.number, 0
        self._handles: dict[str, BinaryIO] = {}
        self._sizes: dict[str, int] = {}
        self._restore()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files and do as any book does."""
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._close()

    def earlier(self, item: Input) -> FileResult | None:
        """Answer what is recorded at this place; at the first input that is another, forget what follows."""
        entry = self.journal.numbered(self.number) if self.number < self._recorded else None
        if entry is None:
            return None
        if (entry.name, entry.source) != (item.name, digest_of_input(item)):
            self._go_back()
            return None
        self.number += 1
        return entry.result

    def enter(self, done: Done) -> None:
        """Write the lines of an input and record it."""
        with writing(self.work / PARTS), self.journal.transaction():
            for line in done.written.lines:
                if self._is_wanted(line):
                    self._append(line)
            for handle in self._handles.values():
                handle.flush()
            self.journal.enter(
                Entry(self.number, done.result.name, done.source, "", done.result, self._sizes)
            )
        self.number += 1
        self._recorded = 0

    def finish(self) -> None:
        """Move the files to their place, and remove those of an earlier run that this one has not written."""
        if self.number < self._recorded:
            self._go_back()
        written, distinct = self.journal.resources()
        self._summary.repeated, self._summary.differing = (
            self._summary.resources - written,
            written - distinct,
        )
        self._close()
        with writing(self.folder / PARTS):
            for name in sorted(FILES - self._sizes.keys()):
                (self.folder / name).unlink(missing_ok=True)
            for name in self._sizes:
                (self.work / name).replace(self.folder / name)

    def _is_wanted(self, line: Line) -> bool:
        """Tell whether a line is to be written: what has an identity, once for each content."""
        if line.key is None:
            return True
        return self.journal.is_new(line.key, blake2b(line.text, digest_size=16).digest(), self.number)

    def _append(self, line: Line) -> None:
        handle = self._handles.get(line.file)
        if handle is None:
            handle = self._handles[line.file] = (self.work / line.file).open("ab")
        handle.write(line.text + b"\n")
        self._sizes[line.file] = self._sizes.get(line.file, 0) + len(line.text) + 1

    def _restore(self) -> None:
        """Bring the files to the state that is recorded last; begin anew if they are not what they were."""
        entry = self.journal.last() if self._recorded else None
        sizes = entry.sizes if entry else {}
        for name, size in sizes.items():
            self._fetch_back(name, size)
        if any(size_of(self.work / name) < size for name, size in sizes.items()):
            self.journal.forget_from(0)
            self._recorded, sizes = 0, {}
        self._cut(sizes)

    def _fetch_back(self, name: str, size: int) -> None:
        """Take a file back that an interrupted run had moved to its place already."""
        if not (self.work / name).exists() and size_of(self.folder / name) == size:
            (self.folder / name).replace(self.work / name)

    def _go_back(self) -> None:
        """Forget all inputs from this place on."""
        entry = self.journal.numbered(self.number - 1)
        self.journal.forget_from(self.number)
        self._recorded = self.number
        self._cut(entry.sizes if entry else {})

    def _cut(self, sizes: dict[str, int]) -> None:
        """Cut the files to sizes that they had; those that were not there yet are removed."""
        self._close()
        for path in [*self.work.glob(f"*{ENDING}"), *self.work.glob(REPORTS)]:
            if path.name not in sizes:
                path.unlink()
        for name, size in sizes.items():
            os.truncate(self.work / name, size)
        self._sizes = dict(sizes)

    def _close(self) -> None:
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            handle.close()


def size_of(file: Path) -> int:
    """Answer the size of a file; -1 if it is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return -1
