"""Rules of the house for the maps, beyond what the engines check when they read them.

Each check takes the `Library` and answers defects; `CHECKS` lists them all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.publishing.fml import (
    Call,
    Expression,
    Function,
    Group,
    Literal,
    Map,
    Member,
    Operation,
    Rule,
    This,
    Transform,
    Variable,
    expressions,
    parse,
    parts,
    walk,
)
from tools.publishing.mapping_pages.concepts import DCM, meanings
from tools.publishing.mapping_pages.flow import UNKNOWN, Flow, Types, chains
from tools.publishing.mapping_pages.fsh import Definition
from tools.publishing.mapping_pages.model import Model

CANONICAL = "http://hl7.org/fhir/uv/dicom-sr"
ENTRY = ("MeasurementReport", "DicomSR")
STATUSES = ("draft", "active")
GROUP_LINES = 40
COLUMNS = 120
# Random (uuid, reference), or not implemented by the engine.
UNUSABLE = ("uuid", "reference", "qty", "id", "cp", "escape", "dateOp")
# Names that FHIRPath gives a meaning of its own (%context …): no variable may have them.
RESERVED = ("context", "resource", "rootResource", "ucum", "sct", "loinc")
DCM_CODES = meanings("DCM")


@dataclass(frozen=True)
class Defect:
    """What is wrong, and where."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """Write place and message in one line."""
        return f"{self.file}:{self.line}: {self.message}"


@cache
def _parsed(text: str, file: str) -> Map:
    """Read a map, each text once."""
    return parse(text, file)


class Library:
    """All maps, with what they refer to.

    Parameters
    ----------
    texts
        Text of each map by file name.
    definitions
        All FSH definitions.
    """

    def __init__(self, texts: Mapping[str, str], definitions: tuple[Definition, ...]) -> None:
        self.texts = dict(texts)
        self.definitions = definitions
        self.maps: tuple[Map, ...] = tuple(_parsed(text, file) for file, text in sorted(texts.items()))
        self.model = Model(definitions)
        self.flow = Flow(self.maps, self.model, ENTRY)

    @property
    def groups(self) -> Iterator[Group]:
        """Answer the groups of all maps."""
        return (group for each in self.maps for group in each.groups)

    @property
    def rules(self) -> Iterator[tuple[Group, tuple[Rule, ...]]]:
        """Answer each rule of all maps with its group and the rules around it, the outermost first."""
        return ((group, chain) for group in self.groups for chain in chains(group.rules))

    @property
    def transforms(self) -> Iterator[tuple[Rule, Transform]]:
        """Answer each transform of all maps with its rule."""
        return (
            (chain[-1], target.transform)
            for _, chain in self.rules
            for target in chain[-1].targets
            if target.transform is not None
        )


def read_texts(folder: Path) -> dict[str, str]:
    """Read the maps of a folder."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*.map")}


# ---- header, names, size -------------------------------------------------------------------------


def headers(library: Library) -> Iterator[Defect]:
    """The header says url, name, title and status; url and name follow from the file name."""
    for each in library.maps:
        name = each.file.removesuffix(".map")
        wanted = {"url": f"{CANONICAL}/StructureMap/{name}", "name": name}
        for field, value in wanted.items():
            if each.header.get(field) != value:
                yield Defect(each.file, 1, f"{field} is {each.header.get(field)!r}, not {value!r}")
        if not each.header.get("title"):
            yield Defect(each.file, 1, "there is no title")
        if each.header.get("status") not in STATUSES:
            yield Defect(each.file, 1, f"status is {each.header.get('status')!r}")


def rule_names(library: Library) -> Iterator[Defect]:
    """Every rule has a name, unique within its group: it is all that an engine says of the place of an error."""
    for group in library.groups:
        count = Counter(rule.name for rule in group.walk())
        for rule in group.walk():
            if not rule.name:
                yield Defect(rule.file, rule.line, f"a rule of {group.name} has no name")
            elif count[rule.name] > 1:
                yield Defect(rule.file, rule.line, f"{group.name} has {count[rule.name]} rules {rule.name!r}")


def group_names(library: Library) -> Iterator[Defect]:
    """No two groups have the same name: maps import each other by a wildcard."""
    count = Counter(group.name for group in library.groups)
    for group in library.groups:
        if count[group.name] > 1:
            yield Defect(group.file, group.line, f"there are {count[group.name]} groups {group.name}")


