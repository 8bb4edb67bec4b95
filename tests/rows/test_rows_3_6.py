"""Rows of section 3.6: Measurement Group."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result

from tests import builders as b
from tests.rows.concepts import (
    ABSENCE,
    ABSENT,
    ACTIVITY_SESSION,
    APICAL,
    AREA,
    BASELINE,
    CALCIFICATION,
    CERTAINTY,
    COLOR,
    CYST,
    DAYS,
    DIAMETER,
    EVENT,
    FINDING_CATEGORY,
    FINDING_CONTEXT,
    GEOMETRIC_PURPOSE,
    IMPRESSION,
    KERNEL_SIZE,
    LIVER,
    LUNG_SCREENING,
    METHOD,
    MILLIMETRES,
    MODIFIER,
    NO,
    NODULE,
    NOTE,
    OBVIOUS,
    OFFSET,
    ONE,
    OUTLINE,
    PERCENT,
    PRESENCE,
    PRESENCE_OF_PROPERTY,
    PRESENT,
    PROTOCOL_TIME_POINT,
    RATIO,
    REACHED,
    RECIST,
    SHORT_LABEL,
    SQUARE_MM,
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
    coding,
    component,
    concept,
    findings,
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
V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
NEGATIVE = {"coding": [coding(SCT, "2667000", "Absent"), coding(V3, "NEG", "Negative")]}
NEGATIVE_CODE = b.Code("260385009", "SCT", "Negative")
POSITIVE = {"coding": [coding(SCT, "52101004", "Present"), coding(V3, "POS", "Positive")]}
NODULE_CONCEPT = concept(SCT, "27925004", "Nodule")
CYST_CONCEPT = concept(SCT, "367643001", "Cyst")


def report(*groups: Dataset, **header: Any) -> Dataset:
    """Build a report of these groups: the first one is 1.1.1."""
    return b.measurement_report(b.imaging_measurements(*groups), **header)


def members(result: Result, group: Json) -> list[Json]:
    """Return the members of a group."""
    return [target(result, each) for each in group.get("hasMember", [])]


def groups(result: Result) -> list[Json]:
    """Return the Observations of the groups, in document order."""
    return resources(result, "Observation", GROUP)


@pytest.mark.row("3.6.01")
def test_the_category_of_a_group(transform: Transform) -> None:
    """Decision D43: always, so that groups are found by it."""
    result = transform(report(b.group(b.code(FINDING_CATEGORY, LUNG_SCREENING)), b.group()))
    categorised, plain = groups(result)
    assert plain["code"] == MEASUREMENT_GROUP
    assert [each["category"] for each in (categorised, plain)] == [[MEASUREMENT_GROUP]] * 2


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


@pytest.mark.row("3.6.03")
@pytest.mark.parametrize(
    ("value", "scheme"),
    [("CORNERSTONEFREETEXT", "CORNERSTONEJS"), ("CORNERSTONEFREETEXT", "CST4"), ("free-text", "99TEST")],
)
def test_a_coded_finding_stands_before_free_text(transform: Transform, value: str, scheme: str) -> None:
    """What the user typed is an evaluation; alone, it is the value of the group."""
    typed = b.code(b.FINDING, b.Code(value, scheme, "my label"))
    both, alone = groups(
        result := transform(report(b.group(typed, b.code(b.FINDING, NODULE)), b.group(typed)))
    )
    assert both["valueCodeableConcept"] == NODULE_CONCEPT
    (label,) = members(result, both)
    assert label["valueCodeableConcept"]["coding"][0]["display"] == "my label"
    assert alone["valueCodeableConcept"]["coding"][0]["display"] == "my label"
    assert "hasMember" not in alone


@pytest.mark.row("3.6.03", "3.6.02", "3.6.04")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES, "CONTAINS"])
@pytest.mark.parametrize(
    ("of", "value"), [(b.FINDING, NODULE), (FINDING_CATEGORY, LUNG_SCREENING), (METHOD, RECIST)]
)
def test_children_of_a_finding(transform: Transform, of: b.Code, value: b.Code, relationship: str) -> None:
    """Decision D40: also of a finding category and of a method."""
    children = (
        b.code(COLOR, OBVIOUS, relationship=relationship),
        b.num(KERNEL_SIZE, "3", MILLIMETRES, relationship=relationship),
        b.text(SHORT_LABEL, "L1", relationship=relationship),
    )
    result = transform(report(b.group(b.code(of, value, *children))))
    found = groups(result)[0]["component"]
    assert {each["code"]["coding"][0]["code"] for each in found} == {"99C1", "99K1", "125309"}
    assert [category(result, f"1.1.1.1.{n}") for n in (1, 2, 3)] == ["SUPP"] * 3


@pytest.mark.row("3.6.03", "3.9.06")
@pytest.mark.parametrize("value", [ABSENT, NO, ABSENCE, b.Code("121054", "DCM", "Absent"), NEGATIVE_CODE])
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES, "CONTAINS"])
def test_a_negated_finding(transform: Transform, relationship: str, value: b.Code) -> None:
    """Decision D41: no value of the group, but a member with the value Absent, whose qualifiers both have."""
    presence = b.code(PRESENCE, value, relationship=relationship)
    sure = b.num(CERTAINTY, "12", PERCENT, relationship=DESCRIBES)
    identified = {"ObservationUID": "1.2.77"}
    result = transform(report(b.group(b.code(b.FINDING, NODULE, presence, sure, **identified), measured())))
    (group,) = groups(result)
    assert "valueCodeableConcept" not in group
    said = coding(DCM if value.scheme == "DCM" else SCT, value.value, value.meaning)
    assert group["interpretation"] == [{"coding": [said, coding(V3, "NEG", "Negative")]}]
    _, member = members(result, group)
    assert claims(member, "imaging-qualitative-evaluation")
    assert member["code"] == NODULE_CONCEPT
    assert member["valueCodeableConcept"] == {"coding": [said]}
    assert member["identifier"][0]["value"] == "urn:oid:1.2.77"
    assert [each["code"]["coding"][0]["code"] for each in member["component"]] == ["111012"]
    assert component(group, "111012")["valueQuantity"]["value"] == 12
    assert component(group, PRESENCE.value)["valueCodeableConcept"] == {"coding": [said]}
    assert not [place for place in unmapped(result) if place.startswith("1.1.1")]


# codes of the table in roles.toml beside those of the tests above, as a sender may write them → their FHIR code
MORE_ABSENT = {
    b.Code("C48190", "NCIt", "Absent"): "C48190",
    b.Code("C0332197", "UMLS", "Absent"): "C0332197",
    b.Code("RID28473", "RADLEX", "absent"): "RID28473",
    b.Code("LA9634-2", "LN", "Absent"): "LA9634-2",
    b.Code("410516002", "SCT", "Known absent"): "410516002",
    b.Code("410594000", "SCT", "Definitely NOT present"): "410594000",
    b.Code("260413007", "SCT", "None"): "260413007",
    b.Code("260415000", "SCT", "Not detected"): "260415000",
    b.Code("R-40775", "SRT", "None"): "260413007",  # PS3.16 Annex O: SNOMED RT
    b.Code("R-4089B", "SRT", "Absent"): "272519000",
    b.Code("R-00339", "SRT", "No"): "373067005",
}
MORE_PRESENT = {
    b.Code("C25626", "NCIt", "Present"): "C25626",
    b.Code("C0150312", "UMLS", "Present"): "C0150312",
    b.Code("RID28472", "RADLEX", "present"): "RID28472",
    b.Code("LA9633-4", "LN", "Present"): "LA9633-4",
    b.Code("410515003", "SCT", "Known present"): "410515003",
    b.Code("260373001", "SCT", "Detected"): "260373001",
}


@pytest.mark.row("3.6.03", "3.6.12")
def test_absence_in_other_codes(transform: Transform) -> None:
    """Decision D41: below the Finding it negates; D42: contained, it is told beside the value."""
    below = [
        b.code(b.FINDING, NODULE, b.code(PRESENCE, value, relationship=DESCRIBES)) for value in MORE_ABSENT
    ]
    beside = [b.code(PRESENCE, value) for value in MORE_ABSENT]
    result = transform(
        report(*map(b.group, below), *(b.group(b.code(b.FINDING, NODULE), each) for each in beside))
    )
    every = groups(result)
    assert [each.get("valueCodeableConcept") for each in every] == [
        *[None] * len(below),
        *[NODULE_CONCEPT] * len(beside),
    ]
    for group, code in zip(every, [*MORE_ABSENT.values()] * 2, strict=True):
        (interpretation,) = group["interpretation"]
        first, *_, last = interpretation["coding"]
        assert (first["code"], last) == (code, coding(V3, "NEG", "Negative"))


@pytest.mark.row("3.6.03", "3.6.12")
def test_presence_in_other_codes(transform: Transform) -> None:
    said = [b.code(PRESENCE, value, relationship=DESCRIBES) for value in MORE_PRESENT]
    every = groups(transform(report(*(b.group(b.code(b.FINDING, NODULE, each)) for each in said))))
    assert [each["valueCodeableConcept"] for each in every] == [NODULE_CONCEPT] * len(said)
    told = [[each["code"] for each in group["interpretation"][0]["coding"]] for group in every]
    assert told == [[code, "POS"] for code in MORE_PRESENT.values()]


@pytest.mark.row("3.6.03", "3.6.12")
@pytest.mark.parametrize(
    "value",
    [
        b.Code("410593001", "SCT", "Probably NOT present"),
        b.Code("261665006", "SCT", "Unknown"),
        b.Code("C48190", "99TEST", "Absent"),
    ],
)
def test_what_is_not_certain_negates_nothing(transform: Transform, value: b.Code) -> None:
    """A private code means what its maker wants: its wording counts as little as that of any other."""
    below = b.code(b.FINDING, NODULE, b.code(PRESENCE, value, relationship=DESCRIBES))
    beside = b.group(b.code(b.FINDING, NODULE), b.code(PRESENCE, value))
    every = groups(transform(report(b.group(below), beside)))
    assert [each["valueCodeableConcept"] for each in every] == [NODULE_CONCEPT] * 2
    assert not any("interpretation" in each for each in every)


@pytest.mark.row("3.6.03")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES])
@pytest.mark.parametrize("value", [ABSENT, NO])
@pytest.mark.parametrize("asks", [PRESENCE, NODULE, PRESENCE_OF_PROPERTY, FINDING_CONTEXT])
def test_what_negates_a_finding(transform: Transform, asks: b.Code, value: b.Code, relationship: str) -> None:
    """Decision D41: what asks whether the finding is there, and the finding as a concept."""
    said = b.code(asks, value, relationship=relationship)
    (group,) = groups(result := transform(report(b.group(b.code(b.FINDING, NODULE, said)))))
    assert "valueCodeableConcept" not in group
    negation = concept(SCT, value.value, value.meaning)
    assert group["interpretation"] == [{"coding": [*negation["coding"], *NEGATIVE["coding"][1:]]}]
    (member,) = members(result, group)
    assert (member["code"], member["valueCodeableConcept"]) == (NODULE_CONCEPT, negation)


@pytest.mark.row("3.6.03")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES])
@pytest.mark.parametrize("value", [ABSENT, NO])
def test_a_property_that_is_absent_negates_nothing(
    transform: Transform, value: b.Code, relationship: str
) -> None:
    """Decision D41: a nodule without calcification is a nodule."""
    property_ = b.code(CALCIFICATION, value, relationship=relationship)
    (group,) = groups(result := transform(report(b.group(b.code(b.FINDING, NODULE, property_)))))
    assert group["valueCodeableConcept"] == NODULE_CONCEPT
    assert "interpretation" not in group
    said = component(group, CALCIFICATION.value)["valueCodeableConcept"]
    assert said == concept(SCT, value.value, value.meaning)
    assert not members(result, group)


@pytest.mark.row("3.6.03")
def test_what_affirms_a_finding(transform: Transform) -> None:
    present = b.code(PRESENCE, PRESENT, relationship=DESCRIBES)
    (group,) = groups(transform(report(b.group(b.code(b.FINDING, NODULE, present)))))
    assert group["valueCodeableConcept"] == NODULE_CONCEPT
    assert group["interpretation"] == [POSITIVE]


@pytest.mark.row("3.6.03", "3.9.01")
@pytest.mark.parametrize("of_finding", ["CONTAINS", DESCRIBES])
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES, "CONTAINS"])
def test_a_negated_finding_in_words(transform: Transform, relationship: str, of_finding: str) -> None:
    """Decision D41: as a coded one; the words are the code."""
    presence = b.code(PRESENCE, ABSENT, relationship=relationship)
    sure = b.num(CERTAINTY, "12", PERCENT, relationship=DESCRIBES)
    typed = b.text(b.FINDING, "Pneumothorax", presence, sure, relationship=of_finding)
    result = transform(report(b.group(typed, measured())))
    (group,) = groups(result)
    assert "valueCodeableConcept" not in group
    assert group["interpretation"] == [NEGATIVE]
    _, member = members(result, group)
    assert claims(member, "imaging-qualitative-evaluation")
    assert member["code"] == {"text": "Pneumothorax"}
    assert member["valueCodeableConcept"] == concept(SCT, "2667000", "Absent")
    assert [each["code"]["coding"][0]["code"] for each in member["component"]] == [CERTAINTY.value]
    assert component(group, CERTAINTY.value)["valueQuantity"]["value"] == 12
    assert component(group, PRESENCE.value)["valueCodeableConcept"] == concept(SCT, "2667000", "Absent")
    assert len(group["component"]) == 2
    assert not [place for place in unmapped(result) if place.startswith("1.1.1")]


@pytest.mark.row("3.6.03")
def test_a_negated_finding_in_words_beside_a_coded_one(transform: Transform) -> None:
    """The coded one is the value of the group, and it is not called negative."""
    typed = b.text(b.FINDING, "Pneumothorax", b.code(PRESENCE, ABSENT, relationship=DESCRIBES))
    (group,) = groups(result := transform(report(b.group(typed, b.code(b.FINDING, NODULE)))))
    assert group["valueCodeableConcept"] == NODULE_CONCEPT
    assert not {"interpretation", "component"} & set(group)
    (member,) = members(result, group)
    assert member["code"] == {"text": "Pneumothorax"}
    assert member["valueCodeableConcept"] == concept(SCT, "2667000", "Absent")


@pytest.mark.row("3.6.03", "3.6.17")
def test_presence_that_qualifies_a_group_with_a_finding_in_words(transform: Transform) -> None:
    """Decision D41: it negates the Finding, unless a coded one is the group's."""
    presence = b.code(PRESENCE, ABSENT, relationship=DESCRIBES)
    typed = b.text(b.FINDING, "Pneumothorax")
    result = transform(report(b.group(typed, presence), b.group(typed, b.code(b.FINDING, NODULE), presence)))
    of_words, of_code = groups(result)
    (member,) = members(result, of_words)
    assert (member["code"], member["valueCodeableConcept"]) == (
        {"text": "Pneumothorax"},
        concept(SCT, "2667000", "Absent"),
    )
    assert [group["interpretation"] for group in (of_words, of_code)] == [[NEGATIVE]] * 2
    assert [each["code"] for each in members(result, of_code)] == [
        NODULE_CONCEPT,
        concept(DCM, "121071", "Finding"),
    ]


