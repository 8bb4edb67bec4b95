"""Record anew how a real server answers: ``python tests/engines/hapi/record.py BASE_URL``; see recorded/README.md.

The server has to be a matchbox that lets itself be written to. The project's maps are put there, and one of its own
that fails. What changes from one recording to the next is replaced: addresses, dates, ids that the server makes.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

import requests
import sr2fhir
from sr2fhir.paths import layout
from sr2fhir.settings import CANONICAL

from tests.engines.conftest import ENTRY_MAP

HERE = Path(__file__).parent / "recorded"
SAMPLE = layout().sources / "samples" / "gen_highdicom_group1501_cyrillic_iso_ir144.dcm"
EXPECTED = layout().sources / "tests" / "samples" / "expected" / f"{SAMPLE.name}.bundle.json"
PART = "ConceptMap-dicom-preliminary-flag-to-observation-status"
MAP = "VisualExplanation"
# bytes, more than a matchbox takes that was not told otherwise
LARGE = 3 << 20
JSON, FML = "application/fhir+json", "text/fhir-mapping"
TRANSFORM = "/StructureMap/$transform"
FAILING_URL = f"{CANONICAL}/StructureMap/Failing"
FAILING = f"""\
/// url = '{FAILING_URL}'
/// name = 'Failing'
/// status = 'draft'
uses "{CANONICAL}/StructureDefinition/DicomSR" alias DicomSR as source
uses "http://hl7.org/fhir/StructureDefinition/Bundle" alias Bundle as target
group Failing(source sr : DicomSR, target bundle : Bundle) {{
  sr.patient as patient then FailingPatient(patient, bundle) "patient";
}}
group FailingPatient(source patient, target bundle) {{
  patient.name as name -> bundle.entry as entry, entry.resource = create('Nothing') "creates";
}}
"""
# (pattern, what stands in its place)
REPLACED = (
    (r'("(?:lastUpdated|date)": ")\d{4}-[^"]+', r"\g<1>2000-01-01T00:00:00.000+00:00"),
    (r'("resourceType": "Bundle",\s+"id": ")[0-9a-f-]{36}', r"\g<1>00000000-0000-0000-0000-000000000000"),
    (r'("resourceType": "OperationOutcome",\s+"id": ")[0-9a-f]{64}', r"\g<1>" + "0" * 64),
    (r'("resourceType": "CapabilityStatement",\s+"id": ")[0-9a-f-]{36}', r"\g<1>" + "0" * 36),
    (r"\b\d+\.\d+s\b|\b\d+ ?ms\b", "0s"),
    (r"(MatchboxEngine@)[0-9a-f]+", r"\g<1>0"),
    (r'("value": )\d+(,\s+"unit": "ms")', r"\g<1>0\2"),
    (r'("url": "sessionId",\s+"valueString": ")-?\d+', r"\g<1>0"),
)
# left out of the CapabilityStatement, which would be ten times as long
LEFT_OUT = frozenset(
    {"searchParam", "searchInclude", "searchRevInclude", "documentation", "profile", "supportedProfile"}
)


def main(base: str) -> None:
    """Send each request and write down what came back."""
    document = sr2fhir.render(SAMPLE).to_json()
    store(base, f"{layout().definitions / PART}.json")
    for file in sorted(layout().compiled_maps.glob("*.json")):
        store(base, file)
    store(base, layout().compiled_maps / "MeasurementReport.json")
    requests.post(
        f"{base}/StructureMap", FAILING.encode(), headers=headers(FML), timeout=60
    ).raise_for_status()
    for name, method, path, params, body, kind, accept in exchanges(document):
        response = requests.request(
            method, base + path, params=params, data=body, headers=headers(kind, accept), timeout=300
        )
        write(name, (method, path, params, kind, accept), response, base)


def exchanges(document: bytes) -> list[tuple[Any, ...]]:
    """List the requests: name, method, path, query, body, its type, the type asked for."""
    part, one_map = (
        (layout().definitions / f"{PART}.json").read_bytes(),
        json.loads((layout().compiled_maps / f"{MAP}.json").read_bytes()),
    )
    device = next(
        entry["resource"]
        for entry in json.loads(EXPECTED.read_bytes())["entry"]
        if entry["resource"]["resourceType"] == "Device"
    )
    binary = {"resourceType": "Binary", "contentType": JSON, "data": base64.b64encode(document).decode()}
    r5 = [{"name": "source", "valueUri": ENTRY_MAP}, {"name": "content", "resource": binary}]
    profile = f"{CANONICAL}/StructureDefinition/none"
    return [
        ("metadata", "GET", "/metadata", {}, None, None, JSON),
        (
            "search-missing",
            "GET",
            "/StructureMap",
            {"url": f"{CANONICAL}/StructureMap/None"},
            None,
            None,
            JSON,
        ),
        ("search-found", "GET", "/StructureMap", {"url": one_map["url"]}, None, None, JSON),
        ("stored", "PUT", f"/ConceptMap/{json.loads(part)['id']}", {}, part, JSON, JSON),
        ("transformed", "POST", TRANSFORM, {"source": ENTRY_MAP}, document, JSON, JSON),
        (
            "transform-of-another-resource",
            "POST",
            TRANSFORM,
            {"source": ENTRY_MAP},
            json.dumps(device).encode(),
            JSON,
            JSON,
        ),
        (
            "transform-unknown-map",
            "POST",
            TRANSFORM,
            {"source": f"{CANONICAL}/StructureMap/None"},
            document,
            JSON,
            JSON,
        ),
        ("transform-cut-off", "POST", TRANSFORM, {"source": ENTRY_MAP}, document[:-200], JSON, JSON),
        ("transform-failing-map", "POST", TRANSFORM, {"source": FAILING_URL}, document, JSON, JSON),
        ("transform-r5-form", "POST", TRANSFORM, {}, parameters(r5), JSON, JSON),
        (
            "too-large",
            "POST",
            TRANSFORM,
            {"source": ENTRY_MAP},
            document.ljust(LARGE),
            JSON,
            JSON,
        ),
        (
            "validated",
            "POST",
            "/$validate",
            {"profile": "http://hl7.org/fhir/StructureDefinition/Device"},
            json.dumps(device).encode(),
            JSON,
            JSON,
        ),
        (
            "validate-unknown-profile",
            "POST",
            "/$validate",
            {"profile": profile},
            json.dumps(device).encode(),
            JSON,
            JSON,
        ),
        ("unknown-type", "GET", "/Nothing", {}, None, None, JSON),
    ]


def parameters(given: list[dict[str, Any]]) -> bytes:
    return json.dumps({"resourceType": "Parameters", "parameter": given}).encode()


def headers(kind: str | None, accept: str = JSON) -> dict[str, str]:
    return {"Accept": accept, **({"Content-Type": kind} if kind else {})}


def store(base: str, file: Path | str) -> None:
    """Put a definition onto the server."""
    body = Path(file).read_bytes()
    content = json.loads(body)
    url = f"{base}/{content['resourceType']}/{content['id']}"
    requests.put(url, body, headers=headers(JSON), timeout=60).raise_for_status()


def write(name: str, request: tuple[Any, ...], response: requests.Response, base: str) -> None:
    """Write one exchange: request without body, status, type and body of the answer."""
    method, path, params, kind, accept = request
    body = stripped(response.content.decode("utf-8"), base)
    if name == "metadata":
        body = json.dumps(short(json.loads(body)), indent=1)
    exchange = {
        "request": {"method": method, "path": path, "query": params, "contentType": kind, "accept": accept},
        "status": response.status_code,
        "contentType": response.headers.get("Content-Type", ""),
        "body": body.replace("\r\n", "\n").split("\n"),
    }
    (HERE / f"{name}.json").write_text(json.dumps(exchange, indent=1, ensure_ascii=False) + "\n", "utf-8")


def stripped(text: str, base: str) -> str:
    """Replace what differs from one recording to the next."""
    text = text.replace(base, "http://server/fhir")
    for pattern, replacement in REPLACED:
        text = re.sub(pattern, replacement, text)
    return text


def short(value: Any) -> Any:
    """Leave out of the CapabilityStatement what no client of ours reads."""
    if isinstance(value, dict):
        return {name: short(member) for name, member in value.items() if name not in LEFT_OUT}
    return [short(member) for member in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
