"""The tree of a resource as lines of a table: element, where from, when, by which rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sr2fhir.publishing.fml import Rule
from sr2fhir.publishing.mapping_pages.concepts import keys_in, tags_in
from sr2fhir.publishing.mapping_pages.trace import (
    Computed,
    Condition,
    Copied,
    Fixed,
    Made,
    Maker,
    Node,
    Origin,
    Referred,
    Translated,
    Value,
)
from sr2fhir.publishing.mapping_pages.wording import Wording

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@dataclass(frozen=True)
class Coded:
    """A coding that stands in the map."""

    system: str
    code: str
    display: str | None


@dataclass(frozen=True)
class Reference:
    """A reference to a resource; without `origin` one that names its type only."""

    type: str
    origin: Origin | None


@dataclass(frozen=True)
class Row:
    """One line.

    Parameters
    ----------
    element
        Path from the resource on.
    source
        Where the value comes from.
    when
        What must hold; empty: always.
    rules
        The rules, the one that writes the element first.
    fixed
        Whether the value stands in the map.
    """

    element: str
    source: str
    when: tuple[str, ...]
    rules: tuple[Rule, ...]
    fixed: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Answer the concepts that the line is about: those of the source, and those that must be there."""
        texts = [] if self.fixed else [self.source]
        texts += [text for text in self.when if text.startswith(("with ", "concept ("))]
        return tuple(dict.fromkeys(key for text in texts for key in keys_in(text)))

    @property
    def tags(self) -> tuple[str, ...]:
        """Answer the attributes that the value comes from."""
        return () if self.fixed else tuple(dict.fromkeys(tags_in(self.source)))


# ---- simpler trees ---------------------------------------------------------------------------------------------------

_Simple = Value | Coded | Reference | None


def simplify(node: Node) -> None:
    """Put together what is one thing to a reader: codings, references, primitive values; drop lineage."""
    for child in node.children:
        simplify(child)
    if node.above is not None:
        node.children = [child for child in node.children if child.name != "id"]
        _join_primitive(node)
        _join_coding(node)
        _join_reference(node)
        _join_extension(node)


def _child(node: Node, name: str) -> Node | None:
    """Answer the only child of a name."""
    found = [child for child in node.children if child.name == name]
    return found[0] if len(found) == 1 else None


def _fixed(node: Node | None) -> str | None:
    """Answer the value of a node where it stands in the map."""
    return node.value.text if node is not None and isinstance(node.value, Fixed) else None


def _take(node: Node, *names: str) -> None:
    """Remove children by name."""
    node.children = [child for child in node.children if child.name not in names]


def _join_primitive(node: Node) -> None:
    """Take the value of a primitive, which the maps write by itself, as that of the element."""
    inner = _child(node, "value")
    if isinstance(node.value, Made) and node.value.type[0].islower() and inner is not None:
        node.value = inner.value
        node.children.remove(inner)


def _join_coding(node: Node) -> None:
    """Take system, code and display for one coding, and a concept with one coding alone for that coding."""
    code = _fixed(_child(node, "code"))
    system = _fixed(_child(node, "system"))
    if node.name == "coding" and code is not None and system is not None:
        node.value = Coded(system, code, _fixed(_child(node, "display")))  # type: ignore[assignment]
        _take(node, "system", "code", "display")
    coding = _child(node, "coding")
    if node.value is None and coding is not None and isinstance(coding.value, Coded) and not coding.conditions:
        node.value = coding.value
        node.children.remove(coding)


def _join_reference(node: Node) -> None:
    """Take reference and type for one reference."""
    kind, target = _fixed(_child(node, "type")), _child(node, "reference")
    if kind is None or (target is not None and not isinstance(target.value, Referred)):
        return
    origin = target.value.origin if target is not None and isinstance(target.value, Referred) else None
    if target is not None or node.name in ("focus", "basedOn", "derivedFrom", "device"):
        node.value = Reference(kind, origin)  # type: ignore[assignment]
        node.conditions += target.conditions if target is not None else ()
        node.rules += tuple(rule for rule in target.rules if rule not in node.rules) if target is not None else ()
        _take(node, "reference", "type")


