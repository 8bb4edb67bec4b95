"""Step: compile every map and check what the engine would only find when it gets there, or never."""

from __future__ import annotations

import fnmatch
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sr2fhir.engines.java.connection import (
    Connection,
    ConnectionLostError,
    Operation,
    Process,
    RequestFailedError,
)
from sr2fhir.engines.java.options import command
from sr2fhir.errors import SetupError
from sr2fhir.files import replace_file, replace_folder
from sr2fhir.paths import Layout
from sr2fhir.settings import R5, TARGETS
from sr2fhir.toolchain.steps import Progress

from tools.compiling import fml
from tools.compiling.core import Core

# Transforms of the language that this engine does not implement: it says so when it meets one, which may be
# never in a test.
_UNIMPLEMENTED = frozenset(("qty", "id", "cp", "escape", "dateOp"))
# how the engine's parser names line and column
_POSITION = re.compile(r"^(?:Error )?(?:in .*? )?@(\d+),\s*(\d+):\s*")
_BASE = R5.definitions_url


@dataclass(frozen=True)
class Problem:
    """State what is wrong in a map, and where."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        """Write it as compilers do."""
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(frozen=True)
class Map:
    """Hold a map: its source and what the engine made of it.

    Parameters
    ----------
    file
        Its name below the project.
    text
        The source.
    content
        The StructureMap.
    """

    file: str
    text: str
    content: dict[str, Any]

    @property
    def url(self) -> str:
        """Return its canonical URL."""
        return str(self.content.get("url", ""))

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Return its groups by name."""
        return {group["name"]: group for group in self.content.get("group", [])}

    @cached_property
    def places(self) -> dict[str, fml.Group]:
        """Return where its groups stand."""
        return {group.name: group for group in fml.groups(self.text)}

    def line_of(self, group: str, rule: str | None = None) -> int:
        """Return the line of a group, or of a rule in it."""
        place = self.places[group]
        return place.lines().get(rule or "", place.line)

    def line_with(self, text: str) -> int:
        """Return the first line that holds a text; 0 where none does."""
        numbers = (number for number, line in enumerate(self.text.splitlines(), 1) if text in line)
        return next(numbers, 0)

    def rules(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Return each rule at any depth, with the name of its group."""
        for name, group in self.groups.items():
            yield from ((name, rule) for rule in _nested(group))

    def problem(self, text: str, group: str, rule: str | None = None) -> Problem:
        """State a problem of a group or rule."""
        return Problem(self.file, self.line_of(group, rule), text)


def _nested(parent: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the rules below a group or rule."""
    for rule in parent.get("rule", []):
        yield rule
        yield from _nested(rule)


def run(places: Layout, progress: Progress) -> None:
    """Compile and check the maps.

    Raises
    ------
    SetupError
        A map does not parse or a check fails; the message lists file, line and problem of each.
    """
    sources = sorted(places.maps.rglob("*.map"))
    if not sources:
        raise SetupError("there is no map in maps/", hint="The checkout is incomplete: restore it with git")
    with replace_folder(places.compiled_maps) as folder:
        problems = list(compile_files(places, sources, folder))
        compiled = [_load(places, path, folder) for path in sources if _made(places, path, folder).is_file()]
        problems += check(compiled, _known(places))
        if problems:
            listed = "\n".join(
                str(problem) for problem in sorted(problems, key=lambda entry: (entry.file, entry.line))
            )
            raise SetupError(f"{len(problems)} problems in the maps:\n{listed}\n", hint="Mend them in maps/")
        replace_file(places.map_index, json.dumps(index(compiled), indent=1).encode())


def compile_files(places: Layout, sources: Sequence[Path], folder: Path) -> Iterator[Problem]:
    """Let the engine parse the maps into a folder, and tell what it cannot."""
    connection = Connection(Process(command(places, "single", {R5.name: [places.core]}), places.scratch))
    try:
        for path in sources:
            try:
                made = connection.request(Operation.COMPILE, path.name, path.read_bytes())
                file = _made(places, path, folder)
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(made)
            except RequestFailedError as failure:
                yield _syntax_problem(_name(places, path), failure.text or failure.kind)
    except ConnectionLostError:
        raise SetupError("compiling the maps failed: its Java process ended") from None
    finally:
        connection.close()


def _syntax_problem(file: str, message: str) -> Problem:
    """Take line and column out of the engine's message."""
    match = _POSITION.match(message)
    line, column = (int(match[1]), f" (column {match[2]})") if match else (0, "")
    return Problem(file, line, message[match.end() if match else 0 :] + column)


def _name(places: Layout, path: Path) -> str:
    """Return a file's name below the project."""
    return path.relative_to(places.sources).as_posix()


def _made(places: Layout, source: Path, folder: Path) -> Path:
    """Return the file of a StructureMap: in a folder of its own, if it leads to another version of FHIR."""
    steps = [target.folder for target in TARGETS.values() if target.folder]
    part = next((name for name in steps if source.is_relative_to(places.maps / name)), "")
    return folder / part / f"{source.stem}.json"


def _load(places: Layout, source: Path, folder: Path) -> Map:
    """Read a map's source and the StructureMap."""
    content = json.loads(_made(places, source, folder).read_bytes())
    return Map(_name(places, source), source.read_text(encoding="utf-8"), content)


def _known(places: Layout) -> frozenset[str]:
    """Collect the URLs of all structures and of our own terminology."""
    cores = {target.definitions_url: Core.of(places, target).names() for target in TARGETS.values()}
    own = (json.loads(path.read_bytes()).get("url", "") for path in places.definitions.glob("*.json"))
    return frozenset((*(base + name for base, names in cores.items() for name in names), *own))


def index(maps: Iterable[Map]) -> dict[str, Any]:
    """Make the table in which a rule's file and line are looked up."""
    return {
        str(entry.content.get("name", "")): {
            "file": entry.file,
            "groups": {
                name: {"line": place.line, "rules": place.lines()} for name, place in entry.places.items()
            },
        }
        for entry in maps
    }


def check(maps: Sequence[Map], known: frozenset[str]) -> Iterator[Problem]:
    """Check maps, each by itself and all together.

    Parameters
    ----------
    maps
        The compiled maps.
    known
        URLs of all structures and ConceptMaps that there are.

    Yields
    ------
    Problem
        What is wrong.
    """
    by_url = {entry.url: entry for entry in maps}
    yield from _twice(maps)
    for entry in maps:
        yield from _structures(entry, known)
        yield from _imports(entry, by_url)
        yield from _rule_names(entry)
        yield from _calls(entry, by_url)
        yield from _transforms(entry, known)


def _twice(maps: Sequence[Map]) -> Iterator[Problem]:
    """Find URLs, names and groups that more than one map has."""
    urls, names = Counter(entry.url for entry in maps), Counter(entry.content.get("name") for entry in maps)
    groups = Counter(group for entry in maps for group in entry.groups)
    for entry in maps:
        if urls[entry.url] > 1:
            yield Problem(
                entry.file, entry.line_with(entry.url), f"the URL {entry.url} belongs to another map too"
            )
        if names[entry.content.get("name")] > 1:
            yield Problem(entry.file, 1, f"the name {entry.content.get('name')} belongs to another map too")
        for group in (name for name in entry.groups if groups[name] > 1):
            yield entry.problem(f"the group {group} stands in another map too", group)


def _structures(entry: Map, known: frozenset[str]) -> Iterator[Problem]:
    """Find structures that nobody defines."""
    for use in entry.content.get("structure", []):
        if use["url"] not in known:
            yield Problem(entry.file, entry.line_with(use["url"]), f"the structure {use['url']} is not known")


def _imports(entry: Map, by_url: dict[str, Map]) -> Iterator[Problem]:
    """Find imports that lead to no map."""
    for pattern in entry.content.get("import", []):
        if not _imported(pattern, by_url):
            yield Problem(entry.file, entry.line_with(pattern), f"the import {pattern} leads to no map")


def _imported(pattern: str, by_url: dict[str, Map]) -> list[Map]:
    """List the maps that an import means."""
    return [entry for url, entry in by_url.items() if fnmatch.fnmatchcase(url, pattern)]


def _rule_names(entry: Map) -> Iterator[Problem]:
    """Find names that two rules of a group share: an error could not be traced to one of them."""
    for name, place in entry.places.items():
        counts = Counter(rule for rule, _ in place.rules)
        seen: set[str] = set()
        for rule, line in place.rules:
            if counts[rule] > 1 and rule in seen:
                yield Problem(
                    entry.file, line, f"group {name} has another rule '{rule}'; name one of them otherwise"
                )
            seen.add(rule)


def _calls(entry: Map, by_url: dict[str, Map]) -> Iterator[Problem]:
    """Find calls of groups that are not there, or with another number of variables than they take."""
    reachable = dict(entry.groups)
    for pattern in entry.content.get("import", []):
        for other in _imported(pattern, by_url):
            reachable |= other.groups
    for group, rule in entry.rules():
        for call in rule.get("dependent", []):
            callee = reachable.get(call["name"])
            given = len(call.get("parameter", []))
            if callee is None:
                yield entry.problem(
                    f"rule '{rule['name']}' calls {call['name']}, which is no group", group, rule["name"]
                )
            elif len(callee["input"]) != given:
                takes = len(callee["input"])
                text = f"rule '{rule['name']}' calls {call['name']} with {given} variables; it takes {takes}"
                yield entry.problem(text, group, rule["name"])


def _transforms(entry: Map, known: frozenset[str]) -> Iterator[Problem]:
    """Find transforms that the engine does not implement, and types and ConceptMaps that are not there."""
    for group, rule in entry.rules():
        for target in rule.get("target", []):
            for text in _transform_problems(target, known):
                yield entry.problem(f"rule '{rule['name']}' {text}", group, rule["name"])


def _transform_problems(target: dict[str, Any], known: frozenset[str]) -> Iterator[str]:
    """Say what is wrong with one target of a rule."""
    transform = target.get("transform", "")
    literals = [value for parameter in target.get("parameter", []) if (value := parameter.get("valueString"))]
    if transform in _UNIMPLEMENTED:
        yield f"uses '{transform}', which the engine does not implement"
    if transform == "create":
        yield from (
            f"creates a {name}, which is no type" for name in literals if not {name, _BASE + name} & known
        )
    if transform == "translate":
        urls = (url for url in literals if url.startswith("http"))
        yield from (f"translates by {url}, which is not known" for url in urls if url not in known)
