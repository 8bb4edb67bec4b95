"""The reports that the guide's examples are made of: synthetic, with something for every concrete profile.

The second is for the one profile that only the form ig-literal claims (decision D3), the third is a Key Object
Selection; it has a patient and studies of its own, for an example stands in the guide once. The last is flagged
by the sample of rules.
``python -m tests.tools.example_report`` writes them to fsh/examples anew, as DICOM JSON (PS3.18 Annex F).
"""

from __future__ import annotations

import json
from pathlib import Path

from pydicom.dataset import Dataset

from samples.key_objects.manifest import manifest
from samples.scenarios import pneumothorax
from tests import builders as b

PLACE = Path(__file__).resolve().parents[2] / "fsh" / "examples"

# The arc that is set aside for examples.
ROOT = "2.999.1500"
KEY_ROOT = "2.999.2010"
STUDY, SERIES, INSTANCE = f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1"
CT_SERIES, SEG_SERIES, RT_SERIES, MAP_SERIES = (f"{ROOT}.1.{number}" for number in (2, 3, 4, 5))
IMAGES = [f"{CT_SERIES}.{number}" for number in range(1, 5)]
SEGMENTS, STRUCTURES, VALUES = f"{SEG_SERIES}.1", f"{RT_SERIES}.1", f"{MAP_SERIES}.1"
FRAME_OF_REFERENCE = f"{ROOT}.9"
SERVICE = "https://pacs.example/dicom-web"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"

CATEGORY = b.Code("276214006", "SCT", "Finding category")
LESION = b.Code("52988006", "SCT", "Lesion")
NODULE = b.Code("27925004", "SCT", "Nodule")
MODIFIER = b.Code("106233006", "SCT", "Topographical modifier")
PERIPHERAL = b.Code("14414005", "SCT", "Peripheral")
DIAMETER = b.Code("81827009", "SCT", "Diameter")
SHAPE = b.Code("107644003", "SCT", "Shape finding")
SPICULATED = b.Code("129742005", "SCT", "Spiculated lesion")
QUALITY = b.Code("111029", "DCM", "Image Quality Rating")
GOOD = b.Code("122741", "DCM", "Good image quality")
DEVICE_OBSERVER_NAME = b.Code("121013", "DCM", "Device Observer Name")
DERIVATION = b.Code("121401", "DCM", "Derivation")
MEAN = b.Code("373098007", "SCT", "Mean")
INTELLIGENCE = b.Code("123110", "DCM", "Artificial Intelligence")
SEGMENTATION_FRAME = b.Code("121214", "DCM", "Referenced Segmentation Frame")
SURFACE = b.Code("121231", "DCM", "Volume Surface")
REGION_IN_SPACE = b.Code("130488", "DCM", "Region in Space")
REGION_IDENTIFIER = b.Code("130489", "DCM", "Referenced Region of Interest Identifier")
ILLUSTRATION = b.Code("121200", "DCM", "Illustration of ROI")
EXPLANATION = b.Code("130401", "DCM", "Visual explanation")
VALUE_MAP_USED = b.Code("126100", "DCM", "Real World Value Map used for measurement")
LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
ROLE = b.Code("121011", "DCM", "Person Observer's Role in this Procedure")
PERFORMING = b.Code("121094", "DCM", "Performing")
FOR_CONFERENCE = b.Code("113005", "DCM", "For Conference")
ENGLISH = b.Code("en", "RFC5646", "English")


