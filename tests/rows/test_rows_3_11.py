"""Rows of section 3.11: items that refer to others by their position."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result

from tests import builders as b
from tests.rows.concepts import AREA, DIAMETER
from tests.rows.conftest import Transform
from tests.rows.look import (
    claims,
    component,
    elements,
    findings,
    observation,
    one,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.shapes import INFERRED, grouped, measured

LENGTH = b.Code("410668003", "SCT", "Length")
MEAN = b.Code("373098007", "SCT", "Mean")


def origin(result: Result) -> dict[str, Any]:
    """Return the selection that points back to the group."""
    return one(result, "ImagingSelection", "source-sr-content-item")


def derived_from(result: Result, code: str, kind: str) -> list[dict[str, Any]]:
    """Return the resources of a type that an Observation is derived from."""
    found = [
        target(result, each)
        for each in observation(result, code).get("derivedFrom", [])
        if "reference" in each
    ]
    return [each for each in found if each["resourceType"] == kind]


@pytest.mark.row("3.11.01")
def test_a_measurement_inferred_from_another(transform: Transform) -> None:
    result = transform(grouped(measured(), measured(b.by_reference(INFERRED, 1, 1, 1, 1), concept=LENGTH)))
    assert derived_from(result, LENGTH.value, "Observation") == [observation(result, b.VOLUME.value)]
    assert derived_from(result, b.VOLUME.value, "Observation") == []
    assert "1.1.1.2.1" not in unmapped(result)
    assert len(resources(result, "Observation")) == 3


@pytest.mark.row("3.11.01")
def test_a_measurement_inferred_from_the_only_region_of_its_group(transform: Transform) -> None:
    """Decision D31: the group's selection, none of its own."""
    result = transform(
        grouped(b.scoord("POINT", [1, 2], b.image("1.2.3")), measured(b.by_reference(INFERRED, 1, 1, 1, 1)))
    )
    selection = one(result, "ImagingSelection", "image-region-2d")
    assert derived_from(result, b.VOLUME.value, "ImagingSelection") == [origin(result), selection]
    assert "1.1.1.2.1" not in unmapped(result)


@pytest.mark.row("3.11.01")
def test_a_measurement_inferred_from_one_of_several_regions(transform: Transform) -> None:
    """Decision D31: a selection of the referenced region only."""
    regions = [b.scoord("POINT", [n, n], b.image("1.2.3")) for n in (1, 2)]
    result = transform(grouped(*regions, measured(b.by_reference(INFERRED, 1, 1, 1, 2))))
    of_group, own = resources(result, "ImagingSelection", "image-region-2d")
    assert derived_from(result, b.VOLUME.value, "ImagingSelection") == [origin(result), own]
    coordinates = [each["imageRegion2D"][0]["coordinate"] for each in own["instance"]]
    assert coordinates == [[2, 2]]
    assert len(of_group["instance"]) == 2


@pytest.mark.row("3.11.01")
def test_an_image_selected_by_reference(transform: Transform) -> None:
    """A by-reference SELECTED FROM image counts as if it stood there (decision D31)."""
    result = transform(
        grouped(b.image("1.2.3"), b.scoord("POINT", [1, 2], b.by_reference("SELECTED FROM", 1, 1, 1, 1)))
    )
    (instance,) = one(result, "ImagingSelection", "image-region-2d")["instance"]
    assert instance["uid"] == "1.2.3"


@pytest.mark.row("3.11.01")
def test_a_derived_measurement_of_a_group(transform: Transform) -> None:
    derived = b.derived_measurements(measured(b.by_reference(INFERRED, 1, 1, 1), concept=MEAN))
    result = transform(b.measurement_report(b.imaging_measurements(b.group(measured())), derived))
    (source,) = derived_from(result, MEAN.value, "Observation")
    assert claims(source, "imaging-measurement-group")
    assert len(resources(result, "Observation")) == 3


@pytest.mark.row("3.11.01")
def test_a_group_is_no_source_of_a_measurement_in_a_group(transform: Transform) -> None:
    """Only a derived measurement has a place for it. The group itself is mapped: it is not out of scope."""
    inferred = measured(b.by_reference(INFERRED, 1, 1, 1), concept=LENGTH)
    result = transform(b.measurement_report(b.imaging_measurements(b.group(measured()), b.group(inferred))))
    assert len(resources(result, "Observation", "imaging-measurement-group")) == 2
    assert derived_from(result, LENGTH.value, "Observation") == []
    assert unmapped(result)["1.1.2.1.1"] == "no-target"


