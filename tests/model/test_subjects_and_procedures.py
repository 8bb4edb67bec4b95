"""Subjects other than the patient, and other studies and orders (mapping section 3.3; TID 1005 to 1010)."""

from __future__ import annotations

import pytest

from tests import builders as b
from tests.model.documents import codes, item, rendered

CONTEXT = "HAS OBS CONTEXT"
NUM = b.num(b.VOLUME, "1", b.CUBIC_MM)


def dcm(value):
    return b.Code(value, "DCM", f"concept {value}")


def subject_class(value):
    return b.code(dcm("121024"), dcm(value), relationship=CONTEXT)


def said(value, written):
    return b.text(dcm(value), written, relationship=CONTEXT)


def test_a_fetus():
    document = rendered(
        b.imaging_measurements(
            b.group(subject_class("121026"), said("121030", "F1"), said("121037", "Fetus 1"), NUM)
        )
    ).document
    (fetus,) = document["subject"]
    assert (fetus["kind"], fetus["identifier"], fetus["name"]) == (
        "fetus",
        [{"id": "1.1.1.2", "value": "F1"}],
        "Fetus 1",
    )
    assert item(document, "1.1.1.4")["context"]["subject"] == [
        {
            "id": fetus["id"],
            "kind": "fetus",
            "identifier": {"id": "1.1.1.2", "value": "F1"},
            "name": "Fetus 1",
            "_name": {"id": "1.1.1.3"},
        }
    ]
    assert [item(document, f"1.1.1.{n}")["resolved"] for n in (1, 2, 3)] == ["subject"] * 3


def test_a_specimen():
    kind = b.code(
        b.Code("371439000", "SCT", "Specimen type"),
        b.Code("309106005", "SCT", "Lung tissue"),
        relationship=CONTEXT,
    )
    uid = b.uidref(dcm("121039"), "1.2.55", relationship=CONTEXT)
    document = rendered(
        subject_class("121027"),
        uid,
        said("121041", "SP-1"),
        kind,
        said("111700", "BOX"),
        b.imaging_measurements(b.group(NUM)),
    ).document
    (specimen,) = document["subject"]
    assert specimen["identifier"] == [
        {"id": "1.2", "system": "urn:dicom:uid", "value": "urn:oid:1.2.55"},
        {"id": "1.3", "value": "SP-1"},
    ]
    assert specimen["type"]["coding"][0]["code"] == "309106005"
    assert specimen["container"] == {"id": "1.5", "value": "BOX"}


def test_a_device_as_subject():
    document = rendered(
        subject_class("121192"),
        said("121193", "Phantom"),
        said("121195", "P-1"),
        b.uidref(dcm("121198"), "1.2.56", relationship=CONTEXT),
        b.imaging_measurements(b.group(NUM)),
    ).document
    (device,) = document["subject"]
    assert (device["kind"], device["name"], device["model"]) == ("device", "Phantom", "P-1")
    assert device["_name"] == {"id": "1.2"}


def test_a_subject_of_a_group_replaces_that_of_the_report_and_the_patient_ends_it():
    fetus = (subject_class("121026"), said("121030", "F1"))
    document = rendered(
        *fetus, b.imaging_measurements(b.group(NUM), b.group(subject_class("121025"), NUM))
    ).document
    assert item(document, "1.3.1")["context"]["subject"][0]["kind"] == "fetus"
    assert "subject" not in item(document, "1.3.2")["context"]


def test_one_subject_named_twice_is_one():
    fetus = (subject_class("121026"), said("121030", "F1"))
    document = rendered(b.imaging_measurements(b.group(*fetus, NUM), b.group(*fetus, NUM))).document
    assert len(document["subject"]) == 1


