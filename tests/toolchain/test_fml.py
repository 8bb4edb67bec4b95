"""Where groups and rules stand."""

from __future__ import annotations

from tools.compiling.fml import groups, tokens

MAP = """\
/// url = 'http://example.org/StructureMap/A'
// group NotOne(source a) { a.b -> c.d "none"; }
group First(source src : Model, target tgt : Bundle) extends Base {
  src.type as t -> tgt.type = t "type";   // "type" again; { }
  src.code -> tgt.code;
  src.item as item where (name = 'a "quoted" ; brace }') ->
      tgt.entry as entry,
      entry.resource = create('Observation') as obs then {
    /* a "comment"; */
    item.value as v -> obs.value = v "obs-value";
    item then Second(item, obs) "second";
  } "item";
}

group Second(source item, target obs) <<types>> {
  item.text as t -> obs.note as n, n.text = t "type";
}
"""


def test_each_rule_has_the_line_on_which_it_begins() -> None:
    first, second = groups(MAP)
    assert (first.name, first.line) == ("First", 3)
    assert first.lines() == {"type": 4, "code": 5, "obsvalue": 10, "second": 11, "item": 6}
    assert (second.name, second.line) == ("Second", 15)
    assert second.lines() == {"type": 16}


def test_a_name_used_twice_is_kept_twice_and_found_at_its_first_place() -> None:
    (group,) = groups('group A(source s, target t) {\n s.a -> t.a = s "x";\n s.b -> t.b = s "x";\n}\n')
    assert group.rules == [("x", 2), ("x", 3)]
    assert group.lines() == {"x": 2}


def test_comments_are_no_tokens_and_texts_are_one() -> None:
    found = [token.text for token in tokens("a // b\n/* c\n */ 'd // e' \"f\" /// g\nh")]
    assert found == ["a", "'d // e'", '"f"', "h"]
