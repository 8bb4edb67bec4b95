"""A liver lesion followed by RECIST: two lines on an image (TID 1501), and its segment (TID 1411).

The second group states the laterality beside the site. The sum of the diameters is derived from the first
group (TID 1420); the response is an evaluation without a group. The issuer of the Patient ID is only named.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from samples.scenarios import documents as d
from tests import builders as b

METASTASIS = b.Code("94381002", "SCT", "Metastatic malignant neoplasm to liver")
LIVER = b.Code("10200004", "SCT", "Liver")
SEGMENT_VII = b.Code("277961009", "SCT", "Couinaud hepatic segment VII")
LONG_AXIS = b.Code("103339001", "SCT", "Long axis")
SHORT_AXIS = b.Code("103340004", "SCT", "Short axis")
RESPONSE_METHOD = b.Code("112021", "DCM", "Response Evaluation Method")
RECIST = b.Code("126081", "DCM", "RECIST 1.1")
RESPONSE = b.Code("112048", "DCM", "Current Response")
PARTIAL_RESPONSE = b.Code("112042", "DCM", "Target Lesion Partial Response")
SUM_OF_DIAMETERS = b.Code("SLD", "99RECX", "Sum of diameters of target lesions")
CT_ABDOMEN = b.Code("169070004", "SCT", "CT of abdomen")

LESION_UID = f"{d.ROOT}.0.30"


def recist() -> Dataset:
    """Return the report."""
    uids = d.Uids(6)
    first, second = uids.image(1), uids.image(2)
    lines = b.group(
        *d.tracking("Liver target 1", LESION_UID),
        b.code(b.FINDING, METASTASIS),
        d.modifier(
            b.FINDING_SITE,
            LIVER,
            d.modifier(b.LATERALITY, b.RIGHT),
            d.modifier(d.TOPOGRAPHICAL_MODIFIER, SEGMENT_VII),
        ),
        b.num(LONG_AXIS, "31.7", b.MM, _line([200.5, 210.5, 240.5, 230.5], first)),
        b.num(SHORT_AXIS, "22.4", b.MM, _line([212.5, 236.5, 228.5, 204.5], first)),
        b.code(RESPONSE_METHOD, RECIST),
        template="1501",
    )
    segment = b.group(
        *d.tracking("Liver target 1", LESION_UID),
        d.modifier(b.FINDING_SITE, LIVER, d.modifier(d.TOPOGRAPHICAL_MODIFIER, SEGMENT_VII)),
        d.modifier(b.LATERALITY, b.RIGHT),
        b.image(uids.segmentation, concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[2]),
        b.image(first, concept=b.SOURCE_IMAGE),
        b.image(second, concept=b.SOURCE_IMAGE),
        b.num(b.VOLUME, "11874.25", b.CUBIC_MM),
        template="1411",
    )
    total = b.num(SUM_OF_DIAMETERS, "31.7", b.MM, b.by_reference("INFERRED FROM", 1, 8, 1))
    return d.report(
        uids,
        *d.person("Moss^Ada"),
        b.observer(b.DEVICE),
        d.context(d.DEVICE_OBSERVER_NAME, "Reading desk 3"),
        d.context(d.DEVICE_OBSERVER_MANUFACTURER, "Example Workstations"),
        d.procedure(CT_ABDOMEN),
        b.imaging_measurements(lines, segment),
        b.derived_measurements(total),
        b.evaluations(b.code(RESPONSE, PARTIAL_RESPONSE)),
        listed=[
            *(b.Instance(each, b.CT, uids.image_series, uids.study) for each in (first, second)),
            b.Instance(uids.segmentation, b.SEGMENTATION, uids.segmentation_series, uids.study),
        ],
        PatientID="P-4001",
        IssuerOfPatientID="HOSP_B",
        PatientName="Roth^Lea",
        PatientBirthDate="19700130",
        PatientSex="F",
        StudyDate="20260420",
        StudyTime="081000",
        ContentDate="20260420",
        ContentTime="101500",
        TimezoneOffsetFromUTC="+0200",
        VerificationFlag="VERIFIED",
        Manufacturer="Example Workstations",
        ManufacturerModelName="Onco-Reader",
        DeviceUID=f"{uids.base}.10",
    )


def _line(ends: list[float], image: str) -> Dataset:
    return b.scoord("POLYLINE", ends, b.image(image), concept=None, relationship="INFERRED FROM")
