"""Rows of section 3.4: algorithms, and which device made an observation."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result

from tests.builders import (
    ALGORITHM_NAME,
    ALGORITHM_VERSION,
    CUBIC_MM,
    VOLUME,
    Code,
    by_reference,
    code,
    derived_measurements,
    evaluations,
    group,
    imaging_measurements,
    measurement_report,
    num,
    sequence_item,
    text,
    uidref,
)
from tests.builders.codes import ALGORITHM_FAMILY, ALGORITHM_PARAMETERS, DEVICE, DEVICE_OBSERVER_UID
from tests.builders.templates import observer
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    category,
    concept,
    findings,
    observation,
    one,
    resources,
    target,
    unmapped,
    urn,
)

MODIFIER = "HAS CONCEPT MOD"
MANUFACTURER = Code("122405", "DCM", "Algorithm Manufacturer")
FAMILY = Code("123109", "DCM", "Artificial Intelligence")
LENGTH = Code("410668003", "SCT", "Length")
MEAN = Code("373098007", "SCT", "Mean")
CONCLUSION = Code("121077", "DCM", "Conclusion")


def said(concept_name: Code, written: str, relationship: str = MODIFIER) -> Dataset:
    return text(concept_name, written, relationship=relationship)


def algorithm(
    name: str, version: str | None = "1.0", *further: Dataset, relationship: str = MODIFIER
) -> list[Dataset]:
    """Return the items of TID 4019."""
    items = [said(ALGORITHM_NAME, name, relationship)]
    items += [said(ALGORITHM_VERSION, version, relationship)] if version else []
    return [*items, *further]


def report(*children: Dataset, **header: Any) -> Dataset:
    """Return a report of one group with one measurement, which holds these items."""
    return measurement_report(imaging_measurements(group(num(VOLUME, "1", CUBIC_MM, *children))), **header)


def algorithms(result: Result) -> list[dict[str, Any]]:
    return resources(result, "Device", "algorithm-identification")


def device_of(result: Result, concept_code: str) -> str:
    """Return the displayName of the device of an Observation."""
    name: str = target(result, observation(result, concept_code)["device"])["displayName"]
    return name


@pytest.mark.row("3.4.01", "3.4.02", "3.4.06")
def test_name_version_and_parent(transform: Transform) -> None:
    result = transform(report(*algorithm("pylidc", "0.2.0")))
    (device,) = algorithms(result)
    assert device["displayName"] == "pylidc"
    assert device["version"] == [{"value": "0.2.0"}]
    equipment = one(result, "Device", "dicom-general-equipment")
    assert device["parent"] == {"reference": urn(equipment), "type": "Device"}
    assert observation(result, VOLUME.value)["device"] == {"reference": urn(device), "type": "Device"}
    assert not {"type", "property", "manufacturer"} & set(device)


@pytest.mark.row("3.4.01")
def test_no_algorithm(transform: Transform) -> None:
    result = transform(report())
    assert not algorithms(result)
    assert device_of(result, VOLUME.value) == "Model"


@pytest.mark.row("3.4.02")
def test_no_version(transform: Transform) -> None:
    (device,) = algorithms(transform(report(*algorithm("pylidc", None))))
    assert "version" not in device


@pytest.mark.row("3.4.03")
def test_parameters(transform: Transform) -> None:
    parameters = [said(ALGORITHM_PARAMETERS, written) for written in ("--threshold 3", "--fill")]
    (device,) = algorithms(transform(report(*algorithm("pylidc", "1.0", *parameters))))
    kind = concept(DCM, "111002", "Algorithm Parameters")
    assert device["property"] == [
        {"type": kind, "valueString": "--threshold 3"},
        {"type": kind, "valueString": "--fill"},
    ]


@pytest.mark.row("3.4.04", "3.4.05")
def test_family_and_manufacturer(transform: Transform) -> None:
    further = (code(ALGORITHM_FAMILY, FAMILY, relationship=MODIFIER), said(MANUFACTURER, "Maker 4"))
    result = transform(report(*algorithm("CAD", "1.0", *further)))
    (device,) = algorithms(result)
    assert device["type"] == [concept(DCM, "123109", "Artificial Intelligence")]
    assert device["manufacturer"] == "Maker 4"
    # name, version, family; the manufacturer is no target of the guide (section 8, 11)
    assert [category(result, f"1.1.1.1.{n}") for n in range(1, 5)] == ["IG", "IG", "IG", "SUPP"]


PARTICIPANT = sequence_item(ObserverType="DEV", DeviceUID="1.2.10", ManufacturerModelName="Participant")


def observing(uid: str) -> list[Dataset]:
    return [observer(DEVICE), uidref(DEVICE_OBSERVER_UID, uid, relationship="HAS OBS CONTEXT")]


@pytest.mark.row("3.4.07")
def test_the_nearest_algorithm_made_it(transform: Transform) -> None:
    """The item, its group, the container; an observer or a participant does not outrank any of them."""
    section = imaging_measurements(
        *algorithm("of section"),
        num(LENGTH, "1", CUBIC_MM),
        group(
            *algorithm("of group"),
            num(VOLUME, "1", CUBIC_MM, *algorithm("of item")),
            text(CONCLUSION, "none"),
        ),
    )
    result = transform(measurement_report(*observing("1.2.9"), section, ParticipantSequence=[PARTICIPANT]))
    assert {
        name: device_of(result, name) for name in (VOLUME.value, CONCLUSION.value, "125007", LENGTH.value)
    } == {
        VOLUME.value: "of item",
        CONCLUSION.value: "of group",
        "125007": "of group",
        LENGTH.value: "of section",
    }


@pytest.mark.row("3.4.07")
def test_an_algorithm_of_the_other_containers(transform: Transform) -> None:
    source = group(num(VOLUME, "1", CUBIC_MM))
    derived = derived_measurements(
        *algorithm("of derived"), num(MEAN, "1", CUBIC_MM, by_reference("INFERRED FROM", 1, 1, 1))
    )
    alone = evaluations(*algorithm("of evaluations"), text(CONCLUSION, "none"))
    result = transform(measurement_report(imaging_measurements(source), derived, alone))
    assert device_of(result, MEAN.value) == "of derived"
    assert device_of(result, CONCLUSION.value) == "of evaluations"
    assert device_of(result, VOLUME.value) == "Model"


@pytest.mark.row("3.4.07")
def test_then_the_device_observer_then_a_participant_then_the_equipment(transform: Transform) -> None:
    """None but the equipment for derived measurements: their profile admits no participating device."""
    content = (
        imaging_measurements(
            group(*observing("1.2.9"), num(VOLUME, "1", CUBIC_MM)), num(LENGTH, "1", CUBIC_MM)
        ),
        derived_measurements(num(MEAN, "1", CUBIC_MM, by_reference("INFERRED FROM", 1, 1, 1))),
    )
    result = transform(measurement_report(*content, ParticipantSequence=[PARTICIPANT]))
    made = target(result, observation(result, VOLUME.value)["device"])
    assert made["identifier"][0]["value"] == "urn:oid:1.2.9"
    assert device_of(result, LENGTH.value) == "Participant"
    assert device_of(result, MEAN.value) == "Model"
    neither = transform(measurement_report(*content[1:], imaging_measurements(num(LENGTH, "1", CUBIC_MM))))
    assert device_of(neither, LENGTH.value) == "Model"


@pytest.mark.row("3.4.08")
def test_several_algorithms_at_one_level(transform: Transform) -> None:
    result = transform(report(*algorithm("first"), *algorithm("second")))
    (first,) = algorithms(result)
    assert first["displayName"] == device_of(result, VOLUME.value) == "first"
    assert "1.1.1.1.3" in {line.source for line in result.report.unmapped}
    assert findings(result, "multiplicity") == [("warning", "1.1.1.1.3")]


@pytest.mark.row("3.4.08")
def test_several_device_observers_at_one_level(transform: Transform) -> None:
    result = transform(
        measurement_report(
            *observing("1.2.9"), *observing("1.2.10"), imaging_measurements(num(LENGTH, "1", CUBIC_MM))
        )
    )
    (first,) = resources(result, "Device", "dicom-participant-device")
    assert observation(result, LENGTH.value)["device"]["reference"] == urn(first)
    assert {"1.3", "1.4"} <= {line.source for line in result.report.unmapped}
    assert findings(result, "multiplicity") == [("warning", "1.3")]


@pytest.mark.row("3.4.08")
def test_equal_algorithms_are_one_device(transform: Transform) -> None:
    parameter = said(ALGORITHM_PARAMETERS, "--fill")
    items = [
        num(LENGTH, "1", CUBIC_MM, *algorithm("CAD")),
        num(VOLUME, "1", CUBIC_MM, *algorithm("CAD")),
        num(MEAN, "1", CUBIC_MM, *algorithm("CAD", "1.0", parameter)),
        text(CONCLUSION, "none", *algorithm("CAD", "2.0")),
    ]
    result = transform(measurement_report(imaging_measurements(group(*items))))
    assert len(algorithms(result)) == 3
    devices = [
        observation(result, each)["device"]["reference"] for each in (LENGTH.value, VOLUME.value, MEAN.value)
    ]
    assert devices[0] == devices[1] != devices[2]
    assert not findings(result, "multiplicity")


@pytest.mark.row("3.4.09")
def test_algorithm_items_without_a_name(transform: Transform) -> None:
    items = [
        said(ALGORITHM_VERSION, "1.0"),
        said(ALGORITHM_PARAMETERS, "--fill"),
        said(MANUFACTURER, "Maker 4"),
        code(ALGORITHM_FAMILY, FAMILY, relationship=MODIFIER),
    ]
    result = transform(report(*items))
    assert not algorithms(result)
    assert device_of(result, VOLUME.value) == "Model"
    places = [f"1.1.1.1.{n}" for n in range(1, 5)]
    assert {place: unmapped(result).get(place) for place in places} == dict.fromkeys(places, "no-target")
    assert "component" not in observation(result, VOLUME.value)


@pytest.mark.row("3.4.09")
def test_algorithm_items_in_any_relationship(transform: Transform) -> None:
    for relationship in ("HAS CONCEPT MOD", "HAS OBS CONTEXT", "CONTAINS", "HAS PROPERTIES"):
        items = algorithm("CAD", "1.0", relationship=relationship)
        result = transform(
            measurement_report(imaging_measurements(group(*items, num(VOLUME, "1", CUBIC_MM))))
        )
        assert device_of(result, VOLUME.value) == "CAD"
        assert len(resources(result, "Observation")) == 2
        assert "component" not in observation(result, "125007")