def group_sizes(library: Library) -> Iterator[Defect]:
    """A group fits one screen."""
    for group in library.groups:
        lines = group.last_line - group.line + 1
        if lines > GROUP_LINES:
            yield Defect(group.file, group.line, f"{group.name} has {lines} lines, more than {GROUP_LINES}")


def line_lengths(library: Library) -> Iterator[Defect]:
    """Lines are short, but for those with a URL."""
    for file, text in sorted(library.texts.items()):
        for number, line in enumerate(text.split("\n"), start=1):
            if len(line) > COLUMNS and "://" not in line:
                yield Defect(file, number, f"{len(line)} columns, more than {COLUMNS}")


# ---- calls and variables -------------------------------------------------------------------------


def calls(library: Library) -> Iterator[Defect]:
    """Every group that is called exists and takes as many variables as are given."""
    for site in library.flow.sites:
        callee = library.flow.groups.get(site.call.group)
        where = (site.group.file, site.call.line)
        if callee is None:
            yield Defect(*where, f"there is no group {site.call.group}")
        elif len(callee.parameters) != len(site.call.arguments):
            yield Defect(
                *where,
                f"{callee.name} takes {len(callee.parameters)} variables, not {len(site.call.arguments)}",
            )
        else:
            yield from _targets_given(site.group, site.chain, site.call, callee)


def _targets_given(group: Group, chain: tuple[Rule, ...], call: Call, callee: Group) -> Iterator[Defect]:
    """What is passed as target is a target."""
    given = {parameter.name for parameter in group.parameters if parameter.mode == "target"}
    given |= {target.variable for rule in chain for target in rule.targets if target.variable}
    for parameter, argument in zip(callee.parameters, call.arguments, strict=True):
        if parameter.mode == "target" and argument not in given:
            yield Defect(group.file, call.line, f"{argument} is no target, but {callee.name} writes to it")


def reachable(library: Library) -> Iterator[Defect]:
    """Every group is reached from the entry."""
    reached, pending = set(), [ENTRY[0]]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [site.call.group for site in library.flow.sites if site.group.name == name]
    for group in library.groups:
        if group.name not in reached:
            yield Defect(group.file, group.line, f"nothing calls {group.name}")


def variables(library: Library) -> Iterator[Defect]:
    """Every variable that a rule uses is known there."""
    for group, chain in library.rules:
        rule, known = chain[-1], _variables(group, chain)
        outer = _variables(group, chain[:-1])
        if rule.source.context not in outer:
            yield Defect(rule.file, rule.line, f"there is no variable {rule.source.context}")
        for name in sorted(_used(rule) - known):
            yield Defect(rule.file, rule.line, f"there is no variable {name}")


def _variables(group: Group, chain: tuple[Rule, ...]) -> set[str]:
    """Answer the names of all variables that are known inside the last rule of a chain."""
    found = {parameter.name for parameter in group.parameters}
    for rule in chain:
        found |= {rule.source.variable or rule.source.context}
        found |= {target.variable for target in rule.targets if target.variable}
    return found


def _used(rule: Rule) -> set[str]:
    """Answer the names of all variables that a rule uses beyond its source."""
    found = {target.context for target in rule.targets if target.context}
    found |= {argument for call in rule.calls for argument in call.arguments}
    found |= {part.name for each in expressions(rule) for part in walk(each) if isinstance(part, Variable)}
    for target in rule.targets:
        if target.transform is not None and target.transform.function != "evaluate":
            found |= {_first(each).name for each in target.transform.arguments if isinstance(each, Member)}
    return found


def _first(member: Member) -> Member:
    """Answer what a path begins with."""
    return _first(member.owner) if isinstance(member.owner, Member) else member


def variable_names(library: Library) -> Iterator[Defect]:
    """No variable hides an element: engines take the first name of an expression for a variable if there is one of that name."""
    for group, chain in library.rules:
        known = _variables(group, chain)
        for expression in expressions(chain[-1]):
            for part in walk(expression):
                if isinstance(part, Member) and part.owner is None and part.name in known:
                    yield Defect(
                        chain[-1].file,
                        chain[-1].line,
                        f"the variable {part.name} hides the element {part.name}",
                    )


