"""Rows of section 3.2: the header of the document."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import InputError, Packaging, Result

from tests import builders as b
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    SOP_CLASS,
    V2_0203,
    absent,
    category,
    coding,
    concept,
    findings,
    observation,
    oid,
    one,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.shapes import SR_CLASSES

STUDY_TYPE = concept(DCM, "110180", "Study Instance UID")
ACCESSION_TYPE = concept(V2_0203, "ACSN", "Accession ID")
CHEST = b.Code("24627-2", "LN", "CT Chest")


def typed(kind: str) -> dict[str, Any]:
    """Write an identifier type of v2-0203, for which no display is prescribed."""
    return {"coding": [{"system": V2_0203, "code": kind}]}


def measured(**header: Any) -> Dataset:
    """Return a report with one measurement."""
    return b.measurement_report(b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM)), **header)


def only(result: Result) -> dict[str, Any]:
    return observation(result, b.VOLUME.value)


# ---- patient -------------------------------------------------------------------------------------


@pytest.mark.row("3.2.01")
def test_patient_id(transform: Transform) -> None:
    result = transform(measured())
    identifier = {"type": typed("MR"), "value": "PID-1"}
    patient = one(result, "Patient")
    assert patient["identifier"] == [identifier]
    subject = {"reference": urn(patient), "type": "Patient", "identifier": identifier}
    subjects = [
        each["subject"] for each in resources(result, "Observation") + resources(result, "ImagingSelection")
    ]
    assert len(subjects) == 2
    assert subjects == [subject] * 2
    assert one(result, "ImagingStudy")["subject"] == subject


@pytest.mark.row("3.2.01")
def test_no_patient_id(transform: Transform) -> None:
    result = transform(measured(PatientID=None))
    patient = one(result, "Patient")
    assert "identifier" not in patient
    assert patient["name"][0]["family"] == "Doe"
    assert only(result)["subject"] == {"reference": urn(patient), "type": "Patient"}
    assert findings(result, "missing-identifier") == [("warning", "PatientID")]


ISSUERS = [
    ("http://hospital.example/mr", "URI", "http://hospital.example/mr"),
    ("test-hospital.org", "URI", None),
    ("test-hospital.org", "DNS", None),
    ("1.2.3.4", "ISO", "urn:oid:1.2.3.4"),
    ("3a1f0c1e-0000-4000-8000-000000000001", "UUID", "urn:uuid:3a1f0c1e-0000-4000-8000-000000000001"),
    ("HOSPITAL", "L", None),
]


@pytest.mark.row("3.2.02")
def test_issuer_of_the_patient_id(transform: Transform) -> None:
    for entity, kind, system in ISSUERS:
        issuer = b.sequence_item(
            LocalNamespaceEntityID="Test Hospital", UniversalEntityID=entity, UniversalEntityIDType=kind
        )
        result = transform(
            b.measurement_report(IssuerOfPatientIDQualifiersSequence=[issuer], IssuerOfPatientID="Other")
        )
        (identifier,) = one(result, "Patient")["identifier"]
        assert identifier.get("system") == system
        assert identifier["assigner"] == {"display": "Test Hospital"}
        assert findings(result, "unknown-issuer") == ([] if system else [("warning", "PatientID")])


@pytest.mark.row("3.2.02")
def test_issuer_by_name_only_and_by_default(transform: Transform) -> None:
    named = transform(b.measurement_report(IssuerOfPatientID="Other"))
    (identifier,) = one(named, "Patient")["identifier"]
    assert identifier["assigner"] == {"display": "Other"}
    assert "system" not in identifier
    default = transform(b.measurement_report(), patient_id_system="urn:oid:1.2.840.99.79")
    assert one(default, "Patient")["identifier"] == [
        {"type": typed("MR"), "system": "urn:oid:1.2.840.99.79", "value": "PID-1"}
    ]


@pytest.mark.row("3.2.02")
def test_the_configured_system_is_not_that_of_another_issuer(transform: Transform) -> None:
    """Number P123 of HOSP_B is not number P123 of the hospital that is configured."""
    configured = {
        "patient_id_system": "http://hosp-a.example/mrn",
        "accession_system": "http://hosp-a.example/a",
    }
    local = b.sequence_item(LocalNamespaceEntityID="HOSP_B")
    for stated in ({"IssuerOfPatientID": "HOSP_B"}, {"IssuerOfPatientIDQualifiersSequence": [local]}):
        report = measured(
            **stated, PatientID="P123", AccessionNumber="A-1", IssuerOfAccessionNumberSequence=[local]
        )
        result = transform(report, **configured)
        number = {"type": typed("MR"), "value": "P123", "assigner": {"display": "HOSP_B"}}
        assert one(result, "Patient")["identifier"] == [number]
        assert "system" not in one(result, "ServiceRequest")["identifier"][0]
        assert findings(result, "unknown-issuer") == [
            ("warning", "PatientID"),
            ("warning", "AccessionNumber"),
        ]
        known = transform(report, **configured, issuers={"HOSP_B": "urn:oid:1.2.840.99.2"})
        assert one(known, "Patient")["identifier"][0]["system"] == "urn:oid:1.2.840.99.2"
        assert one(known, "ServiceRequest")["identifier"][0]["system"] == "urn:oid:1.2.840.99.2"
        assert not findings(known, "unknown-issuer")


@pytest.mark.row("3.2.02")
def test_a_patient_id_of_two_issuers_of_which_one_is_unknown_has_no_system(transform: Transform) -> None:
    local = b.sequence_item(LocalNamespaceEntityID="HOSP_C")
    report = measured(
        PatientID="P123", IssuerOfPatientID="HOSP_B", IssuerOfPatientIDQualifiersSequence=[local]
    )
    result = transform(report, issuers={"HOSP_B": "urn:oid:1.2.840.99.2"})
    number = {"type": typed("MR"), "value": "P123", "assigner": {"display": "HOSP_C"}}
    assert one(result, "Patient")["identifier"] == [number]
    assert findings(result, "unknown-issuer") == [("warning", "PatientID")]


@pytest.mark.row("3.2.01")
def test_the_number_of_a_tag_is_no_record_number(transform: Transform) -> None:
    for kind in ("RFID", "BARCODE"):
        result = transform(measured(TypeOfPatientID=kind), patient_id_system="http://hosp-a.example/mrn")
        patient = one(result, "Patient")
        assert patient["identifier"] == [{"value": "PID-1"}]
        assert only(result)["subject"] == {"reference": urn(patient), "type": "Patient"}
        assert findings(result, "missing-identifier") == [("warning", "PatientID")]
    result = transform(measured(TypeOfPatientID="TEXT"))
    assert one(result, "Patient")["identifier"] == [{"type": typed("MR"), "value": "PID-1"}]


@pytest.mark.row("3.2.03")
def test_another_patient_id_never_stands_for_the_patient_id(transform: Transform) -> None:
    other = b.sequence_item(PatientID="X-1", TypeOfPatientID="TEXT")
    result = transform(measured(PatientID=None, OtherPatientIDsSequence=[other]))
    patient = one(result, "Patient")
    assert patient["identifier"] == [{"value": "X-1"}]
    assert only(result)["subject"] == {"reference": urn(patient), "type": "Patient"}


@pytest.mark.row("3.2.03")
def test_other_patient_ids(transform: Transform) -> None:
    issuer = b.sequence_item(UniversalEntityID="1.2.3.4", UniversalEntityIDType="ISO")
    others = [
        b.sequence_item(PatientID="X-1", IssuerOfPatientIDQualifiersSequence=[issuer]),
        b.sequence_item(PatientID="X-2"),
    ]
    result = transform(b.measurement_report(OtherPatientIDsSequence=others))
    first, *rest = one(result, "Patient")["identifier"]
    assert first["value"] == "PID-1"
    assert rest == [{"system": "urn:oid:1.2.3.4", "value": "X-1"}, {"value": "X-2"}]


@pytest.mark.row("3.2.04")
def test_name_birth_date_and_sex(transform: Transform) -> None:
    result = transform(
        b.measurement_report(PatientName="EXAMPLE^MEASUREMENT", PatientBirthDate="19670701", PatientSex="F")
    )
    patient = one(result, "Patient")
    assert (patient["name"][0]["family"], patient["name"][0]["given"]) == ("EXAMPLE", ["MEASUREMENT"])
    assert (patient["birthDate"], patient["gender"]) == ("1967-07-01", "female")
    bare = one(transform(b.measurement_report(PatientName=None)), "Patient")
    assert not {"name", "birthDate", "gender"} & set(bare)
    wrong = transform(b.measurement_report(PatientBirthDate="19670799"))
    assert "birthDate" not in one(wrong, "Patient")
    assert unmapped(wrong)["PatientBirthDate"] == "invalid-value"


# ---- study and order -----------------------------------------------------------------------------


@pytest.mark.row("3.2.05")
def test_study_instance_uid(transform: Transform) -> None:
    result = transform(measured())
    study = one(result, "ImagingStudy")
    assert study["identifier"] == [oid("1.2.840.99.1")]
    assert study["status"] == "available"
    reference = {
        "reference": urn(study),
        "type": "ImagingStudy",
        "identifier": {"type": STUDY_TYPE, **oid("1.2.840.99.1")},
    }
    assert only(result)["partOf"] == [reference]
    selection = one(result, "ImagingSelection")
    assert selection["derivedFrom"] == [reference]
    assert selection["studyUid"] == "1.2.840.99.1"


@pytest.mark.row("3.2.05")
def test_no_study_instance_uid(transform: Transform) -> None:
    with pytest.raises(InputError) as error:
        transform(measured(StudyInstanceUID=None))
    assert error.value.where == "StudyInstanceUID"


@pytest.mark.row("3.2.06")
def test_study_attributes(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            StudyID="SID-235813",
            StudyDescription="CT Thorax",
            ProcedureCodeSequence=[CHEST.as_item(), b.Code("P1", "99TEST", "Local").as_item()],
        )
    )
    study = one(result, "ImagingStudy")
    assert study["identifier"] == [oid("1.2.840.99.1"), {"value": "SID-235813"}]
    assert study["description"] == "CT Thorax"
    assert study["started"] == "2024-01-02T10:15:00+01:00"
    assert study["procedure"] == [
        {"concept": concept("http://loinc.org", "24627-2", "CT Chest")},
        {"concept": concept("urn:x-dicom-csd:99TEST", "P1", "Local")},
    ]
    bare = one(transform(b.measurement_report(StudyDate=None, StudyTime=None)), "ImagingStudy")
    assert not {"description", "started", "procedure", "basedOn"} & set(bare)
    assert bare["identifier"] == [oid("1.2.840.99.1")]


@pytest.mark.row("3.2.07")
def test_accession_number(transform: Transform) -> None:
    issuer = b.sequence_item(
        LocalNamespaceEntityID="RIS",
        UniversalEntityID="http://hospital.example/acsn",
        UniversalEntityIDType="URI",
    )
    result = transform(measured(AccessionNumber="A-1", IssuerOfAccessionNumberSequence=[issuer]))
    order = one(result, "ServiceRequest")
    identifier = {
        "type": ACCESSION_TYPE,
        "system": "http://hospital.example/acsn",
        "value": "A-1",
        "assigner": {"display": "RIS"},
    }
    assert order["identifier"] == [identifier]
    assert (order["status"], order["intent"]) == ("unknown", "order")
    assert target(result, order["subject"])["resourceType"] == "Patient"
    reference = {"reference": urn(order), "type": "ServiceRequest", "identifier": identifier}
    for kind in ("Observation", "ImagingSelection", "ImagingStudy"):
        assert one(result, kind)["basedOn"] == [reference]


@pytest.mark.row("3.2.07")
def test_no_accession_number(transform: Transform) -> None:
    result = transform(measured(AccessionNumber=""))
    assert not resources(result, "ServiceRequest")
    for kind in ("Observation", "ImagingSelection", "ImagingStudy"):
        assert "basedOn" not in one(result, kind)
    default = transform(b.measurement_report(AccessionNumber="A-1"), accession_system="urn:oid:1.2.840.99.78")
    assert one(default, "ServiceRequest")["identifier"][0]["system"] == "urn:oid:1.2.840.99.78"


def request(**attributes: Any) -> Dataset:
    return b.sequence_item(StudyInstanceUID="1.2.840.99.1", **attributes)


FULL_REQUEST: dict[str, Any] = {
    "PlacerOrderNumberImagingServiceRequest": "P-1",
    "OrderPlacerIdentifierSequence": [
        b.sequence_item(UniversalEntityID="1.2.840.99.75", UniversalEntityIDType="ISO")
    ],
    "FillerOrderNumberImagingServiceRequest": "F-1",
    "RequestedProcedureID": "RP-1",
    "RequestedProcedureCodeSequence": [CHEST.as_item()],
    "RequestedProcedureDescription": "CT of the chest, urgent",
}


@pytest.mark.row("3.2.08")
def test_a_request_enriches_the_order_of_the_header(transform: Transform) -> None:
    items = [request(AccessionNumber="A-1", **FULL_REQUEST)]
    result = transform(measured(AccessionNumber="A-1", ReferencedRequestSequence=items))
    order = one(result, "ServiceRequest")
    assert order["identifier"] == [
        {"type": ACCESSION_TYPE, "value": "A-1"},
        {"type": typed("PLAC"), "system": "urn:oid:1.2.840.99.75", "value": "P-1"},
        {"type": typed("FILL"), "value": "F-1"},
        {"value": "RP-1"},
    ]
    chest = concept("http://loinc.org", "24627-2", "CT Chest")
    assert order["code"] == {"concept": {**chest, "text": "CT of the chest, urgent"}}
    (reference,) = only(result)["basedOn"]
    assert target(result, reference) == order


@pytest.mark.row("3.2.08")
def test_a_request_supplies_the_order_where_the_header_has_none(transform: Transform) -> None:
    described = request(AccessionNumber="A-7", RequestedProcedureDescription="CT of the chest")
    result = transform(measured(ReferencedRequestSequence=[described]))
    order = one(result, "ServiceRequest")
    assert order["code"] == {"concept": {"text": "CT of the chest"}}
    (reference,) = only(result)["basedOn"]
    assert target(result, reference) == order
    assert reference["identifier"] == {"type": ACCESSION_TYPE, "value": "A-7"}


@pytest.mark.row("3.2.08")
def test_further_requests_are_named_by_identifier_only(transform: Transform) -> None:
    items = [
        request(AccessionNumber="A-2"),
        request(PlacerOrderNumberImagingServiceRequest="P-3", FillerOrderNumberImagingServiceRequest="F-3"),
    ]
    result = transform(measured(AccessionNumber="A-1", ReferencedRequestSequence=items))
    assert [order["identifier"][0]["value"] for order in resources(result, "ServiceRequest")] == [
        "A-1",
        "A-2",
        "P-3",
    ]
    first, *further = only(result)["basedOn"]
    assert target(result, first)["identifier"][0]["value"] == "A-1"
    assert further == [
        {"type": "ServiceRequest", "identifier": {"type": ACCESSION_TYPE, "value": "A-2"}},
        {"type": "ServiceRequest", "identifier": {"type": typed("PLAC"), "value": "P-3"}},
    ]
    literal = [each for each in one(result, "ImagingSelection")["basedOn"] if "reference" in each]
    assert literal == [first]


SHARED = {
    "placer": ({"PlacerOrderNumberImagingServiceRequest": "P-2"}, {"type": typed("PLAC"), "value": "P-2"}),
    "filler": ({"FillerOrderNumberImagingServiceRequest": "F-2"}, {"type": typed("FILL"), "value": "F-2"}),
    "procedure": ({"RequestedProcedureID": "RP-2"}, {"value": "RP-2"}),
}


@pytest.mark.row("3.2.08")
@pytest.mark.parametrize("packaging", [None, Packaging("transaction")])
@pytest.mark.parametrize("number", SHARED)
def test_orders_with_one_accession_number_are_told_apart(
    transform: Transform, number: str, packaging: Packaging | None
) -> None:
    """The first keeps it; another is named by the first number that no order before it has."""
    stated, identifier = SHARED[number]
    items = [
        request(AccessionNumber="A-1", PlacerOrderNumberImagingServiceRequest="P-1"),
        request(AccessionNumber="A-1", **stated),
    ]
    result = transform(measured(AccessionNumber="A-1", ReferencedRequestSequence=items), packaging)
    named = [each["identifier"] for each in only(result)["basedOn"]]
    assert named == [{"type": ACCESSION_TYPE, "value": "A-1"}, identifier]
    assert not findings(result, "conflict")


@pytest.mark.row("3.2.08")
def test_orders_that_no_number_tells_apart(transform: Transform) -> None:
    items = [
        request(AccessionNumber="A-1", RequestedProcedureDescription="CT of the chest"),
        request(AccessionNumber="A-1", RequestedProcedureDescription="CT of the abdomen"),
    ]
    result = transform(measured(AccessionNumber="A-1", ReferencedRequestSequence=items))
    assert len(resources(result, "ServiceRequest")) == 2
    assert [each["identifier"]["value"] for each in only(result)["basedOn"]] == ["A-1", "A-1"]
    assert findings(result, "conflict") == [("warning", "ReferencedRequestSequence.2.AccessionNumber")]


# ---- document ------------------------------------------------------------------------------------


@pytest.mark.row("3.2.09")
def test_preliminary_flag(transform: Transform) -> None:
    """The flag wins over completion and verification (decision D16)."""
    for flag, status in (("PRELIMINARY", "preliminary"), ("FINAL", "final"), ("OTHER", "unknown")):
        result = transform(
            measured(PreliminaryFlag=flag, CompletionFlag="PARTIAL", VerificationFlag="UNVERIFIED")
        )
        assert only(result)["status"] == status
        assert "PreliminaryFlag" not in unmapped(result)


STATES = [
    ("PARTIAL", "UNVERIFIED", "preliminary"),
    ("PARTIAL", "VERIFIED", "preliminary"),
    ("COMPLETE", "VERIFIED", "final"),
    ("COMPLETE", "UNVERIFIED", "preliminary"),
    (None, "VERIFIED", "final"),
    ("COMPLETE", None, "unknown"),
    (None, None, "unknown"),
]


@pytest.mark.row("3.2.10")
def test_completion_and_verification(transform: Transform) -> None:
    for completion, verification, status in STATES:
        result = transform(measured(CompletionFlag=completion, VerificationFlag=verification))
        assert only(result)["status"] == status, (completion, verification)
        stated = {"CompletionFlag": completion, "VerificationFlag": verification}
        assert {category(result, name) for name, value in stated.items() if value} <= {"CONTEXT"}
        odd = (completion, verification) == ("PARTIAL", "VERIFIED")
        assert [severity for severity, _ in findings(result, "conflict")] == ["warning"] * odd


@pytest.mark.row("3.2.11")
def test_content_date_and_time(transform: Transform) -> None:
    stated = transform(measured(ContentDate="20190323", ContentTime="082428", TimezoneOffsetFromUTC="+0000"))
    assert only(stated)["issued"] == "2019-03-23T08:24:28+00:00"
    assert not {"ContentDate", "ContentTime"} & set(unmapped(stated))
    created = {"InstanceCreationDate": "20190324", "InstanceCreationTime": "0930"}
    later = transform(measured(ContentDate=None, ContentTime=None, **created))
    assert only(later)["issued"] == "2019-03-24T09:30:00+01:00"
    never = only(transform(measured(ContentDate="20190323", ContentTime=None)))
    assert "issued" not in never
    assert never["_issued"] == {"extension": absent("unknown")}


@pytest.mark.row("3.2.11", "3.2.05")
def test_a_document_without_any_time_or_observer(transform: Transform) -> None:
    """Section 5.2: what is required is there, although nothing is stated that holds for the measurement."""
    result = transform(measured(ContentDate=None, ContentTime=None, StudyDate=None, StudyTime=None))
    assert only(result)["_issued"] == {"extension": absent("unknown")}
    assert only(result)["partOf"][0]["reference"] == urn(one(result, "ImagingStudy"))
    assert target(result, only(result)["device"]) == one(result, "Device", "dicom-general-equipment")


@pytest.mark.row("3.2.12")
def test_study_date_and_time(transform: Transform) -> None:
    assert only(transform(measured()))["effectiveDateTime"] == "2024-01-02T10:15:00+01:00"
    assert only(transform(measured(StudyTime=None)))["effectiveDateTime"] == "2024-01-02"
    assert "effectiveDateTime" not in only(transform(measured(StudyDate=None, StudyTime=None)))


# ---- equipment -----------------------------------------------------------------------------------


@pytest.mark.row("3.2.13")
def test_general_equipment(transform: Transform) -> None:
    device = one(transform(b.measurement_report(DeviceUID="1.2.3.8888")), "Device", "dicom-general-equipment")
    assert device["identifier"] == [oid("1.2.3.8888")]
    assert (device["manufacturer"], device["displayName"], device["modelNumber"]) == (
        "Maker",
        "Model",
        "Model",
    )


NAMES: list[tuple[dict[str, Any], str]] = [
    ({"ManufacturerModelName": None, "StationName": "CT1"}, "CT1"),
    ({"ManufacturerModelName": None}, "Maker"),
    ({"ManufacturerModelName": None, "Manufacturer": None}, "Unidentified DICOM equipment"),
]


@pytest.mark.row("3.2.13")
def test_equipment_without_a_model(transform: Transform) -> None:
    for header, name in NAMES:
        device = one(transform(b.measurement_report(**header)), "Device", "dicom-general-equipment")
        assert device["displayName"] == name
        assert not {"identifier", "modelNumber"} & set(device)


@pytest.mark.row("3.2.14")
def test_further_attributes_of_the_equipment(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            DeviceSerialNumber="SN-1",
            SoftwareVersions=["4.1", "B"],
            StationName="CT1",
            InstitutionName="Test Hospital",
        )
    )
    device = one(result, "Device")
    assert device["serialNumber"] == "SN-1"
    assert device["version"] == [{"value": "4.1"}, {"value": "B"}]
    assert device["name"] == [
        {"value": "Model", "type": "user-friendly-name"},
        {"value": "CT1", "type": "user-friendly-name"},
    ]
    assert "Test Hospital" not in str(device)
    assert unmapped(result)["InstitutionName"] == "no-target"
    assert not {"serialNumber", "version"} & set(one(transform(b.measurement_report()), "Device"))


@pytest.mark.row("3.2.13")
def test_the_equipment_is_found_by_what_it_is_called(transform: Transform) -> None:
    """R5 searches Device.name only, so that it has whatever the displayName has."""
    for stated, name in (
        ({}, "Model"),
        ({"ManufacturerModelName": None, "StationName": "CT1"}, "CT1"),
        ({"ManufacturerModelName": None}, "Maker"),
        ({"ManufacturerModelName": None, "Manufacturer": None}, "Unidentified DICOM equipment"),
    ):
        device = one(transform(b.measurement_report(**stated)), "Device")
        assert device["displayName"] == name
        assert device["name"] == [{"value": name, "type": "user-friendly-name"}]


CARRIERS = [
    ("(01)00844588003288(17)141120(10)7654321D", "https://www.gs1.org/gtin", "00844588003288"),
    ("{01}00844588003288", "https://www.gs1.org/gtin", "00844588003288"),
    (
        "+H123PARTNO1234567890120/$$420020216LOT123456789012345",
        "urn:oid:1.0.15961.10.816",
        "H123PARTNO1234567890120",
    ),
    ("=/A9999XYZ100T0944=,000025=A99971312345600", "urn:oid:2.16.840.1.113883.6.18.1.34", "A9999XYZ100T0944"),
    ("=)1TE123456A&)RZ12345678", "urn:oid:2.16.840.1.113883.6.18.1.17", "1TE123456A"),
    ("&)RZ12345678=)1TE123456A", "urn:oid:2.16.840.1.113883.6.18.1.17", "1TE123456A"),
]


@pytest.mark.row("3.2.15")
def test_unique_device_identifiers(transform: Transform) -> None:
    for carrier, issuer, identifier in CARRIERS:
        result = transform(
            b.measurement_report(UDISequence=[b.sequence_item(UniqueDeviceIdentifier=carrier)])
        )
        assert one(result, "Device")["udiCarrier"] == [
            {"deviceIdentifier": identifier, "issuer": issuer, "carrierHRF": carrier}
        ]


@pytest.mark.row("3.2.15")
def test_a_unique_device_identifier_of_no_agency(transform: Transform) -> None:
    result = transform(b.measurement_report(UDISequence=[b.sequence_item(UniqueDeviceIdentifier="12345")]))
    assert "udiCarrier" not in one(result, "Device")
    assert unmapped(result)["UDISequence.1.UniqueDeviceIdentifier"] == "invalid-value"


# ---- participants --------------------------------------------------------------------------------


def participant(kind: str = "PSN", **attributes: Any) -> Dataset:
    return b.sequence_item(ObserverType=kind, **attributes)


def source(name: str, **attributes: Any) -> Dataset:
    return participant(PersonName=name, ParticipationType="SOURCE", **attributes)


@pytest.mark.row("3.2.16")
def test_participating_persons(transform: Transform) -> None:
    identified = source(
        "Doe^Jane", PersonIdentificationCodeSequence=[b.Code("42", "99STAFF", "Jane Doe").as_item()]
    )
    signer = participant(PersonName="Roe^Rita", ParticipationType="ATTEST")
    result = transform(measured(ParticipantSequence=[identified, source("Poe^Paul"), signer]))
    jane, paul = resources(result, "Practitioner", "dicom-participant-person")
    assert (jane["name"][0]["family"], jane["name"][0]["given"]) == ("Doe", ["Jane"])
    assert jane["identifier"] == [{"system": "urn:x-dicom-csd:99STAFF", "value": "42"}]
    assert only(result)["performer"] == [
        {"reference": urn(each), "type": "Practitioner"} for each in (jane, paul)
    ]
    assert unmapped(result)["ParticipantSequence.3.PersonName"] == "no-target"
    nobody = transform(measured())
    assert "performer" not in only(nobody)
    assert not resources(nobody, "Practitioner")


@pytest.mark.row("3.2.16")
def test_observers_of_the_content_tree_outrank_participants(transform: Transform) -> None:
    report = b.measurement_report(
        b.person_observer("Doe^Jane"),
        b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM)),
        ParticipantSequence=[source("Poe^Paul")],
    )
    result = transform(report)
    jane = one(result, "Practitioner")
    assert jane["name"][0]["family"] == "Doe"
    assert [target(result, each) for each in only(result)["performer"]] == [jane]
    assert unmapped(result)["ParticipantSequence.1.PersonName"] == "no-target"


WORKSTATION = {
    "Manufacturer": "Maker 2",
    "ManufacturerModelName": "Workstation",
    "DeviceSerialNumber": "SN-2",
}


@pytest.mark.row("3.2.17")
def test_participating_devices(transform: Transform) -> None:
    result = transform(measured(ParticipantSequence=[participant("DEV", DeviceUID="1.2.9", **WORKSTATION)]))
    device = one(result, "Device", "dicom-participant-device")
    assert device["identifier"] == [oid("1.2.9")]
    assert (device["manufacturer"], device["displayName"], device["modelNumber"], device["serialNumber"]) == (
        "Maker 2",
        "Workstation",
        "Workstation",
        "SN-2",
    )
    assert only(result)["device"] == {"reference": urn(device), "type": "Device"}
    assert one(result, "Device", "dicom-general-equipment")["displayName"] == "Model"


SAME = [
    ({"DeviceUID": "1.2.9"}, {"DeviceUID": "1.2.9"}),
    (WORKSTATION, WORKSTATION),
]


@pytest.mark.row("3.2.17")
def test_a_participating_device_that_is_the_equipment(transform: Transform) -> None:
    for header, item in SAME:
        result = transform(measured(**header, ParticipantSequence=[participant("DEV", **item)]))
        device = one(result, "Device")
        assert only(result)["device"] == {"reference": urn(device), "type": "Device"}
    different = {"Manufacturer": "Maker 2", "ManufacturerModelName": "Workstation"}
    result = transform(measured(**different, ParticipantSequence=[participant("DEV", **different)]))
    assert len(resources(result, "Device")) == 2  # without a serial number they need not be one


@pytest.mark.row("3.2.18")
def test_author_observers(transform: Transform) -> None:
    author = b.sequence_item(ObserverType="PSN", PersonName="Doe^Jane")
    result = transform(measured(AuthorObserverSequence=[author]))
    jane = one(result, "Practitioner")
    assert only(result)["performer"] == [{"reference": urn(jane), "type": "Practitioner"}]
    outranked = transform(measured(AuthorObserverSequence=[author], ParticipantSequence=[source("Poe^Paul")]))
    assert one(outranked, "Practitioner")["name"][0]["family"] == "Poe"
    assert unmapped(outranked)["AuthorObserverSequence.1.PersonName"] == "no-target"


@pytest.mark.row("3.2.19")
def test_verifying_observers(transform: Transform) -> None:
    verifier = b.sequence_item(
        VerifyingObserverName="RADIOLOGIST^EXAMPLE",
        VerificationDateTime="20240103",
        VerifyingOrganization="Test Hospital",
    )
    result = transform(measured(VerifyingObserverSequence=[verifier], VerificationFlag="VERIFIED"))
    assert not resources(result, "Practitioner")
    assert "performer" not in only(result)
    lines = [line for line in result.report.attributes if line.source.startswith("VerifyingObserverSequence")]
    assert lines
    assert {line.category for line in lines} == {"UNM"}


@pytest.mark.row("3.2.20")
def test_other_documents_and_organisations(transform: Transform) -> None:
    document = b.sequence_item(
        StudyInstanceUID="1.2.7",
        ReferencedSeriesSequence=[
            b.sequence_item(
                SeriesInstanceUID="1.2.7.1",
                ReferencedSOPSequence=[
                    b.sequence_item(
                        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.88.34",
                        ReferencedSOPInstanceUID="1.2.7.1.1",
                    )
                ],
            )
        ],
    )
    result = transform(
        measured(
            PredecessorDocumentsSequence=[document],
            IdenticalDocumentsSequence=[document],
            CustodialOrganizationSequence=[b.sequence_item(InstitutionName="Test Hospital")],
            PerformedProcedureCodeSequence=[CHEST.as_item()],
        )
    )
    names = ("PredecessorDocumentsSequence", "IdenticalDocumentsSequence", "CustodialOrganizationSequence")
    for name in (*names, "PerformedProcedureCodeSequence"):
        assert unmapped(result)[name] == "no-target"
    assert only(result)["status"] == "preliminary"  # of the verification flag: a predecessor amends nothing
    assert b"1.2.7" not in result.json
    assert b"Test Hospital" not in result.json
    assert b"24627-2" not in result.json


# ---- evidence and the document itself ------------------------------------------------------------


def drawn(*instances: b.Instance, **header: Any) -> Dataset:
    """Return a report of one group with a region in image 1.2.3, and this evidence."""
    region = b.scoord("POINT", [1, 2], b.image("1.2.3"))
    return b.measurement_report(b.imaging_measurements(b.group(region)), listed=instances, **header)


@pytest.mark.row("3.2.21")
def test_evidence_tells_series_and_study(transform: Transform) -> None:
    region = one(
        transform(drawn(b.Instance("1.2.3", series="1.2.60"))), "ImagingSelection", "image-region-2d"
    )
    assert (region["seriesUid"], region["studyUid"]) == ("1.2.60", "1.2.840.99.1")
    pertinent = drawn()
    listed = drawn(b.Instance("1.2.3", series="1.2.61", study="1.2.62"))
    pertinent.PertinentOtherEvidenceSequence = listed.CurrentRequestedProcedureEvidenceSequence
    result = transform(pertinent)
    region = one(result, "ImagingSelection", "image-region-2d")
    assert (region["seriesUid"], region["studyUid"]) == ("1.2.61", "1.2.62")
    own, other = resources(result, "ImagingStudy")
    assert other["identifier"] == [oid("1.2.62")]
    assert target(result, other["subject"])["resourceType"] == "Patient"
    (reference,) = region["derivedFrom"]
    assert reference["reference"] == urn(other)
    assert reference["identifier"] == {"type": STUDY_TYPE, **oid("1.2.62")}
    assert one(result, "Observation")["partOf"][0]["reference"] == urn(own)


@pytest.mark.row("3.2.21")
def test_every_other_study_of_one_selection_is_made(transform: Transform) -> None:
    """Decision D9 leaves the study of the selection open; the studies are in the Bundle nevertheless."""
    regions = [b.scoord("POINT", [1, 2], b.image(uid)) for uid in ("1.2.3", "1.2.4", "1.2.5", "1.2.6")]
    studies = zip(("1.2.3", "1.2.5", "1.2.6"), ("1.2.840.99.1", "1.2.62", "1.2.63"), strict=True)
    listed = [b.Instance(uid, series=f"{study}.1", study=study) for uid, study in studies]
    result = transform(b.measurement_report(b.imaging_measurements(b.group(*regions)), listed=listed))
    assert "derivedFrom" not in one(result, "ImagingSelection", "image-region-2d")
    own, *others = resources(result, "ImagingStudy")
    assert [other["identifier"] for other in others] == [[oid("1.2.62")], [oid("1.2.63")]]
    assert [other["subject"] for other in others] == [own["subject"]] * 2
    assert [other["status"] for other in others] == ["available"] * 2


@pytest.mark.row("3.2.21")
def test_no_evidence(transform: Transform) -> None:
    result = transform(drawn())
    region = one(result, "ImagingSelection", "image-region-2d")
    assert region["studyUid"] == "1.2.840.99.1"
    assert "seriesUid" not in region
    assert [severity for severity, _ in findings(result, "missing-evidence")] == ["warning"]


@pytest.mark.row("3.2.21")
def test_an_image_that_the_evidence_does_not_list(transform: Transform) -> None:
    result = transform(drawn(b.Instance("1.2.4")))
    region = one(result, "ImagingSelection", "image-region-2d")
    assert not {"studyUid", "seriesUid", "derivedFrom"} & set(region)
    assert [severity for severity, _ in findings(result, "missing-evidence")] == ["warning"]


@pytest.mark.row("3.2.22")
def test_the_document_itself(transform: Transform) -> None:
    for uid, name in SR_CLASSES.items():
        result = transform(measured(SOPClassUID=uid))
        selection = one(result, "ImagingSelection", "source-sr-content-item")
        (instance,) = selection["instance"]
        assert instance["uid"] == "1.2.840.99.3"
        assert instance["sopClass"] == coding(SOP_CLASS, uid, name)
        assert selection["seriesUid"] == "1.2.840.99.2"
        assert not {"SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"} & set(unmapped(result))


@pytest.mark.row("3.2.23")
def test_coding_schemes_that_the_document_identifies(transform: Transform) -> None:
    schemes = ("99UID", "99SNOMED", "99URL", "99BARE", "99UNKNOWN", "99USER")
    identified = [
        b.sequence_item(CodingSchemeDesignator="99UID", CodingSchemeUID="1.2.840.99.50"),
        b.sequence_item(CodingSchemeDesignator="99SNOMED", CodingSchemeUID="2.16.840.1.113883.6.96"),
        b.sequence_item(
            CodingSchemeDesignator="99URL",
            CodingSchemeResourcesSequence=[
                b.sequence_item(CodingSchemeURLType="DOC", CodingSchemeURL="http://codes.example/99url")
            ],
        ),
        b.sequence_item(CodingSchemeDesignator="99BARE", CodingSchemeName="Bare"),
        b.sequence_item(CodingSchemeDesignator="99USER", CodingSchemeUID="1.2.840.99.51"),
    ]
    items = [
        b.code(b.Code(f"C{n}", scheme, "Concept"), b.Code("V", scheme, "Value"))
        for n, scheme in enumerate(schemes)
    ]
    result = transform(
        b.measurement_report(b.evaluations(*items), CodingSchemeIdentificationSequence=identified),
        coding_schemes={"99USER": "http://user.example"},
    )
    made = [
        observation(result, f"C{n}")["valueCodeableConcept"]["coding"][0]["system"] for n in range(len(items))
    ]
    assert made == [
        "urn:oid:1.2.840.99.50",
        SCT,
        "http://codes.example/99url",
        "urn:x-dicom-csd:99BARE",
        "urn:x-dicom-csd:99UNKNOWN",
        "http://user.example",
    ]
    assert findings(result, "unknown-scheme") == [("warning", "1.1.4"), ("warning", "1.1.5")]


# ---- the account ---------------------------------------------------------------------------------

# class of each attribute: the rows of the table, and section 8 for what has no target of the guide
CLASSES_OF: dict[str, str] = {
    "PatientID": "IG",
    "IssuerOfPatientIDQualifiersSequence": "IG",
    "OtherPatientIDsSequence.1.PatientID": "SUPP",
    "PatientName": "SUPP",
    "PatientBirthDate": "SUPP",
    "PatientSex": "SUPP",
    "StudyInstanceUID": "IG",
    "StudyID": "SUPP",
    "StudyDescription": "SUPP",
    "StudyDate": "SUPP",
    "StudyTime": "SUPP",
    "ProcedureCodeSequence": "SUPP",
    "AccessionNumber": "IG",
    "IssuerOfAccessionNumberSequence": "IG",
    "ReferencedRequestSequence.1.PlacerOrderNumberImagingServiceRequest": "SUPP",
    "ReferencedRequestSequence.1.RequestedProcedureCodeSequence": "SUPP",
    "PreliminaryFlag": "IG",
    "CompletionFlag": "UNM",
    "VerificationFlag": "UNM",
    "ContentDate": "IG",
    "ContentTime": "IG",
    "DeviceUID": "IG",
    "Manufacturer": "IG",
    "ManufacturerModelName": "IG",
    "DeviceSerialNumber": "SUPP",
    "SoftwareVersions": "SUPP",
    "StationName": "SUPP",
    "InstitutionName": "UNM",
    "UDISequence.1.UniqueDeviceIdentifier": "IG",
    "ParticipantSequence.1.PersonName": "IG",
    "ParticipantSequence.2.DeviceUID": "IG",
    "ParticipantSequence.2.ManufacturerModelName": "IG",
    "AuthorObserverSequence.1.PersonName": "UNM",
    "CurrentRequestedProcedureEvidenceSequence": "CONTEXT",
    "CodingSchemeIdentificationSequence": "CONTEXT",
    "TimezoneOffsetFromUTC": "CONTEXT",
    "SOPInstanceUID": "IG",
    "SOPClassUID": "IG",
    "SeriesInstanceUID": "IG",
}


@pytest.mark.row("3.2.01", "3.2.04", "3.2.08", "3.2.10", "3.2.13", "3.2.14", "3.2.21", "3.2.22", "3.2.23")
def test_every_attribute_is_in_its_class(transform: Transform) -> None:
    issuer = b.sequence_item(UniversalEntityID="1.2.840.99.70", UniversalEntityIDType="ISO")
    result = transform(
        drawn(
            b.Instance("1.2.3"),
            IssuerOfPatientIDQualifiersSequence=[issuer],
            OtherPatientIDsSequence=[b.sequence_item(PatientID="X-2")],
            PatientBirthDate="19670701",
            PatientSex="F",
            StudyID="SID-1",
            StudyDescription="CT",
            ProcedureCodeSequence=[CHEST.as_item()],
            AccessionNumber="A-1",
            IssuerOfAccessionNumberSequence=[issuer],
            ReferencedRequestSequence=[request(AccessionNumber="A-1", **FULL_REQUEST)],
            PreliminaryFlag="FINAL",
            DeviceUID="1.2.3.8888",
            DeviceSerialNumber="SN-1",
            SoftwareVersions="4.1",
            StationName="CT1",
            InstitutionName="Test Hospital",
            UDISequence=[b.sequence_item(UniqueDeviceIdentifier=CARRIERS[0][0])],
            ParticipantSequence=[source("Doe^Jane"), participant("DEV", DeviceUID="1.2.9", **WORKSTATION)],
            AuthorObserverSequence=[b.sequence_item(ObserverType="PSN", PersonName="Poe^Paul")],
            CodingSchemeIdentificationSequence=[
                b.sequence_item(CodingSchemeDesignator="99UID", CodingSchemeUID="1.2.840.99.50")
            ],
        )
    )
    assert {name: category(result, name) for name in CLASSES_OF} == CLASSES_OF
