"""Bundles as NDJSON, one file per type of resource, as FHIR's Bulk Data Access lays results out.

Resources are written as they are, with two changes that a server makes too when it takes a Bundle in: each
stands alone on a line without blanks, and a reference to another entry of its Bundle becomes `Type/id`, since
there is no `fullUrl` any more to which it could lead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sr2fhir.errors import Sr2FhirError
from sr2fhir.files import replacing
from sr2fhir.jsontext import JsonObject, dumps, loads_strict
from sr2fhir.outcome import from_error, plural
from sr2fhir.packaging.policies import KINDS
from sr2fhir.runs import Line, Written, digest_of
from sr2fhir.runs.sinks import LINES, REPORTS, SharedSink, writing

if TYPE_CHECKING:
    from sr2fhir.pipeline import Result
    from sr2fhir.runs import Summary
    from sr2fhir.runs.jobs import Jobs

AGAIN = "Start all commands again with --resume: what is done is kept"
OUTCOMES = f"OperationOutcome{LINES}"
# What a run may write: files of these names are left over from an earlier run where this one writes none.
FILES = frozenset({*(f"{kind}{LINES}" for kind in KINDS), OUTCOMES, REPORTS})


class NdjsonSink(SharedSink):
    """Split results into lines, keep them in a file of the run, and sort them into NDJSON files at the end.

    Where the lines of an input lie in the file of the run is recorded with its job. So what was written and
    not recorded does no harm, and it does not matter in which order, or by which run, inputs were done.

    Parameters
    ----------
    folder
        Where the NDJSON files will be.
    work
        Folder of the files that keep the lines.
    run
        Name of this run.
    """

    def __init__(self, folder: Path, work: Path, run: str) -> None:
        self.folder, self.work, self.run = folder, work, run
        self._kept: BinaryIO | None = None

    def __reduce__(self) -> tuple[type[NdjsonSink], tuple[Path, Path, str]]:
        """Go to another process without the open file."""
        return NdjsonSink, (self.folder, self.work, self.run)

    def write(self, result: Result) -> Written:
        """Return the lines of a Bundle, of its report and of what was found."""
        lines = [*resources(loads_strict(result.json)), Line(REPORTS, None, dumps(result.report_content))]
        if result.findings or result.validation:
            lines.append(Line(OUTCOMES, None, dumps(named(result.outcome, result.name))))
        return Written(str(self.folder), lines=tuple(lines))

    def fail(self, name: str, error: Exception) -> Written:
        """Return the line of a failure."""
        line = Line(OUTCOMES, None, dumps(named(from_error(error), name)))
        return Written(str(self.folder / OUTCOMES), lines=(line,))

    # For many inputs

    def keep(self, written: Written) -> Written:
        """Append the lines of an input to the file of the run; say where, and their digest."""
        content = b"".join(packed(line) for line in written.lines)
        file = self.work / f"lines-{self.run}"
        with writing(file):
            self._kept = self._kept or file.open("ab")
            place = f"{file.name}:{self._kept.tell()}:{len(content)}"
            self._kept.write(content)
            self._kept.flush()
        return Written(written.where, {place: digest_of(content)})

    def holds(self, name: str, digests: dict[str, str]) -> bool:
        """Tell whether the lines of an input are still there."""
        try:
            self._pieces(digests)
        except Sr2FhirError:
            return False
        return True

    def _pieces(self, digests: dict[str, str]) -> bytes:
        """Read the lines of an input.

        Raises
        ------
        Sr2FhirError
            The file that kept them is gone, cannot be read, or is not what was written.
        """
        return b"".join(self._piece(place, digest) for place, digest in digests.items())

    def _piece(self, place: str, digest: str) -> bytes:
        name, offset, size = place.split(":")
        file, reason = self.work / name, "not what was written"
        try:
            with file.open("rb") as kept:
                kept.seek(int(offset))
                content = kept.read(int(size))
        except OSError as error:
            content, reason = b"", error.strerror or type(error).__name__
        if digest_of(content) != digest:
            message = f"the lines that were kept of an input cannot be read: {reason}"
            raise Sr2FhirError(message, where=str(file), hint=AGAIN)
        return content

    def finish(self, jobs: Jobs, summary: Summary) -> None:
        """Write the files and move them to their place; remove those of an earlier run that this one has not.

        A resource that several inputs have in common is written once; if they differ in its content, each
        content is.

        Raises
        ------
        Sr2FhirError
            Another process has left inputs undone, lines of an input are lost, or a file cannot be written.
        """
        if left := jobs.count_left():
            message = f"{plural(left, 'input')} of another command have no result, so nothing is put together"
            raise Sr2FhirError(message, where=str(self.folder), hint=AGAIN)
        with writing(self.folder / OUTCOMES), ExitStack() as stack:
            seen = stack.enter_context(closing(SeenResources()))
            files: dict[str, BinaryIO] = {}
            for job in jobs.over():
                for line in unpacked(self._pieces(job.digests or {})):
                    if line.key is not None and not seen.is_new(line.key, line.text):
                        continue
                    if line.file not in files:
                        made = replacing(self.folder / line.file, self.work / self.run)
                        files[line.file] = stack.enter_context(made)
                    files[line.file].write(line.text + b"\n")
            summary.repeated, summary.differing = seen.repeated, seen.differing()
            for stream in files.values():
                stream.flush()  # if there is no room for one, none is moved
            for name in sorted(FILES - files.keys()):
                (self.folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file of the run."""
        if self._kept:
            self._kept.close()


