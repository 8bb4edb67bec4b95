"""Send for a long time, and watch memory and latency."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean, quantiles

import pydicom

from tests.gateway.whole.rig import SAMPLES, Gateway, Load
from tests.servers.client import Client

PRESENT_EACH = 10
SAMPLE_S = 5.0
MB = 1e6
RULES = Path(__file__).resolve().parents[3] / "harness" / "sr2fhir" / "alerts" / "alerts.toml"


@dataclass(frozen=True)
class Soak:
    """What was seen.

    Parameters
    ----------
    reached
        Reports in a second that were acknowledged.
    latency
        Seconds by what they were measured of.
    memory
        Mean resident memory in MB in the second and in the last quarter, by kind of process.
    """

    minutes: float
    rate: float
    reached: float
    acknowledged: int
    delivered: int
    latency: dict[str, float]
    memory: dict[str, tuple[float, float]]


def soaked(folder: Path, server: str | None, *, minutes: float, rate: float) -> Soak:
    """Send reports, each tenth with a pneumothorax, to a gateway that delivers to a server, or to a folder."""
    to_server = f'kind = "fhir"\nurl = "{server}"'
    destination = to_server if server else 'kind = "folder"\npath = "results"'
    rules = '[transform]\nalerts = "alerts.toml"\n'
    site = folder / "site"
    gateway = Gateway(site, f'{rules}[[destination]]\nname = "ehr"\n{destination}')
    shutil.copy(RULES, site / "alerts.toml")
    gateway.start()
    load = Load(gateway, folder / "sent", rate, chest)
    samples: list[dict[str, int]] = []
    try:
        load.start()
        begin = time.monotonic()
        while time.monotonic() < begin + minutes * 60:
            time.sleep(SAMPLE_S)
            samples.append(gateway.memory())
        load.end()
        took = time.monotonic() - begin
        gateway.wait_until_all_is_over()
        delivered = gateway.counts().get("delivered", 0)
        totals = gateway.latencies()
        gateway.stop()
    finally:
        with suppress(AssertionError):
            gateway.kill()
    latency = _of("acknowledged to delivered", totals) | _of(
        "sent to acknowledged", [load.acknowledged[number] - load.sent[number] for number in load.sent]
    )
    if server:
        latency |= _of("sent to Flag on the server", flags(Client(server), load))
    return Soak(minutes, rate, len(load.sent) / took, len(load.sent), delivered, latency, _memory(samples))


def chest(number: int) -> pydicom.Dataset:
    """Make a report of a chest radiograph; each tenth has a pneumothorax that a rule matches."""
    found = number % PRESENT_EACH == 0
    made = pydicom.dcmread(SAMPLES / f"pneumothorax_{'present' if found else 'absent'}.dcm")
    made.SOPInstanceUID = f"2.25.{5000 + number}"
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.PatientID = patient(number)
    return made


def patient(number: int) -> str:
    """Return the Patient ID of a report; each is of another patient."""
    return f"P-{number}"


def flags(client: Client, load: Load) -> list[float]:
    """Return the seconds from the begin of sending until the server had the Flag of each pneumothorax."""
    patients = {
        f"Patient/{each['id']}": each["identifier"][0]["value"] for each in client.find("Patient?_count=200")
    }
    written = {
        patients[each["subject"]["reference"]]: datetime.fromisoformat(
            each["meta"]["lastUpdated"]
        ).timestamp()
        for each in client.find("Flag?_count=200")
    }
    sent = {patient(number): load.sent[number] for number in load.sent if number % PRESENT_EACH == 0}
    assert written.keys() == sent.keys(), f"{len(written)} Flags of {len(sent)} reports"
    return [written[each] - begin for each, begin in sent.items()]


def _of(name: str, seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    cuts = quantiles(seconds, n=20, method="inclusive")
    return {f"{name}, median": cuts[9], f"{name}, 95 of 100": cuts[18]}


def _memory(samples: list[dict[str, int]]) -> dict[str, tuple[float, float]]:
    quarter = max(len(samples) // 4, 1)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    kinds = samples[0].keys()
    return {
        kind: (
            fmean(each[kind] for each in early) / MB,
            fmean(each[kind] for each in late) / MB,
        )
        for kind in kinds
    }
