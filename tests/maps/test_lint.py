"""The maps keep the rules of the house, and a map that does not is found."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tools.guide.structure_maps import Library

from tests.maps.lint import CANONICAL, CHECKS, Maps

Content = dict[str, Any]
ENTRY = "MeasurementReport"
DCM = "http://dicom.nema.org/resources/ontology/DCM"


@pytest.mark.parametrize("name", CHECKS)
def test_maps_keep_the_rules(name: str, maps: Maps) -> None:
    defects = list(CHECKS[name](maps))
    assert not defects, "\n".join(defects)


# ---- planted defects -----------------------------------------------------------------------------


def changed(maps: Maps, change: Callable[[Mapping[str, Content]], object]) -> Maps:
    """Return the maps with compiled ones changed."""
    contents = copy.deepcopy(maps.library.maps)
    change(contents)
    return replace(maps, library=Library(contents.values(), maps.library.types))


def with_rule(maps: Maps, rule: Content) -> Maps:
    """Return the maps with a rule in the entry group, where `sr` is the document and `bundle` the target."""
    return changed(maps, lambda contents: contents[ENTRY]["group"][0]["rule"].insert(0, rule))


def rule(
    element: str | None = None, condition: str | None = None, *targets: Content, name: str = "x", **more: Any
) -> Content:
    """Return a rule that reads an element of the document."""
    source = {
        "context": "sr",
        "element": element,
        "variable": "read" if element else None,
        "condition": condition,
    }
    source |= more.pop("source", {})
    present = {key: value for key, value in source.items() if value is not None}
    return {"name": name, "source": [present], "target": list(targets), **more}


def write(element: str, transform: str, *texts: str, context: str = "bundle", **more: Any) -> Content:
    """Return a target with constants."""
    parameters = [{"valueString": text} for text in texts]
    return {"context": context, "element": element, "transform": transform, "parameter": parameters, **more}


def call(name: str, *variables: str) -> Content:
    return {"dependent": [{"name": name, "parameter": [{"valueId": each} for each in variables]}]}


ID = write("id", "copy", "x")
CODE, WRONG = "125007", "Measuring Group"
CODING = [
    {"context": "bundle", "element": "meta", "variable": "meta"},
    {"context": "meta", "element": "tag", "variable": "tag"},
    *(
        write(element, "copy", text, context="tag")
        for element, text in (("system", DCM), ("code", CODE), ("display", WRONG))
    ),
]
PLANTED: list[tuple[str, Content, str]] = [
    ("rule_names", rule(name="two words"), "letters and digits only"),
    ("calls", rule(**call("Entities", "bundle", "sr")), "sr is no target, but Entities writes to it"),
    ("variables", rule("patient", source={"context": "nobody"}), "there is no variable nobody"),
    ("variables", rule(**call("Entities", "nobody", "bundle")), "there is no variable nobody"),
    ("variables", rule("patient", None, write("id", "copy", "x", context="nothing")), "no variable nothing"),
    ("variables", rule(None, None, {**ID, "parameter": [{"valueId": "nothing"}]}), "no variable nothing"),
    ("variables", rule("patient", source={"variable": "context"}), "%context means something else"),
    ("functions", rule(None, None, write("id", "uuid")), "uuid() is random"),
    ("functions", rule(None, None, write("id", "reference", "sr")), "reference() is random"),
    ("functions", rule(None, None, write("id", "cc", "a", "b", "c")), "cc() drops the display"),
    (
        "urls",
        rule(None, None, write("id", "copy", f"{CANONICAL}/StructureDefinition/nowhere")),
        "there is no http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/nowhere",
    ),
    (
        "urls",
        rule(None, None, write("id", "copy", f"{CANONICAL}/ConceptMap/none")),
        "dicom-sr/ConceptMap/none",
    ),
    ("keys", rule("content", "'DCM#999999' in key"), "DCM has no code 999999"),
    ("codings", rule(None, None, *CODING), f"DCM#{CODE} is 'Measurement Group', not '{WRONG}'"),
    ("elements", rule("patent"), "DicomSR has no element patent"),
    ("elements", rule(None, None, write("identity", "copy", "x")), "Bundle has no element identity"),
    ("elements", rule("content", "relation = 'CONTAINS'"), "DicomContentItem has no element relation"),
    (
        "elements",
        rule("content", "code.where(value = 'x').exists()"),
        "DicomContentItem has no element value",
    ),
    ("elements", rule("content", None, write("id", "evaluate", "%read.positionn")), "no element positionn"),
    (
        "elements",
        rule("otherStudy", None, write("id", "evaluate", "%read.identifier.number")),
        "Identifier has no",
    ),
    ("elements", rule("patient", "%nobody.empty()"), "there is no variable nobody"),
    (
        "elements",
        rule("patient", "sex = 'M'", source={"variable": "sex"}),
        "the variable sex hides the element sex",
    ),
    ("elements", rule("content", "text.lower() = 'x'"), "lower() is not a function"),
    ("elements", rule("patient", "sex"), "neither true nor false"),
    ("elements", rule("patient", "sex and name.exists()"), "neither true nor false"),
    ("elements", rule("content", "code.where(relationship).exists()"), "neither true nor false"),
]


@pytest.mark.parametrize(("check", "planted", "message"), PLANTED)
def test_planted_rules_are_found(check: str, planted: Content, message: str, maps: Maps) -> None:
    found = [
        defect
        for defect in CHECKS[check](with_rule(maps, planted))
        if f"{ENTRY}." in defect or "urls" in check
    ]
    assert any(message in defect for defect in found), found


@pytest.mark.parametrize(
    ("member", "value", "message"),
    [
        ("url", None, "url is None"),
        ("url", f"{CANONICAL}/StructureMap/Person", "url is"),
        ("name", "Person", "name is 'Person', not 'Patient'"),
        ("title", "", "there is no title"),
        ("status", "done", "status is 'done'"),
    ],
)
def test_wrong_headers_are_found(member: str, value: str | None, message: str, maps: Maps) -> None:
    planted = changed(maps, lambda contents: contents["Patient"].update({member: value}))
    assert any(message in defect for defect in CHECKS["headers"](planted))


def test_a_group_that_nothing_calls_is_found(maps: Maps) -> None:
    group = {"name": "Planted", "input": [{"name": "a", "mode": "source"}], "rule": []}
    planted = changed(maps, lambda contents: contents["Patient"]["group"].append(group))
    assert list(CHECKS["reachable"](planted)) == ["Patient: nothing calls Planted"]


def test_long_groups_and_lines_are_found(maps: Maps) -> None:
    long = "group Long(source a) {\n" + 40 * '  a -> a "x";\n' + "}\n// " + 40 * "too " + "long\n"
    planted = replace(maps, texts={"Patient": long})
    assert list(CHECKS["group_sizes"](planted)) == ["Patient: Long has 42 lines, more than 40"]
    assert "columns, more than 120" in "".join(CHECKS["line_lengths"](planted))


def test_types_follow_calls(maps: Maps) -> None:
    """An element is looked for in what a group is called with, several groups away."""

    def plant(element: str) -> list[str]:
        def change(contents: Mapping[str, Content]) -> None:
            inputs = [{"name": "a", "mode": "source"}, {"name": "b", "mode": "target"}]
            source = {"context": "a", "variable": "y"}
            outer = {"name": "x", "source": [{**source, "element": "name"}], **call("Inner", "y", "b")}
            inner = {"name": "x", "source": [{**source, "element": element}]}
            contents["Patient"]["group"] += [
                {"name": "Outer", "input": inputs, "rule": [outer]},
                {"name": "Inner", "input": inputs, "rule": [inner]},
            ]
            contents[ENTRY]["group"][0]["rule"].append(rule("patient", **call("Outer", "read", "bundle")))

        return list(CHECKS["elements"](changed(maps, change)))

    assert plant("given") == []
    assert plant("sex") == ["Patient: Inner.x: HumanName has no element sex"]


STEP = "R4Organization"


def written_of(source: str, read: str, target: str, element: str, inner: str | None = None) -> Content:
    """Return the content of a rule that writes an element, and perhaps one inside."""
    made = {"context": target, "element": element, "variable": "made"}
    copied = {"context": "made", "element": inner, "transform": "copy", "parameter": [{"valueId": "read"}]}
    return {
        "source": [{"context": source, "element": read, "variable": "read"}],
        "target": [made, *([copied] if inner else [])],
    }


@pytest.mark.parametrize(
    ("planted", "defect"),
    [
        # the group is called with an Organization of R5 and one of R4
        ({"source": [{"context": "src", "element": "naem"}]}, "Organization has no element naem"),
        ({"source": [{"context": "src", "condition": "naem.exists()"}]}, "Organization has no element naem"),
        (written_of("src", "alias", "tgt", "aliass"), "R4Organization has no element aliass"),
        (written_of("src", "name", "tgt", "name"), None),
        # R4 has a datatype in the place of another of R5
        (
            written_of("src", "contact", "tgt", "contact", inner="organization"),
            "contact has no element organization",
        ),
        (written_of("src", "contact", "tgt", "contact", inner="purpose"), None),
        # and in one that both know
        (
            written_of("src", "identifier", "tgt", "identifier", inner="valeu"),
            "R4Identifier has no element valeu",
        ),
    ],
)
def test_step_maps_are_followed_into_both_versions(maps: Maps, planted: Content, defect: str | None) -> None:
    def change(contents: Mapping[str, Content]) -> None:
        group = next(each for each in contents[STEP]["group"] if each["name"] == STEP)
        group["rule"].append({"name": "x", **planted})

    found = list(CHECKS["elements"](changed(maps, change)))
    assert len(found) == (defect is not None), found
    assert defect is None or defect in found[0]


def test_types_that_the_maps_do_not_tell_are_not_guessed(maps: Maps) -> None:
    """A group that is never called with a parameter says nothing of its type."""
    group = {
        "name": "Planted",
        "input": [{"name": "a", "mode": "source"}],
        "rule": [{"name": "x", "source": [{"context": "a", "element": "whatever"}]}],
    }
    planted = changed(maps, lambda contents: contents["Patient"]["group"].append(group))
    assert list(CHECKS["elements"](planted)) == []
