"""The pages of the mapping: the rules of each map as tables, an index of concepts, attributes and elements.

All of it is read from the compiled StructureMaps and the StructureDefinitions of what they read and write. A
rule is one row: the elements that it writes, what it reads, its condition as the map has it, and its name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from html import escape
from typing import Any, NamedTuple

from pydicom.sr._concepts_dict import concepts
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.codes import standard_schemes

from tools.guide.structure_maps import Group, Library, Rule, Scope

# Designators of coding schemes by the system of their codings.
SCHEMES = {each.system: each.designator for each in standard_schemes().values()}
_CONCEPTS: Any = concepts
# The meanings that pydicom lists from PS3.16, by key: "DCM#121401".
_MEANINGS: dict[str, str] = {
    f"{scheme}#{code}": text
    for scheme, table in _CONCEPTS.items()
    for entry in table.values()
    for code, (text, _) in entry.items()
}
_KEY = re.compile(r"'(\w+#\w+)'")
_CONCEPT_IN_TEXT = re.compile(r"\((\w+), (DCM|SCT|NCIt|UMLS)\b")
_ATTRIBUTE_IN_TEXT = re.compile(r"([A-Z][\w' ]*?) \(([0-9A-F]{4},[0-9A-F]{4})\)")
_CODING = re.compile(r"\.coding(\.(system|code|display))?$")
# A condition that leaves concepts out: `key.where(…).empty()`, `(…).not()`, `role != '…'`.
_PARENTHESES = reduce(lambda inner, _: rf"\((?:[^()]|{inner})*\)", range(4), r"\(\)")
LEFT_OUT = re.compile(
    rf"(?:key|role)\.where{_PARENTHESES}\.empty\(\)|{_PARENTHESES}\.not\(\)|role != '[\w-]+'"
)
_KINDS = ("Concept", "Attribute", "Element")
# What Markdown would take for its own, as characters of HTML.
_MARKUP = str.maketrans({each: f"&#{ord(each)};" for each in "|*_[]`\\"})
_NESTED = "&#8627; "
_SHOWN = 4


@dataclass(frozen=True)
class Form:
    """How the pages are written: for a folder of Markdown, or for the guide.

    Parameters
    ----------
    page
        Address of a map's page, with its name as ``{0}``.
    index
        Address of the index.
    maps
        Address of the text of each map, by name; a map that it lacks is not linked.
    heading
        What makes a line a heading.
    after_table
        A line below each table.
    """

    page: str = "{0}.md"
    index: str = "README.md"
    maps: Mapping[str, str] = field(default_factory=dict)
    heading: str = "##"
    after_table: str = ""


GUIDE = Form("StructureMap-{0}.html", "concepts.html", heading="####", after_table="{: .grid}\n")


class Mention(NamedTuple):
    """A rule that has to do with a concept, an attribute or an element, and where it says so."""

    rule: Rule
    where: str


class Pages:
    """Write the pages.

    Parameters
    ----------
    library
        The maps.
    roles
        Keys of the concepts (``DCM#121071``) by role.
    form
        How they are written.
    """

    def __init__(self, library: Library, roles: Mapping[str, Iterable[str]], form: Form) -> None:
        self._library, self._roles, self._form = library, roles, form

    # ---- one map ---------------------------------------------------------------------------------

    def of_map(self, name: str) -> str:
        """Write the tables of a map, one for each group."""
        return "\n".join(self._group(each) for each in self._library.groups.values() if each.map == name)

    def _group(self, group: Group) -> str:
        cells = (self._written, self._read, self._condition, self._name)
        rows = [[cell(rule) for cell in cells] for rule in self._library.rules if rule.group is group]
        written = table(("Target", "Source", "Condition", "Rule"), rows, self._form.after_table)
        return "\n".join((f"{self._form.heading} {group.name}\n", *self._about(group), written))

    def _about(self, group: Group) -> Iterator[str]:
        """Say what a group is for, what it takes and what calls it."""
        if "documentation" in group.content:
            yield _plain(group.content["documentation"]) + "\n"
        for mode, verb in (("source", "Reads"), ("target", "Writes")):
            given = [self._parameter(group, each["name"]) for each in group.inputs if each["mode"] == mode]
            yield f"{verb} {', '.join(given)}.  "
        callers = [rule for rule in self._library.rules for name, _ in rule.calls if name == group.name]
        called = ", ".join(self.link(rule) for rule in dict.fromkeys(callers))
        yield f"Called by {called}.\n" if called else "The entry.\n"

    def _parameter(self, group: Group, name: str) -> str:
        paths = sorted({each.path for each in group.given.get(name, ()) if each.path[0].isupper()})
        kinds = paths or sorted(group.parameters[name].types)
        return _code(name) + (f" ({_or(kinds)})" if kinds else "")

    def _written(self, rule: Rule) -> str:
        """Write the elements that a rule sets, each with its value, and the groups that it calls."""
        lines = []
        for target in self._telling(rule):
            value = self._value(target, rule)
            lines.append(_code(self._path(target, rule)) + (f" = {_code(value)}" if value else ""))
        return "<br/>".join([*lines, *(f"→ {self._group_link(name)}" for name, _ in rule.calls)])

    def _telling(self, rule: Rule) -> list[JsonObject]:
        """Leave out the targets that only lead to others of the same rule."""
        used = {target.get("context") for target in rule.targets}
        return [each for each in rule.targets if "transform" in each or each.get("variable") not in used]

    def _path(self, target: JsonObject, rule: Rule) -> str:
        if "variable" in target:
            return rule.scope[target["variable"]].path
        return self._library.read(target, rule.scope).path

    def _value(self, target: JsonObject, rule: Rule) -> str:
        """Write what a target is set to; nothing where it is what the rule reads."""
        transform = target.get("transform", "copy")
        if transform == "evaluate":
            return str(target["parameter"][-1]["valueString"])
        values = [_argument(each, rule.scope) for each in target.get("parameter", ())]
        read = rule.scope.get(rule.sources[0].get("variable", ""))
        shown = ", ".join(each for each in values if transform != "copy" or not read or each != read.path)
        return shown if transform == "copy" else f"{transform}({shown})"

    def _read(self, rule: Rule) -> str:
        """Write what a rule reads, with what the model says of the element as its title."""
        cells = []
        for source in rule.sources:
            read = _code(self._library.read(source, rule.before).path, self._short(source, rule))
            kind = f": {source['type']}" if "type" in source else ""
            name = (
                f"as {_code(source.get('variable', ''))}"
                if source.keys() >= {"variable", "condition"}
                else ""
            )
            cells.append(" ".join(filter(None, (read, kind, source.get("listMode"), name))))
        return "<br/>".join(cells)

    def _short(self, source: JsonObject, rule: Rule) -> str:
        owners = rule.before[source["context"]].types if "element" in source else ()
        found = [self._library.types.element(owner, source["element"]) for owner in sorted(owners)]
        return "; ".join(dict.fromkeys(each["short"] for each in found if each and "short" in each))

    def _condition(self, rule: Rule) -> str:
        """Write the condition, and the meanings of the concepts in it."""
        texts = [source["condition"] for source in rule.sources if "condition" in source]
        named = dict.fromkeys(key for text in texts for key in _KEY.findall(text))
        known = [f"[{meaning(key)}]({self._form.index}#{_anchor(key)})" for key in named]
        return "<br/>".join([*map(_code, texts), *known])

    def _name(self, rule: Rule) -> str:
        place = self._form.maps.get(rule.group.map)
        name = f"[{rule.name}]({place})" if place else rule.name
        return f'<a id="{_anchor(rule.reference)}"> </a>{_NESTED * len(rule.outer)}{name}'

    def link(self, rule: Rule) -> str:
        """Link to the row of a rule."""
        page = self._form.page.format(rule.group.map)
        return f"[{rule.reference}]({page}#{_anchor(rule.reference)})"

    def _group_link(self, name: str) -> str:
        page = self._form.page.format(self._library.groups[name].map)
        return f"[{name}]({page}#{name.lower()})"

    # ---- indexes ---------------------------------------------------------------------------------

    @cached_property
    def found(self) -> Mapping[str, Mapping[str, list[Mention]]]:
        """Return the rules that have to do with a concept (by key), an attribute or an element (by path)."""
        found: dict[str, dict[str, dict[Mention, None]]] = {kind: defaultdict(dict) for kind in _KINDS}
        for rule in self._library.rules:
            for kind, key, where in self._mentioned(rule):
                found[kind][key][Mention(rule, where)] = None
        return {kind: {key: [*of[key]] for key in sorted(of, key=_order)} for kind, of in found.items()}

    def _mentioned(self, rule: Rule) -> Iterator[tuple[str, str, str]]:
        """Yield what a rule has to do with: kind, key, and where it says so."""
        yield from (("Element", path, "written") for path in self._own(rule))
        yield from (("Concept", key, "written") for key in _codings(rule))
        for short in (self._short(source, rule) for source in rule.sources):
            for code, scheme in _CONCEPT_IN_TEXT.findall(short):
                yield "Concept", f"{scheme}#{code}", "source"
            for name, tag in _ATTRIBUTE_IN_TEXT.findall(short):
                yield "Attribute", f"({tag}) {name}", "source"
        for expression in rule.expressions:
            left_out = " ".join(match[0] for match in LEFT_OUT.finditer(expression))
            for text, where in ((LEFT_OUT.sub("", expression), "condition"), (left_out, "left out")):
                yield from (("Concept", key, where) for key in _KEY.findall(text))
                for role in self._asked(text):
                    yield from (("Concept", key, f"{where}: role {role}") for key in self._roles[role])

    def _asked(self, expression: str) -> list[str]:
        """Return the roles that an expression asks for."""
        named = re.findall(r"'([\w-]+)'", expression) if "role" in expression else []
        return [each for each in named if each in self._roles]

    def elements(self, rule: Rule, seen: frozenset[str] = frozenset()) -> list[str]:
        """Return the elements that a rule writes; if none, those that rules in it and its calls write."""
        own = self._own(rule)
        if own:
            return own
        called = {name for name, _ in rule.calls} - seen
        below = [
            each
            for each in self._library.rules
            if (each.group.name in called and not each.outer) or (each.outer and each.outer[-1] == rule)
        ]
        return list(dict.fromkeys(path for each in below for path in self.elements(each, seen | called)))

    def _own(self, rule: Rule) -> list[str]:
        """Return the elements that a rule itself writes: codings as a whole, ids and the Bundle left out."""
        paths = dict.fromkeys(_CODING.sub("", self._path(each, rule)) for each in self._telling(rule))
        return [
            each
            for each in paths
            if each[0].isupper() and not each.startswith("Bundle.") and not each.endswith(".id")
        ]

    def index(self) -> str:
        """Write the index of maps, concepts, attributes and elements."""
        maps = sorted((name, each["title"]) for name, each in self._library.maps.items())
        made = [(f"[{name}]({self._form.page.format(name)})", _plain(title)) for name, title in maps]
        tables = [_HEAD, self._titled("Map", ("Map", "What it makes"), made)]
        columns = ("Where", "Reads", "Writes", "Rule")
        tables += [self._titled(kind, (kind, *columns), self._entries(kind)) for kind in _KINDS]
        return "\n".join(tables)

    def _titled(self, title: str, head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
        return f"{self._form.heading} {title}s\n\n{table(head, rows, self._form.after_table)}"

    def _entries(self, kind: str) -> Iterator[tuple[str, ...]]:
        for key, mentions in self.found[kind].items():
            head = f'<a id="{_anchor(key)}"> </a>{meaning(key) if kind == "Concept" else key}'
            for mention in mentions:
                read, written = self._read(mention.rule), _or(self.elements(mention.rule))
                yield head, mention.where, read, written, self.link(mention.rule)
                head = ""


_HEAD = """\
What each rule of the maps writes and reads. Look up a concept, an attribute or an element, then its rule.
*Where* says what the rule has to do with it: asks for it (condition), leaves it out, reads it, or writes it.
"""


def table(head: Sequence[str], rows: Iterable[Iterable[str]], after: str = "") -> str:
    """Write a table in Markdown."""
    lines = (head, ["---"] * len(head), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + after


def meaning(key: str) -> str:
    """Return code, scheme and meaning of a concept: ``121401 (DCM) Derivation``."""
    scheme, _, code = key.partition("#")
    return f"{code} ({scheme}) {_MEANINGS.get(key, '')}".strip()


def _codings(rule: Rule) -> Iterator[str]:
    """Return the keys of the codings that a rule writes."""
    fields: dict[str, dict[str, str]] = defaultdict(dict)
    for target in rule.targets:
        if target.get("transform") == "copy" and "valueString" in target["parameter"][0]:
            fields[target["context"]][target["element"]] = target["parameter"][0]["valueString"]
    for each in fields.values():
        if each.get("system") in SCHEMES and "code" in each:
            yield f"{SCHEMES[each['system']]}#{each['code']}"


def _argument(parameter: JsonObject, scope: Scope) -> str:
    """Write an argument of a transform: the path of a variable, or a constant."""
    (value,) = parameter.values()
    return (scope[value].path if value in scope else value) if "valueId" in parameter else f"'{value}'"


def _order(key: str) -> tuple[int, int, str]:
    """Sort concepts by scheme and number, all else by its text."""
    scheme, is_key, code = key.partition("#")
    return ([*SCHEMES.values(), scheme].index(scheme), len(code), code) if is_key else (0, 0, key)


def _or(paths: Iterable[str]) -> str:
    listed = list(paths)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(map(_code, listed[:_SHOWN])) + more


def _code(text: str, title: str = "") -> str:
    """Write code in HTML: within a table Markdown knows no way to write all characters of FHIRPath."""
    about = f' title="{escape(title).translate(_MARKUP)}"' if title else ""
    return f"<code{about}>{escape(text).translate(_MARKUP)}</code>"


def _plain(text: str) -> str:
    return escape(" ".join(text.split()), quote=False).translate(_MARKUP)


def _anchor(text: str) -> str:
    return re.sub(r"\W+", "-", text).strip("-").lower()
