"""Where a property failed or fails, each on the smallest input; strict, so that mending what still fails is noticed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Transformer
from tools import record

from tests import builders as b
from tests.properties.bundles import Made
from tests.properties.test_bundles import lost_uids, needless
from tests.properties.test_nothing_silent import differ
from tests.rows.generated import LANGUAGE

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Build = Callable[[Any], Dataset]

MODIFIES = {"relationship": "HAS CONCEPT MOD"}
CONTEXT = {"relationship": "HAS OBS CONTEXT"}
INFERRED = {"relationship": "INFERRED FROM"}
UID = "1.2.826.77.1"
EXCLUDED = {
    "Finding": b.FINDING,
    "Finding category": b.Code("276214006", "SCT", "Finding category"),
    "Method": b.Code("370129005", "SCT", "Measurement Method"),
    "Geometric purpose": b.Code("130400", "DCM", "Geometric purpose of region"),
}
LENGTH = b.Code("410668003", "SCT", "Length")
VALUE = b.Code("V1", "99TEST", "Value")
LIVER = b.Code("10200004", "SCT", "Liver")
PRIVATE = b.Code("P1", "99TEST", "Private")


def fails(reason: str) -> pytest.MarkDecorator:
    """Expect that a property does not hold."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)


def in_group(*children: Dataset, **attributes: Any) -> Dataset:
    return b.measurement_report(b.imaging_measurements(b.group(*children)), **attributes)


def volume(*children: Dataset, **attributes: Any) -> Dataset:
    return b.num(b.VOLUME, "12.5", b.CUBIC_MM, *children, **attributes)


def transformed(report: Dataset, engine: Engine) -> Made:
    given = record.Input("report", b.encoded(report))
    return Made(given, Transformer(engine).transform(b.encoded(report), name=given.name))


# ---- an Observation UID that is neither in the Bundle nor listed ------------------------------------------


def excluded(concept: b.Code, *children: Dataset) -> Dataset:
    """Return a report with a contained item that the map excludes from the evaluations."""
    return in_group(b.code(concept, VALUE, *children, ObservationUID=UID), volume())


@pytest.mark.parametrize("name", EXCLUDED)
def test_uid_of_a_contained_concept_that_is_no_evaluation(engine: Engine, name: str) -> None:
    assert not list(lost_uids(transformed(excluded(EXCLUDED[name]), engine)))


def test_uid_of_a_source_series(engine: Engine) -> None:
    series = b.uidref(b.SOURCE_SERIES, "1.2.840.99.4")
    series.ObservationUID = UID
    segment = b.image("1.2.3.4", concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1])
    assert not list(lost_uids(transformed(in_group(segment, series, volume()), engine)))


def test_uid_of_a_region_that_an_image_carries(engine: Engine) -> None:
    region = b.scoord3d("POINT", [1, 2, 3], ObservationUID=UID)
    carried = [region, b.image("1.2.3.4", concept=b.SOURCE_IMAGE)]
    assert not list(lost_uids(transformed(in_group(*carried, volume()), engine)))


# ---- a resource that nothing refers to --------------------------------------------------------------------


@pytest.mark.parametrize("name", EXCLUDED)
def test_person_below_a_contained_concept_that_is_no_evaluation(engine: Engine, name: str) -> None:
    observed = excluded(EXCLUDED[name], b.observer(b.PERSON), b.person_observer("Reader^Rita"))
    assert not list(needless(transformed(observed, engine)))


def test_site_with_laterality_of_a_number_by_value(engine: Engine) -> None:
    assert not list(
        needless(transformed(inferred(site(b.LUNG, b.code(b.LATERALITY, b.RIGHT, **MODIFIES))), engine))
    )


def test_site_with_laterality_in_a_private_container(engine: Engine) -> None:
    sited = site(b.LUNG, b.code(b.LATERALITY, b.RIGHT, **MODIFIES))
    report = b.measurement_report(b.imaging_measurements(b.container(PRIVATE, sited), b.group(volume())))
    assert not list(needless(transformed(report, engine)))


def test_algorithm_of_a_container_whose_content_has_its_own(engine: Engine) -> None:
    own = b.code(b.Code("E1", "99TEST", "Judged"), VALUE, b.text(b.ALGORITHM_NAME, "Own", **MODIFIES))
    report = b.measurement_report(b.evaluations(own, b.text(b.ALGORITHM_NAME, "Of all", **MODIFIES)))
    assert not list(needless(transformed(report, engine)))


def test_second_algorithm_of_a_group(engine: Engine) -> None:
    named = (b.text(b.ALGORITHM_NAME, name, **MODIFIES) for name in ("First", "Second"))
    assert not list(needless(transformed(in_group(*named, volume()), engine)))


