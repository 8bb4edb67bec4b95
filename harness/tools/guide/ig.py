"""Publish: from what set-up has compiled to the FHIR package and the folder for the IG Publisher."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.settings import R4

from tools.guide import examples, ig_folder, package, resources, snapshots
from tools.guide.identity import Identity
from tools.guide.resources import Resource

MAPS_R4 = package.Companion(
    "maps-r4",
    "DICOM SR to FHIR R4",
    "Maps that lead Bundles of the guide from FHIR R5 to R4, and to the document of IHE RAD MADO. The "
    "definitions of R4 are to stand beside those of R5, under URLs that name the version.",
    {R4.core_package: R4.fhir_version},
)
_COMMON = ("version", "publisher", "contact", "jurisdiction")


@dataclass(frozen=True)
class Published:
    """Say what was made.

    Parameters
    ----------
    package
        The FHIR package.
    maps_r4
        The FHIR package of the maps that lead from R5 to R4, which builds on it.
    folder
        The folder for the IG Publisher.
    count
        How many resources the package holds.
    examples
        How many of them are examples.
    """

    package: Path
    maps_r4: Path
    folder: Path
    count: int
    examples: int


def publish(places: Layout, out: Path | None = None, identity: Identity | None = None) -> Published:
    """Make both.

    Parameters
    ----------
    places
        Where the products of set-up lie.
    out
        Where package.tgz and the folder ig go; by default beside the products of set-up.
    identity
        Who publishes them, if not we.

    Raises
    ------
    SetupError
        Set-up has not been run, SUSHI reports an error, or the engine makes no snapshot.
    Sr2FhirError
        A report of fsh/examples cannot be transformed.
    """
    out = out or places.home
    archive, maps_r4, folder = out / "package.tgz", out / "package-maps-r4.tgz", out / "ig"
    content = gather(places, folder, identity)
    replace_file(archive, package.pack(content))
    guide = next(resource for resource in content if resource.type == "ImplementationGuide")
    steps = completed_maps(places, resources.step_maps(places), guide)
    replace_file(maps_r4, package.pack_companion(MAPS_R4, guide.content, steps))
    return Published(archive, maps_r4, folder, len(content), sum(resource.example for resource in content))


def gather(places: Layout, folder: Path, identity: Identity | None = None) -> list[Resource]:
    """Collect all resources of the package; makes the folder for the IG Publisher on the way."""
    made = examples.from_reports(places)
    listed = ig_folder.build(places, folder, resources.structure_maps(places), made, identity)
    definitions = snapshots.with_snapshots(places, ig_folder.definitions(folder))
    maps = completed_maps(places, resources.structure_maps(places), listed)
    return [*definitions, *maps, completed_guide(listed, maps), *made]


def completed_maps(places: Layout, maps: Iterable[Resource], guide: Resource) -> list[Resource]:
    """Complete each map with its text."""
    sources = resources.map_sources(places)
    return [
        completed_map(entry, guide, sources[entry.content["id"]].read_text(encoding="utf-8"))
        for entry in maps
    ]


def completed_map(entry: Resource, guide: Resource, source: str) -> Resource:
    """Give a map its text, and what all definitions of the guide have in common; FML has no place for that.

    The text stands in the narrative, as in other published guides. Its status is ``additional``: the comments
    stand nowhere else in the resource.
    """
    common = {name: guide.content[name] for name in _COMMON if name in guide.content}
    pre = f'<pre class="fml">\n{escape(source, quote=False)}</pre>'
    text = {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{pre}</div>'}
    return entry.with_content(**common, experimental=guide.content.get("experimental", False), text=text)


def completed_guide(guide: Resource, maps: Iterable[Resource]) -> Resource:
    """Complete the ImplementationGuide for the package.

    Parameters
    ----------
    guide
        As SUSHI made it: it lists definitions, examples and pages.
    maps
        The StructureMaps, which SUSHI does not read.

    Returns
    -------
    Resource
        With the maps listed, and without the parameters, which only steer the IG Publisher and are coded by a
        system of its own.
    """
    definition = {name: value for name, value in guide.content["definition"].items() if name != "parameter"}
    listed = [
        {"reference": {"reference": entry.reference}, "name": entry.content["title"], "isExample": False}
        for entry in maps
    ]
    return guide.with_content(definition={**definition, "resource": [*definition["resource"], *listed]})
