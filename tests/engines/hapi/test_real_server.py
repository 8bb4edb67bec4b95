"""A real FHIR server gives the same Bundles as the embedded engine, byte by byte.

It is the HAPI FHIR server of the tests, or the one whose base URL SR2FHIR_TEST_HAPI_URL gives: it may be written to.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest
import requests
import sr2fhir
from sr2fhir.engines import Engine, EngineOptions
from sr2fhir.engines.hapi import HapiEngine
from sr2fhir.errors import EngineError, EngineUnavailableError, TransformError
from sr2fhir.paths import layout
from sr2fhir.settings import CANONICAL
from tools.compiling.maps import compile_files

from tests.engines.conftest import ENTRY_MAP
from tests.servers import hapi_jpa

from . import record
from .replay import recorded

pytestmark = pytest.mark.slow
URL_VARIABLE = "SR2FHIR_TEST_HAPI_URL"
ROOT = Path(__file__).resolve().parents[3]
EXPECTED = ROOT / "tests" / "samples" / "expected"
SAMPLES = sorted(path for path in (ROOT / "samples").iterdir() if path.suffix in (".dcm", ".json"))
RECORDED = [path.stem for path in sorted((Path(__file__).parent / "recorded").glob("transform-*.json"))]


def options(url: str) -> EngineOptions:
    return EngineOptions(url=url, timeout_s=120, settings={"install": "yes"})


@pytest.fixture(scope="module")
def url() -> str:
    """Return the base URL of a real server; tests here change the maps on it."""
    return os.environ.get(URL_VARIABLE) or hapi_jpa.required("engine")


@pytest.fixture(scope="module")
def server(url: str) -> Iterator[HapiEngine]:
    """Return an engine for it, with everything installed."""
    engine = HapiEngine(options(url))
    engine.version()  # waits until everything is there
    yield engine
    engine.close()


def is_matchbox(server: HapiEngine) -> bool:
    return "matchbox" in server.version()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_samples_become_the_same_bundles(
    url: str, server: HapiEngine, engine: Engine, monkeypatch: pytest.MonkeyPatch, sample: Path
) -> None:
    wanted = sr2fhir.Transformer(engine).transform(sample).json
    for form in ("direct", "matchbox" if is_matchbox(server) else "r5"):
        monkeypatch.setenv("SR2FHIR_HAPI_FORM", form)
        asked = HapiEngine(options(url))
        assert sr2fhir.Transformer(asked).transform(sample).json == wanted
        asked.close()


def test_threads_give_the_same_bytes_as_one_after_the_other(server: HapiEngine) -> None:
    documents = [sr2fhir.render(sample).to_json() for sample in SAMPLES]
    alone = [server.transform(document, ENTRY_MAP) for document in documents]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(server.transform, documents * 2, repeat(ENTRY_MAP))) == alone * 2


def test_a_stale_map_is_noticed_and_replaced_so_that_it_takes_effect(
    url: str, server: HapiEngine, engine: Engine
) -> None:
    sample = SAMPLES[-1]
    wanted = sr2fhir.Transformer(engine).transform(sample).json
    stale = json.loads((layout().compiled_maps / "Patient.json").read_bytes())
    stub = next(group for group in stale["group"] if group["name"] == "PatientStub")
    rules = stub["rule"][0]["rule"]
    rules.remove(next(rule for rule in rules if rule["name"] == "name"))
    put(url, stale)
    # by now the entry map still calls the map as it was; put again, it calls the stale one
    put(url, json.loads((layout().compiled_maps / "MeasurementReport.json").read_bytes()))
    patient = json.loads(server.transform(sr2fhir.render(sample).to_json(), ENTRY_MAP))["entry"][0][
        "resource"
    ]
    assert patient["resourceType"] == "Patient"
    assert "name" not in patient
    without = HapiEngine(EngineOptions(url=url, timeout_s=120))
    with pytest.raises(EngineUnavailableError, match=r"StructureMap Patient differs from ours\. Allow"):
        without.version()
    allowed = HapiEngine(options(url))
    assert sr2fhir.Transformer(allowed).transform(sample).json == wanted
    for each in (without, allowed):
        each.close()


def put(url: str, content: dict[str, object]) -> None:
    response = requests.put(
        f"{url}/{content['resourceType']}/{content['id']}",
        json.dumps(copy.deepcopy(content)),
        headers={"Content-Type": "application/fhir+json"},
        timeout=60,
    )
    response.raise_for_status()


def test_a_failing_map_is_named_with_group_and_rule(url: str, server: HapiEngine, tmp_path: Path) -> None:
    source = tmp_path / "Failing.map"
    source.write_text(record.FAILING, "utf-8")
    assert list(compile_files(layout(), [source], tmp_path)) == []
    put(url, json.loads((tmp_path / "Failing.json").read_bytes()))
    with pytest.raises(TransformError, match="map Failing, group FailingPatient, rule creates"):
        server.transform(sr2fhir.render(SAMPLES[0]).to_json(), record.FAILING_URL)


def test_a_map_that_is_not_there_and_a_document_that_is_cut_off_are_errors(server: HapiEngine) -> None:
    document = sr2fhir.render(SAMPLES[0]).to_json()
    with pytest.raises(EngineError, match="does not hold the map None"):
        server.transform(document, f"{CANONICAL}/StructureMap/None")
    with pytest.raises(TransformError, match="not well-formed JSON"):
        server.transform(document[:-50], ENTRY_MAP)


def test_the_profiles_that_resources_claim_are_validated(server: HapiEngine) -> None:
    bundle = json.loads((EXPECTED / "real_dcmjs_ohif_bidirectional.dcm.bundle.json").read_bytes())
    observation = next(
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Observation"
    )
    before = missing(server, observation)
    del observation["partOf"]
    assert before == []
    assert missing(server, observation) == ["Observation.partOf: minimum required = 1"]


def missing(server: HapiEngine, resource: dict[str, object]) -> list[str]:
    found = server.validate(json.dumps(resource).encode())
    return [
        each.text.partition(",")[0] for each in found if each.text.startswith("Observation.partOf: minimum")
    ]


@pytest.mark.parametrize("name", RECORDED)
def test_the_recordings_are_what_the_server_answers(url: str, server: HapiEngine, name: str) -> None:
    if not is_matchbox(server):
        pytest.skip(f"what is recorded is what a matchbox says, and {URL_VARIABLE} names none")
    document = sr2fhir.render(record.SAMPLE).to_json()
    exchange = next(each for each in record.exchanges(document) if each[0] == name)
    _, method, path, params, body, kind, accept = exchange
    response = requests.request(
        method, url + path, params=params, data=body, headers=record.headers(kind, accept), timeout=120
    )
    assert response.status_code == recorded(name).status
    assert record.stripped(response.text, url).replace("\r\n", "\n").encode() == recorded(name).body
