"""Step: write the FHIR packages that no registry has, of the XML that HAPI ships in a jar.

HL7 publishes FHIR R4 as the package hl7.fhir.r4.core; HAPI's jar holds the same resources as a few Bundles in
XML. Each resource is made JSON by the engine's own classes of R4, and the package gets the index by which the
engine finds a resource without reading all.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from sr2fhir.engines.java.connection import (
    Connection,
    ConnectionLostError,
    Operation,
    Process,
    RequestFailedError,
)
from sr2fhir.engines.java.options import command
from sr2fhir.errors import SetupError
from sr2fhir.files import replace_folder
from sr2fhir.paths import Layout
from sr2fhir.pins import Built, load
from sr2fhir.toolchain.steps import Progress

_FHIR = "{http://hl7.org/fhir}"
# what the index says of a resource, where it says it itself
_INDEXED = ("resourceType", "id", "url", "version", "kind", "type", "derivation", "valueSet", "content")


def write_packages(places: Layout, progress: Progress) -> None:
    """Write each package that engine.toml says is to be built.

    Raises
    ------
    SetupError
        A file is missing from the jar, or cannot be read as FHIR R4.
    """
    connection = Connection(Process(command(places, "batch", {}), places.scratch))
    try:
        for built in load(places.pins).built:
            with replace_folder(places.packages / built.name) as folder:
                _fill(built, places, folder / "package", connection, progress)
    except RequestFailedError as failure:
        raise SetupError(f"a definition of FHIR R4 cannot be read: {failure.kind}") from None
    except ConnectionLostError:
        raise SetupError("writing a FHIR package failed: its Java process ended") from None
    finally:
        connection.close()


def _fill(built: Built, places: Layout, folder: Path, connection: Connection, progress: Progress) -> None:
    """Write resources, index and manifest of one package."""
    folder.mkdir()
    index: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(places.jars / built.jar.filename) as jar:
        for number, name in enumerate(built.files, 1):
            for written in _resources(jar, name):
                made = connection.request(Operation.READ_R4, "", written)
                resource = json.loads(made)
                file = f"{resource['resourceType']}-{resource['id']}.json"
                (folder / file).write_bytes(made)
                facts = {key: resource[key] for key in _INDEXED if isinstance(resource.get(key), str)}
                index[file] = {"filename": file, **facts}
            progress.advance(number, len(built.files))
    listed = {"index-version": 2, "files": [index[file] for file in sorted(index)]}
    (folder / ".index.json").write_text(json.dumps(listed), encoding="utf-8")
    (folder / "package.json").write_text(json.dumps(_manifest(built)), encoding="utf-8")


def _resources(jar: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield the resources of a Bundle in XML, one at a time and without narratives."""
    try:
        with jar.open(name) as bundle:
            for _, entry in ElementTree.iterparse(bundle):  # noqa: S314 - its digest is pinned
                if entry.tag == f"{_FHIR}entry":
                    yield from map(_without_narrative, entry.iterfind(f"{_FHIR}resource/*"))
                    entry.clear()
    except KeyError:
        raise SetupError(f"the jar that engine.toml names does not hold {name}") from None
    except ElementTree.ParseError:
        raise SetupError(f"{name} in the jar that engine.toml names is malformed XML") from None


def _without_narrative(resource: ElementTree.Element) -> bytes:
    """Write a resource without what half of its text is, and nobody reads."""
    for narrative in resource.findall(f"{_FHIR}text"):
        resource.remove(narrative)
    return ElementTree.tostring(resource)


def _manifest(built: Built) -> dict[str, Any]:
    """Describe the package as HL7's own does."""
    name, version = built.name.split("#")
    return {
        "name": name,
        "version": version,
        "type": "Core",
        "license": "CC0-1.0",
        "canonical": "http://hl7.org/fhir",
        "fhirVersions": [version],
        "dependencies": {},
    }
