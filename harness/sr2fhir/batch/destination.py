"""Choose where results go, and refuse what would overwrite an input or put several Bundles into one place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sr2fhir.batch.writing import SingleSink, Sink, StreamSink, check_folder, file_sink, folder_sink
from sr2fhir.errors import UsageError

STANDARD = "-"
DEFAULT_FOLDER = Path("out")
FILE_ENDINGS = frozenset({".json"})
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
    """

    sink: Sink
    place: Path | None


def choose(inputs: Sequence[str], out: str | None) -> Destination:
    """Choose the destination that the command line names.

    Parameters
    ----------
    inputs
        The inputs as named: files, folders, patterns, archives, `-`.
    out
        Folder, file, `-`, or None for the default: the folder `out`, or standard output for standard input.

    Raises
    ------
    UsageError
        The place cannot take them.
    """
    if out == STANDARD or (out is None and list(inputs) == [STANDARD]):
        check_single(inputs, "standard output takes")
        return Destination(SingleSink(StreamSink(sys.stdout.buffer)), None)
    place = Path(out) if out else DEFAULT_FOLDER
    if names_file(place):
        check_single(inputs, f"{place} takes")
        check_not_input(inputs[0], place)
        return Destination(SingleSink(file_sink(place)), place)
    check_folder(place)
    return Destination(folder_sink(place), place)


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
    """Tell one file from several, and from a folder, an archive and a pattern."""
    return len(inputs) == 1 and is_file(inputs[0])


def is_file(name: str) -> bool:
    """Tell a file from a folder, an archive and a pattern."""
    path = Path(name)
    if name == STANDARD or path.is_dir() or path.suffix.lower() in ARCHIVE_ENDINGS:
        return name == STANDARD
    return path.exists() or not PATTERN_SIGNS & set(name)


def check_not_input(name: str, place: Path) -> None:
    """Refuse to overwrite the input."""
    if name != STANDARD and place.exists() and Path(name).exists() and place.samefile(name):
        raise UsageError(f"{place} is the input", hint="Name another file with --out")