def reserved_names(library: Library) -> Iterator[Defect]:
    """No variable has a name that FHIRPath gives another meaning."""
    for group, chain in library.rules:
        for name in sorted(_variables(group, chain) & set(RESERVED)):
            yield Defect(chain[-1].file, chain[-1].line, f"%{name} means something else in FHIRPath")


# ---- functions -----------------------------------------------------------------------------------


def functions(library: Library) -> Iterator[Defect]:
    """No function is used that is random or that the engine lacks, nor a display that it drops."""
    for rule, transform in library.transforms:
        if transform.function in UNUSABLE:
            yield Defect(rule.file, rule.line, f"{transform.function}() is random or not to be had")
        if transform.function == "cc" and len(transform.arguments) > 2:
            yield Defect(rule.file, rule.line, "cc() drops the display: write the coding element by element")


# ---- URLs and codes ------------------------------------------------------------------------------


def _known_urls(library: Library) -> set[str]:
    """Answer the URLs, below the canonical, of all definitions and maps."""
    folders = {"Profile": "StructureDefinition", "Logical": "StructureDefinition", "CodeSystem": "CodeSystem"}
    found = {f"StructureMap/{each.header.get('name')}" for each in library.maps} | {"StructureMap/*"}
    for definition in library.definitions:
        if folder := folders.get(definition.kind):
            found.add(f"{folder}/{definition.id}")
        if definition.keywords.get("InstanceOf") == "ConceptMap":
            found.add(f"ConceptMap/{definition.name}")
    return found


def urls(library: Library) -> Iterator[Defect]:
    """Every URL below the canonical is that of a profile, a model, a code system, a ConceptMap or a map."""
    known = _known_urls(library)
    for file, text in sorted(library.texts.items()):
        for number, line in enumerate(text.split("\n"), start=1):
            for url in re.findall(re.escape(CANONICAL) + r"/([A-Za-z]+/[\w*-]+)", line):
                if url not in known:
                    yield Defect(file, number, f"there is no {url}")


def keys(library: Library) -> Iterator[Defect]:
    """Every code of DICOM's own scheme by which content is matched is one that PS3.16 defines."""
    for _, chain in library.rules:
        for expression in expressions(chain[-1]):
            for part in walk(expression):
                key = re.fullmatch(r"DCM#(.*)", part.text) if isinstance(part, Literal) else None
                if key and key[1] not in DCM_CODES:
                    yield Defect(chain[-1].file, chain[-1].line, f"DCM has no code {key[1]}")


def codings(library: Library) -> Iterator[Defect]:
    """Every code of DICOM's own scheme that is written is one that PS3.16 defines, with its meaning as display."""
    for _, chain in library.rules:
        values = _literals(chain[-1])
        for variable, fields in values.items():
            if fields.get("system") == DCM and "code" in fields:
                meaning = DCM_CODES.get(fields["code"])
                display = fields.get("display", meaning)
                if meaning is None or display is None or meaning.casefold() != display.casefold():
                    yield Defect(
                        chain[-1].file,
                        chain[-1].line,
                        f"{variable}: DCM#{fields['code']} is {meaning!r}, not {display!r}",
                    )


def _literals(rule: Rule) -> dict[str, dict[str, str]]:
    """Answer the fixed texts that a rule writes, by variable and element."""
    found: dict[str, dict[str, str]] = {}
    for target in rule.targets:
        if target.context and target.transform and target.transform.function == "literal":
            value = target.transform.arguments[0]
            if isinstance(value, Literal):
                found.setdefault(target.context, {})[".".join(target.path)] = value.text
    return found


# ---- element paths -------------------------------------------------------------------------------

_SAME_TYPE = ("where", "first", "last", "tail", "intersect", "distinct")
_BOOLEAN: Types = frozenset({"boolean"})
_RESULTS: dict[str, Types] = {
    **dict.fromkeys(("exists", "empty", "not", "matches"), _BOOLEAN),
    "count": frozenset({"integer"}),
}