def source(*children: Dataset, concept: b.Code = DIAMETER, uid: str = "1.2.77") -> Dataset:
    """Build a number by value that is a result of its own (3.8.11)."""
    return measured(*children, concept=concept, relationship=INFERRED, ObservationUID=uid)


def measured_in(*content: Dataset) -> list[list[int]]:
    """Return the positions of all numbers, where the content is the first of the root's."""
    found: list[list[int]] = []
    stack = [(item, [1, number]) for number, item in enumerate(content, 1)]
    while stack:
        item, place = stack.pop()
        children = item.get("ContentSequence", [])
        stack.extend((child, [*place, number]) for number, child in enumerate(children, 1))
        found.extend([place] if item.get("ValueType") == "NUM" else [])
    return found


PLACES = {
    "by value": lambda: [b.imaging_measurements(b.group(measured(source())))],
    "by value, again": lambda: [b.imaging_measurements(measured(source(source(concept=AREA, uid="1.2.78"))))],
    "by value, derived": lambda: [b.derived_measurements(measured(source()), measured(b.group(measured())))],
    "by value, nested": lambda: [b.derived_measurements(b.group(b.group(measured(source()))))],
    "qualifies evaluations": lambda: [b.evaluations(measured(relationship="HAS PROPERTIES"))],
    "qualifies derived ones": lambda: [
        b.derived_measurements(measured(b.group(measured()), relationship="HAS PROPERTIES"))
    ],
    "not named": lambda: [b.derived_measurements(measured(b.group(measured()), concept=None))],
    "below a parameter": lambda: [
        b.imaging_measurements(b.group(measured(measured(source(), relationship=INFERRED, concept=AREA))))
    ],
}


@pytest.mark.row("3.8.10", "3.8.11", "3.11.01")
@pytest.mark.parametrize("place", PLACES)
def test_what_can_be_referred_to_is_what_becomes_an_observation(transform: Transform, place: str) -> None:
    """Wherever a number stands: a reference to it leads to its Observation, or there is none and it is reported."""
    content = PLACES[place]()
    positions = measured_in(*content)
    inferred = measured(*(b.by_reference(INFERRED, *position) for position in positions), concept=LENGTH)
    result = transform(b.measurement_report(*content, b.imaging_measurements(b.group(inferred))))
    numbers = [each for each in resources(result, "Observation") if "valueQuantity" in each]
    others = [each for each in numbers if each["code"]["coding"][0]["code"] != LENGTH.value]
    found = derived_from(result, LENGTH.value, "Observation")
    assert sorted(each["id"] for each in found) == sorted(each["id"] for each in others)
    dangling = [f"1.2.1.1.{number}" for number in range(1, len(positions) + 1)]
    assert len(others) == len(positions) - len(unmapped(result).keys() & set(dangling))


@pytest.mark.row("3.8.10", "3.8.11")
def test_a_chain_of_measurements(transform: Transform) -> None:
    """Each from the next: by value with a reference of its own, then by reference."""
    first = measured(b.by_reference(INFERRED, 1, 1, 1, 2, 1), concept=LENGTH)
    second = measured(source(b.by_reference(INFERRED, 1, 1, 1, 3)), concept=AREA)
    result = transform(grouped(first, second, measured()))
    between = observation(result, DIAMETER.value)
    assert derived_from(result, LENGTH.value, "Observation") == [between]
    assert derived_from(result, AREA.value, "Observation") == [between]
    assert derived_from(result, DIAMETER.value, "Observation") == [observation(result, b.VOLUME.value)]
    assert not [place for place in unmapped(result) if place.startswith("1.1")]


@pytest.mark.row("3.8.11", "3.10.06")
def test_a_derived_measurement_from_a_number_by_value(transform: Transform) -> None:
    """Its group literally, the number by its Observation UID (decision D4)."""
    derived = b.derived_measurements(measured(b.by_reference(INFERRED, 1, 1, 1, 1, 1), concept=MEAN))
    result = transform(b.measurement_report(b.imaging_measurements(b.group(measured(source()))), derived))
    literal, other = observation(result, MEAN.value)["derivedFrom"]
    assert claims(target(result, literal), "imaging-measurement-group")
    assert other["identifier"]["value"] == "urn:oid:1.2.77"


