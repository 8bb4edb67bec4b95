"""Small collections as the maps make them, and what a server says of their transactions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Resource = dict[str, Any]
DOCUMENT = "1.2.3"
SOURCE = {"source": f"urn:oid:{DOCUMENT}"}


def entry(resource: Resource) -> Resource:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def refer(name: str) -> Resource:
    return {"reference": f"urn:uuid:{name}"}


def patient() -> Resource:
    kind = {"coding": [{"code": "MR"}]}
    identifier = {"type": kind, "system": "http://hospital.example", "value": "4711-007"}
    return {
        "resourceType": "Patient",
        "id": "pat",
        "identifier": [identifier],
        "name": [{"text": "Smith^Jane"}],
    }


def device() -> Resource:
    return {"resourceType": "Device", "id": "dev", "displayName": "Finder"}


def result(name: str, value: str = "1", **more: Any) -> Resource:
    """Return an Observation that the document states."""
    return {
        "resourceType": "Observation",
        "id": name,
        "meta": SOURCE,
        "status": "final",
        "code": {"text": "Volume"},
        "subject": refer("pat"),
        "valueString": value,
        **more,
    }


def collection(*resources: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": "collection", "entry": [entry(each) for each in resources]}


def written(folder: Path, *resources: Resource) -> Path:
    """Write a collection of a patient, a device and results, or of what is given."""
    file = folder / f"{len(list(folder.iterdir()))}.json"
    given = resources or (patient(), device(), result("one", device=refer("dev")), result("two"))
    file.write_text(json.dumps(collection(*given)))
    return file


def stored(*names: str, version: str = "1") -> Resource:
    """Return the response to a transaction whose entries were stored under these names."""
    entries = [
        {
            "response": {
                "status": "201 Created",
                "location": f"http://fhir.example/{name}/_history/{version}",
                "etag": f'W/"{version}"',
            }
        }
        for name in names
    ]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