@dataclass(frozen=True)
class _Typing:
    """The types in an expression of one rule, and what is wrong there.

    Parameters
    ----------
    flow
        Types of elements.
    scope
        Types of variables.
    found
        Defects, as they are met.
    """

    flow: Flow
    scope: Mapping[str, Types]
    found: list[str]

    def element(self, types: Types, name: str) -> Types:
        """Answer the types of an element, which each of the types must have."""
        for kind in sorted(types - {UNKNOWN}):
            if not self.flow.element(frozenset({kind}), (name,)):
                self.found.append(f"{kind} has no element {name}")
        return self.flow.element(types, (name,))

    def of(self, expression: Expression, this: Types) -> Types:
        """Answer the types that an expression has where ``$this`` has the types `this`."""
        match expression:
            case This():
                return this
            case Variable(name):
                return self.scope.get(name, frozenset({UNKNOWN}))
            case Literal():
                return frozenset({"string"})
            case Operation(operator, left, right):
                return self._operation(operator, self.of(left, this), self.of(right, this))
            case Member(owner, name):
                return self.element(self.of(owner, this) if owner else this, name)
            case Function():
                return self._function(expression, this)

    def _operation(self, operator: str, left: Types, right: Types) -> Types:
        """Answer the types that two operands give."""
        return left | right if operator in ("|", "&", "+") else _BOOLEAN

    def _function(self, function: Function, this: Types) -> Types:
        """Answer the types that a call gives; arguments of where() and exists() are about its items."""
        owner = self.of(function.owner, this) if function.owner else this
        about = owner if function.name in ("where", "exists") else this
        arguments = [self.of(argument, about) for argument in function.arguments]
        if function.name == "iif":
            return frozenset().union(*arguments[1:])
        if function.name not in _SAME_TYPE and function.name not in _RESULTS:
            self.found.append(f"{function.name}() is not a function that both engines are known to have")
        return _RESULTS.get(function.name, owner)


def elements(library: Library) -> Iterator[Defect]:
    """Every element of a variable whose type follows from the logical model exists there."""
    for group, chain in library.rules:
        rule = chain[-1]
        typing = _Typing(library.flow, library.flow.scope(group, chain), [])
        _check_rule(rule, library.flow.scope(group, chain[:-1]), typing)
        for message in typing.found:
            yield Defect(rule.file, rule.line, message)


def _check_rule(rule: Rule, outer: Mapping[str, Types], typing: _Typing) -> None:
    """Follow the paths and expressions of one rule."""
    reached = outer.get(rule.source.context, frozenset({UNKNOWN}))
    for name in rule.source.path:
        reached = typing.element(reached, name)
    if rule.source.condition is not None:
        typing.of(rule.source.condition, frozenset({rule.source.type}) if rule.source.type else reached)
    for target in rule.targets:
        if target.transform is not None:
            _check_transform(target.transform, reached, typing)


def _check_transform(transform: Transform, this: Types, typing: _Typing) -> None:
    """Follow the paths and expressions of a transform; outside an evaluation a path begins with a variable."""
    for argument in transform.arguments:
        if transform.function == "evaluate":
            typing.of(argument, this)
        elif isinstance(argument, Member):
            typing.of(_from_variable(argument), this)


def _from_variable(expression: Expression) -> Expression:
    """Answer a path with its first name taken as a variable."""
    match expression:
        case Member(None, name):
            return Variable(name)
        case Member(owner, name) if owner is not None:
            return Member(_from_variable(owner), name)
    return expression


def booleans(library: Library) -> Iterator[Defect]:
    """Every condition, and every operand of and, or and not(), is a boolean."""
    for group, chain in library.rules:
        rule = chain[-1]
        if rule.source.condition is not None:
            scope = library.flow.scope(group, chain)
            reached = library.flow.element(
                library.flow.scope(group, chain[:-1]).get(rule.source.context, frozenset()), rule.source.path
            )
            typing = _Typing(library.flow, scope, [])
            for part in _truths(rule.source.condition):
                if not typing.of(part, reached) <= _BOOLEAN | {UNKNOWN}:
                    yield Defect(rule.file, rule.line, "a condition is neither true nor false")


def _truths(expression: Expression) -> Iterator[Expression]:
    """Answer the parts of a condition that must be true or false."""
    if isinstance(expression, Operation) and expression.operator in ("and", "or", "xor", "implies"):
        for part in parts(expression):
            yield from _truths(part)
    else:
        yield expression


Check = Callable[[Library], Iterator[Defect]]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        *(headers, rule_names, group_names, group_sizes, line_lengths),
        *(calls, reachable, variables, variable_names, reserved_names, functions),
        *(urls, keys, codings, elements, booleans),
    )
}
