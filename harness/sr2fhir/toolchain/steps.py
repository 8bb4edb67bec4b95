"""The steps of the set-up, as a table.

A step runs again when the content of its inputs, its settings, or a step that it builds on has changed, or
when an output is missing or has been touched. What it does stands in a module of its own, which is imported
only when it runs: finding out that nothing is to be done must be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sr2fhir import pins
from sr2fhir.engines import jvm
from sr2fhir.paths import Layout

Files = Callable[[Layout], Iterable[Path]]


Settings = Callable[[Layout], Iterable[str]]


def _none(_: Layout) -> tuple[()]:
    """Answer nothing."""
    return ()


@dataclass(frozen=True)
class Step:
    """Describe one step.

    Parameters
    ----------
    name
        Short name; also that of the module below `sr2fhir.toolchain` whose `run(places, report)` does it.
    title
        What it does, for the user.
    inputs
        Files whose content decides whether it has to run; the step's own module is always among them.
    outputs
        Files that exist afterwards.
    after
        Names of the steps whose products it reads.
    settings
        Whatever else decides whether it has to run.
    optional
        A failure costs speed only: it is reported, and the set-up goes on.
    compiles
        It makes what an installed package carries already.
    """

    name: str
    title: str
    inputs: Files = _none
    outputs: Files = _none
    after: tuple[str, ...] = ()
    settings: Settings = _none
    optional: bool = False
    compiles: bool = False


def _pins(places: Layout) -> Iterable[Path]:
    """Answer engine.toml."""
    return (places.pins,)


def _jars(places: Layout) -> Iterable[Path]:
    """Answer every jar."""
    content = pins.load(places.pins)
    compiler = () if places.is_installed else (content.compiler,)
    return [places.jars / jar.filename for jar in (*content.jars, content.resources, *compiler)]


def _java_sources(places: Layout) -> Iterable[Path]:
    """Answer our own Java."""
    return sorted(places.java_sources.rglob("*.java"))


def _packages(places: Layout) -> Iterable[Path]:
    """Answer the manifest of every FHIR package."""
    return [
        places.packages / entry.name / "package" / "package.json" for entry in pins.load(places.pins).packages
    ]


def _sushi_lock(places: Layout) -> Iterable[Path]:
    """Answer what pins SUSHI and, for machines without, Node."""
    names = ("package.json", "package-lock.json", ".npmrc", "locks/node.txt")
    return [places.sources / name for name in names]


def _fsh(places: Layout) -> Iterable[Path]:
    """Answer every FSH file, what is generated beside them, and SUSHI's configuration."""
    generated = sorted(places.generated_terminology.glob("*.json"))
    return [places.sushi_config, *sorted(places.fsh.rglob("*.fsh")), *generated]


def _definitions(places: Layout) -> Iterable[Path]:
    """Answer every compiled conformance resource and example."""
    return [*places.definitions.glob("*.json"), *places.examples.glob("*.json"), places.definitions]


def _maps(places: Layout) -> Iterable[Path]:
    """Answer every map."""
    return sorted(places.maps.rglob("*.map"))


def _compiled_maps(places: Layout) -> Iterable[Path]:
    """Answer every compiled map and the table of their rules."""
    return [places.map_index, places.compiled_maps, *places.compiled_maps.glob("*.json")]


def _java_flags(places: Layout) -> Iterable[str]:
    """Answer how Java is started: a cache made with other options would be refused."""
    return [flag for profile in jvm.PROFILES for flag in jvm.flags(places, profile)]


STEPS: tuple[Step, ...] = (
    Step("java", "find Java and forbid it the network", outputs=lambda places: (places.fhir_settings,)),
    Step("jars", "fetch and verify the engine's jars", _pins, _jars),
    Step(
        "overlay",
        "set aside tables that transforms never read",
        _none,
        lambda places: (places.overlay,),
        ("jars",),
    ),
    Step(
        "map_runner",
        "compile the Java that executes maps",
        _java_sources,
        lambda places: (places.map_runner,),
        ("jars",),
        compiles=True,
    ),
    Step("packages", "unpack the FHIR packages", _pins, _packages, ("jars",)),
    Step(
        "sushi",
        "install SUSHI",
        _sushi_lock,
        lambda places: (places.sushi / "node_modules" / "fsh-sushi" / "package.json",),
        compiles=True,
    ),
    Step("fsh", "compile the FSH definitions", _fsh, _definitions, ("packages", "sushi"), compiles=True),
    Step(
        "core",
        "cut FHIR down to what the maps touch",
        _maps,
        lambda places: (places.core,),
        ("packages", "fsh"),
        compiles=True,
    ),
    Step(
        "maps",
        "compile and check the maps",
        _maps,
        _compiled_maps,
        ("java", "jars", "overlay", "map_runner", "core"),
        compiles=True,
    ),
    # Not after "maps": the cache holds classes, not definitions, and someone who edits a map should not wait
    # for it.
    Step(
        "classes",
        "teach Java which classes to have ready",
        _none,
        lambda places: [places.aot_cache(profile) for profile in jvm.PROFILES],
        ("java", "jars", "overlay", "map_runner"),
        _java_flags,
        optional=True,
    ),
)


def steps_for(places: Layout) -> tuple[Step, ...]:
    """Answer the steps to be done: all of them in a checkout, none that compile in an installed package."""
    return tuple(step for step in STEPS if not (step.compiles and places.is_installed))
