"""Look at what the pipeline made: resources of a Bundle, and the account of what reached none."""

from __future__ import annotations

import json
from typing import Any

from sr2fhir import Result

from tests import builders as b

Json = dict[str, Any]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
SCT = "http://snomed.info/sct"
UMLS = "http://terminology.hl7.org/CodeSystem/umls"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
SOP_CLASS = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
PROFILES = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/"


def resources(result: Result, kind: str, profile: str | None = None) -> list[Json]:
    """Return the resources of a type, in the order of the Bundle; with a profile, those that claim it."""
    every = (entry["resource"] for entry in result.bundle["entry"])
    return [each for each in every if each["resourceType"] == kind and (not profile or claims(each, profile))]


def one(result: Result, kind: str, profile: str | None = None) -> Json:
    """Return the only resource of a type, or the only one that claims a profile (the last part of its URL)."""
    found = resources(result, kind, profile)
    assert len(found) == 1, f"{len(found)} {kind} {profile or ''}"
    return found[0]


def claims(resource: Json, profile: str) -> bool:
    """Tell whether a resource claims a profile of the guide, or the corrected one of ours."""
    return PROFILES + profile in resource.get("meta", {}).get("profile", [])


def observation(result: Result, code: str) -> Json:
    """Return the only Observation whose code has this first coding."""
    every = resources(result, "Observation")
    found = [each for each in every if each["code"].get("coding", [{}])[0].get("code") == code]
    assert len(found) == 1, f"{len(found)} Observations of {code}"
    return found[0]


def urn(resource: Json) -> str:
    """Return the fullUrl by which others refer to a resource."""
    return f"urn:uuid:{resource['id']}"


def target(result: Result, reference: Json) -> Json:
    """Return the resource that a literal reference leads to."""
    every: dict[str, Json] = {entry["fullUrl"]: entry["resource"] for entry in result.bundle["entry"]}
    return every[reference["reference"]]


def coding(system: str, code: str, display: str) -> Json:
    """Write a Coding."""
    return {"system": system, "code": code, "display": display}


def concept(system: str, code: str, display: str) -> Json:
    """Write a CodeableConcept of one coding."""
    return {"coding": [coding(system, code, display)]}


def oid(uid: str) -> Json:
    """Write the Identifier of a UID."""
    return {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}


def absent(reason: str) -> list[Json]:
    """Write the extension that says why there is no value."""
    return [{"url": ABSENT, "valueCode": reason}]


def unmapped(result: Result) -> dict[str, str | None]:
    """Return what reached no element, position or keyword, with the reason."""
    return {line.source: line.reason for line in result.report.unmapped}


def category(result: Result, source: str) -> str:
    """Return the class into which the account puts a content item (position) or an attribute (keyword)."""
    lines = (*result.report.items, *result.report.attributes)
    found = [line.category for line in lines if line.source == source]
    assert len(found) == 1, f"{source} is {len(found)} times in the account"
    return found[0]


def elements(result: Result, source: str) -> tuple[str, ...]:
    """Return the elements that came from a content item (position) or an attribute (keyword)."""
    lines = (*result.report.items, *result.report.attributes)
    return next(line.elements for line in lines if line.source == source)


def derived(result: Result, of: Json) -> list[Json]:
    """Return the resources that an Observation is derived from, by literal references."""
    return [target(result, each) for each in of.get("derivedFrom", [])]


def findings(result: Result, code: str) -> list[tuple[str, str]]:
    """Return severity and place of each finding with a reason."""
    return [(finding.severity, finding.where) for finding in result.findings if finding.code == code]


def component(observation: Json, code: str) -> Json:
    """Return the only component whose code has this coding, or this text."""
    every: list[Json] = observation.get("component", [])
    found = [each for each in every if code in _names(each["code"])]
    assert len(found) == 1, f"{len(found)} components {code}"
    return found[0]


def _names(concept: Json) -> list[str]:
    return [*(coding["code"] for coding in concept.get("coding", [])), concept.get("text", "")]


def as_written(result: Result) -> Json:
    """Return the Bundle with its numbers as the text that stands in the JSON."""
    bundle: Json = json.loads(result.json, parse_float=str, parse_int=str)
    return bundle


def coded(code: b.Code) -> Json:
    """Write the Coding of a concept of no registered scheme or of NCIt."""
    systems = {"NCIt": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"}
    return coding(systems.get(code.scheme, f"urn:x-dicom-csd:{code.scheme}"), code.value, code.meaning)


def reason(result: Result, source: str) -> str | None:
    """Return why a content item (position) or an attribute (keyword) is unmapped, or `degraded`."""
    return next(line.reason for line in result.report.lines if line.source == source)