@pytest.mark.row("3.6.03")
@pytest.mark.parametrize("words", [None, ""])
def test_a_finding_without_words_is_not_negated(transform: Transform, words: str | None) -> None:
    """There is nothing that the negation could be about: Presence stays a component."""
    typed = b.text(b.FINDING, words, b.code(PRESENCE, ABSENT, relationship=DESCRIBES))
    (group,) = groups(result := transform(report(b.group(typed))))
    (member,) = members(result, group)
    assert member["code"] == concept(DCM, "121071", "Finding")
    assert component(member, PRESENCE.value)["valueCodeableConcept"] == concept(SCT, "2667000", "Absent")


@pytest.mark.row("3.6.03")
def test_a_negated_finding_that_is_explained_twice(transform: Transform) -> None:
    """What has the finding as concept is no component of its evaluation (invariant obs-7), but of the group."""
    said = (
        b.code(NODULE, ABSENT, relationship=DESCRIBES),
        b.text(NODULE, "none seen", relationship=DESCRIBES),
    )
    (group,) = groups(result := transform(report(b.group(b.code(b.FINDING, NODULE, *said)))))
    (member,) = members(result, group)
    assert "component" not in member
    assert [each["code"] for each in group["component"]] == [NODULE_CONCEPT] * 2


@pytest.mark.row("3.6.03", "3.6.12")
def test_a_group_that_contradicts_itself(transform: Transform) -> None:
    absent_one = b.code(b.FINDING, NODULE, b.code(PRESENCE, ABSENT, relationship=DESCRIBES))
    result = transform(report(b.group(absent_one, b.code(NODULE, PRESENT)), b.group(absent_one)))
    contradicts, _ = groups(result)
    assert "valueCodeableConcept" not in contradicts
    assert contradicts["interpretation"] == [POSITIVE, NEGATIVE]
    assert findings(result, "conflict") == [("warning", "1.1.1")]


