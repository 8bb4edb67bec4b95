"""The folder that the IG Publisher takes as it is: everything in its place, and SUSHI content with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from sr2fhir.files import replace_folder
from sr2fhir.paths import Layout

from tools.compiling import fsh
from tools.publishing import examples, pages
from tools.publishing.resources import Resource, read

# What lies where: folder below fsh/, pattern, folder of the guide.
_TABLE = (
    ("guide", "ig.ini", "."),
    ("guide", "ignoreWarnings.txt", "input"),
    ("terminology/generated", "*.json", "input/vocabulary"),
)


def build(places: Layout, folder: Path, maps: Sequence[Resource], made: Sequence[Resource]) -> Resource:
    """Make the folder and have SUSHI compile it.

    Parameters
    ----------
    places
        Where the sources and SUSHI lie.
    folder
        The folder to make; one that is there is replaced.
    maps
        The StructureMaps, for the table of them.
    made
        The examples.

    Returns
    -------
    Resource
        The ImplementationGuide, which lists what is in the folder but for the maps.

    Raises
    ------
    SetupError
        SUSHI reports an error.
    """
    with replace_folder(folder) as partial:
        lay_out(places, partial, maps, made)
        fsh.compile_folder(places, partial)
        (guide,) = (partial / "fsh-generated" / "resources").glob("ImplementationGuide-*.json")
        return read(guide)


def lay_out(places: Layout, folder: Path, maps: Sequence[Resource], made: Sequence[Resource]) -> None:
    """Copy the sources and examples to where the IG Publisher looks for them."""
    config = places.sushi_config.read_text(encoding="utf-8")
    (folder / "sushi-config.yaml").write_text(config + listing(made), encoding="utf-8")
    for below, pattern, place in _TABLE:
        _copy(sorted((places.fsh / below).glob(pattern)), places.fsh / below, folder / place)
    _copy(sorted(places.fsh.rglob("*.fsh")), places.fsh, folder / "input" / "fsh")
    _copy_maps(places.maps, folder / "input" / "maps")
    _write_pages(places, maps, made, folder / "input" / "pagecontent")
    _write_examples(made, folder / "input" / "examples")


def _copy(sources: Iterable[Path], root: Path, place: Path) -> None:
    """Copy files with their place below a root."""
    for source in sources:
        target = place / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _copy_maps(maps: Path, place: Path) -> None:
    """Copy the maps under the extension by which the IG Publisher knows the language."""
    place.mkdir(parents=True)
    for source in sorted(maps.glob("*.map")):
        shutil.copyfile(source, place / f"{source.stem}.fml")


def _write_pages(places: Layout, maps: Sequence[Resource], made: Sequence[Resource], place: Path) -> None:
    """Write the pages, their tables filled in."""
    tables = {"maps": lambda: pages.maps_table(maps), "examples": lambda: pages.examples_table(made)}
    place.mkdir(parents=True)
    for source in sorted((places.fsh / "guide" / "pagecontent").glob("*.md")):
        page = pages.filled(source.read_text(encoding="utf-8"), tables)
        (place / source.name).write_text(page, encoding="utf-8")


def _write_examples(made: Iterable[Resource], place: Path) -> None:
    """Write the examples."""
    place.mkdir(parents=True)
    for example in made:
        (place / example.filename).write_bytes(example.to_json())


def listing(made: Sequence[Resource]) -> str:
    """Name the examples and their profiles, as the key `resources` of SUSHI's configuration."""
    names = examples.titles(made)
    lines = ["\n# The examples, made from the reports in fsh/examples.\n", "resources:\n"]
    for example in made:
        lines.append(f"  {example.reference}:\n    name: {json.dumps(names[example.reference])}\n")
        profile = examples.first_profile(example)
        lines.append(f"    exampleCanonical: {profile}\n" if profile else "    exampleBoolean: true\n")
    return "".join(lines) if made else ""
