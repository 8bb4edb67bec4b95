"""The compiled StructureMaps as a whole: groups, rules, and what their variables stand for.

A variable stands for a path: one of a source begins with a parameter of its group or with a variable that a
condition has chosen, one of a target with the type that it is a part of. A parameter without a type has those
that the calls of its group give it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sr2fhir.jsontext import JsonObject

Scope = Mapping[str, "Variable"]


@dataclass(frozen=True)
class Variable:
    """What a variable stands for.

    Parameters
    ----------
    path
        Where it stands: ``num.concept``, ``Observation.component.code``.
    types
        Its types; none where they do not follow from the maps.
    target
        Whether it can be written to.
    """

    path: str
    types: frozenset[str] = frozenset()
    target: bool = False


_PARTS = frozenset({"BackboneElement", "Element", "Base"})
_OTHER_VERSION = re.compile(r"http://hl7\.org/fhir/(\d)\.\d/StructureDefinition/(\w+)")


def type_name(name: str) -> str:
    """Return what a type is called here: that of another version than R5 as maps call it, `R4Observation`.

    Parameters
    ----------
    name
        The name of a type of R5, or the URL of one of another version.
    """
    found = _OTHER_VERSION.fullmatch(name)
    return f"R{found[1]}{found[2]}" if found else name


class Types:
    """The types of elements.

    Parameters
    ----------
    definitions
        StructureDefinitions of types with their snapshots; profiles and all other resources are passed over.
        Those of another version than R5 are taken under names of their own, but for primitive types.
    """

    def __init__(self, definitions: Iterable[JsonObject]) -> None:
        self.elements: dict[str, JsonObject] = {}
        self.resources: set[str] = set()
        for definition in definitions:
            if (
                definition["resourceType"] == "StructureDefinition"
                and definition.get("derivation") != "constraint"
            ):
                self._add(definition)

    def _add(self, definition: JsonObject) -> None:
        elements = definition["snapshot"]["element"]
        root = elements[0]["path"]
        name = type_name(definition["url"])
        version = name.removesuffix(root)
        if name == definition["url"]:  # of R5, or of ours
            name, version = root, ""
        elif definition["kind"] == "primitive-type":
            return
        for each in elements:
            self.elements[name + each["path"].removesuffix("[x]").removeprefix(root)] = {
                **each,
                **({"type": [_of_version(kind, version) for kind in each["type"]]} if "type" in each else {}),
                **(
                    {"contentReference": f"#{name}{_inner(each, root)}"} if "contentReference" in each else {}
                ),
            }
        self.resources |= {name} if definition["kind"] == "resource" else set()

    def of(self, path: str) -> frozenset[str]:
        """Return the types of an element; one that has parts of its own is a type itself."""
        element = self.elements.get(path, {})
        if "contentReference" in element:
            return frozenset({element["contentReference"].partition("#")[2]})
        codes = {re.split(r"[/.]", each["code"])[-1] for each in element.get("type", ())}
        return frozenset({path} if codes & _PARTS else codes)

    def element(self, owner: str, name: str) -> JsonObject | None:
        """Return the definition of an element of a type; None where there is none."""
        return self.elements.get(f"{owner}.{name}")

    def part(self, owners: Iterable[str], name: str) -> frozenset[str]:
        """Return the types of an element of any of these types."""
        return frozenset().union(*(self.of(f"{owner}.{name}") for owner in owners))


def _of_version(kind: JsonObject, version: str) -> JsonObject:
    """Return a type under the name that it has in a version: `R4Quantity`; parts and primitives have none."""
    code = kind["code"]
    own = code[0].isupper() and code not in _PARTS
    return {**kind, "code": version + code} if own else kind


def _inner(element: JsonObject, root: str) -> str:
    """Return the part below the root of the path that a content reference leads to."""
    return str(element["contentReference"]).partition("#")[2].removeprefix(root)


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule with what is around it.

    Parameters
    ----------
    content
        The rule of the StructureMap.
    group
        Its group.
    outer
        The rules around it, the outermost first.
    before, scope
        The variables that are known outside the rule and in it.
    """

    content: JsonObject
    group: Group
    outer: tuple[Rule, ...]
    before: Scope
    scope: Scope

    @property
    def name(self) -> str:
        """Return its name."""
        return str(self.content["name"])

    @property
    def reference(self) -> str:
        """Return group and name, which no other rule of any map has: ``PatientStub.patientName``."""
        return f"{self.group.name}.{self.name}"

    @property
    def sources(self) -> list[JsonObject]:
        """Return its sources."""
        return list(self.content["source"])

    @property
    def targets(self) -> list[JsonObject]:
        """Return its targets."""
        return list(self.content.get("target", ()))

    @property
    def calls(self) -> list[tuple[str, list[str]]]:
        """Return the groups that it calls, each with the variables that it passes."""
        return [
            (call["name"], [each["valueId"] for each in call.get("parameter", ())])
            for call in self.content.get("dependent", ())
        ]

    @property
    def expressions(self) -> Iterator[str]:
        """Return its conditions and evaluations, in FHIRPath."""
        yield from (source["condition"] for source in self.sources if "condition" in source)
        yield from (
            target["parameter"][-1]["valueString"]
            for target in self.targets
            if target.get("transform") == "evaluate"
        )