def example_report() -> Dataset:
    """Build the report."""
    report = b.measurement_report(
        b.code(LANGUAGE, ENGLISH, relationship="HAS CONCEPT MOD"),
        b.person_observer("Radiologist^Rita"),
        *_device_observer(),
        b.imaging_measurements(_planar(), _volumetric(), _spatial()),
        b.derived_measurements(_derived()),
        b.evaluations(b.code(QUALITY, GOOD)),
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
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
    evidence.ReferencedSeriesSequence[0].RetrieveURL = f"{SERVICE}/studies/{STUDY}/series/{CT_SERIES}"
    return report


def literal_report() -> Dataset:
    """Build the report of another patient, whose only group refers to an RT region."""
    study = f"{ROOT}.2"
    series, structures = f"{study}.1", f"{study}.2.1"
    region = _region_in_space(structures)
    return b.measurement_report(
        b.imaging_measurements(
            b.group(b.code(b.FINDING, NODULE), region, b.num(b.VOLUME, "12.5", b.CUBIC_MM))
        ),
        listed=[b.Instance(structures, RT_STRUCTURE_SET, f"{study}.2", study)],
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


def key_objects() -> Dataset:
    """Build a Key Object Selection of two studies."""
    study, prior = f"{KEY_ROOT}.1", f"{KEY_ROOT}.2"
    listed = [
        b.Instance(f"{study}.2.1", series=f"{study}.2", study=study),
        b.Instance(f"{study}.2.3", series=f"{study}.2", study=study),
        b.Instance(f"{prior}.2.7", series=f"{prior}.2", study=prior),
    ]
    orders = [
        b.sequence_item(StudyInstanceUID=study, AccessionNumber="A1"),
        b.sequence_item(StudyInstanceUID=prior, AccessionNumber="A7"),
    ]
    copy = b.Instance(f"{prior}.1.1", b.KEY_OBJECT_SELECTION, f"{prior}.1", prior)
    return b.key_objects(
        b.code(LANGUAGE, ENGLISH, relationship="HAS CONCEPT MOD"),
        b.observer(b.PERSON),
        b.person_observer("Radiologist^Rita"),
        b.code(ROLE, PERFORMING, relationship="HAS OBS CONTEXT"),
        b.text(b.KEY_OBJECT_DESCRIPTION, "Before and after therapy, for the tumour board"),
        b.image(f"{study}.2.1"),
        b.image(f"{study}.2.3", frames=[2, 5]),
        b.image(f"{prior}.2.7"),
        title=FOR_CONFERENCE,
        listed=listed,
        SOPInstanceUID=f"{study}.1.1",
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        PatientID="EXAMPLE-2",
        PatientName="Example^Other",
        ManufacturerModelName="Key Image Notes",
        AccessionNumber="A1",
        ReferencedRequestSequence=orders,
        IdenticalDocumentsSequence=b.evidence([copy]),
    )


REPORTS = {
    "measurement-report.json": example_report,
    "measurement-report.ig-literal.json": literal_report,
    "key-objects.json": key_objects,
    "manifest.json": manifest,
    "critical-finding.json": pneumothorax.present,
}


def _issuer() -> Dataset:
    issuer = Dataset()
    issuer.UniversalEntityID = f"{ROOT}.10"
    issuer.UniversalEntityIDType = "ISO"
    return issuer


def _device_observer() -> list[Dataset]:
    context = {"relationship": "HAS OBS CONTEXT"}
    return [
        b.code(b.OBSERVER_TYPE, b.DEVICE, **context),
        b.uidref(b.DEVICE_OBSERVER_UID, f"{ROOT}.7", **context),
        b.text(DEVICE_OBSERVER_NAME, "Nodule Finder", **context),
    ]


def _tracking(number: int) -> list[Dataset]:
    context = {"relationship": "HAS OBS CONTEXT"}
    return [
        b.text(b.TRACKING_IDENTIFIER, f"Nodule {number}", **context),
        b.uidref(b.TRACKING_UID, f"{ROOT}.6.{number}", **context),
    ]


def _algorithm() -> list[Dataset]:
    modifier = {"relationship": "HAS CONCEPT MOD"}
    return [
        b.text(b.ALGORITHM_NAME, "Nodule Volumetry", **modifier),
        b.text(b.ALGORITHM_VERSION, "2.1", **modifier),
        b.code(b.ALGORITHM_FAMILY, INTELLIGENCE, **modifier),
    ]


def _planar() -> Dataset:
    """Return a planar group (TID 1410): a region in an image, a site with side and modifier."""
    modifier = {"relationship": "HAS CONCEPT MOD"}
    site = b.code(
        b.FINDING_SITE,
        b.LUNG,
        b.code(b.LATERALITY, b.RIGHT, **modifier),
        b.code(MODIFIER, PERIPHERAL, **modifier),
        **modifier,
    )
    return b.group(
        *_tracking(1),
        b.code(CATEGORY, LESION),
        b.code(b.FINDING, NODULE),
        site,
        b.scoord("CIRCLE", [120.5, 96.5, 128.5, 96.5], b.image(IMAGES[0])),
        b.num(DIAMETER, "8.2", b.MM, *_algorithm(), ObservationUID=f"{ROOT}.5.1"),
        b.code(SHAPE, SPICULATED),
        template="1410",
    )


def _volumetric() -> Dataset:
    """Return a volumetric group (TID 1411): a segment with its source image, and what else explains it."""
    value_map = b.composite(VALUES, concept=VALUE_MAP_USED, sop_class=b.VALUE_MAP)
    return b.group(
        *_tracking(2),
        b.code(b.FINDING, NODULE),
        b.code(b.FINDING_SITE, b.LUNG, relationship="HAS CONCEPT MOD"),
        b.image(SEGMENTS, concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1]),
        b.image(IMAGES[1], concept=b.SOURCE_IMAGE),
        b.image(IMAGES[2], concept=ILLUSTRATION),
        b.image(IMAGES[3], concept=EXPLANATION),
        value_map,
        b.num(b.VOLUME, "310.25", b.CUBIC_MM, b.code(DERIVATION, MEAN, relationship="HAS CONCEPT MOD")),
        template="1411",
    )


def _region_in_space(structures: str) -> Dataset:
    return b.composite(
        structures,
        b.text(REGION_IDENTIFIER, "3", relationship="HAS PROPERTIES"),
        concept=REGION_IN_SPACE,
        sop_class=RT_STRUCTURE_SET,
    )


def _spatial() -> Dataset:
    """Return a group of all kinds of regions that are not drawn in one image."""
    outline = [10.0, 10.0, 5.0, 20.0, 10.0, 5.0, 20.0, 20.0, 5.0, 10.0, 10.0, 5.0]
    space = {"frame_of_reference": FRAME_OF_REFERENCE}
    return b.group(
        *_tracking(3),
        b.code(b.FINDING, NODULE),
        b.scoord3d("POLYGON", outline, **space),
        b.scoord3d("POINT", [12.0, 12.0, 5.0], concept=SURFACE, **space),
        b.image(SEGMENTS, concept=SEGMENTATION_FRAME, sop_class=b.SEGMENTATION, frames=[4]),
        b.image(IMAGES[2], concept=b.SOURCE_IMAGE),
        _region_in_space(STRUCTURES),
        b.num(b.VOLUME, "295.75", b.CUBIC_MM),
        template="1411",
    )


def _derived() -> Dataset:
    """Return a measurement derived from two groups, which it refers to (TID 1420)."""
    groups = [b.by_reference("R-INFERRED FROM", 1, 6, number) for number in (2, 3)]
    return b.num(MEAN, "303", b.CUBIC_MM, *groups)


def _listed() -> list[b.Instance]:
    """List the evidence."""
    return [
        *(b.Instance(uid, b.CT, CT_SERIES, STUDY) for uid in IMAGES),
        b.Instance(SEGMENTS, b.SEGMENTATION, SEG_SERIES, STUDY),
        b.Instance(STRUCTURES, RT_STRUCTURE_SET, RT_SERIES, STUDY),
        b.Instance(VALUES, b.VALUE_MAP, MAP_SERIES, STUDY),
    ]


def to_json(report: Dataset) -> bytes:
    """Write a report as DICOM JSON."""
    return json.dumps(report.to_json_dict(), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    for name, build in REPORTS.items():
        (PLACE / name).write_bytes(to_json(build()))
