"""Rows of section 3.4: algorithms, and which device made an observation."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result

from tests import builders as b
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
MANUFACTURER = b.Code("122405", "DCM", "Algorithm Manufacturer")
FAMILY = b.Code("123109", "DCM", "Artificial Intelligence")
LENGTH = b.Code("410668003", "SCT", "Length")
MEAN = b.Code("373098007", "SCT", "Mean")
CONCLUSION = b.Code("121077", "DCM", "Conclusion")


def said(concept_name: b.Code, written: str, relationship: str = MODIFIER) -> Dataset:
    return b.text(concept_name, written, relationship=relationship)


def algorithm(
    name: str, version: str | None = "1.0", *further: Dataset, relationship: str = MODIFIER
) -> list[Dataset]:
    """Return the items of TID 4019."""
    items = [said(b.ALGORITHM_NAME, name, relationship)]
    items += [said(b.ALGORITHM_VERSION, version, relationship)] if version else []
    return [*items, *further]


def report(*children: Dataset, **header: Any) -> Dataset:
    """Return a report of one group with one measurement, which holds these items."""
    return b.measurement_report(
        b.imaging_measurements(b.group(b.num(b.VOLUME, "1", b.CUBIC_MM, *children))), **header
    )


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
    assert device["name"] == [{"value": "pylidc", "type": "user-friendly-name"}]
    assert device["version"] == [{"value": "0.2.0"}]
    equipment = one(result, "Device", "dicom-general-equipment")
    assert device["parent"] == {"reference": urn(equipment), "type": "Device"}
    assert observation(result, b.VOLUME.value)["device"] == {"reference": urn(device), "type": "Device"}
    assert not {"type", "property", "manufacturer"} & set(device)


@pytest.mark.row("3.4.01")
def test_no_algorithm(transform: Transform) -> None:
    result = transform(report())
    assert not algorithms(result)
    assert device_of(result, b.VOLUME.value) == "Model"


@pytest.mark.row("3.4.02")
def test_no_version(transform: Transform) -> None:
    (device,) = algorithms(transform(report(*algorithm("pylidc", None))))
    assert "version" not in device


@pytest.mark.row("3.4.03")
def test_parameters(transform: Transform) -> None:
    parameters = [said(b.ALGORITHM_PARAMETERS, written) for written in ("--threshold 3", "--fill")]
    (device,) = algorithms(transform(report(*algorithm("pylidc", "1.0", *parameters))))
    kind = concept(DCM, "111002", "Algorithm Parameters")
    assert device["property"] == [
        {"type": kind, "valueString": "--threshold 3"},
        {"type": kind, "valueString": "--fill"},
    ]


@pytest.mark.row("3.4.04", "3.4.05")
def test_family_and_manufacturer(transform: Transform) -> None:
    further = (b.code(b.ALGORITHM_FAMILY, FAMILY, relationship=MODIFIER), said(MANUFACTURER, "Maker 4"))
    result = transform(report(*algorithm("CAD", "1.0", *further)))
    (device,) = algorithms(result)
    assert device["type"] == [concept(DCM, "123109", "Artificial Intelligence")]
    assert device["manufacturer"] == "Maker 4"
    # name, version, family; the manufacturer is no target of the guide (section 8, 11)
    assert [category(result, f"1.1.1.1.{n}") for n in range(1, 5)] == ["IG", "IG", "IG", "SUPP"]


PARTICIPANT = b.sequence_item(ObserverType="DEV", DeviceUID="1.2.10", ManufacturerModelName="Participant")


def observing(uid: str) -> list[Dataset]:
    return [b.observer(b.DEVICE), b.uidref(b.DEVICE_OBSERVER_UID, uid, relationship="HAS OBS CONTEXT")]


@pytest.mark.row("3.4.03")
def test_parameters_of_an_algorithm_at_the_number(transform: Transform) -> None:
    """Also a component there: features that differ in nothing else are told apart without the device."""
    parameters = [said(b.ALGORITHM_PARAMETERS, written) for written in ("wavelet-LLH", "bin width 25")]
    result = transform(report(*algorithm("radiomics", "1.0", *parameters)))
    kind = concept(DCM, "111002", "Algorithm Parameters")
    assert observation(result, b.VOLUME.value)["component"] == [
        {"code": kind, "valueString": "wavelet-LLH"},
        {"code": kind, "valueString": "bin width 25"},
    ]
    assert [category(result, f"1.1.1.1.{n}") for n in (3, 4)] == ["IG", "IG"]
    of_group = b.group(*algorithm("radiomics", "1.0", *parameters), b.num(b.VOLUME, "1", b.CUBIC_MM))
    around = transform(b.measurement_report(b.imaging_measurements(of_group)))
    assert not [each for each in resources(around, "Observation") if "component" in each]


@pytest.mark.row("3.4.06")
def test_the_device_observer_is_the_parent_of_its_algorithm(transform: Transform) -> None:
    """Decision D49: the unit that ran the algorithm stays reachable; one algorithm on two units is two devices."""
    first, second = (
        b.group(*observing(uid), b.num(name, "1", b.CUBIC_MM, *algorithm("CAD")))
        for uid, name in (("1.2.9", b.VOLUME), ("1.2.10", LENGTH))
    )
    elsewhere = b.num(MEAN, "1", b.CUBIC_MM, *algorithm("CAD"))
    result = transform(b.measurement_report(b.imaging_measurements(first, second, elsewhere)))
    made = {
        name: target(result, observation(result, name)["device"])
        for name in (b.VOLUME.value, LENGTH.value, MEAN.value)
    }
    assert len(algorithms(result)) == 3
    assert {each["displayName"] for each in made.values()} == {"CAD"}
    parents = [target(result, each["parent"]) for each in made.values()]
    assert [each["identifier"][0]["value"] for each in parents[:2]] == ["urn:oid:1.2.9", "urn:oid:1.2.10"]
    assert parents[2] == one(result, "Device", "dicom-general-equipment")
    assert all(category(result, f"1.1.{n}.2") == "IG" for n in (1, 2))


@pytest.mark.row("3.4.06")
def test_a_participating_device_is_the_parent_where_none_observes(transform: Transform) -> None:
    result = transform(report(*algorithm("CAD"), ParticipantSequence=[PARTICIPANT]))
    (device,) = algorithms(result)
    assert target(result, device["parent"]) == one(result, "Device", "dicom-participant-device")
    assert not unmapped(result).keys() & {"ParticipantSequence.1.DeviceUID"}


@pytest.mark.row("3.4.06")
def test_an_observer_that_is_the_equipment_is_the_parent(transform: Transform) -> None:
    group = b.group(*observing("1.2.9"), b.num(b.VOLUME, "1", b.CUBIC_MM, *algorithm("CAD")))
    result = transform(b.measurement_report(b.imaging_measurements(group), DeviceUID="1.2.9"))
    (device,) = algorithms(result)
    assert target(result, device["parent"]) == one(result, "Device", "dicom-general-equipment")


@pytest.mark.row("3.4.07")
def test_the_nearest_algorithm_made_it(transform: Transform) -> None:
    """The item, its group, the container; an observer or a participant does not outrank any of them."""
    section = b.imaging_measurements(
        *algorithm("of section"),
        b.num(LENGTH, "1", b.CUBIC_MM),
        b.group(
            *algorithm("of group"),
            b.num(b.VOLUME, "1", b.CUBIC_MM, *algorithm("of item")),
            b.text(CONCLUSION, "none"),
        ),
    )
    result = transform(b.measurement_report(*observing("1.2.9"), section, ParticipantSequence=[PARTICIPANT]))
    assert {
        name: device_of(result, name) for name in (b.VOLUME.value, CONCLUSION.value, "125007", LENGTH.value)
    } == {
        b.VOLUME.value: "of item",
        CONCLUSION.value: "of group",
        "125007": "of group",
        LENGTH.value: "of section",
    }


@pytest.mark.row("3.4.07")
def test_an_algorithm_of_the_other_containers(transform: Transform) -> None:
    source = b.group(b.num(b.VOLUME, "1", b.CUBIC_MM))
    derived = b.derived_measurements(
        *algorithm("of derived"), b.num(MEAN, "1", b.CUBIC_MM, b.by_reference("INFERRED FROM", 1, 1, 1))
    )
    alone = b.evaluations(*algorithm("of evaluations"), b.text(CONCLUSION, "none"))
    result = transform(b.measurement_report(b.imaging_measurements(source), derived, alone))
    assert device_of(result, MEAN.value) == "of derived"
    assert device_of(result, CONCLUSION.value) == "of evaluations"
    assert device_of(result, b.VOLUME.value) == "Model"


@pytest.mark.row("3.4.07")
def test_then_the_device_observer_then_a_participant_then_the_equipment(transform: Transform) -> None:
    """Decision D49: derived measurements too, whose profile names algorithm and equipment only."""
    content = (
        b.imaging_measurements(
            b.group(*observing("1.2.9"), b.num(b.VOLUME, "1", b.CUBIC_MM)), b.num(LENGTH, "1", b.CUBIC_MM)
        ),
        b.derived_measurements(b.num(MEAN, "1", b.CUBIC_MM, b.by_reference("INFERRED FROM", 1, 1, 1))),
    )
    result = transform(b.measurement_report(*content, ParticipantSequence=[PARTICIPANT]))
    made = target(result, observation(result, b.VOLUME.value)["device"])
    assert made["identifier"][0]["value"] == "urn:oid:1.2.9"
    assert device_of(result, LENGTH.value) == "Participant"
    assert device_of(result, MEAN.value) == "Participant"
    neither = transform(
        b.measurement_report(*content[1:], b.imaging_measurements(b.num(LENGTH, "1", b.CUBIC_MM)))
    )
    assert device_of(neither, LENGTH.value) == "Model"


@pytest.mark.row("3.4.08")
def test_several_algorithms_at_one_level(transform: Transform) -> None:
    result = transform(report(*algorithm("first"), *algorithm("second")))
    (first,) = algorithms(result)
    assert first["displayName"] == device_of(result, b.VOLUME.value) == "first"
    assert findings(result, "multiplicity") == [("warning", "1.1.1.1.3")]
    assert {place: unmapped(result).get(place) for place in ("1.1.1.1.3", "1.1.1.1.4")} == {
        "1.1.1.1.3": "multiplicity",
        "1.1.1.1.4": "multiplicity",
    }


@pytest.mark.row("3.4.08")
def test_several_device_observers_at_one_level(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            *observing("1.2.9"), *observing("1.2.10"), b.imaging_measurements(b.num(LENGTH, "1", b.CUBIC_MM))
        )
    )
    first = one(result, "Device", "dicom-participant-device")
    assert observation(result, LENGTH.value)["device"]["reference"] == urn(first)
    assert first["identifier"][0]["value"] == "urn:oid:1.2.9"
    assert findings(result, "multiplicity") == [("warning", "1.3")]
    assert {unmapped(result).get(place) for place in ("1.3", "1.4")} == {"multiplicity"}


@pytest.mark.row("3.4.08")
def test_equal_algorithms_are_one_device(transform: Transform) -> None:
    parameter = said(b.ALGORITHM_PARAMETERS, "--fill")
    items = [
        b.num(LENGTH, "1", b.CUBIC_MM, *algorithm("CAD")),
        b.num(b.VOLUME, "1", b.CUBIC_MM, *algorithm("CAD")),
        b.num(MEAN, "1", b.CUBIC_MM, *algorithm("CAD", "1.0", parameter)),
        b.text(CONCLUSION, "none", *algorithm("CAD", "2.0")),
    ]
    result = transform(b.measurement_report(b.imaging_measurements(b.group(*items))))
    assert len(algorithms(result)) == 3
    devices = [
        observation(result, each)["device"]["reference"]
        for each in (LENGTH.value, b.VOLUME.value, MEAN.value)
    ]
    assert devices[0] == devices[1] != devices[2]
    assert not findings(result, "multiplicity")


@pytest.mark.row("3.4.09")
def test_algorithm_items_without_a_name(transform: Transform) -> None:
    items = [
        said(b.ALGORITHM_VERSION, "1.0"),
        said(b.ALGORITHM_PARAMETERS, "--fill"),
        said(MANUFACTURER, "Maker 4"),
        b.code(b.ALGORITHM_FAMILY, FAMILY, relationship=MODIFIER),
    ]
    result = transform(report(*items))
    assert not algorithms(result)
    assert device_of(result, b.VOLUME.value) == "Model"
    places = [f"1.1.1.1.{n}" for n in range(1, 5)]
    assert {place: unmapped(result).get(place) for place in places} == dict.fromkeys(places, "no-target")
    assert "component" not in observation(result, b.VOLUME.value)


@pytest.mark.row("3.4.09")
def test_algorithm_items_in_any_relationship(transform: Transform) -> None:
    for relationship in ("HAS CONCEPT MOD", "HAS OBS CONTEXT", "CONTAINS", "HAS PROPERTIES"):
        items = algorithm("CAD", "1.0", relationship=relationship)
        result = transform(
            b.measurement_report(b.imaging_measurements(b.group(*items, b.num(b.VOLUME, "1", b.CUBIC_MM))))
        )
        assert device_of(result, b.VOLUME.value) == "CAD"
        assert len(resources(result, "Observation")) == 2
        assert "component" not in observation(result, "125007")
