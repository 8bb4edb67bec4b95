"""`sr2fhir compare`: run the same inputs through several engines and show where their Bundles differ."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sr2fhir.cli.options import (
    Subparsers,
    add_command,
    add_render_options,
    add_server_options,
    engine_options,
    render_options,
)
from sr2fhir.cli.terminal import Terminal, printable
from sr2fhir.errors import EngineUnavailableError, InputError, UsageError
from sr2fhir.jsontext import dumps
from sr2fhir.outcome import describe, plural
from sr2fhir.paths import layout
from sr2fhir.pipeline import render

if TYPE_CHECKING:
    from sr2fhir.comparing import Comparison, Disagreement
    from sr2fhir.engines import Engine, EngineOptions
    from sr2fhir.runs.inputs import Input

EXAMPLES = """\
  sr2fhir compare                                   every engine that is available, the samples
  sr2fhir compare embedded fml --inputs archive/ more.zip
  sr2fhir compare embedded hapi=http://localhost:8080/fhir

Each input goes through every engine; the finished Bundles are compared as JSON with that of the first engine.
A difference is printed with its path and BOTH VALUES, which may be about a patient; --hide-values leaves them
out. Differences that no map can avoid are marked `known`, with the reason.

Exit code 1 says that there are other differences; 3, that fewer than two engines are available.
"""
NEEDED = 2
# Characters of a value that are shown, and differences of one input.
WIDTH, MOST = 80, 20


def add_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    command = add_command(subparsers, "compare", "show where engines give different Bundles", EXAMPLES)
    command.add_argument(
        "engines",
        nargs="*",
        metavar="ENGINE",
        help="engine, or engine=URL of one that runs elsewhere (default: all that are available)",
    )
    command.add_argument(
        "--inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders, patterns, archives as for `transform` (default: the samples of the checkout)",
    )
    command.add_argument("--hide-values", action="store_true", help="print paths only")
    command.add_argument("--quiet", action="store_true", help="print inputs with differences only")
    command.set_defaults(engine_url=None)  # each engine has one of its own
    add_server_options(command.add_argument_group("engine"))
    add_render_options(command)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print a line for each input and each difference, and return the exit code."""
    terminal = Terminal(sys.stdout)
    inputs = arguments.inputs or [samples()]
    with ExitStack() as stack:
        engines = reached(arguments.engines, engine_options(arguments, batch=True), terminal)
        for engine in engines.values():
            stack.callback(engine.close)
        session = Session(arguments, terminal, engines)
        session.run(find(inputs))
    return 0 if session.ok else 1


def reached(named: Iterable[str], options: EngineOptions, terminal: Terminal) -> dict[str, Engine]:
    """Make the engines that are named, or all that are available, and print their versions.

    Raises
    ------
    EngineUnavailableError
        A named engine is not available, or fewer than two are.
    UsageError
        No engine has such a name, or one is named twice.
    """
    from sr2fhir.comparing import reach
    from sr2fhir.engines import names

    wanted = parsed(named)
    engines: dict[str, Engine] = {}
    for name, url in (wanted or parsed(names())).items():
        engine = reach(name, replace(options, url=url))
        if not isinstance(engine, EngineUnavailableError):
            engines[name] = engine
            terminal.line(printable(f"{name}  {engine.version()}"))
        elif wanted:
            raise engine
        else:
            terminal.line(printable(f"{name}  not available: {engine}"))
    if len(engines) < NEEDED:
        raise EngineUnavailableError(
            f"{plural(len(engines), 'engine')} available, and two are needed to compare", hint=HINT
        )
    return engines


HINT = "docs/engines.md tells how to get another"


def parsed(named: Iterable[str]) -> dict[str, str | None]:
    """Read `engine` and `engine=URL`."""
    found: dict[str, str | None] = {}
    for text in named:
        name, _, url = text.partition("=")
        if name in found:
            raise UsageError(f"the engine {name} is named twice", hint="Name different engines")
        found[name] = url or None
    return found


