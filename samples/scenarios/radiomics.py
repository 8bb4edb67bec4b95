"""A hundred radiomics features of one segment: 58 of the original image, 42 of a wavelet (TID 1411, 4019).

`radiomics.csv` holds the features: code and meaning in the scheme of the Image Biomarker Standardisation
Initiative (PS3.16 CID 7467 to 7478), units, and the two values; a shape has no value of the wavelet. Each
number states the algorithm and its parameters.
"""

from __future__ import annotations

import csv
from pathlib import Path

from pydicom.dataset import Dataset

from samples.scenarios import documents as d
from tests import builders as b

NEOPLASM = b.Code("108369006", "SCT", "Neoplasm")
UNITS = {
    "1": d.NO_UNITS,
    "mm": b.MM,
    "mm2": b.Code("mm2", "UCUM", "square millimeter"),
    "mm3": b.CUBIC_MM,
    "/mm": b.Code("/mm", "UCUM", "per millimeter"),
}
FEATURES = Path(__file__).with_suffix(".csv")
PARAMETERS = {
    "original": ("image=original", "binWidth=25"),
    "wavelet": ("image=wavelet-LLH", "binWidth=10"),
}
LESION_UID = f"{d.ROOT}.0.40"


def features() -> Dataset:
    """Return the report."""
    uids = d.Uids(7)
    with FEATURES.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    groups = [
        b.group(
            *d.tracking("Tumor 1", LESION_UID),
            b.code(b.FINDING, NEOPLASM),
            d.modifier(b.FINDING_SITE, b.LUNG),
            b.image(uids.segmentation, concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1]),
            b.uidref(b.SOURCE_SERIES, uids.image_series),
            *(_feature(row, row[name], parameters) for row in rows if row[name]),
            template="1411",
        )
        for name, parameters in PARAMETERS.items()
    ]
    return d.report(
        uids,
        *d.person("Falk^Ove"),
        b.imaging_measurements(*groups),
        listed=[
            b.Instance(uids.image(1), b.CT, uids.image_series, uids.study),
            b.Instance(uids.segmentation, b.SEGMENTATION, uids.segmentation_series, uids.study),
        ],
        SOPClassUID=d.ENHANCED,
        PatientID="P-5001",
        IssuerOfPatientIDQualifiersSequence=d.PATIENT_ISSUER,
        PatientName="Quist^Bo",
        StudyDate="20260115",
        StudyTime="120000",
        ContentDate="20260116",
        ContentTime="090000.25",
        TimezoneOffsetFromUTC="+0100",
        Manufacturer="Example Research",
        ManufacturerModelName="Feature-Lab",
    )


def _feature(row: dict[str, str], value: str, parameters: tuple[str, ...]) -> Dataset:
    return b.num(
        b.Code(row["code"], "IBSI", row["meaning"]),
        value,
        UNITS[row["unit"]],
        d.parameter(b.ALGORITHM_NAME, "Feature-Engine"),
        d.parameter(b.ALGORITHM_VERSION, "3.1.0"),
        *(d.parameter(b.ALGORITHM_PARAMETERS, parameter) for parameter in parameters),
    )
