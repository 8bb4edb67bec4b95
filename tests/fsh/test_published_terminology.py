"""Code systems as published; ConceptMaps as published, but for the listed defects; our own code tables."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from sr2fhir.paths import layout

Json = dict[str, Any]

BASE = "http://hl7.org/fhir/uv/dicom-sr"
IHE = "https://profiles.ihe.net/RAD/MADO"
SCT = "http://snomed.info/sct"
SCHEMES = {"http://dicom.nema.org/resources/ontology/DCM": "DCM", SCT: "SCT"}
PUBLISHED_MAPS = 7
with (Path(__file__).parent / "mended.toml").open("rb") as _file:
    CHANGES: dict[str, list[Json]] = tomllib.load(_file)

# Code to code, from PS3.3 and PS3.16 on the left to R5 on the right (mapping specification 3.2, 3.7, 3.8).
CODE_TABLES: dict[str, tuple[str, str, dict[str, str]]] = {
    "dicom-sex-to-administrative-gender": (
        f"{BASE}/CodeSystem/dicom-patient-sex",
        "http://hl7.org/fhir/administrative-gender",
        {"M": "male", "F": "female", "O": "other", "*": "unknown"},
    ),
    "dicom-graphic-type-to-2d-region-type": (
        f"{BASE}/CodeSystem/dicom-graphic-type",
        "http://hl7.org/fhir/imagingselection-2dgraphictype",
        {"POINT": "point", "POLYLINE": "polyline", "CIRCLE": "circle", "ELLIPSE": "ellipse"},
    ),
    "dicom-graphic-type-to-3d-region-type": (
        f"{BASE}/CodeSystem/dicom-graphic-type",
        "http://hl7.org/fhir/imagingselection-3dgraphictype",
        {
            each: each.lower()
            for each in ("POINT", "MULTIPOINT", "POLYLINE", "POLYGON", "ELLIPSE", "ELLIPSOID")
        },
    ),
    "dicom-preliminary-flag-to-observation-status": (
        f"{BASE}/CodeSystem/dicom-preliminary-flag",
        "http://hl7.org/fhir/observation-status",
        {"PRELIMINARY": "preliminary", "FINAL": "final", "*": "unknown"},
    ),
    "dicom-numeric-value-qualifier-to-data-absent-reason": (
        "http://dicom.nema.org/resources/ontology/DCM",
        "http://terminology.hl7.org/CodeSystem/data-absent-reason",
        {
            "114000": "not-a-number",
            "114001": "negative-infinity",
            "114002": "positive-infinity",
            "114007": "not-performed",
            "114010": "unknown",
            "114011": "unknown",
            **dict.fromkeys(("114003", "114004", "114005", "114006", "114008", "114009", "*"), "error"),
        },
    ),
    "dicom-normality-to-observation-interpretation": (
        SCT,
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
        {"17621005": "N", "263654008": "A", "371879000": "H", "371880002": "L", "371934000": "IND"},
    ),
}


def read(path: Path) -> Json:
    """Read a JSON file."""
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


def _all(folder: Path, kind: str) -> dict[str, Json]:
    """Return all resources of a type by id."""
    return {each["id"]: each for each in map(read, sorted(folder.glob(f"{kind}-*.json")))}


@pytest.fixture(scope="session")
def maps(definitions_dir: Path) -> dict[str, Json]:
    """Return our ConceptMaps by id."""
    return _all(definitions_dir, "ConceptMap")


@pytest.fixture(scope="session")
def published_maps(official_dir: Path) -> dict[str, Json]:
    """Return the published ConceptMaps by id."""
    return _all(official_dir, "ConceptMap")


# ---- code systems --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dicom-identifier-type", "dicom-value-type"])
def test_code_systems_agree(name: str, definitions_dir: Path, official_dir: Path) -> None:
    """Codes, displays and properties of a code system are the published ones."""
    mine, theirs = (read(folder / f"CodeSystem-{name}.json") for folder in (definitions_dir, official_dir))
    keys = (
        "url",
        "name",
        "title",
        "status",
        "content",
        "caseSensitive",
        "hierarchyMeaning",
        "count",
    )
    assert {key: mine[key] for key in keys} == {key: theirs[key] for key in keys}
    assert _concepts(mine) == _concepts(theirs)


def _concepts(system: Json) -> list[tuple[str, str]]:
    """Return code and display of each concept."""
    return [(concept["code"], concept["display"]) for concept in system["concept"]]


# ---- ConceptMaps ---------------------------------------------------------------------------------


def rows(concept_map: Json) -> Counter[str]:
    """Return each row of a ConceptMap as a line of text, with how often it stands there."""
    return Counter(
        row
        for group in concept_map["group"]
        for element in group["element"]
        for row in _element_rows(element)
    )


def _element_rows(element: Json) -> Iterator[str]:
    """Return the rows of one source code."""
    if element.get("noMap"):
        yield f"{element['code']} -> nothing"
    for target in element.get("target", []):
        relation = f"{element['code']} -> {target['code']} [{target['relationship']}]"
        yield f"{relation}{_conditions(target)}{_properties(target)}"


def _conditions(target: Json) -> str:
    """Return what a target depends on."""
    found = sorted(f"{each['attribute']}={_condition_value(each)}" for each in target.get("dependsOn", []))
    return f" where {', '.join(found)}" if found else ""


def _condition_value(condition: Json) -> str:
    """Return the code that an attribute must have."""
    value: str = condition["valueCode"] if "valueCode" in condition else condition["valueCoding"]["code"]
    return value


def _properties(target: Json) -> str:
    """Return the properties of a target."""
    return "".join(sorted(f"; {each['code']}={each['valueString']}" for each in target.get("property", [])))


def expected_rows(name: str, published: Json) -> Counter[str]:
    """Return the published rows of a map with its listed defects mended."""
    mended = [change for change in CHANGES["mended"] if change["map"] == name]
    added = [change for change in CHANGES["added"] if change["map"] == name]
    removed = Counter(change["published"] for change in mended)
    assert removed <= rows(published), "a mended row is not a published one"
    return rows(published) - removed + Counter(row for change in [*mended, *added] for row in change["ours"])


def test_concept_maps_agree(maps: dict[str, Json], published_maps: dict[str, Json]) -> None:
    """Every published row is in ours or mended for a stated reason, and ours hold no unlisted row."""
    assert len(published_maps) == PUBLISHED_MAPS
    differences = {
        name: (
            expected_rows(name, published) - rows(maps[name]),
            rows(maps[name]) - expected_rows(name, published),
        )
        for name, published in published_maps.items()
        if expected_rows(name, published) != rows(maps[name])
    }
    assert differences == {}


def test_concept_maps_keep_their_names(maps: dict[str, Json], published_maps: dict[str, Json]) -> None:
    """URL, name, title and status of a ConceptMap are the published ones."""
    for name, published in published_maps.items():
        for key in ("url", "name", "title", "status"):
            assert maps[name][key] == published[key], (name, key)


def test_a_lost_row_is_found(maps: dict[str, Json], published_maps: dict[str, Json]) -> None:
    """A map without one of its targets is not the published one."""
    name = "dicom-imaging-measurement-to-fhir"
    wrong: Json = json.loads(json.dumps(maps[name]))
    wrong["group"][0]["element"][0]["target"].pop()
    assert expected_rows(name, published_maps[name]) != rows(wrong)


def test_each_change_names_its_reason() -> None:
    """No row differs without a reason."""
    assert all(change["reason"] for change in [*CHANGES["mended"], *CHANGES["added"]])


def test_source_and_target_systems_are_stated(maps: dict[str, Json]) -> None:
    """Each group says which code systems it maps, so that SCT, DCM and UMLS codes are told apart."""
    assert all("source" in group and "target" in group for each in maps.values() for group in each["group"])


def test_dicom_and_snomed_codes_are_of_their_scheme(maps: dict[str, Json]) -> None:
    """Each DCM source code is a concept of pydicom's tables, and no code stands under two systems."""
    listed = {
        (group["source"], element["code"])
        for each in maps.values()
        for group in each["group"]
        for element in group["element"]
    }
    assert max(Counter(code for _, code in listed).values()) == 1
    unknown = [code for system, code in listed if system in SCHEMES and not _known(code, SCHEMES[system])]
    assert unknown == []


