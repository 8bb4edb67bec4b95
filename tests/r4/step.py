"""Lead R5 resources down to R4 with the step maps, and look at what they became."""

from __future__ import annotations

import uuid
from typing import Any

from sr2fhir.accounting.checks import parse
from sr2fhir.engines import Transforms
from sr2fhir.jsontext import dumps

Json = dict[str, Any]

_MAPS = "http://hl7.org/fhir/uv/dicom-sr/StructureMap/"
MAP, MAP_WITHOUT_SELECTIONS = f"{_MAPS}R4Bundle", f"{_MAPS}R4BundleWithoutSelections"
XVER = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"
ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
STATUS = {"Observation": "final", "ImagingSelection": "available", "ImagingStudy": "available"}
"""What a test need not say of a resource of these types."""


def name(text: str) -> str:
    """Return the id of a resource that a test calls so."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def r5(kind: str, called: str = "it", **elements: Any) -> Json:
    """Write a resource of R5."""
    known = {"status": STATUS[kind]} if kind in STATUS else {}
    return {"resourceType": kind, "id": name(called), **known, **elements}


def ref(kind: str, called: str, **elements: Any) -> Json:
    """Refer to a resource of a test."""
    return {"reference": f"urn:uuid:{name(called)}", "type": kind, **elements}


def collection(*resources: Json, **elements: Any) -> Json:
    """Write a Bundle."""
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "collection", **elements, "entry": entries}


def stepped(engine: Transforms, bundle: Json, map_url: str = MAP) -> Json:
    """Return what the step map makes of a Bundle, its numbers as text."""
    return parse(engine.transform(dumps(bundle), map_url))


def down(engine: Transforms, *resources: Json, map_url: str = MAP) -> list[Json]:
    """Return what the step map makes of resources."""
    return [each["resource"] for each in stepped(engine, collection(*resources), map_url).get("entry", [])]


def extensions(element: Json, url: str, within: str = "extension") -> list[Json]:
    """Return the extensions with a URL, which may be the end of a cross-version one, without it."""
    found = [each for each in element.get(within, []) if each["url"] in (url, XVER + url)]
    return [{key: value for key, value in each.items() if key != "url"} for each in found]
