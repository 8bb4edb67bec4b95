"""Run the benchmarks, print their table, and write it as JSON: ``make bench``.

Names of benchmarks on the command line run these only.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sr2fhir.paths import layout

from tools.bench import machine
from tools.bench.figures import Figure

BENCHMARKS = ("cold", "warm", "batch", "scaling", "r4")
WIDTH = 120
VERDICTS = {True: "met", False: "MISSED", None: ""}
DIGITS = {"ms": 1, "MB": 0}


def main(names: Sequence[str]) -> int:
    """Run benchmarks; return 1 where a goal is missed."""
    about = machine.describe()
    console = Console(width=WIDTH, highlight=False)
    console.print(", ".join(f"{name} {value}" for name, value in about.items() if value))
    figures: list[Figure] = []
    for name in names or BENCHMARKS:
        done = measured(name)
        console.print(table(done))
        figures += done
    write(layout().home / "bench.json", about, figures)
    return 1 if any(figure.met is False for figure in figures) else 0


def measured(name: str) -> list[Figure]:
    """Run one benchmark in a folder of its own."""
    measure: Callable[[Path], list[Figure]] = import_module(f"tools.bench.{name}").measure
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder))


def table(figures: Sequence[Figure]) -> Table:
    """Make the table of some figures."""
    made = Table(title=figures[0].table, title_justify="left", expand=False)
    for heading, side in (("", "left"), ("value", "right"), ("goal", "right"), ("", "left"), ("", "left")):
        made.add_column(heading, justify=side)  # type: ignore[arg-type]
    for figure in figures:
        value = f"{figure.value:,.{DIGITS.get(figure.unit, 2)}f} {figure.unit}"
        made.add_row(figure.name, value, figure.goal, VERDICTS[figure.met], figure.note)
    return made


def write(path: Path, about: dict[str, str], figures: Sequence[Figure]) -> None:
    """Write the figures as JSON."""
    content = {"machine": about, "figures": [figure.to_dict() for figure in figures]}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
