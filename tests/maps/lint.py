"""Rules of the house for the maps, beyond what set-up checks when it compiles them (`toolchain/maps.py`).

Each check takes the compiled maps and yields defects; `CHECKS` lists them all. FHIRPath is read by fhirpathpy.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from fhirpathpy.parser import parse
from sr2fhir import documents
from sr2fhir.paths import layout
from sr2fhir.settings import CRITICAL_FINDING_MAP, DOCUMENTS, TARGETS
from tools.guide.mapping import SCHEMES
from tools.guide.structure_maps import Library, Rule, Scope

CANONICAL = "http://hl7.org/fhir/uv/dicom-sr"
STEPS = {
    step
    for target in (*TARGETS.values(), *DOCUMENTS.values())
    for step in (*target.step_maps, target.map_without_selections)
    if step
}
OF_DOCUMENTS = {each.entry_map for each in documents.TYPES}
ENTRIES = frozenset(url.rpartition("/")[2] for url in (*OF_DOCUMENTS, CRITICAL_FINDING_MAP, *STEPS))
OF_STEPS = frozenset(
    path.stem
    for target in TARGETS.values()
    if target.folder
    for path in layout().step_maps(target.folder).glob("*.json")
)
STATUSES = ("draft", "active")
GROUP_LINES = 40
COLUMNS = 120
# Random.
UNUSABLE = ("uuid", "reference")
# Names that FHIRPath gives a meaning of its own (%context …): no variable may have them.
RESERVED = ("context", "resource", "rootResource", "ucum", "sct", "loinc")

Node = Mapping[str, Any]
Types = frozenset[str]
UNKNOWN: Types = frozenset()
_ABSTRACT: Types = frozenset({"Resource"})
BOOLEAN: Types = frozenset({"boolean"})
_SAME_TYPE = ("where", "first", "last", "tail", "intersect", "distinct")
_RESULTS: dict[str, Types] = {
    **dict.fromkeys(("exists", "empty", "not", "matches"), BOOLEAN),
    "count": frozenset({"integer"}),
    **dict.fromkeys(("join", "replace"), frozenset({"string"})),
}
_LOGICAL = ("AndExpression", "OrExpression", "ImpliesExpression")
_COMPARISONS = ("EqualityExpression", "InequalityExpression", "MembershipExpression")


@dataclass(frozen=True)
class Maps:
    """What is checked.

    Parameters
    ----------
    library
        The compiled maps.
    texts
        The text of each map, by its name.
    codes
        Display of each code of DICOM's own scheme.
    urls
        URLs of all definitions.
    """

    library: Library
    texts: Mapping[str, str]
    codes: Mapping[str, str]
    urls: frozenset[str]


Defects = Iterator[str]


def _at(rule: Rule, text: str) -> str:
    return f"{rule.group.map}: {rule.reference}: {text}"


# ---- header, names, size -------------------------------------------------------------------------


def headers(maps: Maps) -> Defects:
    """The header says url, name, title and status; url and name follow from the file name."""
    for name, each in maps.library.maps.items():
        for member, value in {"url": f"{CANONICAL}/StructureMap/{each['id']}", "name": each["id"]}.items():
            if each.get(member) != value:
                yield f"{name}: {member} is {each.get(member)!r}, not {value!r}"
        if not each.get("title"):
            yield f"{name}: there is no title"
        if each.get("status") not in STATUSES:
            yield f"{name}: status is {each.get('status')!r}"


def rule_names(maps: Maps) -> Defects:
    """A rule is called by letters and digits: its name is an anchor in pages, and all that an engine says of it."""
    for rule in maps.library.rules:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", rule.name):
            yield _at(rule, "a name has letters and digits only")


def group_sizes(maps: Maps) -> Defects:
    """A group fits one screen."""
    for name, text in maps.texts.items():
        for match in re.finditer(r"^group (\w+).*?^}", text, re.MULTILINE | re.DOTALL):
            lines = match[0].count("\n") + 1
            if lines > GROUP_LINES:
                yield f"{name}: {match[1]} has {lines} lines, more than {GROUP_LINES}"


def line_lengths(maps: Maps) -> Defects:
    """Lines are short, but for those with a URL."""
    for name, text in maps.texts.items():
        for number, line in enumerate(text.split("\n"), start=1):
            if len(line) > COLUMNS and "://" not in line:
                yield f"{name}: line {number} has {len(line)} columns, more than {COLUMNS}"


# ---- calls and variables -------------------------------------------------------------------------


def calls(maps: Maps) -> Defects:
    """What is passed as target is a target."""
    for rule in maps.library.rules:
        for name, arguments in rule.calls:
            for declared, argument in zip(maps.library.groups[name].inputs, arguments, strict=True):
                known = rule.scope.get(argument)
                if declared["mode"] == "target" and known is not None and not known.target:
                    yield _at(rule, f"{argument} is no target, but {name} writes to it")


def reachable(maps: Maps) -> Defects:
    """Every group is reached from an entry."""
    reached: set[str] = set()
    pending = set(ENTRIES)
    while pending:
        reached |= pending
        called = {name for rule in maps.library.rules if rule.group.name in pending for name, _ in rule.calls}
        pending = called - reached
    yield from (
        f"{each.map}: nothing calls {each.name}"
        for each in maps.library.groups.values()
        if each.name not in reached
    )


def variables(maps: Maps) -> Defects:
    """Every variable that a rule uses outside FHIRPath is known there, and none has a reserved name."""
    for rule in maps.library.rules:
        used = [*(argument for _, arguments in rule.calls for argument in arguments)]
        used += [target["context"] for target in rule.targets if "context" in target]
        used += [
            each["valueId"]
            for target in rule.targets
            for each in target.get("parameter", ())
            if "valueId" in each
        ]
        unknown = {each["context"] for each in rule.sources} - rule.before.keys() | set(
            used
        ) - rule.scope.keys()
        yield from (_at(rule, f"there is no variable {name}") for name in sorted(unknown))
        reserved = sorted(rule.scope.keys() & set(RESERVED))
        yield from (_at(rule, f"%{name} means something else in FHIRPath") for name in reserved)


def functions(maps: Maps) -> Defects:
    """No transform is used that is random, nor a display that the engine drops."""
    for rule in maps.library.rules:
        for target in rule.targets:
            if target.get("transform") in UNUSABLE:
                yield _at(rule, f"{target['transform']}() is random")
            if target.get("transform") == "cc" and len(target["parameter"]) > 2:
                yield _at(rule, "cc() drops the display: write the coding element by element")


# ---- URLs and codes ------------------------------------------------------------------------------


def urls(maps: Maps) -> Defects:
    """Every URL below the canonical is that of a definition or a map."""
    known = maps.urls | {f"{CANONICAL}/StructureMap/{name}" for name in maps.library.maps}
    for name, each in maps.library.maps.items():
        for url in sorted(set(re.findall(re.escape(CANONICAL) + r"/[A-Za-z]+/[\w*-]+", json.dumps(each)))):
            if not fnmatch.filter(known, url):
                yield f"{name}: there is no {url}"


def keys(maps: Maps) -> Defects:
    """Every code of DICOM's own scheme by which content is matched is one that PS3.16 defines."""
    for rule in maps.library.rules:
        for expression in rule.expressions:
            for code in re.findall(r"'DCM#(\w+)'", expression):
                if code not in maps.codes:
                    yield _at(rule, f"DCM has no code {code}")


