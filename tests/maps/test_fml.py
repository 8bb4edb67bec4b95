"""The reader of the maps gives what stands in them, with file and line, and refuses what it does not know."""

from __future__ import annotations

import re

import pytest
from tools.publishing.fml import (
    Call,
    Function,
    Literal,
    MapSyntaxError,
    Member,
    Operation,
    Parameter,
    Source,
    This,
    Transform,
    Variable,
    parse,
)

from tests.maps.lint import Library

TEXT = """/// url = 'http://example.org/Planted'
/// name = 'Planted'

// About the map,
// in two lines.

uses "http://example.org/Source" alias Source as source
uses "http://example.org/Target" alias Target as target

imports "http://example.org/*"

// What the group is for.
group First(source a : Source, target b) {
  a.one.two : Quantity first as c where ($this.x = 'it\\'s') -> b.three as d, d.four = create('Five') as e then {
    c -> e.six = c "inner"; // not about the group
  } "outer";
  a -> b.seven = append('x', c), b.eight = (%c.y & 'z') as f then Second(a, f), Second(a, b) "calls";
}

group Second(source a, target b) {
  a.n as n where ((p or q and not_first > 1).not()) "where";
}
"""


def test_the_parts_of_a_map() -> None:
    read = parse(TEXT, "Planted.map")
    assert read.header == {"url": "http://example.org/Planted", "name": "Planted"}
    assert read.uses == {"Source": "http://example.org/Source", "Target": "http://example.org/Target"}
    assert read.imports == ("http://example.org/*",)
    assert read.comment == "About the map, in two lines."
    first, second = read.groups
    assert (first.name, first.comment, first.line, first.last_line) == (
        "First",
        "What the group is for.",
        13,
        18,
    )
    assert (second.name, second.comment, second.line, second.last_line) == ("Second", "", 20, 22)
    assert first.parameters == (Parameter("source", "a", "Source"), Parameter("target", "b", None))


def test_the_parts_of_a_rule() -> None:
    outer, calls = parse(TEXT, "Planted.map").groups[0].rules
    assert (outer.name, outer.file, outer.line) == ("outer", "Planted.map", 14)
    condition = Operation("=", Member(This(), "x"), Literal("it's"))
    assert outer.source == Source("a", ("one", "two"), "Quantity", "first", "c", condition)
    made = outer.targets[1]
    assert (made.context, made.path, made.variable) == ("d", ("four",), "e")
    assert made.transform == Transform("create", (Literal("Five"),))
    assert [rule.name for rule in outer.walk()] == ["outer", "inner"]
    assert outer.rules[0].targets[0].transform == Transform("copy", (Member(None, "c"),))
    assert calls.calls == (Call("Second", ("a", "f"), 17), Call("Second", ("a", "b"), 17))
    assert calls.targets[0].transform == Transform("append", (Literal("x"), Member(None, "c")))
    assert calls.targets[1].transform == Transform(
        "evaluate", (Operation("&", Member(Variable("c"), "y"), Literal("z")),)
    )


def test_operators_bind_as_in_fhirpath() -> None:
    rule = parse(TEXT, "Planted.map").groups[1].rules[0]
    comparison = Operation(">", Member(None, "not_first"), Literal("1", quoted=False))
    both = Operation("or", Member(None, "p"), Operation("and", Member(None, "q"), comparison))
    assert rule.source.condition == Function(both, "not", ())


BROKEN = {
    "no semicolon": ('  a.n as n "where"', "Planted.map:22: expected ';'"),
    "no name of a source": ("  -> b.x = a;", "Planted.map:21: expected a name"),
    "an unknown character": ("  a.n as ? ;", "Planted.map:21: unexpected '?'"),
    "a parenthesis left open": ('  a.n as n where (p "where";', "Planted.map:21: expected '\\)'"),
    "an operand missing": ('  a.n as n where (p and ) "where";', "Planted.map:21: expected an expression"),
}


@pytest.mark.parametrize(("line", "message"), BROKEN.values(), ids=BROKEN)
def test_what_it_does_not_know_is_refused(line: str, message: str) -> None:
    broken = re.sub(r"  a\.n as n where .*", lambda _: line, TEXT)
    with pytest.raises(MapSyntaxError, match=message):
        parse(broken, "Planted.map")


def test_a_wrong_header_is_refused() -> None:
    with pytest.raises(MapSyntaxError, match=r"Planted.map:2: a header line reads"):
        parse(TEXT.replace("/// name = 'Planted'", "/// name: Planted"), "Planted.map")


def test_nothing_of_the_maps_is_lost(library: Library) -> None:
    """As many groups and rules are read as a plain count of their marks gives."""
    for read in library.maps:
        text = re.sub(r"^ *//[^\n]*", "", library.texts[read.file], flags=re.MULTILINE)
        assert len(read.groups) == len(re.findall(r"^group ", text, re.MULTILINE))
        assert sum(1 for group in read.groups for _ in group.walk()) == text.count('";')
        for group in read.groups:
            for rule in group.walk():
                line = library.texts[read.file].split("\n")[rule.line - 1]
                assert line.strip().startswith(".".join((rule.source.context, *rule.source.path))), (
                    rule.file,
                    rule.line,
                )
