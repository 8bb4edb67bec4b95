"""Rows of section 3.3: observation context and language."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Packaging, Result
from sr2fhir.errors import IdentityError

from tests import builders as b
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    V2_0203,
    category,
    concept,
    findings,
    observation,
    oid,
    one,
    reason,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.shapes import CONTEXT, MODIFIES

MEASURED = b.num(b.VOLUME, "1", b.CUBIC_MM)
OTHER = b.Code("410668003", "SCT", "Length")
FURTHER = b.num(OTHER, "2", b.CUBIC_MM)
COMMENT = b.Code("121106", "DCM", "Comment")


def dcm(value: str, meaning: str = "Concept") -> b.Code:
    return b.Code(value, "DCM", meaning)


def said(concept_code: str, written: str, meaning: str = "Concept") -> Dataset:
    """Return a TEXT item of the observation context."""
    return b.text(dcm(concept_code, meaning), written, relationship=CONTEXT)


def coded(concept_code: b.Code, value: b.Code, *children: Dataset) -> Dataset:
    return b.code(concept_code, value, *children, relationship=CONTEXT)


def uid(concept_code: str, value: str) -> Dataset:
    return b.uidref(dcm(concept_code), value, relationship=CONTEXT)


def report(*stated: Dataset, **header: Any) -> Dataset:
    """Return a report that states a context at its root, and holds one measurement."""
    return b.measurement_report(*stated, b.imaging_measurements(MEASURED), **header)


def only(result: Result) -> dict[str, Any]:
    return observation(result, b.VOLUME.value)


def performers(result: Result, made: dict[str, Any]) -> list[str]:
    """Return the family names of the performers of an Observation."""
    return [target(result, each)["name"][0]["family"] for each in made.get("performer", [])]


# ---- observers -----------------------------------------------------------------------------------


@pytest.mark.row("3.3.01")
def test_observer_type_starts_another_observer(transform: Transform) -> None:
    result = transform(
        report(
            b.observer(b.PERSON),
            b.person_observer("Doe^Jane"),
            b.observer(b.DEVICE),
            uid("121012", "1.2.9"),
            b.observer(b.PERSON),
            b.person_observer("Poe^Paul"),
        )
    )
    assert performers(result, only(result)) == ["Doe", "Poe"]
    device = one(result, "Device", "dicom-participant-device")
    assert target(result, only(result)["device"]) == device
    assert not {f"1.{n}" for n in range(1, 7)} & set(unmapped(result))


@pytest.mark.row("3.3.01", "3.3.02")
def test_without_an_observer_type_a_person_observed(transform: Transform) -> None:
    result = transform(report(b.person_observer("RADIOLOGIST^EXAMPLE")))
    person = one(result, "Practitioner", "dicom-participant-person")
    assert (person["name"][0]["family"], person["name"][0]["given"]) == ("RADIOLOGIST", ["EXAMPLE"])
    assert only(result)["performer"] == [{"reference": urn(person), "type": "Practitioner"}]
    nobody = transform(report())
    assert "performer" not in only(nobody)
    assert not resources(nobody, "Practitioner")


@pytest.mark.row("3.3.02")
def test_a_person_named_twice_is_one_practitioner(transform: Transform) -> None:
    groups = [b.group(b.person_observer("Doe^Jane"), item) for item in (MEASURED, FURTHER)]
    result = transform(b.measurement_report(b.imaging_measurements(*groups)))
    person = one(result, "Practitioner")
    assert [
        target(result, observation(result, each.value)["performer"][0]) for each in (b.VOLUME, OTHER)
    ] == [person] * 2


@pytest.mark.row("3.3.03")
def test_login_name_and_identifier(transform: Transform) -> None:
    result = transform(
        report(
            b.person_observer("Doe^Jane"),
            said("128774", "jdoe", "Person Observer's Login Name"),
            said("128775", "R-7", "Identifier within Person Observer's Role"),
        )
    )
    assert one(result, "Practitioner")["identifier"] == [
        {"type": {"text": "Person Observer's Login Name"}, "value": "jdoe"},
        {"type": {"text": "Identifier within Person Observer's Role"}, "value": "R-7"},
    ]


@pytest.mark.row("3.3.04")
def test_organisation_and_roles(transform: Transform) -> None:
    result = transform(
        report(
            b.person_observer("Doe^Jane"),
            said("121009", "Test Hospital"),
            coded(dcm("121010"), b.Code("121094", "DCM", "Performing")),
            coded(dcm("121011"), b.Code("121092", "DCM", "Sender")),
        )
    )
    assert {place: unmapped(result).get(place) for place in ("1.2", "1.3", "1.4")} == dict.fromkeys(
        ("1.2", "1.3", "1.4"), "no-target"
    )
    assert b"Test Hospital" not in result.json
    assert set(one(result, "Practitioner")) == {"resourceType", "id", "meta", "name"}


@pytest.mark.row("3.3.05")
def test_device_observer_uid(transform: Transform) -> None:
    result = transform(report(b.observer(b.DEVICE), uid("121012", "1.2.9")))
    device = one(result, "Device", "dicom-participant-device")
    assert device["identifier"] == [oid("1.2.9")]
    assert only(result)["device"] == {"reference": urn(device), "type": "Device"}
    same = transform(report(b.observer(b.DEVICE), uid("121012", "1.2.9"), DeviceUID="1.2.9"))
    assert only(same)["device"]["reference"] == urn(one(same, "Device", "dicom-general-equipment"))
    assert len(resources(same, "Device")) == 1
    none = transform(report())
    assert only(none)["device"]["reference"] == urn(one(none, "Device"))


@pytest.mark.row("3.3.06")
def test_device_observer_attributes(transform: Transform) -> None:
    described = (
        b.observer(b.DEVICE),
        said("121014", "Maker 2"),
        said("121015", "M-1"),
        said("121016", "SN-1"),
    )
    device = one(transform(report(*described)), "Device", "dicom-participant-device")
    assert {
        name: device[name] for name in ("displayName", "manufacturer", "modelNumber", "serialNumber")
    } == {
        "displayName": "M-1",
        "manufacturer": "Maker 2",
        "modelNumber": "M-1",
        "serialNumber": "SN-1",
    }
    named = one(transform(report(*described, said("121013", "CAD 1"))), "Device", "dicom-participant-device")
    assert (named["displayName"], named["modelNumber"]) == ("CAD 1", "M-1")


@pytest.mark.row("3.3.07")
def test_location_role_and_title_of_a_device(transform: Transform) -> None:
    result = transform(
        report(
            b.observer(b.DEVICE),
            uid("121012", "1.2.9"),
            said("121017", "Room 5"),
            coded(dcm("113876"), b.Code("113859", "DCM", "Irradiating Device")),
            said("110119", "CADSTATION"),
        )
    )
    assert [unmapped(result).get(place) for place in ("1.3", "1.4", "1.5")] == ["no-target"] * 3
    assert b"Room 5" not in result.json
    assert b"CADSTATION" not in result.json


@pytest.mark.row("3.3.04", "3.3.07")
def test_what_has_no_target_is_no_component_and_no_evaluation_of_a_group(transform: Transform) -> None:
    stated = [
        b.person_observer("Doe^Jane"),
        said("121009", "Test Hospital"),
        b.observer(b.DEVICE),
        uid("121012", "1.2.9"),
        said("121017", "Room 5"),
        b.text(dcm("110119"), "CADSTATION"),
    ]
    result = transform(b.measurement_report(b.imaging_measurements(b.group(*stated, MEASURED))))
    assert [unmapped(result).get(f"1.1.1.{n}") for n in (2, 5, 6)] == ["no-target"] * 3
    assert len(resources(result, "Observation")) == 2
    assert "component" not in observation(result, "125007")


# ---- procedure -----------------------------------------------------------------------------------


@pytest.mark.row("3.3.08")
def test_another_study_replaces_that_of_the_header(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            b.imaging_measurements(b.group(uid("121018", "1.2.66"), MEASURED), b.group(FURTHER))
        )
    )
    own, other = resources(result, "ImagingStudy")
    assert other["identifier"] == [oid("1.2.66")]
    assert only(result)["partOf"] == [
        {
            "reference": urn(other),
            "type": "ImagingStudy",
            "identifier": {"type": concept(DCM, "110180", "Study Instance UID"), **oid("1.2.66")},
        }
    ]
    (reference,) = observation(result, OTHER.value)["partOf"]
    assert reference["reference"] == urn(own)


@pytest.mark.row("3.3.08")
def test_another_order_replaces_that_of_the_header(transform: Transform) -> None:
    chest = b.Code("24627-2", "LN", "CT Chest")
    ordered = (
        said("121022", "A-9"),
        said("121020", "P-9"),
        said("121021", "F-9"),
        coded(dcm("121023"), chest),
        b.scoord("POINT", [1, 2], b.image("1.2.3")),
    )
    result = transform(
        b.measurement_report(
            b.imaging_measurements(b.group(*ordered, MEASURED), b.group(FURTHER)), AccessionNumber="A-1"
        )
    )
    own, other = resources(result, "ServiceRequest")
    values = {each["type"]["coding"][0]["code"]: each["value"] for each in other["identifier"]}
    assert values == {"ACSN": "A-9", "PLAC": "P-9", "FILL": "F-9"}
    assert other["code"] == {"concept": concept("http://loinc.org", "24627-2", "CT Chest")}
    assert only(result)["basedOn"] == [
        {
            "reference": urn(other),
            "type": "ServiceRequest",
            "identifier": {"type": concept(V2_0203, "ACSN", "Accession ID"), "value": "A-9"},
        }
    ]
    (reference,) = observation(result, OTHER.value)["basedOn"]
    assert reference["reference"] == urn(own)
    region = one(result, "ImagingSelection", "image-region-2d")
    assert region["basedOn"] == only(result)["basedOn"]


@pytest.mark.row("3.3.08")
def test_another_order_with_the_accession_number_of_the_header(transform: Transform) -> None:
    """Where references are logical, it is named by a number of its own."""
    document = b.measurement_report(
        b.imaging_measurements(
            b.group(said("121022", "A-1"), said("121020", "P-9"), MEASURED), b.group(FURTHER)
        ),
        AccessionNumber="A-1",
        ReferencedRequestSequence=[
            b.sequence_item(AccessionNumber="A-1", PlacerOrderNumberImagingServiceRequest="P-1")
        ],
    )
    result = transform(document)
    _, other = resources(result, "ServiceRequest")
    assert [each["value"] for each in other["identifier"]] == ["A-1", "P-9"]
    assert only(result)["basedOn"] == [{"reference": urn(other), "type": "ServiceRequest"}]
    sent = transform(document, Packaging("transaction"))
    named = [observation(sent, code)["basedOn"][0]["identifier"] for code in (b.VOLUME.value, OTHER.value)]
    assert [(each["type"]["coding"][0]["code"], each["value"]) for each in named] == [
        ("PLAC", "P-9"),
        ("ACSN", "A-1"),
    ]


@pytest.mark.row("3.3.08")
def test_study_and_order_of_the_header_said_again(transform: Transform) -> None:
    result = transform(
        report(
            uid("121018", "1.2.840.99.1"),
            said("121022", "A-1"),
            uid("121019", "1.2.67"),
            AccessionNumber="A-1",
        )
    )
    assert only(result)["partOf"][0]["reference"] == urn(one(result, "ImagingStudy"))
    assert only(result)["basedOn"][0]["reference"] == urn(one(result, "ServiceRequest"))
    assert not {"1.1", "1.2"} & set(unmapped(result))
    assert unmapped(result)["1.3"] == "no-target"


# ---- subjects ------------------------------------------------------------------------------------


def subject_class(value: str) -> Dataset:
    return coded(dcm("121024"), dcm(value))


@pytest.mark.row("3.3.09")
def test_the_patient_as_subject(transform: Transform) -> None:
    result = transform(report(subject_class("121025")))
    made = only(result)
    assert target(result, made["subject"]) == one(result, "Patient")
    assert not {"focus", "specimen"} & set(made)
    assert "1.1" not in unmapped(result)


@pytest.mark.row("3.3.10")
def test_the_patient_of_the_header_said_again(transform: Transform) -> None:
    same = (
        subject_class("121025"),
        b.pname(dcm("121029"), "Doe^John", relationship=CONTEXT),
        said("121030", "PID-1"),
        b.date(dcm("121031"), "19670701", relationship=CONTEXT),
    )
    result = transform(report(*same, PatientBirthDate="19670701"))
    assert not findings(result, "different-subject")
    assert not {"1.1", "1.2", "1.3", "1.4"} & set(unmapped(result))
    assert "focus" not in only(result)


def another(*different: Dataset, **header: Any) -> Dataset:
    """Return a report with a group about another patient, and one about the patient of the header."""
    return b.measurement_report(
        b.imaging_measurements(
            b.group(*different, b.num(b.VOLUME, "77", b.CUBIC_MM)), b.group(b.num(b.VOLUME, "1", b.CUBIC_MM))
        ),
        **header,
    )


@pytest.mark.row("3.3.10")
def test_results_about_another_patient_make_no_observation(transform: Transform) -> None:
    """D35: they are told with their reason; the others go on."""
    result = transform(another(said("121030", "PID-2"), b.code(b.FINDING_SITE, b.LUNG)))
    assert findings(result, "different-subject") == [("error", "1.1.1.1")]
    assert not result.ok
    assert only(result)["valueQuantity"]["value"] == 1
    assert len(resources(result, "Observation")) == 2
    assert not resources(result, "BodyStructure")
    left_out = {place: why for place, why in unmapped(result).items() if place.startswith("1.1.1")}
    assert left_out == dict.fromkeys(("1.1.1", "1.1.1.1", "1.1.1.2", "1.1.1.3"), "different-subject")
    assert b"PID-2" not in result.json
    assert b'"value": 77' not in result.json


@pytest.mark.row("3.3.10")
def test_a_reference_to_results_about_another_patient_leads_nowhere(transform: Transform) -> None:
    """D35: neither the Observation nor the value comes in by another door."""
    foreign = b.group(said("121030", "PID-2"), b.num(b.VOLUME, "77", b.CUBIC_MM))
    sum_of = b.num(b.VOLUME, "1", b.CUBIC_MM, b.by_reference("INFERRED FROM", 1, 1, 1, 2))
    result = transform(b.measurement_report(b.imaging_measurements(foreign, b.group(sum_of))))
    assert only(result)["valueQuantity"]["value"] == 1
    assert b'"value": 77' not in result.json
    assert reason(result, "1.1.2.1.1") == "different-subject"


@pytest.mark.row("3.3.10")
def test_the_patient_of_the_header_again_below_another_one(transform: Transform) -> None:
    """Only the Patient ID says so: many patients have one sex, and some one name."""
    for again, number in ((said("121030", "PID-1"), 1), (coded(dcm("121032"), dcm("M", "Male")), 0)):
        inner = b.imaging_measurements(
            b.group(again, b.num(b.VOLUME, "5", b.CUBIC_MM)), said("121030", "PID-2")
        )
        report_of_two = b.measurement_report(
            inner, b.imaging_measurements(b.group(b.num(b.VOLUME, "1", b.CUBIC_MM))), PatientSex="M"
        )
        values = [
            each["valueQuantity"]["value"]
            for each in resources(transform(report_of_two), "Observation")
            if "valueQuantity" in each
        ]
        assert values == [5, 1][1 - number :]


@pytest.mark.row("3.3.10")
def test_what_is_written_otherwise_is_not_another_patient(transform: Transform) -> None:
    """Names by their alphabetic group; other sexes than M and F have other words in header and CID 7455."""
    stated = (
        b.pname(dcm("121029"), "doe^john^^=", relationship=CONTEXT),
        coded(dcm("121032"), dcm("121102", "Other sex")),
    )
    result = transform(report(*stated, PatientName="Doe^John=山田^太郎", PatientSex="O"))
    assert not findings(result, "different-subject")


@pytest.mark.row("3.3.10")
def test_another_patient_is_an_error(transform: Transform) -> None:
    different = [
        b.pname(dcm("121029"), "Roe^Rita", relationship=CONTEXT),
        said("121030", "PID-2"),
        b.date(dcm("121031"), "19670702", relationship=CONTEXT),
        coded(dcm("121032"), dcm("F", "Female")),
    ]
    with pytest.raises(IdentityError, match="another patient") as raised:
        transform(report(*different, PatientBirthDate="19670701", PatientSex="M"))
    assert raised.value.where
    result = transform(another(*different, PatientBirthDate="19670701", PatientSex="M"))
    places = [f"1.1.1.{n}" for n in range(1, 5)]
    assert findings(result, "different-subject") == [("error", place) for place in places]
    assert {place: unmapped(result)[place] for place in places} == dict.fromkeys(places, "different-subject")
    assert not result.ok
    assert b"Roe" not in result.json
    assert b"PID-2" not in result.json


@pytest.mark.row("3.3.10")
def test_patient_attributes_that_the_header_does_not_hold(transform: Transform) -> None:
    """121028 Subject UID, 121033 Age and 121034 Species have no attribute to be compared with."""
    stated = (uid("121028", "1.2.3.4"), said("121034", "Homo sapiens"))
    result = transform(report(*stated))
    assert [unmapped(result).get(f"1.{n}") for n in (1, 2)] == ["no-target"] * 2


@pytest.mark.row("3.3.11")
def test_a_fetus(transform: Transform) -> None:
    fetus = (subject_class("121026"), said("121030", "F-1"), said("121037", "Fetus 1"))
    result = transform(report(*fetus))
    assert only(result)["focus"] == [
        {"type": "Patient", "identifier": {"value": "F-1"}, "display": "Fetus 1"}
    ]
    assert target(result, only(result)["subject"]) == one(result, "Patient")
    assert not findings(result, "different-subject")
    numbered = transform(report(subject_class("121026"), said("121037", "Fetus 2")))
    assert only(numbered)["focus"] == [{"type": "Patient", "display": "Fetus 2"}]


@pytest.mark.row("3.3.12")
def test_a_specimen(transform: Transform) -> None:
    result = transform(
        report(
            subject_class("121027"),
            uid("121039", "1.2.55"),
            said("121041", "SP-1"),
            coded(b.Code("371439000", "SCT", "Specimen type"), b.Code("309106005", "SCT", "Lung tissue")),
            said("111700", "BOX-1"),
        )
    )
    specimen = one(result, "Specimen")
    assert only(result)["specimen"] == {"reference": urn(specimen), "type": "Specimen"}
    assert specimen["identifier"] == [oid("1.2.55"), {"value": "SP-1"}]
    assert specimen["type"] == concept(SCT, "309106005", "Lung tissue")
    assert specimen["container"] == [{"device": {"type": "Device", "identifier": {"value": "BOX-1"}}}]
    patient = one(result, "Patient")
    assert target(result, specimen["subject"]) == patient
    assert target(result, only(result)["subject"]) == patient


@pytest.mark.row("3.3.13")
def test_a_device_as_subject(transform: Transform) -> None:
    result = transform(
        report(
            subject_class("121192"),
            said("121193", "Phantom"),
            said("121194", "Maker 3"),
            said("121195", "P-1"),
            said("121196", "SN-3"),
            said("121197", "Room 5"),
            uid("121198", "1.2.56"),
        )
    )
    (phantom,) = [each for each in resources(result, "Device") if "meta" not in each]
    assert only(result)["focus"] == [{"reference": urn(phantom), "type": "Device"}]
    assert phantom["identifier"] == [oid("1.2.56")]
    assert {
        name: phantom[name] for name in ("displayName", "manufacturer", "modelNumber", "serialNumber")
    } == {
        "displayName": "Phantom",
        "manufacturer": "Maker 3",
        "modelNumber": "P-1",
        "serialNumber": "SN-3",
    }
    assert target(result, only(result)["subject"]) == one(result, "Patient")
    assert unmapped(result)["1.6"] == "no-target"  # physical location


UNNAMED = {
    "121026": ("focus", "Patient", "Fetus"),
    "121027": ("specimen", "Specimen", "Specimen"),
    "121192": ("focus", "Device", "Device Subject"),
}


@pytest.mark.row("3.3.09", "3.3.11", "3.3.12", "3.3.13")
@pytest.mark.parametrize("value", UNNAMED)
def test_a_subject_of_which_only_the_class_is_stated(transform: Transform, value: str) -> None:
    """Its results are not the patient's alone: a display says so, and a warning; it is no resource."""
    element, kind, display = UNNAMED[value]
    stated = b.code(dcm("121024", "Subject Class"), dcm(value, display), relationship=CONTEXT)
    other = b.group(stated, b.num(OTHER, "2", b.CUBIC_MM))
    result = transform(b.measurement_report(b.imaging_measurements(b.group(MEASURED), other)))
    reference = {"type": kind, "display": display}
    made = observation(result, OTHER.value)
    assert made[element] == (reference if element == "specimen" else [reference])
    assert target(result, made["subject"]) == one(result, "Patient")
    own = observation(result, b.VOLUME.value)
    assert {"focus", "specimen"}.isdisjoint(own)
    assert not resources(result, "Specimen")
    assert all("meta" in each for each in resources(result, "Device"))
    assert findings(result, "missing-identifier") == [("warning", "1.1.2.1")]
    assert "1.1.2.1" not in unmapped(result)


