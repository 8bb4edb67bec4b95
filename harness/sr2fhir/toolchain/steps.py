"""The steps of the set-up, as a table.

A step runs again when the content of its inputs, its settings, or a step that it builds on has changed, or
when an output is missing or has been touched. What it does stands in a module that is imported only when it
runs: finding out that nothing is to be done must be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from sr2fhir import pins
from sr2fhir.engines.java.options import PROFILES, flags
from sr2fhir.paths import Layout
from sr2fhir.pins import Jar
from sr2fhir.toolchain.progress import Progress

Files = Callable[[Layout], Iterable[Path]]


def _none(_: Layout) -> tuple[()]:
    return ()


@dataclass(frozen=True)
class Step:
    """Describe one step.

    Parameters
    ----------
    name
        Short name.
    title
        What it does, for the user.
    work
        Module below `sr2fhir.toolchain` and function that does it: ``module.function(places, progress)``.
    inputs
        Files whose content decides whether it has to run; its module is always among them.
    outputs
        Files that exist afterwards.
    after
        Names of the steps whose products it reads.
    settings
        Whatever else decides whether it has to run.
    is_optional
        A failure costs speed only: it is reported, and the set-up goes on.
    compiles
        It makes what an installed package carries already.
    """

    name: str
    title: str
    work: str
    inputs: Files = _none
    outputs: Files = _none
    after: tuple[str, ...] = ()
    settings: Callable[[Layout], Iterable[str]] = _none
    is_optional: bool = False
    compiles: bool = False

    @property
    def module(self) -> Path:
        """The file of its module."""
        return Path(__file__).with_name(f"{self.work.partition('.')[0]}.py")

    def run(self, places: Layout, progress: Progress) -> None:
        """Do it."""
        module, _, function = self.work.partition(".")
        getattr(import_module(f"sr2fhir.toolchain.{module}"), function)(places, progress)


def needed_jars(places: Layout) -> tuple[Jar, ...]:
    """List all jars to fetch; an installed package carries what the compiler would make."""
    content = pins.load(places.pins)
    compiler = () if places.is_installed else (content.compiler,)
    return (*content.jars, content.resources, *compiler)


def _pins(places: Layout) -> Iterable[Path]:
    return (places.pins,)


def _jars(places: Layout) -> Iterable[Path]:
    return [places.jars / jar.filename for jar in needed_jars(places)]


def _java_sources(places: Layout) -> Iterable[Path]:
    return sorted(places.java_sources.rglob("*.java"))


def _packages(places: Layout) -> Iterable[Path]:
    packages = pins.load(places.pins).packages
    return [places.packages / entry.name / "package" / "package.json" for entry in packages]


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
    return [places.map_index, places.compiled_maps, *places.compiled_maps.glob("*.json")]


def _carried_java(places: Layout) -> Iterable[Path]:
    """List the jar of our own Java where no step makes it."""
    return (places.map_runner,) if places.is_installed else ()


def _caches(places: Layout) -> Iterable[Path]:
    return [places.aot_cache(profile) for profile in PROFILES]


def _java_flags(places: Layout) -> Iterable[str]:
    """List Java's options, to which a class cache belongs."""
    return [flag for profile in PROFILES for flag in flags(places, profile)]


STEPS: tuple[Step, ...] = (
    Step(
        "java",
        "find Java and forbid it the network",
        "java.write_settings",
        outputs=lambda places: (places.fhir_settings,),
    ),
    Step("jars", "fetch and verify the engine's jars", "jars.run", _pins, _jars),
    Step(
        "overlay",
        "set aside tables that transforms never read",
        "java.make_overlay",
        outputs=lambda places: (places.overlay,),
        after=("jars",),
    ),
    Step(
        "map_runner",
        "compile the Java that executes maps",
        "java.compile_sources",
        _java_sources,
        lambda places: (places.map_runner,),
        ("jars",),
        compiles=True,
    ),
    Step("packages", "unpack the FHIR packages", "packages.run", _pins, _packages, ("jars",)),
    Step(
        "sushi",
        "install SUSHI",
        "sushi.run",
        _sushi_lock,
        lambda places: (places.sushi / "node_modules" / "fsh-sushi" / "package.json",),
        compiles=True,
    ),
    Step(
        "fsh",
        "compile the FSH definitions",
        "fsh.run",
        _fsh,
        _definitions,
        ("packages", "sushi"),
        compiles=True,
    ),
    Step(
        "core",
        "cut FHIR down to what the maps touch",
        "core.run",
        _maps,
        lambda places: (places.core,),
        ("packages", "fsh"),
        compiles=True,
    ),
    Step(
        "maps",
        "compile and check the maps",
        "maps.run",
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
        "java.train",
        _carried_java,
        _caches,
        ("java", "jars", "overlay", "map_runner"),
        _java_flags,
        is_optional=True,
    ),
)


def steps_for(places: Layout) -> tuple[Step, ...]:
    """List the steps to be done: all of them in a checkout, none that compile in an installed package."""
    return tuple(step for step in STEPS if not (step.compiles and places.is_installed))
