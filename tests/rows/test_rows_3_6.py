"""Rows of section 3.6: Measurement Group."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result

from tests import builders as b
from tests.rows.concepts import (
    ACTIVITY_SESSION,
    APICAL,
    BASELINE,
    COLOR,
    CYST,
    DAYS,
    EVENT,
    FINDING_CATEGORY,
    GEOMETRIC_PURPOSE,
    IMPRESSION,
    KERNEL_SIZE,
    LIVER,
    LUNG_SCREENING,
    METHOD,
    MILLIMETRES,
    MODIFIER,
    NODULE,
    NOTE,
    OBVIOUS,
    OFFSET,
    ONE,
    OUTLINE,
    PROTOCOL_TIME_POINT,
    RATIO,
    REACHED,
    RECIST,
    SHORT_LABEL,
    SUBJECT_TIME_POINT,
    SUBTLETY,
    TIME_POINT,
    TIME_POINT_ORDER,
    TIME_POINT_TYPE,
    WHO,
)
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    UMLS,
    Json,
    absent,
    category,
    claims,
    coded,
    concept,
    observation,
    oid,
    one,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.shapes import CONTEXT, DESCRIBES, MODIFIES, measured

GROUP = "imaging-measurement-group"
MEASUREMENT_GROUP = concept(DCM, "125007", "Measurement Group")


def report(*groups: Dataset, **header: Any) -> Dataset:
    """Build a report of these groups: the first one is 1.1.1."""
    return b.measurement_report(b.imaging_measurements(*groups), **header)


def groups(result: Result) -> list[Json]:
    """Return the Observations of the groups, in document order."""
    return resources(result, "Observation", GROUP)


@pytest.mark.row("3.6.01")
def test_the_category_of_a_group(transform: Transform) -> None:
    result = transform(report(b.group(b.code(FINDING_CATEGORY, LUNG_SCREENING)), b.group()))
    categorised, plain = groups(result)
    assert categorised["category"] == [MEASUREMENT_GROUP]
    assert plain["code"] == MEASUREMENT_GROUP
    assert "category" not in plain


@pytest.mark.row("3.6.02")
def test_finding_category(transform: Transform) -> None:
    twice = (b.code(FINDING_CATEGORY, LUNG_SCREENING), b.code(FINDING_CATEGORY, CYST))
    stated, unstated = groups(result := transform(report(b.group(*twice), b.group())))
    assert stated["code"] == concept(SCT, "241053004", "Screening for lung cancer")
    assert unstated["code"] == MEASUREMENT_GROUP
    assert unmapped(result)["1.1.1.2"] == "multiplicity"
    assert "hasMember" not in stated


@pytest.mark.row("3.6.03")
def test_finding(transform: Transform) -> None:
    several = (b.text(b.FINDING, "round"), b.code(b.FINDING, NODULE), b.code(b.FINDING, CYST))
    stated, unstated = groups(result := transform(report(b.group(*several), b.group())))
    assert stated["valueCodeableConcept"] == concept(SCT, "27925004", "Nodule")
    values = [target(result, member)["valueCodeableConcept"] for member in stated["hasMember"]]
    assert values == [concept(SCT, "367643001", "Cyst"), {"text": "round"}]
    assert "valueCodeableConcept" not in unstated


@pytest.mark.row("3.6.03")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES, CONTEXT])
def test_a_further_finding_that_is_not_contained(transform: Transform, relationship: str) -> None:
    """Decision D23: a component; the first CODE is the value of the group in whatever relationship."""
    several = [b.code(b.FINDING, each, relationship=relationship) for each in (NODULE, CYST)]
    found = groups(result := transform(report(b.group(*several))))[0]
    assert found["valueCodeableConcept"] == concept(SCT, "27925004", "Nodule")
    assert found["component"] == [
        {
            "code": concept(DCM, "121071", "Finding"),
            "valueCodeableConcept": concept(SCT, "367643001", "Cyst"),
        }
    ]
    assert "hasMember" not in found
    assert category(result, "1.1.1.2") == "SUPP"


@pytest.mark.row("3.6.04")
def test_measurement_method(transform: Transform) -> None:
    methods = (b.code(METHOD, RECIST, relationship=MODIFIES), b.code(METHOD, WHO, relationship=MODIFIES))
    result = transform(report(b.group(*methods, measured()), b.group()))
    recist = concept(DCM, "126081", "RECIST 1.1")
    assert [each.get("method") for each in groups(result)] == [recist, None]
    assert observation(result, b.VOLUME.value)["method"] == recist
    assert unmapped(result)["1.1.1.2"] == "multiplicity"


@pytest.mark.row("3.6.05", "3.6.06")
def test_tracking_identifiers(transform: Transform) -> None:
    tracking = (
        b.text(b.TRACKING_IDENTIFIER, "Nodule 1", relationship=CONTEXT),
        b.uidref(b.TRACKING_UID, "1.2.3.100", relationship=CONTEXT),
        b.text(b.TRACKING_IDENTIFIER, "Nodule 2", relationship=CONTEXT),
        b.uidref(b.TRACKING_UID, "1.2.3.101", relationship=CONTEXT),
    )
    tracked, untracked = groups(result := transform(report(b.group(*tracking), b.group())))
    structure = one(result, "BodyStructure", "dicom-sr-finding-site")
    assert structure["identifier"] == [
        {"type": concept(DCM, "112039", "Tracking Identifier"), "value": "Nodule 1"},
        {"type": concept(DCM, "112040", "Tracking Unique Identifier"), **oid("1.2.3.100")},
    ]
    assert tracked["bodyStructure"]["reference"] == urn(structure)
    assert "bodyStructure" not in untracked
    assert {unmapped(result)[f"1.1.1.{n}"] for n in (3, 4)} == {"multiplicity"}


@pytest.mark.row("3.6.05", "3.6.06")
def test_tracking_without_a_value(transform: Transform) -> None:
    """Section 5.2: the identifier is left out, and with the only one the BodyStructure."""
    empty = b.text(b.TRACKING_IDENTIFIER, None, relationship=CONTEXT)
    uid = b.uidref(b.TRACKING_UID, "1.2.3.100", relationship=CONTEXT)
    result = transform(
        report(b.group(empty, uid), b.group(b.text(b.TRACKING_IDENTIFIER, None, relationship=CONTEXT)))
    )
    structure = one(result, "BodyStructure")
    assert [each["value"] for each in structure["identifier"]] == ["urn:oid:1.2.3.100"]
    assert "bodyStructure" not in groups(result)[1]


SITE = b.code(b.FINDING_SITE, b.LUNG, relationship=MODIFIES)
RIGHT_LUNG = b.code(
    b.FINDING_SITE, b.LUNG, b.code(b.LATERALITY, b.RIGHT, relationship=MODIFIES), relationship=MODIFIES
)
APEX = b.code(b.FINDING_SITE, b.LUNG, b.code(MODIFIER, APICAL, relationship=MODIFIES), relationship=MODIFIES)
SECOND_SITE = b.code(b.FINDING_SITE, LIVER, relationship=MODIFIES)
TRACKED = b.text(b.TRACKING_IDENTIFIER, "Nodule 1", relationship=CONTEXT)
LUNG_CONCEPT = concept(SCT, "39607008", "Lung")


@pytest.mark.row("3.6.07")
def test_finding_site(transform: Transform) -> None:
    """Decision D6: a plain site is a bodySite, any other and what is tracked a BodyStructure."""
    sites = (
        b.group(SITE),
        b.group(RIGHT_LUNG),
        b.group(APEX),
        b.group(SITE, SECOND_SITE),
        b.group(TRACKED),
        b.group(),
    )
    result = transform(report(*sites))
    plain, *others, nothing = groups(result)
    assert plain["bodySite"] == LUNG_CONCEPT
    assert {"bodySite", "bodyStructure"} & set(plain) == {"bodySite"}
    assert not {"bodySite", "bodyStructure"} & set(nothing)
    assert all("bodySite" not in each for each in others)
    structures = [target(result, each["bodyStructure"])["includedStructure"] for each in others]
    assert structures == [
        [{"structure": LUNG_CONCEPT, "laterality": concept(SCT, "24028007", "Right")}],
        [{"structure": LUNG_CONCEPT, "qualifier": [concept(SCT, "43674008", "Apical")]}],
        [{"structure": LUNG_CONCEPT}, {"structure": concept(SCT, "10200004", "Liver")}],
        [{"structure": {"extension": absent("unknown")}}],
    ]


@pytest.mark.row("3.6.07")
def test_a_second_laterality(transform: Transform) -> None:
    sides = (
        b.code(b.LATERALITY, b.RIGHT, relationship=MODIFIES),
        b.code(b.LATERALITY, CYST, relationship=MODIFIES),
    )
    site = b.code(b.FINDING_SITE, b.LUNG, *sides, relationship=MODIFIES)
    result = transform(report(b.group(site)))
    structure = one(result, "BodyStructure")["includedStructure"][0]
    assert structure["laterality"] == concept(SCT, "24028007", "Right")
    assert unmapped(result)["1.1.1.1.2"] == "multiplicity"


@pytest.mark.row("3.6.08")
def test_observation_uid_of_a_group(transform: Transform) -> None:
    system = "http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-identifier-type"
    stated, unstated = groups(transform(report(b.group(ObservationUID="1.2.3.7"), b.group())))
    kind = concept(system, "observation-uid", "Observation UID")
    assert stated["identifier"] == [{"type": kind, **oid("1.2.3.7")}]
    assert "identifier" not in unstated


@pytest.mark.row("3.6.09")
def test_issued(transform: Transform) -> None:
    """Decision D15: of the item, else of what is around it, else of the document."""
    own = {"ObservationDateTime": "20240104093000+0200"}
    result = transform(report(b.group(measured(), **own), b.group(measured(**own))))
    stated, unstated = groups(result)
    assert stated["issued"] == "2024-01-04T09:30:00+02:00"
    assert unstated["issued"] == "2024-01-03T12:00:00+01:00"
    issued = [each["issued"] for each in resources(result, "Observation", "imaging-measurement")]
    assert issued == ["2024-01-04T09:30:00+02:00"] * 2


@pytest.mark.row("3.6.09")
def test_issued_without_an_observation_time(transform: Transform) -> None:
    """Decision D15: Instance Creation, else unknown; a year alone is no instant."""
    undated = {"ContentDate": None, "ContentTime": None}
    created = {"InstanceCreationDate": "20240105", "InstanceCreationTime": "070809"}
    vague = b.group(ObservationDateTime="2024")
    assert groups(transform(report(vague, **undated, **created)))[0]["issued"] == "2024-01-05T07:08:09+01:00"
    unknown = one(transform(report(vague, **undated)), "Observation")
    assert unknown["_issued"] == {"extension": absent("unknown")}
    assert "issued" not in unknown


@pytest.mark.row("3.6.10")
def test_regions_and_references_of_a_group(transform: Transform) -> None:
    region = b.scoord("CIRCLE", [10, 10, 15, 10], b.image("1.2.1"))
    result = transform(report(b.group(region, b.image("1.2.2")), b.group()))
    with_region, without = groups(result)
    kinds = [target(result, each)["code"]["coding"][0]["code"] for each in with_region["derivedFrom"]]
    assert sorted(kinds) == ["111030", "111040", "121112"]
    assert [target(result, each)["code"]["coding"][0]["code"] for each in without["derivedFrom"]] == [
        "111040"
    ]


@pytest.mark.row("3.6.11", "3.6.12", "3.6.18")
def test_members_of_a_group(transform: Transform) -> None:
    """Order: measurements, coded, then textual evaluations, nested groups."""
    inner = b.group(b.code(FINDING_CATEGORY, LUNG_SCREENING), b.num(RATIO, "2", ONE))
    outer = b.group(
        inner,
        b.text(IMPRESSION, "benign"),
        b.code(SUBTLETY, OBVIOUS),
        measured(),
        b.num(KERNEL_SIZE, "3", ONE),
    )
    result = transform(report(outer, b.group()))
    parent, nested, empty = groups(result)
    members = [target(result, each) for each in parent["hasMember"]]
    codes = [each["code"]["coding"][0]["code"] for each in members]
    assert codes == ["118565006", "99K1", "C45992", "99E1", "241053004"]
    profiles = ["imaging-measurement"] * 2 + ["imaging-qualitative-evaluation"] * 2 + [GROUP]
    assert all(claims(each, profile) for each, profile in zip(members, profiles, strict=True))
    assert [target(result, each)["code"]["coding"][0]["code"] for each in nested["hasMember"]] == ["99K2"]
    assert "hasMember" not in empty


@pytest.mark.row("3.6.13")
def test_algorithm_of_a_group(transform: Transform) -> None:
    """Section 3.4: it makes the group and its members; the equipment makes a group without one."""
    algorithm = b.text(b.ALGORITHM_NAME, "pylidc", relationship=MODIFIES)
    result = transform(report(b.group(algorithm, measured()), b.group()))
    algorithms = urn(one(result, "Device", "algorithm-identification"))
    equipment = urn(one(result, "Device", "dicom-general-equipment"))
    assert [each["device"]["reference"] for each in groups(result)] == [algorithms, equipment]
    assert observation(result, b.VOLUME.value)["device"]["reference"] == algorithms


@pytest.mark.row("3.6.14", "3.6.15")
def test_activity_session_and_geometric_purpose(transform: Transform) -> None:
    contained = (b.text(ACTIVITY_SESSION, "1"), b.code(GEOMETRIC_PURPOSE, OUTLINE))
    stated, unstated = groups(result := transform(report(b.group(*contained), b.group())))
    assert stated["component"] == [
        {"code": {"coding": [coded(ACTIVITY_SESSION)]}, "valueString": "1"},
        {
            "code": concept(DCM, "130400", "Geometric purpose of region"),
            "valueCodeableConcept": concept(DCM, "111041", "Outline"),
        },
    ]
    assert "hasMember" not in stated
    assert "component" not in unstated
    assert len(resources(result, "Observation")) == 2


@pytest.mark.row("3.6.16")
def test_time_point(transform: Transform) -> None:
    items = (
        b.text(TIME_POINT, "TP1", relationship=CONTEXT),
        b.code(TIME_POINT_TYPE, BASELINE, relationship=CONTEXT),
        b.num(TIME_POINT_ORDER, "1", ONE, relationship=CONTEXT),
        b.text(SUBJECT_TIME_POINT, "S-1", relationship=CONTEXT),
        b.text(PROTOCOL_TIME_POINT, "P-1", relationship=CONTEXT),
        b.num(OFFSET, "14", DAYS, b.code(EVENT, BASELINE, relationship=MODIFIES), relationship=CONTEXT),
    )
    result = transform(report(b.group(*items, measured())))
    days = {"value": 14, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"}
    order = {"value": 1, "unit": "no units", "system": "http://unitsofmeasure.org", "code": "1"}
    baseline = concept(DCM, "121079", "Baseline")
    expected: list[Json] = [
        {"code": concept(UMLS, "C2348792", "Time Point"), "valueString": "TP1"},
        {"code": concept(DCM, "126072", "Time Point Type"), "valueCodeableConcept": baseline},
        {"code": concept(DCM, "126073", "Time Point Order"), "valueQuantity": order},
        {"code": concept(DCM, "126070", "Subject Time Point Identifier"), "valueString": "S-1"},
        {"code": concept(DCM, "126071", "Protocol Time Point Identifier"), "valueString": "P-1"},
        {"code": concept(DCM, "128740", "Longitudinal Temporal Offset from Event"), "valueQuantity": days},
        {
            "code": concept(DCM, "128741", "Longitudinal Temporal Event Type"),
            "valueCodeableConcept": baseline,
        },
    ]
    found = groups(result)[0]["component"]
    assert by_code(found) == by_code(expected)
    assert "component" not in observation(result, b.VOLUME.value)
    assert not [line for line in unmapped(result) if line.startswith("1.1.1")]


def by_code(components: list[Json]) -> list[Json]:
    """Put components into the order of their codes: the logical model lists children by value type."""
    return sorted(components, key=lambda each: str(each["code"]["coding"][0]["code"]))


@pytest.mark.row("3.6.17")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES, CONTEXT])
def test_other_items_that_qualify_a_group(transform: Transform, relationship: str) -> None:
    items = (
        b.text(SHORT_LABEL, "L1", b.text(NOTE, "below"), relationship=relationship),
        b.code(COLOR, OBVIOUS, relationship=relationship),
        b.num(KERNEL_SIZE, "3", MILLIMETRES, relationship=relationship),
        b.date(b.Code("99D1", "99TEST", "Day"), "20240102", relationship=relationship),
        b.time(b.Code("99D2", "99TEST", "Hour"), "101500", relationship=relationship),
        b.date_time(b.Code("99D3", "99TEST", "Moment"), "20240102101500+0100", relationship=relationship),
    )
    result = transform(report(b.group(*items)))
    values = {
        each["code"]["coding"][0]["code"]: {name: value for name, value in each.items() if name != "code"}
        for each in groups(result)[0]["component"]
    }
    quantity = {"value": 3, "unit": "millimeter", "system": "http://unitsofmeasure.org", "code": "mm"}
    assert values == {
        "125309": {"valueString": "L1"},
        "99C1": {"valueCodeableConcept": {"coding": [coded(OBVIOUS)]}},
        "99K1": {"valueQuantity": quantity},
        "99D1": {"valueDateTime": "2024-01-02"},
        "99D2": {"valueTime": "10:15:00"},
        "99D3": {"valueDateTime": "2024-01-02T10:15:00+01:00"},
    }
    assert unmapped(result)["1.1.1.1.1"] == "no-target"
    assert [each["resourceType"] for each in resources(result, "Observation")] == ["Observation"]


@pytest.mark.row("3.6.18")
def test_a_group_in_a_group(transform: Transform) -> None:
    result = transform(report(b.group(b.group(measured()))))
    outer, inner = groups(result)
    assert outer["hasMember"] == [{"reference": urn(inner), "type": "Observation"}]
    assert [target(result, each)["code"]["coding"][0]["code"] for each in inner["hasMember"]] == ["118565006"]
    assert {len(each["derivedFrom"]) for each in (outer, inner)} == {1}
    assert len(resources(result, "ImagingSelection", "source-sr-content-item")) == 2


@pytest.mark.row("3.6.19")
def test_anything_else_in_a_group(transform: Transform) -> None:
    acquired = "HAS ACQ CONTEXT"
    other = (
        b.table(REACHED, [NOTE], [["1"]]),
        b.text(SHORT_LABEL, "L1", relationship=acquired),
        b.num(KERNEL_SIZE, "3", ONE, relationship=acquired),
        b.text(None, "unnamed"),
    )
    result = transform(report(b.group(*other)))
    alone = one(result, "Observation")
    assert not {"component", "hasMember"} & set(alone)
    reasons = [unmapped(result)[f"1.1.1.{n}"] for n in (1, 2, 3, 4)]
    assert reasons == ["no-target"] * 3 + ["invalid-value"]
