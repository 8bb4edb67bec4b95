"""The FHIR package: the guide for machines, in the layout of NPM.

Layout and index: https://hl7.org/fhir/R5/packages.html. The same resources always give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sr2fhir.jsontext import JsonObject
from sr2fhir.settings import R5

from tools.guide.resources import Resource

# What an index says of a resource, as far as the resource has it.
_INDEXED = ("id", "url", "version", "kind", "type", "derivation", "supplements", "content", "valueSet")
# The first moment that an archive can hold on every system.
_EPOCH = 315532800
_EXAMPLES = "example"


@dataclass(frozen=True)
class Companion:
    """A package that builds on that of the guide.

    Parameters
    ----------
    suffix
        What its id has after that of the guide. It is not `r4`, under which the IG Publisher writes a whole
        guide in R4: the maps are resources of R5.
    title, description
        What it says of itself.
    dependencies
        Package and version of what it needs besides the guide and what the guide needs.
    """

    suffix: str
    title: str
    description: str
    dependencies: Mapping[str, str]

    def manifest(self, guide: JsonObject) -> JsonObject:
        """Make package.json from the ImplementationGuide."""
        of_guide = manifest(guide)
        return {
            **of_guide,
            "name": f"{of_guide['name']}.{self.suffix}",
            "title": self.title,
            "description": self.description,
            "dependencies": {
                **of_guide["dependencies"],
                of_guide["name"]: of_guide["version"],
                **self.dependencies,
            },
        }


def pack(resources: Sequence[Resource]) -> bytes:
    """Make the package.

    Parameters
    ----------
    resources
        All resources of the guide, one ImplementationGuide among them.

    Returns
    -------
    bytes
        A gzipped tar archive.
    """
    return _packed(manifest(guide_of(resources)), resources)


def pack_companion(companion: Companion, guide: JsonObject, resources: Sequence[Resource]) -> bytes:
    """Make a package of some resources that builds on that of the guide."""
    return _packed(companion.manifest(guide), resources)


def guide_of(resources: Iterable[Resource]) -> JsonObject:
    """Return the ImplementationGuide."""
    return next(resource.content for resource in resources if resource.type == "ImplementationGuide")


def _packed(about: JsonObject, resources: Iterable[Resource]) -> bytes:
    """Make an archive of package.json and resources, with an index of each folder."""
    members = {"package.json": _json(about)}
    for folder, some in _by_folder(resources):
        members |= {f"{folder}{resource.filename}": resource.to_json() for resource in some}
        members[f"{folder}.index.json"] = _json(index(some))
    return _compressed(_archive({f"package/{name}": content for name, content in members.items()}))


def _by_folder(resources: Iterable[Resource]) -> Iterator[tuple[str, list[Resource]]]:
    """Tell definitions and examples apart."""
    listed = sorted(resources, key=lambda resource: resource.filename)
    yield "", [resource for resource in listed if not resource.example]
    if examples := [resource for resource in listed if resource.example]:
        yield f"{_EXAMPLES}/", examples


def manifest(guide: JsonObject) -> JsonObject:
    """Make package.json from the ImplementationGuide."""
    return {
        "name": guide["packageId"],
        "version": guide["version"],
        "tools-version": 3,
        "type": "IG",
        "license": guide["license"],
        "canonical": guide["url"].split("/ImplementationGuide/")[0],
        "url": guide["url"].split("/ImplementationGuide/")[0],
        "title": guide["title"],
        "description": guide["description"],
        "fhirVersions": guide["fhirVersion"],
        "dependencies": {R5.core_package: guide["fhirVersion"][0], **_dependencies(guide)},
        "author": guide["publisher"],
        "jurisdiction": _token(guide["jurisdiction"][0]["coding"][0]),
        "directories": {"lib": "package", "example": _EXAMPLES},
    }


def _dependencies(guide: JsonObject) -> Mapping[str, str]:
    """Return package and version of what the guide depends on beyond FHIR itself."""
    return {entry["packageId"]: entry["version"] for entry in guide.get("dependsOn", ())}


def _token(coding: JsonObject) -> str:
    """Write a coding as one word."""
    return f"{coding['system']}#{coding['code']}"


def index(resources: Iterable[Resource]) -> JsonObject:
    """Make the index of a folder."""
    return {"index-version": 2, "files": [_index_entry(resource) for resource in resources]}


def _index_entry(resource: Resource) -> JsonObject:
    """Say what the index tells of a resource."""
    known = {name: value for name in _INDEXED if isinstance(value := resource.content.get(name), str)}
    return {"filename": resource.filename, "resourceType": resource.type, **known}


def _json(content: JsonObject) -> bytes:
    """Write JSON."""
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def _archive(members: Mapping[str, bytes]) -> bytes:
    """Make a tar archive without trace of time, machine and user; package.json comes first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(members, key=lambda name: (name != "package/package.json", name)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(members[name]), _EPOCH, 0o644
            archive.addfile(entry, io.BytesIO(members[name]))
    return buffer.getvalue()


def _compressed(content: bytes) -> bytes:
    """Compress, without name and time in the header."""
    return gzip.compress(content, compresslevel=9, mtime=0)
