"""The table of rows: each row of the mapping specification, what settles it, and the test that shows it.

``python -m tools.publishing.row_table`` writes docs/rows.md anew from tests/rows; with ``--check`` it
writes nothing and says whether the page is up to date.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sr2fhir.paths import layout

from tools.publishing import fml

CLASSES: Mapping[str, str] = {
    "IG": "reaches an element that the guide names",
    "SUPP": "reaches an element of ours, which the profiles allow",
    "CONTEXT": "is structure, or used up on the way",
    "UNM": "reaches no element, and is reported",
}
MARKER = "row"
PAGE = Path("docs/rows.md")
FOLDER = Path("tests/rows")
PACKAGE = Path("harness/sr2fhir")
MAPS = Path("maps")
_MEMBERS = frozenset({"id", "sr", "target", "class", "maps", "renderer", "reason"})
_ID = re.compile(r"(\d+\.\d+)\.\d{2}")
_FILE = re.compile(r"rows_(\d+)_(\d+)")


class RowError(ValueError):
    """A row, or what refers to one, is not as it should be; the message says where and how to mend it."""


# ---- rows and tests ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One row of a table of the mapping specification, section 3.

    Parameters
    ----------
    id
        Section and number in the order of the tables: ``3.6.04``.
    sr, target
        What stands in the Structured Report, and what becomes of it.
    kind
        A key of :data:`CLASSES`.
    maps
        Rules that settle it: ``maps/shared/Patient.map:PatientStub.name``, group and rule.
    renderer
        Where it is settled before the maps: ``rendering/names.py:human_names``; the name is optional.
    reason
        Why it cannot be done; empty for a row that is tested.
    """

    id: str
    sr: str
    target: str
    kind: str
    maps: tuple[str, ...] = ()
    renderer: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Section:
    """The rows of one section: its number, title and rows."""

    number: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class RowTest:
    """A test function: its name, the ids of its rows, and where it stands."""

    name: str
    rows: tuple[str, ...]
    file: str
    line: int


def sections(folder: Path) -> tuple[Section, ...]:
    """Read the rows of all sections, in their order.

    Parameters
    ----------
    folder
        Folder of the files ``rows_3_6.toml``.

    Raises
    ------
    RowError
        A row lacks a member, has one too many, or an id that is not the next.
    """
    return tuple(_section(path) for path in sorted(folder.glob("rows_*.toml"), key=_order))


def _order(path: Path) -> tuple[int, ...]:
    match = _FILE.fullmatch(path.stem)
    if match is None:
        raise RowError(f"{path.name}: a file of rows is called like its section, rows_3_6.toml")
    return tuple(map(int, match.groups()))


def _section(path: Path) -> Section:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    number = ".".join(map(str, _order(path)))
    if set(content) != {"title", "row"}:
        raise RowError(f"{path.name}: a file of rows holds `title` and tables [[row]], nothing else")
    rows = tuple(_row(entry, path.name) for entry in content["row"])
    expected = [f"{number}.{n:02}" for n in range(1, len(rows) + 1)]
    for row, wanted in zip(rows, expected, strict=True):
        if row.id != wanted:
            raise RowError(f"{path.name}: row {row.id} should be {wanted}: ids follow the order of the rows")
    return Section(number, content["title"], rows)


def _row(entry: Mapping[str, Any], file: str) -> Row:
    where = f"{file}: row {entry.get('id')}"
    if not {"id", "sr", "target", "class"} <= set(entry) <= _MEMBERS:
        wrong = ", ".join(sorted(set(entry) ^ _MEMBERS))
        raise RowError(f"{where}: has not the members of a row; look at: {wrong}")
    if entry["class"] not in CLASSES:
        raise RowError(f"{where}: class is one of {', '.join(CLASSES)}, not {entry['class']}")
    places = {name: tuple(entry.get(name, ())) for name in ("maps", "renderer")}
    if not (any(places.values()) or entry.get("reason")):
        raise RowError(f"{where}: name the rules in `maps` or the module in `renderer`, or give a `reason`")
    return Row(
        entry["id"], entry["sr"], entry["target"], entry["class"], **places, reason=entry.get("reason", "")
    )


def tests(folder: Path) -> tuple[RowTest, ...]:
    """Read which test functions stand for which rows, without importing them.

    Parameters
    ----------
    folder
        Folder of the files ``test_rows_*.py``.

    Raises
    ------
    RowError
        A test function has no marker.
    """
    return tuple(test for path in sorted(folder.glob("test_rows_*.py")) for test in _tests(path))


def _tests(path: Path) -> Iterator[RowTest]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            ids = tuple(each for decorator in node.decorator_list for each in _marked(decorator))
            if not ids:
                raise RowError(f"{path.name}:{node.lineno}: {node.name} has no @pytest.mark.{MARKER}(id)")
            yield RowTest(node.name, ids, path.name, node.lineno)


def _marked(decorator: ast.expr) -> Iterator[str]:
    """Answer the ids of a marker; none where the decorator is another one."""
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{MARKER}":
        yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


# ---- where it is settled -------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A line of a file of the project, and what it is called."""

    label: str
    file: str
    line: int


