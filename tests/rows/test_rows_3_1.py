"""Rows of section 3.1: what becomes of DICOM's data types."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests import builders as b
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    absent,
    as_written,
    coding,
    component,
    concept,
    findings,
    observation,
    oid,
    one,
    resources,
    unmapped,
)

MODIFIER = "HAS CONCEPT MOD"
LENGTH = b.Code("410668003", "SCT", "Length")
UCUM = "http://unitsofmeasure.org"


def qualified(*children: Dataset, **attributes: Any) -> Dataset:
    """Return a report of one measurement with modifiers."""
    return b.measurement_report(
        b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM, *children)), **attributes
    )


def private(code_value: str) -> b.Code:
    return b.Code(code_value, "99TEST", f"Concept {code_value}")


def said(code_value: str, written: str) -> Dataset:
    """Return a DATETIME modifier."""
    return b.date_time(private(code_value), written, relationship=MODIFIER)


@pytest.mark.row("3.1.01")
def test_dates_and_times(transform: Transform) -> None:
    modifiers = [
        said("FULL", "20240105101530.123456+0230"),
        said("DAY", "20240105"),
        said("MONTH", "202401"),
        said("YEAR", "2024"),
        said("LEAP", "20240105235960"),
        said("BAD", "20241305"),
        b.time(private("HOUR"), "10", relationship=MODIFIER),
        b.date(private("DATE"), "20240229", relationship=MODIFIER),
    ]
    result = transform(qualified(*modifiers))
    made = observation(result, b.VOLUME.value)
    values = {
        name: component(made, name) for name in ("FULL", "DAY", "MONTH", "YEAR", "LEAP", "HOUR", "DATE")
    }
    assert {name: value.get("valueDateTime", value.get("valueTime")) for name, value in values.items()} == {
        "FULL": "2024-01-05T10:15:30.123456+02:30",
        "DAY": "2024-01-05",
        "MONTH": "2024-01",
        "YEAR": "2024",
        "LEAP": "2024-01-05T23:59:59+01:00",
        "HOUR": "10:00:00",
        "DATE": "2024-02-29",
    }
    assert findings(result, "invalid-value") == [("warning", "1.1.1.6")]
    assert one(result, "ImagingStudy")["started"] == "2024-01-02T10:15:00+01:00"
    assert made["issued"] == "2024-01-03T12:00:00+01:00"


@pytest.mark.row("3.1.01")
def test_offsets_and_missing_parts(transform: Transform) -> None:
    undated = b.measurement_report(TimezoneOffsetFromUTC=None, StudyDate="20190323", StudyTime="082428")
    result = transform(undated)
    assert one(result, "ImagingStudy")["started"] == "2019-03-23"
    assert unmapped(result)["StudyTime"] == "assumed-offset"
    elsewhere = transform(undated, default_timezone="-05:00")
    assert one(elsewhere, "ImagingStudy")["started"] == "2019-03-23T08:24:28-05:00"
    assert "StudyTime" not in unmapped(elsewhere)
    summer, winter = (
        transform(
            b.measurement_report(TimezoneOffsetFromUTC=None, StudyDate=day), default_timezone="Europe/Berlin"
        )
        for day in ("20190723", "20190123")
    )
    assert one(summer, "ImagingStudy")["started"] == "2019-07-23T10:15:00+02:00"
    assert one(winter, "ImagingStudy")["started"] == "2019-01-23T10:15:00+01:00"
    day = transform(b.measurement_report(StudyTime=None))
    assert one(day, "ImagingStudy")["started"] == "2024-01-02"
    assert not findings(day, "assumed-offset")


@pytest.mark.row("3.1.01")
def test_an_instant_of_too_little_precision_falls_to_the_next_source(transform: Transform) -> None:
    measured = b.num(b.VOLUME, "1", b.CUBIC_MM, ObservationDateTime="202401")
    result = transform(b.measurement_report(b.imaging_measurements(measured)))
    assert observation(result, b.VOLUME.value)["issued"] == "2024-01-03T12:00:00+01:00"


@pytest.mark.row("3.1.02")
def test_person_names(transform: Transform) -> None:
    written = "Yamada^Tarou Ken^Q^Dr^Jr=山田^太郎=やまだ^たろう"
    alphabetic, ideographic, phonetic = one(transform(b.measurement_report(PatientName=written)), "Patient")[
        "name"
    ]
    assert alphabetic == {
        "text": "Dr Tarou Ken Q Yamada Jr",
        "family": "Yamada",
        "given": ["Tarou Ken", "Q"],
        "prefix": ["Dr"],
        "suffix": ["Jr"],
    }
    for name, kind, family, given in (
        (ideographic, "IDE", "山田", "太郎"),
        (phonetic, "SYL", "やまだ", "たろう"),
    ):
        url = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
        assert name["extension"] == [{"url": url, "valueCode": kind}]
        assert (name["family"], name["given"]) == (family, [given])


@pytest.mark.row("3.1.02")
def test_a_name_written_as_text(transform: Transform) -> None:
    written = b.text(b.PERSON_OBSERVER_NAME, "Dr. Jane Doe", relationship="HAS OBS CONTEXT")
    result = transform(
        b.measurement_report(written, b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM)))
    )
    assert one(result, "Practitioner")["name"] == [{"text": "Dr. Jane Doe"}]


@pytest.mark.row("3.1.03")
def test_uids(transform: Transform) -> None:
    long = "1.2.840." + "9" * 57
    result = transform(
        b.measurement_report(
            b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM, ObservationUID="1.2.77"))
        )
    )
    assert one(result, "ImagingStudy")["identifier"] == [oid("1.2.840.99.1")]
    source = one(result, "ImagingSelection", "source-sr-content-item")
    assert (source["studyUid"], source["seriesUid"]) == ("1.2.840.99.1", "1.2.840.99.2")
    assert source["instance"][0]["uid"] == "1.2.840.99.3"
    assert source["instance"][0]["subset"] == ["1.2.77"]
    over = transform(
        b.measurement_report(b.imaging_measurements(b.num(b.VOLUME, "1", b.CUBIC_MM)), StudyInstanceUID=long)
    )
    assert len(long) == 65
    assert one(over, "ImagingStudy")["identifier"] == [oid(long)]
    assert "studyUid" not in one(over, "ImagingSelection")
    assert ("warning", "StudyInstanceUID") in findings(over, "invalid-value")


def evaluated(*values: Dataset) -> Dataset:
    return b.measurement_report(b.evaluations(*values))


@pytest.mark.row("3.1.04")
def test_codes(transform: Transform) -> None:
    urn = b.code(private("URN"), None)
    urn.ConceptCodeSequence = [b.sequence_item(URNCodeValue="urn:oid:1.2.3", CodeMeaning="By URN")]
    result = transform(
        evaluated(
            b.code(private("SHORT"), b.Code("39607008", "SCT", "Lung")),
            b.code(private("LONG"), b.Code("11111111111111111111", "99TEST", "Long")),
            b.code(private("VERSION"), b.Code("18782-3", "LN", "Study observation", version="2.77")),
            b.code(private("UNVERSIONED"), b.Code("121071", "DCM", "Finding", version="20240101")),
            urn,
        )
    )
    test, loinc = "urn:x-dicom-csd:99TEST", "http://loinc.org"
    expected = {
        "SHORT": coding(SCT, "39607008", "Lung"),
        "LONG": coding(test, "11111111111111111111", "Long"),
        "VERSION": coding(loinc, "18782-3", "Study observation") | {"version": "2.77"},
        "UNVERSIONED": coding(DCM, "121071", "Finding"),
        "URN": coding("urn:ietf:rfc:3986", "urn:oid:1.2.3", "By URN"),
    }
    for name, value in expected.items():
        assert observation(result, name)["valueCodeableConcept"] == {"coding": [value]}


@pytest.mark.row("3.1.05")
def test_equivalent_codes(transform: Transform) -> None:
    region = b.IMAGE_REGION._replace(equivalents=(b.Code("ROI", "99TEST", "Region"),))
    lesion = b.Code("L", "99TEST", "Lesion", equivalents=(b.Code("52988006", "SCT", "Lesion"),))
    result = transform(
        b.measurement_report(
            b.imaging_measurements(
                b.group(
                    b.code(b.FINDING, lesion), b.scoord("POINT", [1, 2], b.image("1.2.3"), concept=region)
                )
            )
        )
    )
    assert one(result, "Observation")["valueCodeableConcept"]["coding"] == [
        coding("urn:x-dicom-csd:99TEST", "L", "Lesion"),
        coding(SCT, "52988006", "Lesion"),
    ]
    selected = one(result, "ImagingSelection", "image-region-2d")
    assert selected["code"]["coding"] == [coding(DCM, "111030", "Image Region")]


@pytest.mark.row("3.1.06")
def test_no_units(transform: Transform) -> None:
    """ "no units" tells a reader less than 1, which is UCUM's name for it; any other meaning of 1 stays."""
    ratio = b.num(private("RATIO"), "2", b.Code("1", "UCUM", "ratio"))
    plain = b.num(b.VOLUME, "1", b.Code("1", "UCUM", "no units"))
    result = transform(b.measurement_report(b.imaging_measurements(plain, ratio)))
    quantities = [observation(result, code)["valueQuantity"] for code in (b.VOLUME.value, "RATIO")]
    assert [(each["unit"], each["system"], each["code"]) for each in quantities] == [
        ("1", UCUM, "1"),
        ("ratio", UCUM, "1"),
    ]


