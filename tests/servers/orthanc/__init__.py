"""Orthanc with its DICOMweb plugin, as Debian has it (`orthanc`, `orthanc-dicomweb`), for tests.

It listens on all addresses, so it runs in a network namespace of its own, which has nothing but loopback. Relays
through sockets in the file system (`relay`) lead in, and out to a storage SCP of the test.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.databases import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "tester", "secret of the tests"
_RELAY = Path(__file__).with_name("relay.py")
_FORWARD = "function OnStoredInstance(instance) SendToModality(instance, 'gateway') end\n"
_STARTS_S = 60


class Orthanc(NamedTuple):
    """A server that runs.

    Parameters
    ----------
    http
        Its port of REST and DICOMweb, which asks for a log-in.
    dicom
        Its port of DIMSE; its AE title is ORTHANC.
    """

    http: int
    dicom: int

    @property
    def dicomweb(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"

    def rest(self, method: str, path: str, **options: Any) -> Any:
        """Send a request of its own REST interface."""
        url = f"http://127.0.0.1:{self.http}{path}"
        response = requests.request(method, url, auth=(USER, PASSWORD), timeout=30, **options)
        response.raise_for_status()
        return response.json()


def require() -> None:
    """Skip a test where Orthanc cannot run; where all have to run, fail."""
    if reason := missing():
        (pytest.fail if os.environ.get("SR2FHIR_TEST_ONLINE") else pytest.skip)(reason)


def missing() -> str | None:
    """Say why Orthanc cannot run here; None if it can."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        return "Orthanc is not installed (apt-get install orthanc orthanc-dicomweb)"
    tried = subprocess.run([*_unshared(), "true"], capture_output=True)
    return (
        "no network namespace can be made here, and Orthanc would listen on all addresses"
        * bool(tried.returncode)
        or None
    )


@contextmanager
def running(folder: Path, forward_to: int | None = None) -> Iterator[Orthanc]:
    """Run a server with its data in a folder.

    Parameters
    ----------
    forward_to
        Port of a storage SCP called SR2FHIR, to which it forwards every instance.
    """
    require()
    folder.mkdir()
    server = Orthanc(free_port(), free_port())
    config = folder / "orthanc.json"
    config.write_text(json.dumps(_config(folder, forward_to)))
    http, dicom, out = (f"unix:{folder / name}" for name in ("http", "dicom", "out"))
    inside = [
        "--lo",
        f"{http}=tcp:8042",
        f"{dicom}=tcp:4242",
        f"tcp:11112={out}",
        "--",
        "Orthanc",
        str(config),
    ]
    outside = [f"tcp:{server.http}={http}", f"tcp:{server.dicom}={dicom}"]
    outside += [f"{out}=tcp:{forward_to}"] if forward_to else []
    with (folder / "log").open("wb") as log:
        processes = [
            subprocess.Popen(
                [*start, sys.executable, str(_RELAY), *arguments], stdin=subprocess.PIPE, stderr=log
            )
            for start, arguments in ((_unshared(), inside), ([], outside))
        ]
        try:
            _wait(server, processes)
            yield server
        finally:
            for process in processes:
                process.stdin.close()
                process.wait(30)


def _unshared() -> list[str]:
    return ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


def _config(folder: Path, forward_to: int | None) -> dict[str, Any]:
    script = folder / "forward.lua"
    script.write_text(_FORWARD)
    return {
        "Name": "tests",
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": 8042,
        "DicomPort": 4242,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "UnknownSopClassAccepted": True,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "DicomModalities": {"gateway": ["SR2FHIR", "127.0.0.1", 11112]},
        "LuaScripts": [str(script)] if forward_to else [],
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }


def _wait(server: Orthanc, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _STARTS_S
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes), "Orthanc ended: see its log"
        try:
            server.rest("GET", "/system")
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("Orthanc does not begin to serve")
