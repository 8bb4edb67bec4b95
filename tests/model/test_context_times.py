"""When it was observed and when it held (decisions D14, D15)."""

from __future__ import annotations

from sr2fhir import render

from tests import builders as b
from tests.model.documents import codes, item, rendered

STUDY_TIME = "2024-01-02T10:15:00+01:00"
ACQUIRED = "2024-01-02T10:20:30+01:00"
ACQ = "HAS ACQ CONTEXT"


def measured(*children, **attributes):
    return b.num(b.VOLUME, "1", b.CUBIC_MM, *children, **attributes)


def acquired(day="20240102", hour="102030"):
    return [
        b.date(b.ACQUISITION_DATE, day, relationship=ACQ),
        b.time(b.ACQUISITION_TIME, hour, relationship=ACQ),
    ]


def region(uid):
    return b.scoord("POINT", [1, 2], b.image(uid))


def effective(document, position):
    return item(document, position)["context"].get("effective")


def test_observation_time_is_inherited_and_overridden():
    document = rendered(
        b.imaging_measurements(
            b.group(
                measured(),
                measured(ObservationDateTime="20240103130000"),
                ObservationDateTime="20240103123000",
            ),
            b.group(measured()),
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
    document = rendered(b.imaging_measurements(b.group(measured(), ObservationDateTime="202401"))).document
    assert item(document, "1.1.1")["observationDateTime"] == "2024-01"
    assert item(document, "1.1.1")["context"]["issued"] == "2024-01-03T12:00:00+01:00"


def test_without_a_content_time_the_creation_of_the_instance_and_else_nothing():
    document = rendered(
        b.imaging_measurements(b.group()),
        ContentTime=None,
        InstanceCreationDate="20240104",
        InstanceCreationTime="09",
    ).document
    assert item(document, "1.1.1")["context"]["issued"] == "2024-01-04T09:00:00+01:00"
    document = rendered(b.imaging_measurements(b.group()), ContentTime=None).document
    assert "issued" not in item(document, "1.1.1")["context"]


def test_the_study_holds_where_no_acquisition_is_known():
    document = rendered(b.imaging_measurements(b.group(region("1.2.1"), measured()))).document
    assert effective(document, "1.1.1") == effective(document, "1.1.1.2") == STUDY_TIME


def test_no_study_date_no_effective_time():
    assert (
        effective(rendered(b.imaging_measurements(b.group(measured())), StudyDate=None).document, "1.1.1")
        is None
    )


def test_the_acquisition_of_all_images_holds():
    library = b.image_library(b.image("1.2.1", *acquired()), b.image("1.2.2", *acquired()))
    document = rendered(
        library, b.imaging_measurements(b.group(region("1.2.1"), region("1.2.2"), measured()))
    ).document
    assert effective(document, "1.2.1") == effective(document, "1.2.1.3") == ACQUIRED


def test_the_acquisition_may_stand_at_the_library_group():
    library = b.container(b.IMAGE_LIBRARY, b.container(b.IMAGE_LIBRARY_GROUP, *acquired(), b.image("1.2.1")))
    assert (
        effective(rendered(library, b.imaging_measurements(b.group(region("1.2.1")))).document, "1.2.1")
        == ACQUIRED
    )


def test_images_that_disagree_or_are_not_in_the_library_fall_back_to_the_study():
    library = b.image_library(b.image("1.2.1", *acquired()), b.image("1.2.2", *acquired(hour="103000")))
    document = rendered(
        library,
        b.imaging_measurements(
            b.group(region("1.2.1"), region("1.2.2")), b.group(region("1.2.1"), region("1.2.3"))
        ),
    ).document
    assert effective(document, "1.2.1") == effective(document, "1.2.2") == STUDY_TIME


def test_images_around_groups_are_not_those_of_their_observations():
    """D14: an item's own images, else its group's; no Observation refers to these."""
    seen = b.image("1.2.1", relationship="CONTAINS")
    library = b.image_library(b.image("1.2.1", *acquired()))
    evaluations = b.container(b.QUALITATIVE_EVALUATIONS, seen, measured())
    derived = b.container(b.DERIVED_MEASUREMENTS, seen, measured())
    document = rendered(
        library, seen, b.imaging_measurements(seen, b.group(measured())), evaluations, derived
    ).document
    for position in ("1.3.2", "1.3.2.1", "1.4.2", "1.5.2"):
        assert effective(document, position) == STUDY_TIME, position


def test_images_of_another_study_have_no_effective_time():
    report = b.measurement_report(
        b.imaging_measurements(b.group(region("1.2.1"), measured())),
        listed=[b.Instance("1.2.1", study="1.2.77")],
    )
    document = render(report).document
    assert effective(document, "1.1.1") is None
    assert effective(document, "1.1.1.2") is None


def test_own_images_of_a_measurement_come_before_those_of_the_group():
    library = b.image_library(b.image("1.2.1", *acquired()), b.image("1.2.2", *acquired(hour="103000")))
    document = rendered(
        library,
        b.imaging_measurements(
            b.group(
                region("1.2.1"),
                measured(region("1.2.2")),
                measured(b.by_reference("INFERRED FROM", 1, 2, 1, 1)),
            )
        ),
    ).document
    assert effective(document, "1.2.1.2") == "2024-01-02T10:30:00+01:00"
    assert effective(document, "1.2.1.3") == ACQUIRED


def test_a_segmentation_holds_when_its_source_was_acquired():
    segment = b.image("1.2.5", concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1])
    library = b.image_library(b.image("1.2.1", *acquired()), b.image("1.2.2", *acquired()))
    document = rendered(
        library, b.imaging_measurements(b.group(segment, b.image("1.2.1", concept=b.SOURCE_IMAGE)))
    ).document
    assert effective(document, "1.2.1") == ACQUIRED
    series = b.uidref(b.SOURCE_SERIES, b.IMAGE_SERIES)
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2"), b.Instance("1.2.5", b.SEGMENTATION, "1.2.840.99.4.2")]
    document = render(
        b.measurement_report(library, b.imaging_measurements(b.group(segment, series)), listed=listed)
    ).document
    assert effective(document, "1.2.1") == ACQUIRED


def test_a_value_map_does_not_count():
    library = b.image_library(b.image("1.2.1", *acquired()))
    value_map = b.composite(
        "1.2.6", concept=b.Code("126100", "DCM", "Real World Value Map used for measurement")
    )
    document = rendered(
        library, b.imaging_measurements(b.group(region("1.2.1"), value_map, measured(value_map)))
    ).document
    assert effective(document, "1.2.1") == effective(document, "1.2.1.3") == ACQUIRED


def test_another_study_stated_by_the_content_tree_is_not_of_the_study_date():
    other = b.uidref(
        b.Code("121018", "DCM", "Procedure Study Instance UID"), "1.2.66", relationship="HAS OBS CONTEXT"
    )
    assert effective(rendered(b.imaging_measurements(b.group(other, measured()))).document, "1.1.1.2") is None


def test_where_the_times_come_from():
    library = b.image_library(b.image("1.2.1", *acquired()))
    own = b.group(region("1.2.1"), measured(ObservationDateTime="20240103130000"))
    document = rendered(library, b.imaging_measurements(own, b.group(region("1.2.2")))).document
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
        b.image_library(b.image("1.2.1", *acquired())), b.imaging_measurements(b.group(region("1.2.2")))
    ).document
    assert "resolved" not in item(document, "1.1.1.1.1")


def test_an_impossible_acquisition_time_is_reported_once():
    rendering = rendered(
        b.image_library(b.image("1.2.1", *acquired(hour="99"))),
        b.imaging_measurements(b.group(region("1.2.1"))),
    )
    assert codes(rendering) == [("invalid-value", "1.1.1.1.2")]
    assert effective(rendering.document, "1.2.1") == "2024-01-02"
