"""Tables in the pages of the guide: a comment in the text marks where each goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tools.publishing import examples
from tools.publishing.resources import Resource

_PROFILE = re.compile(r"http://hl7\.org/fhir/uv/dicom-sr/StructureDefinition/([\w-]+)")
_GRID = "{: .grid}\n"


def maps_table(maps: Sequence[Resource]) -> str:
    """List the maps with what their heads say."""
    return _table(
        ("Map", "Profile and source"),
        [(_link(entry, entry.content["title"]), _head(entry)) for entry in maps],
    )


def _head(entry: Resource) -> str:
    """Answer what the head of a map says: the engine keeps it with the first structure."""
    text = " ".join(entry.content["structure"][0].get("documentation", "").split())
    return _PROFILE.sub(r"[\1](StructureDefinition-\1.html)", text)


def examples_table(made: Sequence[Resource]) -> str:
    """List the examples."""
    names = examples.titles(made)
    return _table(
        ("Resource", "Profile and number"), [(_link(one, one.type), names[one.reference]) for one in made]
    )


def _link(resource: Resource, text: str) -> str:
    """Link to the page of a resource."""
    return f"[{text}]({resource.reference.replace('/', '-')}.html)"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return (
        "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in lines) + _GRID
    )


def filled(page: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Put tables where a page marks their places.

    Parameters
    ----------
    page
        Markdown; ``<!-- table of NAME -->`` marks a place.
    tables
        By name.
    """
    return re.sub(r"<!-- table of (\w+) -->\n", lambda mark: tables[mark[1]](), page)
