"""Rendering loses nothing: every content item can be rebuilt from the logical model alone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pydicom.uid import ImplicitVRLittleEndian
from sr2fhir import render
from sr2fhir.dicom import read
from sr2fhir.jsontext import loads_strict

from tests import builders as b
from tests.model.comparison import facts_of_dataset, facts_of_document
from tests.model.strategies import reports

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
RANDOM = settings(
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate, Phase.shrink],
)


def test_samples(samples):
    for sample in samples:
        source = read(sample)
        document = loads_strict(render(source).to_json())
        assert facts_of_document(document) == facts_of_dataset(source.dataset), sample.name


@settings(RANDOM, max_examples=150)
@given(reports)
def test_random_reports(report):
    expected = facts_of_dataset(b.reread(b.encoded(report)))
    assert facts_of_document(render(report).document) == expected


@settings(RANDOM, max_examples=30)
@given(reports)
def test_random_reports_in_implicit_vr(report):
    implicit = b.reread(b.encoded(report, ImplicitVRLittleEndian))
    expected = facts_of_dataset(b.reread(b.encoded(report)))
    assert facts_of_document(render(implicit).document) == expected
