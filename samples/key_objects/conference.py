"""A selection for a conference from two studies, and its copy in the other study (PS3.3 C.17.6.2.1).

Frames of an angiography, segments of a segmentation, two requests of one study, two descriptions.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from samples.key_objects import documents as d
from tests import builders as b

FOR_CONFERENCE = b.Code("113005", "DCM", "For Conference")

CT_STUDY = f"{d.ROOT}.20.1"
ANGIOGRAPHY_STUDY = f"{d.ROOT}.20.2"
CT_SERIES = f"{CT_STUDY}.1"
SEGMENTATION_SERIES = f"{CT_STUDY}.2"
RUNS = f"{ANGIOGRAPHY_STUDY}.1"
SEGMENTATION = f"{SEGMENTATION_SERIES}.1"
SLICES = [(f"{CT_SERIES}.{number}", b.CT) for number in (41, 42)]
FIRST_RUN, SECOND_RUN = f"{RUNS}.1", f"{RUNS}.2"


def of_ct_study() -> Dataset:
    """Return the copy in the study of the CT."""
    return _copy(CT_STUDY, "20260407", "A-2001", identical=ANGIOGRAPHY_STUDY)


def of_angiography_study() -> Dataset:
    """Return the copy in the study of the angiography."""
    return _copy(ANGIOGRAPHY_STUDY, "20260409", "A-2002", identical=CT_STUDY)


def _copy(study: str, date: str, accession: str, identical: str) -> Dataset:
    requests = [
        d.request(CT_STUDY, "A-2001", "P-31", "RP-31"),
        d.request(CT_STUDY, "A-2001", "P-32", "RP-32"),
        d.request(ANGIOGRAPHY_STUDY, "A-2002", "P-33", "RP-33"),
    ]
    return d.key_objects(
        FOR_CONFERENCE,
        d.language("en", "English"),
        *d.person("Haddad^Samir"),
        d.description("Discuss the portal vein"),
        d.description("Before and after embolization"),
        b.image(FIRST_RUN, sop_class=d.XRAY_ANGIOGRAPHY, frames=[12, 13, 30]),
        b.image(SLICES[1][0]),
        b.image(SEGMENTATION, sop_class=b.SEGMENTATION, segments=[2, 5]),
        b.image(SLICES[0][0]),
        b.image(SECOND_RUN, sop_class=d.XRAY_ANGIOGRAPHY, frames=[7]),
        listed=[],
        SOPInstanceUID=_document(study),
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.9",
        SeriesNumber="990",
        StudyDate=date,
        StudyTime="091500",
        StudyID="",
        AccessionNumber=accession,
        IssuerOfAccessionNumberSequence=d.issuer(d.ACCESSIONS),
        ContentDate="20260410",
        ContentTime="073000",
        TimezoneOffsetFromUTC="+0200",
        PatientName="Vogt^Ines",
        PatientID="KO-2000",
        PatientBirthDate="19540917",
        PatientSex="F",
        Manufacturer="Example Workstations",
        ManufacturerModelName="Board-1",
        ReferencedRequestSequence=requests,
        CurrentRequestedProcedureEvidenceSequence=[
            d.study(
                CT_STUDY,
                d.series(CT_SERIES, SLICES),
                d.series(SEGMENTATION_SERIES, [(SEGMENTATION, b.SEGMENTATION)]),
            ),
            d.study(
                ANGIOGRAPHY_STUDY,
                d.series(RUNS, [(run, d.XRAY_ANGIOGRAPHY) for run in (FIRST_RUN, SECOND_RUN)]),
            ),
        ],
        IdenticalDocumentsSequence=[
            d.study(identical, d.series(f"{identical}.9", [(_document(identical), b.KEY_OBJECT_SELECTION)]))
        ],
    )


def _document(study: str) -> str:
    return f"{study}.9.1"
