"""Rows of section 3.9: qualitative evaluations."""

from __future__ import annotations

import pytest

from tests import builders as b
from tests.rows.concepts import (
    ACTIVITY_SESSION,
    APICAL,
    COLOR,
    FINDING_CATEGORY,
    GEOMETRIC_PURPOSE,
    IMPRESSION,
    LIVER,
    LUNG_SCREENING,
    METHOD,
    NODULE,
    NOTE,
    OBVIOUS,
    OUTLINE,
    REACHED,
    RECIST,
    SUBTLETY,
    TIME_POINT,
)
from tests.rows.conftest import Transform
from tests.rows.look import (
    SCT,
    UMLS,
    absent,
    claims,
    coded,
    concept,
    derived,
    observation,
    oid,
    one,
    reason,
    resources,
    unmapped,
    urn,
)
from tests.rows.shapes import CONTEXT, MODIFIES, grouped

EVALUATION = "imaging-qualitative-evaluation"
SUBTLE = b.code(SUBTLETY, OBVIOUS)


@pytest.mark.row("3.9.01", "3.9.02", "3.9.03", "3.9.05")
def test_codes_and_texts(transform: Transform) -> None:
    result = transform(grouped(SUBTLE, b.text(IMPRESSION, "benign")))
    category = [concept(UMLS, "C0034375", "Qualitative Evaluations")]
    coded_one, textual = resources(result, "Observation", EVALUATION)
    assert coded_one["code"] == {"coding": [coded(SUBTLETY)]}
    assert coded_one["valueCodeableConcept"] == {"coding": [coded(OBVIOUS)]}
    assert textual["code"] == {"coding": [coded(IMPRESSION)]}
    assert textual["valueCodeableConcept"] == {"text": "benign"}
    assert [each["category"] for each in (coded_one, textual)] == [category] * 2
    assert not {"component", "interpretation"} & {*coded_one, *textual}


@pytest.mark.row("3.9.01", "3.9.02")
def test_what_is_not_stated(transform: Transform) -> None:
    """Section 5.2: without a value it says so, without a name there is none."""
    result = transform(grouped(b.code(SUBTLETY, None), b.text(None, "unnamed")))
    found = one(result, "Observation", EVALUATION)
    assert found["valueCodeableConcept"] == {"extension": absent("unknown")}
    assert "dataAbsentReason" not in found
    assert unmapped(result)["1.1.1.2"] == "invalid-value"


@pytest.mark.row("3.9.01")
def test_what_is_no_evaluation(transform: Transform) -> None:
    """Decision D23: contained items that other rows take."""
    taken = (
        b.code(FINDING_CATEGORY, LUNG_SCREENING),
        b.code(b.Code("121071", "DCM", "Finding"), NODULE),
        b.code(METHOD, RECIST),
        b.code(b.FINDING_SITE, b.LUNG),
        b.text(b.TRACKING_IDENTIFIER, "Nodule 1"),
        b.uidref(b.TRACKING_UID, "1.2.3.100"),
        b.code(GEOMETRIC_PURPOSE, OUTLINE),
        b.text(ACTIVITY_SESSION, "1"),
        b.text(b.ALGORITHM_NAME, "pylidc"),
        b.text(TIME_POINT, "TP1"),
        b.person_observer("Doe^Jane"),
        b.code(
            b.Code("121049", "DCM", "Language of Content Item and Descendants"),
            b.Code("en", "RFC5646", "English"),
        ),
    )
    result = transform(grouped(*taken))
    found = one(result, "Observation")
    assert "hasMember" not in found
    assert unmapped(result).keys() & {f"1.1.1.{n}" for n in range(1, 13)} == {"1.1.1.10"}


@pytest.mark.row("3.9.01")
@pytest.mark.parametrize("relationship", [MODIFIES, "HAS PROPERTIES", CONTEXT])
def test_only_what_is_contained(transform: Transform, relationship: str) -> None:
    result = transform(grouped(b.code(SUBTLETY, OBVIOUS, relationship=relationship)))
    found = one(result, "Observation")
    assert "hasMember" not in found
    assert [each["code"] for each in found["component"]] == [{"coding": [coded(SUBTLETY)]}]


OTHER_VALUES = {
    "date": (b.date(REACHED, "20240102"), "2024-01-02"),
    "time": (b.time(REACHED, "101500"), "10:15:00"),
    "datetime": (b.date_time(REACHED, "20240102101500+0100"), "2024-01-02T10:15:00+01:00"),
    "pname": (b.pname(REACHED, "Doe^Jane"), "Jane Doe"),
    "uidref": (b.uidref(REACHED, "1.2.3"), "urn:oid:1.2.3"),
}


@pytest.mark.row("3.9.04")
@pytest.mark.parametrize("value_type", OTHER_VALUES)
def test_other_value_types(transform: Transform, value_type: str) -> None:
    """As text, flagged as degraded; in a group and in Qualitative Evaluations."""
    value, expected = OTHER_VALUES[value_type]
    result = transform(b.measurement_report(b.imaging_measurements(b.group(value)), b.evaluations(value)))
    grouped, alone = resources(result, "Observation", EVALUATION)
    assert [each["valueCodeableConcept"] for each in (grouped, alone)] == [{"text": expected}] * 2
    assert [reason(result, place) for place in ("1.1.1.1", "1.2.1")] == ["degraded"] * 2