@pytest.mark.row("3.3.16")
def test_an_unnamed_subject_replaces_the_one_around_it(transform: Transform) -> None:
    around = (subject_class("121026"), said("121030", "F-1"))
    other = b.group(subject_class("121192"), b.num(OTHER, "2", b.CUBIC_MM))
    result = transform(b.measurement_report(*around, b.imaging_measurements(other)))
    (focus,) = observation(result, OTHER.value)["focus"]
    assert focus["type"] == "Device"


# ---- language ------------------------------------------------------------------------------------

LANGUAGE = dcm("121049", "Language of Content Item and Descendants")
COUNTRY = dcm("121046", "Country of Language")


def language(tag: str, scheme: str = "RFC5646", country: str | None = None) -> Dataset:
    below = (
        [b.code(COUNTRY, b.Code(country, "ISO3166_1", "Country"), relationship="HAS CONCEPT MOD")]
        if country
        else []
    )
    return b.code(LANGUAGE, b.Code(tag, scheme, "Language"), *below, relationship="HAS CONCEPT MOD")


TAGS = [
    (language("de"), "de"),
    (language("en-GB"), "en-GB"),
    (language("fr", "RFC3066"), "fr"),
    (language("es", "IETF4646"), "es"),
    (language("pt", "ISO639_1"), "pt"),
    (language("eng"), "en"),
    (language("eng", "RFC5646", "US"), "en-US"),
    (language("ger", "ISO639_2"), "de"),
    (language("deu", "ISO639_2", "CH"), "de-CH"),
    (language("en-US", "RFC5646", "US"), "en-US"),
]