@pytest.mark.row("3.6.03")
def test_a_negated_finding_beside_another(transform: Transform) -> None:
    """The one that is asserted is the value of the group, and it is not called negative."""
    absent_one = b.code(b.FINDING, NODULE, b.code(PRESENCE, ABSENT, relationship=DESCRIBES))
    (group,) = groups(result := transform(report(b.group(absent_one, b.code(b.FINDING, CYST)))))
    assert group["valueCodeableConcept"] == CYST_CONCEPT
    (member,) = members(result, group)
    assert (member["code"], member["valueCodeableConcept"]) == (
        NODULE_CONCEPT,
        concept(SCT, "2667000", "Absent"),
    )
    assert "interpretation" not in group
    assert "component" not in group


@pytest.mark.row("3.6.03", "3.6.17")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES, CONTEXT])
def test_presence_that_qualifies_the_group(transform: Transform, relationship: str) -> None:
    presence = b.code(PRESENCE, ABSENT, relationship=relationship)
    (group,) = groups(result := transform(report(b.group(b.code(b.FINDING, NODULE), presence))))
    assert "valueCodeableConcept" not in group
    assert group["interpretation"] == [NEGATIVE]
    assert component(group, PRESENCE.value)["valueCodeableConcept"] == concept(SCT, "2667000", "Absent")
    (member,) = members(result, group)
    assert (member["code"], member["valueCodeableConcept"]) == (
        NODULE_CONCEPT,
        concept(SCT, "2667000", "Absent"),
    )


