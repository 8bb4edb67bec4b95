"""Codes of DICOM labelled SNOMED CT, and the reverse (mapping section 4)."""

from __future__ import annotations

import doctest

import pytest
from pydicom.sr._concepts_dict import concepts
from sr2fhir.model import mislabelled
from sr2fhir.model.mislabelled import is_snomed_ct, right_designator

from tests import builders as b
from tests.model.documents import codes, item, rendered

KNOWN = {
    scheme: {code: meaning for by_code in concepts[scheme].values() for code, (meaning, _) in by_code.items()}
    for scheme in ("DCM", "SCT")
}
DCM = {code: meaning for code, meaning in KNOWN["DCM"].items() if code.isdigit()}


def test_examples() -> None:
    assert doctest.testmod(mislabelled).failed == 0


def test_no_code_of_the_standard_is_taken_for_one_of_the_other_scheme() -> None:
    assert len(KNOWN["SCT"]) > 8000
    wrong = [
        (stated, code)
        for stated, known in KNOWN.items()
        for code, meaning in known.items()
        if right_designator(stated, code, meaning)
    ]
    assert not wrong


def test_codes_of_dicom_are_recognised() -> None:
    """All but those whose number SNOMED CT has as well, and that DICOM defines with several meanings."""
    missed = [code for code, meaning in DCM.items() if right_designator("SCT", code, meaning) != "DCM"]
    assert len(DCM) > 4000
    assert len(missed) < 5


def test_codes_of_snomed_ct_are_recognised() -> None:
    longer = {code for code in KNOWN["SCT"] if len(code) > 6 and is_snomed_ct(code)}
    assert len(longer) > 8000
    assert {right_designator("DCM", code, None) for code in longer} == {"SCT"}


@pytest.mark.parametrize("code", ["", "12", "999999", "G-C0E3", "1234567x", "0" * 8])
@pytest.mark.parametrize("stated", ["SCT", "DCM", "SRT", "99TEST"])
def test_what_is_of_neither_is_left_as_it_is(stated: str, code: str) -> None:
    assert right_designator(stated, code, "Finding") is None


def test_a_mislabelled_code_is_matched_written_and_reported() -> None:
    finding = b.code(b.FINDING._replace(scheme="SCT"), b.LUNG._replace(scheme="DCM"))
    rendering = rendered(b.imaging_measurements(b.group(finding)))
    read = item(rendering.document, "1.1.1.1")
    assert (read["key"], read["role"]) == (["DCM#121071"], "finding")
    assert read["concept"]["coding"] == [
        {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "121071", "display": "Finding"}
    ]
    assert read["conceptCode"]["coding"] == [
        {"system": "http://snomed.info/sct", "code": "39607008", "display": "Lung"}
    ]
    assert codes(rendering) == [("conflict", "1.1.1.1")] * 2