@pytest.mark.row("3.1.06")
def test_units(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            b.imaging_measurements(
                b.num(b.VOLUME, "1", b.CUBIC_MM._replace(version="1.4")),
                b.num(LENGTH, "2", b.Code("vox", "99TEST", "voxels")),
                b.num(private("BARE"), "3", None),
            )
        )
    )
    assert observation(result, b.VOLUME.value)["valueQuantity"] == {
        "value": 1, "unit": "cubic millimeter", "system": UCUM, "code": "mm3",
    }  # fmt: skip
    assert observation(result, LENGTH.value)["valueQuantity"] == {
        "value": 2, "unit": "voxels", "system": "urn:x-dicom-csd:99TEST", "code": "vox",
    }  # fmt: skip
    assert observation(result, "BARE")["valueQuantity"] == {"value": 3}
    assert findings(result, "missing-units") == [("warning", "1.1.3")]


@pytest.mark.row("3.1.06")
def test_a_version_of_units_is_one_loss(transform: Transform) -> None:
    """One for each scheme and version: at the first measurement, with the positions of the others."""
    units = b.CUBIC_MM._replace(version="1.4")
    versions = [None, *["1.4"] * 25, "1.5", "1.4"]
    numbers = [b.num(b.VOLUME, str(n), units._replace(version=version)) for n, version in enumerate(versions)]
    voxels = b.num(LENGTH, "2", b.Code("vox", "99TEST", "voxels", "1.4"))
    result = transform(b.measurement_report(b.imaging_measurements(*numbers, voxels)))
    told = {
        loss.source: loss.message for loss in result.report.losses if "CodingSchemeVersion" in loss.message
    }
    start = "the CodingSchemeVersion of the units"
    others = ", ".join(f"1.1.{n}" for n in range(3, 23))
    assert told == {
        "1.1.2": f"{start} (UCUM) is not carried over; nor that of {others}, 5 more",
        "1.1.27": f"{start} (UCUM) is not carried over",
        "1.1.29": f"{start} (99TEST) is not carried over",
    }
    assert not [where for _, where in findings(result, "no-target") if where in ("1.1.3", "1.1.28")]