@pytest.mark.row("3.3.14")
def test_language(transform: Transform) -> None:
    for stated, tag in TAGS:
        result = transform(report(stated))
        assert only(result)["language"] == tag
        assert not {"1.1", "1.1.1"} & set(unmapped(result))
    assert "language" not in only(transform(report()))


@pytest.mark.row("3.3.14")
def test_what_carries_the_language(transform: Transform) -> None:
    """What is made from one item; not stubs, nor what items of several scopes share (section 5.4)."""
    site = b.code(
        b.FINDING_SITE, b.LUNG, b.code(b.LATERALITY, b.RIGHT, relationship=MODIFIES), relationship=MODIFIES
    )
    stated = (language("de"), b.imaging_measurements(b.group(site, b.image("1.2.3"))))
    result = transform(b.measurement_report(*stated, AccessionNumber="A-1"))
    every = [entry["resource"] for entry in result.bundle["entry"]]
    with_language = [each["resourceType"] for each in every if each.get("language") == "de"]
    assert with_language == ["BodyStructure", "ImagingSelection", "Observation"]
    rest = {each["resourceType"] for each in every if "language" not in each}
    assert rest == {"Patient", "ServiceRequest", "ImagingStudy", "Device", "ImagingSelection"}


@pytest.mark.row("3.3.14")
def test_a_language_or_country_that_does_not_fit(transform: Transform) -> None:
    other = transform(report(language("en-GB", "RFC5646", "US")))
    assert only(other)["language"] == "en-GB"
    assert "1.1.1" in unmapped(other)
    unknown = transform(report(language("xx")))
    assert "language" not in only(unknown)
    assert unmapped(unknown)["1.1"] == "invalid-value"