@pytest.mark.row("3.9.01", "3.5.05")
def test_a_negated_finding_without_a_group(transform: Transform) -> None:
    """Wherever a Finding stands: an Observation must not say that it is there."""
    absent_one = b.code(b.FINDING, NODULE, b.code(PRESENCE, ABSENT, relationship=DESCRIBES))
    places = (b.imaging_measurements(absent_one), b.evaluations(absent_one))
    every = resources(transform(b.measurement_report(*places, absent_one)), "Observation")
    assert [each["code"] for each in every] == [NODULE_CONCEPT] * 3
    assert [each["valueCodeableConcept"] for each in every] == [concept(SCT, "2667000", "Absent")] * 3


@pytest.mark.row("3.9.01", "3.5.05")
def test_a_negated_finding_in_words_without_a_group(transform: Transform) -> None:
    absent_one = b.text(b.FINDING, "Pneumothorax", b.code(PRESENCE, ABSENT, relationship=DESCRIBES))
    places = (b.imaging_measurements(absent_one), b.evaluations(absent_one))
    every = resources(transform(b.measurement_report(*places, absent_one)), "Observation")
    assert [each["code"] for each in every] == [{"text": "Pneumothorax"}] * 3
    assert [each["valueCodeableConcept"] for each in every] == [concept(SCT, "2667000", "Absent")] * 3


