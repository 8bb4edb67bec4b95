"""The real service in the background: the same answers as the embedded engine, on loopback only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import sr2fhir
from sr2fhir.engines import Engine, background
from sr2fhir.engines.background import Running, process
from sr2fhir.engines.validator import ValidatorEngine
from sr2fhir.errors import EngineError, TransformError
from sr2fhir.http import Client
from sr2fhir.paths import Layout, layout

pytestmark = pytest.mark.slow

EXPECTED = Path(__file__).parents[2] / "samples" / "expected"
SAMPLES = sorted(path.name.removesuffix(".bundle.json") for path in EXPECTED.glob("*.bundle.json"))
VALIDATED = ("real_dcmjs_ohif_bidirectional.dcm", "real_hl7_dicom_sr_ig_example.json")
SECRET = "Smith^Jane"
Service = tuple[Running, Layout]


@pytest.fixture(scope="module")
def validator(service: Service) -> Iterator[ValidatorEngine]:
    """Answer an engine that has found the service by its record."""
    engine = ValidatorEngine(places=service[1])
    yield engine
    engine.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_becomes_its_expected_bundle(
    validator: ValidatorEngine, samples_dir: Path, name: str
) -> None:
    result = sr2fhir.Transformer(validator).transform(samples_dir / name)
    assert result.json == (EXPECTED / f"{name}.bundle.json").read_bytes()


@pytest.mark.parametrize("name", VALIDATED)
def test_a_bundle_gets_the_same_messages_as_from_the_embedded_engine(
    validator: ValidatorEngine, engine: Engine, name: str
) -> None:
    bundle = (EXPECTED / f"{name}.bundle.json").read_bytes()
    messages = validator.validate(bundle)
    assert messages == engine.validate(bundle)
    assert {message.severity for message in messages} >= {"warning"}
    assert all(message.message_id for message in messages)


def test_a_resource_gets_the_same_errors_and_profiles_count(
    validator: ValidatorEngine, engine: Engine
) -> None:
    profile = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/imaging-measurement"
    resource = json.dumps({"resourceType": "Observation", "status": "wrong", "code": {"text": "x"}}).encode()
    plain, profiled = validator.validate(resource), validator.validate(resource, [profile])
    assert ("error", "Observation.status") in {(one.severity, one.expression) for one in plain}
    assert len(profiled) > len(plain)
    assert plain == engine.validate(resource)
    assert profiled == engine.validate(resource, [profile])


def test_an_unknown_profile_is_an_error(validator: ValidatorEngine) -> None:
    with pytest.raises(EngineError, match=r"the profile http://nowhere\.example/p is not known"):
        validator.validate(b'{"resourceType": "Basic", "code": {"text": "x"}}', ["http://nowhere.example/p"])


def test_a_document_as_xml_gives_the_same_as_json(validator: ValidatorEngine) -> None:
    document = {"resourceType": "DicomSR", "bundleType": "collection"}
    xml = b'<DicomSR><bundleType value="collection"/></DicomSR>'
    answer = validator.transform(json.dumps(document).encode())
    assert json.loads(answer)["type"] == "collection"
    assert validator.transform(xml) == answer


def test_a_bundle_is_written_as_xml(validator: ValidatorEngine) -> None:
    from lxml import etree

    bundle = (EXPECTED / f"{VALIDATED[0]}.bundle.json").read_bytes()
    root = etree.fromstring(validator.to_xml(bundle))
    entries = root.findall("{http://hl7.org/fhir}entry")
    assert len(entries) == len(json.loads(bundle)["entry"])


def test_threads_give_the_same_bytes_as_one_after_the_other(
    validator: ValidatorEngine, samples: list[Path]
) -> None:
    documents = [sr2fhir.render(path).to_json() for path in samples]
    alone = [validator.transform(document) for document in documents]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(validator.transform, documents * 3))
    assert together == alone * 3


def nested(levels: int) -> bytes:
    # Written by hand: Python's own writer recurses, too.
    def item(position: str) -> str:
        concept = '{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"126010"}]}'
        return f'"id":"x","position":"{position}","concept":{concept}'

    start, leaf = f'{{{item("1.1")},"container":[', f"{{{item('leaf')}}}"
    tree = start * levels + leaf + "]}" * levels
    return f'{{"resourceType":"DicomSR","bundleType":"collection","content":{tree}}}'.encode()


def test_a_deep_document_is_followed_as_by_the_embedded_engine(
    validator: ValidatorEngine, engine: Engine
) -> None:
    document = nested(240)
    assert json.loads(validator.transform(document)) == json.loads(engine.transform(document))


def test_a_document_that_is_too_deep_is_an_error_and_the_service_lives_on(
    validator: ValidatorEngine, service: Service
) -> None:
    with pytest.raises(TransformError, match="more than the 240 levels") as caught:
        validator.transform(nested(600))
    assert service[0].url in caught.value.message
    assert background.status(service[1])[0].answers


@pytest.mark.parametrize(
    ("document", "map_name", "says"),
    [
        (b'{"resourceType": "DicomSR", ', "MeasurementReport", "the document is not well-formed JSON"),
        (b'{"resourceType": "DicomSR"}', "Nowhere", "there is no map .*/StructureMap/Nowhere"),
    ],
)
def test_what_the_service_refuses_is_an_error_with_its_url(
    validator: ValidatorEngine, service: Service, document: bytes, map_name: str, says: str
) -> None:
    with pytest.raises(TransformError, match=says) as caught:
        validator.transform(document, f"http://hl7.org/fhir/uv/dicom-sr/StructureMap/{map_name}")
    assert caught.value.message.startswith(f"engine validator at {service[0].url}: ")


def test_a_service_without_our_maps_is_of_no_use(
    service: Service, tmp_path: Path, validator: ValidatorEngine
) -> None:
    client = Client("validator", service[0].url)
    answer = client.post("/transform", b"{}", params={"map": "http://a.example/m"})
    assert answer.texts()[0].startswith("Transform failed: Unable to find map http://a.example/m")


def test_the_version_names_validator_java_and_url(validator: ValidatorEngine, service: Service) -> None:
    assert validator.version() == f"HL7 validator 6.10.4, Java 25.0.2, service at {service[0].url}"


def test_it_says_what_it_is_while_it_is_at_work(service: Service) -> None:
    address = ("127.0.0.1", int(service[0].url.rpartition(":")[2]))
    head = b"POST /transform?map=x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
    with ExitStack() as stack:
        for _ in range(16):  # each waits for the rest of its document
            stack.enter_context(socket.create_connection(address)).sendall(head)
        assert process.about("validator", service[0].url)["content"] == service[0].content


def test_a_second_start_finds_the_first(service: Service) -> None:
    assert background.start(places=service[1]) == (service[0], False)
    (state,) = background.status(service[1])
    assert state.answers
    assert state.current


@pytest.mark.parametrize("path", ["/loadIG", "/stop", "/snapshot", "/txTest"])
def test_nothing_is_served_that_changes_the_service_or_reads_files(service: Service, path: str) -> None:
    answer = Client("validator", service[0].url).post(path, b'{"ig": "a#1"}')
    assert answer.status == 404


def listeners(port: int) -> list[str]:
    """List the addresses, in the system's hexadecimal form, on which something listens at a port."""
    tables = [path for name in ("tcp", "tcp6") if (path := Path("/proc/net") / name).is_file()]
    rows = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    listening = "0A"
    ends = [row[1].split(":") for row in rows if row[3] == listening]
    return [address for address, number in ends if int(number, 16) == port]


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="the system has no table of sockets in /proc")
def test_it_listens_on_the_loopback_address_alone(service: Service) -> None:
    found = listeners(int(service[0].url.rpartition(":")[2]))
    assert found
    # 127.0.0.1, as IPv4 or as IPv6 writes it
    assert {address[-8:] for address in found} == {"0100007F"}


