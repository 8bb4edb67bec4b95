"""The folder that the IG Publisher takes as it is: everything in its place, and SUSHI content with it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sr2fhir.files import replace_folder
from sr2fhir.paths import Layout

from tools.compiling import fsh
from tools.guide import docs, examples, identity
from tools.guide.mapping import GUIDE, Pages, table
from tools.guide.resources import Resource, map_sources, read, read_all, structure_maps

_PROFILE = re.compile(r"http://hl7\.org/fhir/uv/dicom-sr/StructureDefinition/([\w-]+)")
# What lies where: folder below fsh/, pattern, folder of the guide.
_TABLE = (
    ("guide", "ig.ini", "."),
    ("guide", "ignoreWarnings.txt", "input"),
    ("terminology/generated", "*.json", "input/vocabulary"),
)


def build(
    places: Layout,
    folder: Path,
    maps: Sequence[Resource],
    made: Sequence[Resource],
    publisher: identity.Identity | None = None,
) -> Resource:
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
    publisher
        Who publishes it, if not we.

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
        if publisher:
            identity.apply(publisher, partial)
        fsh.compile_folder(places, partial)
        (guide,) = (partial / "fsh-generated" / "resources").glob("ImplementationGuide-*.json")
        return read(guide)


def definitions(folder: Path) -> list[Resource]:
    """Read the definitions of the folder: what SUSHI made of it, and the code systems of DICOM."""
    made = read_all(
        (folder / "fsh-generated" / "resources").glob("*.json"), "definitions of the guide in its folder"
    )
    return [
        *(resource for resource in made if resource.type in fsh.CONFORMANCE),
        *read_all((folder / "input" / "vocabulary").glob("*.json"), "code systems"),
    ]


def lay_out(places: Layout, folder: Path, maps: Sequence[Resource], made: Sequence[Resource]) -> None:
    """Copy the sources and examples to where the IG Publisher looks for them."""
    config = places.sushi_config.read_text(encoding="utf-8")
    (folder / "sushi-config.yaml").write_text(config + listing(made), encoding="utf-8")
    for below, pattern, place in _TABLE:
        _copy(sorted((places.fsh / below).glob(pattern)), places.fsh / below, folder / place)
    _copy(sorted(places.fsh.rglob("*.fsh")), places.fsh, folder / "input" / "fsh")
    _copy_maps(places, folder / "input" / "maps")
    _write_pages(places, maps, made, folder / "input" / "pagecontent")
    _write_examples(made, folder / "input" / "examples")


def _copy(sources: Iterable[Path], root: Path, place: Path) -> None:
    """Copy files with their place below a root."""
    for source in sources:
        target = place / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _copy_maps(places: Layout, place: Path) -> None:
    """Copy the maps under the extension by which the IG Publisher knows the language."""
    place.mkdir(parents=True)
    # those of the package: to R5
    for entry in structure_maps(places):
        name = entry.content["id"]
        shutil.copyfile(map_sources(places)[name], place / f"{name}.fml")


def _write_pages(places: Layout, maps: Sequence[Resource], made: Sequence[Resource], place: Path) -> None:
    """Write the pages, their tables filled in; the index of concepts; the rules for the page of each map."""
    tables = {"maps": maps_table(maps), "examples": examples_table(made)}
    pages = Pages(docs.library(places, with_steps=False), docs.roles(places), GUIDE)
    place.mkdir(parents=True)
    for source in sorted((places.fsh / "guide" / "pagecontent").glob("*.md")):
        page = filled(source.read_text(encoding="utf-8"), tables)
        (place / source.name).write_text(page, encoding="utf-8")
    (place / "concepts.md").write_text(pages.index(), encoding="utf-8")
    for entry in maps:
        notes = f"### Rules\n\n{pages.of_map(entry.content['name'])}"
        (place / f"StructureMap-{entry.content['id']}-notes.md").write_text(notes, encoding="utf-8")


def filled(page: str, tables: Mapping[str, str]) -> str:
    """Put tables where a page marks their places with ``<!-- table of NAME -->``."""
    return re.sub(r"<!-- table of (\w+) -->\n", lambda mark: tables[mark[1]], page)


def maps_table(maps: Iterable[Resource]) -> str:
    """List the maps with what their heads say: the engine keeps it with the first structure."""
    rows = []
    for entry in maps:
        head = " ".join(entry.content["structure"][0].get("documentation", "").split())
        linked = _PROFILE.sub(r"[\1](StructureDefinition-\1.html)", head.replace("|", "&#124;"))
        rows.append((_link(entry, entry.content["title"]), linked))
    return table(("Map", "Profile and source"), rows, GUIDE.after_table)


def examples_table(made: Sequence[Resource]) -> str:
    """List the examples."""
    names = examples.titles(made)
    rows = [(_link(one, one.type), names[one.reference]) for one in made]
    return table(("Resource", "Profile and number"), rows, GUIDE.after_table)


def _link(resource: Resource, text: str) -> str:
    """Link to the page of a resource."""
    return f"[{text}]({resource.reference.replace('/', '-')}.html)"


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
