"""Every header attribute and every content item is accounted for (mapping section 8)."""

from __future__ import annotations

import pytest
from sr2fhir import render
from sr2fhir.dicom import read
from sr2fhir.findings import REASONS

from tests import builders as b
from tests.model.documents import items, rendered


def header(**attributes):
    rendering = rendered(b.imaging_measurements(b.group(b.num(b.VOLUME, "1", b.CUBIC_MM))), **attributes)
    return {record.path: (record.disposition, record.reason) for record in rendering.header}


def test_an_item_record_for_each_content_item():
    rendering = rendered(b.person_observer("Doe^Jane"), b.text(None, "x"))
    assert [
        (one.position, one.value_type, one.relationship, one.concept, one.use and one.use.kind)
        for one in rendering.items
    ] == [
        ("1", "CONTAINER", None, '126000, DCM, "Imaging Measurement Report"', None),
        ("1.1", "PNAME", "HAS OBS CONTEXT", '121008, DCM, "Person Observer Name"', "observer"),
        ("1.2", "TEXT", "CONTAINS", None, None),
    ]


def test_no_item_is_lost_or_named_twice(samples):
    for sample in samples:
        rendering = render(read(sample))
        positions = [record.position for record in rendering.items]
        assert len(set(positions)) == len(positions)
        assert {one["position"] for one in items(rendering.document)} == set(positions), sample.name


def test_dispositions():
    records = header(InstanceNumber=1, InstitutionName="House", SeriesDescription="x", StationName="ST")
    assert records["PatientID"] == ("mapped", None)
    assert records["StationName"] == ("mapped", None)
    assert records["TimezoneOffsetFromUTC"] == ("context", None)
    for keyword in (
        "InstanceNumber",
        "InstitutionName",
        "SeriesDescription",
    ):
        assert records[keyword] == ("unmapped", "no-target"), keyword


def test_flags_are_used_where_they_decide_the_status():
    """Decision D16: the Preliminary Flag wins."""
    flags = ("CompletionFlag", "VerificationFlag")
    assert {header()[keyword] for keyword in flags} == {("context", None)}
    assert {header(PreliminaryFlag="FINAL")[keyword] for keyword in flags} == {("unmapped", "no-target")}
    assert {header(PreliminaryFlag="")[keyword] for keyword in flags} == {("context", None)}


def test_the_unmapped_report_of_the_worked_example(samples_dir):
    rendering = render(read(samples_dir / "real_hl7_dicom_sr_ig_example.json"))
    unmapped = {record.path for record in rendering.header if record.disposition == "unmapped"}
    expected = "InstanceCreatorUID SeriesNumber InstanceNumber SeriesDate SeriesTime"
    assert set(expected.split()) <= unmapped
    assert "VerifyingObserverSequence" in {path.split(".")[0] for path in unmapped}


def participant(name):
    return b.sequence_item(
        ObserverType="PSN", PersonName=name, ParticipationType="SOURCE", InstitutionName="House"
    )


def test_the_parts_of_a_participant():
    records = header(ParticipantSequence=[participant("Doe^Jane")])
    assert records["ParticipantSequence.1.PersonName"] == ("mapped", None)
    assert records["ParticipantSequence.1.ObserverType"] == ("context", None)
    assert records["ParticipantSequence.1.InstitutionName"] == ("unmapped", "no-target")


def test_an_invalid_value_is_unmapped_for_that_reason():
    records = header(UDISequence=[b.sequence_item(UniqueDeviceIdentifier="odd")])
    assert records["UDISequence.1.UniqueDeviceIdentifier"] == ("unmapped", "invalid-value")


def test_empty_attributes_and_sequences():
    records = header(
        PatientBirthDate="",
        ReferringPhysicianName="",
        PerformedProcedureCodeSequence=[],
        ReferencedRequestSequence=[],
    )
    assert records["PatientBirthDate"] == ("context", "empty")
    assert records["ReferringPhysicianName"] == ("context", "empty")
    assert not {"PerformedProcedureCodeSequence", "ReferencedRequestSequence"} & set(records)


def test_the_creation_of_the_instance_is_context_unless_the_account_finds_it():
    created = {"InstanceCreationDate": "20240104", "InstanceCreationTime": "0910"}
    assert header(**created)["InstanceCreationDate"] == ("context", None)
    assert header(**created)["InstanceCreationTime"] == ("context", None)


