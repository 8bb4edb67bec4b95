"""How values get from group to group: which rule passes what to which parameter, and of what type it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.publishing.fml import Call, Group, Map, Rule
from tools.publishing.mapping_pages.model import Model

UNKNOWN = "?"
CREATED = "created:"
Types = frozenset[str]
Scope = Mapping[str, Types]
_NOT_KNOWN: Types = frozenset({UNKNOWN})


@dataclass(frozen=True)
class CallSite:
    """A call, with the group that it stands in and the rules around it, the outermost first."""

    group: Group
    chain: tuple[Rule, ...]
    call: Call


def chains(rules: Iterable[Rule], outer: tuple[Rule, ...] = ()) -> Iterator[tuple[Rule, ...]]:
    """Answer each rule with those around it, the outermost first."""
    for rule in rules:
        chain = (*outer, rule)
        yield chain
        yield from chains(rule.rules, chain)


def call_sites(groups: Iterable[Group]) -> Iterator[CallSite]:
    """Answer every call of every group."""
    for group in groups:
        for chain in chains(group.rules):
            for call in chain[-1].calls:
                yield CallSite(group, chain, call)


class Flow:
    """Follow the variables of all maps from the entry on.

    Parameters
    ----------
    maps
        All maps.
    model
        The logical model; the entry group is called with one document of it.
    entry
        The group that begins, and the type that its first parameter has.
    """

    def __init__(self, maps: Iterable[Map], model: Model, entry: tuple[str, str]) -> None:
        self._model = model
        self.groups = {group.name: group for each in maps for group in each.groups}
        self.sites = tuple(call_sites(self.groups.values()))
        self._types: dict[tuple[str, str], Types] = {}
        if entry[0] in self.groups:
            self._types[entry[0], self.groups[entry[0]].parameters[0].name] = frozenset({entry[1]})
        while self._pass_on():
            pass

    def calls_of(self, group: str) -> Iterator[CallSite]:
        """Answer the calls of a group."""
        return (site for site in self.sites if site.call.group == group)

    def types(self, group: str, parameter: str) -> Types:
        """Answer the types that a parameter can have; none where nothing calls the group."""
        return self._types.get((group, parameter), frozenset())

    def scope(self, group: Group, chain: Iterable[Rule] = ()) -> dict[str, Types]:
        """Answer the types of all variables that hold inside the last rule of a chain."""
        found = {parameter.name: self.types(group.name, parameter.name) for parameter in group.parameters}
        for rule in chain:
            self._bind(rule, found)
        return found

    def element(self, types: Types, path: Iterable[str]) -> Types:
        """Answer the types of what a path leads to; nothing where no such element is."""
        for name in path:
            types = frozenset(kind for each in types for kind in self._child(each, name))
        return types

    def _child(self, kind: str, name: str) -> Types:
        """Answer the type of an element of one type."""
        if kind == UNKNOWN or not self._model.known(kind):
            return _NOT_KNOWN
        element = self._model.child(kind, name)
        return frozenset({element.type}) if element else frozenset()

    def _bind(self, rule: Rule, scope: dict[str, Types]) -> None:
        """Take in the variables of a rule."""
        if rule.source.variable:
            reached = self.element(scope.get(rule.source.context, _NOT_KNOWN), rule.source.path)
            scope[rule.source.variable] = frozenset({rule.source.type}) if rule.source.type else reached
        for target in rule.targets:
            if target.variable:
                scope[target.variable] = (
                    _NOT_KNOWN if target.context else frozenset({CREATED + target.variable})
                )

    def _pass_on(self) -> bool:
        """Pass types through all calls once, and say whether any parameter got to know more."""
        before = dict(self._types)
        for site in self.sites:
            if callee := self.groups.get(site.call.group):
                scope = self.scope(site.group, site.chain)
                for parameter, argument in zip(callee.parameters, site.call.arguments, strict=False):
                    self._widen(callee.name, parameter.name, scope.get(argument))
        return before != self._types

    def _widen(self, group: str, parameter: str, types: Types | None) -> None:
        """Add types to those of a parameter; a caller of which nothing is known yet adds none."""
        if types:
            known = self._types.get((group, parameter), frozenset())
            self._types[group, parameter] = known | types
