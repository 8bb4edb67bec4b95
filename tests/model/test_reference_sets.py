"""Reference sets (mapping section 3.7; decisions D9, D10, D11, D12, D29, D31)."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from sr2fhir import render
from sr2fhir.errors import DamagedError

from tests import builders as b
from tests.model.documents import codes, item, rendered, sets

INFERRED = "INFERRED FROM"
CIRCLE = [10, 10, 15, 10]
SQUARE = [0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0]
GROUP = "1.1.1"


def in_group(*children: Dataset, **header):
    return rendered(b.imaging_measurements(b.group(*children)), **header)


def measured(*children: Dataset) -> Dataset:
    return b.num(b.VOLUME, "1", b.CUBIC_MM, *children)


def region(uid: str, **attributes) -> Dataset:
    return b.scoord("CIRCLE", CIRCLE, b.image(uid), **attributes)


def uids(reference_set):
    return [instance["uid"] for instance in reference_set["instance"]]


# ---- regions in images -----------------------------------------------------------------------------------


def test_a_region_of_a_group():
    document = in_group(b.scoord("CIRCLE", [10, 10, 15.1, 10], b.image("1.2.1", frames=[2, 3]))).document
    (found,) = sets(document, GROUP)
    assert found["id"] == item(document, "1.1.1.1")["id"]
    assert (found["kind"], found["key"], found["valueType"], found["ordinal"]) == (
        "SCOORD DCM#111030",
        ["DCM#111030"],
        "SCOORD",
        1,
    )
    assert (found["seriesUid"], found["study"]["uid"]) == (b.IMAGE_SERIES, b.STUDY)
    assert found["study"]["id"] == document["study"]["id"]
    assert found["study"]["identifier"]["id"] == "StudyInstanceUID"
    (instance,) = found["instance"]
    assert (instance["id"], instance["uid"], instance["frame"]) == ("1.1.1.1.1", "1.2.1", ["2", "3"])
    assert instance["sopClass"]["display"] == "CT Image Storage"
    assert instance["region"] == [
        {"id": "1.1.1.1", "type": "CIRCLE", "coordinate": ["10", "10", "15.1", "10"]}
    ]


def test_one_instance_for_each_region_and_image():
    two_images = b.scoord("CIRCLE", CIRCLE, b.image("1.2.1"), b.image("1.2.2"))
    (found,) = sets(in_group(two_images, region("1.2.1")).document, GROUP)
    assert uids(found) == ["1.2.1", "1.2.2", "1.2.1"]
    assert [instance["region"][0]["id"] for instance in found["instance"]] == [
        "1.1.1.1",
        "1.1.1.1",
        "1.1.1.2",
    ]


def test_a_region_has_no_set_of_its_own():
    assert sets(in_group(region("1.2.1")).document, "1.1.1.1") == []


def test_an_unnamed_region_is_an_image_region():
    document = in_group(
        region("1.2.1"), measured(region("1.2.2", concept=None, relationship=INFERRED))
    ).document
    (own,) = sets(document, "1.1.1.2")
    assert own["kind"] == sets(document, GROUP)[0]["kind"]
    assert "key" not in own
    assert "concept" not in own


def test_named_and_unnamed_regions_are_one_kind():
    (found,) = sets(in_group(region("1.2.1", concept=None), region("1.2.2")).document, GROUP)
    assert found["key"] == ["DCM#111030"]
    assert found["concept"]["id"] == "1.1.1.2"
    assert uids(found) == ["1.2.1", "1.2.2"]


def test_a_multipoint_is_also_cut_into_points():
    (found,) = sets(in_group(b.scoord("MULTIPOINT", [1, 2, 3, 4], b.image("1.2.1"))).document, GROUP)
    (graphic,) = found["instance"][0]["region"]
    assert graphic["coordinate"] == ["1", "2", "3", "4"]
    assert graphic["point"] == [{"coordinate": ["1", "2"]}, {"coordinate": ["3", "4"]}]


def test_fiducials_and_the_origin_of_the_pixel_matrix():
    fiducial = b.scoord(
        "POINT", [1, 2], b.image("1.2.1"), FiducialUID="1.2.7", PixelOriginInterpretation="VOLUME"
    )
    rendering = in_group(fiducial)
    (graphic,) = sets(rendering.document, GROUP)[0]["instance"][0]["region"]
    assert graphic["fiducial"]["value"] == "urn:oid:1.2.7"
    assert ("no-target", "1.1.1.1") in codes(rendering)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("POINT", [1, 2, 3]),
        ("POINT", []),
        ("CIRCLE", [1, 2]),
        ("POLYLINE", [1, 2]),
        ("ELLIPSE", [1, 2, 3, 4, 5, 6]),
        ("POLYGON", SQUARE),
        ("SPLINE", [1, 2, 3, 4]),
        ("POINT", [float("nan"), 1]),
    ],
)
def test_an_invalid_graphic_is_left_out_and_reported(kind, data):
    rendering = in_group(b.scoord(kind, data, b.image("1.2.1")), region("1.2.2"))
    assert uids(sets(rendering.document, GROUP)[0]) == ["1.2.2"]
    assert ("invalid-value", "1.1.1.1") in codes(rendering)


def test_a_set_without_instances_is_not_written():
    rendering = in_group(b.scoord("CIRCLE", [1, 2], b.image("1.2.1")))
    assert sets(rendering.document, GROUP) == []


def test_graphic_data_that_is_no_array_of_floats_is_damage():
    report = b.measurement_report(b.imaging_measurements(b.group(region("1.2.1"))))
    b.raw(report.ContentSequence[0].ContentSequence[0].ContentSequence[0], "GraphicData", "FL", b"12")
    with pytest.raises(DamagedError):
        render(report)


def test_a_region_on_no_image_is_reported():
    rendering = in_group(b.scoord("CIRCLE", CIRCLE))
    assert sets(rendering.document, GROUP) == []
    assert ("unresolved-reference", "1.1.1.1") in codes(rendering)


# ---- regions in space --------------------------------------------------------------------------------------


def test_a_region_in_space_is_carried_by_its_own_image():
    (found,) = sets(in_group(b.scoord3d("POLYGON", SQUARE, b.image("1.2.1"))).document, GROUP)
    assert found["frameOfReferenceUid"] == "1.2.840.99.5.1"
    assert uids(found) == ["1.2.1"]
    assert found["instance"][0]["region"][0]["coordinate"] == [f"{n}" for n in SQUARE]


def test_else_by_the_first_source_image_which_regions_share():
    source = b.image("1.2.8", concept=b.SOURCE_IMAGE)
    document = in_group(
        b.scoord3d("POINT", [1, 2, 3]),
        source,
        b.image("1.2.9", concept=b.SOURCE_IMAGE),
        b.scoord3d("POINT", [4, 5, 6]),
    ).document
    spatial = sets(document, GROUP)[0]
    assert uids(spatial) == ["1.2.8"]
    assert [graphic["id"] for graphic in spatial["instance"][0]["region"]] == ["1.1.1.1", "1.1.1.4"]


def test_a_measurement_takes_the_source_image_of_its_group():
    document = in_group(
        b.image("1.2.8", concept=b.SOURCE_IMAGE),
        measured(b.scoord3d("POINT", [1, 2, 3], relationship=INFERRED)),
    ).document
    assert uids(sets(document, "1.1.1.2")[0]) == ["1.2.8"]


def test_else_by_the_document_one_instance_for_each_item():
    document = in_group(
        b.scoord3d("POINT", [1, 2, 3], ObservationUID="1.2.40"), b.scoord3d("POINT", [4, 5, 6])
    ).document
    (found,) = sets(document, GROUP)
    assert [(one["uid"], one["item"]) for one in found["instance"]] == [
        (b.INSTANCE, "1.2.40"),
        (b.INSTANCE, "1\\1\\1\\2"),
    ]
    assert {one["sopClass"]["code"] for one in found["instance"]} == {b.COMPREHENSIVE_3D}
    assert (found["seriesUid"], found["study"]["uid"]) == (b.SERIES, b.STUDY)


def test_each_frame_of_reference_has_a_set():
    other = b.scoord3d("POINT", [4, 5, 6], frame_of_reference="1.2.840.99.5.2")
    document = in_group(b.scoord3d("POINT", [1, 2, 3]), other, b.scoord3d("POINT", [7, 8, 9])).document
    one, two = sets(document, GROUP)
    assert [
        (found["ordinal"], found["frameOfReferenceUid"], len(found["instance"])) for found in (one, two)
    ] == [
        (1, "1.2.840.99.5.1", 2),
        (2, "1.2.840.99.5.2", 1),
    ]
    assert one["kind"] == two["kind"]
    assert two["id"] == item(document, "1.1.1.2")["id"]


def test_without_a_frame_of_reference():
    (found,) = sets(in_group(b.scoord3d("POINT", [1, 2, 3], frame_of_reference=None)).document, GROUP)
    assert "frameOfReferenceUid" not in found


@pytest.mark.parametrize(
    ("kind", "data"), [("CIRCLE", SQUARE), ("ELLIPSOID", SQUARE), ("POINT", [1, 2]), ("POLYGON", SQUARE[:6])]
)
def test_an_invalid_graphic_in_space(kind, data):
    rendering = in_group(b.scoord3d(kind, data))
    assert sets(rendering.document, GROUP) == []
    assert ("invalid-value", "1.1.1.1") in codes(rendering)


# ---- images, composite objects, waveforms ----------------------------------------------------------------------


def test_segments_and_other_references_are_of_their_own_kinds():
    segment = b.image("1.2.5", concept=b.REFERENCED_SEGMENT, sop_class=b.SEGMENTATION, segments=[1, 2])
    plan = b.composite(
        "1.2.6",
        b.text(b.Code("130489", "DCM", "ROI"), "ROI 1"),
        concept=b.Code("130488", "DCM", "Region in Space"),
    )
    document = in_group(
        segment, plan, b.image("1.2.7"), b.composite("1.2.8"), b.waveform("1.2.9", channels=[1, 1])
    ).document
    kinds = {found["kind"]: found["instance"] for found in sets(document, GROUP)}
    assert list(kinds) == [
        "IMAGE DCM#121191",
        "COMPOSITE DCM#130488",
        "IMAGE DCM#121112",
        "COMPOSITE DCM#121112",
        "WAVEFORM DCM#121112",
    ]
    assert kinds["IMAGE DCM#121191"][0]["segment"] == ["1", "2"]
    assert kinds["COMPOSITE DCM#130488"][0]["roi"] == ["ROI 1"]


def test_parts_of_a_reference_without_a_place_are_reported():
    shown = b.image("1.2.7", presentation_state="1.2.8", value_map="1.2.9")
    findings = in_group(shown, b.waveform("1.2.9", channels=[1, 1])).all_findings()
    assert [(finding.severity, finding.code, finding.where) for finding in findings] == [
        ("information", "no-target", "1.1.1.1"),
        ("information", "no-target", "1.1.1.1"),
        ("information", "no-target", "1.1.1.2"),
    ]


@pytest.mark.parametrize(
    ("value", "frames", "segments", "lost"),
    [
        ("121191", [1], [2], 1),
        ("121191", [], [2], 0),
        ("121214", [1], [2], 1),
        ("121214", [], [2], 0),
        ("121233", [1], [2], 1),
        ("121233", [], [2], 1),
        ("121112", [1], [2], 1),
        ("121112", [], [2], 0),
        ("126100", [1], [2], 2),
    ],
)
def test_the_part_that_one_subset_leaves_no_place_for_is_reported(value, frames, segments, lost):
    purpose = b.Code(value, "DCM", "purpose")
    findings = in_group(
        b.image("1.2.7", concept=purpose, sop_class=b.SEGMENTATION, frames=frames, segments=segments)
    ).all_findings()
    assert len([finding for finding in findings if finding.code == "no-target"]) == lost


def test_the_segment_of_an_image_that_a_region_lies_in_is_reported():
    findings = in_group(b.scoord("POINT", [1, 2], b.image("1.2.7", segments=[4]))).all_findings()
    assert [(finding.code, finding.where) for finding in findings] == [("no-target", "1.1.1.1.1")]


def test_what_a_region_in_two_dimensions_has_no_place_for_is_reported():
    """D10: each point of a MULTIPOINT stands alone; a frame of reference would break the slicing (3.7)."""
    points = b.scoord("MULTIPOINT", [1, 2, 3, 4], b.image("1.2.1"))
    points.ReferencedFrameOfReferenceUID = "1.2.5"
    findings = in_group(points, b.scoord("POINT", [1, 2], b.image("1.2.1"))).all_findings()
    assert [(finding.code, finding.where) for finding in findings] == [("no-target", "1.1.1.1")] * 2
    assert not any("1.2.5" in finding.message for finding in findings)


def test_an_unnamed_image_is_a_source_of_measurement():
    named = b.image("1.2.2", concept=b.Code("121112", "DCM", "Source of Measurement"))
    (found,) = sets(in_group(b.image("1.2.1"), named).document, GROUP)
    assert (found["key"], uids(found)) == (["DCM#121112"], ["1.2.1", "1.2.2"])


def test_what_a_temporal_range_is_selected_from_is_no_set():
    document = in_group(b.tcoord("SEGMENT", b.waveform("1.2.9"), samples=[1, 5])).document
    assert sets(document, GROUP) == []
    assert sets(document, "1.1.1.1") == []


def test_the_image_library_has_no_sets():
    document = rendered(b.image_library(b.image("1.2.1"))).document
    assert "referenceSet" not in str(document)


# ---- series and studies ----------------------------------------------------------------------------------------


def listed(report, *instances):
    return render(b.measurement_report(b.imaging_measurements(b.group(*report)), listed=instances))


def test_the_series_only_where_all_instances_share_it():
    rendering = listed(
        [region("1.2.1"), region("1.2.2")], b.Instance("1.2.1"), b.Instance("1.2.2", series="1.2.840.99.4.2")
    )
    (found,) = sets(rendering.document, GROUP)
    assert "seriesUid" not in found
    assert [one["seriesUid"] for one in found["instance"]] == [b.IMAGE_SERIES, "1.2.840.99.4.2"]
    assert found["study"]["uid"] == b.STUDY


def test_a_class_of_a_later_edition_has_its_name():
    """PS3.6 Table A-1 as of Supplement 243."""
    uid = "1.2.840.10008.5.1.4.1.1.66.7"
    (found,) = sets(in_group(b.image("1.2.5", concept=b.REFERENCED_SEGMENT, sop_class=uid)).document, GROUP)
    named = found["instance"][0]["sopClass"]
    assert (named["code"], named["display"]) == (uid, "Label Map Segmentation Storage")


def test_another_study():
    rendering = listed([region("1.2.1")], b.Instance("1.2.1", study="1.2.840.99.77"))
    (other,) = rendering.document["otherStudy"]
    (found,) = sets(rendering.document, GROUP)
    assert (found["study"]["id"], found["study"]["uid"]) == (other["id"], "1.2.840.99.77")
    assert found["study"]["identifier"]["id"] == "CurrentRequestedProcedureEvidenceSequence"


def test_several_studies():
    rendering = listed(
        [region("1.2.1"), region("1.2.2")], b.Instance("1.2.1"), b.Instance("1.2.2", study="1.2.840.99.77")
    )
    assert "study" not in sets(rendering.document, GROUP)[0]
    (other,) = rendering.document["otherStudy"]
    assert other["uid"] == "1.2.840.99.77"


def test_an_instance_that_is_not_listed_has_neither_and_is_reported():
    rendering = listed([region("1.2.1")], b.Instance("1.2.99"))
    (found,) = sets(rendering.document, GROUP)
    assert "study" not in found
    assert "seriesUid" not in found
    assert codes(rendering) == [("missing-evidence", "1.1.1.1")]


def test_without_evidence_the_study_is_that_of_the_document():
    rendering = listed([region("1.2.1"), measured(region("1.2.1"))])
    (found,) = sets(rendering.document, GROUP)
    assert found["study"]["uid"] == b.STUDY
    assert "seriesUid" not in found
    assert [code for code, _ in codes(rendering)] == ["missing-evidence"]


def test_a_uid_that_is_too_long_is_left_out_and_reported():
    uid = "1.2." + "3" * 61
    rendering = in_group(
        b.image(uid, concept=b.REFERENCED_SEGMENT), b.image("1.2.1", concept=b.REFERENCED_SEGMENT)
    )
    assert uids(sets(rendering.document, GROUP)[0]) == ["1.2.1"]
    assert ("invalid-value", "1.1.1.1") in codes(rendering)
    assert item(rendering.document, "1.1.1.1")["reference"]["uid"] == uid
    assert sets(in_group(b.image(uid)).document, GROUP) == []


def test_a_source_series_has_the_listed_instances_of_the_series():
    instances = [b.Instance("1.2.1"), b.Instance("1.2.2"), b.Instance("1.2.3", series="1.2.840.99.4.2")]
    (found,) = sets(listed([b.uidref(b.SOURCE_SERIES, b.IMAGE_SERIES)], *instances).document, GROUP)
    assert (found["kind"], found["valueType"], found["seriesUid"]) == (
        "UIDREF DCM#121232",
        "UIDREF",
        b.IMAGE_SERIES,
    )
    assert uids(found) == ["1.2.1", "1.2.2"]
    assert [one["id"] for one in found["instance"]] == ["1.1.1.1", "1.1.1.1"]


def test_a_source_series_that_is_not_listed_is_still_named():
    unlisted = listed([b.uidref(b.SOURCE_SERIES, "1.2.840.99.4.9")], b.Instance("1.2.1"))
    (found,) = sets(unlisted.document, GROUP)
    assert codes(unlisted) == [("missing-evidence", "1.1.1.1")]
    assert found["seriesUid"] == "1.2.840.99.4.9"
    assert "instance" not in found
    assert "study" not in found
    (without,) = sets(listed([b.uidref(b.SOURCE_SERIES, "1.2.840.99.4.9")]).document, GROUP)
    assert without["study"]["uid"] == b.STUDY


def test_a_source_series_of_a_uid_that_is_none_is_no_set():
    rendering = in_group(b.uidref(b.SOURCE_SERIES, "1.2." + "3" * 62))
    assert sets(rendering.document, GROUP) == []
    assert ("invalid-value", "1.1.1.1") in codes(rendering)


# ---- by reference ----------------------------------------------------------------------------------------------


def test_a_reference_to_the_only_region_of_the_group_is_its_set():
    document = in_group(region("1.2.1"), measured(b.by_reference(INFERRED, 1, 1, 1, 1))).document
    (own,), (whole,) = sets(document, "1.1.1.2"), sets(document, GROUP)
    assert (own["id"], own["existing"], own["kind"]) == (whole["id"], True, whole["kind"])
    assert own["position"] == "1.1.1.2.1"
    assert "instance" not in own
    assert not {"existing", "position"} & set(whole)


def test_a_reference_to_one_of_several_regions_is_a_set_of_it_alone():
    document = in_group(
        region("1.2.1"), region("1.2.2"), measured(b.by_reference(INFERRED, 1, 1, 1, 2))
    ).document
    (own,) = sets(document, "1.1.1.3")
    assert own["id"] == item(document, "1.1.1.3.1")["id"]
    assert "existing" not in own
    assert uids(own) == ["1.2.2"]
    assert own["instance"][0]["region"][0]["id"] == "1.1.1.3.1"


def test_references_to_several_regions_are_one_set_and_to_one_count_once():
    twice = [b.by_reference(INFERRED, 1, 1, 1, n) for n in (2, 3, 2)]
    document = in_group(region("1.2.1"), region("1.2.2"), region("1.2.3"), measured(*twice)).document
    (own,) = sets(document, "1.1.1.4")
    assert uids(own) == ["1.2.2", "1.2.3"]
    assert own["id"] == item(document, "1.1.1.4.1")["id"]


def test_a_reference_beside_a_region_of_its_own_is_a_set_of_both():
    document = in_group(
        region("1.2.1"), measured(b.by_reference(INFERRED, 1, 1, 1, 1), region("1.2.2"))
    ).document
    (own,) = sets(document, "1.1.1.2")
    assert "existing" not in own
    assert uids(own) == ["1.2.1", "1.2.2"]


def test_a_reference_into_the_image_library_is_a_set_of_its_own():
    document = rendered(
        b.image_library(b.image("1.2.1")),
        b.imaging_measurements(b.group(measured(b.by_reference(INFERRED, 1, 1, 1, 1)))),
    ).document
    (own,) = sets(document, "1.2.1.1")
    assert (own["id"], uids(own)) == (item(document, "1.2.1.1.1")["id"], ["1.2.1"])


def test_an_image_selected_by_reference_counts_as_if_it_stood_there():
    selected = b.scoord("CIRCLE", CIRCLE, b.by_reference("SELECTED FROM", 1, 1, 1, 1))
    document = rendered(b.image_library(b.image("1.2.1")), b.imaging_measurements(b.group(selected))).document
    (found,) = sets(document, "1.2.1")
    assert uids(found) == ["1.2.1"]
    assert found["instance"][0]["id"] == "1.2.1.1.1"


def test_a_reference_to_the_only_region_of_its_frame_of_reference():
    other = b.scoord3d("POINT", [4, 5, 6], frame_of_reference="1.2.840.99.5.2")
    document = in_group(
        b.scoord3d("POINT", [1, 2, 3]), other, measured(b.by_reference(INFERRED, 1, 1, 1, 2))
    ).document
    (own,) = sets(document, "1.1.1.3")
    assert (own["existing"], own["ordinal"], own["frameOfReferenceUid"]) == (True, 2, "1.2.840.99.5.2")


def test_a_reference_to_an_invalid_region_is_no_set():
    document = in_group(
        b.scoord("CIRCLE", [1, 2], b.image("1.2.1")), measured(b.by_reference(INFERRED, 1, 1, 1, 1))
    ).document
    assert sets(document, "1.1.1.2") == []