class Places:
    """Find rules of the maps, and classes and functions of the package, by name.

    Parameters
    ----------
    root
        Folder of the project.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _rules(self) -> dict[str, int]:
        files = {path.name: path.relative_to(self._root) for path in (self._root / MAPS).rglob("*.map")}
        return {
            f"{files[group.file]}:{group.name}.{rule.name}": rule.line
            for each in fml.read(self._root / MAPS)
            for group in each.groups
            for rule in group.walk()
        }

    def rule(self, reference: str) -> Place:
        """Find ``maps/shared/Patient.map:PatientStub.name``.

        Raises
        ------
        RowError
            There is no such rule.
        """
        if reference not in self._rules:
            raise RowError(f"there is no rule {reference}: write map file, group and rule")
        file, _, name = reference.partition(":")
        return Place(f"{Path(file).stem}: {name}", file, self._rules[reference])

    def renderer(self, reference: str) -> Place:
        """Find ``rendering/names.py:human_names``, or a module or table as a whole.

        Raises
        ------
        RowError
            There is no such file, class or function.
        """
        file, _, name = reference.partition(":")
        path = self._root / PACKAGE / file
        line = _definition(path, name) if path.is_file() else None
        if line is None:
            raise RowError(f"there is no {reference} in {PACKAGE}: write the module and a class or function")
        return Place(reference.replace(":", ": "), f"{PACKAGE}/{file}", line)


def _definition(path: Path, name: str) -> int | None:
    """Answer the line of a class, function or method (``Class.method``); of a module the first."""
    body: Sequence[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body if name else ()
    line = None if name else 1
    for part in name.split(".") if name else ():
        found = next((node for node in body if getattr(node, "name", None) == part), None)
        if not isinstance(found, ast.ClassDef | ast.FunctionDef):
            return None
        body, line = found.body, found.lineno
    return line


# ---- checks --------------------------------------------------------------------------------------


def problems(root: Path) -> list[str]:
    """Answer what is wrong between rows, rules and tests: each row has a test or a reason, each marker a row.

    Parameters
    ----------
    root
        Folder of the project.
    """
    try:
        rows = [row for section in sections(root / FOLDER) for row in section.rows]
        written = tests(root / FOLDER)
    except RowError as error:
        return [str(error)]
    return [*_untested(rows, written), *_unknown(rows, written), *_misplaced(rows, Places(root))]


def _untested(rows: Iterable[Row], written: Iterable[RowTest]) -> Iterator[str]:
    shown = {each for test in written for each in test.rows}
    for row in rows:
        if row.id not in shown and not row.reason:
            yield f"row {row.id} has neither a test nor a reason"
        if row.id in shown and row.reason:
            yield f"row {row.id} has a test and a reason why it cannot be done"


def _unknown(rows: Iterable[Row], written: Iterable[RowTest]) -> Iterator[str]:
    known = {row.id for row in rows}
    for test in written:
        for each in test.rows:
            if each not in known:
                yield f"{test.file}:{test.line}: {test.name}: there is no row {each}"


def _misplaced(rows: Iterable[Row], places: Places) -> Iterator[str]:
    for row in rows:
        for find, references in ((places.rule, row.maps), (places.renderer, row.renderer)):
            for reference in references:
                try:
                    find(reference)
                except RowError as error:
                    yield f"row {row.id}: {error}"


# ---- the page ------------------------------------------------------------------------------------

_HEAD = """\
# Rows

Every row of the mapping specification, section 3: what stands in the Structured Report, what becomes of it, \
the rule of the maps (or the module before the maps) that settles it, and the test that shows it. \
This page is generated from tests/rows and the maps by `python -m tools.publishing.row_table`.
"""
_COLUMNS = ("row", "SR", "target", "class", "settled by", "test")


def page(root: Path) -> str:
    """Write the page.

    Parameters
    ----------
    root
        Folder of the project.

    Raises
    ------
    RowError
        Rows, rules or tests do not fit together; see :func:`problems`.
    """
    found, written = sections(root / FOLDER), tests(root / FOLDER)
    places = Places(root)
    tables = (_table(section, written, places) for section in found)
    return "\n".join((_HEAD, _classes(), _count(found), *tables))


def _classes() -> str:
    lines = (f"- **{name}**: {meaning}" for name, meaning in CLASSES.items())
    return "\n".join(("Classes:", "", *lines, ""))


def _count(found: Iterable[Section]) -> str:
    rows = [row for section in found for row in section.rows]
    reasons = sum(bool(row.reason) for row in rows)
    return f"{len(rows)} rows; {len(rows) - reasons} with a test, {reasons} with a reason why not.\n"


def _table(section: Section, written: Sequence[RowTest], places: Places) -> str:
    rows = (_line(_cells(row, written, places)) for row in section.rows)
    head = (f"## {section.number} {section.title}", "", _line(_COLUMNS), _line("---" for _ in _COLUMNS))
    return "\n".join((*head, *rows, ""))


def _cells(row: Row, written: Iterable[RowTest], places: Places) -> Iterator[str]:
    found = [*map(places.rule, row.maps), *map(places.renderer, row.renderer)]
    shown = [Place(test.name, f"{FOLDER}/{test.file}", test.line) for test in written if row.id in test.rows]
    yield from (row.id, _escaped(row.sr), _escaped(row.target), row.kind)
    yield "<br>".join(map(_link, found))
    yield "<br>".join(map(_link, shown)) or f"cannot be done: {_escaped(row.reason)}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _link(place: Place) -> str:
    return f"[{place.label}](../{place.file}#L{place.line})"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


# ---- the command ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check docs/rows.md; answer 1 if rows are wrong or the page is not up to date."""
    parser = argparse.ArgumentParser(prog="python -m tools.publishing.row_table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page would change")
    root = layout().sources
    return _run(root, check=parser.parse_args(arguments).check)


def _run(root: Path, *, check: bool) -> int:
    found = problems(root)
    if not found and check:
        found = [] if up_to_date(root) else [f"{PAGE} is not up to date: make it anew without --check"]
    elif not found:
        (root / PAGE).write_text(page(root), encoding="utf-8", newline="\n")
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    return bool(found)


def up_to_date(root: Path) -> bool:
    """Tell whether the page is as it would be written now."""
    path = root / PAGE
    return path.is_file() and path.read_text(encoding="utf-8") == page(root)


if __name__ == "__main__":
    sys.exit(main())
