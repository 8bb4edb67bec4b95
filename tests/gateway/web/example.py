"""What a status page shows after some work: reports in every state, destinations, alerts, alarms.

Reports and outcomes are those of real transformations.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pydicom
from sr2fhir.errors import DamagedError
from sr2fhir.gateway.parts import Alarm
from sr2fhir.gateway.store import AlertMade, Failure, Made, Sent
from sr2fhir.transformer import Transformer

from tests.gateway.web.site import SAMPLES, Site

NAMES = (
    "scenarios/pneumothorax_present.dcm",
    "scenarios/pneumothorax_absent.dcm",
    "scenarios/nodule_baseline.dcm",
    "scenarios/nodule_follow_up.dcm",
    "real_highdicom_sr_document.dcm",
    "scenarios/liver_recist.dcm",
    "scenarios/lvef_mean_of_three.dcm",
    "real_dcmjs_ohif_bidirectional.dcm",
)
DOWN = Failure(503, "the server is not ready", "See the log of the server; it is tried again by itself")
REFUSED = Failure(
    422,
    "HAPI-0541: the profile … was not found (Observation.meta.profile)",
    "Install the package of the guide on the server, and replay",
)
#: numbers of the objects, by what became of them
DELIVERED, WAITING, DEAD_AT_EHR, DEAD_INPUT = 1, 4, 3, 6


def fill(site: Site, transformer: Transformer) -> None:
    """Have the store go through what a morning brings."""
    for number, name in enumerate(NAMES):
        site.accept(
            SAMPLES / name, ("dimse", "stow", "archive pacs")[number % 3], f"AI{number % 2}@10.0.0.{number}"
        )
    for number, name in enumerate(NAMES[:7], 1):
        job = site.store.claim_object()
        assert job is not None
        if number == DEAD_INPUT:
            error = DamagedError("the data ends within an item", where="1.2.4", hint="Export it again")
            site.store.failed(job, error)
            continue
        result = transformer.transform(SAMPLES / name)
        alerts = (
            [AlertMade("pneumothorax", "live", "Flag/5f2c", ("Observation/7220acab",))] if number == 1 else []
        )
        alerts += [AlertMade("large nodule", "shadow", None, ("Observation/1",))] if number == 3 else []
        bundles = {"R5": result.json, "R4": result.json}
        others = {"R4": (result.report_json, in_r4(result.outcome_json))}
        site.store.transformed(
            job, Made(bundles, result.report_json, result.outcome_json, {}, alerts, others)
        )
    deliver(site)
    site.store.set_cursor("breaker ehr", {"state": "closed"})
    site.store.set_cursor("breaker research", {"state": "open"})
    site.alarms += [
        Alarm(
            "error",
            "destination research",
            "12 attempts failed with status 503; it is tried again by itself",
            time.time() - 900,
        ),
        Alarm("warning", "web", "its certificate expires on 2026-12-09"),
    ]


def in_r4(outcome: bytes) -> bytes:
    """Return an outcome with a finding that only R4 has."""
    content = json.loads(outcome)
    text = "2 elements of R5 have none in R4"
    content["issue"].append({"severity": "information", "code": "not-supported", "details": {"text": text}})
    return json.dumps(content).encode()


def deliver(site: Site) -> None:
    """Deliver to one destination, while the other is down."""
    while delivery := site.store.claim_delivery("ehr"):
        if delivery.object_id == DEAD_AT_EHR:
            site.store.dead(delivery, REFUSED)
        else:
            site.store.delivered(delivery, [Sent("Patient", "1", "1", "0" * 64, "urn:uuid:1")], 200)
    while delivery := site.store.claim_delivery("research"):
        if delivery.object_id in (WAITING, 7):
            site.store.postpone(delivery, 1800, DOWN)
        else:
            site.store.delivered(delivery, [], 200)


def names_of_patients() -> set[str]:
    """Return words that no page may show: name, id and birth date of each patient, and who read the study."""
    words: set[str] = set()
    for name in NAMES:
        dataset = pydicom.dcmread(SAMPLES / name)
        for keyword in (
            "PatientName",
            "PatientID",
            "PatientBirthDate",
            "AccessionNumber",
            "ReferringPhysicianName",
        ):
            words.update(str(dataset.get(keyword, "")).replace("^", " ").split())
    return {word for word in words if len(word) > 3}


def sample(name: str) -> Path:
    return SAMPLES / name