@pytest.mark.row("3.6.12")
@pytest.mark.parametrize("code", [NODULE, b.Code("705057003", "SCT", "Presence")])
@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("52101004", "POS"),
        ("373066001", "POS"),
        ("10828004", "POS"),
        ("2667000", "NEG"),
        ("272519000", "NEG"),
        ("373067005", "NEG"),
    ],
)
@pytest.mark.parametrize("within", [False, True])
def test_an_evaluation_of_presence(
    transform: Transform, code: b.Code, value: str, meaning: str, *, within: bool
) -> None:
    """Decision D42: a member and the interpretation of the group, also from within a container of evaluations."""
    said = b.code(code, b.Code(value, "SCT", "said"))
    inner = b.evaluations(said) if within else said
    (group,) = groups(result := transform(report(b.group(b.code(b.FINDING, NODULE), inner))))
    (interpretation,) = group["interpretation"]
    assert [(each["system"], each["code"]) for each in interpretation["coding"]] == [
        (SCT, value),
        (V3, meaning),
    ]
    assert group["valueCodeableConcept"] == NODULE_CONCEPT
    (member,) = members(result, group)
    assert member["valueCodeableConcept"] == concept(SCT, value, "said")
    assert "interpretation" not in member


@pytest.mark.row("3.6.12")
def test_an_evaluation_that_interprets_nothing(transform: Transform) -> None:
    """Another finding, or another value."""
    others = (b.code(CYST, ABSENT), b.code(PRESENCE, OBVIOUS), b.text(PRESENCE, "Absent"))
    (group,) = groups(transform(report(b.group(b.code(b.FINDING, NODULE), *others))))
    assert "interpretation" not in group
    assert len(group["hasMember"]) == 3


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


