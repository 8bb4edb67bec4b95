"""Bundles as others may make them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
PATIENT = {"resourceType": "Patient", "id": "p", "name": [{"family": "Roe", "given": ["Jane", "Ann"]}]}
PROFILED = {"profile": ["http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/imaging-measurement"]}


def observation(**more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": "o",
        "meta": PROFILED,
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "118565006"}]},
        "subject": {"reference": "urn:x:p"},
        **more,
    }


def bundle(*resources: Json, kind: str = "collection", **around: Any) -> Json:
    entries = [{"fullUrl": f"urn:x:{each['id']}", "resource": dict(each)} for each in resources]
    return {"resourceType": "Bundle", "type": kind, **around, "entry": entries}


def transaction(*resources: Json) -> Json:
    """Each under its own id."""
    made = bundle(*resources, kind="transaction")
    for entry in made["entry"]:
        url = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        entry["request"] = {"method": "PUT", "url": url, "ifMatch": 'W/"3"'}
    return made
