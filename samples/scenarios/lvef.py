"""Left ventricular ejection fraction by ultrasound: three beats and their mean (PS3.16 TID 1501, 310, 312).

The header states neither an issuer of the Patient ID nor an offset from UTC.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from samples.scenarios import documents as d
from tests import builders as b

EJECTION_FRACTION = b.Code("18043-0", "LN", "Left Ventricular Ejection Fraction by US")
BIPLANE = b.Code("125207", "DCM", "Method of Disks, Biplane")
MEAN = b.Code("373098007", "SCT", "Mean")
LEFT_VENTRICLE = b.Code("87878005", "SCT", "Left ventricle")
SELECTION_STATUS = b.Code("121404", "DCM", "Selection Status")
MEAN_CHOSEN = b.Code("121412", "DCM", "Mean value chosen")
NORMALITY = b.Code("121402", "DCM", "Normality")
ABNORMALLY_LOW = b.Code("371880002", "SCT", "Abnormally Low")
LOWER_LIMIT = b.Code("385524004", "SCT", "Lower Limit of Normal Range")
UPPER_LIMIT = b.Code("371933006", "SCT", "Upper Limit of Normal Range")
RANGE_DESCRIPTION = b.Code("121407", "DCM", "Normal Range description")
RANGE_AUTHORITY = b.Code("121408", "DCM", "Normal Range Authority")
ECHOCARDIOGRAPHY = b.Code("433236007", "SCT", "Transthoracic echocardiography")

# positions of the three beats in the content tree
BEATS = [(1, 5, 1, 3), (1, 5, 1, 4), (1, 5, 1, 5)]


def ejection_fraction() -> Dataset:
    """Return the report: three measurements, and the mean that is inferred from them."""
    uids = d.Uids(5)
    mean = b.num(
        EJECTION_FRACTION,
        "48.0",
        d.PERCENT,
        d.modifier(d.DERIVATION, MEAN),
        b.code(SELECTION_STATUS, MEAN_CHOSEN, relationship="HAS PROPERTIES"),
        b.code(NORMALITY, ABNORMALLY_LOW, relationship="HAS PROPERTIES"),
        b.num(LOWER_LIMIT, "52", d.PERCENT, relationship="HAS PROPERTIES"),
        b.num(UPPER_LIMIT, "72", d.PERCENT, relationship="HAS PROPERTIES"),
        b.text(RANGE_DESCRIPTION, "Adult male", relationship="HAS PROPERTIES"),
        b.text(RANGE_AUTHORITY, "ASE/EACVI 2015", relationship="HAS PROPERTIES"),
        *(b.by_reference("INFERRED FROM", *position) for position in BEATS),
    )
    group = b.group(
        d.modifier(b.FINDING_SITE, LEFT_VENTRICLE),
        d.modifier(d.METHOD, BIPLANE),
        *(b.num(EJECTION_FRACTION, value, d.PERCENT) for value in ("47.2", "49.1", "47.7")),
        mean,
        template="1501",
    )
    return d.report(
        uids,
        *d.person("Lund^Eva"),
        d.procedure(ECHOCARDIOGRAPHY),
        b.imaging_measurements(group),
        listed=[],
        AccessionNumber="ACC-3001",
        PatientID="P-3001",
        PatientName="Dahl^Tor",
        PatientBirthDate="19490705",
        PatientSex="M",
        StudyDate="20260211",
        StudyTime="140000",
        ContentDate="20260211",
        ContentTime="143000",
        TimezoneOffsetFromUTC=None,
        PreliminaryFlag="FINAL",
        VerificationFlag="VERIFIED",
        VerifyingObserverSequence=[
            b.sequence_item(
                VerifyingObserverName="Berg^Kai",
                VerifyingOrganization="Example Clinic",
                VerificationDateTime="20260211150000",
            )
        ],
        Manufacturer="Example Ultrasound",
        ManufacturerModelName="Echo-Calc",
        DeviceUID=f"{uids.base}.10",
    )