@dataclass(eq=False)
class Group:
    """A group of rules: its map's name, itself, and the variables that calls pass to untyped parameters."""

    map: str
    content: JsonObject
    given: dict[str, set[Variable]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return its name."""
        return str(self.content["name"])

    @property
    def inputs(self) -> list[JsonObject]:
        """Return its parameters."""
        return list(self.content["input"])

    @property
    def parameters(self) -> dict[str, Variable]:
        """Return what its parameters stand for."""
        return {each["name"]: self._parameter(each) for each in self.inputs}

    def _parameter(self, declared: JsonObject) -> Variable:
        name, target = declared["name"], declared["mode"] == "target"
        if "type" in declared:
            return Variable(declared["type"] if target else name, frozenset({declared["type"]}), target)
        given = self.given.get(name, set())
        paths = {each.path for each in given}
        types = frozenset().union(*(each.types for each in given))
        return Variable(paths.pop() if target and len(paths) == 1 else name, types, target)


class Library:
    """All maps of the guide.

    Parameters
    ----------
    maps
        The StructureMaps.
    types
        The types of what they read and write.

    Attributes
    ----------
    rules
        All rules at any depth, in the order in which they stand.
    """

    def __init__(self, maps: Iterable[JsonObject], types: Types) -> None:
        self.types = types
        self.maps = {str(each["name"]): each for each in maps}
        self.groups = {
            group["name"]: Group(name, group) for name, each in self.maps.items() for group in each["group"]
        }
        while self._pass_on():
            pass
        self.rules = list(self.walk())

    def _pass_on(self) -> bool:
        """Tell the groups that are called what they are called with; return whether that was new to any."""
        found: dict[str, dict[str, set[Variable]]] = {name: defaultdict(set) for name in self.groups}
        for rule in self.walk():
            for name, arguments in rule.calls:
                inputs = self.groups[name].inputs if name in self.groups else ()
                for declared, argument in zip(inputs, arguments, strict=False):
                    if "type" not in declared and argument in rule.scope:
                        found[name][declared["name"]].add(rule.scope[argument])
        changed = [group for group in self.groups.values() if group.given != found[group.name]]
        for group in changed:
            group.given = found[group.name]
        return bool(changed)

    def walk(self) -> Iterator[Rule]:
        """Read all rules."""
        for group in self.groups.values():
            yield from self._below(group.content, group, (), group.parameters)

    def _below(
        self, parent: JsonObject, group: Group, outer: tuple[Rule, ...], scope: Scope
    ) -> Iterator[Rule]:
        for content in parent.get("rule", ()):
            rule = Rule(content, group, outer, scope, self._scope(content, scope))
            yield rule
            yield from self._below(content, group, (*outer, rule), rule.scope)

    def _scope(self, rule: JsonObject, outer: Scope) -> Scope:
        """Return the variables that are known in a rule."""
        scope = dict(outer)
        for source in rule["source"]:
            if "variable" in source:
                read, name = self.read(source, scope), source["variable"]
                scope[name] = replace(read, path=name) if "condition" in source else read
        for target in rule.get("target", ()):
            if "variable" in target:
                scope[target["variable"]] = self._made(target, scope)
        return scope

    def read(self, source: JsonObject, scope: Scope) -> Variable:
        """Return what a source or a target leads to."""
        held, name = scope.get(source["context"], Variable(source["context"])), source.get("element")
        if not name:
            return held
        types = frozenset({source["type"]}) if "type" in source else self.types.part(held.types, name)
        return Variable(f"{held.path}.{name}", types, held.target)

    def _made(self, target: JsonObject, scope: Scope) -> Variable:
        """Return what a target makes; a resource is at the beginning of a path."""
        made = target["parameter"][0]["valueString"] if target.get("transform") == "create" else None
        kind = made and type_name(made)
        if kind in self.types.resources or "context" not in target:
            return Variable(kind or target["variable"], frozenset({kind} if kind else ()), target=True)
        held = self.read(target, scope)
        return Variable(held.path, frozenset({kind}) if kind else held.types, target=True)