@pytest.mark.row("3.9.04")
def test_a_number_among_evaluations(transform: Transform) -> None:
    result = transform(b.measurement_report(b.evaluations(b.num(b.VOLUME, "1", b.CUBIC_MM))))
    found = one(result, "Observation", "imaging-measurement")
    assert found["valueQuantity"]["value"] == 1
    assert [each["instance"][0]["subset"] for each in derived(result, found)] == [["1\\1\\1"]]


@pytest.mark.row("3.9.06")
def test_modifiers(transform: Transform) -> None:
    modifiers = (
        b.code(COLOR, APICAL, relationship=MODIFIES),
        b.text(NOTE, "unsure", relationship="HAS PROPERTIES"),
        b.code(SUBTLETY, APICAL, relationship=MODIFIES),
        b.text(NOTE, "below", relationship="CONTAINS"),
    )
    result = transform(grouped(b.code(SUBTLETY, OBVIOUS, *modifiers)))
    assert one(result, "Observation", EVALUATION)["component"] == [
        {"code": {"coding": [coded(COLOR)]}, "valueCodeableConcept": concept(SCT, "43674008", "Apical")},
        {"code": concept(DCM_COMMENT[0], *DCM_COMMENT[1:]), "valueString": "unsure"},
    ]
    assert [unmapped(result)[f"1.1.1.1.{n}"] for n in (3, 4)] == ["no-target"] * 2


DCM_COMMENT = ("http://dicom.nema.org/resources/ontology/DCM", "121106", "Comment")


@pytest.mark.row("3.9.07")
def test_references_and_site_of_the_group(transform: Transform) -> None:
    segment = b.image("1.2.5", concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1])
    region = b.scoord("POINT", [1, 2], b.image("1.2.1"))
    own_region = b.scoord("POINT", [3, 4], b.image("1.2.2"), concept=None, relationship="INFERRED FROM")
    own_site = b.code(b.FINDING_SITE, LIVER, relationship=MODIFIES)
    tracked = b.text(b.TRACKING_IDENTIFIER, "Nodule 1", relationship=CONTEXT)
    inherits = b.text(IMPRESSION, "benign")
    result = transform(
        grouped(tracked, segment, region, b.code(SUBTLETY, OBVIOUS, own_region, own_site), inherits)
    )
    of_all = one(result, "Observation", "imaging-measurement-group")
    found, inheriting = observation(result, SUBTLETY.value), observation(result, IMPRESSION.value)
    assert inheriting["bodyStructure"] == of_all["bodyStructure"]
    kinds = {each["code"]["coding"][0]["code"] for each in derived(result, inheriting)}
    assert kinds == {"111040", "121191", "111030"}
    assert all(each in of_all["derivedFrom"] for each in inheriting["derivedFrom"])
    assert found["bodySite"] == concept(SCT, "10200004", "Liver")
    assert "bodyStructure" not in found
    (own,) = (each for each in derived(result, found) if claims(each, "image-region-2d"))
    assert [each["uid"] for each in own["instance"]] == ["1.2.2"]
    assert len(found["derivedFrom"]) == 3


@pytest.mark.row("3.9.08")
def test_algorithm_uid_and_time(transform: Transform) -> None:
    attributes = {"ObservationUID": "1.2.77", "ObservationDateTime": "20240104093000+0200"}
    own = b.code(SUBTLETY, OBVIOUS, b.text(b.ALGORITHM_NAME, "own", relationship=MODIFIES), **attributes)
    result = transform(grouped(own, b.text(IMPRESSION, "benign")))
    found, other = observation(result, SUBTLETY.value), observation(result, IMPRESSION.value)
    assert found["device"]["reference"] == urn(one(result, "Device", "algorithm-identification"))
    assert found["identifier"][0].items() >= oid("1.2.77").items()
    assert found["issued"] == "2024-01-04T09:30:00+02:00"
    assert [each["instance"][0]["subset"] for each in derived(result, found)] == [["1.2.77"]]
    assert other["device"]["reference"] == urn(one(result, "Device", "dicom-general-equipment"))
    assert "identifier" not in other
    assert [each["instance"][0]["subset"] for each in derived(result, other)] == [["1\\1\\1"]]


@pytest.mark.row("3.9.09")
def test_evaluations_without_a_group(transform: Transform) -> None:
    own = b.code(SUBTLETY, OBVIOUS, b.image("1.2.1", relationship="INFERRED FROM"))
    result = transform(b.measurement_report(b.evaluations(own, b.text(IMPRESSION, "benign"))))
    found, plain = resources(result, "Observation", EVALUATION)
    sources = [each["code"]["coding"][0]["code"] for each in derived(result, found)]
    assert sorted(sources) == ["111040", "121112"]
    (original,) = derived(result, plain)
    assert original["instance"][0]["subset"] == ["1\\1\\2"]
    assert len(resources(result, "Observation")) == 2


@pytest.mark.row("3.9.09")
def test_evaluations_directly_among_the_measurements(transform: Transform) -> None:
    """Section 3.5: tolerated."""
    found = one(transform(b.measurement_report(b.imaging_measurements(SUBTLE))), "Observation", EVALUATION)
    assert len(found["derivedFrom"]) == 1
    assert "hasMember" not in found
