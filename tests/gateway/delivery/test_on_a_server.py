"""Deliveries to real servers: what they hold after each, by version (decision D56; docs/sending.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

import pytest
import sr2fhir
from pydicom import Dataset, dcmread
from sr2fhir.alerts import rules
from sr2fhir.engines import Engine
from sr2fhir.gateway.delivery import DestinationPart
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError
from sr2fhir.gateway.delivery.fhir import FhirSender
from sr2fhir.gateway.delivery.loop import Delivered
from sr2fhir.gateway.delivery.settings import Destination
from sr2fhir.gateway.store import Made, Store
from sr2fhir.packaging import Packaging
from sr2fhir.settings import TARGETS

from tests import builders as b
from tests.gateway.objects import accept, new_store
from tests.servers import hapi_jpa
from tests.servers.client import Client, counts

from .memory import Memory, delivery
from .proxy import Cut, Proxy, proxying

pytestmark = pytest.mark.slow
PATIENTS = "http://hospital.example/patients"
DOCUMENT = "1.2.276.0.7230010.3.999.7.1"
Make = Callable[..., "Site"]


class Site:
    """A server, a destination of it, and what was sent there."""

    def __init__(self, base: str, folder: Path, engine: Engine, **settings: Any) -> None:
        self.client = Client(base)
        self.memory = Memory()
        self.folder = folder
        self.fhir = settings.get("fhir", "R5")
        self.transformer = sr2fhir.Transformer(
            engine,
            options=sr2fhir.RenderOptions(patient_id_system=PATIENTS, diagnostic_report=True),
            target=TARGETS[self.fhir],
        )
        self.settings = Destination("ehr", url=base, **settings)
        self.sender = FhirSender(self.settings, self.memory, Packaging("transaction"))

    def collection(self, report: Dataset | Path) -> Path:
        """Have the Bundle of a report made, as a worker does."""
        made = self.transformer.transform(report)
        file = self.folder / f"{len(list(self.folder.iterdir()))}.json"
        file.write_bytes(made.json)
        return file

    def deliver(self, report: Dataset | Path, *predecessors: str, uid: str = DOCUMENT) -> Delivered:
        made = self.sender.send(delivery(self.collection(report), uid, *predecessors))
        self.memory.update_sent("ehr", uid, made.sent)
        return made

    def again(self, **settings: Any) -> Site:
        """Return the same site with other settings."""
        self.settings = Destination("ehr", url=self.settings.url, fhir=self.fhir, **settings)
        self.sender = FhirSender(self.settings, self.memory, Packaging("transaction"))
        return self

    def results(self) -> dict[str, dict[str, Any]]:
        """Return the Observations by what they measured; each group of a report of ours has one measurement."""
        held = self.client.held().values()
        return {
            each["valueQuantity"]["value"]: each
            for each in held
            if each["resourceType"] == "Observation" and "valueQuantity" in each
        }


@pytest.fixture(params=["R5", "R4"])
def fhir(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(tmp_path: Path, engine: Engine) -> Iterator[Make]:
    """Return what makes a site of an empty server."""
    made: list[str] = []

    def make(*, client_ids: str = "ALPHANUMERIC", **settings: Any) -> Site:
        name = f"delivery{len(made)}"
        base = hapi_jpa.required(name, version=settings.get("fhir", "R5"), client_ids=client_ids)
        made.append(name)
        (tmp_path / name).mkdir()
        return Site(base, tmp_path / name, engine, **settings)

    yield make
    for name in made:
        hapi_jpa.end(name)


def report(*volumes: str, uid: str = DOCUMENT, **header: Any) -> Dataset:
    """Return a report with one group for each volume, of one image each."""
    groups = [
        b.group(b.image(f"1.2.840.99.5.{index}"), b.num(b.VOLUME, volume, b.CUBIC_MM))
        for index, volume in enumerate(volumes, 1)
    ]
    content = (b.person_observer("Doe^Jane"), b.imaging_measurements(*groups))
    return b.measurement_report(*content, SOPInstanceUID=uid, **header)


def test_the_same_document_again_is_not_sent(site: Make, fhir: str) -> None:
    ehr = site(fhir=fhir)
    first = ehr.deliver(report("10", "20"))
    versions = ehr.client.versions()
    assert first.status == 200
    assert counts(versions)["Observation"] == 4
    again = ehr.deliver(report("10", "20"))
    assert again.status is None
    assert set(again.sent) == set(first.sent)
    assert ehr.client.versions() == versions
    # what was sent is what the server has
    own = {f"{each.type}/{each.id}": each.version for each in first.sent}
    assert own.items() <= versions.items()
    assert counts(own)["Observation"] == 4
    assert counts(own)["Patient"] == 0


def test_a_corrected_document_changes_what_it_says_otherwise_and_nothing_else(site: Make, fhir: str) -> None:
    ehr = site(fhir=fhir)
    ehr.deliver(report("10", "20"))
    before = ehr.client.versions()
    ehr.deliver(report("10", "21"))
    after = ehr.client.versions()
    changed = {name for name, version in after.items() if before.get(name) != version}
    assert before.keys() == after.keys()
    assert changed == {f"Observation/{ehr.results()[21]['id']}"}
    assert {after[name] for name in changed} == {"2"}
    assert ehr.results().keys() == {10, 21}


def test_what_a_document_no_longer_states_is_marked_and_keeps_the_rest(site: Make, fhir: str) -> None:
    ehr = site(fhir=fhir)
    ehr.deliver(report("10", "20"))
    before = ehr.client.held()
    ehr.deliver(report("10"))
    after = ehr.client.held()
    marked = {name for name, each in after.items() if each.get("status") == "entered-in-error"}
    assert after.keys() == before.keys()
    assert counts(marked)["Observation"] == 2
    assert ehr.results()[20]["status"] == "entered-in-error"
    assert ehr.results()[10]["status"] != "entered-in-error"
    for name in marked:
        assert without(after[name], "status", "meta") == without(before[name], "status", "meta")
    selections = [
        each for name, each in after.items() if name.partition("/")[0] in ("Basic", "ImagingSelection")
    ]
    assert (
        sum(b'"entered-in-error"' in json.dumps(each).encode() for each in selections) == 2
    )  # the image, and the item of the report
    # nothing is marked twice
    versions = ehr.client.versions()
    assert ehr.deliver(report("10")).status is None
    assert ehr.client.versions() == versions
    # and what is stated again comes back
    ehr.deliver(report("10", "20"))
    assert ehr.results()[20]["status"] == before[f"Observation/{ehr.results()[20]['id']}"]["status"]


def without(resource: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in names}


def test_what_a_document_no_longer_states_is_deleted_if_the_site_wants_that(site: Make, fhir: str) -> None:
    ehr = site(fhir=fhir, withdrawn="delete")
    ehr.deliver(report("10", "20"))
    before = ehr.client.held()
    ehr.deliver(report("10"))
    after = ehr.client.held()
    gone = counts(before.keys() - after.keys())
    assert gone == {"Observation": 2, "Basic" if fhir == "R4" else "ImagingSelection": 2}
    assert ehr.results().keys() == {10}
    assert ehr.deliver(report("10")).status is None
    ehr.deliver(report("10", "20"))
    assert ehr.results().keys() == {10, 20}


def amended(ehr: Site) -> tuple[str, dict[str, Any]]:
    """Deliver a document, amend a result of it on the server, and return its name and the resource."""
    ehr.deliver(report("10", "20"))
    result = ehr.results()[20]
    note = [{"text": "measured again"}]
    ehr.client.put({**result, "status": "amended", "note": note})
    return f"Observation/{result['id']}", ehr.results()[20]


def test_what_a_person_amended_is_not_overwritten_and_nothing_else_is_changed(site: Make, fhir: str) -> None:
    ehr = site(fhir=fhir)
    name, _ = amended(ehr)
    before = ehr.client.held()
    with pytest.raises(RefusedError) as caught:
        ehr.deliver(report("11", "21"))
    assert ehr.client.held() == before
    assert (caught.value.failure.status, name in caught.value.failure.reason) == (412, True)
    assert caught.value.failure.reason.startswith("changed there")
    # what the document says as before is no matter
    assert ehr.deliver(report("10", "20")).status is None
    assert ehr.deliver(report("11", "20")).status == 200
    assert ehr.client.held()[name] == before[name]


def test_what_a_person_amended_is_kept_or_overwritten_if_the_site_wants_that(site: Make) -> None:
    ehr = site(changed="keep")
    name, resource = amended(ehr)
    made = ehr.deliver(report("11", "21"))
    assert made.note is not None
    assert f"changed there, left as it is: {name}" in made.note
    assert ehr.client.held()[name] == resource
    assert ehr.results().keys() == {11, 20}
    made = ehr.again(changed="overwrite").deliver(report("11", "22"))
    assert f"changed there, overwritten: {name}" in str(made.note)
    assert ehr.results().keys() == {11, 22}
    assert "note" not in ehr.results()[22]


def test_what_a_person_amended_is_not_withdrawn(site: Make) -> None:
    ehr = site()
    name, resource = amended(ehr)
    with pytest.raises(RefusedError, match=f"changed there, and no longer stated by the document: {name}"):
        ehr.deliver(report("10"))
    made = ehr.again(changed="keep").deliver(report("10"))
    assert f"changed there, withdrawn here, left as it is: {name}" in str(made.note)
    assert ehr.client.held()[name] == resource
    ehr.again(changed="overwrite").deliver(report("10"))
    assert ehr.results()[20]["status"] == "entered-in-error"
    assert ehr.results()[20]["note"] == [{"text": "measured again"}]


def test_a_successor_stands_beside_its_predecessor(site: Make) -> None:
    """D16: nothing says that a successor corrects what it follows."""
    ehr = site()
    ehr.deliver(report("10"))
    before = ehr.client.versions()
    ehr.deliver(report("12", uid=f"{DOCUMENT}.2"), DOCUMENT, uid=f"{DOCUMENT}.2")
    assert before.items() <= ehr.client.versions().items()
    assert ehr.results().keys() == {10, 12}


RULE = """
[[rule]]
name = "large"
mode = "live"
category = "RID49480"
expires = 2099-12-31
recipients = [{ type = "Organization", system = "http://hospital.example/departments", value = "ED" }]
code = "SCT|118565006"
quantity = ">= 100 mm3"
"""


def alerting(ehr: Site, folder: Path) -> Site:
    """Return a site whose rule flags volumes of 100 and more."""
    file = folder / "alerts.toml"
    file.write_text(RULE)
    given = ehr.transformer.settings
    ehr.transformer = sr2fhir.Transformer(
        ehr.transformer.start(), settings=replace(given, alerts=rules.read(file))
    )
    return ehr


def alerts(ehr: Site) -> list[tuple[str, str]]:
    """Return types and statuses of the alerts on the server."""
    found = [each for kind in ("Flag", "CommunicationRequest") for each in ehr.client.find(kind)]
    return sorted((each["resourceType"], each["status"]) for each in found)


def test_an_alert_is_there_with_its_results_and_ends_with_them(site: Make, fhir: str, tmp_path: Path) -> None:
    ehr = alerting(site(fhir=fhir), tmp_path)
    made = ehr.deliver(report("200"))
    assert alerts(ehr) == [("CommunicationRequest", "active"), ("Flag", "active")]
    assert {"Flag", "CommunicationRequest"} <= {each.type for each in made.sent}
    assert ehr.deliver(report("200")).status is None
    ehr.deliver(report("20"))
    assert alerts(ehr) == [("CommunicationRequest", "revoked"), ("Flag", "inactive")]
    ehr.deliver(report("200"))
    assert alerts(ehr) == [("CommunicationRequest", "active"), ("Flag", "active")]


def test_an_alert_of_a_predecessor_ends_with_the_successor(site: Make, fhir: str, tmp_path: Path) -> None:
    """Also where the site deletes what is withdrawn; the results of the predecessor stand."""
    ehr = alerting(site(fhir=fhir, withdrawn="delete"), tmp_path)
    ehr.deliver(report("200"))
    successor = f"{DOCUMENT}.2"
    made = ehr.deliver(report("20", uid=successor), DOCUMENT, uid=successor)
    assert alerts(ehr) == [("CommunicationRequest", "revoked"), ("Flag", "inactive")]
    assert ehr.results().keys() == {20, 200}
    assert "Flag" not in {each.type for each in made.sent}
    ended = {each.type for each in ehr.memory.sent_of("ehr", DOCUMENT) if each.digest == "withdrawn"}
    assert ended == {"Flag", "CommunicationRequest"}
    # once
    versions = ehr.client.versions()
    assert ehr.deliver(report("20", uid=successor), DOCUMENT, uid=successor).status is None
    assert ehr.client.versions() == versions


def test_an_alert_that_somebody_acted_upon_is_his(site: Make, tmp_path: Path) -> None:
    ehr = alerting(site(), tmp_path)
    ehr.deliver(report("200"))
    (flag,) = ehr.client.find("Flag")
    (request,) = ehr.client.find("CommunicationRequest")
    ehr.client.put({**flag, "status": "inactive", "language": "en"})
    ehr.client.put({**request, "note": [{"text": "called the ward"}]})
    # with other content under the same ids
    made = ehr.deliver(report("300"))
    assert "changed there, left as it is" in str(made.note)
    assert ehr.results().keys() == {300}
    assert ehr.client.find("Flag")[0]["meta"]["versionId"] == "2"
    ehr.deliver(report("20"))
    assert alerts(ehr) == [("CommunicationRequest", "revoked"), ("Flag", "inactive")]
    assert ehr.client.find("CommunicationRequest")[0]["note"] == [{"text": "called the ward"}]
    assert ehr.client.find("Flag")[0]["meta"]["versionId"] == "2"


def test_a_device_that_is_there_already_is_used_and_not_sent(site: Make) -> None:
    ehr = site()
    ehr.deliver(report("10"))
    (device,) = [each for name, each in ehr.client.held().items() if name.startswith("Device/")]
    ehr.client.put({**device, "serialNumber": "47"})
    other = f"{DOCUMENT}.2"
    ehr.deliver(report("12", uid=other), uid=other)
    after = ehr.client.held()
    assert counts(after)["Device"] == 1
    assert after[f"Device/{device['id']}"]["serialNumber"] == "47"


def test_a_server_that_gives_the_ids_gets_corrections_too(site: Make, fhir: str) -> None:
    ehr = site(fhir=fhir, client_ids="NOT_ALLOWED", ids="server")
    ehr.deliver(report("10", "20"))
    before = ehr.client.versions()
    assert ehr.deliver(report("10", "20")).status is None
    ehr.deliver(report("10", "21"))
    after = ehr.client.versions()
    assert before.keys() == after.keys()
    assert sorted(after[name] for name in after if before[name] != after[name]) == ["2"]
    assert ehr.results().keys() == {10, 21}
    ehr.deliver(report("10"))
    assert ehr.results()[21]["status"] == "entered-in-error"


def test_a_server_that_takes_no_client_ids_is_told_from_one_that_refuses_a_document(site: Make) -> None:
    ehr = site(client_ids="NOT_ALLOWED")
    with pytest.raises(RefusedError, match="HAPI-0959: No resource exists on this server") as caught:
        ehr.deliver(report("10"))
    assert 'set ids = "server"' in str(caught.value.failure.hint)


def test_a_document_in_parts_is_the_same_document(site: Make, fhir: str, samples_dir: Path) -> None:
    largest = samples_dir / "scenarios" / "radiomics_100_features.dcm"
    whole, split = site(fhir=fhir), site(fhir=fhir, max_entries=20)
    whole.deliver(largest)
    made = split.deliver(largest)
    assert counts(split.client.versions()) == counts(whole.client.versions())
    assert set(split.client.versions().values()) == {"1"}
    own = {name: each for name, each in split.client.held().items() if is_own(each)}
    assert len(own) == len(made.sent) > 100
    held = split.client.held()
    for name, resource in own.items():
        for target in targets_of(resource):
            assert target in held, f"{name} refers to {target}"
    assert split.deliver(largest).status is None


def is_own(resource: dict[str, Any]) -> bool:
    """Tell whether a document states a resource; HAPI writes the id of the request into all others."""
    return str(resource["meta"].get("source")).startswith("urn:oid:")


def targets_of(resource: dict[str, Any]) -> set[str]:
    from sr2fhir.gateway.delivery.splitting import targets

    return set(targets(resource))


def test_eight_threads_end_as_one_does(site: Make, samples: list[Path]) -> None:
    one, eight = site(), site()
    bundles = [(eight.collection(sample), f"2.25.{index}") for index, sample in enumerate(samples)]
    for bundle, uid in bundles:
        patiently(one, bundle, uid)
    with ThreadPoolExecutor(8) as pool:
        tries = list(pool.map(lambda each: patiently(eight, *each), [*bundles, *bundles]))
    assert max(tries) < 40
    assert counts(eight.client.versions()) == counts(one.client.versions())
    own = [each for each in eight.client.held().values() if is_own(each)]
    assert {each["meta"]["versionId"] for each in own} == {"1"}


def patiently(ehr: Site, bundle: Path, uid: str) -> int:
    """Send until it was no race; return how often."""
    statuses: list[int | None] = []
    for attempt in range(1, 40):
        try:
            made = ehr.sender.send(delivery(bundle, uid))
        except PostponedError as error:
            statuses.append(error.failure.status)
        else:
            ehr.memory.update_sent("ehr", uid, made.sent)
            assert set(statuses) <= {409, 412, 500}
            return attempt
    return 40


def test_a_patient_that_has_to_exist_is_found_by_the_gateway(site: Make) -> None:
    ehr = site(patients="existing")
    with pytest.raises(
        PostponedError, match="the destination has no Patient with the identifier of the document"
    ):
        ehr.deliver(report("10"))
    assert not ehr.client.held()
    patient = {"resourceType": "Patient", "identifier": [{"system": PATIENTS, "value": "PID-1"}]}
    ehr.client.put({**patient, "id": "known"})
    ehr.deliver(report("10"))
    assert ehr.results()[10]["subject"]["reference"] == "Patient/known"
    # what was found is remembered; when it is gone, it is looked up anew
    ehr.client.put({**patient, "id": "other"})
    ehr.deliver(report("11"))
    assert ehr.results()[11]["subject"]["reference"] == "Patient/known"
    with pytest.raises(RefusedError, match="several Patient resources"):
        ehr.again(patients="existing").deliver(report("12"))


def test_an_attempt_whose_end_was_not_recorded_is_recognised(site: Make, fhir: str) -> None:
    """As if the gateway had been killed, or the connection had broken, after the server had stored a change."""
    ehr = site(fhir=fhir)
    ehr.deliver(report("10", "20"))
    ehr.sender.send(delivery(ehr.collection(report("11", "20")), DOCUMENT))
    versions = ehr.client.versions()
    made = ehr.deliver(report("11", "20"))
    assert ehr.client.versions() == versions
    assert {f"{each.type}/{each.id}": each.version for each in made.sent}.items() <= versions.items()


def test_what_the_server_can_do_is_checked(site: Make, fhir: str) -> None:
    ehr = site(fhir=fhir)
    assert [check.ok for check in ehr.sender.check()] == [True]
    ehr.sender.probe()
    assert ehr.sender.lacks == []
    other = "R5" if fhir == "R4" else "R4"
    wrong = FhirSender(
        Destination("ehr", url=ehr.client.base, fhir=other), ehr.memory, Packaging("transaction")
    )
    with pytest.raises(PostponedError, match=f"and {other} is to be sent"):
        wrong.probe()


# ---- from the store, with a connection that is cut

KINDS: list[Cut] = ["refused", "request", "response", "half"]


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_cut_everything_is_there_once(
    site: Make, samples: list[Path], tmp_path: Path, seed: int
) -> None:
    """Each transaction may be cut, and so may the next attempt: before, in the middle, and after it was stored."""
    whole, cut = site(), site()
    inputs = [each for each in samples if each.suffix == ".dcm"]
    for sample in inputs:
        patiently(whole, whole.collection(sample), uid_of(sample))
    order = Random(seed)
    cuts: list[Cut | None] = [order.choice([*KINDS, *KINDS, None]) for _ in range(30)]
    with proxying(cut.client.base, cuts) as proxy, new_store(tmp_path) as store:
        objects = [accept(store, sample.read_bytes()).object_id for sample in inputs]
        while (job := store.claim_object()) is not None:
            made = cut.transformer.transform(job.file)
            store.transformed(job, Made({"R5": made.json}, made.report_json, made.outcome_json, {}))
        settings = Destination(
            "ehr", url=proxy.url, parallel=4, timeout_s=20, after_s=0.02, after_at_most_s=0.1
        )
        part = DestinationPart(settings, store, Packaging())
        part.start()
        deadline = monotonic() + 240
        while (states := states_of(store, objects)) != {"delivered"}:
            assert monotonic() < deadline, (states, part.alarms())
            assert "dead" not in states
            sleep(0.1)
        part.stop(10)
        assert len(proxy.done) > 15
        versions = cut.client.versions()
        assert counts(versions) == counts(whole.client.versions())
        assert set(versions.values()) == {"1"}
        for sample in inputs:
            sent = {f"{each.type}/{each.id}": each.version for each in store.sent_of("ehr", uid_of(sample))}
            assert sent
            assert sent.items() <= versions.items()


DONE = {"delivered"}
DELIVERING = """
import sys
from pathlib import Path
from time import sleep

