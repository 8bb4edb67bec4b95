"""Maps that do not compile, or would fail only later, are errors with file and line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout, layout
from tools.compiling import maps

from .conftest import Notes

BASE = "http://hl7.org/fhir/uv/dicom-sr/StructureMap"

# Line 9 is the first of the body.
HEAD = f"""\
/// url = '{BASE}/NAME'
/// name = 'NAME'
/// status = 'draft'

uses "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/DicomSR" alias DicomSR as source
uses "http://hl7.org/fhir/StructureDefinition/Bundle" alias Bundle as target

imports "{BASE}/*"
"""

GOOD = (
    HEAD
    + """\
group NAME(source sr : DicomSR, target bundle : Bundle) {
  sr -> bundle.type = 'collection' "type";
}
"""
)

Compile = Callable[..., list[str]]


@pytest.fixture
def compile_maps(tmp_path: Path) -> Compile:
    """Return a function that compiles maps given as text and returns the problems, line by line."""
    places = Layout(tmp_path / "sources", tmp_path / "home")
    shutil.copytree(layout().core.parent, places.core.parent, copy_function=_link)
    for name in ("jars", "java-home", "definitions"):
        (places.home / name).symlink_to(layout().home / name)
    places.maps.mkdir(parents=True)
    shutil.copyfile(layout().pins, places.pins)

    def run(**texts: str) -> list[str]:
        for name, text in texts.items():
            (places.maps / f"{name}.map").write_text(text.replace("NAME", name), encoding="utf-8")
        try:
            maps.run(places, Notes())
        except SetupError as error:
            return error.message.splitlines()[1:]
        assert {path.stem for path in places.compiled_maps.glob("*.json")} == set(texts)
        return []

    return run


def _link(source: str, target: str) -> None:
    """Link what is read; leave out what is written."""
    if Path(source).name != layout().map_index.name:
        Path(target).symlink_to(source)


def test_good_maps_compile(compile_maps: Compile) -> None:
    assert compile_maps(One=GOOD, Two=GOOD) == []


def test_a_syntax_error_has_line_and_column(compile_maps: Compile) -> None:
    broken = HEAD + "group NAME(source sr : DicomSR, target bundle : Bundle) {\n  sr.form as -> x;\n}\n"
    (problem,) = compile_maps(One=GOOD, Two=broken)
    assert problem.startswith("maps/Two.map:10: ")
    assert "(column " in problem


RULES = [
    ('sr then Missing(sr, bundle) "call";', "rule 'call' calls Missing, which is no group"),
    ('sr then One(sr) "call";', "rule 'call' calls One with 1 variables; it takes 2"),
    ("sr -> bundle.type = create('Nothing') \"make\";", "rule 'make' creates a Nothing, which is no type"),
    ('sr -> bundle.type = qty(sr) "make";', "rule 'make' uses 'qty', which the engine does not implement"),
    (
        "sr -> bundle.type = translate(sr, 'http://a.example/map', 'code') \"make\";",
        "rule 'make' translates by http://a.example/map, which is not known",
    ),
    ("sr.study as s where (uid = ) -> bundle.type = 'x' \"find\";", "expecting a token name"),
    ('sr -> bundle.type = (sr.count( + 1) "make";', None),
    (
        "sr.series -> bundle.type = 'a' \"same\";\n  sr.study -> bundle.type = 'b' \"same\";",
        "group One has another rule 'same'; name one of them otherwise",
    ),
]


@pytest.mark.parametrize(("rule", "text"), RULES)
def test_a_wrong_rule_is_named_with_its_line(compile_maps: Compile, rule: str, text: str | None) -> None:
    body = f"group NAME(source sr : DicomSR, target bundle : Bundle) {{\n  sr.template -> bundle.type = 'a' \"ok\";\n  {rule}\n}}\n"
    (problem, *others) = compile_maps(One=HEAD + body)
    assert others == []
    line = 11 + rule.count("\n")
    assert problem.startswith(f"maps/One.map:{line}: ")
    assert text is None or text in problem


def test_what_two_maps_must_not_share_is_found(compile_maps: Compile) -> None:
    problems = compile_maps(One=GOOD, Two=GOOD.replace("NAME", "One"))
    assert f"maps/Two.map:1: the URL {BASE}/One belongs to another map too" in problems
    assert "maps/Two.map:1: the name One belongs to another map too" in problems
    assert "maps/Two.map:9: the group One stands in another map too" in problems


def test_unknown_structures_and_imports_are_found(compile_maps: Compile) -> None:
    wrong = GOOD.replace("StructureDefinition/Bundle", "StructureDefinition/Bundel").replace(
        f"{BASE}/*", f"{BASE}/X*"
    )
    assert compile_maps(One=wrong) == [
        "maps/One.map:6: the structure http://hl7.org/fhir/StructureDefinition/Bundel is not known",
        f"maps/One.map:8: the import {BASE}/X* leads to no map",
    ]


def test_all_problems_are_listed_at_once(compile_maps: Compile) -> None:
    broken = GOOD.replace("bundle.type", "bundle.type =")
    problems = compile_maps(One=broken, Two=broken)
    assert [problem.split(": ")[0] for problem in problems] == ["maps/One.map:10", "maps/Two.map:10"]


def test_no_maps_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no map in maps/"):
        maps.run(Layout(tmp_path, tmp_path / "home"), Notes())


def test_the_index_leads_from_a_rule_to_its_line() -> None:
    text = GOOD.replace("NAME", "One")
    content = {"name": "One", "url": f"{BASE}/One"}
    assert maps.index([maps.Map("maps/One.map", text, content)]) == {
        "One": {"file": "maps/One.map", "groups": {"One": {"line": 9, "rules": {"type": 10}}}}
    }
