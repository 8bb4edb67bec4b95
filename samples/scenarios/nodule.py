"""A lung nodule in two studies of one patient: one Tracking Unique Identifier (TID 1411), two time points."""

from __future__ import annotations

from pydicom.dataset import Dataset

from samples.scenarios import documents as d
from tests import builders as b

ABNORMAL_STRUCTURE = b.Code("49755003", "SCT", "Morphologically Abnormal Structure")
NODULE = b.Code("427359005", "SCT", "Solitary nodule of lung")
UPPER_LOBE = b.Code("45653009", "SCT", "Upper lobe of lung")
DIAMETER = b.Code("81827009", "SCT", "Diameter")
MAXIMUM = b.Code("56851009", "SCT", "Maximum")
DENSITY = b.Code("112118", "DCM", "Density")
SOLID = b.Code("SOLID", "99NODX", "Solid")
CT_CHEST = b.Code("24627-2", "LN", "CT Chest Report")
TIME_POINT = b.Code("C2348792", "UMLS", "Time Point")
TIME_POINT_TYPE = b.Code("126072", "DCM", "Time Point Type")
TIME_POINT_ORDER = b.Code("126073", "DCM", "Time Point Order")
BASELINE = b.Code("C1442488", "UMLS", "Baseline")

LESION_UID = f"{d.ROOT}.0.20"


def baseline() -> Dataset:
    """Return the first report."""
    return _report(
        d.Uids(3),
        [
            d.context(TIME_POINT, "tp0"),
            b.code(TIME_POINT_TYPE, BASELINE, relationship="HAS OBS CONTEXT"),
            b.num(TIME_POINT_ORDER, "1", d.NO_UNITS, relationship="HAS OBS CONTEXT"),
        ],
        volume="210.0",
        diameter="7.38",
        day="20260301",
        offset="+0100",
        accession="ACC-2001",
    )


def follow_up() -> Dataset:
    """Return the second report, three months later."""
    return _report(
        d.Uids(4),
        [
            d.context(TIME_POINT, "tp1"),
            b.num(TIME_POINT_ORDER, "2", d.NO_UNITS, relationship="HAS OBS CONTEXT"),
        ],
        volume="310.5",
        diameter="8.41",
        day="20260602",
        offset="+0200",
        accession="ACC-2002",
    )


def _report(
    uids: d.Uids,
    time_point: list[Dataset],
    *,
    volume: str,
    diameter: str,
    day: str,
    offset: str,
    accession: str,
) -> Dataset:
    images = [uids.image(number) for number in (1, 2)]
    acquired = [
        b.date(b.ACQUISITION_DATE, day, relationship="HAS ACQ CONTEXT"),
        b.time(b.ACQUISITION_TIME, "093012", relationship="HAS ACQ CONTEXT"),
    ]
    lesion = b.group(
        *d.tracking("Nodule RUL 1", LESION_UID),
        b.code(d.FINDING_CATEGORY, ABNORMAL_STRUCTURE),
        b.code(b.FINDING, NODULE),
        *time_point,
        d.modifier(b.FINDING_SITE, UPPER_LOBE, d.modifier(b.LATERALITY, b.RIGHT)),
        b.image(uids.segmentation, concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1]),
        b.uidref(b.SOURCE_SERIES, uids.image_series),
        b.num(b.VOLUME, volume, b.CUBIC_MM),
        b.num(DIAMETER, diameter, b.MM, d.modifier(d.DERIVATION, MAXIMUM)),
        b.code(DENSITY, SOLID),
        template="1411",
    )
    return d.report(
        uids,
        *d.person("Sommer^Mia"),
        d.procedure(CT_CHEST),
        b.image_library(*acquired, *(b.image(each) for each in images)),
        b.imaging_measurements(lesion),
        listed=[
            *(b.Instance(each, b.CT, uids.image_series, uids.study) for each in images),
            b.Instance(uids.segmentation, b.SEGMENTATION, uids.segmentation_series, uids.study),
        ],
        SOPClassUID=d.ENHANCED,
        AccessionNumber=accession,
        IssuerOfAccessionNumberSequence=d.ACCESSION_ISSUER,
        PatientID="P-2001",
        IssuerOfPatientIDQualifiersSequence=d.PATIENT_ISSUER,
        PatientName="Halm^Jon",
        PatientBirthDate="19551120",
        PatientSex="M",
        StudyDate=day,
        StudyTime="092000",
        ContentDate=day,
        ContentTime="111500",
        TimezoneOffsetFromUTC=offset,
        Manufacturer="Example Workstations",
        ManufacturerModelName="Nodule-Reader",
        DeviceSerialNumber="WS-7",
        SoftwareVersions="4.2",
    )
