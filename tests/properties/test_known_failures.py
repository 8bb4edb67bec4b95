"""Where a property failed or fails, each on the smallest input; strict, so that mending what still fails is noticed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Transformer
from tools import record

from tests.builders import (
    ALGORITHM_NAME,
    CUBIC_MM,
    FINDING,
    FINDING_SITE,
    LATERALITY,
    LUNG,
    MM,
    REFERENCED_SEGMENT,
    RIGHT,
    SOURCE_IMAGE,
    SOURCE_SERIES,
    TRACKING_IDENTIFIER,
    VOLUME,
    Code,
    code,
    container,
    encoded,
    evaluations,
    group,
    image,
    imaging_measurements,
    measurement_report,
    num,
    person_observer,
    scoord3d,
    sequence_item,
    text,
    uidref,
)
from tests.builders.codes import PERSON
from tests.builders.items import SEGMENTATION
from tests.builders.templates import observer
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
    "Finding": FINDING,
    "Finding category": Code("276214006", "SCT", "Finding category"),
    "Method": Code("370129005", "SCT", "Measurement Method"),
    "Geometric purpose": Code("130400", "DCM", "Geometric purpose of region"),
}
LENGTH = Code("410668003", "SCT", "Length")
VALUE = Code("V1", "99TEST", "Value")
LIVER = Code("10200004", "SCT", "Liver")
PRIVATE = Code("P1", "99TEST", "Private")


def fails(reason: str) -> pytest.MarkDecorator:
    """Expect that a property does not hold."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)


def in_group(*children: Dataset, **attributes: Any) -> Dataset:
    return measurement_report(imaging_measurements(group(*children)), **attributes)


def volume(*children: Dataset, **attributes: Any) -> Dataset:
    return num(VOLUME, "12.5", CUBIC_MM, *children, **attributes)


def transformed(report: Dataset, engine: Engine) -> Made:
    given = record.Input("report", encoded(report))
    return Made(given, Transformer(engine).transform(encoded(report), name=given.name))


# ---- an Observation UID that is neither in the Bundle nor listed ------------------------------------------


def excluded(concept: Code, *children: Dataset) -> Dataset:
    """Return a report with a contained item that the map excludes from the evaluations."""
    return in_group(code(concept, VALUE, *children, ObservationUID=UID), volume())


@pytest.mark.parametrize("name", EXCLUDED)
def test_uid_of_a_contained_concept_that_is_no_evaluation(engine: Engine, name: str) -> None:
    assert not list(lost_uids(transformed(excluded(EXCLUDED[name]), engine)))


def test_uid_of_a_source_series(engine: Engine) -> None:
    series = uidref(SOURCE_SERIES, "1.2.840.99.4")
    series.ObservationUID = UID
    segment = image("1.2.3.4", concept=REFERENCED_SEGMENT, sop_class=SEGMENTATION, segments=[1])
    assert not list(lost_uids(transformed(in_group(segment, series, volume()), engine)))


def test_uid_of_a_region_that_an_image_carries(engine: Engine) -> None:
    region = scoord3d("POINT", [1, 2, 3], ObservationUID=UID)
    carried = [region, image("1.2.3.4", concept=SOURCE_IMAGE)]
    assert not list(lost_uids(transformed(in_group(*carried, volume()), engine)))


# ---- a resource that nothing refers to --------------------------------------------------------------------


@pytest.mark.parametrize("name", EXCLUDED)
def test_person_below_a_contained_concept_that_is_no_evaluation(engine: Engine, name: str) -> None:
    observed = excluded(EXCLUDED[name], observer(PERSON), person_observer("Reader^Rita"))
    assert not list(needless(transformed(observed, engine)))


def test_site_with_laterality_of_a_number_by_value(engine: Engine) -> None:
    assert not list(needless(transformed(inferred(site(LUNG, code(LATERALITY, RIGHT, **MODIFIES))), engine)))


def test_site_with_laterality_in_a_private_container(engine: Engine) -> None:
    sited = site(LUNG, code(LATERALITY, RIGHT, **MODIFIES))
    report = measurement_report(imaging_measurements(container(PRIVATE, sited), group(volume())))
    assert not list(needless(transformed(report, engine)))


