"""The tables that tell IG from SUPP say what the published guide says, and what section 3 of the specification marks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.accounting.classes import Classes, Condition, Origin, kinds_of, tables_of
from sr2fhir.documents.measurement_report.structure import roles
from sr2fhir.model.codes import table

STATED = table("sr2fhir.documents.measurement_report", "classes.toml")
TABLES = tables_of(STATED)
GUIDE = TABLES.guide

IG = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition"
OURS = {"region-in-space-corrected", "derived-imaging-measurement-corrected"}
ABSTRACT = {"Observation/imaging-observation", "ImagingSelection/observation-imaging-selection"}
# D21: qualitative evaluations are members of the group; the guide's other statement, interpretation, is not followed
NOT_FOLLOWED = {"Observation/imaging-measurement-group": {"interpretation"}}


@pytest.fixture(scope="module")
def profiles(official_dir: Path) -> dict[str, dict[str, Any]]:
    """Read the published profiles: type and id → definition."""
    read = [json.loads(path.read_text("utf-8")) for path in official_dir.glob("StructureDefinition-*.json")]
    return {f"{each['type']}/{each['id']}": each for each in read}


def elements(profile: dict[str, Any], profiles: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the elements of a profile and of those it is derived from."""
    by_url = {each["url"]: each for each in profiles.values()}
    current: dict[str, Any] | None = profile
    while current:
        yield from (each for each in current["differential"]["element"] if "." in each["path"])
        current = by_url.get(current["baseDefinition"])


def top(element: dict[str, Any]) -> str:
    name: str = element["path"].split(".")[1]
    return "value[x]" if name.startswith("value") else name


def listed(kind: str) -> set[str]:
    """Return the elements that the table lists."""
    return {"value[x]" if name.startswith("value") else name for name in GUIDE[kind]} - {""}


def test_every_published_profile_is_in_the_table(profiles: dict[str, dict[str, Any]]) -> None:
    tabled = {kind for kind in GUIDE if "/" in kind and kind.partition("/")[2] not in OURS}
    assert tabled == profiles.keys() - ABSTRACT


def test_what_a_profile_takes_from_dicom_is_a_target_of_the_guide(
    profiles: dict[str, dict[str, Any]],
) -> None:
    """A profile names the DICOM source of an element in the element's mapping."""
    for kind in profiles.keys() - ABSTRACT:
        mapped = {top(element) for element in elements(profiles[kind], profiles) if element.get("mapping")}
        assert "*" in GUIDE[kind] or mapped - NOT_FOLLOWED.get(kind, set()) <= listed(kind), kind


def test_the_table_lists_nothing_that_the_guide_does_not_name(
    profiles: dict[str, dict[str, Any]], official_dir: Path
) -> None:
    path = official_dir / "ConceptMap-dicom-document-ie-to-fhir.json"
    groups = json.loads(path.read_text("utf-8"))["group"]
    of_map = {
        target["code"] for group in groups for each in group["element"] for target in each.get("target", ())
    }
    for kind in profiles.keys() - ABSTRACT:
        named = {top(element) for element in elements(profiles[kind], profiles)}
        assert listed(kind) - {"*"} <= named | (of_map if kind.startswith("Observation") else set()), kind


def test_the_rows_of_the_tables_name_known_terms() -> None:
    conditions = (*TABLES.supplementary, *TABLES.degraded)
    assert all(condition != Condition() for condition in conditions)
    marks = {mark for one in conditions for mark in (*one.own, *one.parent, *one.around, *one.not_parent)}
    terms = {TABLES.scope, *(mark for mark in marks if "." in mark)}
    assert len(terms) > 10
    assert all(roles().key(term) for term in terms)


# ---- conditions ----

HERE = Origin(frozenset({"NUM", "SCT#1"}), frozenset({"NUM"}), frozenset({"NUM", "CONTAINER"}))
KINDS = ("Observation", "Observation/imaging-measurement")
CONDITIONS: dict[str, tuple[Condition, bool]] = {
    "own": (Condition(own=frozenset({"NUM", "CODE"})), True),
    "other own": (Condition(own=frozenset({"CODE"})), False),
    "parent": (Condition(parent=frozenset({"NUM"})), True),
    "other parent": (Condition(parent=frozenset({"CODE"})), False),
    "around": (Condition(around=frozenset({"CONTAINER"})), True),
    "nothing of it around": (Condition(around=frozenset({"TEXT"})), False),
    "not that parent": (Condition(not_parent=frozenset({"CODE"})), True),
    "just that parent": (Condition(not_parent=frozenset({"NUM", "CODE"})), False),
    "type": (Condition(target="Observation"), True),
    "profile": (Condition(target="Observation/imaging-measurement"), True),
    "other profile": (Condition(target="Observation/imaging-measurement-group"), False),
    "one holds, one does not": (Condition(own=frozenset({"NUM"}), target="Device"), False),
}


