"""Reports of a given size, and mixed ones."""

from __future__ import annotations

import copy
from pathlib import Path

import pydicom
from sr2fhir.paths import layout

SAMPLE = "real_highdicom_sr_document.dcm"
IMAGING_MEASUREMENTS, MEASUREMENT_GROUP = "126010", "125007"


def sample() -> Path:
    """Return a small report, as highdicom wrote it."""
    return layout().sources / "samples" / SAMPLE


def group_of(number: int) -> pydicom.Dataset:
    """Make a report with one group of so many measurements, each with its own value and children."""
    report = pydicom.dcmread(sample())
    section = next(item for item in report.ContentSequence if _concept(item) == IMAGING_MEASUREMENTS)
    group = next(item for item in section.ContentSequence if _concept(item) == MEASUREMENT_GROUP)
    (measurement,) = (item for item in group.ContentSequence if item.ValueType == "NUM")
    others = [item for item in group.ContentSequence if item.ValueType != "NUM"]
    group.ContentSequence = [*others, *(_numbered(measurement, value) for value in range(number))]
    return report


def file_of(number: int, folder: Path) -> Path:
    """Write a report with so many measurements."""
    path = folder / f"{number}-measurements.dcm"
    group_of(number).save_as(path)
    return path


def touch(dataset: pydicom.Dataset) -> int:
    """Touch every element, as pydicom's users do, and count them."""
    number = 0
    for element in dataset:
        value = element.value
        number += 1
        if element.VR == "SQ":
            number += sum(map(touch, value))
    return number


def _concept(item: pydicom.Dataset) -> str:
    """Return the code of an item's concept name."""
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def _numbered(measurement: pydicom.Dataset, value: int) -> pydicom.Dataset:
    """Copy a measurement with another value."""
    made = copy.deepcopy(measurement)
    (measured,) = made.MeasuredValueSequence
    measured.NumericValue, measured.FloatingPointValue = str(value), float(value)
    return made