@pytest.mark.row("3.3.03", "3.8.11")
def test_the_observer_of_a_number_by_value(transform: Transform) -> None:
    """The observer of a result is a person of the report; that of a parameter performed nothing."""
    result = transform(grouped(measured(source(b.person_observer("Own^Observer")))))
    (performer,) = observation(result, DIAMETER.value)["performer"]
    assert target(result, performer)["name"][0]["family"] == "Own"
    parameter = measured(b.person_observer("Own^Observer"), concept=DIAMETER, relationship=INFERRED)
    assert resources(transform(grouped(measured(parameter))), "Practitioner") == []


NOWHERE = [(1, 1, 9), (2, 1), (1, 1, 1, 1, 1)]


@pytest.mark.row("3.11.02")
def test_a_reference_that_leads_nowhere(transform: Transform) -> None:
    for position in NOWHERE:
        result = transform(grouped(measured(), measured(b.by_reference(INFERRED, *position), concept=LENGTH)))
        assert findings(result, "unresolved-reference") == [("error", "1.1.1.2.1")]
        assert unmapped(result)["1.1.1.2.1"] == "unresolved-reference"
        assert derived_from(result, LENGTH.value, "Observation") == []
        assert not result.ok


def findings_section(*items: Dataset) -> Dataset:
    """Return a container whose content becomes no resource."""
    return b.container(b.Code("121070", "DCM", "Findings"), *items)


@pytest.mark.row("3.11.02")
def test_a_reference_to_what_becomes_no_resource(transform: Transform) -> None:
    """A measurement or group outside the scope has no Observation to refer to; the reference is reported."""
    inferred = b.group(measured(b.by_reference(INFERRED, 1, 1, 1), concept=LENGTH))
    result = transform(b.measurement_report(findings_section(measured()), b.imaging_measurements(inferred)))
    assert derived_from(result, LENGTH.value, "Observation") == []
    assert "1.2.1.1.1" in unmapped(result)
    for position in ((1, 1, 1), (1, 1, 1, 1)):
        derived = b.derived_measurements(measured(b.by_reference(INFERRED, *position), concept=MEAN))
        result = transform(b.measurement_report(findings_section(b.group(measured())), derived))
        assert claims(observation(result, MEAN.value), "imaging-measurement")
        assert derived_from(result, MEAN.value, "Observation") == []
        assert "1.2.1.1" in unmapped(result)


@pytest.mark.row("3.11.02")
def test_a_reference_to_a_region_of_what_becomes_no_resource(transform: Transform) -> None:
    """The region can be selected all the same (decision D31)."""
    elsewhere = findings_section(b.group(b.scoord("POINT", [1, 2], b.image("1.2.3"))))
    result = transform(
        b.measurement_report(
            elsewhere, b.imaging_measurements(b.group(measured(b.by_reference(INFERRED, 1, 1, 1, 1))))
        )
    )
    assert derived_from(result, b.VOLUME.value, "ImagingSelection") == [
        origin(result),
        one(result, "ImagingSelection", "image-region-2d"),
    ]


@pytest.mark.row("3.11.03")
def test_a_prefix_of_the_relationship(transform: Transform) -> None:
    plain, prefixed = (
        transform(grouped(measured(), measured(b.by_reference(written, 1, 1, 1, 1), concept=LENGTH)))
        for written in ("INFERRED FROM", "R-INFERRED FROM")
    )
    assert derived_from(prefixed, LENGTH.value, "Observation") == [observation(prefixed, b.VOLUME.value)]
    assert prefixed.json == plain.json


@pytest.mark.row("3.11.04")
def test_several_references_to_one_target_count_once(transform: Transform) -> None:
    twice = [b.by_reference(INFERRED, 1, 1, 1, 1), b.by_reference(INFERRED, 1, 1, 1, 1)]
    result = transform(grouped(measured(), measured(*twice, concept=LENGTH)))
    assert derived_from(result, LENGTH.value, "Observation") == [observation(result, b.VOLUME.value)]
    assert "1.1.1.2.1" not in unmapped(result)
    assert "1.1.1.2.2" not in unmapped(result)


