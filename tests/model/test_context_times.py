"""When it was observed and when it held (decisions D14, D15)."""

from __future__ import annotations

from sr2fhir.documents.measurement_report import render

from tests.builders import (
    Code,
    Instance,
    by_reference,
    composite,
    container,
    date,
    group,
    image,
    image_library,
    imaging_measurements,
    measurement_report,
    num,
    scoord,
    time,
    uidref,
)
from tests.builders.codes import (
    ACQUISITION_DATE,
    ACQUISITION_TIME,
    CUBIC_MM,
    DERIVED_MEASUREMENTS,
    IMAGE_LIBRARY,
    IMAGE_LIBRARY_GROUP,
    QUALITATIVE_EVALUATIONS,
    REFERENCED_SEGMENT,
    SOURCE_IMAGE,
    SOURCE_SERIES,
    VOLUME,
)
from tests.builders.items import SEGMENTATION
from tests.builders.report import IMAGE_SERIES
from tests.model.documents import codes, item, rendered

STUDY_TIME = "2024-01-02T10:15:00+01:00"
ACQUIRED = "2024-01-02T10:20:30+01:00"
ACQ = "HAS ACQ CONTEXT"


def measured(*children, **attributes):
    return num(VOLUME, "1", CUBIC_MM, *children, **attributes)


def acquired(day="20240102", hour="102030"):
    return [date(ACQUISITION_DATE, day, relationship=ACQ), time(ACQUISITION_TIME, hour, relationship=ACQ)]


def region(uid):
    return scoord("POINT", [1, 2], image(uid))


def effective(document, position):
    return item(document, position)["context"].get("effective")


def test_observation_time_is_inherited_and_overridden():
    document = rendered(
        imaging_measurements(
            group(
                measured(),
                measured(ObservationDateTime="20240103130000"),
                ObservationDateTime="20240103123000",
            ),
            group(measured()),
        )
    ).document
    issued = {
        place: item(document, place)["context"]["issued"] for place in ("1.1.1.1", "1.1.1.2", "1.1.2.1")
    }
    assert issued == {
        "1.1.1.1": "2024-01-03T12:30:00+01:00",
        "1.1.1.2": "2024-01-03T13:00:00+01:00",
        "1.1.2.1": "2024-01-03T12:00:00+01:00",
    }


def test_a_time_without_an_hour_is_no_instant():
    document = rendered(imaging_measurements(group(measured(), ObservationDateTime="202401"))).document
    assert item(document, "1.1.1")["observationDateTime"] == "2024-01"
    assert item(document, "1.1.1")["context"]["issued"] == "2024-01-03T12:00:00+01:00"


def test_without_a_content_time_the_creation_of_the_instance_and_else_nothing():
    document = rendered(
        imaging_measurements(group()),
        ContentTime=None,
        InstanceCreationDate="20240104",
        InstanceCreationTime="09",
    ).document
    assert item(document, "1.1.1")["context"]["issued"] == "2024-01-04T09:00:00+01:00"
    document = rendered(imaging_measurements(group()), ContentTime=None).document
    assert "issued" not in item(document, "1.1.1")["context"]


def test_the_study_holds_where_no_acquisition_is_known():
    document = rendered(imaging_measurements(group(region("1.2.1"), measured()))).document
    assert effective(document, "1.1.1") == effective(document, "1.1.1.2") == STUDY_TIME


def test_no_study_date_no_effective_time():
    assert (
        effective(rendered(imaging_measurements(group(measured())), StudyDate=None).document, "1.1.1") is None
    )


def test_the_acquisition_of_all_images_holds():
    library = image_library(image("1.2.1", *acquired()), image("1.2.2", *acquired()))
    document = rendered(
        library, imaging_measurements(group(region("1.2.1"), region("1.2.2"), measured()))
    ).document
    assert effective(document, "1.2.1") == effective(document, "1.2.1.3") == ACQUIRED


def test_the_acquisition_may_stand_at_the_library_group():
    library = container(IMAGE_LIBRARY, container(IMAGE_LIBRARY_GROUP, *acquired(), image("1.2.1")))
    assert (
        effective(rendered(library, imaging_measurements(group(region("1.2.1")))).document, "1.2.1")
        == ACQUIRED
    )


def test_images_that_disagree_or_are_not_in_the_library_fall_back_to_the_study():
    library = image_library(image("1.2.1", *acquired()), image("1.2.2", *acquired(hour="103000")))
    document = rendered(
        library,
        imaging_measurements(
            group(region("1.2.1"), region("1.2.2")), group(region("1.2.1"), region("1.2.3"))
        ),
    ).document
    assert effective(document, "1.2.1") == effective(document, "1.2.2") == STUDY_TIME