@pytest.mark.row("3.6.07", "3.6.04")
def test_site_and_method_of_what_is_around_groups(transform: Transform) -> None:
    """They qualify that container: no group, measurement or evaluation has them, and the report lists them."""
    around = (SITE, b.code(METHOD, RECIST, relationship=MODIFIES))
    result = transform(
        b.measurement_report(
            *around,
            b.imaging_measurements(*around, b.group(measured()), b.num(AREA, "2", SQUARE_MM)),
            b.evaluations(*around, b.code(SUBTLETY, OBVIOUS)),
            b.derived_measurements(*around, b.num(DIAMETER, "3", MILLIMETRES)),
        )
    )
    every = resources(result, "Observation")
    assert len(every) == 5
    assert not any({"bodySite", "bodyStructure", "method"} & set(each) for each in every)
    places = ["1.1", "1.2", *(f"1.{section}.{n}" for section in (3, 4, 5) for n in (1, 2))]
    assert {place: unmapped(result).get(place) for place in places} == dict.fromkeys(places, "no-target")


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


@pytest.mark.row("3.6.07", "3.8.07")
@pytest.mark.parametrize("relationship", [MODIFIES, DESCRIBES, CONTEXT, "CONTAINS"])
def test_a_laterality_beside_the_site(transform: Transform, relationship: str) -> None:
    """That of the only site, of a group as of a measurement."""
    side = b.code(b.LATERALITY, b.RIGHT, relationship=relationship)
    result = transform(report(b.group(SITE, side), b.group(measured(SITE, side))))
    structures = [each["includedStructure"] for each in resources(result, "BodyStructure")]
    right = {"structure": LUNG_CONCEPT, "laterality": concept(SCT, "24028007", "Right")}
    assert structures == [[right]] * 2
    assert all("component" not in each for each in resources(result, "Observation"))
    assert not [place for place in unmapped(result) if place[0].isdigit()]
    assert not findings(result, "multiplicity")


