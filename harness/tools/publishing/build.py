"""Publish: from what set-up has compiled to the package and the folder for the IG Publisher."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sr2fhir.files import replace_file
from sr2fhir.paths import Layout

from tools.publishing import examples, guide, ig_folder, narrative, package, resources, snapshots
from tools.publishing.resources import Resource


@dataclass(frozen=True)
class Published:
    """Say what was made.

    Parameters
    ----------
    package
        The FHIR package.
    folder
        The folder for the IG Publisher.
    count
        How many resources the package holds.
    examples
        How many of them are examples.
    """

    package: Path
    folder: Path
    count: int
    examples: int


def publish(places: Layout, out: Path | None = None) -> Published:
    """Make both.

    Parameters
    ----------
    places
        Where the products of set-up lie.
    out
        Where package.tgz and the folder ig go; by default beside the products of set-up.

    Raises
    ------
    SetupError
        Set-up has not been run, SUSHI reports an error, or the engine makes no snapshot.
    Sr2FhirError
        A report of fsh/examples cannot be transformed.
    """
    archive, folder = (out or places.home) / "package.tgz", (out or places.home) / "ig"
    content = gather(places, folder)
    replace_file(archive, package.pack(content))
    return Published(archive, folder, len(content), sum(resource.example for resource in content))


def gather(places: Layout, folder: Path) -> list[Resource]:
    """Collect all resources of the package; makes the folder for the IG Publisher on the way."""
    made = examples.from_reports(places)
    definitions = snapshots.with_snapshots(places, resources.definitions(places))
    compiled = resources.structure_maps(places)
    listed = ig_folder.build(places, folder, compiled, made)
    maps = [guide.dressed(with_source(places, entry), listed) for entry in compiled]
    return [*definitions, *maps, guide.complete(listed, maps), *made]


def with_source(places: Layout, entry: Resource) -> Resource:
    """Add to a map the text that its author wrote."""
    source = (places.maps / f"{entry.content['id']}.map").read_text(encoding="utf-8")
    return entry.with_content(text=narrative.of_map(source))
