"""Rows of section 3.1: values that are not written as DICOM demands, and what holds where a document is silent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests import builders as b
from tests.rows.conftest import Transform
from tests.rows.look import (
    SCT,
    as_written,
    coding,
    component,
    concept,
    findings,
    observation,
    one,
    unmapped,
)

MODIFIER = "HAS CONCEPT MOD"
CONTEXT = "HAS OBS CONTEXT"
UCUM = "http://unitsofmeasure.org"
SRT = "http://snomed.info/srt"
SILENT: dict[str, Any] = {"TimezoneOffsetFromUTC": None}


def private(code_value: str, meaning: str = "Private") -> b.Code:
    return b.Code(code_value, "99TEST", meaning)


def measured(*items: Dataset, **header: Any) -> Dataset:
    return b.measurement_report(b.imaging_measurements(*items), **header)


def losses(result: Any, reason: str) -> list[str]:
    return [loss.source for loss in result.report.losses if loss.reason == reason]


# ---- times (D39) -------------------------------------------------------------------------------------------


@pytest.mark.row("3.1.01")
def test_without_an_offset_no_instant_is_invented(transform: Transform) -> None:
    when = b.date_time(private("WHEN"), "20240105101530", relationship=MODIFIER)
    result = transform(measured(b.num(b.VOLUME, "1", b.CUBIC_MM, when), **SILENT))
    made = observation(result, b.VOLUME.value)
    assert made["effectiveDateTime"] == "2024-01-02"
    assert component(made, "WHEN")["valueDateTime"] == "2024-01-05"
    assert made["issued"] == "2024-01-03T12:00:00+00:00"
    assert unmapped(result)["StudyTime"] == "assumed-offset"
    assert losses(result, "assumed-offset") == ["1.1.1.1"]
    assert ("warning", "ContentTime") in findings(result, "assumed-offset")
    assert "ContentTime" not in unmapped(result)


@pytest.mark.row("3.1.01")
def test_the_configured_time_zone_gives_the_offset_of_each_date(transform: Transform) -> None:
    when = b.date_time(private("WHEN"), "20240705101530", relationship=MODIFIER)
    report = measured(b.num(b.VOLUME, "1", b.CUBIC_MM, when), **SILENT)
    made = observation(transform(report, default_timezone="Europe/Berlin"), b.VOLUME.value)
    assert made["effectiveDateTime"] == "2024-01-02T10:15:00+01:00"
    assert component(made, "WHEN")["valueDateTime"] == "2024-07-05T10:15:30+02:00"


@pytest.mark.row("3.1.01")
def test_an_acquisition_time_of_no_known_offset_is_told_where_it_is_used(transform: Transform) -> None:
    day = b.date(b.ACQUISITION_DATE, "20240101", relationship="HAS ACQ CONTEXT")
    hour = b.time(b.ACQUISITION_TIME, "081500", relationship="HAS ACQ CONTEXT")
    library = b.container(
        b.IMAGE_LIBRARY, b.container(b.IMAGE_LIBRARY_GROUP, b.image("1.2.3", day, hour, concept=None))
    )
    group = b.group(b.image("1.2.3", concept=b.SOURCE_IMAGE), b.num(b.VOLUME, "1", b.CUBIC_MM))
    result = transform(b.measurement_report(library, b.imaging_measurements(group), **SILENT))
    assert observation(result, b.VOLUME.value)["effectiveDateTime"] == "2024-01-01"
    assert unmapped(result)["1.1.1.1.2"] == "assumed-offset"


PLAIN = {
    "20240521124512+02:00": "2024-05-21T12:45:12+02:00",
    "2024-05-21 12:45:12 +00:00": "2024-05-21T12:45:12+00:00",
    "2024-05-21T12:45:12Z": "2024-05-21T12:45:12+00:00",
    "20240521124512.1234567+0100": "2024-05-21T12:45:12.123456+01:00",
}


@pytest.mark.row("3.1.01")
def test_times_whose_meaning_is_plain_are_read(transform: Transform) -> None:
    items = [
        b.num(private(f"N{n}"), "1", b.MM, ObservationDateTime=written) for n, written in enumerate(PLAIN)
    ]
    items.append(b.num(private("BAD"), "1", b.MM, ObservationDateTime="21.05.2024 12:45"))
    result = transform(measured(*items))
    assert [observation(result, f"N{n}")["issued"] for n in range(len(PLAIN))] == [*PLAIN.values()]
    assert observation(result, "BAD")["issued"] == "2024-01-03T12:00:00+01:00"
    assert findings(result, "non-conformant-value") == [("warning", f"1.1.{n}") for n in range(1, 5)]
    assert findings(result, "invalid-value") == [("warning", "1.1.5")]


# ---- names -------------------------------------------------------------------------------------------------


@pytest.mark.row("3.1.02")
def test_of_several_persons_in_one_name_the_first_is_taken(transform: Transform) -> None:
    observers = b.pname(b.PERSON_OBSERVER_NAME, "FIRST^ANNE\\SECOND^BERTA", relationship=CONTEXT)
    report = b.measurement_report(observers, b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM)))
    result = transform(report)
    assert one(result, "Practitioner")["name"] == [
        {"text": "ANNE FIRST", "family": "FIRST", "given": ["ANNE"]}
    ]
    assert findings(result, "multiplicity") == [("warning", "1.1")]


# ---- codes (D50, D51) --------------------------------------------------------------------------------------


@pytest.mark.row("3.1.04")
def test_white_space_in_a_code_is_collapsed_and_the_text_keeps_it(transform: Transform) -> None:
    value = b.Code("A  B\r\nC", "99TEST", "Meaning")
    result = transform(b.measurement_report(b.evaluations(b.code(private("E"), value))))
    made = observation(result, "E")["valueCodeableConcept"]
    assert made["coding"] == [coding("urn:x-dicom-csd:99TEST", "A B C", "Meaning")]
    assert made["text"].split() == ["A", "B", "C"]
    assert made["text"] != "A B C"
    assert findings(result, "invalid-value") == [("warning", "1.1.1")]
    single = transform(b.measurement_report(b.evaluations(b.code(private("E"), private("A B")))))
    assert "text" not in observation(single, "E")["valueCodeableConcept"]
    assert not findings(single, "invalid-value")


@pytest.mark.row("3.1.04")
def test_a_scheme_is_not_identified_by_what_is_no_uid_or_url(transform: Transform) -> None:
    resource = b.sequence_item(CodingSchemeURL="http://codes.test-hospital.org/my codes")
    identified = [
        b.sequence_item(CodingSchemeDesignator="99UID", CodingSchemeUID="1.2.ABC.3"),
        b.sequence_item(CodingSchemeDesignator="99URL", CodingSchemeResourcesSequence=[resource]),
        b.sequence_item(
            CodingSchemeDesignator="99BOTH",
            CodingSchemeUID="1.02",
            CodingSchemeResourcesSequence=[b.sequence_item(CodingSchemeURL="http://codes.example/both")],
        ),
    ]
    items = [b.code(private(name), b.Code("X", f"99{name}", "x")) for name in ("UID", "URL", "BOTH")]
    result = transform(
        b.measurement_report(b.evaluations(*items), CodingSchemeIdentificationSequence=identified)
    )
    systems = [
        observation(result, name)["valueCodeableConcept"]["coding"][0]["system"]
        for name in ("UID", "URL", "BOTH")
    ]
    assert systems == ["urn:x-dicom-csd:99UID", "urn:x-dicom-csd:99URL", "http://codes.example/both"]
    assert findings(result, "invalid-value") == [("warning", "CodingSchemeIdentificationSequence")] * 3


RETIRED = ("SRT", "SNM3", "99SDM")


@pytest.mark.row("3.1.04")
@pytest.mark.parametrize("scheme", RETIRED)
def test_a_number_under_a_retired_snomed_scheme_is_snomed_ct(transform: Transform, scheme: str) -> None:
    length = b.num(b.Code("410668003", scheme, "Length"), "5", b.MM)
    site = b.code(b.Code("363698007", scheme, "Finding Site"), b.Code("39607008", scheme, "Lung"))
    site.RelationshipType = MODIFIER
    result = transform(measured(b.num(b.VOLUME, "1", b.CUBIC_MM, site), length))
    assert observation(result, "410668003")["code"] == concept(SCT, "410668003", "Length")
    assert observation(result, b.VOLUME.value)["bodySite"] == concept(SCT, "39607008", "Lung")
    assert ("warning", "1.1.2") in findings(result, "conflict")


@pytest.mark.row("3.1.04")
@pytest.mark.parametrize("scheme", RETIRED)
def test_such_a_number_has_the_display_of_its_concept(transform: Transform, scheme: str) -> None:
    """`x` is no name of the lung: a `conflict` beside that of the scheme; `lungs` is one."""
    shown = {"x": [("warning", "1.1.1.1")] * 2, "Lungs": [("warning", "1.1.1.1")], "LUNG": None}
    for meaning, expected in shown.items():
        site = b.code(b.FINDING_SITE, b.Code("39607008", scheme, meaning), relationship=MODIFIER)
        result = transform(measured(b.num(b.VOLUME, "1", b.CUBIC_MM, site)))
        made = observation(result, b.VOLUME.value)["bodySite"]
        assert made["coding"] == [coding(SCT, "39607008", "Lung")]
        assert made.get("text") == (meaning if expected else None)
        assert findings(result, "conflict") == (expected or [("warning", "1.1.1.1")])
    unknown = b.code(private("E"), b.Code("999999999", scheme, "x"))
    result = transform(b.measurement_report(b.evaluations(unknown)))
    made = observation(result, "E")["valueCodeableConcept"]
    assert made == concept(SCT, "999999999", "x")


@pytest.mark.row("3.1.04")
def test_a_translated_code_has_the_display_of_its_concept(transform: Transform) -> None:
    wrong = b.num(b.Code("G-D7FE", "SRT", "AREA"), "5", b.Code("mm2", "UCUM", "square millimeter"))
    result = transform(measured(wrong))
    assert one(result, "Observation")["code"]["coding"] == [
        coding(SCT, "410668003", "Length"),
        coding(SRT, "G-D7FE", "AREA"),
    ]
    assert one(result, "Observation")["code"]["text"] == "AREA"
    assert findings(result, "conflict") == [("warning", "1.1.1")]


SYNONYMS = {"T-28000": ("LUNG", "Lung structure"), "T-62000": ("Livers", "Liver structure (body structure)")}


@pytest.mark.row("3.1.04")
@pytest.mark.parametrize("code", SYNONYMS)
def test_a_meaning_in_other_forms_of_the_same_words_is_no_conflict(transform: Transform, code: str) -> None:
    for meaning in SYNONYMS[code]:
        site = b.code(b.FINDING_SITE, b.Code(code, "SRT", meaning), relationship=MODIFIER)
        result = transform(measured(b.num(b.VOLUME, "1", b.CUBIC_MM, site)))
        translated, original = observation(result, b.VOLUME.value)["bodySite"]["coding"]
        assert translated["display"].partition(" ")[0].casefold() in ("lung", "liver")
        assert original == coding(SRT, code, meaning)
        assert not findings(result, "conflict")


# ---- units (D24, D52, D55) ---------------------------------------------------------------------------------

# code and meaning as written → unit and code of the Quantity, under UCUM where there is a code
UNITS = {
    ("mm²", "mm²"): ("mm²", "mm2"),
    ("hnsf'U", "Hounsfield Unit"): ("Hounsfield Unit", "[hnsf'U]"),
    ("px", "px"): ("px", "{pixels}"),
    ("ML", "milliliter"): ("milliliter", "mL"),
    ("ML", "megaliter"): ("megaliter", "ML"),
    ("mm Hg", "mm Hg"): ("mm Hg", "mm[Hg]"),
    ("{SUVbw}g/ml", "Standardized Uptake Value body weight"): (
        "Standardized Uptake Value body weight",
        "g/ml{SUVbw}",
    ),
    ("cm US Region", "cm US Region"): ("cm US Region", None),
    ("kmin", "kmin"): ("kmin", None),
    ("1", "no units"): ("1", "1"),
    ("1", "ratio"): ("ratio", "1"),
    ("{ratio}", "ratio"): ("ratio", "{ratio}"),
}
SOUND = {("ML", "megaliter"), ("1", "no units"), ("1", "ratio"), ("{ratio}", "ratio")}


@pytest.mark.row("3.1.06")
def test_units_are_ucum_only_where_ucum_has_them(transform: Transform) -> None:
    items = [
        b.num(private(f"N{n}"), "1", b.Code(code, "UCUM", meaning)) for n, (code, meaning) in enumerate(UNITS)
    ]
    result = transform(measured(*items))
    for n, (unit, code) in enumerate(UNITS.values()):
        expected = {"value": 1, "unit": unit, **({"system": UCUM, "code": code} if code else {})}
        assert observation(result, f"N{n}")["valueQuantity"] == expected
    told = {place: severity for severity, place in findings(result, "invalid-unit")}
    assert told.keys() == {f"1.1.{n}" for n, each in enumerate(UNITS, 1) if each not in SOUND}
    assert {place for place, severity in told.items() if severity == "information"} == {"1.1.7"}
    assert losses(result, "invalid-unit") == ["1.1.8", "1.1.9"]


@pytest.mark.row("3.1.06")
def test_units_without_a_scheme_are_kept_as_text(transform: Transform) -> None:
    item = b.num(b.VOLUME, "1", b.CUBIC_MM)
    del item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodingSchemeDesignator
    result = transform(measured(item))
    assert observation(result, b.VOLUME.value)["valueQuantity"] == {"value": 1, "unit": "cubic millimeter"}
    assert findings(result, "invalid-unit") == [("warning", "1.1.1")]


@pytest.mark.row("3.1.06")
def test_of_several_codes_of_units_that_of_ucum_is_taken_and_the_rest_is_told(transform: Transform) -> None:
    units = b.Code("HU", "99TEST", "Hounsfield unit", equivalents=(b.Code("[hnsf'U]", "UCUM", "Hounsfield"),))
    result = transform(measured(b.num(b.VOLUME, "1", units._replace(version="3"))))
    assert observation(result, b.VOLUME.value)["valueQuantity"] == {
        "value": 1,
        "unit": "Hounsfield",
        "system": UCUM,
        "code": "[hnsf'U]",
    }
    assert losses(result, "no-target").count("1.1.1") == 2


# ---- numbers (D53, D54) ------------------------------------------------------------------------------------


@pytest.mark.row("3.1.07")
def test_equal_numbers_have_the_text_of_the_numeric_value(transform: Transform) -> None:
    items = [
        b.num(private("EQUAL"), "18.40", b.MM, floating=18.4),
        b.num(private("ROUNDED"), "0.33", b.MM, floating=1 / 3),
    ]
    bundle = as_written(transform(measured(*items)))
    values = [
        each["resource"]["valueQuantity"]["value"]
        for each in bundle["entry"]
        if each["resource"]["resourceType"] == "Observation"
    ]
    assert values == ["18.40", "0.3333333333333333"]


@pytest.mark.row("3.1.07")
def test_a_document_gives_the_same_bundle_from_its_file_and_from_its_metadata(transform: Transform) -> None:
    """A server that keeps decimals as doubles writes 17 digits (Orthanc's /metadata)."""
    written = ["318.5246", "37.3289", "0.00001", "12345678.12345"]
    report = measured(*(b.num(private(f"N{n}"), text, b.MM) for n, text in enumerate(written)))
    content = report.to_json_dict()
    (section,) = content["0040A730"]["Value"]
    for item, text in zip(section["0040A730"]["Value"], written, strict=True):
        item["0040A300"]["Value"][0]["0040A30A"]["Value"] = [f"@{float(text):.17g}@"]
    metadata = json.dumps(content).replace('"@', "").replace('@"', "")
    assert "318.52460000000002" in metadata
    assert transform(metadata.encode()).json == transform(report).json


# ---- texts (D11, D22) --------------------------------------------------------------------------------------


@pytest.mark.row("3.1.10")
def test_control_characters_are_told_wherever_they_stand(transform: Transform) -> None:
    site = b.code(b.FINDING_SITE, b.LUNG._replace(meaning="Lu\x07ng\x08"), relationship=MODIFIER)
    result = transform(measured(b.num(b.VOLUME, "1", b.CUBIC_MM, site), PatientName="Do\x07e^John"))
    assert one(result, "Patient")["name"][0]["family"] == "Do e"
    assert observation(result, b.VOLUME.value)["bodySite"] == concept(SCT, "39607008", "Lu ng")
    assert sorted(losses(result, "no-target")) == ["1.1.1.1", "PatientName"]


@pytest.mark.row("3.1.10")
def test_a_patient_id_with_control_characters_names_nobody_else(transform: Transform) -> None:
    damaged, sound = (transform(b.measurement_report(PatientID=name)) for name in ("A\x07B", "A B"))
    assert "identifier" not in one(damaged, "Patient")
    assert one(sound, "Patient")["identifier"][0]["value"] == "A B"
    assert one(damaged, "Patient")["id"] != one(sound, "Patient")["id"]
    assert unmapped(damaged)["PatientID"] == "invalid-value"


@pytest.mark.row("3.1.11")
def test_a_sequence_where_a_text_belongs_is_no_text(transform: Transform) -> None:
    value = b.code(private("E"), private("V"))
    nested = value.ConceptCodeSequence[0]
    del nested.CodeMeaning
    nested.add_new("CodeMeaning", "SQ", [b.sequence_item(PatientName="DOE^JANE")])
    result = transform(b.measurement_report(b.evaluations(value)))
    assert observation(result, "E")["valueCodeableConcept"]["coding"] == [
        {"system": "urn:x-dicom-csd:99TEST", "code": "V"}
    ]
    assert b"DOE" not in result.json.replace(b"Doe", b"")
    assert losses(result, "invalid-value") == ["1.1.1"]