WRITTEN = {
    "3.111220E+04": "31112.20",
    "12.500": "12.500",
    "+007.50": "7.50",
    ".5": "0.5",
    "5.": "5",
    "-0": "0",  # the same number; the engine's decimals have no negative zero
    "1.5E-07": "0.00000015",
    "1E-30": "1e-30",
    # more than the 16 characters of a DS
    "318.52460000000002": "318.52460000000002",
    "1.23456789012345678901e20": "1234.56789012345678901e17",
    "-0.123456789012345678901": "-1234.56789012345678901e-4",
    "1234567890" * 3 + "12345": "1234567890" + "12345678" + "." + "90123456789012345" + "e17",
}
FLOATING = {
    0.1: "0.1",
    1.5e-07: "0.00000015",
    8.0: "8",
    # 18 and more digits after the point
    0.05 / 3: "1.6666666666666666e-2",
    1.2345678901234568e-05: "1.2345678901234568e-5",
}


@pytest.mark.row("3.1.07")
def test_numbers_keep_their_digits(transform: Transform) -> None:
    items = [b.num(private(f"N{n}"), written, b.MM) for n, written in enumerate(WRITTEN)]
    items += [b.num(private(f"F{n}"), None, b.MM, floating=value) for n, value in enumerate(FLOATING)]
    bundle = as_written(transform(b.measurement_report(b.imaging_measurements(*items))))
    made = [each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == "Observation"]
    values = [each["valueQuantity"]["value"] for each in made]
    assert [value.lower() for value in values] == [*WRITTEN.values(), *FLOATING.values()]


@pytest.mark.row("3.1.07")
def test_what_is_no_number_has_no_value_and_says_why(transform: Transform) -> None:
    items = [
        b.num(private("COMMA"), "1,5", b.MM),
        b.num(private("SEVERAL"), "1\\2", b.MM),
        b.num(private("NAN"), None, b.MM, floating=float("nan")),
        b.num(private("UP"), None, b.MM, floating=float("inf")),
        b.num(private("DOWN"), None, b.MM, floating=float("-inf")),
        b.num(private("LONG"), "1." + "1" * 35, b.MM),
    ]
    result = transform(b.measurement_report(b.imaging_measurements(*items)))
    reasons = {
        "COMMA": "error",
        "SEVERAL": "error",
        "NAN": "not-a-number",
        "UP": "positive-infinity",
        "DOWN": "negative-infinity",
        "LONG": "error",
    }
    for name, reason in reasons.items():
        quantity = observation(result, name)["valueQuantity"]
        assert quantity["extension"] == absent(reason)
        assert "value" not in quantity
    assert findings(result, "invalid-value") == [("warning", f"1.1.{n}") for n in range(1, 7)]