class SeenResources:
    """Remember which resources were written with which content; on disk where there are many."""

    def __init__(self) -> None:
        self.repeated = 0
        self._table = sqlite3.connect(
            "", isolation_level="DEFERRED"
        )  # a database that is gone when it is closed
        self._table.execute(
            "CREATE TABLE seen (key TEXT, digest BLOB, PRIMARY KEY (key, digest)) WITHOUT ROWID"
        )

    def is_new(self, key: str, text: bytes) -> bool:
        """Remember a resource; tell whether it was not there with this content."""
        values = (key, blake2b(text, digest_size=16).digest())
        new = self._table.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", values).rowcount == 1
        self.repeated += not new
        return new

    def differing(self) -> int:
        """Count contents beyond the first one of a resource."""
        found = self._table.execute("SELECT count(*) - count(DISTINCT key) FROM seen").fetchone()
        return int(found[0])

    def close(self) -> None:
        """Forget all."""
        self._table.close()


def packed(line: Line) -> bytes:
    """Write a line with its file and key; none of them holds a tab or an end of line."""
    return b"%s\t%s\t%s\n" % (line.file.encode(), (line.key or "").encode(), line.text)


def unpacked(content: bytes) -> Iterator[Line]:
    """Read what `packed` wrote."""
    for packed in content.splitlines():
        file, key, text = packed.split(b"\t", 2)
        yield Line(file.decode(), key.decode() or None, text)


def resources(bundle: JsonObject) -> Iterator[Line]:
    """Make a line of each resource of a Bundle."""
    entries = [(entry["fullUrl"], entry["resource"]) for entry in bundle.get("entry", ())]
    places = {url: f"{resource['resourceType']}/{resource['id']}" for url, resource in entries}
    for url, resource in entries:
        relate(resource, places)
        yield Line(f"{resource['resourceType']}{LINES}", places[url], dumps(resource))


def relate(resource: JsonObject, places: dict[str, str]) -> None:
    """Make references to entries of the Bundle relative ones, in place."""
    stack: list[Any] = [resource]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            target = current.get("reference")
            if isinstance(target, str) and target in places:
                current["reference"] = places[target]
            stack.extend(current.values())
        elif isinstance(current, list):
            stack.extend(current)


def named(outcome: JsonObject, name: str) -> JsonObject:
    """Name the input in each issue, since many inputs share the file."""
    return {
        **outcome,
        "issue": [{**issue, "diagnostics": diagnostics(issue, name)} for issue in outcome["issue"]],
    }


def diagnostics(issue: JsonObject, name: str) -> str:
    """Put the name of the input before the diagnostics, unless it stands there."""
    text = issue.get("diagnostics", "")
    return text if text.startswith(name) else "; ".join(filter(None, (name, text)))
