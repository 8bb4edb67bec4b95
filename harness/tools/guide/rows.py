"""The table of rows: each row of the mapping specification, its rules and its tests."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.guide.structure_maps import Library

CLASSES: Mapping[str, str] = {
    "IG": "reaches an element that the guide names",
    "SUPP": "reaches an element of ours, which the profiles allow",
    "CONTEXT": "is structure, or used up on the way",
    "UNM": "reaches no element, and is reported",
    "NATIVE": "another version of FHIR has the element, or another in its place",
    "EXT": "another version of FHIR has no such element: an extension",
}
MARKER = "row"
FOLDER = Path("tests/rows")
PACKAGE = Path("harness/sr2fhir")
_FILE = re.compile(r"rows_(\d+_\d+|[a-z]+)\.toml")


class RowError(ValueError):
    """Rows, rules and tests do not fit together; the message says where and how to mend it."""


@dataclass(frozen=True)
class Row:
    """One row of a table of the mapping specification, section 3 or 7.

    Parameters
    ----------
    id
        Section and number in the order of the tables: ``3.6.04``, ``kos.04``.
    sr, target
        What stands in the Structured Report, and what becomes of it.
    kind
        A key of :data:`CLASSES`.
    maps
        Rules that settle it: ``maps/Patient.map:PatientStub.patientName``, group and rule.
    renderer
        Where it is settled before the maps: ``model/datatypes.py:human_names``; folder and name are optional.
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


def sections(folder: Path) -> list[Section]:
    """Read the rows of all sections, in their order.

    Parameters
    ----------
    folder
        Folder of the files ``rows_3_6.toml``, ``rows_kos.toml``; those with numbers come first.

    Raises
    ------
    RowError
        A row lacks a member, or has one too many.
    """
    named = {match[1]: path for path in folder.glob("*.toml") if (match := _FILE.fullmatch(path.name))}
    return [_section(name.replace("_", "."), named[name]) for name in sorted(named, key=_order)]


def _order(name: str) -> tuple[bool, list[int], str]:
    numbers = [int(part) for part in name.split("_") if part.isdecimal()]
    return (not numbers, numbers, name)


def _section(number: str, path: Path) -> Section:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        rows = tuple(Row(kind=entry.pop("class"), **entry) for entry in content["row"])
    except (KeyError, TypeError) as error:
        raise RowError(f"{path.name}: a row has not the members of a row: {error}") from None
    return Section(number, content["title"], rows)


def tests(folder: Path) -> dict[str, list[str]]:
    """Read which tests show which rows, without importing them.

    Returns
    -------
    dict
        Tests by the id of a row: ``test_rows_3_8.py:test_code``. Those without one have an empty id.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("test_rows_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                for each in list(_marked(node)) or [""]:
                    found.setdefault(each, []).append(f"{path.name}:{node.name}")
    return found


def _marked(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{MARKER}":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def problems(root: Path, maps: Library) -> list[str]:
    """Return what is wrong: each row has a test or a reason, each marker a row, each reference a rule."""
    try:
        found, written = sections(root / FOLDER), tests(root / FOLDER)
    except RowError as error:
        return [str(error)]
    rules = {f"{rule.group.map}.map:{rule.reference}" for rule in maps.rules}
    known = {row.id for section in found for row in section.rows}
    wrong = [problem for section in found for problem in _of_section(section, written, rules, root)]
    wrong += [f"{', '.join(written[each])}: there is no row {each!r}" for each in written.keys() - known]
    return wrong


def _of_section(
    section: Section, written: Mapping[str, list[str]], rules: set[str], root: Path
) -> Iterator[str]:
    for number, row in enumerate(section.rows, 1):
        if row.id != f"{section.number}.{number:02}":
            yield f"row {row.id} should be {section.number}.{number:02}: ids follow the order of the rows"
        if row.kind not in CLASSES:
            yield f"row {row.id}: class is one of {', '.join(CLASSES)}, not {row.kind}"
        if (row.id in written) == bool(row.reason):
            has = "both a test and" if row.reason else "neither a test nor"
            yield f"row {row.id} has {has} a reason why it cannot be done"
        if not (row.maps or row.renderer or row.reason):
            yield f"row {row.id}: name the rules in `maps` or the module in `renderer`, or give a `reason`"
        yield from (
            f"row {row.id}: there is no rule {each}"
            for each in row.maps
            if each.rpartition("/")[2] not in rules
        )
        yield from (
            f"row {row.id}: there is no {each} in {PACKAGE}"
            for each in row.renderer
            if module(root, each) is None
        )


def module(root: Path, reference: str) -> Path | None:
    """Find the module of a reference, ``model/datatypes.py:human_names``, in whatever folder it lies.

    Returns
    -------
    Path
        Below the project; None where no module of this name defines what is named, or there is none.
    """
    file, _, name = reference.partition(":")
    wanted = [re.compile(rf"^\s*(?:class|def) {each}\b", re.MULTILINE) for each in name.split(".") if each]
    package = root / PACKAGE
    for path in (package / file, *sorted(package.rglob(Path(file).name))):
        if path.is_file() and all(each.search(path.read_text(encoding="utf-8")) for each in wanted):
            return path.relative_to(root)
    return None


_HEAD = """\
# Rows

Every row of the mapping specification, sections 3 and 7: what stands in the Structured Report, what becomes
of it, the rule of the maps (or the module before the maps) that settles it, and the test that shows it.

Classes:

"""
_COLUMNS = "| row | SR | target | class | settled by | test |\n| --- | --- | --- | --- | --- | --- |\n"


def page(root: Path, maps: Library) -> str:
    """Write the page, for the folder build/docs.

    Raises
    ------
    RowError
        Rows, rules or tests do not fit together.
    """
    if wrong := problems(root, maps):
        raise RowError("\n".join(wrong))
    found, written = sections(root / FOLDER), tests(root / FOLDER)
    classes = "".join(f"- **{name}**: {meaning}\n" for name, meaning in CLASSES.items())
    rows = [row for section in found for row in section.rows]
    reasons = sum(bool(row.reason) for row in rows)
    count = f"\n{len(rows)} rows; {len(rows) - reasons} with a test, {reasons} with a reason why not.\n"
    return _HEAD + classes + count + "".join(_table(section, written, root) for section in found)


def _table(section: Section, written: Mapping[str, list[str]], root: Path) -> str:
    lines = "".join(f"| {' | '.join(_cells(row, written, root))} |\n" for row in section.rows)
    return f"\n## {section.number} {section.title}\n\n{_COLUMNS}{lines}"


def _cells(row: Row, written: Mapping[str, list[str]], root: Path) -> Iterator[str]:
    yield from (row.id, _escaped(row.sr), _escaped(row.target), row.kind)
    yield "<br>".join([*map(_rule, row.maps), *(_link(module(root, each), each) for each in row.renderer)])
    shown = [_link(FOLDER / each.partition(":")[0], each) for each in written.get(row.id, ())]
    yield "<br>".join(shown) or f"cannot be done: {_escaped(row.reason)}"


def _rule(reference: str) -> str:
    file, _, name = reference.partition(":")
    return f"[{name}](mapping/{Path(file).stem}.md#{name.lower().replace('.', '-')})"


def _link(path: Path | None, reference: str) -> str:
    file, _, name = reference.partition(":")
    return f"[{name or Path(file).name}](../../{path})"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
