"""Step: unpack the FHIR packages into a cache of the project's own."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from sr2fhir import pins
from sr2fhir.errors import SetupError
from sr2fhir.files import replace_folder
from sr2fhir.paths import Layout
from sr2fhir.pins import Package, Pins
from sr2fhir.toolchain.progress import Progress

# A key that only narratives have, and its JSON string. The rest of a resource stays as it is, byte by byte.
_NARRATIVE = re.compile(rb'"div"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_NARRATIVE = rb'"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">-</div>"'


def run(places: Layout, progress: Progress) -> None:
    """Unpack every package that engine.toml names.

    Raises
    ------
    SetupError
        A package is missing from the jar or is not the pinned one.
    """
    content = pins.load(places.pins)
    with zipfile.ZipFile(places.jars / content.resources.filename) as jar:
        for number, package in enumerate(content.packages, 1):
            with replace_folder(places.packages / package.name) as folder:
                _fill(package, folder / "package", jar, content)
            progress.advance(number, len(content.packages))


def _fill(package: Package, folder: Path, jar: zipfile.ZipFile, content: Pins) -> None:
    """Fill the folder of one package."""
    folder.mkdir()
    if not package.sha256:
        _make_empty(package, folder, content.fhir_version)
        return
    try:
        archive = jar.read(f"{content.folder}/{package.archive}")
    except KeyError as error:
        raise SetupError(
            f"the FHIR package {package.name} is not in the jar that engine.toml names"
        ) from error
    if hashlib.sha256(archive).hexdigest() != package.sha256:
        raise SetupError(f"the FHIR package {package.name} is not the one that engine.toml pins")
    _unpack(archive, folder)


def _unpack(archive: bytes, folder: Path) -> None:
    """Write the resources and the index of a package; its XML, schemas and pictures are not needed.

    Nor are narratives: they are half of the text that a validator would have to read at each start.
    """
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            wanted = member.isfile() and path.suffix == ".json" and path.parent == PurePosixPath("package")
            if wanted and (source := tar.extractfile(member)):
                (folder / path.name).write_bytes(_NARRATIVE.sub(_NO_NARRATIVE, source.read()))


def _make_empty(package: Package, folder: Path, fhir_version: str) -> None:
    """Write a package without content."""
    name, version = package.name.split("#")
    manifest = {
        "name": name,
        "version": version,
        "type": "IG",
        "fhirVersions": [fhir_version],
        "dependencies": {},
    }
    (folder / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / ".index.json").write_text(json.dumps({"index-version": 2, "files": []}), encoding="utf-8")
