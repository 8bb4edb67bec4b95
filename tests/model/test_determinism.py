"""The same Structured Report always gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from sr2fhir.dicom import read
from sr2fhir.documents.measurement_report import render

PROGRAM = """
import hashlib, sys
from pathlib import Path
from sr2fhir.dicom import read
from sr2fhir.documents.measurement_report import render
for name in sys.argv[1:]:
    print(hashlib.sha256(render(read(Path(name))).to_json()).hexdigest())
"""


def digests(samples, seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, samples)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_twice_in_one_process(samples):
    for sample in samples:
        assert render(read(sample)).to_json() == render(read(sample)).to_json()


def test_in_other_processes_with_other_hash_seeds(samples):
    here = [hashlib.sha256(render(read(sample)).to_json()).hexdigest() for sample in samples]
    assert digests(samples, "1") == here
    assert digests(samples, "4242") == here


def test_ids_are_unique(samples):
    for sample in samples:
        document = render(read(sample)).document
        made = [document[name]["id"] for name in ("patient", "study", "equipment")]
        made += [
            one["id"]
            for name in ("request", "person", "device", "algorithm", "findingSite", "subject")
            for one in document.get(name, [])
        ]
        assert len(set(made)) == len(made), sample.name


def test_two_documents_of_one_study_agree_on_patient_study_and_order(samples_dir):
    first = render(read(samples_dir / "real_dcmjs_ohif_bidirectional.dcm")).document
    dataset = read(samples_dir / "real_dcmjs_ohif_bidirectional.dcm").dataset
    dataset.SOPInstanceUID = "1.2.3"
    second = render(dataset).document
    assert [first[name]["id"] for name in ("patient", "study")] == [
        second[name]["id"] for name in ("patient", "study")
    ]
    assert first["content"]["id"] != second["content"]["id"]
