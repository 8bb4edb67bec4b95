"""Patient, study, equipment, orders (mapping section 3.2)."""

from __future__ import annotations

import uuid

import pytest
from sr2fhir.model import RenderOptions

from tests import builders as b
from tests.model.documents import codes, rendered


def hospital(entity, kind="URI"):
    return [
        b.sequence_item(UniversalEntityID=entity, UniversalEntityIDType=kind, LocalNamespaceEntityID="House")
    ]


def test_patient():
    other = b.sequence_item(PatientID="OLD-1", IssuerOfPatientID="Elsewhere")
    document = rendered(
        PatientID="PID-1",
        IssuerOfPatientIDQualifiersSequence=hospital("http://h.org"),
        OtherPatientIDsSequence=[other],
        PatientBirthDate="19670701",
        PatientSex="F",
    ).document
    patient = document["patient"]
    assert patient["identifier"] == {
        "id": "PatientID-IssuerOfPatientIDQualifiersSequence",
        "system": "http://h.org",
        "value": "PID-1",
        "assigner": {"display": "House"},
    }
    assert patient["otherIdentifier"] == [
        {
            "id": "OtherPatientIDsSequence.1.PatientID-OtherPatientIDsSequence.1.IssuerOfPatientID",
            "value": "OLD-1",
            "assigner": {"display": "Elsewhere"},
        },
    ]
    assert (patient["birthDate"], patient["sex"]) == ("1967-07-01", "F")
    assert patient["_birthDate"] == {"id": "PatientBirthDate"}
    assert patient["id"] == str(uuid.uuid5(uuid.NAMESPACE_OID, "http://h.org|PID-1|patient"))


def test_a_patient_without_an_id():
    rendering = rendered(PatientID=None)
    assert "identifier" not in rendering.document["patient"]
    assert rendering.document["patient"]["name"][0]["family"] == "Doe"
    assert ("missing-identifier", "PatientID") in codes(rendering)


def test_configured_systems():
    options = RenderOptions(patient_id_system="http://pid", accession_system="http://acsn")
    document = rendered(AccessionNumber="A1", options=options).document
    assert document["patient"]["identifier"]["system"] == "http://pid"
    assert document["request"][0]["accession"]["system"] == "http://acsn"


def test_study_and_series():
    document = rendered(
        StudyID="S1",
        StudyDescription="Chest",
        ProcedureCodeSequence=[b.Code("24627-2", "LN", "CT Chest").as_item()],
        SeriesNumber=5,
    ).document
    study = document["study"]
    assert study["identifier"] == {
        "id": "StudyInstanceUID",
        "system": "urn:dicom:uid",
        "value": "urn:oid:1.2.840.99.1",
    }
    assert (study["uid"], study["description"]) == ("1.2.840.99.1", "Chest")
    assert study["studyId"] == {"id": "StudyID", "value": "S1"}
    assert study["started"] == "2024-01-02T10:15:00+01:00"
    assert study["procedure"][0]["coding"][0]["code"] == "24627-2"
    assert document["series"] | {"uid": "1.2.840.99.2", "modality": "SR", "number": "5"} == document["series"]


def test_a_study_uid_that_is_too_long_is_no_id():
    uid = "1.2." + "3" * 61
    rendering = rendered(StudyInstanceUID=uid)
    assert "uid" not in rendering.document["study"]
    assert rendering.document["study"]["identifier"]["value"] == f"urn:oid:{uid}"
    assert ("invalid-value", "StudyInstanceUID") in codes(rendering)


def test_equipment():
    udi = b.sequence_item(UniqueDeviceIdentifier="(01)51022222233336(21)1234")
    bad = b.sequence_item(UniqueDeviceIdentifier="unreadable")
    rendering = rendered(
        DeviceUID="1.2.9",
        DeviceSerialNumber="77",
        SoftwareVersions=["1.0", "2.0"],
        StationName="ST",
        UDISequence=[udi, bad],
    )
    equipment = rendering.document["equipment"]
    assert equipment["identifier"] == {"id": "DeviceUID", "system": "urn:dicom:uid", "value": "urn:oid:1.2.9"}
    assert equipment["softwareVersion"] == ["1.0", "2.0"]
    assert equipment["_softwareVersion"] == [{"id": "SoftwareVersions"}, {"id": "SoftwareVersions"}]
    assert [one["deviceIdentifier"] for one in equipment["udi"]] == ["51022222233336"]
    assert ("invalid-value", "UDISequence.2.UniqueDeviceIdentifier") in codes(rendering)


