"""Bundles that a command line names."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from sr2fhir.errors import UsageError
from sr2fhir.runs import STANDARD
from sr2fhir.runs.sinks import BUNDLE


def add_bundles(command: argparse.ArgumentParser) -> None:
    """Add the argument that names Bundles."""
    command.add_argument(
        "inputs",
        nargs="+",
        metavar="BUNDLE",
        help="FHIR JSON file, folder (its *.bundle.json), or - for standard input",
    )


def expand(names: Iterable[str], otherwise: str = "") -> Iterator[str]:
    """Replace folders by the Bundles in them.

    Parameters
    ----------
    otherwise
        What helps besides where a folder has none.

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
            hint = ". ".join(filter(None, ("Name the files themselves", otherwise)))
            raise UsageError(f"no *{BUNDLE} in this folder", source=name, hint=hint)
