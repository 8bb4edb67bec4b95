"""The pages of the mapping: every rule is there, links lead somewhere, and a concept leads to its rules."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from sr2fhir.paths import layout
from tools.guide import docs
from tools.guide.mapping import GUIDE, Form, Pages
from tools.guide.structure_maps import Library, Types

CONTENT_ITEM = "DicomContentItem"


@pytest.fixture(scope="module")
def library() -> Library:
    return docs.library(layout())


@pytest.fixture(scope="module")
def pages(library: Library) -> Pages:
    return Pages(library, docs.roles(layout()), Form())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the pages as `make docs` does."""
    folder = tmp_path_factory.mktemp("home") / "build" / "docs"
    docs.write(layout(), folder)
    return folder


def cells(page: str) -> list[list[str]]:
    """Return the rows of all tables, cut into cells."""
    return [line.strip("|\n").split(" | ") for line in page.splitlines() if line.startswith("| ")]


def test_every_rule_has_a_row_with_a_name_that_leads_to_its_map(written: Path, library: Library) -> None:
    for name in library.maps:
        rows = cells((written / "mapping" / f"{name}.md").read_text("utf-8"))
        wanted = [rule.name for rule in library.rules if rule.group.map == name]
        found = [match for row in rows for match in re.findall(r'<a id="[\w-]+"> </a>.*\[(\w+)\]\(', row[-1])]
        assert found == wanted
        assert all(len(row) == 4 for row in rows)


@pytest.mark.parametrize("form", [Form(), GUIDE])
def test_every_link_leads_to_a_row_or_a_heading(form: Form, library: Library) -> None:
    pages = Pages(library, {}, form)
    texts = {form.page.format(name): pages.of_map(name) for name in library.maps} | {
        form.index: pages.index()
    }
    anchors = {
        name: {
            *re.findall(r'id="([\w-]+)"', text),
            *map(str.lower, re.findall(r"^#+ (\w+)$", text, re.MULTILINE)),
        }
        for name, text in texts.items()
    }
    links = [link for text in texts.values() for link in re.findall(r"\]\(([^)]+)\)", text)]
    assert len(links) > 1000
    for link in links:
        name, _, anchor = link.partition("#")
        assert name in texts, link
        assert not anchor or anchor in anchors[name], link


def test_links_to_maps_lead_to_files(written: Path) -> None:
    page = (written / "mapping" / "Patient.md").read_text("utf-8")
    (link,) = set(re.findall(r"\(([./\w-]+\.map)\)", page))
    assert Path(link).name == "Patient.map"
    assert (written / "mapping" / link).resolve().is_file()


# A concept, an element that it reaches, and a rule by which it does; as the mapping specification says.
WANTED = [
    ("DCM#121071", "Finding", "Observation.value", "ImagingMeasurementGroup"),
    ("DCM#112039", "Tracking Identifier", "BodyStructure.identifier", "BodyStructureFindingSite"),
    ("DCM#121191", "Referenced Segment", "ImagingSelection.code", "ObservationImagingSelection"),
    ("DCM#121401", "Derivation", "Observation.code.text", "ImagingObservation"),
    ("DCM#121420", "Equation", "Observation.component", "ImagingMeasurement"),
]


@pytest.mark.parametrize(("key", "meaning", "element", "name"), WANTED)
def test_a_reader_finds_element_map_and_rule_of_a_concept(
    key: str, meaning: str, element: str, name: str, pages: Pages, written: Path
) -> None:
    """By the page alone: from the code to a row of the index, from there to the row of the rule."""
    code = key.partition("#")[2]
    rows = cells((written / "mapping" / "README.md").read_text("utf-8"))
    (first,) = (number for number, row in enumerate(rows) if row[0].endswith(f"</a>{code} (DCM) {meaning}"))
    of_concept = [rows[first]]
    for row in rows[first + 1 :]:
        if row[0].strip():
            break
        of_concept.append(row)
    links = [
        re.findall(r"\[\w+\.\w+\]\((\w+\.md#[\w-]+)\)", row[4])[0]
        for row in of_concept
        if f"<code>{element}</code>" in row[3] and not row[1].startswith("left out")
    ]
    found = [link.partition("#") for link in links if link.startswith(f"{name}.md#")]
    assert found
    for page, _, anchor in found:
        assert f'<a id="{anchor}">' in (written / "mapping" / page).read_text("utf-8")


def test_the_roles_of_concepts_are_looked_up() -> None:
    """A condition may ask for a role in place of a concept."""
    maps = [one_map("role = 'derivation'"), one_map("role in ('site' | 'derivation')", "B")]
    maps.append(one_map("role != 'derivation'", "C"))
    pages = Pages(Library(maps, Types([])), {"derivation": ["DCM#121401"], "site": []}, Form())
    found = [(each.rule.reference, each.where) for each in pages.found["Concept"]["DCM#121401"]]
    assert found == [
        ("A.x", "condition: role derivation"),
        ("B.x", "condition: role derivation"),
        ("C.x", "left out: role derivation"),
    ]


def one_map(condition: str, name: str = "A") -> dict[str, object]:
    inputs = [{"name": "a", "mode": "source", "type": CONTENT_ITEM}]
    rule = {"name": "x", "source": [{"context": "a", "condition": condition}]}
    return {"name": name, "title": name, "group": [{"name": name, "input": inputs, "rule": [rule]}]}


def test_what_a_condition_leaves_out_is_told_apart() -> None:
    text = "key.where($this in ('DCM#1' | 'DCM#2')).empty() and 'DCM#3' in key and ('DCM#4' in key).not()"
    pages = Pages(Library([one_map(text)], Types([])), {}, Form())
    found = {key: mentions[0].where for key, mentions in pages.found["Concept"].items()}
    assert found == {"DCM#1": "left out", "DCM#2": "left out", "DCM#3": "condition", "DCM#4": "left out"}


def test_conditions_stand_as_the_map_has_them(pages: Pages, library: Library) -> None:
    """Markdown has no say in it: no sign of its own is left in a cell of code."""
    text = pages.of_map("Component")
    conditions = [
        source["condition"]
        for rule in library.rules
        if rule.group.map == "Component"
        for source in rule.sources
        if "condition" in source
    ]
    shown = re.findall(r"<code[^>]*>([^<]*)</code>", text)

    assert set(conditions) <= {html.unescape(each) for each in shown}
    assert not re.search(r"[|*_`\[\]\\]", "".join(shown))


def test_attributes_and_elements_are_found(pages: Pages) -> None:
    names = [each.rule.reference for each in pages.found["Attribute"]["(0040,A496) Preliminary Flag"]]
    assert any(each.startswith("ObservationStatus.") for each in names)
    assert {each.rule.group.map for each in pages.found["Element"]["ImagingStudy.started"]} == {
        "ImagingStudy"
    }