def codings(maps: Maps) -> Defects:
    """Every code of DICOM's own scheme that is written is one that PS3.16 defines, with its meaning as display."""
    for rule in maps.library.rules:
        for fields in written(rule).values():
            if SCHEMES.get(fields.get("system", "")) == "DCM" and "code" in fields:
                meaning = maps.codes.get(fields["code"], "")
                if not meaning or meaning.casefold() != fields.get("display", meaning).casefold():
                    yield _at(rule, f"DCM#{fields['code']} is {meaning!r}, not {fields.get('display')!r}")


def written(rule: Rule) -> dict[str, dict[str, str]]:
    """Return the constants that a rule writes, by variable and element."""
    found: dict[str, dict[str, str]] = {}
    for target in rule.targets:
        if target.get("transform") == "copy" and "valueString" in target["parameter"][0]:
            found.setdefault(target["context"], {})[target["element"]] = target["parameter"][0]["valueString"]
    return found


# ---- elements and FHIRPath -----------------------------------------------------------------------


@cache
def parsed(expression: str) -> Node:
    """Read FHIRPath, each text once."""
    found: Node = parse(expression)
    return found


def names(node: Node) -> Iterator[str]:
    """Yield the identifiers below a node."""
    if node.get("type") == "Identifier":
        yield node["text"].strip("`")
    for child in node.get("children", ()):
        yield from names(child)


