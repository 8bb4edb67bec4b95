"""An engine whose step map is some lines of Python: what is tested is what is done before and after the maps."""

from __future__ import annotations

from typing import Any

from sr2fhir.jsontext import dumps, loads_strict
from sr2fhir.settings import Target

Json = dict[str, Any]
STEP = "http://example.org/StructureMap/step"
TOY = Target("R4", "4.0.1", ("hl7.fhir.r4.core",), (STEP,), folder="r4")


class ToyEngine:
    """Copies Patients and Observations, but for `bodyStructure`, makes an ImagingSelection a Basic, and drops the rest."""

    def transform(self, document: bytes, map_url: str) -> bytes:
        assert map_url == STEP
        bundle = loads_strict(document)
        made = [entered(entry, new) for entry in bundle["entry"] if (new := step(entry["resource"]))]
        return dumps(
            {"resourceType": "Bundle", "type": bundle["type"], "_type": bundle["_type"], "entry": made}
        )

    def label(self) -> str:
        return "toy engine"

    def close(self) -> None:
        return


def entered(entry: Json, resource: Json) -> Json:
    if resource["resourceType"] != "Basic":
        return {**entry, "resource": resource}
    text = dumps({name: each for name, each in entry.items() if name != "resource"})
    return {**loads_strict(text.replace(b"ImagingSelection", b"Basic")), "resource": resource}


def step(resource: Json) -> Json | None:
    kind = resource["resourceType"]
    meta = {name: each for name, each in resource.get("meta", {}).items() if "profile" not in name}
    kept = {name: each for name, each in resource.items() if name != "meta"} | (
        {"meta": meta} if meta else {}
    )
    if kind == "ImagingSelection":
        names = ("id", "subject", "code")
        return {"resourceType": "Basic", **{name: kept[name] for name in names if name in kept}}
    if kind in ("Patient", "Observation"):
        return {name: each for name, each in kept.items() if name != "bodyStructure"}
    return None


PATIENT = {"resourceType": "Patient", "id": "p", "name": [{"family": "Roe", "given": ["Jane", "Ann"]}]}
PROFILED = {"profile": ["http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/imaging-measurement"]}


def observation(**more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": "o",
        "meta": PROFILED,
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "118565006"}]},
        "subject": {"reference": "urn:uuid:p"},
        **more,
    }


def bundle(*resources: Json, kind: str = "collection", **around: Any) -> Json:
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": dict(each)} for each in resources]
    return {"resourceType": "Bundle", "type": kind, **around, "entry": entries}


def transaction(*resources: Json) -> Json:
    """Each under its own id."""
    made = bundle(*resources, kind="transaction")
    for entry in made["entry"]:
        url = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        entry["request"] = {"method": "PUT", "url": url, "ifMatch": 'W/"3"'}
    return made
