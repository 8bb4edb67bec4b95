"""Rows of section 3.10: derived measurements, NUM in Derived Imaging Measurements."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests import builders as b
from tests.rows.concepts import (
    DERIVATION,
    DIAMETER,
    FINDING_CATEGORY,
    LUNG_SCREENING,
    MEAN,
    METHOD,
    MILLIMETRES,
    NORMALITY,
    OBVIOUS,
    ONE,
    RATIO,
    RECIST,
    UPPER_LIMIT,
)
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    PROFILES,
    SCT,
    Json,
    absent,
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
from tests.rows.shapes import INFERRED

DERIVED = "derived-imaging-measurement"
CATEGORY = [concept(DCM, "126011", "Derived Imaging Measurements")]
GROUP = "imaging-measurement-group"


def volume(**attributes: Any) -> Dataset:
    return b.num(b.VOLUME, "1", b.CUBIC_MM, **attributes)


def mean(*children: Dataset, **attributes: Any) -> Dataset:
    """Build the derived measurement that is looked at: 1.2.1."""
    return b.num(MEAN, "2", b.CUBIC_MM, *children, **attributes)


def report(*derived: Dataset, grouped: tuple[Dataset, ...] = ()) -> Dataset:
    """Build a report with a group (1.1.1) and derived measurements (1.2.1 …)."""
    return b.measurement_report(b.imaging_measurements(b.group(*grouped)), b.derived_measurements(*derived))


def reference(resource: Json) -> Json:
    return {"reference": urn(resource), "type": "Observation"}


@pytest.mark.row("3.10.01", "3.10.02")
def test_content(transform: Transform) -> None:
    properties = (
        b.code(DERIVATION, RECIST, relationship="HAS CONCEPT MOD"),
        b.code(METHOD, RECIST, relationship="HAS CONCEPT MOD"),
        b.code(NORMALITY, OBVIOUS, relationship="HAS PROPERTIES"),
        b.num(UPPER_LIMIT, "3", b.CUBIC_MM, relationship="HAS PROPERTIES"),
        b.num(RATIO, "4", ONE, relationship="HAS PROPERTIES"),
    )
    found = one(
        transform(report(mean(*properties, b.by_reference(INFERRED, 1, 1, 1)))), "Observation", DERIVED
    )
    quantity = {"value": 2, "unit": "cubic millimeter", "system": "http://unitsofmeasure.org", "code": "mm3"}
    recist = concept(DCM, "126081", "RECIST 1.1")
    assert found["meta"]["profile"] == [f"{PROFILES}{DERIVED}", f"{PROFILES}{DERIVED}-corrected"]
    assert found["code"] == {**concept(SCT, "373098007", "Mean"), "text": "Mean, RECIST 1.1"}
    assert found["valueQuantity"] == quantity
    assert found["category"] == CATEGORY
    assert found["method"] == recist
    assert found["interpretation"] == [{"coding": [coded(OBVIOUS)]}]
    assert found["referenceRange"][0]["high"] == {**quantity, "value": 3}
    codes = [each["code"]["coding"][0]["code"] for each in found["component"]]
    assert codes == ["121401", "99K2"]


@pytest.mark.row("3.10.01")
def test_no_value(transform: Transform) -> None:
    """Decision D24."""
    bare = b.num(MEAN, None, None, b.by_reference(INFERRED, 1, 1, 1))
    found = one(transform(report(bare)), "Observation", DERIVED)
    assert found["valueQuantity"] == {"extension": absent("unknown")}


@pytest.mark.row("3.10.03")
def test_a_group_by_value(transform: Transform) -> None:
    source = b.group(b.code(FINDING_CATEGORY, LUNG_SCREENING), volume(), relationship=INFERRED)
    result = transform(b.measurement_report(b.derived_measurements(mean(source))))
    made = one(result, "Observation", GROUP)
    assert one(result, "Observation", DERIVED)["derivedFrom"] == [reference(made)]
    assert made["code"] == concept(SCT, "241053004", "Screening for lung cancer")
    assert made["hasMember"] == [reference(observation(result, b.VOLUME.value))]


@pytest.mark.row("3.10.04")
def test_a_group_around_derived_measurements(transform: Transform) -> None:
    around = b.group(b.code(FINDING_CATEGORY, LUNG_SCREENING), mean(b.by_reference(INFERRED, 1, 1, 1)))
    result = transform(report(around))
    source, enclosing = resources(result, "Observation", GROUP)
    found = one(result, "Observation", DERIVED)
    assert enclosing["hasMember"] == [reference(found)]
    assert enclosing["code"] == concept(SCT, "241053004", "Screening for lung cancer")
    assert found["derivedFrom"] == [reference(source)]
    assert found["category"] == CATEGORY


@pytest.mark.row("3.10.05")
def test_a_group_by_reference(transform: Transform) -> None:
    result = transform(report(mean(b.by_reference("R-INFERRED FROM", 1, 1, 1))))
    source = one(result, "Observation", GROUP)
    assert one(result, "Observation", DERIVED)["derivedFrom"] == [reference(source)]


@pytest.mark.row("3.10.06")
def test_measurements_by_reference(transform: Transform) -> None:
    """Their group once, each of them by identifier only: its Observation UID, else its fullUrl (decision D4)."""
    sources = (volume(ObservationUID="1.2.77"), b.num(DIAMETER, "3", MILLIMETRES))
    references = (b.by_reference(INFERRED, 1, 1, 1, 1), b.by_reference(INFERRED, 1, 1, 1, 2))
    result = transform(report(mean(*references), grouped=sources))
    found = one(result, "Observation", DERIVED)["derivedFrom"]
    assert [each for each in found if "reference" in each] == [reference(one(result, "Observation", GROUP))]
    uid, url = (each for each in found if "reference" not in each)
    assert {each["type"] for each in (uid, url)} == {"Observation"}
    assert uid["identifier"].items() >= oid("1.2.77").items()
    diameter = urn(observation(result, DIAMETER.value))
    assert url["identifier"] == {"system": "urn:ietf:rfc:3986", "value": diameter}


@pytest.mark.row("3.10.06", "3.11.01")
def test_the_group_of_a_measurement_is_named_whatever_else_refers_into_it(transform: Transform) -> None:
    """A region, or a parameter of one, of the group is no reason to leave the group out."""
    parameter = b.num(RATIO, "4", ONE, relationship=INFERRED)
    sources = (b.scoord("POINT", [1, 2], b.image("1.2.3")), b.num(b.VOLUME, "1", b.CUBIC_MM, parameter))
    positions = ((1, 1, 1, 1), (1, 1, 1, 2, 1), (1, 1, 1, 2))
    references = (b.by_reference(INFERRED, *position) for position in positions)
    result = transform(report(mean(*references), grouped=sources))
    found = one(result, "Observation", DERIVED)["derivedFrom"]
    assert [each for each in found if "reference" in each] == [reference(one(result, "Observation", GROUP))]
    assert len(found) == 2


@pytest.mark.row("3.10.03", "3.10.06", "3.11.04")
def test_a_group_by_value_is_named_once(transform: Transform) -> None:
    """Not again for a reference to it, nor for one to a measurement in it."""
    positions = ((1, 1, 1, 1), (1, 1, 1, 1, 1))
    references = (b.by_reference(INFERRED, *position) for position in positions)
    below = b.group(volume(), relationship="CONTAINS")
    result = transform(b.measurement_report(b.derived_measurements(mean(below, *references))))
    found = one(result, "Observation", DERIVED)["derivedFrom"]
    assert [each for each in found if "reference" in each] == [reference(one(result, "Observation", GROUP))]
    assert len(found) == 2
    assert not [place for place in unmapped(result) if place.startswith("1.1")]


@pytest.mark.row("3.10.04", "3.10.06")
def test_a_group_is_no_source_of_its_member(transform: Transform) -> None:
    """A measurement derived from one beside it, in a group around both."""
    inferred = mean(b.by_reference(INFERRED, 1, 1, 1, 1))
    result = transform(b.measurement_report(b.derived_measurements(b.group(volume(), inferred))))
    around = one(result, "Observation", GROUP)
    found = observation(result, MEAN.value)
    assert reference(found) in around["hasMember"]
    assert reference(around) not in found["derivedFrom"]
    assert reference(observation(result, b.VOLUME.value)) in found["derivedFrom"]
    assert claims(found, "imaging-measurement")


def loose(*derived: Dataset) -> Dataset:
    """Build a report with a group (1.1.1), a measurement without (1.1.2) and derived ones (1.2.1 …)."""
    return b.measurement_report(b.imaging_measurements(b.group(), volume()), b.derived_measurements(*derived))


@pytest.mark.row("3.10.06")
def test_a_measurement_without_a_group_by_reference(transform: Transform) -> None:
    """Beside a group by identifier only (D4); alone, where the profile is not claimed, literally (3.8.10)."""
    result = transform(loose(mean(b.by_reference(INFERRED, 1, 1, 2), b.by_reference(INFERRED, 1, 1, 1))))
    measured = observation(result, b.VOLUME.value)
    identifier = {"system": "urn:ietf:rfc:3986", "value": urn(measured)}
    found = one(result, "Observation", DERIVED)["derivedFrom"]
    assert found == [
        reference(one(result, "Observation", GROUP)),
        {"type": "Observation", "identifier": identifier},
    ]
    result = transform(loose(mean(b.by_reference(INFERRED, 1, 1, 2))))
    found = observation(result, MEAN.value)
    assert claims(found, "imaging-measurement")
    assert reference(observation(result, b.VOLUME.value)) in found["derivedFrom"]


@pytest.mark.row("3.10.06")
def test_a_derived_measurement_by_reference(transform: Transform) -> None:
    ratio = b.num(RATIO, "4", ONE, b.by_reference(INFERRED, 1, 1, 1))
    result = transform(report(ratio, mean(b.by_reference(INFERRED, 1, 2, 1))))
    found = observation(result, MEAN.value)
    assert claims(found, "imaging-measurement")
    assert reference(observation(result, RATIO.value)) in found["derivedFrom"]


@pytest.mark.row("3.10.01", "3.8.11")
def test_a_number_by_value(transform: Transform) -> None:
    """As 3.8.11: a parameter; with an Observation UID a measurement, by identifier only beside a group (D4)."""
    parameter = b.num(RATIO, "4", ONE, relationship=INFERRED)
    identified = b.num(DIAMETER, "3", MILLIMETRES, relationship=INFERRED, ObservationUID="1.2.77")
    result = transform(report(mean(parameter, identified, b.by_reference(INFERRED, 1, 1, 1))))
    found = one(result, "Observation", DERIVED)
    assert [each["code"]["coding"][0]["code"] for each in found["component"]] == ["99K2"]
    literal, other = found["derivedFrom"]
    assert literal == reference(one(result, "Observation", GROUP))
    assert other["identifier"].items() >= oid("1.2.77").items()
    own = observation(result, DIAMETER.value)
    assert claims(own, "imaging-measurement")
    assert own["identifier"][0].items() >= oid("1.2.77").items()
    result = transform(b.measurement_report(b.derived_measurements(mean(parameter, identified))))
    found = observation(result, MEAN.value)
    assert reference(observation(result, DIAMETER.value)) in found["derivedFrom"]


@pytest.mark.row("3.10.07")
def test_no_source_item(transform: Transform) -> None:
    """Decision D4: it would be in two slices."""
    result = transform(report(mean(b.by_reference(INFERRED, 1, 1, 1), ObservationUID="1.2.77")))
    subsets = [each["instance"][0]["subset"] for each in resources(result, "ImagingSelection")]
    assert subsets == [["1\\1\\1"]]
    assert len(one(result, "Observation", DERIVED)["derivedFrom"]) == 1


@pytest.mark.row("3.10.07", "3.10.08")
def test_own_images(transform: Transform) -> None:
    """Decision D4: no place in the profile, so reported; where it cannot be claimed, as in 3.8.09."""
    own, same = (b.image("1.2.3", relationship=INFERRED) for _ in range(2))
    result = transform(report(mean(b.by_reference(INFERRED, 1, 1, 1), own)))
    assert unmapped(result)["1.2.1.2"] == "no-target"
    assert len(one(result, "Observation", DERIVED)["derivedFrom"]) == 1
    result = transform(report(mean(same)))
    found = [target(result, each) for each in observation(result, MEAN.value)["derivedFrom"]]
    assert "1.2.3" in [each["instance"][0]["uid"] for each in found]
    assert "1.2.1.1" not in unmapped(result)


@pytest.mark.row("3.10.07", "3.10.08")
def test_no_source_group(transform: Transform) -> None:
    """Section 5.2: an imaging measurement, of the category of derived ones, with its source item."""
    result = transform(b.measurement_report(b.derived_measurements(mean())))
    found = one(result, "Observation")
    assert claims(found, "imaging-measurement")
    assert not claims(found, DERIVED)
    assert found["category"] == CATEGORY
    (source,) = (target(result, each) for each in found["derivedFrom"])
    assert source["instance"][0]["subset"] == ["1\\1\\1"]


@pytest.mark.row("3.10.09")
def test_algorithm_uid_and_time(transform: Transform) -> None:
    algorithm = b.text(b.ALGORITHM_NAME, "pylidc", relationship="HAS CONCEPT MOD")
    attributes = {"ObservationUID": "1.2.77", "ObservationDateTime": "20240104093000+0200"}
    stated = mean(algorithm, b.by_reference(INFERRED, 1, 1, 1), **attributes)
    plain = b.num(RATIO, "4", ONE, b.by_reference(INFERRED, 1, 1, 1))
    result = transform(report(stated, plain))
    found, other = resources(result, "Observation", DERIVED)
    devices = [target(result, each["device"]) for each in (found, other)]
    profiles = ("algorithm-identification", "dicom-general-equipment")
    assert all(claims(each, profile) for each, profile in zip(devices, profiles, strict=True))
    assert found["identifier"][0].items() >= oid("1.2.77").items()
    assert [each["issued"] for each in (found, other)] == [
        "2024-01-04T09:30:00+02:00",
        "2024-01-03T12:00:00+01:00",
    ]
    assert "identifier" not in other


@pytest.mark.row("3.10.09")
def test_a_device_observer_is_the_device(transform: Transform) -> None:
    """Decision D49: as of all others, though the profile names algorithm and equipment only."""
    observer = (
        b.code(b.OBSERVER_TYPE, b.DEVICE, relationship="HAS OBS CONTEXT"),
        b.uidref(b.DEVICE_OBSERVER_UID, "1.2.99", relationship="HAS OBS CONTEXT"),
    )
    measurements, derived = (
        b.imaging_measurements(b.group()),
        b.derived_measurements(mean(b.by_reference(INFERRED, 1, 3, 1))),
    )
    result = transform(b.measurement_report(*observer, measurements, derived))
    assert claims(target(result, one(result, "Observation", GROUP)["device"]), "dicom-participant-device")
    assert claims(target(result, one(result, "Observation", DERIVED)["device"]), "dicom-participant-device")


@pytest.mark.row("3.10.03", "3.11.01")
@pytest.mark.parametrize("position", [(1, 1, 1), (1, 1, 1, 1)])
def test_what_describes_by_reference_is_no_source(transform: Transform, position: tuple[int, ...]) -> None:
    """Only what a measurement is inferred from; a reference before it for another purpose changes nothing."""
    described = b.by_reference("HAS PROPERTIES", *position)
    result = transform(report(mean(described), grouped=(volume(),)))
    kinds = {each["type"] for each in observation(result, MEAN.value)["derivedFrom"]}
    assert "Observation" not in kinds
    assert not resources(result, "Observation", DERIVED)
    result = transform(report(mean(described, b.by_reference(INFERRED, 1, 1, 1, 1)), grouped=(volume(),)))
    sources = one(result, "Observation", DERIVED)["derivedFrom"]
    assert sources[0] == reference(one(result, "Observation", GROUP))
    assert [each["type"] for each in sources] == ["Observation"] * 2