from sr2fhir.gateway.delivery import Destination, DestinationPart
from sr2fhir.packaging import Packaging
from tests.gateway.objects import new_store

store = new_store(Path(sys.argv[1]))
store.recover()
settings = Destination("ehr", url=sys.argv[2], parallel=2, timeout_s=20, after_s=0.02, after_at_most_s=0.1)
DestinationPart(settings, store, Packaging()).start()
print("started", flush=True)
while True:
    sleep(1)
"""


def test_whenever_the_process_is_killed_everything_is_there_once(
    site: Make, samples: list[Path], tmp_path: Path
) -> None:
    whole, killed = site(), site()
    inputs = [each for each in samples if each.suffix == ".dcm"]
    for sample in inputs:
        patiently(whole, whole.collection(sample), uid_of(sample))
    with new_store(tmp_path) as store:
        objects = [accept(store, sample.read_bytes()).object_id for sample in inputs]
        while (job := store.claim_object()) is not None:
            made = killed.transformer.transform(job.file)
            store.transformed(job, Made({"R5": made.json}, made.report_json, made.outcome_json, {}))
    with proxying(killed.client.base, []) as proxy:
        reached = kill_and_finish(proxy, tmp_path, objects, killed)
    versions = killed.client.versions()
    assert counts(versions) == counts(whole.client.versions())
    assert set(versions.values()) == {"1"}
    assert len(reached) > 2  # it was killed at work


def kill_and_finish(proxy: Proxy, folder: Path, objects: list[int], ehr: Site) -> set[int]:
    """Kill the process in the middle of a transaction again and again, then let it finish.

    Return how many resources the server had after each time.
    """
    order, root = Random(3), Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", DELIVERING, str(folder), proxy.url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(root / "harness")))}

    def delivering() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        return process

    reached = set()
    with new_store(folder) as store:
        while len(reached) < 8:  # a quick machine has done all before
            process, before = delivering(), proxy.posts
            try:
                deadline = monotonic() + 60
                while proxy.posts == before and states_of(store, objects) != DONE:
                    assert monotonic() < deadline, states_of(store, objects)
                    sleep(0.005)
                if states_of(store, objects) == DONE:
                    return reached
                sleep(order.uniform(0.0, 0.5))
            finally:
                process.kill()
                process.wait()
            reached.add(len(ehr.client.held()))
        process = delivering()
        try:
            deadline = monotonic() + 240
            while states_of(store, objects) != DONE:
                assert monotonic() < deadline, states_of(store, objects)
                sleep(0.2)
        finally:
            process.kill()
            process.wait()
    return reached


def states_of(store: Store, objects: list[int]) -> set[str]:
    return {str(found.row.state) for each in objects if (found := store.views.object(each))}


def uid_of(sample: Path) -> str:
    return str(dcmread(sample).SOPInstanceUID)
