"""Write the mapping documentation, or say whether it is up to date.

``python -m tools.publishing.mapping_pages [--check]``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sr2fhir.paths import layout

from tools.publishing.mapping_pages import differences, generate, write


def _arguments(given: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    sources = layout().sources
    parser = argparse.ArgumentParser(
        prog="python -m tools.publishing.mapping_pages", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a page is not up to date"
    )
    parser.add_argument(
        "--folder", type=Path, default=sources / "docs" / "mapping", help="folder of the pages"
    )
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    given
        The arguments; those of the process where None.

    Returns
    -------
    int
        0; with ``--check`` 1 where a page is not up to date.
    """
    arguments = _arguments(given)
    places = layout()
    pages = generate(places.maps, places.fsh)
    if not arguments.check:
        write(pages, arguments.folder)
        return 0
    stale = differences(pages, arguments.folder)
    for name in stale:
        print(f"{name} is not up to date: run python -m tools.publishing.mapping_pages", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
