"""The ConceptMaps and the maps say the same: those that are translated by, and those that give an overview.

The seven of the guide tell resources and elements by concept. A map cannot read them: `translate()` answers the first
equivalent target, and a row here has several, chosen by value type. So each of their rows is looked up in what the mapping
documentation gathers from the maps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sr2fhir.documents.measurement_report import regions
from tools.publishing.fml import Expression, Literal, Rule, expressions, walk
from tools.publishing.mapping_pages.concepts import scheme_of
from tools.publishing.mapping_pages.index import Index
from tools.publishing.mapping_pages.pages import Guide, Page

from tests.maps.lint import Library

CANONICAL = "http://hl7.org/fhir/uv/dicom-sr/ConceptMap/"
OVERVIEW = "-to-fhir"
# Names of profiles that the guide's ConceptMaps use beside those of the profiles themselves.
NAMES = {
    "DerivedImagingMeasurements": "DerivedImagingMeasurementProfile",
    "DerivedImagingMeasurement": "DerivedImagingMeasurementProfile",
    "ImagingSelection": "ImagingSelectionObservationImagingSelection",
}


class Translation(NamedTuple):
    """A rule of the maps that translates."""

    rule: Rule
    concept_map: str


@pytest.fixture(scope="module")
def concept_maps(definitions_dir: Path) -> dict[str, dict[str, Any]]:
    """Answer the compiled ConceptMaps by id."""
    found = (json.loads(path.read_bytes()) for path in definitions_dir.glob("ConceptMap-*.json"))
    return {each["id"]: each for each in found}


@pytest.fixture(scope="module")
def translations(library: Library) -> list[Translation]:
    """Answer all rules that translate."""
    return [
        Translation(rule, argument.text.removeprefix(CANONICAL))
        for rule, transform in library.transforms
        if transform.function == "translate"
        for argument in transform.arguments
        if isinstance(argument, Literal) and argument.text.startswith(CANONICAL)
    ]


def sources(concept_map: dict[str, Any]) -> set[str]:
    """Answer the codes that a ConceptMap translates."""
    return {element["code"] for group in concept_map["group"] for element in group["element"]}


# ---- read by the maps --------------------------------------------------------------------------------------------


def test_every_concept_map_is_read_or_is_an_overview(
    concept_maps: dict[str, dict[str, Any]], translations: list[Translation]
) -> None:
    read = {each.concept_map for each in translations}
    assert {name for name in concept_maps if not name.endswith(OVERVIEW)} == read
    assert len(concept_maps) - len(read) == 7


def test_what_is_translated_is_in_the_concept_map(
    concept_maps: dict[str, dict[str, Any]], translations: list[Translation]
) -> None:
    """An engine fails on a code that a ConceptMap lacks: the condition of the rule lets its codes through, no other."""
    for rule, name in translations:
        codes, (listed, pattern) = sources(concept_maps[name]), _let_through(rule)
        if listed:
            assert listed == codes, name
        elif pattern:
            assert {code for code in map(str, range(100000, 130000)) if re.search(pattern, code)} == codes, (
                name
            )
        else:
            assert "graphic-type" in name


def _let_through(rule: Rule) -> tuple[set[str], str]:
    """Answer the codes that the condition of a rule lists, and the pattern that it gives."""
    texts = [
        part.text
        for expression in _conditions(rule)
        for part in walk(expression)
        if isinstance(part, Literal) and "://" not in part.text
    ]
    patterns = [text for text in texts if text.startswith("^")]
    return {text for text in texts if text not in patterns}, "".join(patterns)


def _conditions(rule: Rule) -> Iterator[Expression]:
    return (rule.source.condition,) if rule.source.condition is not None else ()  # type: ignore[return-value]


@pytest.mark.parametrize(("value_type", "name"), [("SCOORD", "2d"), ("SCOORD3D", "3d")])
def test_graphic_types_that_are_rendered_are_in_the_concept_map(
    value_type: str, name: str, concept_maps: dict[str, dict[str, Any]]
) -> None:
    """The renderer leaves out graphics of any other type; of a MULTIPOINT in an image each point is one."""
    _, known = regions._GRAPHICS[value_type]
    codes = sources(concept_maps[f"dicom-graphic-type-to-{name}-region-type"])
    assert codes == set(known) - ({"MULTIPOINT"} if name == "2d" else set())


# ---- overviews ---------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """A row of an overview: where it stands, a concept, and the profile and element that it becomes."""

    concept_map: str
    key: str | None
    profile: str
    element: str


def told(concept_maps: dict[str, dict[str, Any]]) -> Iterator[Told]:
    """Answer the rows of the overviews; what is no coded concept (a module, a template) has no key."""
    for name, concept_map in concept_maps.items():
        for group in concept_map["group"] if name.endswith(OVERVIEW) else ():
            scheme = scheme_of(group["source"])
            for element in group["element"]:
                for target in element.get("target", ()):
                    profile, _, rest = target["display"].partition(".")
                    yield Told(name, f"{scheme}#{element['code']}" if scheme else None, profile, rest)


def page_of(profile: str, guide: Guide) -> str | None:
    """Answer the page of a profile by its name; None for a resource or an element without a profile."""
    name = NAMES.get(profile, profile)
    return next((each.id for each in guide.definitions if each.kind == "Profile" and each.name == name), None)


def test_every_row_of_an_overview_is_what_the_maps_do(
    concept_maps: dict[str, dict[str, Any]], guide: Guide, pages: tuple[Page, ...]
) -> None:
    index, rows = Index(guide, pages), [each for each in told(concept_maps) if each.key]
    missing = [each for each in rows if not _is_done(each, index, guide, pages)]
    assert len(rows) > 40
    assert not missing


def _is_done(row: Told, index: Index, guide: Guide, pages: tuple[Page, ...]) -> bool:
    """Tell whether the maps make the element of a row from its concept."""
    resource = next(page for page in pages if page.id == page_of(row.profile, guide))
    entries = index.of_concept(row.key or "")
    if row.element == "derivedFrom" and _refers(resource, row.key or ""):
        return True
    if row.element == "focus":
        return any(entry.target == "ImagingSelection.focus" for entry in entries)
    wanted = f"{resource.resource}.{row.element}" if row.element else resource.resource
    return any(_reaches(entry.target, wanted) and entry.page == resource.id for entry in entries)


def _reaches(target: str, wanted: str) -> bool:
    """Tell whether a target is the wanted one, a part of it, or made from what stands in the item."""
    return target == wanted or target.startswith((f"{wanted}.", f"{wanted} "))


def _refers(page: Page, key: str) -> bool:
    """Tell whether a page has a reference to selections of any kind, from which no rule leaves out the concept."""
    rules = [row.rules for row in page.rows if row.element == "derivedFrom"]
    return any(
        key not in _named(each) and any(rule.source.path == ("referenceSet",) for rule in each)
        for each in rules
    )


def _named(rules: tuple[Rule, ...]) -> set[str]:
    parts = (part for rule in rules for expression in expressions(rule) for part in walk(expression))
    return {part.text for part in parts if isinstance(part, Literal)}


def test_every_target_of_an_overview_exists(
    concept_maps: dict[str, dict[str, Any]], guide: Guide, pages: tuple[Page, ...]
) -> None:
    """Also where the source is a module, an attribute or a template: the page of its profile has the element."""
    by_id = {page.id: page for page in pages}
    for row in told(concept_maps):
        page = by_id.get(page_of(row.profile, guide) or "")
        if page is not None and row.element:
            assert any(each.element.split(".")[0] == row.element for each in page.rows), row
        elif page is None:  # a resource of the Bundle, or an element that all observations have
            name = (row.profile if not row.element else row.element).removesuffix("[1]")
            elements = {each.element.split(".")[0] for one in pages for each in one.rows}
            assert name in {one.resource for one in pages} | elements, row
