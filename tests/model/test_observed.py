"""Which content items stand where TID 1500 has observations (mapping sections 3.5, 3.9, 3.10)."""

from __future__ import annotations

import pytest
from sr2fhir.documents.measurement_report.structure import MEASURED

from tests.builders import (
    Code,
    by_reference,
    code,
    container,
    derived_measurements,
    evaluations,
    group,
    image,
    image_library,
    imaging_measurements,
    num,
    text,
)
from tests.builders.codes import CUBIC_MM, FINDING, LUNG, VOLUME
from tests.model.documents import codes, item, rendered

INFERRED = "INFERRED FROM"
RATIO = Code("99R", "99TEST", "Ratio")
FINDINGS = Code("121070", "DCM", "Findings")


def measured(*children, relationship="CONTAINS", concept=VOLUME):
    return num(concept, "1", CUBIC_MM, *children, relationship=relationship)


def parameter(*children, **attributes):
    return num(RATIO, "1", CUBIC_MM, *children, relationship=INFERRED, **attributes)


def source(*children):
    """Return a number that is a result of its own: it has an Observation UID."""
    return parameter(*children, ObservationUID="1.2.77")


def said_of_target(*before, position):
    """Return what a measurement says of the item at a position."""
    inferred = imaging_measurements(group(measured(by_reference(INFERRED, *position))))
    document = rendered(*before, inferred).document
    (reference,) = (
        item(document, f"1.{len(before) + 1}.1.1").get("num")
        or item(document, f"1.{len(before) + 1}.1.1")["container"]
    )
    return reference["targetItem"]


@pytest.mark.parametrize(
    ("content", "position", "expected"),
    [
        (imaging_measurements(group(measured())), (1, 1, 1, 1), True),
        (imaging_measurements(measured()), (1, 1, 1), True),
        (imaging_measurements(group(group(measured()))), (1, 1, 1, 1), True),
        (imaging_measurements(imaging_measurements(group())), (1, 1, 1, 1), True),
        (evaluations(group(measured())), (1, 1, 1, 1), True),
        (group(measured()), (1, 1, 1), True),
        (derived_measurements(measured()), (1, 1, 1), True),
        (derived_measurements(group(measured())), (1, 1, 1, 1), True),
        (derived_measurements(measured(group(measured()))), (1, 1, 1, 1), True),
        (derived_measurements(measured(group(measured()))), (1, 1, 1, 1, 1), True),
        (derived_measurements(measured(measured())), (1, 1, 1, 1), False),
        (derived_measurements(imaging_measurements(measured())), (1, 1, 1, 1), False),
        (measured(), (1, 1), False),
        (container(FINDINGS, measured()), (1, 1, 1), False),
        (container(FINDINGS, group(measured())), (1, 1, 1), False),
        (container(FINDINGS, group(measured())), (1, 1, 1, 1), False),
        (imaging_measurements(container(FINDINGS, group(measured()))), (1, 1, 1, 1), False),
        (image_library(group(measured())), (1, 1, 1, 1), False),
        (imaging_measurements(group(measured(relationship="HAS PROPERTIES"))), (1, 1, 1, 1), False),
        (imaging_measurements(group(measured(measured()))), (1, 1, 1, 1, 1), False),
        (imaging_measurements(group(measured(group()))), (1, 1, 1, 1, 1), False),
        (imaging_measurements(group(measured(concept=None))), (1, 1, 1, 1), False),
        (imaging_measurements(group(code(FINDING, LUNG, group(measured())))), (1, 1, 1, 1, 1, 1), False),
        (imaging_measurements(), (1, 1), False),
        (imaging_measurements(group(measured(source()))), (1, 1, 1, 1, 1), True),
        (imaging_measurements(group(measured(source(source())))), (1, 1, 1, 1, 1, 1), True),
        (imaging_measurements(group(measured(parameter(source())))), (1, 1, 1, 1, 1, 1), False),
        (imaging_measurements(group(measured(parameter()))), (1, 1, 1, 1, 1), False),
        (imaging_measurements(group(measured(parameter(image("1.2.3"))))), (1, 1, 1, 1, 1), True),
        (derived_measurements(measured(source())), (1, 1, 1, 1), True),
        (derived_measurements(measured(source(group()))), (1, 1, 1, 1, 1), False),
        (derived_measurements(measured(group(), relationship="HAS PROPERTIES")), (1, 1, 1, 1), False),
        (derived_measurements(measured(group(), concept=None)), (1, 1, 1, 1), False),
        (derived_measurements(group(measured(group()))), (1, 1, 1, 1, 1), True),
        (derived_measurements(group(group(measured(group())))), (1, 1, 1, 1, 1, 1), False),
        (evaluations(measured(relationship="HAS PROPERTIES")), (1, 1, 1), True),
    ],
)
def test_what_becomes_an_observation(content, position, expected):
    target = said_of_target(content, position=position)
    assert (target.get("role") in MEASURED) is expected


def test_a_group_that_becomes_no_resource_is_not_named():
    target = said_of_target(container(FINDINGS, group(measured())), position=(1, 1, 1, 1))
    assert not {"groupId", "firstOfGroup"} & set(target)


def test_the_second_reference_to_one_target_is_a_repetition():
    twice = measured(by_reference(INFERRED, 1, 1, 1, 1), by_reference(INFERRED, 1, 1, 1, 1))
    document = rendered(imaging_measurements(group(measured(), twice, text(FINDING, "none")))).document
    first, second = item(document, "1.1.1.2")["num"]
    assert "repeated" not in first["targetItem"]
    assert second["targetItem"]["repeated"] is True


def test_several_algorithms_or_device_observers_at_one_level_are_reported():
    name = Code("111001", "DCM", "Algorithm Name")
    observer = Code("121005", "DCM", "Observer Type")
    device = (
        code(observer, Code("121007", "DCM", "Device"), relationship="HAS OBS CONTEXT"),
        text(Code("121013", "DCM", "Device Observer Name"), "A", relationship="HAS OBS CONTEXT"),
    )
    other = (
        device[0],
        text(Code("121013", "DCM", "Device Observer Name"), "B", relationship="HAS OBS CONTEXT"),
    )
    rendering = rendered(
        *device, *other, imaging_measurements(group(text(name, "X"), text(name, "Y"), measured()))
    )
    assert sorted(codes(rendering)) == [("multiplicity", "1.3"), ("multiplicity", "1.5.1.2")]
    same = rendered(
        *device, *device, imaging_measurements(group(text(name, "X"), text(name, "X"), measured()))
    )
    assert codes(same) == []


def test_a_measurement_that_the_context_uses_too_has_its_context():
    """It becomes an Observation all the same, which needs a device and a time."""
    name = measured(concept=Code("111001", "DCM", "Algorithm Name"))
    document = rendered(imaging_measurements(group(name, measured()))).document
    assert item(document, "1.1.1.1")["context"]["issued"] == item(document, "1.1.1.2")["context"]["issued"]