def test_source_image_of_a_region_in_space(engine: Engine) -> None:
    report = in_group(b.scoord3d("POINT", [1, 2, 3]), b.image("1.2.3.4", concept=b.SOURCE_IMAGE))
    assert not list(needless(transformed(report, engine)))


# ---- a value that leaves no trace -------------------------------------------------------------------------


def site(value: b.Code, *children: Dataset) -> Dataset:
    return b.code(b.FINDING_SITE, value, *children, **MODIFIES)


def inferred(*children: Dataset, **attributes: Any) -> Dataset:
    """Return a report with a measurement inferred from a number that stands below it."""
    return in_group(volume(b.num(LENGTH, "3", b.MM, *children, **INFERRED, **attributes)))


def in_private_container(value: b.Code) -> Dataset:
    sited = b.code(b.FINDING_SITE, value)
    return b.measurement_report(b.imaging_measurements(b.container(PRIVATE, sited), b.group(volume())))


def unit(**attributes: Any) -> Dataset:
    """Return a report whose measurement has units with further attributes."""
    measured = volume()
    for keyword, value in attributes.items():
        setattr(measured.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0], keyword, value)
    return in_group(measured)


def equivalent(value: str) -> Dataset:
    return unit(EquivalentCodeSequence=[b.Code(value, "99TEST", "Cubic").as_item()])


def coded(concept: b.Code, value: str) -> Dataset:
    return in_group(b.code(concept, b.Code(value, "99TEST", "Meaning"), **CONTEXT), volume())


def issued(second: str) -> Dataset:
    issuers = [
        b.sequence_item(UniversalEntityID=name, UniversalEntityIDType="DNS") for name in ("a.example", second)
    ]
    return in_group(volume(), IssuerOfPatientIDQualifiersSequence=issuers)


def spoken(language: str) -> Dataset:
    """Return a report that says its language, and has no Observation."""
    said = b.code(LANGUAGE, b.Code(language, "RFC5646", "Language"), **MODIFIES)
    return b.measurement_report(said, b.imaging_measurements())


def requested(study: str) -> Dataset:
    requests = [b.sequence_item(AccessionNumber=number, StudyInstanceUID=study) for number in ("A-1", "A-2")]
    return in_group(volume(), ReferencedRequestSequence=requests)


MENDED = {
    "qualifier of a component",
    "site of a number by value",
    "site in a private container",
    "language of a report without Observations",
}
# what is said → how a report says it, two values, and where; the position is the content item's
SILENT: dict[str, tuple[Build, tuple[Any, Any], str]] = {
    "site of a number by value": (lambda value: inferred(site(value)), (b.LUNG, LIVER), "1.1.1.1.1.1"),
    "site in a private container": (in_private_container, (b.LUNG, LIVER), "1.1.1.1"),
    "version of units": (lambda value: unit(CodingSchemeVersion=value), ("1.4", "1.5"), "1.1.1.1"),
    "equivalent code of units": (equivalent, ("A", "B"), "1.1.1.1"),
    "qualifier of a component": (
        lambda value: inferred(qualifier=value),
        (b.Code("114000", "DCM", "Not a number"), b.Code("114006", "DCM", "Measurement failure")),
        "1.1.1.1.1",
    ),
    "code of an algorithm name": (lambda value: coded(b.ALGORITHM_NAME, value), ("A", "B"), "1.1.1.1"),
    "code of a tracking identifier": (
        lambda value: coded(b.TRACKING_IDENTIFIER, value),
        ("A", "B"),
        "1.1.1.1",
    ),
    "language of a report without Observations": (spoken, ("en", "fr"), "1.1"),
    "second issuer of a Patient ID": (
        issued,
        ("b.example", "c.example"),
        "IssuerOfPatientIDQualifiersSequence",
    ),
    "study of a further request": (requested, ("1.2.3.1", "1.2.3.2"), "ReferencedRequestSequence"),
}


OPEN = fails("the value is in no element, and the report lists it neither as unmapped nor as lost")


@pytest.mark.parametrize(
    "name", [name if name in MENDED else pytest.param(name, marks=OPEN) for name in SILENT]
)
def test_a_value_that_leaves_no_trace(engine: Engine, name: str) -> None:
    build, values, position = SILENT[name]
    first, second = (transformed(build(value), engine) for value in values)
    listed = any(re.match(rf"{re.escape(position)}(?![.\w])", source) for source in first.listed)
    assert listed or differ(first.result, second.result)


def test_a_value_that_leaves_a_trace_is_seen(engine: Engine) -> None:
    """What the tests above would miss without it: a comparison that finds no trace of anything."""
    first, second = (transformed(in_group(site(value), volume()), engine) for value in (b.LUNG, LIVER))
    assert differ(first.result, second.result)
    kept = transformed(in_group(volume(ObservationUID=UID)), engine)
    assert not list(lost_uids(kept))
    assert not list(needless(kept))