@pytest.mark.row("3.3.14")
def test_the_nearest_language_holds(transform: Transform) -> None:
    inner = b.num(OTHER, "2", b.CUBIC_MM, language("fr"))
    result = transform(b.measurement_report(language("de"), b.imaging_measurements(b.group(MEASURED, inner))))
    made = [observation(result, each)["language"] for each in ("125007", b.VOLUME.value, OTHER.value)]
    assert made == ["de", "de", "fr"]


@pytest.mark.row("3.3.14")
def test_the_language_of_what_an_item_refers_to(transform: Transform) -> None:
    """On every resource whose text comes from the scope, and on no other."""
    modifies = {"relationship": "HAS CONCEPT MOD"}
    site = b.code(
        b.FINDING_SITE, b.LUNG, b.code(b.LATERALITY, b.RIGHT, **modifies), language("fr"), **modifies
    )
    named = b.text(b.TRACKING_IDENTIFIER, "Lesion", relationship="HAS OBS CONTEXT")
    inner = b.num(
        OTHER, "2", b.CUBIC_MM, site, language("es"), b.image("1.2.1", relationship="INFERRED FROM")
    )
    result = transform(
        b.measurement_report(
            language("de"), b.imaging_measurements(b.group(named, b.image("1.2.2"), MEASURED, inner))
        )
    )
    spoken = {
        each["resource"]["resourceType"] for each in result.bundle["entry"] if "language" in each["resource"]
    }
    assert spoken == {"Observation", "ImagingSelection", "BodyStructure"}
    selections = resources(result, "ImagingSelection")
    assert {each["instance"][0]["uid"]: each.get("language") for each in selections} == {
        "1.2.1": "es",
        "1.2.2": "de",
        b.INSTANCE: None,
    }
    assert [each["language"] for each in resources(result, "BodyStructure")] == ["de", "fr"]
    assert category(result, "1.1") == "SUPP"


