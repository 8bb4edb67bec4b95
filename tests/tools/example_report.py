"""The reports that the guide's examples are made of: synthetic, with something for every concrete profile.

The second is for the one profile that only the form ig-literal claims (decision D3).
``python -m tests.tools.example_report`` writes them to fsh/examples anew, as DICOM JSON (PS3.18 Annex F).
"""

from __future__ import annotations

import json
from pathlib import Path

from pydicom.dataset import Dataset

from tests.builders import (
    ALGORITHM_NAME,
    ALGORITHM_VERSION,
    CUBIC_MM,
    FINDING,
    FINDING_SITE,
    LATERALITY,
    LUNG,
    MM,
    REFERENCED_SEGMENT,
    RIGHT,
    SOURCE_IMAGE,
    TRACKING_IDENTIFIER,
    TRACKING_UID,
    VOLUME,
    Code,
    Instance,
    by_reference,
    code,
    composite,
    derived_measurements,
    evaluations,
    group,
    image,
    imaging_measurements,
    measurement_report,
    num,
    person_observer,
    scoord,
    scoord3d,
    text,
    uidref,
)
from tests.builders.codes import ALGORITHM_FAMILY, DEVICE, DEVICE_OBSERVER_UID, OBSERVER_TYPE
from tests.builders.items import CT, SEGMENTATION, VALUE_MAP

PLACE = Path(__file__).resolve().parents[2] / "fsh" / "examples"

# The arc that is set aside for examples.
ROOT = "2.999.1500"
STUDY, SERIES, INSTANCE = f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1"
CT_SERIES, SEG_SERIES, RT_SERIES, MAP_SERIES = (f"{ROOT}.1.{number}" for number in (2, 3, 4, 5))
IMAGES = [f"{CT_SERIES}.{number}" for number in range(1, 5)]
SEGMENTS, STRUCTURES, VALUES = f"{SEG_SERIES}.1", f"{RT_SERIES}.1", f"{MAP_SERIES}.1"
FRAME_OF_REFERENCE = f"{ROOT}.9"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"

CATEGORY = Code("276214006", "SCT", "Finding category")
LESION = Code("52988006", "SCT", "Lesion")
NODULE = Code("27925004", "SCT", "Nodule")
MODIFIER = Code("106233006", "SCT", "Topographical modifier")
PERIPHERAL = Code("14414005", "SCT", "Peripheral")
DIAMETER = Code("81827009", "SCT", "Diameter")
SHAPE = Code("107644003", "SCT", "Shape finding")
SPICULATED = Code("129742005", "SCT", "Spiculated lesion")
QUALITY = Code("111029", "DCM", "Image Quality Rating")
GOOD = Code("122741", "DCM", "Good image quality")
DEVICE_OBSERVER_NAME = Code("121013", "DCM", "Device Observer Name")
DERIVATION = Code("121401", "DCM", "Derivation")
MEAN = Code("373098007", "SCT", "Mean")
INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
SEGMENTATION_FRAME = Code("121214", "DCM", "Referenced Segmentation Frame")
SURFACE = Code("121231", "DCM", "Volume Surface")
REGION_IN_SPACE = Code("130488", "DCM", "Region in Space")
REGION_IDENTIFIER = Code("130489", "DCM", "Referenced Region of Interest Identifier")
ILLUSTRATION = Code("121200", "DCM", "Illustration of ROI")
EXPLANATION = Code("130401", "DCM", "Visual explanation")
VALUE_MAP_USED = Code("126100", "DCM", "Real World Value Map used for measurement")
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = Code("en", "RFC5646", "English")


def example_report() -> Dataset:
    """Build the report."""
    return measurement_report(
        code(LANGUAGE, ENGLISH, relationship="HAS CONCEPT MOD"),
        person_observer("Radiologist^Rita"),
        *_device_observer(),
        imaging_measurements(_planar(), _volumetric(), _spatial()),
        derived_measurements(_derived()),
        evaluations(code(QUALITY, GOOD)),
        listed=_listed(),
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=SERIES,
        SOPInstanceUID=INSTANCE,
        PatientID="EXAMPLE-1",
        IssuerOfPatientIDQualifiersSequence=[_issuer()],
        PatientName="Example^Patient",
        PatientBirthDate="19600101",
        PatientSex="O",
        StudyID="1",
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=[_issuer()],
        DeviceUID=f"{ROOT}.8",
        Manufacturer="Example Manufacturer",
        ManufacturerModelName="Measuring Workstation",
        VerificationFlag="UNVERIFIED",
    )


def literal_report() -> Dataset:
    """Build the report of another patient, whose only group refers to an RT region."""
    study = f"{ROOT}.2"
    series, structures = f"{study}.1", f"{study}.2.1"
    region = _region_in_space(structures)
    return measurement_report(
        imaging_measurements(group(code(FINDING, NODULE), region, num(VOLUME, "12.5", CUBIC_MM))),
        listed=[Instance(structures, RT_STRUCTURE_SET, f"{study}.2", study)],
        StudyInstanceUID=study,
        SeriesInstanceUID=series,
        SOPInstanceUID=f"{series}.1",
        PatientID="EXAMPLE-2",
        IssuerOfPatientIDQualifiersSequence=[_issuer()],
        PatientName="Example^Second",
        DeviceUID=f"{ROOT}.18",
        ManufacturerModelName="Planning Workstation",
        VerificationFlag="UNVERIFIED",
    )


