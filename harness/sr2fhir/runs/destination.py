"""Choose where results go, and refuse what would overwrite an input or put several Bundles into one place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sr2fhir.errors import UsageError
from sr2fhir.packaging import Format
from sr2fhir.runs.writing import (
    WORK_FOLDER,
    FileSink,
    SingleSink,
    Sink,
    StreamSink,
    check_folder,
    file_sink,
    folder_sink,
)

if TYPE_CHECKING:
    from sr2fhir.runs.book import Book
    from sr2fhir.runs.results import Summary
    from sr2fhir.runs.work import Recipe

STANDARD = "-"
LIST_SIGN = "@"
DEFAULT_FOLDER = Path("out")
# endings of the name of a file, and the format of the Bundle in it
FILE_ENDINGS: dict[str, Format] = {".json": "json", ".xml": "xml"}
ARCHIVE_ENDINGS = frozenset({".zip"})
PATTERN_SIGNS = frozenset("*?[")


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Parameters
    ----------
    sink
        Takes them.
    place
        The folder, or the file of the only Bundle; None for standard output.
    is_shared
        Whether many inputs go there, of which a record is kept.
    """

    sink: Sink
    place: Path | None
    is_shared: bool = False

    def book(self, recipe: Recipe, summary: Summary, *, resume: bool) -> Book:
        """Open the record of a run.

        Parameters
        ----------
        summary
            Told in the end which resources several inputs had in common.
        resume
            Whether to go on with what an interrupted run recorded.
        """
        from sr2fhir.runs.book import NoBook

        if self.place is None or not self.is_shared:
            return NoBook()
        from sr2fhir.runs.books import FilesBook
        from sr2fhir.runs.fingerprint import fingerprint

        if isinstance(self.sink, FileSink):
            mark = fingerprint(recipe, self.sink.bundle_ending)
            return FilesBook(self.sink, self.place, mark, resume=resume)
        from sr2fhir.runs.ndjson_book import NdjsonBook

        return NdjsonBook(summary, self.place, fingerprint(recipe, "ndjson"), resume=resume)


def choose(
    inputs: Sequence[str], out: str | None, form: Format = "json", *, ndjson: bool = False
) -> Destination:
    """Choose the destination that the command line names.

    Parameters
    ----------
    inputs
        The inputs as named: files, folders, patterns, archives, `-`.
    out
        Folder, file, `-`, or None for the default: the folder `out`, or standard output for standard input.
    form
        Format of the Bundles.
    ndjson
        Whether to split the Bundles into a file for each type of resource.

    Raises
    ------
    UsageError
        The place cannot take them.
    """
    if ndjson:
        return choose_ndjson(out, form)
    if out == STANDARD or (out is None and list(inputs) == [STANDARD]):
        check_single(inputs, "standard output takes")
        return Destination(SingleSink(StreamSink(sys.stdout.buffer)), None)
    place = Path(out) if out else DEFAULT_FOLDER
    if names_file(place):
        check_single(inputs, f"{place} takes")
        check_not_input(inputs[0], place)
        return Destination(SingleSink(file_sink(place)), place)
    check_folder(place)
    is_shared = not is_single(inputs)
    sink = folder_sink(place, place / WORK_FOLDER if is_shared else None)
    return Destination(replace(sink, bundle_ending=f".bundle.{form}"), place, is_shared)


def choose_ndjson(out: str | None, form: Format) -> Destination:
    """Choose the folder of the NDJSON files."""
    from sr2fhir.runs.ndjson import NdjsonSink

    place = Path(out) if out else DEFAULT_FOLDER
    if out == STANDARD or names_file(place) or form != "json":
        raise UsageError("NDJSON is several files of JSON", hint="Name a folder with --out, and no --format")
    check_folder(place)
    return Destination(NdjsonSink(place), place, is_shared=True)


def choose_format(out: str | None, wanted: Format | None) -> Format:
    """Answer the format that is asked for, else the one that the name of the file says, else JSON.

    Raises
    ------
    UsageError
        The two contradict each other.
    """
    place = Path(out) if out else DEFAULT_FOLDER
    ending = FILE_ENDINGS[place.suffix.lower()] if names_file(place) else None
    if wanted and ending and wanted != ending:
        raise UsageError(f"{place} is no name for {wanted.upper()}", hint="Leave --format out")
    return wanted or ending or "json"


def names_file(place: Path) -> bool:
    """Tell a file from a folder, by its ending, unless there is a folder of that name."""
    return place.suffix.lower() in FILE_ENDINGS and not place.is_dir()


def check_single(inputs: Sequence[str], place: str) -> None:
    """Refuse to put several Bundles into one place."""
    if not is_single(inputs):
        raise UsageError(
            f"{place} the Bundle of one file", hint="Name a folder with --out for several inputs"
        )


def is_single(inputs: Sequence[str]) -> bool:
    """Tell one file from several, and from a folder, an archive, a list and a pattern."""
    return len(inputs) == 1 and is_file(inputs[0])


def is_file(name: str) -> bool:
    """Tell a file from a folder, an archive, a list and a pattern."""
    path = Path(name)
    if name.startswith(LIST_SIGN) and not path.exists():
        return False
    if name == STANDARD or path.is_dir() or path.suffix.lower() in ARCHIVE_ENDINGS:
        return name == STANDARD
    return path.exists() or not PATTERN_SIGNS & set(name)


def check_not_input(name: str, place: Path) -> None:
    """Refuse to overwrite the input."""
    if name != STANDARD and place.exists() and Path(name).exists() and place.samefile(name):
        raise UsageError(f"{place} is the input", hint="Name another file with --out")