def test_images_around_groups_are_not_those_of_their_observations():
    """D14: an item's own images, else its group's; no Observation refers to these."""
    seen = image("1.2.1", relationship="CONTAINS")
    library = image_library(image("1.2.1", *acquired()))
    evaluations = container(QUALITATIVE_EVALUATIONS, seen, measured())
    derived = container(DERIVED_MEASUREMENTS, seen, measured())
    document = rendered(
        library, seen, imaging_measurements(seen, group(measured())), evaluations, derived
    ).document
    for position in ("1.3.2", "1.3.2.1", "1.4.2", "1.5.2"):
        assert effective(document, position) == STUDY_TIME, position


def test_images_of_another_study_have_no_effective_time():
    report = measurement_report(
        imaging_measurements(group(region("1.2.1"), measured())), listed=[Instance("1.2.1", study="1.2.77")]
    )
    document = render(report).document
    assert effective(document, "1.1.1") is None
    assert effective(document, "1.1.1.2") is None


def test_own_images_of_a_measurement_come_before_those_of_the_group():
    library = image_library(image("1.2.1", *acquired()), image("1.2.2", *acquired(hour="103000")))
    document = rendered(
        library,
        imaging_measurements(
            group(
                region("1.2.1"),
                measured(region("1.2.2")),
                measured(by_reference("INFERRED FROM", 1, 2, 1, 1)),
            )
        ),
    ).document
    assert effective(document, "1.2.1.2") == "2024-01-02T10:30:00+01:00"
    assert effective(document, "1.2.1.3") == ACQUIRED


def test_a_segmentation_holds_when_its_source_was_acquired():
    segment = image("1.2.5", concept=REFERENCED_SEGMENT, sop_class=SEGMENTATION, segments=[1])
    library = image_library(image("1.2.1", *acquired()), image("1.2.2", *acquired()))
    document = rendered(
        library, imaging_measurements(group(segment, image("1.2.1", concept=SOURCE_IMAGE)))
    ).document
    assert effective(document, "1.2.1") == ACQUIRED
    series = uidref(SOURCE_SERIES, IMAGE_SERIES)
    listed = [Instance("1.2.1"), Instance("1.2.2"), Instance("1.2.5", SEGMENTATION, "1.2.840.99.4.2")]
    document = render(
        measurement_report(library, imaging_measurements(group(segment, series)), listed=listed)
    ).document
    assert effective(document, "1.2.1") == ACQUIRED


def test_a_value_map_does_not_count():
    library = image_library(image("1.2.1", *acquired()))
    value_map = composite("1.2.6", concept=Code("126100", "DCM", "Real World Value Map used for measurement"))
    document = rendered(
        library, imaging_measurements(group(region("1.2.1"), value_map, measured(value_map)))
    ).document
    assert effective(document, "1.2.1") == effective(document, "1.2.1.3") == ACQUIRED


def test_another_study_stated_by_the_content_tree_is_not_of_the_study_date():
    other = uidref(
        Code("121018", "DCM", "Procedure Study Instance UID"), "1.2.66", relationship="HAS OBS CONTEXT"
    )
    assert effective(rendered(imaging_measurements(group(other, measured()))).document, "1.1.1.2") is None


def test_where_the_times_come_from():
    library = image_library(image("1.2.1", *acquired()))
    own = group(region("1.2.1"), measured(ObservationDateTime="20240103130000"))
    document = rendered(library, imaging_measurements(own, group(region("1.2.2")))).document
    held = {place: item(document, place)["context"] for place in ("1.2.1", "1.2.1.2", "1.2.2")}
    assert [one["_issued"]["id"] for one in held.values()] == [
        "ContentDate-ContentTime",
        "1.2.1.2.ObservationDateTime",
        "ContentDate-ContentTime",
    ]
    assert [one["_effective"]["id"] for one in held.values()] == [
        "1.1.1.1.1-1.1.1.1.2",
        "1.1.1.1.1-1.1.1.1.2",
        "StudyDate-StudyTime",
    ]
    assert [item(document, f"1.1.1.1.{n}")["resolved"] for n in (1, 2)] == ["effective", "effective"]


def test_acquisition_times_that_nothing_uses_are_left_to_the_account():
    document = rendered(
        image_library(image("1.2.1", *acquired())), imaging_measurements(group(region("1.2.2")))
    ).document
    assert "resolved" not in item(document, "1.1.1.1.1")


def test_an_impossible_acquisition_time_is_reported_once():
    rendering = rendered(
        image_library(image("1.2.1", *acquired(hour="99"))), imaging_measurements(group(region("1.2.1")))
    )
    assert codes(rendering) == [("invalid-value", "1.1.1.1.2")]
    assert effective(rendering.document, "1.2.1") == "2024-01-02"
