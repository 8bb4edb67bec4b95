"""Objects for the tests of the gateway: small reports of a patient, and a store that takes them."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset
from sr2fhir.gateway.store import AlertMade, Made, Origin, Receipt, Route, Store

from tests import builders as b

ORIGIN = Origin("test", "TESTER@127.0.0.1")
ROUTES = (Route("ehr", "bundle", "R5"),)


def report(uid: str = "1", patient: str = "P1", *, text: str = "seen", **attributes: object) -> Dataset:
    """Make a report of a patient."""
    made = b.measurement_report(
        b.imaging_measurements(b.group(b.text(b.FINDING, text))),
        SOPInstanceUID=f"2.25.{uid}",
        PatientID=patient,
    )
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def succeeding(uid: str, *predecessors: str, **attributes: object) -> Dataset:
    """Make a report that names predecessors."""
    made = report(uid, **attributes)  # type: ignore[arg-type]
    instances = [b.Instance(f"2.25.{each}", made.SOPClassUID) for each in predecessors]
    made.PredecessorDocumentsSequence = b.evidence(instances)
    return made


def accept(store: Store, made: Dataset | bytes) -> Receipt:
    """Have a store take an object, as an intake does."""
    file = store.incoming()
    file.write_bytes(made if isinstance(made, bytes) else b.encoded(made))
    return store.accept(file, ORIGIN)


def results(alerts: tuple[AlertMade, ...] = (), *, text: bytes = b"{}") -> Made:
    """Make the results of an object."""
    return Made({"R5": text, "R4": text}, b"{}", b"{}", {"resources": 1}, alerts)


def transform_all(store: Store) -> int:
    """Transform whatever is due, with made-up results."""
    number = 0
    while (job := store.claim_object()) is not None:
        store.transformed(job, results())
        number += 1
    return number


def new_store(folder: Path, **settings: object) -> Store:
    """Open a store that wants no room on the disk."""
    return Store(folder / "gateway", **{"routes": ROUTES, "low_disk": 0, **settings})  # type: ignore[arg-type]
