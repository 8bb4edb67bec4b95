"""Rows of section 3.8: measurements, NUM in a group."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result

from tests import builders as b
from tests.rows.concepts import (
    APICAL,
    AREA,
    AUTHORITY,
    COLOR,
    DERIVATION,
    DIAMETER,
    EQUATION,
    EQUATION_CITATION,
    KERNEL_SIZE,
    LIVER,
    LOWER_LIMIT,
    MEAN,
    METHOD,
    MILLIMETRES,
    NORMALITY,
    NOTE,
    OBVIOUS,
    ONE,
    POPULATION,
    RANGE_AUTHORITY,
    RANGE_DESCRIPTION,
    RATIO,
    RECIST,
    SELECTION_STATUS,
    SHORT_LABEL,
    SIGNIFICANCE,
    SQUARE_MM,
    STANDARD_DEVIATION,
    UPPER_LIMIT,
    UPPER_UNCERTAINTY,
    USER_CHOSEN,
    VALUE_MAP_USED,
    WHO,
)
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    Json,
    absent,
    claims,
    coded,
    coding,
    concept,
    derived,
    elements,
    findings,
    observation,
    oid,
    one,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.shapes import DESCRIBES, INFERRED, MODIFIES, grouped

MEASUREMENT = "imaging-measurement"
ORIGIN = "source-sr-content-item"
UCUM = "http://unitsofmeasure.org"
UNITS = {"unit": "cubic millimeter", "system": UCUM, "code": "mm3"}
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def volume(*children: Dataset, value: str | None = "1.50", **attributes: Any) -> Dataset:
    """Build the measurement that is looked at."""
    return b.num(b.VOLUME, value, b.CUBIC_MM, *children, **attributes)


def measurement(result: Result) -> Json:
    return observation(result, b.VOLUME.value)


def components(found: Json) -> dict[str, Json]:
    """Return the components by the code of their concept, without it."""
    return {
        each["code"]["coding"][0]["code"]: {name: value for name, value in each.items() if name != "code"}
        for each in found.get("component", [])
    }


# ---- code and value --------------------------------------------------------------------------------------


@pytest.mark.row("3.8.01", "3.8.02", "3.8.22")
def test_concept_name_and_value(transform: Transform) -> None:
    found = measurement(transform(grouped(volume())))
    assert claims(found, MEASUREMENT)
    assert found["code"] == concept(SCT, "118565006", "Volume")
    assert str(found["valueQuantity"].pop("value")) == "1.50"
    assert found["valueQuantity"] == UNITS
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    assert found["category"] == [concept(system, "imaging", "Imaging")]
    assert not {"component", "dataAbsentReason"} & set(found)


@pytest.mark.row("3.8.01", "3.8.05", "3.9.01")
def test_text_for_people(transform: Transform) -> None:
    """Derivation and tracked lesion, with its site; the codings stay as they are."""
    tracked = b.text(b.TRACKING_IDENTIFIER, "Nodule RUL 1", relationship="HAS OBS CONTEXT")
    side = b.code(b.LATERALITY, b.RIGHT, relationship=MODIFIES)
    right = b.code(b.FINDING_SITE, b.LUNG, side, relationship=MODIFIES)
    liver = b.code(b.FINDING_SITE, LIVER, relationship=MODIFIES)
    mean = b.code(DERIVATION, MEAN, relationship=MODIFIES)
    evaluated = b.code(COLOR, OBVIOUS)
    content = (
        volume(),
        b.num(DIAMETER, "3", MILLIMETRES, mean),
        b.num(AREA, "3", SQUARE_MM, liver),
        evaluated,
    )
    result = transform(grouped(tracked, right, *content))
    texts = {
        each["code"]["coding"][0]["display"]: each["code"].get("text")
        for each in resources(result, "Observation")
    }
    assert texts == {
        "Volume": "Volume – Nodule RUL 1 (right lung)",
        "Diameter": "Diameter, Mean – Nodule RUL 1 (right lung)",
        "Area": "Area – Nodule RUL 1 (liver)",
        "Color": "Color – Nodule RUL 1 (right lung)",
        "Measurement Group": None,
    }
    assert "text" not in measurement(transform(grouped(right, volume())))["code"]
    unnamed = b.num(b.VOLUME._replace(meaning=""), "1", b.CUBIC_MM, mean)
    assert "text" not in measurement(transform(grouped(tracked, unnamed)))["code"]
    nested = measurement(transform(grouped(tracked, b.group(volume(liver)))))
    assert nested["code"]["text"] == "Volume – Nodule RUL 1 (liver)"
    plain = measurement(transform(grouped(tracked, liver, b.code(b.FINDING_SITE, b.LUNG), volume())))
    assert plain["code"]["text"] == "Volume – Nodule RUL 1 (liver, lung)"


@pytest.mark.row("3.8.01")
def test_text_for_people_in_another_language(transform: Transform) -> None:
    """Only English writes the names of sites small."""
    tracked = b.text(b.TRACKING_IDENTIFIER, "Herd 1", relationship="HAS OBS CONTEXT")
    site = b.code(b.FINDING_SITE, b.Code("39607008", "SCT", "Lunge"), relationship=MODIFIES)
    spoken = b.code(
        b.Code("121049", "DCM", "Language"), b.Code("de", "RFC5646", "Deutsch"), relationship=MODIFIES
    )
    content = b.imaging_measurements(b.group(tracked, site, volume()))
    found = measurement(transform(b.measurement_report(spoken, content)))
    assert found["code"]["text"] == "Volume – Herd 1 (Lunge)"


@pytest.mark.row("3.8.01")
def test_a_measurement_without_a_concept_name(transform: Transform) -> None:
    """Section 5.2: not produced."""
    result = transform(grouped(b.num(None, "1", ONE)))
    assert resources(result, "Observation", MEASUREMENT) == []
    assert unmapped(result)["1.1.1.1"] == "invalid-value"


@pytest.mark.row("3.8.02")
@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        ({"value": "1", "floating": 2.5}, "2.5"),
        ({"value": "3", "rational": (1, 2)}, "3"),
        ({"value": None, "rational": (1, 4)}, "0.25"),
    ],
)
def test_forms_of_a_value(transform: Transform, forms: dict[str, Any], expected: str) -> None:
    """The floating point value, else the numeric, else the rational one."""
    assert str(measurement(transform(grouped(volume(**forms))))["valueQuantity"]["value"]) == expected


@pytest.mark.row("3.8.02")
@pytest.mark.parametrize("forms", [{"value": None, "rational": (1, 0)}, {"value": "1,5"}, {"value": "1\\2"}])
def test_values_that_are_none(transform: Transform, forms: dict[str, Any]) -> None:
    """Section 3.1, decision D24: no value, and why; never Observation.dataAbsentReason."""
    result = transform(grouped(volume(**forms)))
    found = measurement(result)
    assert found["valueQuantity"] == {"extension": absent("error"), **UNITS}
    assert "dataAbsentReason" not in found
    assert ("warning", "1.1.1.1") in findings(result, "invalid-value")


@pytest.mark.row("3.8.02")
def test_a_value_without_units(transform: Transform) -> None:
    result = transform(grouped(b.num(b.VOLUME, "7", None)))
    assert measurement(result)["valueQuantity"] == {"value": 7}
    assert ("warning", "1.1.1.1") in findings(result, "missing-units")


QUALIFIERS = {
    None: "unknown",
    "114000": "not-a-number",
    "114001": "negative-infinity",
    "114002": "positive-infinity",
    "114003": "error",
    "114004": "error",
    "114005": "error",
    "114006": "error",
    "114007": "not-performed",
    "114008": "error",
    "114009": "error",
    "114010": "unknown",
    "114011": "unknown",
    "99": "error",
}


@pytest.mark.row("3.8.03")
def test_numeric_value_qualifiers(transform: Transform) -> None:
    """Decision D24; one report with a measurement for each qualifier."""
    qualified = [
        b.num(b.Code(f"99N{n}", "99TEST", f"N{n}"), None, None, qualifier=meaning(value))
        for n, value in enumerate(QUALIFIERS)
    ]
    found = resources(transform(grouped(*qualified)), "Observation", MEASUREMENT)
    reasons = [each["valueQuantity"]["extension"] for each in found]
    assert reasons == [absent(reason) for reason in QUALIFIERS.values()]
    assert [each.get("component", [{}])[0].get("code") for each in found] == [
        {"text": "Numeric Value Qualifier (0040,A301)"} if value else None for value in QUALIFIERS
    ]
    values = [each["component"][0]["valueCodeableConcept"]["coding"][0]["code"] for each in found[1:]]
    assert values == list(QUALIFIERS)[1:]
    assert not any("dataAbsentReason" in each for each in found)


def meaning(qualifier: str | None) -> b.Code | None:
    if qualifier is None:
        return None
    scheme = "DCM" if len(qualifier) > 2 else "99TEST"
    return b.Code(qualifier, scheme, MEANINGS.get(qualifier, "Other"))


MEANINGS = {
    "114000": "Not a number",
    "114001": "Negative Infinity",
    "114002": "Positive Infinity",
    "114003": "Divide by zero",
    "114004": "Underflow",
    "114005": "Overflow",
    "114006": "Measurement failure",
    "114007": "Measurement not attempted",
    "114008": "Calculation failure",
    "114009": "Value out of range",
    "114010": "Value unknown",
    "114011": "Value indeterminate",
}


@pytest.mark.row("3.8.03")
def test_units_without_a_value(transform: Transform) -> None:
    found = measurement(transform(grouped(volume(value=None, qualifier=meaning("114006")))))
    assert found["valueQuantity"] == {"extension": absent("error"), **UNITS}


@pytest.mark.row("3.8.04", "3.8.11")
def test_a_qualifier_of_a_number_that_is_a_component(transform: Transform) -> None:
    """A component has no place for it: the report says that it is lost."""
    qualifier = b.Code("114006", "DCM", "Measurement failure")
    parameter = b.num(KERNEL_SIZE, "3", MILLIMETRES, relationship=INFERRED, qualifier=qualifier)
    result = transform(grouped(volume(parameter)))
    assert components(measurement(result)).keys() == {"99K1"}
    assert [(loss.source, loss.reason) for loss in result.report.losses] == [("1.1.1.1.1", "no-target")]


@pytest.mark.row("3.8.04")
def test_a_qualifier_beside_a_value(transform: Transform) -> None:
    result = transform(grouped(volume(value="5", qualifier=meaning("114009"))))
    found = measurement(result)
    assert found["valueQuantity"] == {"value": 5, **UNITS}
    assert found["component"] == [
        {
            "code": {"text": "Numeric Value Qualifier (0040,A301)"},
            "valueCodeableConcept": concept(DCM, "114009", "Value out of range"),
        }
    ]
    assert "warning" in [finding.severity for finding in result.findings if finding.where == "1.1.1.1"]


# ---- modifiers -------------------------------------------------------------------------------------------


@pytest.mark.row("3.8.05")
def test_derivation(transform: Transform) -> None:
    found = measurement(transform(grouped(volume(b.code(DERIVATION, MEAN, relationship=MODIFIES)))))
    assert found["code"] == {**concept(SCT, "118565006", "Volume"), "text": "Volume, Mean"}
    assert components(found) == {"121401": {"valueCodeableConcept": concept(SCT, "373098007", "Mean")}}


@pytest.mark.row("3.8.06")
def test_measurement_method(transform: Transform) -> None:
    of_group = b.code(METHOD, RECIST, relationship=MODIFIES)
    own = volume(b.code(METHOD, WHO, relationship=MODIFIES))
    result = transform(grouped(of_group, own, b.num(DIAMETER, "3", MILLIMETRES)))
    assert measurement(result)["method"] == concept(DCM, "112029", "WHO")
    assert observation(result, DIAMETER.value)["method"] == concept(DCM, "126081", "RECIST 1.1")
    assert not {"component", "bodySite"} & set(measurement(result))


@pytest.mark.row("3.8.07")
def test_finding_site(transform: Transform) -> None:
    """Decision D6: its own overrides, without the tracking of the group."""
    tracked = b.text(b.TRACKING_IDENTIFIER, "Nodule 1", relationship="HAS OBS CONTEXT")
    of_group = b.code(b.FINDING_SITE, b.LUNG, relationship=MODIFIES)
    own = b.code(b.FINDING_SITE, LIVER, relationship=MODIFIES)
    side = b.code(b.LATERALITY, b.RIGHT, relationship=MODIFIES)
    qualified = b.num(AREA, "4", SQUARE_MM, b.code(b.FINDING_SITE, b.LUNG, side, relationship=MODIFIES))
    result = transform(grouped(tracked, of_group, volume(own), b.num(DIAMETER, "3", MILLIMETRES), qualified))
    of_all = one(result, "Observation", "imaging-measurement-group")["bodyStructure"]
    assert observation(result, DIAMETER.value)["bodyStructure"] == of_all
    assert measurement(result)["bodySite"] == concept(SCT, "10200004", "Liver")
    assert "bodyStructure" not in measurement(result)
    structure = target(result, observation(result, AREA.value)["bodyStructure"])
    assert "identifier" not in structure
    (included,) = structure["includedStructure"]
    assert included["laterality"] == concept(SCT, "24028007", "Right")
    assert all("bodySite" not in observation(result, each.value) for each in (AREA, DIAMETER))


# ---- references ------------------------------------------------------------------------------------------


def region(uid: str) -> Dataset:
    return b.scoord("POINT", [1, 2], b.image(uid))


@pytest.mark.row("3.8.08", "3.8.09")
def test_references_of_the_group_and_its_own(transform: Transform) -> None:
    """Its own selection of a kind replaces that of the group; all others are copied (decision D44)."""
    segment = b.image("1.2.5", concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1])
    own = b.scoord("POINT", [3, 4], b.image("1.2.2"), concept=None, relationship=INFERRED)
    space = b.scoord3d("POINT", [1, 2, 3], b.image("1.2.2"), concept=None, relationship=INFERRED)
    pictured = b.image("1.2.3", relationship="R-INFERRED FROM")
    result = transform(
        grouped(region("1.2.1"), segment, volume(own, space, pictured), b.num(DIAMETER, "3", MILLIMETRES))
    )
    of_all = one(result, "Observation", "imaging-measurement-group")
    kinds = [each["code"]["coding"][0]["code"] for each in derived(result, of_all)]
    assert sorted(kinds) == ["111030", "111040", "121191"]
    copied = observation(result, DIAMETER.value)["derivedFrom"]
    assert sorted(copied, key=str) == sorted(of_all["derivedFrom"], key=str)
    found = derived(result, measurement(result))
    assert {each["code"]["coding"][0]["code"] for each in found} == {"111040", "121191", "111030", "121112"}
    (own_region,) = (each for each in found if claims(each, "image-region-2d"))
    assert [each["uid"] for each in own_region["instance"]] == ["1.2.2"]
    assert len(found) == 5


@pytest.mark.row("3.8.10")
def test_inferred_from_a_measurement_by_reference(transform: Transform) -> None:
    other = b.num(DIAMETER, "3", MILLIMETRES)
    result = transform(grouped(other, volume(b.by_reference(INFERRED, 1, 1, 1, 1))))
    origin = one(result, "ImagingSelection", ORIGIN)
    other_one = observation(result, DIAMETER.value)
    assert derived(result, measurement(result)) == [origin, other_one]
    assert "component" not in measurement(result)
    assert derived(result, other_one) == [origin]


@pytest.mark.row("3.8.10", "3.11.01")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES])
def test_a_measurement_by_reference_that_describes(transform: Transform, relationship: str) -> None:
    """The rule of the target with the given relationship: a component; a source only where that is said, too."""
    other = b.num(DIAMETER, "3", MILLIMETRES)
    described = b.by_reference(relationship, 1, 1, 1, 1)
    found = measurement(transform(grouped(other, volume(described))))
    assert components(found).keys() == {DIAMETER.value}
    assert len(found["derivedFrom"]) == 1
    result = transform(grouped(other, volume(described, b.by_reference(INFERRED, 1, 1, 1, 1))))
    found = measurement(result)
    assert components(found).keys() == {DIAMETER.value}
    origin = one(result, "ImagingSelection", ORIGIN)
    assert derived(result, found) == [origin, observation(result, DIAMETER.value)]


@pytest.mark.row("3.8.11")
def test_inferred_from_a_number_by_value(transform: Transform) -> None:
    """A parameter; with references or an Observation UID of its own a measurement, which is no member."""
    parameter = b.num(KERNEL_SIZE, "3", MILLIMETRES, relationship=INFERRED)
    pictured = b.num(
        DIAMETER, "4", MILLIMETRES, b.image("1.2.1", relationship=INFERRED), relationship=INFERRED
    )
    identified = b.num(AREA, "5", SQUARE_MM, relationship=INFERRED, ObservationUID="1.2.77")
    result = transform(grouped(volume(parameter, pictured, identified)))
    found = measurement(result)
    assert components(found) == {
        "99K1": {"valueQuantity": {"value": 3, "unit": "millimeter", "system": UCUM, "code": "mm"}}
    }
    own = [observation(result, each.value) for each in (DIAMETER, AREA)]
    assert all(claims(each, MEASUREMENT) for each in own)
    assert derived(result, found)[1:] == own
    members = one(result, "Observation", "imaging-measurement-group")["hasMember"]
    assert members == [{"reference": urn(found), "type": "Observation"}]


@pytest.mark.row("3.8.11")
@pytest.mark.parametrize(
    "told",
    [
        b.code(b.FINDING_SITE, LIVER, relationship=MODIFIES),
        b.code(DERIVATION, MEAN, relationship=MODIFIES),
        b.text(NOTE, "coarse", relationship=DESCRIBES),
        b.text(b.ALGORITHM_NAME, "pylidc", relationship=MODIFIES),
        b.uidref(b.DEVICE_OBSERVER_UID, "1.2.88", relationship="HAS OBS CONTEXT"),
    ],
    ids=["site", "modifier", "property", "algorithm", "device"],
)
def test_a_number_by_value_that_says_more_than_its_value(transform: Transform, told: Dataset) -> None:
    """A measurement, so that two of one concept can be told apart: a component has no place for more."""
    other = b.num(DIAMETER, "4", MILLIMETRES, told, relationship=INFERRED)
    result = transform(grouped(volume(other)))
    found = observation(result, DIAMETER.value)
    assert claims(found, MEASUREMENT)
    assert found in derived(result, measurement(result))
    assert "component" not in measurement(result)
    assert not [place for place in unmapped(result) if place.startswith("1.1.1.1.1")]
    group = one(result, "Observation", "imaging-measurement-group")
    assert [target(result, each) for each in group["hasMember"]] == [measurement(result)]


@pytest.mark.row("3.8.11")
def test_a_mean_and_the_numbers_that_it_was_made_from(transform: Transform) -> None:
    """Each is a measurement: no component may have the code of its Observation (invariant obs-7)."""
    single = [volume(value=value, relationship=INFERRED) for value in ("54", "55", "56")]
    mean = volume(b.code(DERIVATION, MEAN, relationship=MODIFIES), *single, value="55")
    result = transform(grouped(mean))
    group = one(result, "Observation", "imaging-measurement-group")
    (found,) = (target(result, each) for each in group["hasMember"])
    assert components(found).keys() == {"121401"}
    own = [each for each in derived(result, found) if claims(each, MEASUREMENT)]
    assert [each["valueQuantity"] for each in own] == [{"value": n, **UNITS} for n in (54, 55, 56)]
    assert [each["code"] for each in own] == [concept(SCT, "118565006", "Volume")] * 3
    assert not [place for place in unmapped(result) if place.startswith("1.1.1.1")]


@pytest.mark.row("3.8.19")
def test_real_world_value_map(transform: Transform) -> None:
    own = b.composite("1.2.5", concept=VALUE_MAP_USED)
    result = transform(
        grouped(b.composite("1.2.4", concept=VALUE_MAP_USED), volume(own), b.num(DIAMETER, "3", MILLIMETRES))
    )
    _, found = derived(result, measurement(result))
    assert claims(found, "real-world-value-map")
    assert [each["uid"] for each in found["instance"]] == ["1.2.5"]
    _, of_group = derived(result, observation(result, DIAMETER.value))
    assert [each["uid"] for each in of_group["instance"]] == ["1.2.4"]


# ---- observation context ---------------------------------------------------------------------------------


@pytest.mark.row("3.8.12")
def test_tracking_of_a_measurement(transform: Transform) -> None:
    own = (
        b.text(b.TRACKING_IDENTIFIER, "Nodule 1", relationship="HAS OBS CONTEXT"),
        b.uidref(b.TRACKING_UID, "1.2.3.100", relationship="HAS OBS CONTEXT"),
    )
    result = transform(grouped(volume(*own)))
    assert components(measurement(result)) == {
        "112039": {"valueString": "Nodule 1"},
        "112040": {"valueString": "urn:oid:1.2.3.100"},
    }
    assert resources(result, "BodyStructure") == []
    assert "identifier" not in measurement(result)


@pytest.mark.row("3.8.13")
def test_algorithm(transform: Transform) -> None:
    """Section 3.4: its own comes before that of the group."""
    own = volume(b.text(b.ALGORITHM_NAME, "own", relationship=MODIFIES))
    of_group = b.text(b.ALGORITHM_NAME, "group", relationship=MODIFIES)
    result = transform(grouped(of_group, own, b.num(DIAMETER, "3", MILLIMETRES)))
    names = [
        target(result, observation(result, each.value)["device"])["displayName"]
        for each in (b.VOLUME, DIAMETER)
    ]
    assert names == ["own", "group"]


@pytest.mark.row("3.8.21")
def test_observation_uid_and_time(transform: Transform) -> None:
    stated = volume(ObservationUID="1.2.77", ObservationDateTime="20240104093000+0200")
    result = transform(grouped(stated, b.num(DIAMETER, "3", MILLIMETRES)))
    found, other = measurement(result), observation(result, DIAMETER.value)
    system = "http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-identifier-type"
    kind = concept(system, "observation-uid", "Observation UID")
    assert found["identifier"] == [{"type": kind, **oid("1.2.77")}]
    assert found["issued"] == "2024-01-04T09:30:00+02:00"
    assert "identifier" not in other
    assert other["issued"] == "2024-01-03T12:00:00+01:00"
    (source,) = derived(result, found)
    assert source["instance"][0]["subset"] == ["1.2.77"]
    (of_group,) = derived(result, other)
    assert of_group["instance"][0]["subset"] == ["1\\1\\1"]


# ---- properties ------------------------------------------------------------------------------------------

NORMAL = {"17621005": "N", "263654008": "A", "371879000": "H", "371880002": "L", "371934000": "IND"}
MEANING = {
    "17621005": "Normal",
    "263654008": "Abnormal",
    "371879000": "Abnormally High",
    "371880002": "Abnormally Low",
    "371934000": "Normality Undetermined",
}


@pytest.mark.row("3.8.14")
def test_normality(transform: Transform) -> None:
    """One report with a measurement for each; a component is not written as well."""
    judged = [
        b.num(
            b.Code(f"99N{n}", "99TEST", f"N{n}"),
            "1",
            ONE,
            b.code(NORMALITY, b.Code(value, "SCT", MEANING[value]), relationship=DESCRIBES),
        )
        for n, value in enumerate(NORMAL)
    ]
    private = b.num(b.VOLUME, "1", b.CUBIC_MM, b.code(NORMALITY, OBVIOUS, relationship=DESCRIBES))
    result = transform(grouped(*judged, private))
    *found, other = resources(result, "Observation", MEASUREMENT)
    for each, (value, meaning_code) in zip(found, NORMAL.items(), strict=True):
        (interpretation,) = each["interpretation"]
        first, second = interpretation["coding"]
        assert first == coding(SCT, value, MEANING[value])
        assert (second["system"], second["code"]) == (INTERPRETATION, meaning_code)
    assert other["interpretation"] == [{"coding": [coded(OBVIOUS)]}]
    assert not any("component" in each for each in (*found, other))


@pytest.mark.row("3.8.15")
def test_normal_range(transform: Transform) -> None:
    limits = (
        b.num(LOWER_LIMIT, "1", b.CUBIC_MM, relationship=DESCRIBES),
        b.num(UPPER_LIMIT, "2", b.CUBIC_MM, relationship=DESCRIBES),
    )
    description = b.text(RANGE_DESCRIPTION, "adults", relationship=DESCRIBES)
    authority = b.text(RANGE_AUTHORITY, "Smith 2001", relationship=DESCRIBES)
    result = transform(
        grouped(
            volume(*limits, description, authority),
            b.num(DIAMETER, "3", MILLIMETRES, b.text(RANGE_DESCRIPTION, "adults", relationship=DESCRIBES)),
            b.num(AREA, "4", SQUARE_MM, b.text(RANGE_AUTHORITY, "Smith 2001", relationship=DESCRIBES)),
        )
    )
    found = measurement(result)
    (stated,) = found["referenceRange"]
    (kind,) = stated.pop("type")["coding"]
    assert kind == {
        "system": "http://terminology.hl7.org/CodeSystem/referencerange-meaning",
        "code": "normal",
    }
    low, high = {"value": 1, **UNITS}, {"value": 2, **UNITS}
    assert stated == {"low": low, "high": high, "text": "adults (Smith 2001)"}
    assert elements(result, "1.1.1.1.3") == elements(result, "1.1.1.1.4")
    assert observation(result, DIAMETER.value)["referenceRange"][0]["text"] == "adults"
    assert "referenceRange" not in observation(result, AREA.value)
    assert unmapped(result)["1.1.1.3.1"] == "no-target"
    assert "component" not in found


@pytest.mark.row("3.8.15")
def test_what_a_range_does_not_take_is_reported(transform: Transform) -> None:
    """A description and an authority have one place: the first of each that has a value."""
    stated = (
        b.text(RANGE_DESCRIPTION, "", relationship=DESCRIBES),
        b.text(RANGE_AUTHORITY, "", relationship=DESCRIBES),
        b.text(RANGE_DESCRIPTION, "adults", relationship=DESCRIBES),
        b.text(RANGE_AUTHORITY, "Smith 2001", relationship=DESCRIBES),
        b.text(RANGE_AUTHORITY, "Jones 1999", relationship=DESCRIBES),
        b.code(RANGE_AUTHORITY, LIVER, relationship=DESCRIBES),
    )
    result = transform(grouped(volume(*stated)))
    (found,) = measurement(result)["referenceRange"]
    assert found["text"] == "adults (Smith 2001)"
    assert elements(result, "1.1.1.1.3") == elements(result, "1.1.1.1.4")
    assert elements(result, "1.1.1.1.6")
    assert "Liver" in str(measurement(result)["component"])
    lost = unmapped(result)
    assert lost["1.1.1.1.5"] == "multiplicity"
    assert {"1.1.1.1.1", "1.1.1.1.2"} <= lost.keys()
    assert not {"1.1.1.1.3", "1.1.1.1.4"} & lost.keys()


@pytest.mark.row("3.8.15")
def test_a_range_needs_a_limit_or_a_text(transform: Transform) -> None:
    """An empty description leaves the authority its place beside a limit; without anything stated, no range."""
    empty = b.text(RANGE_DESCRIPTION, "", relationship=DESCRIBES)
    authority = b.text(RANGE_AUTHORITY, "Smith 2001", relationship=DESCRIBES)
    limit = b.num(UPPER_LIMIT, "2", b.CUBIC_MM, relationship=DESCRIBES)
    unstated = b.num(LOWER_LIMIT, None, b.CUBIC_MM, relationship=DESCRIBES)
    result = transform(
        grouped(
            volume(empty, authority, limit), b.num(DIAMETER, "3", MILLIMETRES, unstated, empty, authority)
        )
    )
    (found,) = measurement(result)["referenceRange"]
    assert found["text"] == "(Smith 2001)"
    assert elements(result, "1.1.1.1.2")
    assert "1.1.1.1.1" in unmapped(result)
    assert "referenceRange" not in observation(result, DIAMETER.value)
    assert {"1.1.1.2.1", "1.1.1.2.2", "1.1.1.2.3"} <= unmapped(result).keys()


@pytest.mark.row("3.8.15")
def test_the_authority_of_a_range_without_description(transform: Transform) -> None:
    limit = b.num(UPPER_LIMIT, "2", b.CUBIC_MM, relationship=DESCRIBES)
    authority = b.text(RANGE_AUTHORITY, "Smith 2001", relationship=DESCRIBES)
    result = transform(grouped(volume(limit, authority)))
    (stated,) = measurement(result)["referenceRange"]
    assert stated["text"] == "(Smith 2001)"
    assert stated["high"]["value"] == 2
    assert elements(result, "1.1.1.1.2")


@pytest.mark.row("3.8.16", "3.8.17", "3.8.18")
def test_statistics_significance_and_equations(transform: Transform) -> None:
    properties = (
        b.num(STANDARD_DEVIATION, "2", b.CUBIC_MM, relationship=DESCRIBES),
        b.text(POPULATION, "adults", relationship=DESCRIBES),
        b.text(AUTHORITY, "Smith 2001", relationship=DESCRIBES),
        b.code(SIGNIFICANCE, OBVIOUS, relationship=DESCRIBES),
        b.code(SELECTION_STATUS, USER_CHOSEN, relationship=DESCRIBES),
        b.num(UPPER_UNCERTAINTY, "0.5", b.CUBIC_MM, relationship=DESCRIBES),
        b.text(EQUATION, "a*b", relationship=DESCRIBES),
        b.text(EQUATION_CITATION, "Jones 1999", relationship=DESCRIBES),
    )
    cited = b.composite("1.2.9", concept=EQUATION_CITATION, relationship=DESCRIBES)
    result = transform(grouped(volume(*properties)))
    assert components(measurement(result)) == {
        "386136009": {"valueQuantity": {"value": 2, **UNITS}},
        "121405": {"valueString": "adults"},
        "121406": {"valueString": "Smith 2001"},
        "121403": {"valueCodeableConcept": {"coding": [coded(OBVIOUS)]}},
        "121404": {"valueCodeableConcept": concept(DCM, "121410", "User chosen value")},
        "371886008": {"valueQuantity": {"value": Decimal("0.5"), **UNITS}},
        "121420": {"valueString": "a*b"},
        "121421": {"valueString": "Jones 1999"},
    }
    result = transform(grouped(volume(cited)))
    assert derived(result, measurement(result)) == [one(result, "ImagingSelection", ORIGIN)]
    assert unmapped(result)["1.1.1.1.1"] == "no-target"


@pytest.mark.row("3.8.18")
def test_equations_as_the_template_relates_them(transform: Transform) -> None:
    """TID 300 includes TID 315 by INFERRED FROM; an image that is cited is neither a source nor tells a time (D14)."""
    meanings = (
        "Equation",
        "Equation Citation",
        "Table of Values Citation",
        "Method Citation",
        "Table of Values",
    )
    stated = [
        b.text(b.Code(str(n), "DCM", each), each, relationship=INFERRED)
        for n, each in enumerate(meanings, 121420)
    ]
    cited = b.image("1.2.9", concept=EQUATION_CITATION, relationship=INFERRED)
    result = transform(grouped(volume(*stated, cited), listed=[b.Instance("1.2.9", study="1.2.90")]))
    found = measurement(result)
    assert components(found) == {str(n): {"valueString": each} for n, each in enumerate(meanings, 121420)}
    assert derived(result, found) == [one(result, "ImagingSelection", ORIGIN)]
    assert found["effectiveDateTime"] == "2024-01-02T10:15:00+01:00"
    assert unmapped(result)["1.1.1.1.6"] == "no-target"


@pytest.mark.row("3.8.18")
def test_an_equation_without_a_relationship(transform: Transform) -> None:
    stated = b.text(EQUATION, "a*b")
    del stated.RelationshipType
    result = transform(grouped(volume(stated)))
    assert components(measurement(result)) == {"121420": {"valueString": "a*b"}}
    assert "1.1.1.1.1" not in unmapped(result)


@pytest.mark.row("3.8.20")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES])
def test_other_properties(transform: Transform, relationship: str) -> None:
    properties = (
        b.code(COLOR, APICAL, relationship=relationship),
        b.num(RATIO, "3", ONE, relationship=relationship),
        b.text(SHORT_LABEL, "L1", relationship=relationship),
        b.date(b.Code("99D1", "99TEST", "Day"), "20240102", relationship=relationship),
        b.time(b.Code("99D2", "99TEST", "Hour"), "101500", relationship=relationship),
        b.date_time(b.Code("99D3", "99TEST", "Moment"), "20240102101500+0100", relationship=relationship),
        b.num(b.VOLUME, "9", b.CUBIC_MM, relationship=relationship),
        b.text(NOTE, "acquired", relationship="HAS ACQ CONTEXT"),
        b.table(NOTE, [NOTE], [["1"]], relationship=relationship),
    )
    result = transform(grouped(volume(*properties)))
    quantity = {"value": 3, "unit": "1", "system": UCUM, "code": "1"}
    assert components(measurement(result)) == {
        "99C1": {"valueCodeableConcept": concept(SCT, "43674008", "Apical")},
        "99K2": {"valueQuantity": quantity},
        "125309": {"valueString": "L1"},
        "99D1": {"valueDateTime": "2024-01-02"},
        "99D2": {"valueTime": "10:15:00"},
        "99D3": {"valueDateTime": "2024-01-02T10:15:00+01:00"},
    }
    reasons = [unmapped(result).get(f"1.1.1.1.{n}") for n in (7, 8, 9)]
    assert reasons == ["no-target"] * 3
