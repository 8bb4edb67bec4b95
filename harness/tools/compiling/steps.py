"""The steps of the set-up in a checkout: those of an installed package, and those that compile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sr2fhir.paths import Layout
from sr2fhir.settings import TARGETS
from sr2fhir.toolchain.steps import BUILT, CLASSES, JARS, JAVA, OVERLAY, PACKAGES, Step


def _java_sources(places: Layout) -> Iterable[Path]:
    return sorted(places.java_sources.rglob("*.java"))


def _sushi_lock(places: Layout) -> Iterable[Path]:
    """List what pins SUSHI and, for machines without, Node."""
    names = ("package.json", "package-lock.json", ".npmrc", "locks/node.txt")
    return [places.sources / name for name in names]


def _fsh(places: Layout) -> Iterable[Path]:
    """List every FSH file, what is generated beside them, and SUSHI's configuration."""
    generated = sorted(places.generated_terminology.glob("*.json"))
    return [places.sushi_config, *sorted(places.fsh.rglob("*.fsh")), *generated]


def _definitions(places: Layout) -> Iterable[Path]:
    """List every compiled conformance resource and example."""
    return [*places.definitions.glob("*.json"), *places.examples.glob("*.json"), places.definitions]


def _maps(places: Layout) -> Iterable[Path]:
    return sorted(places.maps.rglob("*.map"))


def _compiled_maps(places: Layout) -> Iterable[Path]:
    """List every compiled map and the table of their rules."""
    return [places.map_index, places.compiled_maps, *places.compiled_maps.rglob("*.json")]


def _cores(places: Layout) -> Iterable[Path]:
    """List the definitions of the small contexts."""
    steps = [target.folder for target in TARGETS.values() if target.folder]
    return [places.core, *(file for folder in steps for file in places.step_products(folder))]


STEPS: tuple[Step, ...] = (
    JAVA,
    JARS,
    OVERLAY,
    Step(
        "map_runner",
        "compile the Java that executes maps",
        "tools.compiling.java:run",
        _java_sources,
        lambda places: (places.map_runner,),
        ("jars",),
    ),
    PACKAGES,
    BUILT,
    Step(
        "sushi",
        "install SUSHI",
        "tools.compiling.sushi:run",
        _sushi_lock,
        lambda places: (places.sushi / "node_modules" / "fsh-sushi" / "package.json",),
    ),
    Step(
        "fsh",
        "compile the FSH definitions",
        "tools.compiling.fsh:run",
        _fsh,
        _definitions,
        ("packages", "sushi"),
    ),
    Step(
        "core",
        "cut FHIR down to what the maps touch",
        "tools.compiling.core:run",
        _maps,
        _cores,
        ("packages", "built", "fsh"),
    ),
    Step(
        "maps",
        "compile and check the maps",
        "tools.compiling.maps:run",
        _maps,
        _compiled_maps,
        ("java", "jars", "overlay", "map_runner", "core"),
    ),
    CLASSES,
)