@dataclass(frozen=True)
class Typing:
    """Follow the types through an expression, and note what is wrong there.

    Parameters
    ----------
    library
        The maps, with the types of elements.
    scope
        The variables that the expression knows.
    is_step
        Whether the maps lead to another version of FHIR. They read resources and values of many types in one
        group, and tell them apart by conditions: an element need exist in one of the types alone.
    found
        Defects, as they are met.
    """

    library: Library
    scope: Scope
    is_step: bool = False
    found: list[str] = field(default_factory=list)

    def element(self, owners: Types, name: str) -> Types:
        """Return the types of an element, which each of the types must have."""
        types = self.library.types
        # of an abstract type nothing is known, and of one that the maps never make
        known = sorted(each for each in owners - _ABSTRACT if each in types.elements)
        missing = [owner for owner in known if types.element(owner, name) is None]
        if not self.is_step or len(missing) == len(known):
            self.found.extend(f"{owner} has no element {name}" for owner in missing)
        return self.library.types.part(owners, name)

    def of(self, node: Node, this: Types) -> Types:
        """Return the types that an expression has where ``$this`` has the types `this`."""
        children = node.get("children", ())
        match node.get("type"):
            case "InvocationExpression":
                return self._invoked(children[1], self.of(children[0], this), this)
            case "MemberInvocation" | "FunctionInvocation":
                return self._leading(node, this)
            case "ThisInvocation":
                return this
            case "ExternalConstant":
                return self._variable(next(names(node)))
            case "StringLiteral":
                return frozenset({"string"})
            case kind if kind in _LOGICAL:
                self._truths([self.of(child, this) for child in children])
                return BOOLEAN
            case kind:
                parts = [self.of(child, this) for child in children]
                return BOOLEAN if kind in _COMPARISONS else UNKNOWN.union(*parts)

    def _variable(self, name: str) -> Types:
        if name not in self.scope:
            self.found.append(f"there is no variable {name}")
            return UNKNOWN
        return self.scope[name].types

    def _leading(self, node: Node, this: Types) -> Types:
        """Engines take the first name of an expression for a variable if there is one of that name."""
        name = next(names(node))
        if node["type"] == "MemberInvocation" and name in self.scope and not self.is_step:
            self.found.append(f"the variable {name} hides the element {name}")
        return self._invoked(node, this, this)

    def _invoked(self, node: Node, owner: Types, this: Types) -> Types:
        """Return the types of an element or a call; arguments of where() and exists() are about its items."""
        name = next(names(node))
        if node["type"] == "MemberInvocation":
            return self.element(owner, name)
        (function,) = node["children"]
        about = owner if name in ("where", "exists", "select") else this
        given = [self.of(each, about) for part in function["children"][1:] for each in part["children"]]
        if name in ("where", "exists", "iif"):
            self._truths(given[:1])
        if name == "not":
            self._truths([owner])
        if name == "iif":
            return UNKNOWN.union(*given[1:])
        if name == "select":
            return UNKNOWN.union(*given)
        if name not in _SAME_TYPE and name not in _RESULTS and not self.is_step:
            self.found.append(f"{name}() is not a function that all engines are known to have")
        return _RESULTS.get(name, owner)

    def _truths(self, given: list[Types]) -> None:
        if not self.is_step and any(not types <= BOOLEAN for types in given):
            self.found.append("a condition is neither true nor false")


def elements(maps: Maps) -> Defects:
    """Every element exists in the type that it is read from or written to; expressions are well typed."""
    for rule in maps.library.rules:
        typing = Typing(maps.library, rule.scope, rule.group.map in OF_STEPS)
        reached = [_source(source, rule, typing) for source in rule.sources]
        for target in rule.targets:
            if "element" in target and target["context"] in rule.scope:
                # what is written must exist in each type
                strict = replace(typing, is_step=False)
                strict.element(rule.scope[target["context"]].types, target["element"])
            if target.get("transform") == "evaluate":
                *given, expression = target["parameter"]
                about = rule.before[given[0]["valueId"]].types if given else reached[0]
                typing.of(parsed(expression["valueString"]), about)
        yield from (_at(rule, message) for message in dict.fromkeys(typing.found))


def _source(source: Mapping[str, str], rule: Rule, typing: Typing) -> Types:
    """Follow a source and its condition; return the types that it leads to."""
    held = rule.before.get(source["context"])
    reached = held.types if held else UNKNOWN
    if "element" in source:
        reached = typing.element(reached, source["element"])
    if "type" in source:
        reached = frozenset({source["type"]})
    is_truth = "condition" not in source or typing.of(parsed(source["condition"]), reached) <= BOOLEAN
    if not is_truth and not typing.is_step:
        typing.found.append("a condition is neither true nor false")
    return reached


Check = Callable[[Maps], Defects]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        *(headers, rule_names, group_sizes, line_lengths),
        *(calls, reachable, variables, functions, urls, keys, codings, elements),
    )
}
