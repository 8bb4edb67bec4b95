"""What has to stand twice, in the maps and in Python, stands alike."""

from __future__ import annotations

import re

from sr2fhir import pins
from sr2fhir.documents.measurement_report import reference_sets
from sr2fhir.paths import layout
from sr2fhir.settings import R5

MAPS = {
    "segmentation.segment": "ReferencedSegment",
    "segmentation.frame": "ReferencedSegmentationFrame",
    "reference.region-in-space": "RegionInSpace",
    "reference.value-map": "RealWorldValueMap",
}
CLASS_ASKED_FOR = re.compile(r"sopClass\.where\(code = '([^']*)'\)")


def test_renderer_and_maps_ask_for_the_same_sop_classes() -> None:
    folder = layout().maps / "measurement-report"
    asked = {file.stem: set(CLASS_ASKED_FOR.findall(file.read_text())) for file in folder.glob("*.map")}
    known = {MAPS[term]: {str(sop_class)} for term, sop_class in reference_sets._CLASSES.items()}
    assert {name: classes for name, classes in asked.items() if classes} == known


def test_the_pinned_definitions_are_those_of_the_target_that_the_maps_make() -> None:
    assert pins.load(layout().pins).core == f"{R5.core_package}#{R5.fhir_version}"
