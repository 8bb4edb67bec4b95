"""`sr2fhir compare`: run the same inputs through several engines and show where their Bundles differ."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from sr2fhir import engines as registered
from sr2fhir.cli.options import (
    Subparsers,
    add_command,
    add_render_options,
    add_server_options,
    engine_options,
    settings_of,
)
from sr2fhir.cli.terminal import Terminal, printable
from sr2fhir.comparing import Comparison, Disagreement, compare, reach
from sr2fhir.engines import Engine, EngineOptions
from sr2fhir.errors import EngineUnavailableError, InputError, UsageError
from sr2fhir.jsontext import dumps
from sr2fhir.outcome import describe, plural
from sr2fhir.paths import layout

if TYPE_CHECKING:
    from sr2fhir.pipeline import Settings
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
STATES = {"same": "the same", "known": "the same but for known differences", "different": "different"}


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
    from sr2fhir.runs.discovery import discover  # loads pydicom

    terminal, site = Terminal(sys.stdout), settings_of(arguments)
    counts: Counter[str] = Counter()
    items = discover(arguments.inputs or [samples()], limits=site.limits, skipped=lambda _: None)
    with ExitStack() as stack:
        engines = reached(arguments.engines, engine_options(arguments, batch=True), terminal)
        for engine in engines.values():
            stack.callback(engine.close)
        for item in items:
            compared = compare_one(item, site, engines)
            state = state_of(compared)
            counts[state] += 1
            if not (arguments.quiet and state == "same"):
                show(item.name, compared, terminal, hide_values=arguments.hide_values)
    terminal.line(
        f"{plural(counts.total(), 'input')} on {', '.join(engines)}: {counts['same']} the same, "
        f"{counts['known']} with known differences, {counts['different']} with others, "
        f"{counts['failed']} without a Bundle"
    )
    return 1 if counts["different"] or counts["failed"] else 0


def reached(named: Iterable[str], options: EngineOptions, terminal: Terminal) -> dict[str, Engine]:
    """Make the engines that are named, or all that are available, and print their versions.

    Raises
    ------
    EngineUnavailableError
        A named engine is not available, or fewer than two are.
    UsageError
        No engine has such a name, or one is named twice.
    """
    wanted = parsed(named)
    engines: dict[str, Engine] = {}
    for name, url in (wanted or parsed(registered.names())).items():
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
            f"{plural(len(engines), 'engine')} available, and two are needed to compare",
            hint="docs/engines.md tells how to get another",
        )
    return engines


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


def compare_one(item: Input, site: Settings, engines: Mapping[str, Engine]) -> Comparison | Exception:
    """Compare what engines make of one input, or return why there is nothing to compare."""
    from sr2fhir.pipeline import render  # loads pydicom

    try:
        rendering = render(item.read(site.limits), name=item.name, options=site.options, limits=site.limits)
    except InputError as error:
        error.source = error.source or item.name
        return error
    comparison = compare(item.name, rendering, engines)
    return comparison.error or comparison


def state_of(compared: Comparison | Exception) -> str:
    """Tell whether all engines gave the same, the same but for known differences, something else, or none."""
    if isinstance(compared, Exception):
        return "failed"
    return "different" if compared.unexpected else "known" if compared.disagreements else "same"


def show(name: str, compared: Comparison | Exception, terminal: Terminal, *, hide_values: bool) -> None:
    """Print what came of one input, and its differences."""
    state = state_of(compared)
    sign = terminal.sign("ok" if state in ("same", "known") else "failed")
    if isinstance(compared, Exception):
        terminal.line(f"{sign} {printable(name)}  {printable(describe(compared, known=name))}")
        return
    terminal.line(f"{sign} {printable(name)}  {STATES[state]}")
    for each in compared.disagreements[:MOST]:
        terminal.line(printable(f"    {line_of(each, hide_values=hide_values)}"))
    if len(compared.disagreements) > MOST:
        terminal.line(f"    and {len(compared.disagreements) - MOST} more")


def line_of(each: Disagreement, *, hide_values: bool) -> str:
    """Say in one line where two engines differ, and unless hidden both values."""
    found = each.difference
    values = "" if hide_values else f": {shown(found.first)} | {shown(found.second)}"
    reason = f"  known: {each.reason}" if each.reason else ""
    return f"{each.first} | {each.second}  {found.path}  {found.kind}{values}{reason}"


def shown(value: object) -> str:
    """Write a value as JSON, cut where it is long; a dash where there is none."""
    text = "-" if value is None else dumps(value).decode()
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
