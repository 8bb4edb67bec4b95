"""NDJSON of R4: the resources of the Bundles of R4, one file for each type, and references that lead to lines."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from sr2fhir.cli.main import main
from sr2fhir.jsontext import dumps, loads_strict
from sr2fhir.paths import layout
from sr2fhir.settings import R4
from sr2fhir.validation import validate

from tests.engines.kept import Kept
from tests.scenarios.comparing import references

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

SAMPLES = layout().sources / "samples/scenarios"
Json = dict[str, Any]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Return a folder with the reports of the scenarios."""
    folder = tmp_path / "in"
    folder.mkdir()
    for path in sorted(SAMPLES.glob("*.dcm")):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def out(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of the results; commands use an engine that runs already."""
    monkeypatch.setattr("sr2fhir.toolchain.make_engine", lambda *_, **__: Kept(engine))
    return tmp_path / "out"


def lines(folder: Path) -> dict[str, Json]:
    """Return the resources of all files by type and id; each stands in the file of its type."""
    found: dict[str, Json] = {}
    for path in sorted(folder.glob("*.ndjson")):
        for text in path.read_bytes().splitlines():
            resource: Json = json.loads(text, parse_float=Decimal)
            assert resource["resourceType"] == path.stem
            if path.stem != "OperationOutcome":
                found[f"{path.stem}/{resource['id']}"] = resource
    return found


def test_the_lines_are_the_resources_of_the_bundles(engine: Engine, inputs: Path, out: Path) -> None:
    assert main(["transform", str(inputs), "--out", str(out), "--ndjson", "--fhir", "R4"]) == 0
    made = lines(out)
    transformer = sr2fhir.Transformer(engine, target=R4)
    expected: dict[str, Json] = {}
    for path in sorted(inputs.iterdir()):
        entries = transformer.transform(path).bundle["entry"]
        places = {
            each["fullUrl"]: f"{each['resource']['resourceType']}/{each['resource']['id']}"
            for each in entries
        }
        expected |= {places[each["fullUrl"]]: related(each["resource"], places) for each in entries}
    assert made == expected
    assert {"Basic", "Observation", "ImagingStudy"} <= {each.partition("/")[0] for each in made}
    assert "ImagingSelection" not in {each.partition("/")[0] for each in made}
    assert {each for resource in made.values() for each in references(resource)} <= made.keys()


def related(node: Any, places: dict[str, str]) -> Any:
    """Return a resource in which references lead to lines."""
    if isinstance(node, dict):
        return {
            key: places.get(value, value)
            if key == "reference" and isinstance(value, str)
            else related(value, places)
            for key, value in node.items()
        }
    return [related(each, places) for each in node] if isinstance(node, list) else node


def test_the_lines_are_valid_in_r4(engine: Engine, inputs: Path, out: Path) -> None:
    assert main(["transform", str(inputs), "--out", str(out), "--ndjson", "--fhir", "R4"]) == 0
    base = "http://a.example/fhir"
    resources = [
        loads_strict(text) for path in sorted(out.glob("*.ndjson")) for text in path.read_bytes().splitlines()
    ]
    entries = [
        {"fullUrl": f"{base}/{each['resourceType']}/{each['id']}", "resource": each}
        for each in resources
        if each["resourceType"] != "OperationOutcome"
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    content = dumps(bundle)
    found = validate(engine, json.loads(content, parse_float=Decimal), content, target=R4)
    assert [f"{each.resource} {each.path}: {each.text}" for each in found if each.severity == "error"] == []


def test_a_run_in_r5_leaves_no_file_of_r4(inputs: Path, out: Path) -> None:
    arguments = ["transform", str(inputs), "--out", str(out), "--ndjson"]
    assert main([*arguments, "--fhir", "R4"]) == 0
    assert (out / "Basic.ndjson").is_file()
    assert main(arguments) == 0
    assert not (out / "Basic.ndjson").exists()
    assert (out / "ImagingSelection.ndjson").is_file()
