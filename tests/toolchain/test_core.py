"""Cutting FHIR down to what the maps touch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sr2fhir.paths import layout
from sr2fhir.settings import R4, R5
from tools.compiling.core import Core, closure, lean, maps_of, words


@pytest.fixture(scope="module")
def core() -> Core:
    return Core(layout().packages / "hl7.fhir.r5.core#5.0.0" / "package")


def names(core: Core, *begin: str) -> set[str]:
    return {definition["id"] for definition in closure(core, [], begin)}


def test_a_resource_brings_its_bases_its_types_and_theirs(core: Core) -> None:
    found = names(core, "Observation")
    assert {
        "Observation",
        "DomainResource",
        "Resource",
        "Element",
        "Quantity",
        "SampledData",
        "Period",
    } <= found
    # Observation.referenceRange.low is a Quantity with a profile.
    assert "SimpleQuantity" in found
    # A Timing has a repeat with a Duration, which is a Quantity by derivation.
    assert {"Timing", "Duration"} <= found
    assert not {"Patient", "Medication", "ElementDefinition"} & found


def test_an_extension_brings_no_types_but_those_that_are_named(core: Core) -> None:
    assert "Dosage" not in names(core, "Extension")
    assert "Dosage" in names(core, "Extension", "Dosage")


def test_all_primitives_are_there_and_words_that_are_no_types_are_not(core: Core) -> None:
    found = names(core, "nothing", "code", "vitalsigns")
    assert {"code", "decimal", "dateTime", "url", "xhtml"} <= found
    assert not {"nothing", "vitalsigns"} & found


def test_logical_models_count(core: Core) -> None:
    base = {"baseDefinition": "http://hl7.org/fhir/StructureDefinition/Base"}
    model = {"snapshot": {"element": [{"path": "Model.name", "type": [{"code": "HumanName"}]}]}, **base}
    assert {"HumanName", "Period"} <= {entry["id"] for entry in closure(core, [model], ())}


def test_types_are_found_in_texts_and_in_urls_but_not_in_comments() -> None:
    text = """\
uses "http://hl7.org/fhir/StructureDefinition/Bundle" alias B as target
// Medication
group A(source s, target t) { s.a : Quantity as q -> t.b = create("Coding"), t.c = create('code') "Rule"; }
"""
    found = set(words(text))
    assert {"Bundle", "Quantity", "Coding", "code"} <= found
    assert "Medication" not in found


def test_a_lean_definition_keeps_what_a_transform_reads(core: Core) -> None:
    stripped = lean(core["Observation"])
    status = next(entry for entry in stripped["snapshot"]["element"] if entry["path"] == "Observation.status")
    assert set(status) == {"id", "path", "min", "max", "base", "type", "extension"}
    assert set(stripped) & {"text", "differential", "mapping"} == set()
    subject = next(
        entry for entry in stripped["snapshot"]["element"] if entry["path"] == "Observation.subject"
    )
    assert subject["type"] == [{"code": "Reference"}]


def test_every_structure_that_a_map_uses_is_in_the_small_core() -> None:
    bundle = json.loads(layout().core.read_bytes())
    urls = {entry["resource"].get("url") for entry in bundle["entry"]}
    maps = [json.loads(path.read_bytes()) for path in layout().compiled_maps.glob("*.json")]
    used = {use["url"] for entry in maps for use in entry.get("structure", [])}
    assert used
    assert used <= urls


# ---- another version -------------------------------------------------------------------------------


def definitions(name: str) -> dict[str, dict[str, Any]]:
    """Return the StructureDefinitions of a file by URL."""
    content = json.loads((layout().core.parent / name).read_bytes())
    resources = (entry["resource"] for entry in content["entry"])
    return {each["url"]: each for each in resources if each["resourceType"] == "StructureDefinition"}


def test_those_of_r4_stand_beside_those_of_r5_and_lead_to_each_other() -> None:
    made = definitions("r4.json")
    assert all(url.startswith(R4.definitions_url) for url in made)
    assert R4.definitions_url == "http://hl7.org/fhir/4.0/StructureDefinition/"
    patient = made[R4.definitions_url + "Patient"]
    assert patient["fhirVersion"] == "4.0.1"
    assert patient["baseDefinition"] == R4.definitions_url + "DomainResource"
    (name,) = (each for each in patient["snapshot"]["element"] if each["path"] == "Patient.name")
    assert name["type"] == [{"code": "HumanName", "profile": [R4.definitions_url + "HumanName"]}]
    referred = {
        url
        for each in made.values()
        for url in (
            each.get("baseDefinition"),
            *(
                profile
                for element in each["snapshot"]["element"]
                for kind in element.get("type", ())
                for profile in kind.get("profile", ())
            ),
        )
        if url and url.startswith("http://hl7.org/fhir/4.0/")
    }
    assert referred <= made.keys()


def test_a_run_of_r5_reads_nothing_of_r4() -> None:
    assert not [url for url in definitions("core.json") if "/4.0/" in url]
    assert not set(maps_of(layout(), R5)) & set(maps_of(layout(), R4))
    assert {path.parent.name for path in maps_of(layout(), R4)} == {"r4", "mado"}


def test_whatever_the_maps_make_can_be_read_by_the_step() -> None:
    models = ("DicomSR", "DicomContentItem", "CriticalFinding")
    of_r5 = {url for url in definitions("core.json") if not url.endswith(models)}
    assert of_r5 <= definitions("r4-sources.json").keys()


def test_types_of_another_version_are_found_under_its_urls() -> None:
    text = "group A(source s, target t) { s -> t.b = create('http://hl7.org/fhir/4.0/StructureDefinition/Basic'); }"
    assert "Basic" in set(words(text, R4))
    assert "Basic" not in set(words(text))
