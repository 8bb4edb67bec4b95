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


@dataclass(frozen=True)
class Layout:
    """Answer where each source and each product of the set-up lies.

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
        """Answer the folder below which compiled definitions and maps lie."""
        return self.carried or self.home

    # ---- sources
    # -----------------------------------------------------------------------------------------------------
    @property
    def pins(self) -> Path:
        """Answer the file that pins jars and FHIR packages."""
        return self.sources / "engine.toml"

    @property
    def maps(self) -> Path:
        """Answer the folder of the FML maps."""
        return self.sources / "maps"

    @property
    def fsh(self) -> Path:
        """Answer the folder of the FSH definitions."""
        return self.sources / "fsh"

    @property
    def generated_terminology(self) -> Path:
        """Answer the folder of the code systems that are generated, not written."""
        return self.fsh / "terminology" / "generated"

    @property
    def sushi_config(self) -> Path:
        """Answer SUSHI's configuration file."""
        return self.sources / "sushi-config.yaml"

    @property
    def java_sources(self) -> Path:
        """Answer the folder of our own Java."""
        return self.sources / "harness" / "java"

    @property
    def locks(self) -> Path:
        """Answer the folder of the Python lock files."""
        return self.sources / "locks"

    # ---- products
    # ----------------------------------------------------------------------------------------------------
    @property
    def cache(self) -> Path:
        """Answer the folder of the package managers' caches."""
        return self.home / "cache"

    @property
    def scratch(self) -> Path:
        """Answer the folder for temporary files of set-up and of the JVM."""
        return self.home / "tmp"

    @property
    def jars(self) -> Path:
        """Answer the folder of the engine's jars."""
        return self.home / "jars"

    @property
    def java_home(self) -> Path:
        """Answer the JVM's ``user.home``, below which the engine and SUSHI look for FHIR packages."""
        return self.home / "java-home"

    @property
    def packages(self) -> Path:
        """Answer the FHIR package cache."""
        return self.java_home / ".fhir" / "packages"

    @property
    def node(self) -> Path:
        """Answer the folder of a Node of our own, for machines without."""
        return self.home / "node"

    @property
    def sushi(self) -> Path:
        """Answer the folder of SUSHI's node_modules."""
        return self.home / "sushi"

    @property
    def fsh_stage(self) -> Path:
        """Answer the folder laid out as SUSHI wants it."""
        return self.home / "fsh"

    @property
    def definitions(self) -> Path:
        """Answer the folder of the compiled conformance resources."""
        return self.compiled / "definitions"

    @property
    def examples(self) -> Path:
        """Answer the folder of the compiled example instances."""
        return self.home / "examples"

    @property
    def compiled_maps(self) -> Path:
        """Answer the folder of the StructureMaps that the engine made of the FML maps."""
        return self.compiled / "maps"

    @property
    def map_index(self) -> Path:
        """Answer the table of file and line of every group and rule."""
        return self.compiled / "engine" / "map-index.json"

    @property
    def core(self) -> Path:
        """Answer the Bundle of the StructureDefinitions that transforms touch."""
        return self.compiled / "engine" / "core.json"

    @property
    def overlay(self) -> Path:
        """Answer the jar that shadows large tables which transforms never read."""
        return self.home / "engine" / "overlay.jar"

    @property
    def map_runner(self) -> Path:
        """Answer the jar of our own Java, which executes maps for another process."""
        return self.compiled / "engine" / "map-runner.jar"

    @property
    def fhir_settings(self) -> Path:
        """Answer the engine's settings file, which forbids it the network."""
        return self.home / "engine" / "fhir-settings.json"

    def aot_cache(self, profile: str) -> Path:
        """Answer the JVM's cache of loaded and linked classes; its options belong to it."""
        return self.home / "engine" / f"classes-{profile}.aot"

    @property
    def stamps(self) -> Path:
        """Answer the record of what set-up has done."""
        return self.home / "setup.json"


def layout() -> Layout:
    """Answer the layout that holds for this process.

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
    """Answer the platform's folder for a program's own data."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
