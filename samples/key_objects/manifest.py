"""A manifest with an Image Library, as IHE RAD MADO describes it (section 6.X.2), with DICOM's own codes.

Three series and an ECG: slices, a multi-frame, a key object document. Series on two servers.
"""

from __future__ import annotations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from samples.key_objects import documents as d
from tests import builders as b

MANIFEST_WITH_DESCRIPTION = b.Code("131560", "DCM", "Manifest with Description")
MODALITY = b.Code("121139", "DCM", "Modality")
TARGET_REGION = b.Code("123014", "DCM", "Target Region")
IMAGE_LATERALITY = b.Code("111027", "DCM", "Image Laterality")
SERIES_INSTANCE_UID = b.Code("112002", "DCM", "Series Instance UID")
SERIES_NUMBER = b.Code("113607", "DCM", "Series Number")
SERIES_DATE = b.Code("131561", "DCM", "Series Date")
SERIES_TIME = b.Code("131562", "DCM", "Series Time")
SERIES_DESCRIPTION = b.Code("131563", "DCM", "Series Description")
NUMBER_OF_INSTANCES = b.Code("131564", "DCM", "Number of Series Related Instances")
NUMBER_OF_SERIES = b.Code("131565", "DCM", "Number of Study Related Series")
INSTANCE_NUMBER = b.Code("113609", "DCM", "Instance Number")
NUMBER_OF_FRAMES = b.Code("121140", "DCM", "Number of Frames")
DOCUMENT_TITLE = b.Code("121144", "DCM", "Document Title")

SERIES_UNIT = b.Code("{series}", "UCUM", "series")
INSTANCES_UNIT = b.Code("{instances}", "UCUM", "instances")
FRAMES_UNIT = b.Code("{frames}", "UCUM", "frames")

UPPER_TRUNK = b.Code("67734004", "SCT", "Upper trunk")
KNEE = b.Code("72696002", "SCT", "Knee")
LEFT = b.Code("7771000", "SCT", "Left")

STUDY = f"{d.ROOT}.30.1"
SLICES, LOOPS, KEY_OBJECTS, TRACES = (f"{STUDY}.{number}" for number in (1, 2, 3, 4))
EAST = {"RetrieveURL": "https://east.hospital.test/dicom-web", "RetrieveLocationUID": f"{d.ROOT}.9.1"}
WEST = {"RetrieveURL": "https://west.hospital.test/wado/rs/", "RetrieveLocationUID": f"{d.ROOT}.9.2"}