@pytest.mark.row("3.3.15")
def test_equivalent_meanings(transform: Transform) -> None:
    meaning = b.text(
        dcm("121050", "Equivalent Meaning of Concept Name"), "Volumen", relationship="HAS CONCEPT MOD"
    )
    result = transform(
        b.measurement_report(b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM, meaning)))
    )
    assert unmapped(result)["1.1.1.1"] == "no-target"
    assert b"Volumen" not in result.json
    assert "component" not in only(result)


# ---- inheritance ---------------------------------------------------------------------------------


@pytest.mark.row("3.3.16")
def test_observers_of_a_level_replace_all_observers_above(transform: Transform) -> None:
    """Root, 126010, group, measurement and evaluation in that order of increasing priority."""
    section = b.imaging_measurements(
        b.person_observer("Section^S"),
        b.num(b.VOLUME, "1", b.CUBIC_MM),
        b.group(
            b.person_observer("Group^G"),
            b.num(OTHER, "2", b.CUBIC_MM, b.person_observer("Number^N")),
            b.text(COMMENT, "none", b.person_observer("Evaluation^E")),
        ),
    )
    device = (b.observer(b.DEVICE), uid("121012", "1.2.9"))
    alone = b.evaluations(b.text(b.Code("121077", "DCM", "Conclusion"), "none"))
    root = (b.observer(b.PERSON), b.person_observer("Root^R"), *device)
    result = transform(b.measurement_report(*root, section, alone))
    expected = {
        "121077": ["Root"],
        b.VOLUME.value: ["Section"],
        "125007": ["Group"],
        OTHER.value: ["Number"],
        COMMENT.value: ["Evaluation"],
    }
    assert {each: performers(result, observation(result, each)) for each in expected} == expected
    observing = {each: target(result, observation(result, each)["device"]) for each in expected}
    equipment = one(result, "Device", "dicom-general-equipment")
    assert observing["121077"] == one(result, "Device", "dicom-participant-device")
    assert [observing[each] for each in expected if each != "121077"] == [equipment] * 4