@pytest.mark.row("3.1.08")
def test_coordinates_are_the_shortest_decimals(transform: Transform) -> None:
    region = b.scoord("POLYLINE", [10.1, 20.2, 1 / 3, 5, 1e-3, 16777216], b.image("1.2.3"))
    result = transform(b.measurement_report(b.imaging_measurements(b.group(region))))
    (instance,) = one(result, "ImagingSelection", "image-region-2d")["instance"]
    wanted = ["10.1", "20.2", "0.33333334", "5", "0.001", "16777216"]
    assert instance["imageRegion2D"][0]["coordinate"] == [Decimal(text) for text in wanted]


@pytest.mark.row("3.1.09")
def test_code_strings(transform: Transform) -> None:
    sexes = {"M": "male", "F": "female", "O": "other", "U": "unknown"}
    made = {
        sex: one(transform(b.measurement_report(PatientSex=sex)), "Patient").get("gender") for sex in sexes
    }
    assert made == sexes
    assert "gender" not in one(transform(b.measurement_report(PatientSex="")), "Patient")


@pytest.mark.row("3.1.10")
def test_texts_lose_their_padding_and_keep_their_lines(transform: Transform) -> None:
    comment = b.text(private("TEXT"), "  first line\r\nsecond line  \0", relationship=MODIFIER)
    result = transform(qualified(comment, StudyDescription="CT Thorax  "))
    value = component(observation(result, b.VOLUME.value), "TEXT")["valueString"]
    assert value.splitlines() == ["  first line", "second line"]
    assert one(result, "ImagingStudy")["description"] == "CT Thorax"


@pytest.mark.row("3.1.11")
def test_json_that_is_not_quite_dicom_is_read(transform: Transform) -> None:
    site = b.code(b.FINDING_SITE, b.LUNG, relationship=MODIFIER)
    report = b.measurement_report(
        b.imaging_measurements(b.num(b.VOLUME, "12.50", b.CUBIC_MM, site)),
        AccessionNumber="A1",
        StudyDescription="CT",
        ReferencedRequestSequence=[],
    )
    content = report.to_json_dict()
    content["00080050"]["Value"] = "A1"
    content["00081030"]["vr"] = "UT"
    (section,) = content["0040A730"]["Value"]
    section["0040A730"]["Value"][0]["0040A300"]["Value"][0]["0040A30A"]["Value"] = ["12.50"]
    result = transform(json.dumps(content).encode())
    assert one(result, "ServiceRequest")["identifier"][0]["value"] == "A1"
    assert one(result, "ImagingStudy")["description"] == "CT"
    assert as_number(result_value := observation(result, b.VOLUME.value)["valueQuantity"]) == "12.50", (
        result_value
    )
    assert observation(result, b.VOLUME.value)["bodySite"] == concept(SCT, "39607008", "Lung")
    assert not [finding for finding in result.findings if finding.severity == "error"]


def as_number(quantity: dict[str, Decimal]) -> str:
    return str(quantity["value"])


@pytest.mark.row("3.1.11")
def test_a_relationship_type_with_underscores(transform: Transform) -> None:
    """Some writers have `_` in the place of a blank."""
    spelt = [
        b.measurement_report(
            b.imaging_measurements(
                b.group(
                    b.code(b.FINDING_SITE, b.LUNG, relationship=f"HAS{blank}CONCEPT{blank}MOD"),
                    b.num(b.VOLUME, "1", b.CUBIC_MM, b.image("1.2.3", relationship=f"R-INFERRED{blank}FROM")),
                )
            )
        )
        for blank in " _"
    ]
    as_standard, with_underscores = map(transform, spelt)
    assert with_underscores.json == as_standard.json
    assert one(as_standard, "Observation", "imaging-measurement-group")["bodySite"]


@pytest.mark.row("3.1.11")
def test_empty_sequences_are_as_if_absent(transform: Transform) -> None:
    empty = transform(
        b.measurement_report(ReferencedRequestSequence=[], ParticipantSequence=[], UDISequence=[])
    )
    assert {each["resourceType"] for each in resources(empty, "Device")} == {"Device"}
    assert empty.report.resources == transform(b.measurement_report()).report.resources
    assert not {"ReferencedRequestSequence", "ParticipantSequence", "UDISequence"} & set(unmapped(empty))