def _join_extension(node: Node) -> None:
    """Name an extension by its URL."""
    if node.name == "extension" and _fixed(_child(node, "url")) == ABSENT:
        node.name = "extension[data-absent-reason]"
        _take(node, "url")


# ---- lines -----------------------------------------------------------------------------------------------------------


class Rows:
    """Make the lines of one page.

    Parameters
    ----------
    wording
        The words.
    maker
        The rule that makes the resource, and what it writes.
    """

    def __init__(self, wording: Wording, maker: Maker) -> None:
        self._wording = wording
        self._variable = maker.variable
        simplify(maker.resource)
        simplify(maker.entry)
        self.resource = _merged(self._below(maker.resource, None))
        self.entry = _merged(self._below(maker.entry, None))

    def _below(self, node: Node, frame: Origin | None) -> Iterator[Row]:
        """Answer the lines of all that is below a node."""
        for child in node.children:
            if not (child.value is None and child.children and child.origin is frame):
                yield self._row(child, frame)
            yield from self._below(child, child.origin or frame)

    def _row(self, node: Node, frame: Origin | None) -> Row:
        """Answer the line of one element."""
        value: _Simple = node.value
        fixed = isinstance(value, (Fixed, Coded))
        when = [self._wording.condition(each) for each in node.conditions]
        if fixed and node.origin is not None and (there := self._origin(node.origin, frame)):
            when.insert(0, f"with {there}")
        return Row(".".join(node.path), self._source(node, value, frame), _distinct(when), node.rules, fixed)

    def _origin(self, origin: Origin, frame: Origin | None) -> str:
        """Answer an origin as seen from the one of the element around it, or from the page's own item."""
        steps = origin.below(frame)
        if steps and steps[0] is origin.steps[0] and steps[0].name == self._variable:
            steps = (replace(steps[0], name=""), *steps[1:])
        return self._wording.origin(steps)

    def _source(self, node: Node, value: _Simple, frame: Origin | None) -> str:
        """Answer where the value of an element comes from."""
        match value:
            case Fixed(text):
                return f"`{text}`"
            case Coded(system, code, display):
                return self._wording.coding(system, code, display)
            case Reference(kind, origin):
                return self._reference(kind, origin, frame)
            case Copied(origin) | Referred(origin):
                return self._origin(origin, frame) or "the same"
            case Translated(origin, concept_map):
                name = concept_map.rsplit("/", 1)[-1]
                return f"{self._origin(origin, frame)}, translated by [{name}](#{name})"
            case Computed(expression, scope):
                return self._wording.computed(expression, scope)
        return self._origin(node.origin, frame) if node.origin is not None else ""

    def _reference(self, kind: str, origin: Origin | None, frame: Origin | None) -> str:
        """Answer a reference."""
        if origin is None:
            return f"reference to `{kind}` by identifier"
        there = self._origin(origin, frame)
        return f"reference to `{kind}`: {there}" if there else f"reference to `{kind}`"

    def conditions(self, conditions: Iterable[Condition]) -> tuple[str, ...]:
        """Answer conditions, each once."""
        return _distinct(self._wording.condition(each) for each in conditions)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Answer texts, each once."""
    return tuple(dict.fromkeys(text for text in texts if text))


def _merged(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Put lines that say the same into one, with the rules of all."""
    found: dict[tuple[str, str, tuple[str, ...]], Row] = {}
    for row in rows:
        key = (row.element, row.source, row.when)
        known = found.get(key)
        rules = (*known.rules, *(rule for rule in row.rules if rule not in known.rules)) if known else row.rules
        found[key] = replace(row, rules=rules)
    return tuple(found.values())
