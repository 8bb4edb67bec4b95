"""What the servers are made of: the jars that jars.toml pins, and our launcher."""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path

from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.pins import Jar
from sr2fhir.toolchain.jars import fetch_pinned
from sr2fhir.toolchain.java import pack
from sr2fhir.toolchain.steps import Progress
from tools.compiling.java import compiled

HERE = Path(__file__).parent


def pinned() -> list[Jar]:
    """List the jars in the order of the class path."""
    content = tomllib.loads((HERE / "jars.toml").read_text("utf-8"))
    return [Jar(name, digest) for name, digest in content["jars"].items()]


def class_path(places: Layout) -> list[Path]:
    """Fetch what is missing, compile the launcher if it has changed, and return the jars.

    Raises
    ------
    SetupError
        A jar cannot be fetched.
    """
    folder, jars = places.cache / "hapi-jpa", pinned()
    with Path(os.devnull).open("w") as nowhere:
        fetch_pinned(jars, folder, places.scratch / "maven-hapi-jpa", Progress(1, nowhere))
    files = [folder / jar.filename for jar in jars]
    launcher = folder / f"launcher-{_digest()}.jar"
    if not launcher.is_file():
        replace_file(launcher, pack(compiled(places, HERE / "java", files)))
    return [launcher, *files]


def _digest() -> str:
    """Return a digest of what the launcher is compiled from."""
    parts = [HERE / "jars.toml", *sorted((HERE / "java").rglob("*.java"))]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:16]