def manifest() -> Dataset:
    """Return the manifest."""
    slices = [f"{SLICES}.{number}" for number in (1, 2, 3)]
    loop, selection, trace = f"{LOOPS}.1", f"{KEY_OBJECTS}.1", f"{TRACES}.1"
    study = d.study(
        STUDY,
        d.series(SLICES, [(each, b.CT) for each in slices], **EAST),
        d.series(LOOPS, [(loop, d.US_MULTI_FRAME)], **WEST),
        d.series(KEY_OBJECTS, [(selection, b.KEY_OBJECT_SELECTION)], **EAST),
        d.series(TRACES, [(trace, b.ECG)], **EAST),
    )
    study.add(DataElement(0x0040E012, "UR", "https://view.hospital.test/?study=30"))  # Display URI
    return d.key_objects(
        MANIFEST_WITH_DESCRIPTION,
        b.code(d.PROCEDURE_CODE, b.Code("169069000", "SCT", "CT of chest"), relationship="HAS CONCEPT MOD"),
        d.language("en-GB", "English (United Kingdom)"),
        *d.person("Byrne^Aoife"),
        b.container(
            b.IMAGE_LIBRARY,
            *(_coded(MODALITY, _modality(each)) for each in ("CT", "US", "KO", "ECG")),
            _coded(TARGET_REGION, UPPER_TRUNK),
            _coded(TARGET_REGION, KNEE),
            _count(NUMBER_OF_SERIES, 4, SERIES_UNIT),
            _group(
                "CT",
                SLICES,
                "1",
                *(
                    b.image(each, _text(INSTANCE_NUMBER, str(number)))
                    for number, each in enumerate(slices, start=1)
                ),
                started=("20260414", "102030.5"),
                description="Thorax, lung window",
                region=[_coded(TARGET_REGION, UPPER_TRUNK)],
                instances=3,
            ),
            _group(
                "US",
                LOOPS,
                "2",
                b.image(
                    loop,
                    _text(INSTANCE_NUMBER, "1"),
                    _count(NUMBER_OF_FRAMES, 48, FRAMES_UNIT),
                    sop_class=d.US_MULTI_FRAME,
                ),
                started=("20260414", "111500"),
                description="Knee, long axis",
                region=[_coded(TARGET_REGION, KNEE), _coded(IMAGE_LATERALITY, LEFT)],
                instances=1,
            ),
            _group(
                "KO",
                KEY_OBJECTS,
                "999",
                b.composite(
                    selection,
                    _coded(DOCUMENT_TITLE, b.OF_INTEREST),
                    _text(b.KEY_OBJECT_DESCRIPTION, "Nodule, middle lobe"),
                    sop_class=b.KEY_OBJECT_SELECTION,
                ),
                instances=1,
            ),
            _group("ECG", TRACES, "4", b.waveform(trace, _text(INSTANCE_NUMBER, "1")), instances=1),
        ),
        *(b.image(each) for each in slices),
        b.image(loop, sop_class=d.US_MULTI_FRAME),
        b.composite(selection, sop_class=b.KEY_OBJECT_SELECTION),
        b.waveform(trace),
        listed=[],
        SOPInstanceUID=f"{STUDY}.9.1",
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=f"{STUDY}.9",
        SeriesNumber="1000",
        StudyDate="20260414",
        StudyTime="101500",
        StudyID="",
        StudyDescription="CT of thorax, ultrasound of knee",
        SeriesDescription="Manifest",
        AccessionNumber="A-3001",
        IssuerOfAccessionNumberSequence=d.issuer(d.ACCESSIONS),
        ContentDate="20260415",
        ContentTime="060000",
        TimezoneOffsetFromUTC="+0100",
        PatientName="Kelly^Rory",
        PatientID="KO-3000",
        TypeOfPatientID="TEXT",
        PatientBirthDate="20010228",
        PatientSex="M",
        Manufacturer="Example Archives",
        ManufacturerModelName=None,
        # an XON (HL7 2.5): name in the first component, identifier in the tenth, its issuer in the sixth
        InstitutionName="Example Hospital^^^^^&2.25.1983117625&ISO^^^^H-12",
        ReferencedRequestSequence=[
            d.request(STUDY, "A-3001", "P-61", "RP-61"),
            d.request(STUDY, "A-3001", "P-62", "RP-62"),
        ],
        CurrentRequestedProcedureEvidenceSequence=[study],
    )


def _group(
    modality: str,
    uid: str,
    number: str,
    *entries: Dataset,
    instances: int,
    started: tuple[str, str] | None = None,
    description: str | None = None,
    region: list[Dataset] | None = None,
) -> Dataset:
    """Return an Image Library Group (TID 1600) with the descriptors of a series (TID 1602)."""
    dates = [
        *([b.date(SERIES_DATE, started[0], relationship="HAS ACQ CONTEXT")] if started else []),
        *([b.time(SERIES_TIME, started[1], relationship="HAS ACQ CONTEXT")] if started else []),
    ]
    return b.container(
        b.IMAGE_LIBRARY_GROUP,
        _coded(MODALITY, _modality(modality)),
        *dates,
        *([_text(SERIES_DESCRIPTION, description)] if description else []),
        _text(SERIES_NUMBER, number),
        b.uidref(SERIES_INSTANCE_UID, uid, relationship="HAS ACQ CONTEXT"),
        *(region or []),
        _count(NUMBER_OF_INSTANCES, instances, INSTANCES_UNIT),
        *entries,
    )


def _modality(code: str) -> b.Code:
    meanings = {
        "CT": "Computed Tomography",
        "US": "Ultrasound",
        "KO": "Key Object Selection",
        "ECG": "Electrocardiography",
    }
    return b.Code(code, "DCM", meanings[code])


def _coded(concept: b.Code, value: b.Code) -> Dataset:
    return b.code(concept, value, relationship="HAS ACQ CONTEXT")


def _text(concept: b.Code, value: str) -> Dataset:
    return b.text(concept, value, relationship="HAS ACQ CONTEXT")


def _count(concept: b.Code, number: int, unit: b.Code) -> Dataset:
    return b.num(concept, str(number), unit, relationship="HAS ACQ CONTEXT")
