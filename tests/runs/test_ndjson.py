"""Bundles as NDJSON: the same resources, alone on their lines, and references that still lead somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.accounting import Report
from sr2fhir.errors import DamagedError
from sr2fhir.findings import Finding
from sr2fhir.jsontext import loads_strict
from sr2fhir.pipeline import Result
from sr2fhir.runs import Line
from sr2fhir.runs.ndjson import FILES, OUTCOMES, REPORTS, NdjsonSink

EXPECTED = Path(__file__).parents[1] / "samples" / "expected"
BUNDLES = sorted(EXPECTED.glob("*.bundle.json"))
FINDING = Finding("warning", "assumed-offset", "StudyTime", "an offset was assumed", "Give --timezone")


def result(bundle: bytes, *findings: Finding) -> Result:
    return Result("in/a.dcm", bundle, Report((), (), {}), findings)


def lines_of(bundle: Path) -> tuple[Line, ...]:
    return NdjsonSink(Path("out"), Path("work"), "run").write(result(bundle.read_bytes())).lines


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Return all objects within a value."""
    stack = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, dict):
            yield current
        stack.extend(
            current.values() if isinstance(current, dict) else current if isinstance(current, list) else ()
        )


def test_there_are_bundles_to_test_with() -> None:
    assert len(BUNDLES) > 10


@pytest.mark.parametrize("file", BUNDLES, ids=lambda file: file.name.removesuffix(".bundle.json"))
def test_each_resource_has_its_line_and_nothing_else_is_changed(file: Path) -> None:
    entries = loads_strict(file.read_bytes())["entry"]
    places = {f"{e['resource']['resourceType']}/{e['resource']['id']}": e["fullUrl"] for e in entries}
    lines = [line for line in lines_of(file) if line.key]
    assert [line.key for line in lines] == list(places)
    for entry, line in zip(entries, lines, strict=True):
        assert line.file == f"{entry['resource']['resourceType']}.ndjson"
        assert line.file in FILES
        assert b"\n" not in line.text
        resource = loads_strict(line.text)
        for node in nodes(resource):
            if isinstance(node.get("reference"), str):  # of a CodeableReference it is an object
                node["reference"] = places[node["reference"]]
        assert resource == entry["resource"]


@pytest.mark.parametrize("file", BUNDLES, ids=lambda file: file.name.removesuffix(".bundle.json"))
def test_references_lead_to_lines(file: Path) -> None:
    """FHIR Bulk Data Access: references are relative or absolute URLs; a `fullUrl` exists in a Bundle only."""
    lines = [line for line in lines_of(file) if line.key]
    references = [
        node["reference"]
        for line in lines
        for node in nodes(json.loads(line.text))
        if isinstance(node.get("reference"), str)  # of a CodeableReference it is an object
    ]
    assert len(references) > 5
    assert set(references) <= {line.key for line in lines}


def test_numbers_keep_their_text() -> None:
    resource = {"resourceType": "Observation", "id": "1", "valueQuantity": {"value": "N"}}
    bundle = json.dumps({"entry": [{"fullUrl": "urn:uuid:1", "resource": resource}]})
    (line, _) = (
        NdjsonSink(Path("out"), Path("work"), "run")
        .write(result(bundle.replace('"N"', "0.00000012500").encode()))
        .lines
    )
    assert line.text.endswith(b'"valueQuantity":{"value":0.00000012500}}')


def test_reports_and_findings_name_the_input() -> None:
    written = NdjsonSink(Path("out"), Path("work"), "run").write(result(b'{"entry": []}', FINDING))
    lines = {line.file: json.loads(line.text) for line in written.lines}
    assert written.where == "out"
    assert set(lines) == {REPORTS, OUTCOMES}
    assert lines[REPORTS]["source"] == "in/a.dcm"
    (issue,) = lines[OUTCOMES]["issue"]
    assert issue["diagnostics"] == "in/a.dcm; assumed-offset; at StudyTime; Give --timezone"


def test_what_went_well_has_no_outcome() -> None:
    assert [
        line.file
        for line in NdjsonSink(Path("out"), Path("work"), "run").write(result(b'{"entry": []}')).lines
    ] == [REPORTS]


def test_a_failure_is_an_outcome_that_names_the_input_once() -> None:
    error = DamagedError("cut off", source="in/a.dcm", hint="Fetch it again")
    (line,) = NdjsonSink(Path("out"), Path("work"), "run").fail("in/a.dcm", error).lines
    (issue,) = json.loads(line.text)["issue"]
    assert (line.file, line.key) == (OUTCOMES, None)
    assert (issue["severity"], issue["diagnostics"]) == ("fatal", "in/a.dcm; Fetch it again")
