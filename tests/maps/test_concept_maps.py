"""The ConceptMaps and the maps say the same: those that are translated by, and those that give an overview.

The seven of the guide tell resources and elements by concept. A map cannot read them: `translate()` returns the first
equivalent target, and a row here has several, chosen by value type. So each of their rows is looked up in the index that
`make docs` makes of the maps.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sr2fhir.documents.measurement_report import regions
from sr2fhir.paths import layout
from tools.guide import docs
from tools.guide.mapping import SCHEMES, Form, Pages
from tools.guide.structure_maps import Library, Rule

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
    """Return the compiled ConceptMaps by id."""
    found = (json.loads(path.read_bytes()) for path in definitions_dir.glob("ConceptMap-*.json"))
    return {each["id"]: each for each in found}


@pytest.fixture(scope="module")
def translations(library: Library) -> list[Translation]:
    """Return all rules that translate."""
    return [
        Translation(rule, target["parameter"][1]["valueString"].removeprefix(CANONICAL))
        for rule in library.rules
        for target in rule.targets
        if target.get("transform") == "translate"
    ]


def sources(concept_map: dict[str, Any]) -> set[str]:
    """Return the codes that a ConceptMap translates."""
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
    """Return the codes that the condition of a rule lists, and the pattern that it gives."""
    texts = [
        text for each in rule.expressions for text in re.findall(r"'([^']*)'", each) if "://" not in text
    ]
    patterns = [text for text in texts if text.startswith("^")]
    return {text for text in texts if text not in patterns}, "".join(patterns)


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
    """A row of an overview: a concept (or what is no coded concept), and the profile and element that it becomes."""

    key: str | None
    profile: str
    element: str


# Rules that write an element whatever the concept is, but for those that they leave out.
GENERAL = {
    "derivedFrom": "DerivedFrom",
    "component": "ChildComponent",
    "bodySite": "ObservationSite",
}


@pytest.fixture(scope="module")
def rows(concept_maps: dict[str, dict[str, Any]]) -> list[Told]:
    """Return the rows of the overviews."""
    return [
        Told(
            f"{SCHEMES[group['source']]}#{element['code']}" if group["source"] in SCHEMES else None,
            profile,
            rest,
        )
        for name, concept_map in concept_maps.items()
        for group in (concept_map["group"] if name.endswith(OVERVIEW) else ())
        for element in group["element"]
        for target in element.get("target", ())
        for profile, _, rest in [target["display"].partition(".")]
    ]


@pytest.fixture(scope="module")
def pages(library: Library) -> Pages:
    """Return the index of concepts and elements."""
    return Pages(library, docs.roles(layout()), Form())


@pytest.fixture(scope="module")
def types(definitions_dir: Path) -> dict[str, str]:
    """Return the type of each profile by its name."""
    found = (json.loads(path.read_bytes()) for path in definitions_dir.glob("StructureDefinition-*.json"))
    return {each["name"]: each["type"] for each in found}


def wanted(row: Told, types: dict[str, str], library: Library) -> str:
    """Return the path of the element that a row names; that of a choice without its type, as maps write it."""
    kind = types.get(NAMES.get(row.profile, row.profile), row.profile.removesuffix("[1]"))
    if not row.element:
        return kind
    name = row.element.removesuffix("[1]")
    choices = [path for path, each in library.types.elements.items() if each["path"] == f"{path}[x]"]
    return next((path for path in choices if f"{kind}.{name}".startswith(path)), f"{kind}.{name}")


def test_every_row_of_an_overview_is_what_the_maps_do(
    rows: list[Told], types: dict[str, str], library: Library, pages: Pages
) -> None:
    coded = [each for each in rows if each.key]
    missing = [each for each in coded if not is_done(each, wanted(each, types, library), pages, library)]
    assert len(coded) > 40
    assert not missing


def is_done(row: Told, element: str, pages: Pages, library: Library) -> bool:
    """Tell whether the maps make the element of a row from its concept."""
    mentions = pages.found["Concept"].get(row.key or "", [])
    asked = [
        path
        for each in mentions
        if not each.where.startswith("left out")
        for path in pages.elements(each.rule)
    ]
    if any(path == element or path.startswith(f"{element}.") for path in asked):
        return True
    left_out = [each.rule for each in mentions if each.where.startswith("left out")]
    return any(
        element in pages.elements(rule) and rule not in left_out
        for rule in library.rules
        if rule.group.name == GENERAL.get(row.element)
    )


def test_a_row_that_the_maps_do_not_do_is_found(
    types: dict[str, str], library: Library, pages: Pages
) -> None:
    for row in (
        Told("DCM#121071", "ImagingMeasurementGroup", "method"),
        Told("DCM#999999", "ImagingMeasurementGroup", ""),
    ):
        assert not is_done(row, wanted(row, types, library), pages, library), row


def test_every_target_of_an_overview_is_written(
    rows: list[Told], types: dict[str, str], library: Library, pages: Pages
) -> None:
    """Also where the source is a module, an attribute or a template."""
    written = pages.found["Element"]
    for row in rows:
        element = wanted(row, types, library)
        observed = f"Observation.{row.profile}"  # an element that all observations have
        assert any(
            path in (element, observed) or path.startswith((f"{element}.", f"{observed}."))
            for path in written
        ), row