def _known(value: str, scheme: str) -> bool:
    """Return whether pydicom's tables hold a code."""
    dictionary = getattr(codes, scheme)
    return any(getattr(dictionary, keyword) == Code(value, scheme, "") for keyword in dictionary.dir())


@pytest.mark.parametrize("name", CODE_TABLES)
def test_code_tables(name: str, maps: dict[str, Json]) -> None:
    """A map from code to code holds the rows of the mapping specification, between the right systems."""
    source, target, table = CODE_TABLES[name]
    (group,) = maps[name]["group"]
    found = {element["code"]: element["target"][0]["code"] for element in group["element"]}
    others = {"*": group["unmapped"]["code"]} if "unmapped" in group else {}
    assert (group["source"], group["target"], found | others) == (source, target, table)
    assert maps[name]["url"] == f"{BASE}/ConceptMap/{name}"


def test_codes_of_our_own_systems_exist(maps: dict[str, Json], definitions_dir: Path) -> None:
    """Each code of a code system of this guide that a ConceptMap uses is defined there."""
    systems = {
        system["url"]: dict(_concepts(system)) for system in _all(definitions_dir, "CodeSystem").values()
    }
    assert [
        (system, code) for system, code in _used(maps) if system in systems and code not in systems[system]
    ] == []


def _used(maps: dict[str, Json]) -> Iterator[tuple[str, str]]:
    """Return each source and target code with its system."""
    for group in (group for each in maps.values() for group in each["group"]):
        for element in group["element"]:
            yield group["source"], element["code"]
            yield from ((group["target"], target["code"]) for target in element.get("target", []))


# ---- all definitions -----------------------------------------------------------------------------


def test_versions_and_urls(definitions_dir: Path) -> None:
    """Each definition of the guide bears its version and a URL with its id; DICOM's code systems bear its own."""
    of_dicom = {
        json.loads(path.read_bytes())["id"]
        for path in (layout().fsh / "terminology" / "generated").glob("*.json")
    }
    (version,) = re.findall(
        r"^version: (.+)$", layout().sushi_config.read_text(encoding="utf-8"), re.MULTILINE
    )
    for kind in ("StructureDefinition", "CodeSystem", "ValueSet", "ConceptMap", "SearchParameter"):
        for name, definition in _all(definitions_dir, kind).items():
            if name in of_dicom:
                assert "dicom.nema.org" in definition["url"]
            elif definition.get("type") == "Extension":  # restated from IHE under its URL
                assert definition["url"] == f"{IHE}/{kind}/{name}"
            elif definition.get("kind") != "logical":
                assert (definition["version"], definition["url"]) == (version, f"{BASE}/{kind}/{name}")
