"""What the maps write into a resource: rules followed through all groups, without any document.

Source variables stand for the path by which they were reached (`Origin`), target variables for the
element that they are (`Node`). The result is a tree of elements, each with the rules that write it, the
conditions, and where its value comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import TypeAlias

from tools.publishing.fml import (
    Call,
    Expression,
    Group,
    Literal,
    Member,
    Operation,
    Rule,
    Target,
    Transform,
    Variable,
)
from tools.publishing.mapping_pages.concepts import is_key
from tools.publishing.mapping_pages.flow import CREATED, CallSite, Flow, chains
from tools.publishing.mapping_pages.model import Element, Model

# Elements whose name carries the type of their value (R5); that of Extension.value does everywhere.
CHOICES = {"Observation": ("value", "effective", "component.value"), "Device": ("property.value",)}
_URN = "urn:uuid:"


@dataclass(frozen=True)
class Step:
    """One element on the way from a variable.

    Parameters
    ----------
    name
        The element; in the first step of an origin the variable.
    element
        What the logical model says of it, where it belongs to it.
    list_mode
        ``first``, ``not_first`` …
    keys
        Concepts that the item is known to have.
    rule
        The rule that took the step.
    """

    name: str
    element: Element | None = None
    list_mode: str | None = None
    keys: tuple[str, ...] = ()
    rule: Rule | None = None

    def same(self, other: Step) -> bool:
        """Say whether two steps were taken by the same rule."""
        return self.name == other.name and self.rule is other.rule


@dataclass(frozen=True)
class Origin:
    """Where a source value stands: the way to it from a variable of the group that makes the resource."""

    steps: tuple[Step, ...]
    type: str

    def then(self, step: Step, kind: str) -> Origin:
        """Answer the origin one step further."""
        return Origin((*self.steps, step), kind)

    def known_as(self, keys: Iterable[str]) -> Origin:
        """Answer the same origin with more known of its concept."""
        last = self.steps[-1]
        return Origin((*self.steps[:-1], replace(last, keys=(*last.keys, *keys))), self.type)

    def below(self, outer: Origin | None) -> tuple[Step, ...]:
        """Answer the steps that it has beyond another origin; all of them where it does not begin with it."""
        if outer is None or len(outer.steps) > len(self.steps):
            return self.steps
        begins = all(a.same(b) for a, b in zip(outer.steps, self.steps, strict=False))
        return self.steps[len(outer.steps) :] if begins else self.steps


@dataclass(frozen=True, eq=False)
class Condition:
    """What must hold: an expression, what it is about, and what its variables stand for."""

    expression: Expression
    this: Origin
    scope: Mapping[str, Held]


@dataclass(frozen=True)
class Fixed:
    """A value that stands in the map."""

    text: str


@dataclass(frozen=True)
class Copied:
    """A value taken as it is."""

    origin: Origin


@dataclass(frozen=True)
class Translated:
    """A code translated by a ConceptMap."""

    origin: Origin
    concept_map: str


@dataclass(frozen=True)
class Referred:
    """The URN of a resource."""

    origin: Origin


@dataclass(frozen=True)
class Computed:
    """The value of an expression, or several values put together."""

    expression: Expression
    scope: Mapping[str, Held]


@dataclass(frozen=True)
class Made:
    """A new value of this type, filled by further rules."""

    type: str


@dataclass(frozen=True)
class Coded:
    """A coding that stands in the map; put together by `rows`."""

    system: str
    code: str
    display: str | None


@dataclass(frozen=True)
class Reference:
    """A reference to a resource; without `origin` one that names its type only. Put together by `rows`."""

    type: str
    origin: Origin | None


Value: TypeAlias = Fixed | Copied | Translated | Referred | Computed | Made | Coded | Reference


@dataclass(eq=False)
class Node:
    """One element as one rule writes it.

    Parameters
    ----------
    name
        The element, with its type where it is a choice (``valueQuantity``); of a resource, its type.
    group, rules
        The group and the rule that write it, and the rules that copy it further.
    origin
        What the rule is run for.
    conditions
        What must hold, beyond what must hold for the node above.
    value
        Where the value comes from; None where only parts of it are written.
    """

    name: str
    group: str = ""
    rules: tuple[Rule, ...] = ()
    origin: Origin | None = None
    conditions: tuple[Condition, ...] = ()
    value: Value | None = None
    children: list[Node] = field(default_factory=list)
    above: Node | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Answer the names from the resource on, without the resource."""
        return (*self.above.path, self.name) if self.above else ()

    @property
    def resource(self) -> str:
        """Answer the type of the resource."""
        return self.above.resource if self.above else self.name

    def add(self, node: Node) -> Node:
        """Put a node below."""
        node.above = self
        self.children.append(node)
        return node

    def take(self, name: str) -> Node:
        """Take out the node of a name from below, and answer it."""
        node = next(each for each in self.children if each.name == name)
        self.children.remove(node)
        node.above = None
        return node

    def copy_to(self, above: Node, name: str, rule: Rule, conditions: tuple[Condition, ...]) -> None:
        """Put a copy of the node, as a rule makes it, below another one."""
        copied = above.add(replace(self, name=name, children=[], rules=(*self.rules, rule)))
        copied.conditions = (*self.conditions, *conditions)
        for child in self.children:
            child.copy_to(copied, child.name, rule, ())

    def walk(self) -> Iterator[Node]:
        """Answer the node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, eq=False)
class Handle:
    """A target variable: its element, and how many conditions held when it was made."""

    node: Node
    depth: int


@dataclass(frozen=True, eq=False)
class Part:
    """An element of something that was made before, to be copied."""

    node: Node
    name: str


Held: TypeAlias = Origin | Handle | Part | None
Scope: TypeAlias = dict[str, Held]


@dataclass(frozen=True, eq=False)
class Maker:
    """A rule that makes a resource, with the rules around it.

    Parameters
    ----------
    group
        The group that it stands in.
    chain
        The rules, the outermost first, it the last; empty for a group that fills a resource that others make.
    resource, entry
        What is written into the resource, and into its Bundle entry.
    """

    group: Group
    chain: tuple[Rule, ...]
    resource: Node
    entry: Node

    @property
    def variable(self) -> str:
        """Answer the variable that the resource is made for."""
        return self.chain[-1].source.context if self.chain else self.group.parameters[1].name

    @property
    def profiles(self) -> tuple[str, ...]:
        """Answer the URLs of the profiles that the resource claims."""
        nodes = (node for node in self.resource.walk() if node.path == ("meta", "profile"))
        return tuple(node.value.text for node in nodes if isinstance(node.value, Fixed))


@dataclass(frozen=True, eq=False)
class Use:
    """What a parameter is given: an origin in the group that reached it; conditions and rules on the way."""

    group: Group
    origin: Origin
    conditions: tuple[Condition, ...]
    rules: tuple[Rule, ...]


Stop: TypeAlias = Callable[[CallSite, str], bool]


def _told(chain: tuple[Rule, ...], variable: str) -> tuple[Rule, ...]:
    """Answer the rules of a chain that tell what a variable is: those that reach it or state a condition."""
    told = tuple(rule for rule in chain if rule.source.condition or rule.source.variable == variable)
    return told or chain[-1:]


def conjuncts(expression: Expression) -> Iterator[Expression]:
    """Answer the parts of a condition that all must hold."""
    if isinstance(expression, Operation) and expression.operator == "and":
        yield from conjuncts(expression.left)
        yield from conjuncts(expression.right)
    else:
        yield expression


def key_of(expression: Expression) -> str | None:
    """Answer the concept where an expression says that the item has it: ``'DCM#121401' in key``."""
    match expression:
        case Operation("in", Literal(text), Member(None, "key")) if is_key(text):
            return text
    return None


class Tracer:
    """Follow the maps.

    Parameters
    ----------
    flow
        Groups, calls and types.
    model
        The logical model.
    entry
        Name of the entry group.
    """

    def __init__(self, flow: Flow, model: Model, entry: str) -> None:
        self._flow = flow
        self._model = model
        self._created: dict[str, Node] = {}
        self._run_rules(flow.groups[entry], flow.groups[entry].rules, self._scope(flow.groups[entry]), ())

    # ---- what resources are made -----------------------------------------------------------------

    def makers(self) -> Iterator[Maker]:
        """Answer every rule that makes a resource, with what it and the groups that it calls write."""
        for group in self._flow.groups.values():
            for chain in chains(group.rules):
                if any(target.path == ("resource",) for target in chain[-1].targets):
                    yield self.maker(group, chain)

    def filler(self, name: str, resource: str) -> Maker:
        """Answer what a group writes into a resource that others make.

        Parameters
        ----------
        name
            The group; its last parameter is the resource, the one before the Bundle entry.
        resource
            Type of the resource.
        """
        group = self._flow.groups[name]
        maker = Maker(group, (), Node(resource), Node("entry"))
        scope = self._scope(group)
        scope[group.parameters[-1].name] = Handle(maker.resource, 0)
        scope[group.parameters[-2].name] = Handle(maker.entry, 0)
        self._run_rules(group, group.rules, scope, ())
        return maker

    def maker(self, group: Group, chain: tuple[Rule, ...]) -> Maker:
        """Answer one rule that makes a resource, with what it and the groups that it calls write.

        Parameters
        ----------
        group
            The group that it stands in.
        chain
            The rules around it, the outermost first, it the last.
        """
        rule, (scope, _), bundle = chain[-1], self._reach(group, chain[:-1]), Node("Bundle")
        lists = [target.context for target in rule.targets if target.path == ("entry",) and target.context]
        scope.update(dict.fromkeys(lists, Handle(bundle, 0)))
        self._bind(rule, scope)
        self._write_all(group, rule, scope, ())
        scope.update(dict.fromkeys(lists))
        entry = bundle.take("entry")
        resource = entry.take("resource")
        resource.name = resource.value.type if isinstance(resource.value, Made) else ""
        self._go_on(group, rule, scope, ())
        return Maker(group, chain, resource, entry)

    def conditions(self, maker: Maker) -> tuple[Condition, ...]:
        """Answer what must hold, within its group, for a resource to be made."""
        return self._reach(maker.group, maker.chain)[1]

    def uses(
        self, group: Group, parameter: str, stop: Stop, seen: frozenset[tuple[str, str]] = frozenset()
    ) -> Iterator[Use]:
        """Answer all that a parameter is given, followed up to the rules that reached it.

        Parameters
        ----------
        group, parameter
            The group and the name of its parameter.
        stop
            Says of a call and a parameter of the calling group whether the way up ends there.
        seen
            Parameters that the way up has passed already.
        """
        index = [each.name for each in group.parameters].index(parameter)
        for site in self._flow.calls_of(group.name):
            yield from self._uses_at(site, site.call.arguments[index], stop, seen | {(group.name, parameter)})

    def _uses_at(
        self, site: CallSite, variable: str, stop: Stop, seen: frozenset[tuple[str, str]]
    ) -> Iterator[Use]:
        """Answer what a variable stands for at a call."""
        scope, conditions = self._reach(site.group, site.chain)
        origin = scope.get(variable)
        if not isinstance(origin, Origin):
            return
        rules = _told(site.chain, variable)
        root = origin.steps[0].name
        if len(origin.steps) > 1 or stop(site, root):
            yield Use(site.group, origin, conditions, rules)
        elif (site.group.name, root) not in seen:
            for use in self.uses(site.group, root, stop, seen):
                known = use.origin.known_as(origin.steps[0].keys)
                told = tuple(replace(each, scope={**each.scope, variable: use.origin}) for each in conditions)
                yield Use(use.group, known, (*use.conditions, *told), (*use.rules, *rules))

    def _reach(self, group: Group, chain: Iterable[Rule]) -> tuple[Scope, tuple[Condition, ...]]:
        """Answer variables and conditions inside a chain of rules."""
        scope = self._scope(group)
        conditions: tuple[Condition, ...] = ()
        for rule in chain:
            conditions = (*conditions, *self._bind(rule, scope))
        return scope, conditions

    # ---- rules -----------------------------------------------------------------------------------

    def _scope(self, group: Group) -> Scope:
        """Answer the parameters of a group by themselves."""
        return {each.name: self._parameter(group, each.name) for each in group.parameters}

    def _parameter(self, group: Group, name: str) -> Held:
        """Answer what a parameter stands for where nothing is known of the call."""
        types = sorted(self._flow.types(group.name, name))
        if len(types) == 1 and types[0].startswith(CREATED):
            node = self._created.get(types[0])
            return Handle(node, 0) if node else None
        return Origin((Step(name),), types[0]) if types else None

    def _bind(self, rule: Rule, scope: Scope) -> tuple[Condition, ...]:
        """Reach the source of a rule, take in its variable, and answer its conditions."""
        held = scope.get(rule.source.context)
        if isinstance(held, Handle) and rule.source.path:
            held = Part(held.node, rule.source.path[-1])
        if isinstance(held, Origin):
            held = self._step(held, rule)
        scope[rule.source.variable or rule.source.context] = held
        this = held if isinstance(held, Origin) else Origin((), "")
        return tuple(
            Condition(each, this, dict(scope)) for each in self._conjuncts(rule) if key_of(each) is None
        )

    def _conjuncts(self, rule: Rule) -> Iterator[Expression]:
        """Answer the conditions of a rule one by one."""
        return conjuncts(rule.source.condition) if rule.source.condition is not None else iter(())

    def _step(self, origin: Origin, rule: Rule) -> Origin:
        """Follow the path of a rule's source."""
        for number, name in enumerate(rule.source.path, start=1):
            element = self._model.child(origin.type, name)
            mode = rule.source.list_mode if number == len(rule.source.path) else None
            origin = origin.then(Step(name, element, mode, (), rule), element.type if element else "")
        keys = [key for each in self._conjuncts(rule) if (key := key_of(each)) is not None]
        return replace(origin.known_as(keys), type=rule.source.type or origin.type)

    def _run_rules(
        self, group: Group, rules: Iterable[Rule], scope: Scope, conditions: tuple[Condition, ...]
    ) -> None:
        """Follow rules that stand beside each other."""
        for rule in rules:
            self._run(group, rule, scope, conditions)

    def _run(self, group: Group, rule: Rule, outer: Scope, conditions: tuple[Condition, ...]) -> None:
        """Follow one rule: its source, its targets, its groups and the rules inside it."""
        scope = dict(outer)
        conditions = (*conditions, *self._bind(rule, scope))
        self._write_all(group, rule, scope, conditions)
        self._go_on(group, rule, scope, conditions)

    def _go_on(self, group: Group, rule: Rule, scope: Scope, conditions: tuple[Condition, ...]) -> None:
        """Follow the groups that a rule calls and the rules inside it."""
        for call in rule.calls:
            self._call(call, scope, conditions)
        self._run_rules(group, rule.rules, scope, conditions)

    def _call(self, call: Call, scope: Scope, conditions: tuple[Condition, ...]) -> None:
        """Follow a group that writes to an element that is followed."""
        callee = self._flow.groups[call.group]
        given = {
            parameter.name: (parameter.mode, scope.get(argument))
            for parameter, argument in zip(callee.parameters, call.arguments, strict=True)
        }
        if any(mode == "target" and isinstance(held, Handle) for mode, held in given.values()):
            self._run_rules(
                callee, callee.rules, {name: held for name, (_, held) in given.items()}, conditions
            )

    # ---- targets ---------------------------------------------------------------------------------

    def _write_all(self, group: Group, rule: Rule, scope: Scope, conditions: tuple[Condition, ...]) -> None:
        """Write the targets of a rule."""
        source = scope.get(rule.source.variable or rule.source.context)
        origin = source if isinstance(source, Origin) else None
        for target in rule.targets:
            value = self._value(target.transform, scope)
            owner = scope.get(target.context) if target.context else None
            if target.context is None:
                self._create(target, value, scope)
            elif isinstance(owner, Handle):
                node = Node(target.path[-1], group.name, (rule,), origin, conditions[owner.depth :])
                self._write(owner.node, node, value)
                scope[target.variable or ""] = Handle(node, len(conditions))

    def _write(self, above: Node, node: Node, value: Value | Part | None) -> None:
        """Put an element below another one, with its value, or with copies of what was written before."""
        if isinstance(value, Part):
            for child in value.node.children:
                if child.name == value.name:
                    child.copy_to(above, node.name, node.rules[-1], node.conditions)
        else:
            node.value = value
            node.name = _element_name(above, node.name, value)
            above.add(node)

    def _create(self, target: Target, value: Value | Part | None, scope: Scope) -> None:
        """Make a resource that is no entry by itself: what its parts are copied from."""
        if target.variable and isinstance(value, Made) and value.type != "Bundle":
            node = self._created.setdefault(CREATED + target.variable, Node(value.type))
            scope[target.variable] = Handle(node, 0)

    def _value(self, transform: Transform | None, scope: Scope) -> Value | Part | None:
        """Answer what a transform gives."""
        match transform:
            case None:
                return None
            case Transform("literal" | "create" as function, (Literal(text), *_)):
                return Fixed(text) if function == "literal" else Made(text)
            case Transform("translate", (code, Literal(concept_map), *_)):
                return Translated(self._origin(code, scope), concept_map)
            case Transform("append", (Literal(text), code)) if text == _URN:
                return Referred(self._origin(code, scope))
            case Transform("evaluate", (Operation("&", Literal(text), code),)) if text == _URN:
                return Referred(self._origin(code, scope))
            case Transform("copy", (Member(None, name),)):
                held = scope.get(name)
                return Copied(held) if isinstance(held, Origin) else held if isinstance(held, Part) else None
            case Transform("evaluate", (expression,)):
                return Computed(expression, dict(scope))
            case Transform("append", parts):
                return Computed(reduce(partial(Operation, "&"), parts), dict(scope))
        raise ValueError(f"the pages do not know {transform}")

    def _origin(self, expression: Expression, scope: Scope) -> Origin:
        """Answer what a path from a variable leads to."""
        match expression:
            case Variable(name) | Member(None, name):
                held = scope.get(name)
                return held if isinstance(held, Origin) else Origin((Step(name),), "")
            case Member(owner, name) if owner is not None:
                origin = self._origin(owner, scope)
                element = self._model.child(origin.type, name)
                return origin.then(Step(name, element), element.type if element else "")
        raise ValueError(f"the pages do not know {expression}")


def _element_name(owner: Node, name: str, value: Value | None) -> str:
    """Answer the name of an element, with its type where it is a choice."""
    path = ".".join((*owner.path, name))
    choice = path in CHOICES.get(owner.resource, ()) or (owner.name == "extension" and name == "value")
    if not choice:
        return name
    match value:
        case Made(kind):
            return name + kind[0].upper() + kind[1:]
        case Copied(origin):
            return name + origin.type[0].upper() + origin.type[1:]
    return name + "[x]"
