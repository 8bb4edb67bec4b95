"""Reports that are larger or deeper than any sample, through the whole chain."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom import Dataset
from sr2fhir import Transformer

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

LEVELS = 500
IMAGING_MEASUREMENTS, MEASUREMENT_GROUP = "126010", "125007"


def concept(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def nested(sample: Path, levels: int) -> Dataset:
    """Put measurement groups into each other, each with a measurement whose value is its level."""
    report = pydicom.dcmread(sample)
    section = next(item for item in report.ContentSequence if concept(item) == IMAGING_MEASUREMENTS)
    group = next(item for item in section.ContentSequence if concept(item) == MEASUREMENT_GROUP)
    measurement = next(item for item in group.ContentSequence if item.ValueType == "NUM")
    name, group.ContentSequence = group.ConceptNameCodeSequence, []
    inner: Dataset | None = None
    for level in range(levels, 0, -1):
        outer = Dataset()
        outer.RelationshipType, outer.ValueType, outer.ContinuityOfContent = (
            "CONTAINS",
            "CONTAINER",
            "SEPARATE",
        )
        outer.ConceptNameCodeSequence = name
        value = deepcopy(measurement)
        (measured,) = value.MeasuredValueSequence
        measured.NumericValue, measured.FloatingPointValue = str(level), float(level)
        outer.ContentSequence = [value] if inner is None else [value, inner]
        inner = outer
    assert inner is not None
    section.ContentSequence = [inner]
    return report


def test_500_nested_containers_become_groups_and_measurements(engine: Engine, samples: list[Path]) -> None:
    sample = next(path for path in samples if path.name == "real_highdicom_sr_document.dcm")
    bundle = Transformer(engine).transform(nested(sample, LEVELS), name="nested").bundle
    observations = [
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Observation"
    ]
    values = [str(each["valueQuantity"]["value"]) for each in observations if "valueQuantity" in each]
    assert sorted(map(int, values)) == list(range(1, LEVELS + 1))
    groups = [each for each in observations if "hasMember" in each]
    assert len(groups) == LEVELS
