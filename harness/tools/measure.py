"""Measure the size and shape of the code, to compare two states of it.

::

    PYTHONPATH=harness .venv/bin/python -m tools.measure [--root CHECKOUT] [--json]

Code lines are lines that bear a token which is no comment and no docstring. What one command enters is
counted in a process of the measured checkout's own Python: list comprehensions and the like are functions.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "sr2fhir"
SAMPLE = "samples/gen_dcmqi_ct_liver_modifiers.dcm"
LAYOUT = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
) | {tokenize.ENDMARKER}
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

# Runs in the Python of the checkout that is measured: which modules and functions of the package are entered.
TRACER = """
import json, sys
package, kind, sample, out, counted = sys.argv[1:]
entered = set()
def look(frame, event, argument):
    name = frame.f_globals.get("__name__", "")
    if event == "call" and (name == package or name.startswith(package + ".")):
        code = frame.f_code
        entered.add((name, code.co_qualname, code.co_firstlineno))
if kind == "read and render":
    from sr2fhir import render
    render(sample)
import threading
threading.setprofile(look)
sys.setprofile(look)
if kind == "read and render":
    render(sample)
else:
    from sr2fhir.cli.main import main
    sys.argv = ["sr2fhir", "transform", sample, "--out", out]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
sys.setprofile(None)
open(counted, "w").write(json.dumps(sorted(entered)))
"""


@dataclass(frozen=True)
class Measured:
    """The figures of one checkout."""

    python_code_lines: int
    python_files: int
    functions: int
    java_lines: int
    map_lines: int
    modules_entered_by_one_transform: int
    functions_entered_by_read_and_render: int
    package_cycles: list[list[str]]
    imports_within_functions: int
    mapping_pages_bytes: int


def measured(root: Path) -> Measured:
    """Measure a checkout that is set up."""
    package = root / "harness" / PACKAGE
    files = sorted(package.rglob("*.py"))
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    java = [*(root / "harness").rglob("*.java"), *(root / "java").rglob("*.java")]
    return Measured(
        python_code_lines=sum(code_lines(file.read_text(encoding="utf-8")) for file in files),
        python_files=len(files),
        functions=sum(isinstance(node, FUNCTIONS) for tree in trees.values() for node in ast.walk(tree)),
        java_lines=sum(raw_lines(java)),
        map_lines=sum(raw_lines((root / "maps").rglob("*.map"))),
        modules_entered_by_one_transform=len({module for module, *_ in entered(root, "one transform")}),
        functions_entered_by_read_and_render=len(
            [name for _, name, _ in entered(root, "read and render") if name != "<module>"]
        ),
        package_cycles=cycles(dict(edges(package, trees))),
        imports_within_functions=imports_within_functions(root),
        mapping_pages_bytes=sum(file.stat().st_size for file in (root / "docs" / "mapping").rglob("*.md")),
    )


def raw_lines(files: Iterable[Path]) -> Iterator[int]:
    """Yield how many lines each file has."""
    return (len(file.read_text(encoding="utf-8").splitlines()) for file in files)


# ---- lines -----------------------------------------------------------------------------------------------


def code_lines(source: str) -> int:
    """Count the lines that bear a token which is no comment and no docstring."""
    documentation = set(docstrings(ast.parse(source)))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LAYOUT and token.start not in documentation:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)


def docstrings(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield line and column at which each docstring begins."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            yield node.body[0].lineno, node.body[0].col_offset


# ---- imports ---------------------------------------------------------------------------------------------


def edges(package: Path, trees: dict[Path, ast.Module]) -> Iterator[tuple[str, set[str]]]:
    """Yield each top-level part of the package with the parts that it imports, within functions, too."""
    found: dict[str, set[str]] = {}
    for file, tree in trees.items():
        own = part(file.relative_to(package))
        imported = {name for module in modules(tree) if (name := imported_part(module, package))}
        found.setdefault(own, set()).update(imported - {own})
    yield from found.items()


def part(file: Path) -> str:
    """Name the top-level part of the package that a file belongs to."""
    return file.parts[0] if len(file.parts) > 1 else file.stem


def modules(tree: ast.Module) -> Iterator[str]:
    """Yield the modules that are imported, but for those that only type checkers see."""
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_part(module: str, package: Path) -> str | None:
    """Name the part of the package that a module belongs to, if to any."""
    names = module.split(".")
    if names[0] != package.name or len(names) < 2:
        return None
    return names[1] if (package / names[1]).is_dir() or (package / f"{names[1]}.py").is_file() else None


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components that have more than one part."""
    reach = {name: reachable(graph, name) for name in graph}
    found = {frozenset(other for other in reach[name] if name in reach.get(other, ())) for name in graph}
    return sorted(sorted(component) for component in found if len(component) > 1)


def reachable(graph: dict[str, set[str]], name: str) -> set[str]:
    """Return what can be reached from a part by imports."""
    seen: set[str] = set()
    stack = [name]
    while stack:
        for other in graph.get(stack.pop(), set()) - seen:
            seen.add(other)
            stack.append(other)
    return seen


def imports_within_functions(root: Path) -> int:
    """Count what ruff says by its rule PLC0415, of the tools, too."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--preview", "--select", "PLC0415"]
    target = root / "harness"
    done = subprocess.run(
        [*command, "--statistics", str(target)], capture_output=True, text=True, check=False
    )
    return sum(int(number) for number in re.findall(r"^(\d+)\s+PLC0415", done.stdout, re.MULTILINE))


# ---- what is entered -------------------------------------------------------------------------------------


def entered(root: Path, kind: str) -> list[tuple[str, str, int]]:
    """Return module, name and line of every function and module body that is entered."""
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "entered.json"
        python = root / ".venv" / "bin" / "python"
        arguments = (PACKAGE, kind, str(root / SAMPLE), f"{folder}/x.json", str(counted))
        subprocess.run([str(python), "-c", TRACER, *arguments], cwd=root, check=True, capture_output=True)
        return [(module, name, line) for module, name, line in json.loads(counted.read_text())]


def table(figures: Measured) -> str:
    """Write the figures, one a line."""
    lines = []
    for name, value in asdict(figures).items():
        shown = (
            f"{value:,}"
            if isinstance(value, int)
            else f"{len(value)}  {', '.join('+'.join(each) for each in value)}"
        )
        lines.append(f"{name.replace('_', ' '):40} {shown}")
    return "\n".join(lines)


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure", description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to measure")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    figures = measured(chosen.root.resolve())
    print(json.dumps(asdict(figures), indent=2) if chosen.json else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
