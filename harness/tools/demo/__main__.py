"""Send a report to an archive, and show what stands on a FHIR server some seconds later: `make demo`.

An AI's report of a pneumothorax goes to Orthanc with DCMTK's storescu. Orthanc forwards it to the gateway.
That delivers its results to a FHIR server of R4, with a Flag and a CommunicationRequest by the rules in
alerts.toml.
Everything listens on loopback, and ends with the demonstration; its files stay in build/demo.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import requests
from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.jsontext import JsonObject
from sr2fhir.paths import layout

from tests.databases import free_port
from tools.demo import servers

FOLDER = "demo"
SAMPLE = Path("samples", "scenarios", "pneumothorax_present.dcm")
AE_TITLE = "SR2FHIR"
SETTINGS = """\
# The gateway of `make demo`.
[gateway]
folder = "gateway"
workers = 1

[transform]
alerts = "alerts.toml"

[intake.dimse]
ae_title = "{ae_title}"
port = {dicom}

[[destination]]
name = "hospital"
kind = "fhir"
url = "{url}"
fhir = "{fhir}"

[web]
port = {web}
"""
_READY_S, _ARRIVES_S, _ENDS_S, _LOOK_S = 180, 120, 60, 0.05


def main() -> int:
    """Run the demonstration; return the exit code."""
    places = layout()
    folder = places.home / FOLDER
    try:
        servers.check()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        show(folder, places.sources / SAMPLE)
    except Sr2FhirError as error:
        say(f"error: {error}")
        return 1
    return 0


def show(folder: Path, sample: Path) -> None:
    """Start everything, send the sample, and print what the FHIR server has."""
    dicom, web = free_port(), free_port()
    say("starting a FHIR server (HAPI, R4); the first time its parts are fetched ...")
    with servers.fhir_server(folder / "fhir") as url:
        say(f"  {url}")
        (folder / "alerts.toml").write_bytes(files("sr2fhir.alerts").joinpath("alerts.toml").read_bytes())
        text = SETTINGS.format(ae_title=AE_TITLE, dicom=dicom, url=url, fhir=servers.FHIR, web=web)
        (folder / "gateway.toml").write_text(text, "utf-8")
        say("starting the gateway ...")
        with gateway(folder, web):
            say(f"  status page: http://127.0.0.1:{web}/")
            say("starting Orthanc, which forwards to the gateway ...")
            with servers.archive(folder / "orthanc", dicom) as archive:
                say(f"sending {sample.name} to Orthanc with {servers.SENDER} ...")
                started = monotonic()
                send(archive, sample)
                sent = monotonic() - started
                found = arrived(url)
                taken = monotonic() - started
                say(f"\nAfter {taken:.1f} s (Orthanc had it after {sent:.1f} s) the FHIR server has:\n")
                say("\n".join(lines(url, found)))


@contextmanager
def gateway(folder: Path, web: int) -> Iterator[None]:
    """Run the gateway until the block is left."""
    command = [sys.executable, "-m", "sr2fhir", "gateway", "run", "--settings", str(folder / "gateway.toml")]
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        wait_until_ready(process, f"http://127.0.0.1:{web}/health/ready", folder / "gateway.log")
        yield
    finally:
        process.terminate()
        process.wait(_ENDS_S)


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until the gateway takes reports."""
    deadline = monotonic() + _READY_S
    while monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        sleep(_LOOK_S)
    raise UsageError("the gateway does not start", hint=f"See {log}")


def send(archive: servers.Archive, sample: Path) -> None:
    """Send a file to the archive, in whatever transfer syntax it has."""
    command = [servers.SENDER, "-R", "-aec", archive.ae_title, archive.host, str(archive.port), str(sample)]
    subprocess.run(command, check=True)


def arrived(url: str) -> JsonObject:
    """Wait for the Flag, and return it.

    Raises
    ------
    UsageError
        It does not come.
    """
    deadline = monotonic() + _ARRIVES_S
    while monotonic() < deadline:
        if found := search(url, "Flag"):
            return found[0]
        sleep(_LOOK_S)
    raise UsageError(
        "no Flag came to the FHIR server", hint="See gateway.log beside gateway.toml in build/demo"
    )


def search(url: str, kind: str) -> list[JsonObject]:
    """Return all resources of a type."""
    # a search that the server has cached would not see what has just come
    response = requests.get(f"{url}/{kind}", headers={"Cache-Control": "no-cache"}, timeout=60)
    response.raise_for_status()
    return [entry["resource"] for entry in response.json().get("entry", ())]


def lines(url: str, flag: JsonObject) -> Iterator[str]:
    """Tell what the server has: Observations, then the Flag, and who is to be told."""
    for observation in search(url, "Observation"):
        yield f"  Observation/{observation['id']}: {text_of(observation['code'])}: {value_of(observation)}"
    yield f"  Flag/{flag['id']}: {flag['status']}: {text_of(flag['code'])}, {text_of(flag['category'][0])}"
    for request in search(url, "CommunicationRequest"):
        told = ", ".join(
            each.get("display") or each.get("reference", "?") for each in request.get("recipient", ())
        )
        yield f"  CommunicationRequest/{request['id']}: {request['status']}, {request['priority']}, to {told}"


def value_of(observation: JsonObject) -> str:
    """Return the value for people."""
    if "valueQuantity" in observation:
        quantity = observation["valueQuantity"]
        return f"{quantity['value']} {quantity.get('unit') or quantity.get('code', '')}".rstrip()
    found: Any = next((observation[name] for name in observation if name.startswith("value")), None)
    if isinstance(found, dict):
        return text_of(found)
    return f"{len(observation.get('hasMember', ()))} members" if found is None else str(found)


def text_of(concept: JsonObject) -> str:
    """Return the text of a concept, else that of its first coding."""
    codings = concept.get("coding", [{}])
    return str(concept.get("text") or codings[0].get("display") or codings[0].get("code"))


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
