"""Findings, evaluations and groups of reports as public bug reports describe them; each input is right as said here."""

from __future__ import annotations

import pytest

from tests.rows.bugs import bug
from tests.rows.concepts import MEAN
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    Json,
    claims,
    component,
    concept,
    derived,
    findings,
    observation,
    one,
    reason,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.test_rows_3_6 import GROUP, NEGATIVE, groups, members

LIKELIHOOD, CERTAINTY, PRESENCE = "LIK", "111012", "705057003"


@pytest.mark.row("3.8.11")
def test_a_ratio_of_liver_and_spleen(transform: Transform) -> None:
    """Two numbers of one concept, told apart by their site only: each is an Observation."""
    result = transform(bug("liver_spleen_ratio"))
    ratio = observation(result, "LSR")
    assert ratio["valueQuantity"]["unit"] == "1"
    sources = [each for each in derived(result, ratio) if each["resourceType"] == "Observation"]
    told = [(each["bodySite"]["coding"][0]["display"], each["valueQuantity"]["value"]) for each in sources]
    assert told == [("Liver", 44), ("Spleen", 55)]
    assert all(component(each, "121401")["valueCodeableConcept"] == concept(SCT, *mean()) for each in sources)
    assert [each["code"]["text"] for each in sources] == [
        "Attenuation Coefficient, Mean – Liver/spleen ratio (liver)",
        "Attenuation Coefficient, Mean – Liver/spleen ratio (spleen)",
    ]
    assert "component" not in ratio
    ratios = next(group for group in groups(result) if ratio in members(result, group))
    assert members(result, ratios) == [ratio]
    referred = {
        each["bodyStructure"]["reference"]
        for each in resources(result, "Observation")
        if "bodyStructure" in each
    }
    assert referred == {urn(each) for each in resources(result, "BodyStructure")}
    assert not [place for place in unmapped(result) if place[0].isdigit()]


def mean() -> tuple[str, str]:
    return MEAN.value, MEAN.meaning


@pytest.mark.row("3.5.08", "3.9.07")
def test_evaluations_in_a_container_within_a_group(transform: Transform) -> None:
    result = transform(bug("evaluations_container_in_group"))
    (group,) = groups(result)
    contained = members(result, group)
    codes = [each["code"]["coding"][0]["code"] for each in contained]
    assert codes == ["118565006", LIKELIHOOD, "C45992", "RID36042"]
    assert all(each["bodyStructure"] == group["bodyStructure"] for each in contained)
    assert all(
        sorted(each["derivedFrom"], key=str) == sorted(group["derivedFrom"], key=str) for each in contained
    )
    assert contained[1]["valueQuantity"]["value"] == 87
    assert contained[3]["valueCodeableConcept"] == {"text": "highly suspicious"}
    assert not [place for place in unmapped(result) if place[0].isdigit()]


@pytest.mark.row("3.6.03", "3.9.06")
def test_certainty_and_presence_of_a_finding(transform: Transform) -> None:
    result = transform(bug("certainty_below_finding"))
    below, beside, asserted = groups(result)
    for group, code, sure in ((below, "36118008", 12), (beside, "60046008", 3)):
        assert "valueCodeableConcept" not in group
        assert group["interpretation"] == [NEGATIVE]
        assert component(group, CERTAINTY)["valueQuantity"]["value"] == sure
        assert component(group, PRESENCE)["valueCodeableConcept"] == concept(SCT, "2667000", "Absent")
        (member,) = members(result, group)
        assert member["code"]["coding"][0]["code"] == code
        assert member["valueCodeableConcept"] == concept(SCT, "2667000", "Absent")
        assert claims(member, "imaging-qualitative-evaluation")
    assert asserted["valueCodeableConcept"] == concept(SCT, "427359005", "Solitary nodule of lung")
    assert "interpretation" not in asserted
    (low,) = members(result, asserted)
    assert component(low, CERTAINTY)["valueQuantity"]["value"] == 55
    (included,) = target(result, low["bodyStructure"])["includedStructure"]
    assert included["laterality"] == concept(SCT, "24028007", "Right")


@pytest.mark.row("3.1.11", "3.6.03")
def test_a_questionnaire(transform: Transform) -> None:
    """The Finding has DICOM's code under SCT, in the relationship HAS_PROPERTIES."""
    result = transform(bug("questionnaire_annotator"))
    group = one(result, "Observation", GROUP)
    assert group["valueCodeableConcept"] == concept("http://radlex.org", "RID50151", "solid pulmonary nodule")
    assert "component" not in group
    assert findings(result, "conflict") == [("warning", "1.1.2")]
    codes = [each["code"]["coding"][0]["code"] for each in members(result, group)]
    assert codes == ["RID50152", "RID5768", "121106"]
    assert "interpretation" not in group


@pytest.mark.row("3.5.05")
def test_items_directly_below_the_root(transform: Transform) -> None:
    result = transform(bug("groups_below_root_with_text"))
    assert observation(result, "118565006")["bodySite"] == concept(SCT, "10200004", "Liver")
    low = concept("http://radlex.org", "RID39074", "low")
    assert observation(result, "RID36042")["valueCodeableConcept"] == low
    text = observation(result, "121077")["valueCodeableConcept"]["text"]
    assert text == "No change since the previous examination."
    assert findings(result, "out-of-scope-place") == [("warning", f"1.{n}") for n in (6, 7, 8)]
    assert {reason(result, f"1.{n}") for n in (5, 6, 7, 8)} == {None}


@pytest.mark.row("3.6.03")
def test_a_free_text_finding_before_the_coded_one(transform: Transform) -> None:
    result = transform(bug("multiframe_annotations"))
    every = groups(result)
    assert len(every) == 5
    for number, group in enumerate(every, 1):
        assert group["valueCodeableConcept"] == concept(SCT, "52988006", "Lesion")
        length, label = members(result, group)
        assert label["code"]["coding"] == concept(DCM, "121071", "Finding")["coding"]
        assert label["valueCodeableConcept"]["coding"][0]["display"] == f"label {number}"
        assert length["code"]["text"] == f"Length – Length {number}"
    frames = [_frames(derived(result, members(result, group)[0])) for group in every]
    assert frames == [["5"], ["12"], ["12"], None, ["7", "8", "9"]]


def _frames(sources: list[Json]) -> list[str] | None:
    """Return the frames of the region among the sources of a measurement."""
    (region,) = (each for each in sources if claims(each, "image-region-2d"))
    frames: list[str] | None = region["instance"][0].get("subset")
    return frames
