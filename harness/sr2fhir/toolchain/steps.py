"""The steps of the set-up, as a table, and how they are shown.

A step runs again when the content of its inputs, its settings, or a step that it builds on has changed, or
when an output is missing or has been touched. What it does stands in a module that is imported only when it
runs: finding out that nothing is to be done must be quick.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from sr2fhir import pins
from sr2fhir.engines.java.options import PROFILES, flags
from sr2fhir.paths import Layout
from sr2fhir.pins import Jar

Files = Callable[[Layout], Iterable[Path]]
_LINE_START = "\r\x1b[K"


class Progress:
    """Show how the set-up goes on: one line for each step, rewritten on a terminal while it runs.

    Parameters
    ----------
    count
        How many steps there will be.
    stream
        Where to write; by default standard error.
    """

    def __init__(self, count: int, stream: IO[str] | None = None) -> None:
        self._count = count
        self._stream = stream or sys.stderr
        self._rewrites = self._stream.isatty()
        self._number = 0
        self._title = ""
        self._since = 0.0

    def begin(self, title: str) -> None:
        """Begin a step."""
        self._number, self._title, self._since = self._number + 1, title, time.monotonic()
        self._show("...", is_final=False)

    def advance(self, done: int, total: int) -> None:
        """Tell how much of the step is done; lines cannot be taken back where there is no terminal."""
        if self._rewrites:
            self._show(f"... {done} of {total}", is_final=False)

    def note(self, text: str) -> None:
        """Write an indented line that stays."""
        self._write(f"  {text}\n")

    def end(self) -> None:
        """Say that the step is done."""
        self._show(f"done in {time.monotonic() - self._since:.1f} s", is_final=True)

    def fail(self) -> None:
        """Say that the step failed."""
        self._show("failed", is_final=True)

    def _show(self, state: str, *, is_final: bool) -> None:
        """Write number, title and state."""
        end = "\n" if is_final or not self._rewrites else ""
        self._write(f"set-up {self._number}/{self._count}: {self._title} {state}{end}")

    def _write(self, text: str) -> None:
        print(f"{_LINE_START if self._rewrites else ''}{text}", end="", file=self._stream, flush=True)


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
        Module and function that do it: ``module:function``, called with the layout and the progress.
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
    """

    name: str
    title: str
    work: str
    inputs: Files = _none
    outputs: Files = _none
    after: tuple[str, ...] = ()
    settings: Callable[[Layout], Iterable[str]] = _none
    is_optional: bool = False

    def module_file(self) -> Path | None:
        """Return the file of its module, without loading it."""
        found = find_spec(self.work.partition(":")[0])
        return Path(found.origin) if found and found.origin else None

    def run(self, places: Layout, progress: Progress) -> None:
        """Do it."""
        module, _, function = self.work.partition(":")
        getattr(import_module(module), function)(places, progress)


def needed_jars(places: Layout) -> tuple[Jar, ...]:
    """List all jars to fetch; an installed package carries what the compiler would make."""
    content = pins.load(places.pins)
    compiler = () if places.is_installed else (content.compiler,)
    return (*content.jars, content.resources, *(built.jar for built in content.built), *compiler)


def _pins(places: Layout) -> Iterable[Path]:
    return (places.pins,)


def _jars(places: Layout) -> Iterable[Path]:
    return [places.jars / jar.filename for jar in needed_jars(places)]


def _packages(places: Layout) -> Iterable[Path]:
    packages = pins.load(places.pins).packages
    return [places.packages / entry.name / "package" / "package.json" for entry in packages]


def _built(places: Layout) -> Iterable[Path]:
    """List, of each package that is written here, what is written last."""
    built = pins.load(places.pins).built
    return [places.packages / entry.name / "package" / "package.json" for entry in built]


def _carried_java(places: Layout) -> Iterable[Path]:
    """List the jar of our own Java where no step makes it."""
    return (places.map_runner,) if places.is_installed else ()


def _caches(places: Layout) -> Iterable[Path]:
    return [places.aot_cache(profile) for profile in PROFILES]


def _java_flags(places: Layout) -> Iterable[str]:
    """List Java's options, to which a class cache belongs."""
    return [flag for profile in PROFILES for flag in flags(places, profile)]


JAVA = Step(
    "java",
    "find Java and forbid it the network",
    "sr2fhir.toolchain.java:write_settings",
    outputs=lambda places: (places.fhir_settings,),
)
JARS = Step("jars", "fetch and verify the engine's jars", "sr2fhir.toolchain.jars:fetch_jars", _pins, _jars)
OVERLAY = Step(
    "overlay",
    "set aside tables that transforms never read",
    "sr2fhir.toolchain.java:make_overlay",
    outputs=lambda places: (places.overlay,),
    after=("jars",),
)
PACKAGES = Step(
    "packages",
    "unpack the FHIR packages",
    "sr2fhir.toolchain.jars:unpack_packages",
    _pins,
    _packages,
    ("jars",),
)
BUILT = Step(
    "built",
    "write the FHIR packages that no registry has",
    "sr2fhir.toolchain.built:write_packages",
    _pins,
    _built,
    ("java", "jars", "overlay", "map_runner"),
)
# Not after "maps": the cache holds classes, not definitions, and someone who edits a map should not wait for
# it.
CLASSES = Step(
    "classes",
    "teach Java which classes to have ready",
    "sr2fhir.toolchain.java:train",
    _carried_java,
    _caches,
    ("java", "jars", "overlay", "map_runner"),
    _java_flags,
    is_optional=True,
)
INSTALLED = (JAVA, JARS, OVERLAY, PACKAGES, BUILT, CLASSES)


def steps_for(places: Layout) -> tuple[Step, ...]:
    """List the steps to be done: in a checkout also those that compile what an installed package carries."""
    if places.is_installed:
        return INSTALLED
    found: tuple[Step, ...] = import_module("tools.compiling.steps").STEPS
    return found
