"""A small reader of our own FSH: definitions with their keywords and rules, rule sets inserted.

It knows as much of the language (https://hl7.org/fhir/uv/shorthand) as the pages need; SUSHI is the compiler.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_START = re.compile(
    r"(Profile|Logical|Mapping|RuleSet|Instance|CodeSystem|ValueSet|Alias): *([\w$-]+)(?:\(([^)]*)\))?(.*)"
)
_KEYWORD = re.compile(r"(\w+): *(.*)")
_RULE = re.compile(r" *\* ")
_INSERT = re.compile(r" *\* insert ([\w-]+)(?:\((.*)\))?\s*")
_ARGUMENT = re.compile(r"\s*(?:\[\[(.*?)\]\]|((?:\\.|[^,\\])*?))\s*(?:,|$)", re.DOTALL)


@dataclass
class Definition:
    """One definition as it stands in its file.

    Parameters
    ----------
    kind, name
        ``Profile``, ``Logical``, ``Mapping``, ``RuleSet`` …, and its name.
    parameters
        Of a rule set.
    file, line
        Where it begins; `file` is the path below the folder that was read.
    keywords
        ``Id``, ``Title``, ``Description`` …, without quotes.
    rules
        The rules with their indentation; each begins with ``*``.
    """

    kind: str
    name: str
    parameters: tuple[str, ...]
    file: str
    line: int
    keywords: dict[str, str] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Answer the Id, else the name."""
        return self.keywords.get("Id", self.name)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Answer numbered lines; a text between three quotes is one line."""
    number, rest = 1, iter(text.split("\n"))
    for line in rest:
        whole = line
        while whole.count('"""') % 2:
            whole += "\n" + next(rest)
        yield number, whole
        number += whole.count("\n") + 1


def _unquoted(text: str) -> str:
    """Answer a keyword's value without its quotes."""
    text = text.strip()
    for quote in ('"""', '"'):
        if len(text) >= 2 * len(quote) and text.startswith(quote) and text.endswith(quote):
            return text[len(quote) : -len(quote)].strip().replace('\\"', '"').replace("\\\\", "\\")
    return text


def _definitions(text: str, file: str) -> Iterator[Definition]:
    """Read the definitions of one file."""
    current: Definition | None = None
    for number, line in _lines(text):
        if line.lstrip().startswith("//") or not line.strip():
            continue
        if start := _START.fullmatch(line):
            parameters = tuple(name.strip() for name in (start[3] or "").split(",") if name.strip())
            current = Definition(start[1], start[2], parameters, file, number)
            current.keywords["="] = start[4].strip().removeprefix("=").strip()
            yield current
        elif current is not None:
            _extend(current, line)


def _extend(definition: Definition, line: str) -> None:
    """Add a line to the definition that it stands in: a rule, a keyword, or the rest of a rule."""
    if _RULE.match(line):
        definition.rules.append(line.rstrip())
    elif keyword := _KEYWORD.fullmatch(line.rstrip()) or re.fullmatch(
        r'(\w+): *(""".*""")\s*', line, re.DOTALL
    ):
        definition.keywords[keyword[1]] = _unquoted(keyword[2])
    elif definition.rules:
        definition.rules[-1] += " " + line.strip()


def read(folder: Path) -> tuple[Definition, ...]:
    """Read all definitions of a folder and its subfolders, in the order of the file names."""
    return tuple(
        definition
        for path in sorted(folder.rglob("*.fsh"))
        for definition in _definitions(path.read_text(encoding="utf-8"), path.relative_to(folder).as_posix())
    )


def rule_sets(definitions: Iterable[Definition]) -> dict[str, Definition]:
    """Answer the rule sets by name."""
    return {each.name: each for each in definitions if each.kind == "RuleSet"}


def arguments(text: str) -> list[str]:
    """Cut the arguments of an insert rule: ``[[…]]`` protects commas, a backslash the next character."""
    found = [match for match in _ARGUMENT.finditer(text) if match[0]]
    return [match[1] if match[1] is not None else re.sub(r"\\(.)", r"\1", match[2]) for match in found]


def rules(definition: Definition, sets: Mapping[str, Definition]) -> Iterator[str]:
    """Answer the rules of a definition with those of the rule sets that it inserts."""
    for rule in definition.rules:
        insert = _INSERT.fullmatch(rule)
        if insert is None:
            yield rule
            continue
        yield from _inserted(sets[insert[1]], arguments(insert[2] or ""), sets)


def _inserted(rule_set: Definition, values: list[str], sets: Mapping[str, Definition]) -> Iterator[str]:
    """Answer the rules of a rule set with its parameters filled in."""
    filled = list(rule_set.rules)
    for name, value in zip(rule_set.parameters, values, strict=False):
        filled = [rule.replace("{" + name + "}", value) for rule in filled]
    yield from rules(Definition("RuleSet", rule_set.name, (), rule_set.file, rule_set.line, {}, filled), sets)


# ---- what the pages need of it -------------------------------------------------------------------


@dataclass(frozen=True)
class ElementSource:
    """The DICOM source that a profile's Mapping states for an element, or (an empty `element`) as a whole."""

    element: str
    wording: str
    template: str


def element_sources(profile: str, definitions: Iterable[Definition]) -> Iterator[ElementSource]:
    """Answer the DICOM sources that the Mappings of a profile state.

    Parameters
    ----------
    profile
        Name of the profile (not its id).
    definitions
        All definitions.
    """
    definitions = tuple(definitions)
    sets = rule_sets(definitions)
    for mapping in definitions:
        if mapping.kind == "Mapping" and mapping.keywords.get("Source") == profile:
            for rule in rules(mapping, sets):
                if match := re.fullmatch(r' *\* *(\S*) *-> "(.*)"', rule):
                    yield ElementSource(match[1], match[2], mapping.keywords["Title"])


@dataclass(frozen=True)
class Translation:
    """One pair of a ConceptMap; `source` is empty for the codes without a row of their own."""

    source: str
    display: str
    target: str


_CODE = re.compile(
    r" *\* group\[=\]\.(element\[\+\]\.code|element\[=\]\.display|element\[=\]\.target\[\+\]\.code|"
    r'unmapped\.code) = (?:#(\S+)|"(.*)")'
)


def translations(concept_map: Definition, definitions: Iterable[Definition]) -> Iterator[Translation]:
    """Answer the pairs of a ConceptMap of the guide."""
    source = display = ""
    for rule in rules(concept_map, rule_sets(definitions)):
        match = _CODE.fullmatch(rule)
        if match is None:
            continue
        value = match[2] or match[3]
        if match[1] == "element[+].code":
            source, display = value, ""
        elif match[1] == "element[=].display":
            display = value
        else:
            yield Translation(*("", "") if match[1] == "unmapped.code" else (source, display), value)