@pytest.mark.parametrize(
    ("issuer", "number"),
    [(None, "A1"), ("1.2.3", "A1"), ("1.2.4", "A2")],
    ids=["no issuer", "the same issuer", "another issuer"],
)
def test_an_accession_number_of_another_issuer_is_another_order(issuer, number):
    """D32: number A1 of one system and number A1 of another are two; one that names no issuer may be either."""
    item = order(
        AccessionNumber="A1",
        RequestedProcedureID=number,
        **({"IssuerOfAccessionNumberSequence": hospital(issuer, "ISO")} if issuer else {}),
    )
    requests = rendered(
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=hospital("1.2.3", "ISO"),
        ReferencedRequestSequence=[item],
    ).document["request"]
    assert len(requests) == (2 if number == "A2" else 1)
    assert [one["accession"]["system"] for one in requests] == ["urn:oid:1.2.3", "urn:oid:1.2.4"][
        : len(requests)
    ]


def test_the_configured_system_holds_for_a_number_without_an_issuer_in_header_and_item():
    options = RenderOptions(accession_system="http://acsn")
    named = order(AccessionNumber="A1", IssuerOfAccessionNumberSequence=hospital("1.2.3", "ISO"))
    for items, system in (([named], "urn:oid:1.2.3"), ([order(AccessionNumber="A1")], "http://acsn")):
        (request,) = rendered(
            AccessionNumber="A1", ReferencedRequestSequence=items, options=options
        ).document["request"]
        assert request["accession"]["system"] == system


def order(**attributes):
    return b.sequence_item(StudyInstanceUID="1.2.840.99.1", **attributes)


def test_no_order():
    assert "request" not in rendered().document
    assert (
        "request"
        not in rendered(AccessionNumber="", ReferencedRequestSequence=[order(AccessionNumber="")]).document
    )


def test_the_order_of_the_header_is_enriched_by_its_item_and_the_others_follow():
    first = order(AccessionNumber="A2", RequestedProcedureID="RP2")
    second = order(
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=hospital("http://h.org/acsn"),
        PlacerOrderNumberImagingServiceRequest="P1",
        OrderPlacerIdentifierSequence=hospital("1.2.3", "ISO"),
        FillerOrderNumberImagingServiceRequest="F1",
        RequestedProcedureDescription="CT",
        RequestedProcedureCodeSequence=[b.Code("24627-2", "LN", "CT Chest").as_item()],
    )
    requests = rendered(AccessionNumber="A1", ReferencedRequestSequence=[first, second]).document["request"]
    assert [request["accession"]["value"] for request in requests] == ["A1", "A2"]
    own = requests[0]
    assert own["accession"]["system"] == "http://h.org/acsn"
    assert (own["placer"]["value"], own["placer"]["system"]) == ("P1", "urn:oid:1.2.3")
    assert own["placer"]["id"].split("-") == [
        "ReferencedRequestSequence.2.PlacerOrderNumberImagingServiceRequest",
        "ReferencedRequestSequence.2.OrderPlacerIdentifierSequence",
    ]
    assert (own["filler"]["value"], own["description"]) == ("F1", "CT")
    assert requests[1]["requestedProcedureId"]["value"] == "RP2"


def test_an_empty_header_takes_the_first_item():
    (request,) = rendered(
        AccessionNumber="", ReferencedRequestSequence=[order(PlacerOrderNumberImagingServiceRequest="P1")]
    ).document["request"]
    assert "accession" not in request
    assert request["placer"]["value"] == "P1"


def test_flags_and_dates():
    document = rendered(
        PreliminaryFlag="FINAL",
        CompletionFlagDescription="done",
        InstanceCreationDate="20240104",
        InstanceCreationTime="0910",
    ).document
    assert (document["completionFlag"], document["verificationFlag"], document["preliminaryFlag"]) == (
        "COMPLETE",
        "UNVERIFIED",
        "FINAL",
    )
    assert document["contentDateTime"] == "2024-01-03T12:00:00+01:00"
    assert document["instanceCreationDateTime"] == "2024-01-04T09:10:00+01:00"
    assert document["sopClass"]["display"] == "Comprehensive 3D SR Storage"


def test_a_verified_part_is_reported():
    assert codes(rendered(CompletionFlag="PARTIAL", VerificationFlag="VERIFIED")) == [
        ("conflict", "VerificationFlag")
    ]
    assert codes(rendered(CompletionFlag="PARTIAL")) == []


def test_keys_stand_in_the_order_of_the_model():
    document = rendered(AccessionNumber="A1").document
    expected = (
        "resourceType form sopClass sopInstanceUid _sopInstanceUid template completionFlag _completionFlag verificationFlag "
        "_verificationFlag contentDateTime _contentDateTime patient study series equipment request content"
    )
    assert list(document) == expected.split()