def test_what_a_second_subject_says_again_names_the_first():
    said = [
        b.text(b.Code("121030", "DCM", "Subject ID"), "F1"),
        b.text(b.Code("121037", "DCM", "Fetus Number"), "2"),
    ]
    rendering = rendered(b.imaging_measurements(b.group(*said), b.group(*said)))
    same = {record.position: record.same_as for record in rendering.items if record.same_as}
    assert same == {"1.1.2.1": "1.1.1.1", "1.1.2.2": "1.1.1.2"}


def test_a_device_that_is_the_equipment_says_what_the_equipment_says():
    device = b.sequence_item(ObserverType="DEV", DeviceUID="1.2.9", Manufacturer="Maker")
    rendering = rendered(b.imaging_measurements(b.group()), DeviceUID="1.2.9", ParticipantSequence=[device])
    same = {record.path: record.same_as for record in rendering.header if record.same_as}
    assert same == {
        "ParticipantSequence.1.DeviceUID": "DeviceUID",
        "ParticipantSequence.1.Manufacturer": "Manufacturer",
    }


def test_what_is_said_again_names_what_said_it_before():
    one, two = (
        b.num(b.VOLUME, "1", b.CUBIC_MM, b.text(b.ALGORITHM_NAME, "a"), b.text(b.ALGORITHM_VERSION, "1"))
        for _ in range(2)
    )
    rendering = rendered(
        b.person_observer("Doe^Jane"),
        b.imaging_measurements(b.group(one, two), b.group(b.person_observer("Doe^Jane"), one)),
        AuthorObserverSequence=[participant("Doe^Jane")],
    )
    same = {record.position: record.same_as for record in rendering.items if record.same_as}
    assert same == {
        "1.2.1.2.1": "1.2.1.1.1",
        "1.2.1.2.2": "1.2.1.1.2",
        "1.2.2.1": "1.1",
        "1.2.2.2.1": "1.2.1.1.1",
        "1.2.2.2.2": "1.2.1.1.2",
    }
    assert {record.path: record.same_as for record in rendering.header if record.same_as} == {
        "AuthorObserverSequence.1.PersonName": "1.1"
    }


def test_private_attributes_are_named_by_their_tags():
    report = b.container(b.FINDING)
    rendering = rendered(report, PatientComments="x")
    assert {record.path: record.disposition for record in rendering.header}["PatientComments"] == "unmapped"


def test_every_lineage_of_the_header_is_a_record():
    order = b.sequence_item(
        AccessionNumber="A2", RequestedProcedureDescription="CT", RequestedProcedureID="R"
    )
    rendering = rendered(
        b.imaging_measurements(b.group()),
        AccessionNumber="A1",
        PatientBirthDate="19670701",
        ReferencedRequestSequence=[order],
        ParticipantSequence=[participant("Doe^Jane")],
        VerifyingObserverSequence=[b.sequence_item(VerifyingObserverName="Ver^Ify")],
        ProcedureCodeSequence=[b.Code("24627-2", "LN", "CT Chest").as_item()],
        OtherPatientIDsSequence=[b.sequence_item(PatientID="OLD")],
        UDISequence=[b.sequence_item(UniqueDeviceIdentifier="(01)51022222233336")],
        DeviceUID="1.2.9",
    )
    found = _lineages({name: part for name, part in rendering.document.items() if name != "content"})
    lineages = {part for lineage in found for part in lineage.split("-")}
    assert lineages - {record.path for record in rendering.header} == set()
    assert "ReferencedRequestSequence.1.RequestedProcedureDescription" in lineages


def _lineages(part):
    if isinstance(part, dict):
        place = part.get("id")
        if place and len(place) != 36:
            yield place
        for below in part.values():
            yield from _lineages(below)
    elif isinstance(part, list):
        for below in part:
            yield from _lineages(below)


@pytest.mark.parametrize("sample_number", range(14))
def test_every_finding_has_a_known_reason(samples, sample_number):
    rendering = render(read(samples[sample_number]))
    assert {finding.code for finding in rendering.findings} <= REASONS.keys()
