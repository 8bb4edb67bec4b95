"""What engine.toml pins: jars and FHIR packages, each with its version and sha256."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sr2fhir.settings import R5


@dataclass(frozen=True)
class Jar:
    """Name one jar.

    Parameters
    ----------
    coordinates
        group:artifact:version[:classifier].
    sha256
        Of the file, as hexadecimal digits.
    """

    coordinates: str
    sha256: str

    @property
    def filename(self) -> str:
        """Return the file's name in a Maven repository."""
        _, artifact, version, *classifier = self.coordinates.split(":")
        return "-".join((artifact, version, *classifier)) + ".jar"


@dataclass(frozen=True)
class Package:
    """Name one FHIR package.

    Parameters
    ----------
    name
        id#version.
    sha256
        Of its archive; empty for a package that is made here, without content.
    """

    name: str
    sha256: str

    @property
    def archive(self) -> str:
        """Return the archive's file name."""
        return self.name.replace("#", "-") + ".tgz"


@dataclass(frozen=True)
class Pins:
    """Hold what engine.toml says.

    Parameters
    ----------
    jars
        In the order of the class path.
    resources
        The jar that carries the FHIR packages.
    folder
        Where in it they lie.
    packages
        The FHIR packages.
    compiler
        The jar of the Java compiler.
    """

    jars: tuple[Jar, ...]
    resources: Jar
    folder: str
    packages: tuple[Package, ...]
    compiler: Jar

    @property
    def core(self) -> str:
        """Name the package that defines FHIR: id#version."""
        return next(
            package.name for package in self.packages if package.name.startswith(f"{R5.core_package}#")
        )

    @property
    def fhir_version(self) -> str:
        """Return the version of FHIR that the maps are for."""
        return self.core.partition("#")[2]


@lru_cache(maxsize=4)
def load(path: Path) -> Pins:
    """Read the pins.

    Parameters
    ----------
    path
        engine.toml.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    jars = tuple(Jar(name, digest) for name, digest in data["jars"].items())
    packages = tuple(Package(name, digest) for name, digest in data["packages"].items())
    resources, compiler = data["resources"], data["compiler"]
    return Pins(jars, _jar(resources), resources["folder"], packages, _jar(compiler))


def _jar(table: dict[str, str]) -> Jar:
    """Read a table that pins one jar."""
    return Jar(table["coordinates"], table["sha256"])
