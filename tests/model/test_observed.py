"""Which content items stand where TID 1500 has observations (mapping sections 3.5, 3.9, 3.10)."""

from __future__ import annotations

import pytest
from sr2fhir.documents.measurement_report.structure import MEASURED

from tests import builders as b
from tests.model.documents import codes, item, rendered

INFERRED = "INFERRED FROM"
RATIO = b.Code("99R", "99TEST", "Ratio")
FINDINGS = b.Code("121070", "DCM", "Findings")


def measured(*children, relationship="CONTAINS", concept=b.VOLUME):
    return b.num(concept, "1", b.CUBIC_MM, *children, relationship=relationship)


def parameter(*children, **attributes):
    return b.num(RATIO, "1", b.CUBIC_MM, *children, relationship=INFERRED, **attributes)


def source(*children):
    """Return a number that is a result of its own: it has an Observation UID."""
    return parameter(*children, ObservationUID="1.2.77")


def said_of_target(*before, position):
    """Return what a measurement says of the item at a position."""
    inferred = b.imaging_measurements(b.group(measured(b.by_reference(INFERRED, *position))))
    document = rendered(*before, inferred).document
    (reference,) = (
        item(document, f"1.{len(before) + 1}.1.1").get("num")
        or item(document, f"1.{len(before) + 1}.1.1")["container"]
    )
    return reference["targetItem"]


@pytest.mark.parametrize(
    ("content", "position", "expected"),
    [
        (b.imaging_measurements(b.group(measured())), (1, 1, 1, 1), True),
        (b.imaging_measurements(measured()), (1, 1, 1), True),
        (b.imaging_measurements(b.group(b.group(measured()))), (1, 1, 1, 1), True),
        (b.imaging_measurements(b.imaging_measurements(b.group())), (1, 1, 1, 1), True),
        (b.evaluations(b.group(measured())), (1, 1, 1, 1), True),
        (b.group(measured()), (1, 1, 1), True),
        (b.derived_measurements(measured()), (1, 1, 1), True),
        (b.derived_measurements(b.group(measured())), (1, 1, 1, 1), True),
        (b.derived_measurements(measured(b.group(measured()))), (1, 1, 1, 1), True),
        (b.derived_measurements(measured(b.group(measured()))), (1, 1, 1, 1, 1), True),
        (b.derived_measurements(measured(measured())), (1, 1, 1, 1), False),
        (b.derived_measurements(b.imaging_measurements(measured())), (1, 1, 1, 1), False),
        (measured(), (1, 1), True),
        (b.container(FINDINGS, measured()), (1, 1, 1), False),
        (b.container(FINDINGS, b.group(measured())), (1, 1, 1), False),
        (b.container(FINDINGS, b.group(measured())), (1, 1, 1, 1), False),
        (b.imaging_measurements(b.container(FINDINGS, b.group(measured()))), (1, 1, 1, 1), False),
        (b.image_library(b.group(measured())), (1, 1, 1, 1), False),
        (b.imaging_measurements(b.group(measured(relationship="HAS PROPERTIES"))), (1, 1, 1, 1), False),
        (b.imaging_measurements(b.group(measured(measured()))), (1, 1, 1, 1, 1), False),
        (b.imaging_measurements(b.group(measured(b.group()))), (1, 1, 1, 1, 1), False),
        (b.imaging_measurements(b.group(measured(concept=None))), (1, 1, 1, 1), False),
        (
            b.imaging_measurements(b.group(b.code(b.FINDING, b.LUNG, b.group(measured())))),
            (1, 1, 1, 1, 1, 1),
            False,
        ),
        (b.imaging_measurements(), (1, 1), False),
        (b.imaging_measurements(b.group(measured(source()))), (1, 1, 1, 1, 1), True),
        (b.imaging_measurements(b.group(measured(source(source())))), (1, 1, 1, 1, 1, 1), True),
        (b.imaging_measurements(b.group(measured(parameter(source())))), (1, 1, 1, 1, 1, 1), False),
        (b.imaging_measurements(b.group(measured(parameter()))), (1, 1, 1, 1, 1), False),
        (b.imaging_measurements(b.group(measured(parameter(b.image("1.2.3"))))), (1, 1, 1, 1, 1), True),
        (b.derived_measurements(measured(source())), (1, 1, 1, 1), True),
        (b.derived_measurements(measured(source(b.group()))), (1, 1, 1, 1, 1), False),
        (b.derived_measurements(measured(b.group(), relationship="HAS PROPERTIES")), (1, 1, 1, 1), False),
        (b.derived_measurements(measured(b.group(), concept=None)), (1, 1, 1, 1), False),
        (b.derived_measurements(b.group(measured(b.group()))), (1, 1, 1, 1, 1), True),
        (b.derived_measurements(b.group(b.group(measured(b.group())))), (1, 1, 1, 1, 1, 1), False),
        (b.evaluations(measured(relationship="HAS PROPERTIES")), (1, 1, 1), True),
    ],
)
def test_what_becomes_an_observation(content, position, expected):
    target = said_of_target(content, position=position)
    assert (target.get("role") in MEASURED) is expected


def test_a_group_that_becomes_no_resource_is_not_named():
    target = said_of_target(b.container(FINDINGS, b.group(measured())), position=(1, 1, 1, 1))
    assert not {"groupId", "firstOfGroup"} & set(target)


def test_the_second_reference_to_one_target_is_a_repetition():
    twice = measured(b.by_reference(INFERRED, 1, 1, 1, 1), b.by_reference(INFERRED, 1, 1, 1, 1))
    document = rendered(
        b.imaging_measurements(b.group(measured(), twice, b.text(b.FINDING, "none")))
    ).document
    first, second = item(document, "1.1.1.2")["num"]
    assert "repeated" not in first["targetItem"]
    assert second["targetItem"]["repeated"] is True


def test_several_algorithms_or_device_observers_at_one_level_are_reported():
    name = b.Code("111001", "DCM", "Algorithm Name")
    observer = b.Code("121005", "DCM", "Observer Type")
    device = (
        b.code(observer, b.Code("121007", "DCM", "Device"), relationship="HAS OBS CONTEXT"),
        b.text(b.Code("121013", "DCM", "Device Observer Name"), "A", relationship="HAS OBS CONTEXT"),
    )
    other = (
        device[0],
        b.text(b.Code("121013", "DCM", "Device Observer Name"), "B", relationship="HAS OBS CONTEXT"),
    )
    rendering = rendered(
        *device, *other, b.imaging_measurements(b.group(b.text(name, "X"), b.text(name, "Y"), measured()))
    )
    assert sorted(codes(rendering)) == [("multiplicity", "1.3"), ("multiplicity", "1.5.1.2")]
    same = rendered(
        *device, *device, b.imaging_measurements(b.group(b.text(name, "X"), b.text(name, "X"), measured()))
    )
    assert codes(same) == []


def test_a_measurement_that_the_context_uses_too_has_its_context():
    """It becomes an Observation all the same, which needs a device and a time."""
    name = measured(concept=b.Code("111001", "DCM", "Algorithm Name"))
    document = rendered(b.imaging_measurements(b.group(name, measured()))).document
    assert item(document, "1.1.1.1")["context"]["issued"] == item(document, "1.1.1.2")["context"]["issued"]
