"""Where things lie: the sources that set-up reads and the folder that it fills.

In a checkout the sources are the checkout itself and everything made lands in its ``build/``. An installed
package carries its sources as package data and fills a folder of the user's. ``SR2FHIR_HOME`` names another
folder to fill, in both cases.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "SR2FHIR_HOME"
_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]
# An installed package carries in this folder what set-up reads, and below that what set-up would compile.
DATA = "data"
COMPILED = "compiled"


class _Below:
    """A path below another one of a Layout, named by its attribute."""

    def __init__(self, base: str, *parts: str) -> None:
        self._base, self._parts = base, parts

    def __get__(self, layout: Layout, _: type[Layout]) -> Path:
        path: Path = getattr(layout, self._base)
        return path.joinpath(*self._parts)


@dataclass(frozen=True)
class Layout:
    """Where each source and each product of the set-up lies.

    Parameters
    ----------
    sources
        Folder of engine.toml, fsh/, maps/ and locks/.
    home
        Folder that set-up fills.
    carried
        Folder of the compiled definitions and maps that an installed package carries; None in a checkout,
        where set-up compiles them.
    """

    sources: Path
    home: Path
    carried: Path | None = None

    @property
    def is_installed(self) -> bool:
        """Tell whether this is an installed package."""
        return self.carried is not None

    @property
    def compiled(self) -> Path:
        """Return the folder below which compiled definitions and maps lie."""
        return self.carried or self.home

    # ---- sources

    pins = _Below("sources", "engine.toml")
    """The file that pins jars and FHIR packages."""
    maps = _Below("sources", "maps")
    """The folder of the FML maps."""
    fsh = _Below("sources", "fsh")
    """The folder of the FSH definitions."""
    generated_terminology = _Below("fsh", "terminology", "generated")
    """The folder of the code systems that are generated, not written."""
    sushi_config = _Below("sources", "sushi-config.yaml")
    """SUSHI's configuration file."""
    java_sources = _Below("sources", "harness", "java")
    """The folder of our own Java."""
    locks = _Below("sources", "locks")
    """The folder of the Python lock files."""

    # ---- products

    cache = _Below("home", "cache")
    """The folder of the package managers' caches."""
    scratch = _Below("home", "tmp")
    """The folder for temporary files of set-up and of the JVM."""
    jars = _Below("home", "jars")
    """The folder of the engine's jars."""
    java_home = _Below("home", "java-home")
    """The JVM's ``user.home``, below which the engine and SUSHI look for FHIR packages."""
    packages = _Below("java_home", ".fhir", "packages")
    """The FHIR package cache."""
    node = _Below("home", "node")
    """The folder of a Node of our own, for machines without."""
    sushi = _Below("home", "sushi")
    """The folder of SUSHI's node_modules."""
    fsh_stage = _Below("home", "fsh")
    """The folder laid out as SUSHI wants it."""
    definitions = _Below("compiled", "definitions")
    """The folder of the compiled conformance resources."""
    examples = _Below("home", "examples")
    """The folder of the compiled example instances."""
    compiled_maps = _Below("compiled", "maps")
    """The folder of the StructureMaps that the engine made of the FML maps."""
    map_index = _Below("compiled", "engine", "map-index.json")
    """The table of file and line of every group and rule."""
    core = _Below("compiled", "engine", "core.json")
    """The Bundle of the StructureDefinitions that transforms touch."""
    overlay = _Below("home", "engine", "overlay.jar")
    """The jar that shadows large tables which transforms never read."""
    map_runner = _Below("compiled", "engine", "map-runner.jar")
    """The jar of our own Java, which executes maps for another process."""
    fhir_settings = _Below("home", "engine", "fhir-settings.json")
    """The engine's settings file, which forbids it the network."""

    stamps = _Below("home", "setup.json")
    """The record of what set-up has done."""

    def step_maps(self, folder: str) -> Path:
        """Return the folder of the StructureMaps that lead from R5 to another version of FHIR."""
        return self.compiled_maps / folder

    def step_definitions(self, folder: str) -> Path:
        """Return the Bundle of the StructureDefinitions of that version that these maps make."""
        return self.compiled / "engine" / f"{folder}.json"

    def step_sources(self, folder: str) -> Path:
        """Return the Bundle of the StructureDefinitions of R5 that these maps read."""
        return self.compiled / "engine" / f"{folder}-sources.json"

    def step_extensions(self, folder: str) -> Path:
        """Return the Bundle of the definitions of the extensions that these maps write, for validating."""
        return self.compiled / "engine" / f"{folder}-extensions.json"

    def step_products(self, folder: str) -> tuple[Path, ...]:
        """List the three."""
        return self.step_definitions(folder), self.step_sources(folder), self.step_extensions(folder)

    def aot_cache(self, profile: str) -> Path:
        """Return the JVM's cache of loaded and linked classes; its options belong to it."""
        return self.home / "engine" / f"classes-{profile}.aot"


def layout() -> Layout:
    """Return the layout that holds for this process.

    Returns
    -------
    Layout
        The checkout and its ``build/``, or the package's data and a folder of the user's.
        SR2FHIR_HOME replaces the second of the two.
    """
    checkout = (_CHECKOUT / "engine.toml").is_file()
    sources = _CHECKOUT if checkout else _PACKAGE / DATA
    default = _CHECKOUT / "build" if checkout else _user_data() / "sr2fhir"
    chosen = os.environ.get(HOME_VARIABLE)
    home = Path(chosen).expanduser().resolve() if chosen else default
    return Layout(sources, home, None if checkout else sources / COMPILED)


def _user_data() -> Path:
    """Return the platform's folder for a program's own data."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