def test_the_patient_of_the_header_said_again_is_consumed():
    same = (
        b.pname(dcm("121029"), "Doe^John", relationship=CONTEXT),
        said("121030", "PID-1"),
        b.date(dcm("121031"), "19670701", relationship=CONTEXT),
    )
    rendering = rendered(*same, PatientBirthDate="19670701")
    assert [item(rendering.document, f"1.{n}")["resolved"] for n in (1, 2, 3)] == ["subject"] * 3
    assert not [finding for finding in rendering.findings if finding.severity == "error"]


@pytest.mark.parametrize(
    "stated",
    [
        b.pname(dcm("121029"), "Roe^Rita", relationship=CONTEXT),
        said("121030", "PID-2"),
        b.date(dcm("121031"), "19670702", relationship=CONTEXT),
        b.code(dcm("121032"), b.Code("F", "DCM", "Female"), relationship=CONTEXT),
    ],
)
def test_another_patient_is_an_error(stated):
    rendering = rendered(stated, PatientBirthDate="19670701", PatientSex="M")
    (error,) = [finding for finding in rendering.findings if finding.severity == "error"]
    assert (error.code, error.where) == ("different-subject", "1.1")
    assert "Roe" not in error.message
    assert "PID-2" not in error.message
    assert "resolved" not in item(rendering.document, "1.1")


def study(uid):
    return b.uidref(dcm("121018"), uid, relationship=CONTEXT)


def test_another_study_replaces_that_of_the_header():
    document = rendered(b.imaging_measurements(b.group(study("1.2.66"), NUM), b.group(NUM))).document
    (other,) = document["otherStudy"]
    assert other["identifier"] == {"id": "1.1.1.1", "system": "urn:dicom:uid", "value": "urn:oid:1.2.66"}
    assert item(document, "1.1.1.2")["context"]["study"] == {
        "id": other["id"],
        "identifier": other["identifier"],
    }
    assert "study" not in item(document, "1.1.2.1")["context"]
    assert item(document, "1.1.1.1")["resolved"] == "procedure"


def test_the_study_of_the_header_said_again_is_consumed():
    document = rendered(
        study("1.2.840.99.1"),
        b.imaging_measurements(b.group(study("1.2.66"), b.group(study("1.2.840.99.1"), NUM))),
    ).document
    assert item(document, "1.1")["resolved"] == "procedure"
    assert "study" in item(document, "1.2.1")["context"]
    assert "study" not in item(document, "1.2.1.2.2")["context"]


def test_another_order_replaces_that_of_the_header():
    procedure = b.code(dcm("121023"), b.Code("24627-2", "LN", "CT Chest"), relationship=CONTEXT)
    ordered = b.group(said("121022", "A9"), said("121020", "P9"), procedure, NUM)
    document = rendered(b.imaging_measurements(ordered), AccessionNumber="A1").document
    (other,) = document["otherRequest"]
    assert (other["accession"]["value"], other["placer"]["value"]) == ("A9", "P9")
    assert other["procedure"]["coding"][0]["code"] == "24627-2"
    assert item(document, "1.1.1.4")["context"]["request"] == {
        "id": other["id"],
        "accession": other["accession"],
    }


def test_an_order_of_the_header_is_found_again():
    items = [
        b.sequence_item(
            AccessionNumber="A2", PlacerOrderNumberImagingServiceRequest="P2", StudyInstanceUID="1.2"
        )
    ]
    document = rendered(
        b.imaging_measurements(b.group(said("121022", "A1"), NUM), b.group(said("121020", "P2"), NUM)),
        AccessionNumber="A1",
        ReferencedRequestSequence=items,
    ).document
    assert "otherRequest" not in document
    assert "request" not in item(document, "1.1.1")["context"]
    assert item(document, "1.1.2")["context"]["request"]["id"] == document["request"][1]["id"]


def test_an_evaluation_outside_a_group_has_its_context_too():
    evaluated = b.text(dcm("121071"), "clear", said("121022", "A9"))
    document = rendered(b.evaluations(evaluated)).document
    assert item(document, "1.1.1")["context"]["request"]["accession"]["value"] == "A9"
    assert codes(rendered(b.evaluations(evaluated))) == []