@pytest.mark.row("3.6.07")
@pytest.mark.parametrize("relationship", [MODIFIES, "CONTAINS"])
def test_a_laterality_of_which_the_site_is_not_known(transform: Transform, relationship: str) -> None:
    side = b.code(b.LATERALITY, b.RIGHT, relationship=relationship)
    left = b.code(
        b.FINDING_SITE, b.LUNG, b.code(b.LATERALITY, CYST, relationship=MODIFIES), relationship=MODIFIES
    )
    result = transform(report(b.group(SITE, SECOND_SITE, side), b.group(left, side), b.group(side)))
    for group in groups(result):
        assert component(group, "272741003")["valueCodeableConcept"] == concept(SCT, "24028007", "Right")
        assert "hasMember" not in group
    several, other = resources(result, "BodyStructure")
    assert all("laterality" not in each for each in several["includedStructure"])
    assert other["includedStructure"][0]["laterality"] == CYST_CONCEPT
    assert findings(result, "multiplicity") == [("warning", "1.1.1.3"), ("warning", "1.1.2.2")]


@pytest.mark.row("3.6.07", "3.6.03")
def test_a_site_below_the_finding(transform: Transform) -> None:
    """Where the group states none itself, what its Finding states is its own; else it is a component."""
    seen = b.code(b.FINDING, NODULE, RIGHT_LUNG)
    alone, beside = groups(result := transform(report(b.group(seen), b.group(seen, SECOND_SITE))))
    (included,) = target(result, alone["bodyStructure"])["includedStructure"]
    assert included == {"structure": LUNG_CONCEPT, "laterality": concept(SCT, "24028007", "Right")}
    assert "component" not in alone
    assert beside["bodySite"] == concept(SCT, "10200004", "Liver")
    assert component(beside, "363698007")["valueCodeableConcept"] == LUNG_CONCEPT
    assert len(resources(result, "BodyStructure")) == 1


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
    order = {"value": 1, "unit": "1", "system": "http://unitsofmeasure.org", "code": "1"}
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
    assert by_code(observation(result, b.VOLUME.value)["component"]) == by_code(expected)
    assert not [line for line in unmapped(result) if line.startswith("1.1.1")]


@pytest.mark.row("3.6.16")
def test_the_time_point_of_members(transform: Transform) -> None:
    """On each member, in a nested group and below a measurement, too; one of its own stands in its place."""
    of_group = b.text(TIME_POINT, "TP1", relationship=CONTEXT)
    own = b.text(TIME_POINT, "TP2", relationship=CONTEXT)
    source = b.num(RATIO, "3", ONE, SECOND_SITE, relationship="INFERRED FROM")
    inner = b.group(b.num(KERNEL_SIZE, "3", MILLIMETRES))
    later = b.group(own, b.text(NOTE, "later"), b.num(TIME_POINT_ORDER, "2", ONE))
    members_of_it = (measured(source), b.code(SUBTLETY, OBVIOUS, own), b.evaluations(b.text(IMPRESSION, "x")))
    result = transform(report(b.group(of_group, *members_of_it, inner, later)))
    told = {
        each["code"]["coding"][0]["code"]: [value["valueString"] for value in each["component"]]
        for each in resources(result, "Observation")
        if not claims(each, GROUP)
    }
    assert told == {
        "118565006": ["TP1"],
        "99K2": ["TP1"],
        "C45992": ["TP2"],
        "99E1": ["TP1"],
        "99K1": ["TP1"],
        "121106": ["TP2"],
        "126073": ["TP2"],
    }
    assert [each["component"][0]["valueString"] for each in groups(result)] == ["TP1", "TP1", "TP2"]
    assert all(len(each["component"]) == 1 for each in groups(result))


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
