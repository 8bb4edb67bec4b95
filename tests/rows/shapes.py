"""What the reports of several files of row tests are made of."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from tests import builders as b

MODIFIES = "HAS CONCEPT MOD"
DESCRIBES = "HAS PROPERTIES"
CONTEXT = "HAS OBS CONTEXT"
INFERRED = "INFERRED FROM"

RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
SR_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.11": "Basic Text SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.22": "Enhanced SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.34": "Comprehensive 3D SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.35": "Extensible SR Storage",
}


def grouped(*content: Dataset, **header: Any) -> Dataset:
    """Build a report with one group of this content: 1.1.1.1, 1.1.1.2 …"""
    return b.measurement_report(b.imaging_measurements(b.group(*content)), **header)


def measured(*children: Dataset, concept: b.Code = b.VOLUME, **attributes: Any) -> Dataset:
    """Build a measurement."""
    return b.num(concept, "1", b.CUBIC_MM, *children, **attributes)