@pytest.mark.parametrize(("condition", "holds"), CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(condition: Condition, holds: bool) -> None:
    assert condition.holds(HERE, KINDS) is holds


# ---- classes ----


def resource(kind: str, profile: str | None = None) -> dict[str, Any]:
    claim = {"meta": {"profile": [f"{IG}/{profile}"]}} if profile else {}
    return {"resourceType": kind, "id": "x", **claim}


TEXT = Origin(frozenset({"TEXT"}))
# resource, its claim, element → class, as sections 2.2, 3 and 8 have it
ELEMENTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "Patient.identifier (3.2)": (resource("Patient"), "Patient/x.identifier[0]", "IG"),
    "Patient.name (3.2, SUPP)": (resource("Patient"), "Patient/x.name[0].family", "SUPP"),
    "Device.serialNumber (3.2, SUPP)": (
        resource("Device", "dicom-general-equipment"),
        "Device/x.serialNumber",
        "SUPP",
    ),
    "Device.displayName": (resource("Device", "dicom-general-equipment"), "Device/x.displayName", "IG"),
    "device subject (3.3, SUPP)": (resource("Device"), "Device/x.displayName", "SUPP"),
    "Specimen (3.3, SUPP)": (resource("Specimen"), "Specimen/x.identifier[0]", "SUPP"),
    "Practitioner.name": (
        resource("Practitioner", "dicom-participant-person"),
        "Practitioner/x.name[0]",
        "IG",
    ),
    "Practitioner.identifier (section 8, 1)": (
        resource("Practitioner", "dicom-participant-person"),
        "Practitioner/x.identifier[0]",
        "SUPP",
    ),
    "selection with a profile": (
        resource("ImagingSelection", "image-region-2d"),
        "ImagingSelection/x.instance[2].imageRegion2D",
        "IG",
    ),
    "core selection (3.7, SUPP)": (resource("ImagingSelection"), "ImagingSelection/x.instance[0]", "SUPP"),
    "Observation": (resource("Observation", "imaging-measurement"), "Observation/x", "IG"),
    "Observation.component (3.8, SUPP)": (
        resource("Observation", "imaging-measurement"),
        "Observation/x.component[0]",
        "SUPP",
    ),
    "Observation.language (3.3, SUPP)": (
        resource("Observation", "imaging-measurement"),
        "Observation/x.language",
        "SUPP",
    ),
    "Observation.interpretation (section 8, 10)": (
        resource("Observation", "imaging-measurement"),
        "Observation/x.interpretation[0]",
        "SUPP",
    ),
    "range of a measurement (section 8, 10)": (
        resource("Observation", "imaging-measurement"),
        "Observation/x.referenceRange[0].low",
        "SUPP",
    ),
    "range of a derived measurement (TID 1420.TID 310)": (
        resource("Observation", "derived-imaging-measurement"),
        "Observation/x.referenceRange[0].low",
        "IG",
    ),
    "what is not in the Bundle": (resource("Observation"), "Device/y.displayName", "SUPP"),
}


@pytest.mark.parametrize(("made", "element", "wanted"), ELEMENTS.values(), ids=ELEMENTS)
def test_the_class_of_an_element(made: dict[str, Any], element: str, wanted: str) -> None:
    assert Classes.of([made], TABLES).of_source(TEXT, [element]) == wanted


def test_one_target_of_the_guide_is_enough() -> None:
    """Section 8: each item is in one class; it reached a target of the guide, whatever else it reached."""
    classes = Classes.of([resource("Observation", "imaging-measurement")], TABLES)
    assert classes.of_source(TEXT, ["Observation/x.component[0]", "Observation/x.code"]) == "IG"


def test_a_resource_can_claim_several_profiles() -> None:
    twice = resource("Observation", "derived-imaging-measurement")
    twice["meta"]["profile"].append(f"{IG}/derived-imaging-measurement-corrected")
    assert kinds_of(twice) == (
        "Observation",
        "Observation/derived-imaging-measurement",
        "Observation/derived-imaging-measurement-corrected",
    )
    assert Classes.of([twice], TABLES).of_source(TEXT, ["Observation/x.valueQuantity"]) == "IG"
