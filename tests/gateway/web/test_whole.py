"""The command with all its parts: a report comes by STOW-RS, and its results stand in a folder."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
import requests
from sr2fhir.gateway.store.files import digest_of

from tests.databases import free_port
from tests.gateway.web.site import PRESENT

SETTINGS = """
[gateway]
folder = "store"
workers = 1
[intake.stow]
[[destination]]
name = "results"
kind = "folder"
path = "results"
[web]
port = {port}
"""
LONGEST_S = 120


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run the command in a folder; yield its URL and the folder. It has to end well when it is told to."""
    folder, port = tmp_path_factory.mktemp("whole"), free_port()
    (folder / "gateway.toml").write_text(SETTINGS.format(port=port))
    command = [sys.executable, "-m", "sr2fhir", "gateway", "run", "--settings", str(folder / "gateway.toml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: requests.get(f"{url}/health/ready", timeout=5).status_code == 200)
        yield url, folder
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONGEST_S) == 0, (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


def wait_for(happens) -> None:
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        try:
            if happens():
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise TimeoutError


@pytest.mark.slow
def test_a_report_that_comes_by_stow_is_transformed_delivered_and_seen(gateway: tuple[str, Path]) -> None:
    url, folder = gateway
    headers = {"Content-Type": "application/dicom"}
    response = requests.post(
        f"{url}/dicom-web/studies", data=PRESENT.read_bytes(), headers=headers, timeout=60
    )
    assert response.status_code == 200
    # what was acknowledged is on disk
    (kept,) = (path for path in (folder / "store" / "objects").rglob("*") if path.is_file())
    assert (kept.read_bytes(), kept.stem) == (PRESENT.read_bytes(), digest_of(PRESENT))

    wait_for(lambda: "delivered results" in " ".join(words(url, "/reports/1")))
    uid = pydicom.dcmread(PRESENT).SOPInstanceUID
    bundle = json.loads((folder / "results" / f"{uid}.bundle.json").read_bytes())
    assert sum(entry["resource"]["resourceType"] == "Observation" for entry in bundle["entry"]) == 6

    page = " ".join(words(url, "/reports/1"))
    assert "Content items 28 21 4 3 0" in page
    figures = requests.get(f"{url}/metrics", timeout=30).text
    assert 'sr2fhir_received_total{intake="stow"} 1.0' in figures
    assert 'sr2fhir_deliveries_total{destination="results",state="delivered",status=""} 1.0' in figures
    assert 'sr2fhir_reports{state="delivered"} 1.0' in figures
    for process in ("main", "worker", "java"):
        (line,) = (
            each for each in figures.splitlines() if f'sr2fhir_memory_bytes{{process="{process}"}}' in each
        )
        assert float(line.split()[-1]) > 10_000_000
    # neither the log nor the overview says whose report it is
    dataset = pydicom.dcmread(PRESENT)
    for word in (*str(dataset.PatientName).split("^"), dataset.PatientID, dataset.AccessionNumber):
        assert len(word) > 2
        for text in ((folder / "log").read_text(), requests.get(url, timeout=30).text):
            assert not re.search(rf"\b{re.escape(word)}\b", text)


def words(url: str, path: str) -> list[str]:
    """Return what a page says, word by word."""
    return re.sub(r"<[^>]+>", " ", requests.get(url + path, timeout=30).text).split()
