"""Small collections of R5 for tests of rules: what a rule sees, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sr2fhir.alerts.rules import Condition, Rule
from sr2fhir.jsontext import NumberText

Json = dict[str, Any]

SCT = "http://snomed.info/sct"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
UCUM = "http://unitsofmeasure.org"
V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
PNEUMOTHORAX = (SCT, "36118008")
PRESENT, ABSENT, NO = (SCT, "52101004"), (SCT, "2667000"), (SCT, "373067005")
PRESENCE = (SCT, "705057003")
CERTAINTY = (DCM, "111012")
LENGTH = (SCT, "410668003")
MEASUREMENT_GROUP = (DCM, "125007")
DEVICE = "urn:uuid:00000000-0000-4000-8000-00000000000d"


def concept(*tokens: tuple[str, str]) -> Json:
    return {"coding": [{"system": system, "code": code} for system, code in tokens]}


def quantity(value: str, code: str = "mm", **members: str) -> Json:
    return {"value": NumberText(value), "system": UCUM, "code": code, **members}


def observation(id: str, code: tuple[str, str], **members: Any) -> Json:
    """Return an Observation; a member `value` is its coded or measured value."""
    value = members.pop("value", None)
    if value is not None:
        members["valueQuantity" if "value" in value else "valueCodeableConcept"] = value
    return {
        "resourceType": "Observation",
        "id": id,
        "meta": {"source": "urn:oid:2.999.1"},
        "status": "final",
        "code": concept(code),
        "subject": {"reference": "urn:uuid:p", "type": "Patient"},
        "device": {"reference": DEVICE, "type": "Device"},
        "issued": "2026-03-10T10:20:05+01:00",
        **members,
    }


def group(id: str, *members: Json, **others: Any) -> Json:
    """Return a Measurement Group whose members these are."""
    references = [{"reference": f"urn:uuid:{each['id']}"} for each in members]
    has_member = {"hasMember": references} if references else {}
    category = [concept(MEASUREMENT_GROUP)]
    return observation(id, MEASUREMENT_GROUP, category=category, **has_member, **others)


def device(name: str = "PTX-Net", *versions: str) -> Json:
    return {
        "resourceType": "Device",
        "id": DEVICE.removeprefix("urn:uuid:"),
        "displayName": name,
        "name": [{"value": name, "type": "user-friendly-name"}],
        "version": [{"value": version} for version in versions],
    }


def collection(*resources: Json) -> Json:
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def rule(name: str = "ptx", **members: Any) -> Rule:
    """Return a live rule of category 1 for pneumothorax as a value, unless members say otherwise."""
    stated = {
        "mode": "live",
        "category": "RID49480",
        "expires": date(2027, 12, 31),
        "recipients": ({"reference": "Practitioner/1", "type": "Practitioner"},),
        "requester": None,
        "own": Condition(values=frozenset({PNEUMOTHORAX})),
    }
    return Rule(name, **{**stated, **members})


def tokens(*each: tuple[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(each)


def ids(found: Iterable[Any]) -> list[tuple[str, str]]:
    """Return rule and Observation of each match."""
    return [(match.rule.name, match.observation["id"]) for match in found]