@pytest.mark.row("3.3.16")
def test_subjects_of_a_level_replace_those_above(transform: Transform) -> None:
    fetus = (subject_class("121026"), said("121030", "F-1"))
    second = b.group(subject_class("121026"), said("121030", "F-2"), b.num(OTHER, "2", b.CUBIC_MM))
    third = b.group(subject_class("121025"), b.num(b.Code("81827009", "SCT", "Diameter"), "3", b.CUBIC_MM))
    result = transform(b.measurement_report(*fetus, b.imaging_measurements(b.group(MEASURED), second, third)))
    focus = {
        each: observation(result, each).get("focus") for each in (b.VOLUME.value, OTHER.value, "81827009")
    }
    assert focus == {
        b.VOLUME.value: [{"type": "Patient", "identifier": {"value": "F-1"}}],
        OTHER.value: [{"type": "Patient", "identifier": {"value": "F-2"}}],
        "81827009": None,
    }


# ---- the account ---------------------------------------------------------------------------------


def classes(result: Result, count: int) -> list[str]:
    """Return the classes of the first children of the root."""
    return [category(result, f"1.{n}") for n in range(1, count + 1)]


@pytest.mark.row("3.3.01", "3.3.02", "3.3.03", "3.3.04", "3.3.05", "3.3.06", "3.3.08", "3.3.14")
def test_every_item_is_in_its_class(transform: Transform) -> None:
    """The rows of the table, and section 8 for what has no target of the guide."""
    stated: list[tuple[Dataset, str]] = [
        (b.observer(b.PERSON), "CONTEXT"),
        (b.person_observer("Doe^Jane"), "IG"),
        (said("128774", "jdoe"), "SUPP"),
        (said("121009", "Test Hospital"), "UNM"),
        (b.observer(b.DEVICE), "CONTEXT"),
        (uid("121012", "1.2.9"), "IG"),
        (said("121013", "CAD 1"), "IG"),
        (said("121014", "Maker 2"), "IG"),
        (said("121016", "SN-1"), "SUPP"),
        (said("121017", "Room 5"), "UNM"),
        (uid("121018", "1.2.66"), "SUPP"),
        (said("121022", "A-9"), "SUPP"),
        (language("de"), "SUPP"),
    ]
    result = transform(report(*(item for item, _ in stated)))
    assert classes(result, len(stated)) == [expected for _, expected in stated]


@pytest.mark.row("3.3.09", "3.3.10", "3.3.11", "3.3.12", "3.3.13")
def test_every_item_of_a_subject_is_in_its_class(transform: Transform) -> None:
    fetus = transform(report(subject_class("121026"), said("121030", "F-1"), said("121037", "Fetus 1")))
    assert classes(fetus, 3) == ["CONTEXT", "SUPP", "SUPP"]
    specimen = transform(report(subject_class("121027"), uid("121039", "1.2.55"), said("111700", "BOX-1")))
    assert classes(specimen, 3) == ["CONTEXT", "SUPP", "SUPP"]
    device = transform(report(subject_class("121192"), said("121193", "Phantom"), said("121197", "Room 5")))
    assert classes(device, 3) == ["CONTEXT", "SUPP", "UNM"]
    same = transform(report(subject_class("121025"), said("121030", "PID-1")))
    assert classes(same, 2) == ["CONTEXT", "CONTEXT"]
