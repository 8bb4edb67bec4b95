"""The FHIR package: the guide for machines, in the layout of NPM.

Layout and index: https://hl7.org/fhir/R5/packages.html. The same resources always give the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sr2fhir.jsontext import JsonObject
from sr2fhir.settings import R5

from tools.guide.resources import Resource

# What an index says of a resource, as far as the resource has it.
_INDEXED = ("id", "url", "version", "kind", "type", "derivation", "supplements", "content", "valueSet")
# The first moment that an archive can hold on every system.
_EPOCH = 315532800
_EXAMPLES = "example"


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
    guide = next(resource.content for resource in resources if resource.type == "ImplementationGuide")
    members = {"package.json": _json(manifest(guide))}
    for folder, some in _by_folder(resources):
        members |= {f"{folder}{resource.filename}": resource.to_json() for resource in some}
        members[f"{folder}.index.json"] = _json(index(some))
    return _compressed(_archive({f"package/{name}": content for name, content in members.items()}))


def _by_folder(resources: Iterable[Resource]) -> Iterator[tuple[str, list[Resource]]]:
    """Tell definitions and examples apart."""
    listed = sorted(resources, key=lambda resource: resource.filename)
    yield "", [resource for resource in listed if not resource.example]
    yield f"{_EXAMPLES}/", [resource for resource in listed if resource.example]


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
