"""A project in miniature: its own engine.toml, jars and packages, nothing from the network."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sr2fhir.paths import Layout
from sr2fhir.pins import Jar


@dataclass
class Notes:
    """A progress that keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def begin(self, title: str) -> None:
        self.lines.append(f"begin {title}")

    def advance(self, done: int, total: int) -> None:
        self.lines.append(f"{done}/{total}")

    def note(self, text: str) -> None:
        self.lines.append(text)

    def end(self) -> None:
        self.lines.append("end")

    def fail(self) -> None:
        self.lines.append("fail")


@pytest.fixture
def notes() -> Notes:
    return Notes()


@dataclass
class Project:
    """Sources and products below one folder, and a Maven repository beside them."""

    places: Layout
    repository: Path
    fetched: list[str] = field(default_factory=list)

    def fetch(self, jar: Jar, folder: Path) -> Path:
        """Bring a jar from the repository, as the resolver would."""
        self.fetched.append(jar.coordinates)
        folder.mkdir(parents=True)
        target = folder / jar.filename
        target.write_bytes(self.stored(jar).read_bytes())
        return target

    def stored(self, jar: Jar) -> Path:
        group, artifact, version, *_ = jar.coordinates.split(":")
        return self.repository.joinpath(*group.split("."), artifact, version, jar.filename)


def archive(**members: bytes) -> bytes:
    """Pack a FHIR package."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("__", "/") + ".json")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


NARRATIVE = b'{"resourceType":"Basic","text":{"div":"<div>a \\"quoted\\" word</div>"},"value":1.500}'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    package = archive(
        package__package=json.dumps({"name": "hl7.fhir.r5.core", "version": "1.0.0"}).encode(),
        package__Basic=NARRATIVE,
        package__other__schema=b"{}",
    )
    resources = io.BytesIO()
    with zipfile.ZipFile(resources, "w") as jar:
        jar.writestr("packages/hl7.fhir.r5.core-1.0.0.tgz", package)
    contents = {
        "org.example:first:1.0": b"first jar",
        "org.example:second:2.0": b"second jar",
        "org.example:third:3.0:data": b"third jar",
        "org.example:packages:1.0": resources.getvalue(),
        "org.example:compiler:4.0": b"compiler",
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    jars = "\n".join(f'"{name}" = "{digest}"' for name, digest in list(hashes.items())[:3])
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "engine.toml").write_text(
        f"""
[resources]
coordinates = "org.example:packages:1.0"
sha256 = "{hashes["org.example:packages:1.0"]}"
folder = "packages"
[compiler]
coordinates = "org.example:compiler:4.0"
sha256 = "{hashes["org.example:compiler:4.0"]}"
[packages]
"hl7.fhir.r5.core#1.0.0" = "{hashlib.sha256(package).hexdigest()}"
"some.empty#0.1.0" = ""
[jars]
{jars}
"""
    )
    made = Project(Layout(tmp_path / "sources", tmp_path / "home"), tmp_path / "repository")
    for name, content in contents.items():
        path = made.stored(Jar(name, ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return made