@pytest.mark.row("3.11.04")
def test_several_references_to_one_region_or_group_count_once(transform: Transform) -> None:
    regions = [b.scoord("POINT", [n, n], b.image("1.2.3")) for n in (1, 2)]
    twice = [b.by_reference(INFERRED, 1, 1, 1, 2), b.by_reference(INFERRED, 1, 1, 1, 2)]
    result = transform(grouped(*regions, measured(*twice)))
    _, own = resources(result, "ImagingSelection", "image-region-2d")
    assert len(own["instance"]) == 1
    derived = b.derived_measurements(
        measured(b.by_reference(INFERRED, 1, 1, 1), b.by_reference(INFERRED, 1, 1, 1), concept=MEAN)
    )
    result = transform(b.measurement_report(b.imaging_measurements(b.group(measured())), derived))
    assert len(derived_from(result, MEAN.value, "Observation")) == 1


@pytest.mark.row("3.11.04")
def test_a_reference_to_an_item_beside_it_says_the_same(transform: Transform) -> None:
    own = measured(b.image("1.2.3", relationship=INFERRED), b.by_reference(INFERRED, 1, 1, 1, 1, 1))
    result = transform(grouped(own))
    _, selection = derived_from(result, b.VOLUME.value, "ImagingSelection")
    assert len(selection["instance"]) == 1
    assert "1.1.1.1.2" not in unmapped(result)
    assert elements(result, "1.1.1.1.2") == elements(result, "1.1.1.1.1")


@pytest.mark.row("3.8.11", "3.11.04")
@pytest.mark.parametrize("attributes", [{}, {"ObservationUID": "1.2.77"}])
def test_a_reference_to_a_number_beside_it_says_the_same(
    transform: Transform, attributes: dict[str, str]
) -> None:
    """Be it a parameter or a result of its own."""
    beside = measured(concept=DIAMETER, relationship=INFERRED, **attributes)
    result = transform(grouped(measured(beside, b.by_reference(INFERRED, 1, 1, 1, 1, 1))))
    found = derived_from(result, b.VOLUME.value, "Observation")
    assert [each["code"]["coding"][0]["code"] for each in found] == [DIAMETER.value] * len(attributes)
    assert elements(result, "1.1.1.1.2") == elements(result, "1.1.1.1.1")


@pytest.mark.row("3.11.04")
def test_a_reference_to_a_property_beside_it_says_the_same(transform: Transform) -> None:
    beside = measured(concept=DIAMETER, relationship="HAS PROPERTIES")
    result = transform(grouped(measured(beside, b.by_reference("HAS PROPERTIES", 1, 1, 1, 1, 1))))
    assert len(observation(result, b.VOLUME.value)["component"]) == 1
    assert elements(result, "1.1.1.1.2") == elements(result, "1.1.1.1.1")


@pytest.mark.row("3.11.01")
def test_a_property_by_reference(transform: Transform) -> None:
    """The rule of 3.8.20, for a CODE that stands elsewhere; a second reference to it adds nothing."""
    comment = b.Code("121106", "DCM", "Comment")
    twice = [b.by_reference("HAS PROPERTIES", 1, 1, 1, 1)] * 2
    result = transform(grouped(b.text(comment, "kept"), measured(*twice)))
    assert component(observation(result, b.VOLUME.value), "121106")["valueString"] == "kept"
    assert not {"1.1.1.2.1", "1.1.1.2.2"} & unmapped(result).keys()


@pytest.mark.row("3.11.05")
def test_a_reference_to_an_ancestor(transform: Transform) -> None:
    for position in ((1,), (1, 1), (1, 1, 1), (1, 1, 1, 1)):
        result = transform(grouped(measured(b.by_reference(INFERRED, *position))))
        assert findings(result, "unresolved-reference") == [("error", "1.1.1.1.1")]
        assert unmapped(result)["1.1.1.1.1"] == "unresolved-reference"
        assert derived_from(result, b.VOLUME.value, "Observation") == []


@pytest.mark.row("3.11.05")
def test_references_in_a_circle(transform: Transform) -> None:
    first = measured(b.by_reference(INFERRED, 1, 1, 1, 2, 1))
    second = measured(b.by_reference(INFERRED, 1, 1, 1, 1, 1), concept=LENGTH)
    result = transform(grouped(first, second, b.text(b.Code("121106", "DCM", "Comment"), "kept")))
    places = ["1.1.1.1.1", "1.1.1.2.1"]
    assert findings(result, "unresolved-reference") == [("error", place) for place in places]
    assert {place: unmapped(result)[place] for place in places} == dict.fromkeys(
        places, "unresolved-reference"
    )
    assert urn(observation(result, "121106")) in str(observation(result, "125007")["hasMember"])
