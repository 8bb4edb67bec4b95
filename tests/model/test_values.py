"""Values of every value type (mapping section 3.1 and 3.8; PS3.3 section C.18)."""

from __future__ import annotations

import math

import pytest
from pydicom.uid import ImplicitVRLittleEndian
from sr2fhir import render

from tests import builders as b
from tests.model.documents import item as found, rendered, sets

IDENTITY = {
    "id", "sourceId", "position", "contentItemIdentifier", "relationship", "valueType", "role", "concept", "key", "context",
}  # fmt: skip


def value(dataset):
    """Return value and findings of an item directly under the root, but not that it stands there (D45)."""
    rendering = rendered(dataset)
    members = found(rendering.document, "1.1")
    findings = [finding.code for finding in elsewhere(rendering.all_findings())]
    return {name: part for name, part in members.items() if name not in IDENTITY}, findings


def elsewhere(findings):
    """Return the findings without those that an item stands directly under the root (D45)."""
    return [finding for finding in findings if finding.code != "out-of-scope-place"]


def test_text_keeps_its_lines():
    assert value(b.text(b.FINDING, " one\r\n two  "))[0] == {"textValue": " one\r\n two"}
    assert value(b.text(b.FINDING, ""))[0] == {}


def test_text_without_a_stated_value_representation():
    report = b.encoded(b.measurement_report(b.text(b.FINDING, "  indented ")), ImplicitVRLittleEndian)
    assert found(render(b.reread(report)).document, "1.1")["textValue"] == "  indented"


def test_text_in_unicode():
    assert value(b.text(b.FINDING, "Größe 山田"))[0] == {"textValue": "Größe 山田"}


def test_code():
    assert value(b.code(b.FINDING, b.LUNG))[0]["conceptCode"]["coding"] == [
        {"system": "http://snomed.info/sct", "code": "39607008", "display": "Lung"}
    ]
    assert value(b.code(b.FINDING, None))[0] == {}


def test_number():
    members, findings = value(b.num(b.VOLUME, "3.111220E+04", b.CUBIC_MM))
    assert members == {
        "valueText": "3.111220E+04",
        "measuredValue": {
            "id": "1.1",
            "value": "31112.20",
            "unit": "cubic millimeter",
            "system": "http://unitsofmeasure.org",
            "code": "mm3",
        },
        "numericValue": "3.111220E+04",
        "units": {
            "id": "1.1",
            "coding": [{"system": "http://unitsofmeasure.org", "code": "mm3", "display": "cubic millimeter"}],
        },
    }
    assert findings == []


def test_the_floating_point_value_comes_first():
    members, _ = value(b.num(b.VOLUME, "12.5", b.CUBIC_MM, floating=12.499999999))
    assert members["measuredValue"]["value"] == "12.499999999"
    assert (members["numericValue"], members["floatingPointValue"]) == ("12.5", "12.499999999")


def test_a_rational_value_is_used_where_there_is_no_other():
    members, _ = value(b.num(b.VOLUME, None, b.CUBIC_MM, rational=(1, 8)))
    assert members["measuredValue"]["value"] == "0.125"
    assert (members["rationalNumerator"], members["rationalDenominator"]) == ("1", "8")
    members, findings = value(b.num(b.VOLUME, None, b.CUBIC_MM, rational=(1, 0)))
    assert "value" not in members["measuredValue"]
    assert findings == ["invalid-value"]


@pytest.mark.parametrize(
    ("written", "floating", "rational", "told"),
    [
        ("12.5", 12.4999999, None, []),
        ("2.333", 7 / 3, None, []),
        ("1e3", 1000.4, None, []),
        ("2.5", 2.75, None, ["multiplicity"]),
        ("-2.5", 2.5, None, ["multiplicity"]),
        ("3", None, (9, 3), ["no-target"]),
        (None, 2.75, (9, 0), ["no-target"]),
        ("2.5", 2.75, (9, 3), ["no-target", "multiplicity"]),
    ],
)
def test_a_number_in_another_form_that_is_left_out_is_reported(written, floating, rational, told):
    """Section 3.8: one form is taken; rounded to the digits of the numeric value it is the same number."""
    members, findings = value(b.num(b.VOLUME, written, b.CUBIC_MM, floating=floating, rational=rational))
    assert findings == told
    assert "value" in members["measuredValue"]


@pytest.mark.parametrize("written", ["1,5", "1\\2", "abc", "NaN"])
def test_other_text_is_no_value_but_kept(written):
    members, findings = value(b.num(b.VOLUME, written, b.CUBIC_MM))
    assert "value" not in members["measuredValue"]
    assert members["measuredValue"]["code"] == "mm3"
    assert members["valueText"] == written
    assert findings == ["invalid-value"]