REPORTS = {
    "measurement-report.json": example_report,
    "measurement-report.ig-literal.json": literal_report,
}


def _issuer() -> Dataset:
    issuer = Dataset()
    issuer.UniversalEntityID = f"{ROOT}.10"
    issuer.UniversalEntityIDType = "ISO"
    return issuer


def _device_observer() -> list[Dataset]:
    context = {"relationship": "HAS OBS CONTEXT"}
    return [
        code(OBSERVER_TYPE, DEVICE, **context),
        uidref(DEVICE_OBSERVER_UID, f"{ROOT}.7", **context),
        text(DEVICE_OBSERVER_NAME, "Nodule Finder", **context),
    ]


def _tracking(number: int) -> list[Dataset]:
    context = {"relationship": "HAS OBS CONTEXT"}
    return [
        text(TRACKING_IDENTIFIER, f"Nodule {number}", **context),
        uidref(TRACKING_UID, f"{ROOT}.6.{number}", **context),
    ]


def _algorithm() -> list[Dataset]:
    modifier = {"relationship": "HAS CONCEPT MOD"}
    return [
        text(ALGORITHM_NAME, "Nodule Volumetry", **modifier),
        text(ALGORITHM_VERSION, "2.1", **modifier),
        code(ALGORITHM_FAMILY, INTELLIGENCE, **modifier),
    ]


def _planar() -> Dataset:
    """Return a planar group (TID 1410): a region in an image, a site with side and modifier."""
    modifier = {"relationship": "HAS CONCEPT MOD"}
    site = code(
        FINDING_SITE,
        LUNG,
        code(LATERALITY, RIGHT, **modifier),
        code(MODIFIER, PERIPHERAL, **modifier),
        **modifier,
    )
    return group(
        *_tracking(1),
        code(CATEGORY, LESION),
        code(FINDING, NODULE),
        site,
        scoord("CIRCLE", [120.5, 96.5, 128.5, 96.5], image(IMAGES[0])),
        num(DIAMETER, "8.2", MM, *_algorithm(), ObservationUID=f"{ROOT}.5.1"),
        code(SHAPE, SPICULATED),
        template="1410",
    )


def _volumetric() -> Dataset:
    """Return a volumetric group (TID 1411): a segment with its source image, and what else explains it."""
    value_map = composite(VALUES, concept=VALUE_MAP_USED, sop_class=VALUE_MAP)
    return group(
        *_tracking(2),
        code(FINDING, NODULE),
        code(FINDING_SITE, LUNG, relationship="HAS CONCEPT MOD"),
        image(SEGMENTS, concept=REFERENCED_SEGMENT, sop_class=SEGMENTATION, segments=[1]),
        image(IMAGES[1], concept=SOURCE_IMAGE),
        image(IMAGES[2], concept=ILLUSTRATION),
        image(IMAGES[3], concept=EXPLANATION),
        value_map,
        num(VOLUME, "310.25", CUBIC_MM, code(DERIVATION, MEAN, relationship="HAS CONCEPT MOD")),
        template="1411",
    )


def _region_in_space(structures: str) -> Dataset:
    return composite(
        structures,
        text(REGION_IDENTIFIER, "3", relationship="HAS PROPERTIES"),
        concept=REGION_IN_SPACE,
        sop_class=RT_STRUCTURE_SET,
    )


def _spatial() -> Dataset:
    """Return a group of all kinds of regions that are not drawn in one image."""
    outline = [10.0, 10.0, 5.0, 20.0, 10.0, 5.0, 20.0, 20.0, 5.0, 10.0, 10.0, 5.0]
    space = {"frame_of_reference": FRAME_OF_REFERENCE}
    return group(
        *_tracking(3),
        code(FINDING, NODULE),
        scoord3d("POLYGON", outline, **space),
        scoord3d("POINT", [12.0, 12.0, 5.0], concept=SURFACE, **space),
        image(SEGMENTS, concept=SEGMENTATION_FRAME, sop_class=SEGMENTATION, frames=[4]),
        image(IMAGES[2], concept=SOURCE_IMAGE),
        _region_in_space(STRUCTURES),
        num(VOLUME, "295.75", CUBIC_MM),
        template="1411",
    )


def _derived() -> Dataset:
    """Return a measurement derived from two groups, which it refers to (TID 1420)."""
    groups = [by_reference("R-INFERRED FROM", 1, 6, number) for number in (2, 3)]
    return num(MEAN, "303", CUBIC_MM, *groups)


def _listed() -> list[Instance]:
    """List the evidence."""
    return [
        *(Instance(uid, CT, CT_SERIES, STUDY) for uid in IMAGES),
        Instance(SEGMENTS, SEGMENTATION, SEG_SERIES, STUDY),
        Instance(STRUCTURES, RT_STRUCTURE_SET, RT_SERIES, STUDY),
        Instance(VALUES, VALUE_MAP, MAP_SERIES, STUDY),
    ]


def to_json(report: Dataset) -> bytes:
    """Write a report as DICOM JSON."""
    return json.dumps(report.to_json_dict(), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    for name, build in REPORTS.items():
        (PLACE / name).write_bytes(to_json(build()))
