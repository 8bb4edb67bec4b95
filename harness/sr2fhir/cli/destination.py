"""What the command line says of where results go, and what it can tell of inputs by their names."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sr2fhir.errors import UsageError

if TYPE_CHECKING:
    from sr2fhir.packaging import Format

STANDARD = "-"
LIST_SIGN = "@"
DEFAULT_FOLDER = Path("out")
# endings of the name of a file, and the format of the Bundle in it
FILE_ENDINGS: dict[str, Format] = {".json": "json", ".xml": "xml"}
ARCHIVE_ENDING = ".zip"


def is_list(source: str) -> bool:
    """Tell whether a source is a list of sources."""
    return source.startswith(LIST_SIGN) and not Path(source).exists()


def is_pattern(source: str) -> bool:
    """Tell whether a source is a pattern."""
    return glob.has_magic(source) and not Path(source).exists()


def is_single(sources: Sequence[str]) -> bool:
    """Tell one document from several, and from a folder, an archive, a list and a pattern."""
    if len(sources) != 1 or is_list(sources[0]) or is_pattern(sources[0]):
        return False
    path = Path(sources[0])
    return sources[0] == STANDARD or not (path.is_dir() or path.suffix.lower() == ARCHIVE_ENDING)


# ---- where results go


@dataclass(frozen=True)
class Destination:
    """Where results go.

    Parameters
    ----------
    place
        The folder, or the file of the only Bundle; None for standard output.
    format
        Of the Bundles.
    is_shared
        Whether many inputs go there, of which a record is kept.
    """

    place: Path | None
    format: Format
    is_shared: bool = False

    @property
    def is_file(self) -> bool:
        """Whether the place is a file."""
        return self.place is not None and names_file(self.place)


def choose(
    inputs: Sequence[str], out: str | None, wanted: Format | None = None, *, ndjson: bool = False
) -> Destination:
    """Choose the destination that the command line names.

    Parameters
    ----------
    inputs
        The inputs as named.
    out
        Folder, file, `-`, or None for the default: the folder `out`, or standard output for standard input.
    wanted
        Format of the Bundles; by default what the ending of a file says, else JSON.
    ndjson
        Whether to split the Bundles into a file for each type of resource.

    Raises
    ------
    UsageError
        The place cannot take the results: it is an input, it takes one Bundle and there may be several, or it
        is a file where a folder is needed; or it contradicts the format.
    """
    place = Path(out) if out else DEFAULT_FOLDER
    form = choose_format(place, wanted)
    is_stream = out == STANDARD or (out is None and list(inputs) == [STANDARD])
    if ndjson and (out == STANDARD or names_file(place) or form != "json"):
        raise UsageError("NDJSON is several files of JSON", hint="Name a folder with --out, and no --format")
    if is_stream and not ndjson:
        check_single(inputs, "standard output takes")
        return Destination(None, form)
    if names_file(place):
        check_single(inputs, f"{place} takes")
        check_not_input(inputs[0], place)
        return Destination(place, form)
    check_folder(place)
    return Destination(place, form, is_shared=ndjson or not is_single(inputs))


def choose_format(place: Path, wanted: Format | None) -> Format:
    """Return the format that is asked for, else the one that the name of the file says, else JSON.

    Raises
    ------
    UsageError
        The two contradict each other.
    """
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


def check_not_input(name: str, place: Path) -> None:
    """Refuse to overwrite the input."""
    if name != STANDARD and place.exists() and Path(name).exists() and place.samefile(name):
        raise UsageError(f"{place} is the input", hint="Name another file with --out")


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be one, since something else has its name."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"{folder} is a file, and a folder is needed for the results",
            hint="Name another folder with --out",
        )
