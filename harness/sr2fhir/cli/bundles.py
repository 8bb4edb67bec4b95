"""Bundles that a command line names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sr2fhir.errors import UsageError
from sr2fhir.runs import STANDARD
from sr2fhir.runs.sinks import BUNDLE


def expand(names: Iterable[str], otherwise: str) -> Iterator[str]:
    """Replace folders by the Bundles in them.

    Parameters
    ----------
    otherwise
        What helps where a folder has none, but for naming the files.

    Raises
    ------
    UsageError
        A name that does not exist, or a folder without Bundles.
    """
    for name in names:
        path = Path(name)
        if name == STANDARD or path.is_file():
            yield name
        elif not path.is_dir():
            hint = "Give Bundles, or the folder that transform wrote"
            raise UsageError("there is no such file", source=name, hint=hint)
        elif found := sorted(path.rglob(f"*{BUNDLE}")):
            yield from map(str, found)
        else:
            hint = f"Name the files themselves. {otherwise}"
            raise UsageError(f"no *{BUNDLE} in this folder", source=name, hint=hint)
