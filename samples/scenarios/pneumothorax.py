"""A chest radiograph read by an AI unit: pneumothorax found, and the same unit that found none.

The finding that is present follows PS3.16 TID 1410 (planar region), the other TID 1501. That none was found
is said below the Finding, by Presence = Absent.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from samples.scenarios import documents as d
from tests import builders as b

PNEUMOTHORAX = b.Code("36118008", "SCT", "Pneumothorax")
PLEURA = b.Code("3120008", "SCT", "Pleura")
CHEST = b.Code("816094009", "SCT", "Chest")
APICAL = b.Code("43674008", "SCT", "Apical")
CERTAINTY = b.Code("111012", "DCM", "Certainty of Finding")
PRIORITY = b.Code("260870009", "SCT", "Priority")
EMERGENCY = b.Code("25876001", "SCT", "Emergency")
ROUTINE = b.Code("50811001", "SCT", "Routine")
COLLAPSE = b.Code("COLLAPSE", "99PTXD", "Pneumothorax fraction of hemithorax")
SOURCE_OF_MEASUREMENT = b.Code("121112", "DCM", "Source of Measurement")
CHEST_X_RAY = b.Code("36643-5", "LN", "XR Chest 2 Views")
ARTIFICIAL_INTELLIGENCE = b.Code("123110", "DCM", "Artificial Intelligence")

DEVICE_UID = f"{d.ROOT}.0.10"
SCHEME_UID = f"{d.ROOT}.0.11"


def present() -> Dataset:
    """Return the report of a pneumothorax: region, size, share of the hemithorax, certainty, priority."""
    uids = d.Uids(1)
    site = d.modifier(
        b.FINDING_SITE,
        PLEURA,
        d.modifier(b.LATERALITY, d.LEFT),
        d.modifier(d.TOPOGRAPHICAL_MODIFIER, APICAL),
    )
    outline = [812.5, 240.5, 901.5, 262.5, 955.5, 344.5, 812.5, 240.5]
    found = b.group(
        *d.tracking("PTX 1", f"{uids.base}.9"),
        b.code(b.FINDING, PNEUMOTHORAX),
        site,
        *_algorithm(),
        b.scoord("POLYLINE", outline, b.image(uids.image(1), sop_class=d.DIGITAL_X_RAY)),
        b.num(d.LENGTH, "18.40", b.MM, floating=18.4),
        b.num(COLLAPSE, "22", d.PERCENT),
        b.num(CERTAINTY, "97", d.PERCENT),
        b.code(PNEUMOTHORAX, d.PRESENT),
        b.code(PRIORITY, EMERGENCY),
        template="1410",
    )
    return _report(
        uids,
        found,
        AccessionNumber="ACC-1001",
        PatientID="P-1001",
        PatientName="Vind^Ida",
        PatientBirthDate="19620314",
        PatientSex="F",
        StudyID="S-1001",
    )


def absent() -> Dataset:
    """Return the report of the same unit on another patient, where it found no pneumothorax."""
    uids = d.Uids(2)
    presence = b.code(d.PRESENCE, d.ABSENT, relationship="HAS PROPERTIES")
    none = b.group(
        b.code(b.FINDING, PNEUMOTHORAX, presence),
        d.modifier(b.FINDING_SITE, CHEST),
        *_algorithm(),
        b.image(uids.image(1), concept=SOURCE_OF_MEASUREMENT, sop_class=d.DIGITAL_X_RAY),
        b.num(CERTAINTY, "3", d.PERCENT),
        b.code(PRIORITY, ROUTINE),
        template="1501",
    )
    return _report(
        uids,
        none,
        AccessionNumber="ACC-1002",
        PatientID="P-1002",
        PatientName="Eng^Per",
        PatientBirthDate="19780902",
        PatientSex="M",
        StudyID="S-1002",
    )


def _report(uids: d.Uids, group: Dataset, **patient: str) -> Dataset:
    return d.report(
        uids,
        b.observer(b.DEVICE),
        b.uidref(b.DEVICE_OBSERVER_UID, DEVICE_UID, relationship="HAS OBS CONTEXT"),
        d.context(d.DEVICE_OBSERVER_NAME, "PTX-Detect"),
        d.context(d.DEVICE_OBSERVER_MANUFACTURER, "Example AI"),
        d.context(d.DEVICE_OBSERVER_MODEL, "PTX-Detect Unit"),
        d.context(d.DEVICE_OBSERVER_SERIAL, "SN-0001"),
        d.procedure(CHEST_X_RAY),
        b.imaging_measurements(group),
        listed=[b.Instance(uids.image(1), d.DIGITAL_X_RAY, uids.image_series, uids.study)],
        IssuerOfPatientIDQualifiersSequence=d.PATIENT_ISSUER,
        IssuerOfAccessionNumberSequence=d.ACCESSION_ISSUER,
        StudyDate="20260310",
        StudyTime="101500",
        ContentDate="20260310",
        ContentTime="102005",
        TimezoneOffsetFromUTC="+0100",
        Manufacturer="Example Archive",
        ManufacturerModelName="PTX-Server",
        CodingSchemeIdentificationSequence=[
            b.sequence_item(CodingSchemeDesignator="99PTXD", CodingSchemeUID=SCHEME_UID)
        ],
        **patient,
    )


def _algorithm() -> list[Dataset]:
    return [
        d.parameter(b.ALGORITHM_NAME, "PTX-Net"),
        d.parameter(b.ALGORITHM_VERSION, "2.1.0"),
        d.parameter(b.ALGORITHM_PARAMETERS, "threshold=0.5"),
        d.modifier(b.ALGORITHM_FAMILY, ARTIFICIAL_INTELLIGENCE),
    ]