@pytest.mark.parametrize(
    ("floating", "written"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_a_float_that_is_no_number(floating, written):
    members, findings = value(b.num(b.VOLUME, None, b.CUBIC_MM, floating=floating))
    assert members["valueText"] == members["floatingPointValue"] == written
    assert "value" not in members["measuredValue"]
    assert findings == ["invalid-value"]


def test_a_qualifier_without_a_value():
    members, findings = value(
        b.num(b.VOLUME, None, None, qualifier=b.Code("114006", "DCM", "Measurement failure"))
    )
    assert members == {
        "qualifier": {
            "id": "1.1",
            "coding": [
                {
                    "system": "http://dicom.nema.org/resources/ontology/DCM",
                    "code": "114006",
                    "display": "Measurement failure",
                }
            ],
        }
    }
    assert findings == []


def test_no_units():
    members, findings = value(b.num(b.VOLUME, "5", None))
    assert members["measuredValue"] == {"id": "1.1", "value": "5"}
    assert findings == ["missing-units"]


def test_units_of_another_scheme():
    members, _ = value(b.num(b.VOLUME, "5", b.Code("1", "DCM", "unit")))
    assert members["measuredValue"]["system"] == "http://dicom.nema.org/resources/ontology/DCM"


def test_an_empty_number():
    assert value(b.num(b.VOLUME, None, None)) == ({}, [])


def test_dates_and_times():
    assert value(b.date_time(b.FINDING, "20240102101112"))[0] == {
        "valueText": "20240102101112",
        "dateTimeValue": "2024-01-02T10:11:12+01:00",
    }
    assert value(b.date(b.FINDING, "20240102"))[0] == {"valueText": "20240102", "dateValue": "2024-01-02"}
    assert value(b.time(b.FINDING, "1011"))[0] == {"valueText": "1011", "timeValue": "10:11:00"}
    assert value(b.date(b.FINDING, "20240230")) == ({"valueText": "20240230"}, ["invalid-value"])
    assert value(b.time(b.FINDING, "2561")) == ({"valueText": "2561"}, ["invalid-value"])


def test_uids():
    assert value(b.uidref(b.FINDING, "1.2.3")) == (
        {"uidValue": {"id": "1.1", "system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}},
        [],
    )
    long = "1.2." + "3" * 62
    assert value(b.uidref(b.FINDING, long)) == (
        {"uidValue": {"id": "1.1", "system": "urn:dicom:uid", "value": f"urn:oid:{long}"}},
        ["invalid-value"],
    )


def test_person_names():
    members, _ = value(b.pname(b.FINDING, "Doe^Jane"))
    assert members["valueText"] == "Doe^Jane"
    assert members["personNameValue"][0]["family"] == "Doe"


def test_images():
    members, _ = value(
        b.image("1.2.3", frames=[1, 2], segments=[3], presentation_state="1.2.4", value_map="1.2.5")
    )
    assert members["reference"] == {
        "id": "1.1",
        "uid": "1.2.3",
        "sopClass": {
            "system": "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5",
            "code": "1.2.840.10008.5.1.4.1.1.2",
            "display": "CT Image Storage",
        },
        "frame": ["1", "2"],
        "segment": ["3"],
        "presentationStateUid": "1.2.4",
        "realWorldValueMapUid": "1.2.5",
        "seriesUid": "1.2.840.99.4",
        "studyUid": "1.2.840.99.1",
    }


def test_composite_objects_and_waveforms():
    assert (
        value(b.composite("1.2.3"))[0]["reference"]["sopClass"]["display"]
        == "Real World Value Mapping Storage"
    )
    assert value(b.waveform("1.2.3", channels=[1, 2, 1, 3]))[0]["reference"]["channel"] == [
        "1",
        "2",
        "1",
        "3",
    ]


def test_a_reference_without_an_instance():
    assert value(b.item("IMAGE", b.FINDING, "CONTAINS")) == ({}, ["invalid-value"])


def test_an_unknown_sop_class_has_no_name():
    assert "display" not in value(b.image("1.2.3", sop_class="1.2.99"))[0]["reference"]["sopClass"]


def test_coordinates():
    members, _ = value(
        b.scoord("POLYLINE", [0.1, 2, 3.5, 1e10], FiducialUID="1.2.7", PixelOriginInterpretation="FRAME")
    )
    assert members["graphic"] == {
        "id": "1.1",
        "type": "POLYLINE",
        "data": "0.1\\2\\3.5\\10000000000",
        "fiducialUid": "1.2.7",
        "pixelOrigin": "FRAME",
    }
    assert value(b.scoord3d("POINT", [1, 2, 3]))[0]["graphic"]["frameOfReferenceUid"] == "1.2.840.99.5.1"


def test_temporal_ranges():
    assert value(b.tcoord("SEGMENT", samples=[1, 5]))[0] == {
        "temporal": {"id": "1.1", "rangeType": "SEGMENT", "samplePosition": ["1", "5"]}
    }
    assert value(b.tcoord("POINT", offsets=["0.5"]))[0]["temporal"]["timeOffset"] == ["0.5"]
    assert value(b.tcoord("POINT", moments=["20240102"]))[0]["temporal"]["dateTime"] == ["20240102"]


def test_tables():
    members, _ = value(b.table(b.FINDING, [b.VOLUME], [["a"], ["b"]]))
    tabulated = members["tabulatedValues"]
    assert (tabulated["rows"], tabulated["columns"]) == ("2", "1")
    assert tabulated["definition"][0]["concept"]["coding"][0]["code"] == "118565006"
    assert tabulated["cell"] == [
        {"row": "1", "column": "1", "textValue": "a"},
        {"row": "2", "column": "1", "textValue": "b"},
    ]


def test_cells_of_numbers_and_codes():
    cells = [
        b.sequence_item(
            TableRowNumber=1, TableColumnNumber=1, SelectorAttributeVR="FD", SelectorFDValue=[0.1, 2.0]
        ),
        b.sequence_item(TableRowNumber=2, TableColumnNumber=1, ConceptCodeSequence=[b.LUNG.as_item()]),
    ]
    members, _ = value(
        b.item(
            "TABLE",
            b.FINDING,
            "CONTAINS",
            TabulatedValuesSequence=[b.sequence_item(NumberOfTableRows=2, CellValuesSequence=cells)],
        )
    )
    one, two = members["tabulatedValues"]["cell"]
    assert one["textValue"] == "0.1\\2.0"
    assert two["conceptCode"]["coding"][0]["code"] == "39607008"


def test_unknown_and_absent_value_types():
    document = rendered(
        b.item("HOLOGRAM", b.FINDING, "CONTAINS"),
        b.item(None, b.FINDING, "CONTAINS"),
        b.item("text", b.FINDING, "CONTAINS"),
    ).document
    assert [one["valueType"] for one in document["content"]["unknown"]] == ["HOLOGRAM", "UNKNOWN"]
    assert [one["valueType"] for one in document["content"]["text"]] == ["TEXT"]


def test_a_value_of_another_type_is_reported():
    both = b.text(b.FINDING, "x", ConceptCodeSequence=[b.LUNG.as_item()])
    no_type = b.item(None, b.FINDING, "CONTAINS", TextValue="x")
    reference = b.by_reference("INFERRED FROM", 1, 1)
    reference.TextValue = "x"
    findings = elsewhere(rendered(both, no_type, reference).all_findings())
    assert [(finding.code, finding.where) for finding in findings] == [
        ("no-target", f"1.{n}") for n in (1, 2, 3)
    ]


def test_a_qualifier_beside_a_value_is_reported():
    members, findings = value(
        b.num(b.VOLUME, "5", b.CUBIC_MM, qualifier=b.Code("114000", "DCM", "Not a number"))
    )
    assert members["measuredValue"]["value"] == "5"
    assert members["qualifier"]["coding"][0]["code"] == "114000"
    assert findings == ["conflict"]


def test_time_and_uid_of_an_item_have_a_lineage_of_their_own():
    """What becomes of them is seen in the Bundle (D15, 3.1); the UID of 3D coordinates names their carrier (D11)."""
    both = {"ObservationDateTime": "20240103130000", "ObservationUID": "1.2.6"}
    space = b.scoord3d("POINT", [1, 2, 3], **both)
    rendering = rendered(b.container(b.IMAGING_MEASUREMENTS, b.group(space, **both), **both))
    told = [(one.finding.where, one.lineage) for one in rendering.not_held]
    assert told == [
        (place, f"{place}.{keyword}")
        for place in ("1.1", "1.1.1", "1.1.1.1")
        for keyword in ("ObservationDateTime", "ObservationUID")
    ]
    assert rendering.all_findings() == rendering.findings
    (region,) = sets(rendering.document, "1.1.1")
    assert region["instance"][0]["_item"] == {"id": "1.1.1.1.ObservationUID"}


def test_an_observation_time_without_an_hour_is_reported():
    seen = b.num(b.VOLUME, "1", b.CUBIC_MM, ObservationDateTime="20240103")
    assert [
        (one.code, one.where) for one in rendered(b.imaging_measurements(b.group(seen))).all_findings()
    ] == [("no-target", "1.1.1.1")]


def test_attributes_of_an_item_that_have_no_place_are_reported():
    started = b.text(b.FINDING, "x", ObservationStartDateTime="20240102")
    odd = b.image("1.2.3")
    b.raw(odd.ReferencedSOPSequence[0], "InstanceNumber", "IS", b"1")
    findings = elsewhere(rendered(started, odd).all_findings())
    assert [(finding.severity, finding.code, finding.where) for finding in findings] == [
        ("information", "no-target", "1.1"),
        ("information", "no-target", "1.2"),
    ]
    assert "ObservationStartDateTime" in findings[0].message
