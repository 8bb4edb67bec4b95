"""Two nodes on one database, one of them killed: what it had is done by the other, and once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sr2fhir.gateway.store import Store

from tests.gateway.objects import accept, new_store, report

ROOT = Path(__file__).parents[3]
OBJECTS, PATIENTS = 60, 7
LEASE_S = 1.0
NODE = """
import os, sys, time
from pathlib import Path
from tests.gateway.objects import new_store, results

folder, url = Path(sys.argv[1]), sys.argv[2] or None
store = new_store(folder, database=url, lease_s=float(sys.argv[3]))
print("ready", flush=True)
while True:
    job = store.claim_object()
    if job is not None:
        time.sleep(0.02)
        store.transformed(job, results())
    delivery = store.claim_delivery("ehr")
    if delivery is not None:
        with open(folder / "server.txt", "a") as server:
            server.write(f"{delivery.sop_instance_uid}\\n")
        time.sleep(0.02)
        store.delivered(delivery, (), 200)
    if job is None and delivery is None:
        time.sleep(0.02)
"""


def start(folder: Path, url: str | None) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "harness")))}
    command = [sys.executable, "-c", NODE, str(folder), url or "", str(LEASE_S)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def wait_until_over(store: Store, limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and store.views.counts()["delivered"] < OBJECTS:
        time.sleep(0.1)


def test_what_a_killed_node_had_is_done_by_the_other(tmp_path: Path, database: str | None) -> None:
    with new_store(tmp_path, database=database) as store:
        for number in range(OBJECTS):
            accept(store, report(str(number), f"P{number % PATIENTS}"))
        nodes = [start(tmp_path, database) for _ in range(2)]
        try:
            for node in nodes:
                assert node.stdout is not None
                assert node.stdout.readline() == b"ready\n"
            for _ in range(4):
                time.sleep(0.3)
                nodes[0].send_signal(signal.SIGKILL)
                nodes[0].wait()
                nodes[0] = start(tmp_path, database)
            wait_until_over(store)
        finally:
            for node in nodes:
                node.kill()
                node.wait()
        assert store.views.counts()["delivered"] == OBJECTS
        for number in range(1, OBJECTS + 1):
            detail = store.views.object(number)
            assert detail is not None
            assert [event.what for event in detail.events] == ["received", "transformed", "delivered"]
        sent = (tmp_path / "server.txt").read_text().split()
        for patient in range(PATIENTS):
            of_patient = [int(uid.removeprefix("2.25.")) for uid in sent]
            of_patient = [number for number in of_patient if number % PATIENTS == patient]
            assert of_patient == sorted(of_patient), "what is sent again follows nothing that came later"
