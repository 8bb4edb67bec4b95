"""What engine.toml pins: jars and FHIR packages, each with its version and sha256."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

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
class Built:
    """Name one FHIR package that is written here, since no registry has it.

    Parameters
    ----------
    name
        id#version.
    jar
        What holds its resources.
    files
        Where in it they lie: Bundles as XML.
    """

    name: str
    jar: Jar
    files: tuple[str, ...]


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
    built
        The FHIR packages that are written here.
    compiler
        The jar of the Java compiler.
    """

    jars: tuple[Jar, ...]
    resources: Jar
    folder: str
    packages: tuple[Package, ...]
    built: tuple[Built, ...]
    compiler: Jar

    @property
    def package_names(self) -> tuple[str, ...]:
        """Name all FHIR packages: id#version."""
        return (*(each.name for each in self.packages), *(each.name for each in self.built))

    def package(self, name: str) -> str:
        """Return id#version of the package that has an id."""
        return next(each for each in self.package_names if each.startswith(f"{name}#"))

    @property
    def core(self) -> str:
        """Name the package that defines FHIR: id#version."""
        return self.package(R5.core_package)

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
    built = tuple(
        Built(name, _jar(table), tuple(table["files"])) for name, table in data.get("built", {}).items()
    )
    return Pins(jars, _jar(resources), resources["folder"], packages, built, _jar(compiler))


def _jar(table: dict[str, Any]) -> Jar:
    """Read a table that pins one jar."""
    return Jar(table["coordinates"], table["sha256"])