@fails("every algorithm becomes a Device (row 3.4.08): here what is measured names another")
def test_algorithm_of_a_container_whose_content_has_its_own(engine: Engine) -> None:
    own = code(Code("E1", "99TEST", "Judged"), VALUE, text(ALGORITHM_NAME, "Own", **MODIFIES))
    report = measurement_report(evaluations(own, text(ALGORITHM_NAME, "Of all", **MODIFIES)))
    assert not list(needless(transformed(report, engine)))


@fails("every algorithm becomes a Device (row 3.4.08): an Observation names one")
def test_second_algorithm_of_a_group(engine: Engine) -> None:
    named = (text(ALGORITHM_NAME, name, **MODIFIES) for name in ("First", "Second"))
    assert not list(needless(transformed(in_group(*named, volume()), engine)))


@fails("a source image becomes a selection though no segment or surface has it as source")
def test_source_image_of_a_region_in_space(engine: Engine) -> None:
    report = in_group(scoord3d("POINT", [1, 2, 3]), image("1.2.3.4", concept=SOURCE_IMAGE))
    assert not list(needless(transformed(report, engine)))


# ---- a value that leaves no trace -------------------------------------------------------------------------


def site(value: Code, *children: Dataset) -> Dataset:
    return code(FINDING_SITE, value, *children, **MODIFIES)


def inferred(*children: Dataset, **attributes: Any) -> Dataset:
    """Return a report with a measurement inferred from a number that stands below it."""
    return in_group(volume(num(LENGTH, "3", MM, *children, **INFERRED, **attributes)))


def in_private_container(value: Code) -> Dataset:
    sited = code(FINDING_SITE, value)
    return measurement_report(imaging_measurements(container(PRIVATE, sited), group(volume())))


def unit(**attributes: Any) -> Dataset:
    """Return a report whose measurement has units with further attributes."""
    measured = volume()
    for keyword, value in attributes.items():
        setattr(measured.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0], keyword, value)
    return in_group(measured)


def equivalent(value: str) -> Dataset:
    return unit(EquivalentCodeSequence=[Code(value, "99TEST", "Cubic").as_item()])


def coded(concept: Code, value: str) -> Dataset:
    return in_group(code(concept, Code(value, "99TEST", "Meaning"), **CONTEXT), volume())


def issued(second: str) -> Dataset:
    issuers = [
        sequence_item(UniversalEntityID=name, UniversalEntityIDType="DNS") for name in ("a.example", second)
    ]
    return in_group(volume(), IssuerOfPatientIDQualifiersSequence=issuers)


def spoken(language: str) -> Dataset:
    """Return a report that says its language, and has no Observation."""
    said = code(LANGUAGE, Code(language, "RFC5646", "Language"), **MODIFIES)
    return measurement_report(said, imaging_measurements())


def requested(study: str) -> Dataset:
    requests = [sequence_item(AccessionNumber=number, StudyInstanceUID=study) for number in ("A-1", "A-2")]
    return in_group(volume(), ReferencedRequestSequence=requests)


MENDED = {
    "site of a number by value",
    "site in a private container",
    "language of a report without Observations",
}
# what is said → how a report says it, two values, and where; the position is the content item's
SILENT: dict[str, tuple[Build, tuple[Any, Any], str]] = {
    "site of a number by value": (lambda value: inferred(site(value)), (LUNG, LIVER), "1.1.1.1.1.1"),
    "site in a private container": (in_private_container, (LUNG, LIVER), "1.1.1.1"),
    "version of units": (lambda value: unit(CodingSchemeVersion=value), ("1.4", "1.5"), "1.1.1.1"),
    "equivalent code of units": (equivalent, ("A", "B"), "1.1.1.1"),
    "qualifier of a component": (
        lambda value: inferred(qualifier=value),
        (Code("114000", "DCM", "Not a number"), Code("114006", "DCM", "Measurement failure")),
        "1.1.1.1.1",
    ),
    "code of an algorithm name": (lambda value: coded(ALGORITHM_NAME, value), ("A", "B"), "1.1.1.1"),
    "code of a tracking identifier": (lambda value: coded(TRACKING_IDENTIFIER, value), ("A", "B"), "1.1.1.1"),
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
    first, second = (transformed(in_group(site(value), volume()), engine) for value in (LUNG, LIVER))
    assert differ(first.result, second.result)
    kept = transformed(in_group(volume(ObservationUID=UID)), engine)
    assert not list(lost_uids(kept))
    assert not list(needless(kept))