def test_the_log_holds_no_patient_data(service: Service, validator: ValidatorEngine) -> None:
    bad = {"resourceType": "DicomSR", "patient": {"name": [{"text": SECRET}], "birthDate": SECRET}}
    with pytest.raises(TransformError):
        validator.transform(json.dumps(bad).encode() + b"}")
    validator.validate(json.dumps({"resourceType": "Patient", "birthDate": SECRET}).encode())
    log = Path(str(service[0].log)).read_text()
    assert "ready at" in log
    assert "Smith" not in log


def test_the_command_line_uses_the_service(service: Service, samples_dir: Path, tmp_path: Path) -> None:
    name = VALIDATED[0]
    command = [sys.executable, "-m", "sr2fhir", "transform", str(samples_dir / name)]
    environment = os.environ | {"SR2FHIR_HOME": str(service[1].home)}
    done = subprocess.run(
        [*command, "--engine", "validator", "--out", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = (EXPECTED / f"{name}.bundle.json").read_bytes()
    assert (tmp_path / f"{name}.bundle.json").read_bytes() == expected


def test_a_url_needs_no_set_up(service: Service, samples_dir: Path, tmp_path: Path) -> None:
    name = VALIDATED[0]
    engine = ValidatorEngine(service[0].url, places=Layout(layout().sources, tmp_path))
    result = sr2fhir.Transformer(engine).transform(samples_dir / name)
    assert result.json == (EXPECTED / f"{name}.bundle.json").read_bytes()