def samples() -> str:
    """Return the folder of the samples.

    Raises
    ------
    UsageError
        An installed package carries none.
    """
    folder = layout().sources / "samples"
    if not folder.is_dir():
        raise UsageError("there are no samples here", hint="Name what to compare with --inputs")
    return str(folder)


def find(names: list[str]) -> Iterator[Input]:
    """Find the inputs."""
    from sr2fhir.cli.sources import discover

    return discover(names, skipped=lambda _: None)


@dataclass
class Session:
    """One run of the subcommand.

    Parameters
    ----------
    engines
        By name, the one that the others are compared with first.
    same, known, different, failed
        How many inputs gave the same Bundle, one with known differences only, one with others, and none.
    """

    arguments: argparse.Namespace
    terminal: Terminal
    engines: Mapping[str, Engine]
    same: int = 0
    known: int = 0
    different: int = 0
    failed: int = 0

    @property
    def ok(self) -> bool:
        """Whether every input gave one answer, but for known differences."""
        return not (self.different or self.failed)

    def run(self, items: Iterable[Input]) -> None:
        """Compare all inputs and print a summary."""
        for item in items:
            self.one(item)
        for line in self.summary():
            self.terminal.line(line)

    def one(self, item: Input) -> None:
        """Compare what the engines make of one input."""
        from sr2fhir.comparing import compare

        try:
            source = item.read(None)
            rendering = render(source, name=item.name, options=render_options(self.arguments))
        except InputError as error:
            error.source = error.source or item.name
            self.fail(item.name, error)
            return
        comparison = compare(item.name, rendering, self.engines)
        if comparison.error:
            self.fail(item.name, comparison.error)
        else:
            self.show(comparison)

    def fail(self, name: str, error: Exception) -> None:
        """Print why there is nothing to compare."""
        self.failed += 1
        text = printable(describe(error, known=name))
        self.terminal.line(f"{self.terminal.sign('failed')} {printable(name)}  {text}")

    def show(self, comparison: Comparison) -> None:
        """Count an input and print its differences."""
        state = state_of(comparison)
        setattr(self, state, getattr(self, state) + 1)
        if self.arguments.quiet and state == "same":
            return
        sign = self.terminal.sign("failed" if state == "different" else "ok")
        self.terminal.line(f"{sign} {printable(comparison.name)}  {STATES[state]}")
        for each in comparison.disagreements[:MOST]:
            self.terminal.line(printable(f"    {self.line(each)}"))
        if len(comparison.disagreements) > MOST:
            self.terminal.line(f"    and {len(comparison.disagreements) - MOST} more")

    def line(self, each: Disagreement) -> str:
        """Say in one line where two engines differ, and unless hidden both values."""
        found = each.difference
        values = f": {shown(found.first)} | {shown(found.second)}"
        text = f"{each.first} | {each.second}  {found.path}  {found.kind}"
        reason = f"  known: {each.reason}" if each.reason else ""
        return text + ("" if self.arguments.hide_values else values) + reason

    def summary(self) -> Iterator[str]:
        """Sum up."""
        total = self.same + self.known + self.different + self.failed
        counts = f"{self.same} the same, {self.known} with known differences, {self.different} with others"
        names = ", ".join(self.engines)
        yield f"{plural(total, 'input')} on {names}: {counts}, {self.failed} without a Bundle"


def state_of(comparison: Comparison) -> str:
    """Tell whether all engines gave the same, the same but for known differences, or something else."""
    return "different" if comparison.unexpected else "known" if comparison.disagreements else "same"


STATES = {"same": "the same", "known": "the same but for known differences", "different": "different"}


def shown(value: object) -> str:
    """Write a value as JSON, cut where it is long; a dash where there is none."""
    text = "-" if value is None else dumps(value).decode()
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
