"""The generated code systems: up to date, and of use to the validator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydicom._uid_dict import UID_dictionary
from sr2fhir.model.identifiers import LATER_SOP_CLASSES
from sr2fhir.paths import layout
from tools import terminology
from tools.terminology import DCM, SOP_CLASS, preferred_first, to_json

GENERATED = layout().fsh / "terminology" / "generated"


def concepts(code_system: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {concept["code"]: concept for concept in code_system["concept"]}


def meanings(concept: dict[str, Any]) -> set[str]:
    return {concept["display"], *(entry["value"] for entry in concept.get("designation", ()))}


@pytest.mark.parametrize("make", [terminology.dicom_codes, terminology.sop_classes])
def test_the_files_are_what_the_tables_give(make: Any) -> None:
    content = make()
    path = GENERATED / f"CodeSystem-{content['id']}.json"
    assert path.read_bytes() == to_json(content), "run `make terminology`"
    assert json.loads(path.read_bytes()) == content


def test_codes_have_the_meanings_of_the_standard() -> None:
    # PS3.16 Annex D and, for 122073, a context group that words it otherwise
    found = concepts(terminology.dicom_codes())
    assert found["112039"]["display"] == "Tracking Identifier"
    assert found["125007"]["display"] == "Measurement Group"
    assert meanings(found["122073"]) == {
        "Current procedure evidence",
        "Analysis or measurements for current procedure",
    }
    assert "999999" not in found


def test_a_meaning_outside_the_context_groups_is_the_preferred_one() -> None:
    found = [("of two groups", 2), ("of one group", 1), ("of none", 0)]
    assert preferred_first(found) == ["of none", "of two groups", "of one group"]


def test_meanings_hold_nothing_invisible() -> None:
    for concept in terminology.dicom_codes()["concept"]:
        for meaning in meanings(concept):
            assert meaning == " ".join(meaning.split())
            assert "\u200b" not in meaning


def test_retired_sop_classes_say_so() -> None:
    found = concepts(terminology.sop_classes())
    assert found["1.2.840.10008.5.1.4.1.1.66.4"] == {
        "code": "1.2.840.10008.5.1.4.1.1.66.4",
        "display": "Segmentation Storage",
    }
    retired = found["1.2.840.10008.5.1.4.1.1.6"]
    assert retired["property"] == [{"code": "status", "valueCode": "retired"}]
    assert meanings(retired) == {"Ultrasound Image Storage", "Ultrasound Image Storage (Retired)"}
    assert all(found)


def test_sop_classes_newer_than_the_table_are_there_once() -> None:
    """PS3.6 Table A-1 has it since Supplement 243; what pydicom comes to know needs no entry of ours."""
    every = [concept["code"] for concept in terminology.sop_classes()["concept"]]
    assert every == sorted(set(every))
    label_map = concepts(terminology.sop_classes())["1.2.840.10008.5.1.4.1.1.66.7"]
    assert label_map["display"] == "Label Map Segmentation Storage"
    assert not LATER_SOP_CLASSES.keys() & UID_dictionary.keys(), "pydicom knows it now: drop the entry"


def codings(node: Any) -> list[tuple[str, str, str]]:
    """Return system, code and display of every coding below a node that has all three."""
    if isinstance(node, list):
        return [coding for entry in node for coding in codings(entry)]
    if not isinstance(node, dict):
        return []
    own = tuple(node.get(name) for name in ("system", "code", "display"))
    found = [own] if all(isinstance(part, str) for part in own) else []
    return found + [coding for value in node.values() for coding in codings(value)]


def test_every_coding_of_the_definitions_is_known_with_its_display(definitions_dir: Path) -> None:
    """The profiles' patterns are what no instance can deviate from."""
    known = {
        DCM: concepts(terminology.dicom_codes()),
        SOP_CLASS: concepts(terminology.sop_classes()),
    }
    checked = set()
    for path in sorted(definitions_dir.glob("StructureDefinition-*.json")):
        for system, code, display in codings(json.loads(path.read_bytes())):
            if system in known and not (code.startswith("11.2.") and path.stem.endswith("region-in-space")):
                assert display in meanings(known[system][code]), (path.name, code, display)
                checked.add(code)
    assert {"125007", "130401", "130488", "1.2.840.10008.5.1.4.1.1.481.3"} <= checked


# ---- what the validator makes of them --------------------------------------------------------------------------


def observation(code: str, display: str) -> bytes:
    coding = {"system": DCM, "code": code, "display": display}
    return json.dumps(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [coding]},
            "subject": {"display": "somebody"},
        }
    ).encode()


def selection(sop_class: str, display: str) -> bytes:
    return json.dumps(
        {
            "resourceType": "ImagingSelection",
            "status": "available",
            "code": {"coding": [{"system": DCM, "code": "111030", "display": "Image Region"}]},
            "instance": [
                {"uid": "1.2.3", "sopClass": {"system": SOP_CLASS, "code": sop_class, "display": display}}
            ],
        }
    ).encode()


ACCEPTED = [
    observation("112039", "Tracking Identifier"),
    observation("130488", "Region in Space"),
    observation("130488", "Region In Space"),
    selection("1.2.840.10008.5.1.4.1.1.66.4", "Segmentation Storage"),
]
DOUBTED = [
    (observation("112039", "Tumour"), "code.coding[0].display", "Tumour"),
    (observation("999999", "Tumour"), "code.coding[0].code", "999999"),
    (selection("1.2.840.10008.5.1.4.1.1.66.4", "Segment"), "sopClass.display", "Segment"),
    (selection("1.2.840.99.1", "Private Storage"), "sopClass.code", "1.2.840.99.1"),
]


@pytest.mark.parametrize("resource", ACCEPTED)
def test_right_codes_pass(engine: Any, resource: bytes) -> None:
    doubts = [
        one
        for one in engine.validate(resource)
        if "coding" in one.expression or "sopClass." in one.expression
    ]
    assert doubts == []


@pytest.mark.parametrize(("resource", "place", "named"), DOUBTED)
def test_wrong_codes_and_displays_are_warned_of(engine: Any, resource: bytes, place: str, named: str) -> None:
    """A warning and no error: real reports give a right code a meaning of their own, and newer codes exist."""
    found = [one for one in engine.validate(resource) if one.expression.endswith(place)]
    assert [one.severity for one in found] == ["warning"]
    assert named in found[0].text
