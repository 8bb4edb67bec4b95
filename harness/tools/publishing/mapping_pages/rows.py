"""The tree of a resource as lines of a table: element, where from, when, by which rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tools.publishing.fml import Rule
from tools.publishing.mapping_pages.concepts import keys_in, tags_in
from tools.publishing.mapping_pages.model import DATA_TYPES
from tools.publishing.mapping_pages.trace import (
    Coded,
    Computed,
    Copied,
    Fixed,
    Made,
    Maker,
    Node,
    Origin,
    Reference,
    Referred,
    Translated,
    Value,
)
from tools.publishing.mapping_pages.wording import BY_FIRST, Wording, clauses, series

_IS_CONCEPT = re.compile(r"(^|or )concept \(")
_OTHER = "relationship other than"
# References that can do without a target.
_BY_IDENTIFIER = ("focus", "basedOn", "derivedFrom", "device")
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


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
        texts += [text for text in self.when if text.startswith("with ") or _IS_CONCEPT.search(text)]
        return tuple(dict.fromkeys(key for text in texts for key in keys_in(text)))

    @property
    def tags(self) -> tuple[str, ...]:
        """Answer the attributes that the value comes from."""
        return () if self.fixed else tuple(dict.fromkeys(tags_in(self.source)))


# ---- simpler trees -------------------------------------------------------------------------------


def simplify(node: Node) -> None:
    """Put together what is one thing to a reader: codings, references, primitive values; drop lineage."""
    for child in node.children:
        simplify(child)
    if node.above is not None:
        node.children = [child for child in node.children if child.name != "id"]
        _join_primitive(node)
        _join_parts(node)
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


def _join_parts(node: Node) -> None:
    """Take a value of a data type that is copied part by part for a copy of the whole."""
    origin = node.origin if node.value is None or isinstance(node.value, Made) else None
    if origin is not None and origin.type in DATA_TYPES:
        copied = [child for child in node.children if _is_part(child, origin)]
        if len(copied) > 1:
            node.value = Copied(origin)
            node.children = [child for child in node.children if child not in copied]


def _is_part(node: Node, whole: Origin) -> bool:
    """Say whether a node is a copy of the part that has its name."""
    if not isinstance(node.value, Copied) or node.conditions or node.children:
        return False
    return [step.name for step in node.value.origin.below(whole)] == [node.name]


def _join_coding(node: Node) -> None:
    """Take system, code and display for one coding, and a concept with one coding alone for that coding."""
    code = _fixed(_child(node, "code"))
    system = _fixed(_child(node, "system"))
    if node.name == "coding" and code is not None and system is not None:
        node.value = Coded(system, code, _fixed(_child(node, "display")))
        _take(node, "system", "code", "display")
    coding = _child(node, "coding")
    alone = coding is not None and isinstance(coding.value, Coded) and not coding.conditions
    if coding is not None and alone and node.value is None:
        node.value = coding.value
        node.rules += tuple(rule for rule in coding.rules if rule not in node.rules)
        node.children.remove(coding)


def _join_reference(node: Node) -> None:
    """Take reference and type for one reference, or the type alone for one by identifier."""
    kind, target = _child(node, "type"), _child(node, "reference")
    name = _fixed(kind)
    if kind is None or name is None or (target is None and node.name not in _BY_IDENTIFIER):
        return
    part = target or kind
    node.value = Reference(name, part.value.origin if isinstance(part.value, Referred) else None)
    node.conditions += part.conditions
    node.rules += tuple(rule for rule in part.rules if rule not in node.rules)
    _take(node, "reference", "type")


def _join_extension(node: Node) -> None:
    """Name an extension by its URL."""
    if node.name == "extension" and _fixed(_child(node, "url")) == ABSENT:
        node.name = "extension[data-absent-reason]"
        _take(node, "url")


# ---- lines ---------------------------------------------------------------------------------------


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
        self.resource = self._below(maker.resource, None)
        self.entry = self._below(maker.entry, None)

    def _below(self, node: Node, frame: Origin | None) -> tuple[Row, ...]:
        """Answer the lines of all below a node; elements with the same parts stand together above them."""
        blocks: dict[tuple[str, tuple[Row, ...]], list[Row]] = {}
        for child in node.children:
            own, parts = self._block(child, frame)
            blocks.setdefault((child.name, parts), []).extend(own)
        return tuple(row for (_, parts), own in blocks.items() for row in (*_merged(own), *parts))

    def _block(self, node: Node, frame: Origin | None) -> tuple[list[Row], tuple[Row, ...]]:
        """Answer the line of one element, and the lines of its parts.

        An element that has no value of its own and one part only has no line: its conditions go to the part.
        """
        parts = self._below(node, node.origin or frame)
        row = self._row(node, frame)
        if len(parts) == 1 and node.value is None and (source := _of_only_part(row, parts[0])):
            return [], (_joined_row(row, parts[0], source),)
        if row.source or not parts:
            return [row], parts
        if len(parts) == 1:
            return [], (_joined_row(row, parts[0], parts[0].source),)
        return [replace(row, source=self._wording.phrase("parts"))], parts

    def _row(self, node: Node, frame: Origin | None) -> Row:
        """Answer the line of one element."""
        value = node.value
        fixed = isinstance(value, (Fixed, Coded))
        when = [self._wording.condition(each) for each in node.conditions]
        there = self._origin(node.origin, frame) if fixed and node.origin is not None else ""
        if there and not any(there in text for text in when):
            when.insert(0, f"with {there.replace(BY_FIRST, '')}")
        return Row(
            ".".join(node.path), self._source(node, value, frame), distinct(when), _rules(node, frame), fixed
        )

    def _origin(self, origin: Origin, frame: Origin | None) -> str:
        """Answer an origin as seen from the one of the element around it, or from the page's own item."""
        steps = origin.below(frame)
        if steps and steps[0] is origin.steps[0] and steps[0].name == self._variable:
            steps = (replace(steps[0], name=""), *steps[1:])
        return self._wording.origin(steps)

    def _source(self, node: Node, value: Value | None, frame: Origin | None) -> str:
        """Answer where the value of an element comes from."""
        match value:
            case Fixed(text):
                return f"`{text}`"
            case Coded(system, code, display):
                return self._wording.coding(system, code, display)
            case Reference(kind, origin):
                return self._reference(kind, origin, node.origin, frame)
            case Copied(origin):
                return self._copied(node, origin, frame)
            case Referred(origin):
                there = self._origin(origin, frame) or self._wording.end(origin)
                return f"`urn:uuid:` + id of {'the resource' if node.path == ('fullUrl',) else there}"
            case Translated(origin, concept_map):
                name = concept_map.rsplit("/", 1)[-1]
                return f"{self._copied(node, origin, frame)}, translated by [{name}](#{name})"
            case Computed(expression, scope):
                return self._wording.computed(expression, scope)
        return self._origin(node.origin, frame) if node.origin is not None else ""

    def _copied(self, node: Node, origin: Origin, frame: Origin | None) -> str:
        """Answer a value that is taken as it is."""
        if node.path == ("id",):
            return self._wording.phrase("id")
        return self._origin(origin, frame) or self._wording.end(origin)

    def _reference(
        self, kind: str, target: Origin | None, source: Origin | None, frame: Origin | None
    ) -> str:
        """Answer a reference: to a resource of this document or, without a target, by identifier."""
        origin = target or source
        there = self._origin(origin, frame) if origin is not None else ""
        text = f"reference to `{kind}`" + ("" if target is not None else " by identifier")
        return f"{text}: {there}" if there and there != kind else text


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Answer conditions, each once; a relationship that is told need not be told not to be another one."""
    found = tuple(dict.fromkeys(clause for text in texts for clause in clauses(text) if clause))
    told = any(text.startswith("relationship ") and not text.startswith(_OTHER) for text in found)
    return tuple(text for text in found if not (told and text.startswith(_OTHER)))


def _rules(node: Node, frame: Origin | None) -> tuple[Rule, ...]:
    """Answer the rules that write an element, and those that reached what it is written for."""
    steps = node.origin.below(frame) if node.origin is not None else ()
    reached = [step.rule for step in steps if step.rule is not None]
    return tuple({id(rule): rule for rule in (*node.rules, *reversed(reached))}.values())


def _merged(rows: Iterable[Row]) -> list[Row]:
    """Put lines that say the same into one, and lines that differ in their source only."""
    found: dict[tuple[str, str, tuple[str, ...]], Row] = {}
    for row in rows:
        known = found.setdefault((row.element, row.source, row.when), row)
        found[row.element, row.source, row.when] = replace(known, rules=_joined(known, row))
    return _merged_sources(list(found.values()))


def _merged_sources(rows: list[Row]) -> list[Row]:
    """Put lines into one that the same rule writes, under the same conditions, from several value types."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        head, _ = _head_and_kind(row)
        found.setdefault((row.element, row.when, id(row.rules[0]), head), []).append(row)
    return [
        replace(
            same[0],
            source=_head_and_kind(same[0])[0] + series([_head_and_kind(row)[1] for row in same], "or"),
            rules=tuple({id(rule): rule for row in same for rule in row.rules}.values()),
        )
        for same in found.values()
    ]


def _head_and_kind(row: Row) -> tuple[str, str]:
    """Answer a source without and with the value type that it ends with."""
    match = None if row.fixed else re.fullmatch(r"(|reference to `\w+`: )([A-Z]+)", row.source)
    return (match[1], match[2]) if match else (row.source, "")


def _joined_row(row: Row, part: Row, source: str) -> Row:
    """Answer the line of an element's only part with what the element itself says."""
    return replace(part, source=source, when=distinct((*row.when, *part.when)), rules=_joined(part, row))


def _of_only_part(row: Row, part: Row) -> str:
    """Answer the source of an element with one part that says nothing of its own; else nothing."""
    if f" > {row.source}".endswith(f" > {part.source}"):
        return row.source
    return f"{part.source}: {row.source}" if re.fullmatch(r"reference to `\w+`", part.source) else ""


def _joined(one: Row, other: Row) -> tuple[Rule, ...]:
    """Answer the rules of two lines, each once."""
    return tuple({id(rule): rule for rule in (*one.rules, *other.rules)}.values())
