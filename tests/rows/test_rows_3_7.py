"""Rows of section 3.7: ImagingSelection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result

from tests import builders as b
from tests.rows.concepts import (
    CENTRE,
    EXPLANATION,
    ILLUSTRATION,
    IMPRESSION,
    REGION_IN_SPACE,
    ROI_IDENTIFIER,
    SEGMENTATION_FRAME,
    SOURCE,
    SOURCE_OF_MEASUREMENT,
    SUBTLETY,
    VALUE_MAP_USED,
    VOLUME_SURFACE,
)
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    SOP_CLASS,
    Json,
    absent,
    category,
    claims,
    coded,
    coding,
    concept,
    elements,
    findings,
    observation,
    oid,
    one,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.shapes import INFERRED, RT_STRUCTURE_SET, SR_CLASSES, grouped, measured

CIRCLE = [10, 10, 15, 10]
TRIANGLE = [0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0]
FRAME = "1.2.840.99.5.1"
OTHER_FRAME = "1.2.840.99.5.2"
SURFACE_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.5"
REGION_2D = "image-region-2d"
REGION_3D = "image-region-3d"
SURFACE = "volume-surface"
SEGMENT = "referenced-segment"
SEGMENT_FRAME = "referenced-segmentation-frame"
SEGMENTED = "source-image-for-segmentation"
ORIGINAL = "source-sr-content-item"

CT_CLASS = coding(SOP_CLASS, b.CT, "CT Image Storage")
SEGMENTATION_CLASS = coding(SOP_CLASS, b.SEGMENTATION, "Segmentation Storage")
SR_CLASS = coding(SOP_CLASS, b.COMPREHENSIVE_3D, "Comprehensive 3D SR Storage")
SERIES_NAMED = b.uidref(b.SOURCE_SERIES, "1.2.90")
SERIES_AND_IMAGES = [b.Instance("1.2.1", series="1.2.90"), b.Instance("1.2.2", series="1.2.90")]


def selections(result: Result) -> list[Json]:
    """Return the selections but for those that name the item of the report itself."""
    every = resources(result, "ImagingSelection")
    return [each for each in every if not claims(each, ORIGINAL)]


def derived(result: Result, of: Json | None = None) -> list[Json]:
    """Return the selections from which the group, or another Observation, is derived."""
    found = of or one(result, "Observation", "imaging-measurement-group")
    every = [target(result, each) for each in found["derivedFrom"]]
    return [each for each in every if not claims(each, ORIGINAL)]


def segment(uid: str = "1.2.5", **attributes: Any) -> Dataset:
    return b.image(uid, **{"concept": b.REFERENCED_SEGMENT, "sop_class": b.SEGMENTATION, **attributes})


# ---- 2D regions ------------------------------------------------------------------------------------------


@pytest.mark.row("3.7.01")
def test_image_region(transform: Transform) -> None:
    """One selection of all regions of a group, with what all selections have in common."""
    circle = b.scoord("CIRCLE", CIRCLE, b.image("1.2.1", frames=[2, 3]), b.image("1.2.2"))
    points = b.scoord("MULTIPOINT", [1, 2, 3, 4.5], b.image("1.2.1"))
    site = b.code(b.FINDING_SITE, b.LUNG, relationship="HAS CONCEPT MOD")
    result = transform(grouped(circle, points, site, AccessionNumber="A-1"))
    found = one(result, "ImagingSelection", REGION_2D)
    expected_circle = {"regionType": "circle", "coordinate": CIRCLE}
    assert found["instance"] == [
        {"uid": "1.2.1", "sopClass": CT_CLASS, "subset": ["2", "3"], "imageRegion2D": [expected_circle]},
        {"uid": "1.2.2", "sopClass": CT_CLASS, "imageRegion2D": [expected_circle]},
        {"uid": "1.2.1", "sopClass": CT_CLASS, "imageRegion2D": [point(1, 2)]},
        {"uid": "1.2.1", "sopClass": CT_CLASS, "imageRegion2D": [point(3, 4.5)]},
    ]
    assert found["code"] == concept(DCM, "111030", "Image Region")
    assert derived(result) == [found]
    check_common(result, found)


def point(*coordinate: float) -> Json:
    return {"regionType": "point", "coordinate": list(coordinate)}


def check_common(result: Result, found: Json) -> None:
    patient, study = one(result, "Patient"), one(result, "ImagingStudy")
    assert found["status"] == "available"
    assert found["subject"]["reference"] == urn(patient)
    assert found["basedOn"][0]["reference"] == urn(one(result, "ServiceRequest"))
    assert (found["studyUid"], found["seriesUid"]) == (b.STUDY, b.IMAGE_SERIES)
    assert found["derivedFrom"] == [
        {
            "reference": urn(study),
            "type": "ImagingStudy",
            "identifier": {"type": concept(DCM, "110180", "Study Instance UID"), **oid(b.STUDY)},
        }
    ]
    assert found["bodySite"] == {"concept": concept(SCT, "39607008", "Lung")}
    assert [target(result, each) for each in found["focus"]] == resources(
        result, "ImagingSelection", ORIGINAL
    )
    assert not {"issued", "performer", "category", "frameOfReferenceUid"} & set(found)


@pytest.mark.row("3.7.01")
def test_graphic_types(transform: Transform) -> None:
    graphics = {
        "POINT": [1, 2],
        "POLYLINE": [1, 2, 3, 4],
        "CIRCLE": CIRCLE,
        "ELLIPSE": [1, 2, 3, 2, 2, 1, 2, 3],
    }
    result = transform(grouped(*(b.scoord(kind, data, b.image("1.2.1")) for kind, data in graphics.items())))
    regions = [each["imageRegion2D"][0] for each in one(result, "ImagingSelection", REGION_2D)["instance"]]
    expected = [{"regionType": kind.lower(), "coordinate": data} for kind, data in graphics.items()]
    assert regions == expected


@pytest.mark.row("3.7.01")
def test_a_multipoint_of_one_point_loses_nothing(transform: Transform) -> None:
    result = transform(grouped(b.scoord("MULTIPOINT", [1, 2], b.image("1.2.1"))))
    assert one(result, "ImagingSelection", REGION_2D)["instance"][0]["imageRegion2D"] == [point(1, 2)]
    assert not [each for each in result.report.losses if each.source == "1.1.1.1"]


@pytest.mark.row("3.7.01")
def test_graphics_that_are_none(transform: Transform) -> None:
    """Section 5.2: such a region is not produced, nor is a selection that is left without any."""
    wrong = (
        b.scoord("POLYGON", TRIANGLE, b.image("1.2.1")),
        b.scoord("POINT", [1, 2, 3], b.image("1.2.1")),
        b.scoord("POINT", [], b.image("1.2.1")),
        b.scoord("CIRCLE", [1, 1, 2, 2, 3, 3], b.image("1.2.1")),
        b.scoord("POINT", [1, 2]),
    )
    result = transform(grouped(*wrong))
    assert selections(result) == []
    reasons = [unmapped(result)[f"1.1.1.{n}"] for n in (1, 2, 3, 4, 5)]
    assert reasons == ["invalid-value"] * 4 + ["unresolved-reference"]


@pytest.mark.row("3.7.01")
def test_fiducial_and_pixel_origin(transform: Transform) -> None:
    attributes: Json = {"FiducialUID": "1.2.7", "PixelOriginInterpretation": "VOLUME"}
    result = transform(grouped(b.scoord("POINT", [1, 2], b.image("1.2.1"), **attributes)))
    assert one(result, "ImagingSelection", REGION_2D)["identifier"] == [oid("1.2.7")]
    assert ("warning", "1.1.1.1") in findings(result, "no-target")


@pytest.mark.row("3.7.01")
def test_frame_of_reference_of_an_image_region(transform: Transform) -> None:
    """Decision D26: never written, it would make the region a 3D one too."""
    region = b.scoord("POINT", [1, 2], b.image("1.2.1"), ReferencedFrameOfReferenceUID=FRAME)
    found = one(transform(grouped(region)), "ImagingSelection", REGION_2D)
    assert "frameOfReferenceUid" not in found


@pytest.mark.row("3.7.01")
def test_regions_over_several_series_and_studies(transform: Transform) -> None:
    """Decision D9: what the instances do not share is left out, and that is said."""
    regions = [b.scoord("POINT", [1, 2], b.image(uid)) for uid in ("1.2.1", "1.2.2")]
    result = transform(grouped(*regions, listed=[b.Instance("1.2.1"), b.Instance("1.2.2")]))
    assert unshared(result) == []
    series = [b.Instance("1.2.1"), b.Instance("1.2.2", series="1.2.90")]
    result = transform(grouped(*regions, listed=series))
    found = one(result, "ImagingSelection", REGION_2D)
    assert "seriesUid" not in found
    assert found["studyUid"] == b.STUDY
    assert unshared(result) == [("warning", "1.1.1.1", "series")]
    studies = [b.Instance("1.2.1"), b.Instance("1.2.2", series="1.2.90", study="1.2.91")]
    result = transform(grouped(*regions, listed=studies))
    found = one(result, "ImagingSelection", REGION_2D)
    assert not {"seriesUid", "studyUid", "derivedFrom"} & set(found)
    assert len(found["instance"]) == 2
    assert unshared(result) == [("warning", "1.1.1.1", "series"), ("warning", "1.1.1.1", "study")]


@pytest.mark.row("3.7.01")
def test_regions_on_an_instance_that_is_not_listed(transform: Transform) -> None:
    """Its series and study are not known, so those of the other one are not said either."""
    regions = [b.scoord("POINT", [1, 2], b.image(uid)) for uid in ("1.2.1", "1.2.2")]
    result = transform(grouped(*regions, listed=[b.Instance("1.2.1")]))
    found = one(result, "ImagingSelection", REGION_2D)
    assert not {"seriesUid", "studyUid", "derivedFrom"} & set(found)
    assert unshared(result) == [("warning", "1.1.1.1", "series"), ("warning", "1.1.1.1", "study")]
    assert ("warning", "1.1.1.1") in findings(result, "missing-evidence")


def unshared(result: Result) -> list[tuple[str, str, str]]:
    """Return severity and place of what is said of instances in several series or studies, and which."""
    told = [
        (each, re.search(r"not known to be of one (series|study)", each.message)) for each in result.findings
    ]
    assert all(each.code == "multiplicity" for each, match in told if match)
    return [(each.severity, each.where, match[1]) for each, match in told if match]


@pytest.mark.row("3.7.01")
def test_instances_and_evidence(transform: Transform) -> None:
    """Section 3.2: without evidence the study is that of the document, an instance not listed has neither."""
    region = b.scoord("POINT", [1, 2], b.image("1.2.1"))
    result = transform(grouped(region, listed=[]))
    found = one(result, "ImagingSelection", REGION_2D)
    assert found["studyUid"] == b.STUDY
    assert "seriesUid" not in found
    result = transform(grouped(region, listed=[b.Instance("1.2.2")]))
    assert not {"seriesUid", "studyUid"} & set(one(result, "ImagingSelection", REGION_2D))
    assert ("warning", "1.1.1.1") in findings(result, "missing-evidence")


# ---- 3D regions ------------------------------------------------------------------------------------------


@pytest.mark.row("3.7.02")
def test_region_in_three_dimensions(transform: Transform) -> None:
    """Decision D11: carried by its own image; without one by the document, an instance for each item."""
    regions = (
        b.scoord3d("POLYGON", TRIANGLE, b.image("1.2.1")),
        b.scoord3d("POINT", [1, 2, 3], b.image("1.2.1")),
        b.scoord3d("MULTIPOINT", [1, 2, 3, 4, 5, 6.5]),
        b.scoord3d("POINT", [7, 8, 9], ObservationUID="1.2.77"),
    )
    result = transform(grouped(*regions))
    found = one(result, "ImagingSelection", REGION_3D)
    assert found["code"] == concept(DCM, "111030", "Image Region")
    assert found["frameOfReferenceUid"] == FRAME
    document = {"uid": b.INSTANCE, "sopClass": SR_CLASS}
    assert found["instance"] == [
        {
            "uid": "1.2.1",
            "sopClass": CT_CLASS,
            "imageRegion3D": [in_space("polygon", TRIANGLE), in_space("point", [1, 2, 3])],
        },
        {
            **document,
            "subset": ["1\\1\\1\\3"],
            "imageRegion3D": [in_space("multipoint", [1, 2, 3, 4, 5, 6.5])],
        },
        {**document, "subset": ["1.2.77"], "imageRegion3D": [in_space("point", [7, 8, 9])]},
    ]
    assert derived(result) == [found]


def in_space(kind: str, coordinate: Sequence[float]) -> Json:
    return {"regionType": kind, "coordinate": list(coordinate)}


@pytest.mark.row("3.7.02")
def test_a_region_in_space_carried_by_the_segmented_image(transform: Transform) -> None:
    result = transform(grouped(b.scoord3d("POINT", [1, 2, 3]), b.image("1.2.1", concept=b.SOURCE_IMAGE)))
    instances = one(result, "ImagingSelection", REGION_3D)["instance"]
    assert [each["uid"] for each in instances] == ["1.2.1"]


@pytest.mark.row("3.7.02", "3.7.07")
def test_a_region_in_space_carried_by_the_segmented_series(transform: Transform) -> None:
    """Decision D46: what the evidence lists of the source series; it is a carrier, not a selection of its own."""
    result = transform(grouped(b.scoord3d("POINT", [1, 2, 3]), SERIES_NAMED, listed=SERIES_AND_IMAGES))
    (found,) = selections(result)
    assert claims(found, REGION_3D)
    assert [each["uid"] for each in found["instance"]] == ["1.2.1"]
    assert found["seriesUid"] == "1.2.90"
    assert category(result, "1.1.1.2") == "IG"


@pytest.mark.row("3.7.02")
def test_frames_of_reference(transform: Transform) -> None:
    """Decision D11: the first has the profile, a further one a code without display and no profile."""
    regions = (
        b.scoord3d("POINT", [1, 2, 3], b.image("1.2.1")),
        b.scoord3d("POINT", [4, 5, 6], b.image("1.2.1"), frame_of_reference=OTHER_FRAME),
    )
    result = transform(grouped(*regions))
    first, second = selections(result)
    assert claims(first, REGION_3D)
    assert "profile" not in second["meta"]
    assert second["code"] == {"coding": [{"system": DCM, "code": "111030"}], "text": "Image Region"}
    assert (first["frameOfReferenceUid"], second["frameOfReferenceUid"]) == (FRAME, OTHER_FRAME)
    assert derived(result) == [first, second]


@pytest.mark.row("3.7.02")
def test_no_frame_of_reference(transform: Transform) -> None:
    result = transform(grouped(b.scoord3d("POINT", [1, 2, 3], b.image("1.2.1"), frame_of_reference=None)))
    (found,) = selections(result)
    assert "profile" not in found["meta"]
    assert "frameOfReferenceUid" not in found
    assert found["instance"][0]["imageRegion3D"] == [in_space("point", [1, 2, 3])]
    assert [finding.severity for finding in result.findings if finding.where == "1.1.1.1"] == ["warning"]


@pytest.mark.row("3.7.02")
def test_graphics_in_space_that_are_none(transform: Transform) -> None:
    wrong = (b.scoord3d("CIRCLE", [1, 2, 3, 4, 5, 6]), b.scoord3d("POINT", [1, 2]), b.scoord3d("POINT", []))
    result = transform(grouped(*wrong))
    assert selections(result) == []
    assert [unmapped(result)[f"1.1.1.{n}"] for n in (1, 2, 3)] == ["invalid-value"] * 3
    said = {each.where: each.message for each in result.findings if each.code == "invalid-value"}
    assert said["1.1.1.1"] == "SCOORD3D has no Graphic Type CIRCLE (PS3.3 C.18.9.1.2)"
    assert "CIRCLE" not in said["1.1.1.2"] + said["1.1.1.3"]


@pytest.mark.row("3.7.03")
def test_volume_surface(transform: Transform) -> None:
    surfaces = (
        b.scoord3d("POLYGON", TRIANGLE, concept=VOLUME_SURFACE),
        b.scoord3d("ELLIPSOID", list(range(18)), concept=VOLUME_SURFACE),
        b.scoord3d("POLYGON", TRIANGLE, concept=VOLUME_SURFACE, frame_of_reference=OTHER_FRAME),
        b.image("1.2.1", concept=b.SOURCE_IMAGE),
    )
    result = transform(grouped(*surfaces))
    found, further = (each for each in selections(result) if "frameOfReferenceUid" in each)
    assert claims(found, SURFACE)
    assert found["code"] == concept(DCM, "121231", "Volume Surface")
    assert found["frameOfReferenceUid"] == FRAME
    assert [each["uid"] for each in found["instance"]] == ["1.2.1"]
    kinds = [each["regionType"] for each in found["instance"][0]["imageRegion3D"]]
    assert kinds == ["polygon", "ellipsoid"]
    assert one(result, "ImagingSelection", SEGMENTED) in [target(result, each) for each in found["focus"]]
    assert further["code"] == {"coding": [{"system": DCM, "code": "121231"}], "text": "Volume Surface"}
    assert "profile" not in further["meta"]
    assert derived(result) == [found, further]


@pytest.mark.row("3.7.03", "3.7.07")
def test_series_of_a_volume_surface(transform: Transform) -> None:
    """Decision D46: that of the source series; that of the document only where the document is the carrier."""
    surface = b.scoord3d("POLYGON", TRIANGLE, concept=VOLUME_SURFACE)
    source = b.image("1.2.1", concept=b.SOURCE_IMAGE)
    for content, listed, uid, series in (
        ((surface, SERIES_NAMED), SERIES_AND_IMAGES, "1.2.1", "1.2.90"),
        ((surface, source, SERIES_NAMED), [], "1.2.1", "1.2.90"),
        ((surface, source, SERIES_NAMED), [b.Instance("1.2.1")], "1.2.1", b.IMAGE_SERIES),
        ((surface, SERIES_NAMED), [], b.INSTANCE, b.SERIES),
        ((surface,), [], b.INSTANCE, b.SERIES),
    ):
        found = one(transform(grouped(*content, listed=listed)), "ImagingSelection", SURFACE)
        assert [each["uid"] for each in found["instance"]] == [uid]
        assert found["seriesUid"] == series
    result = transform(grouped(surface, SERIES_NAMED, listed=SERIES_AND_IMAGES))
    found, series = one(result, "ImagingSelection", SURFACE), one(result, "ImagingSelection", SEGMENTED)
    assert series in [target(result, each) for each in found["focus"]]
    assert f"ImagingSelection/{found['id']}.seriesUid" in elements(result, "1.1.1.2")


# ---- segmentations ---------------------------------------------------------------------------------------


@pytest.mark.row("3.7.04")
def test_referenced_segment(transform: Transform) -> None:
    result = transform(grouped(segment(segments=[1, 2]), segment("1.2.6")))
    found = one(result, "ImagingSelection", SEGMENT)
    assert found["code"] == concept(DCM, "121191", "Referenced Segment")
    assert found["seriesUid"] == b.IMAGE_SERIES
    unknown = {"_subset": [{"extension": absent("unknown")}]}
    assert found["instance"] == [
        {"uid": "1.2.5", "sopClass": SEGMENTATION_CLASS, "subset": ["1"]},
        {"uid": "1.2.5", "sopClass": SEGMENTATION_CLASS, "subset": ["2"]},
        {"uid": "1.2.6", "sopClass": SEGMENTATION_CLASS, **unknown},
    ]
    assert derived(result) == [found]


@pytest.mark.row("3.7.04")
def test_segment_of_another_class(transform: Transform) -> None:
    """The true class, no profile and a warning."""
    result = transform(grouped(segment(sop_class=SURFACE_SEGMENTATION, segments=[1])))
    (found,) = selections(result)
    assert "profile" not in found["meta"]
    expected = coding(SOP_CLASS, SURFACE_SEGMENTATION, "Surface Segmentation Storage")
    assert found["instance"] == [{"uid": "1.2.5", "sopClass": expected, "subset": ["1"]}]
    assert "warning" in [finding.severity for finding in result.findings if finding.where == "1.1.1.1"]


@pytest.mark.row("3.7.05")
def test_referenced_segmentation_frame(transform: Transform) -> None:
    """Decision D12: the frame number; where neither a frame nor a segment is named, it is not known."""
    frames = segment(concept=SEGMENTATION_FRAME, frames=[3, 4], segments=[1])
    unknown = segment("1.2.6", concept=SEGMENTATION_FRAME)
    result = transform(grouped(frames, unknown))
    found = one(result, "ImagingSelection", SEGMENT_FRAME)
    assert found["code"] == concept(DCM, "121214", "Referenced Segmentation Frame")
    assert found["instance"] == [
        {"uid": "1.2.5", "sopClass": SEGMENTATION_CLASS, "subset": ["3"]},
        {"uid": "1.2.5", "sopClass": SEGMENTATION_CLASS, "subset": ["4"]},
        {"uid": "1.2.6", "sopClass": SEGMENTATION_CLASS, "_subset": [{"extension": absent("unknown")}]},
    ]
    assert derived(result) == [found]
    assert [where for _, where in findings(result, "no-target") if where.startswith("1.1.1.1")]


@pytest.mark.row("3.7.05")
def test_a_segmentation_frame_without_a_frame_is_the_segment(transform: Transform) -> None:
    """Decision D47: the whole segment, in one selection with the segments that are named as such."""
    whole = segment("1.2.6", concept=SEGMENTATION_FRAME, segments=[2])
    result = transform(grouped(whole, segment(segments=[1])))
    found = one(result, "ImagingSelection", SEGMENT)
    assert not resources(result, "ImagingSelection", SEGMENT_FRAME)
    assert found["code"]["coding"] == [coding(DCM, "121191", "Referenced Segment")]
    assert found["instance"] == [
        {"uid": "1.2.6", "sopClass": SEGMENTATION_CLASS, "subset": ["2"]},
        {"uid": "1.2.5", "sopClass": SEGMENTATION_CLASS, "subset": ["1"]},
    ]
    assert derived(result) == [found]
    assert findings(result, "degraded") == [("warning", "1.1.1.1")]


@pytest.mark.row("3.7.05")
def test_segments_and_frames_of_one_concept_are_two_selections(transform: Transform) -> None:
    whole = segment("1.2.6", concept=SEGMENTATION_FRAME, segments=[2])
    frame = segment("1.2.6", concept=SEGMENTATION_FRAME, segments=[2], frames=[7])
    result = transform(grouped(frame, whole))
    frames, segments = (one(result, "ImagingSelection", kind) for kind in (SEGMENT_FRAME, SEGMENT))
    assert [each["subset"] for each in frames["instance"]] == [["7"]]
    assert [each["subset"] for each in segments["instance"]] == [["2"]]
    assert derived(result) == [frames, segments]


@pytest.mark.row("3.7.06")
def test_source_image_for_segmentation(transform: Transform) -> None:
    images = (
        b.image("1.2.1", concept=b.SOURCE_IMAGE, frames=[1, 2]),
        b.image("1.2.2", concept=b.SOURCE_IMAGE),
    )
    result = transform(grouped(segment(segments=[1]), *images))
    found = one(result, "ImagingSelection", SEGMENTED)
    assert found["code"]["coding"] == [coding(DCM, "121233", "Source image for segmentation")]
    assert found["seriesUid"] == b.IMAGE_SERIES
    assert found["instance"] == [
        {"uid": "1.2.1", "sopClass": CT_CLASS, "subset": ["1", "2"]},
        {"uid": "1.2.2", "sopClass": CT_CLASS},
    ]
    segmentation = one(result, "ImagingSelection", SEGMENT)
    assert found in [target(result, each) for each in segmentation["focus"]]
    assert derived(result) == [segmentation]


@pytest.mark.row("3.7.07")
def test_source_series_with_instances(transform: Transform) -> None:
    listed = [
        b.Instance("1.2.5", b.SEGMENTATION),
        b.Instance("1.2.1", series="1.2.90"),
        b.Instance("1.2.2", series="1.2.90"),
    ]
    result = transform(grouped(segment(segments=[1]), SERIES_NAMED, listed=listed))
    found = one(result, "ImagingSelection", SEGMENTED)
    assert found["seriesUid"] == "1.2.90"
    assert found["instance"] == [{"uid": uid, "sopClass": CT_CLASS} for uid in ("1.2.1", "1.2.2")]
    segmentation = one(result, "ImagingSelection", SEGMENT)
    assert found in [target(result, each) for each in segmentation["focus"]]
    assert derived(result) == [segmentation]


@pytest.mark.row("3.7.07")
def test_source_series_without_instances(transform: Transform) -> None:
    """Decision D12: a core selection of the series."""
    result = transform(grouped(segment(segments=[1]), SERIES_NAMED))
    segmentation, found = selections(result)
    assert "profile" not in found["meta"]
    assert found["code"]["coding"] == [coding(DCM, "121232", "Source series for segmentation")]
    assert found["seriesUid"] == "1.2.90"
    assert "instance" not in found
    assert found in [target(result, each) for each in segmentation["focus"]]
    assert derived(result) == [segmentation]


@pytest.mark.row("3.7.07")
def test_source_series_beside_source_images(transform: Transform) -> None:
    """One selection; the series fills in what the evidence does not tell."""
    content = (segment(segments=[1]), b.image("1.2.1", concept=b.SOURCE_IMAGE), SERIES_NAMED)
    for listed, series, reason in (
        ([], "1.2.90", None),
        ([b.Instance("1.2.1", series="1.2.90")], "1.2.90", None),
        ([b.Instance("1.2.1")], b.IMAGE_SERIES, "no-target"),
    ):
        result = transform(grouped(*content, listed=listed))
        found = one(result, "ImagingSelection", SEGMENTED)
        assert found["seriesUid"] == series
        assert len(selections(result)) == 2
        assert unmapped(result).get("1.1.1.3") == reason


@pytest.mark.row("3.7.07")
def test_source_series_with_a_uid_that_is_none(transform: Transform) -> None:
    """Decision D29: never truncated."""
    result = transform(grouped(segment(segments=[1]), b.uidref(b.SOURCE_SERIES, "1.2." + "3" * 62)))
    assert [each["code"]["coding"][0]["code"] for each in selections(result)] == ["121191"]
    assert unmapped(result)["1.1.1.2"] == "invalid-value"


# ---- other objects ---------------------------------------------------------------------------------------


@pytest.mark.row("3.7.08")
def test_region_in_space(transform: Transform) -> None:
    """Decisions D3, D25: the true class, our corrected profile, the display that the profile prescribes."""
    identifiers = (
        b.text(ROI_IDENTIFIER, "ROI 1", relationship="HAS PROPERTIES"),
        b.num(ROI_IDENTIFIER, "2", b.CUBIC_MM, relationship="HAS PROPERTIES"),
    )
    sets: Json = {"concept": REGION_IN_SPACE, "sop_class": RT_STRUCTURE_SET}
    result = transform(grouped(b.composite("1.2.8", *identifiers, **sets), b.composite("1.2.9", **sets)))
    found = one(result, "ImagingSelection", "region-in-space-corrected")
    assert not claims(found, "region-in-space")
    assert found["code"] == {**concept(DCM, "130488", "Region In Space"), "text": "Region in Space"}
    rt_class = coding(SOP_CLASS, RT_STRUCTURE_SET, "RT Structure Set Storage")
    assert found["instance"] == [
        {"uid": "1.2.8", "sopClass": rt_class, "subset": ["ROI 1", "2"]},
        {"uid": "1.2.9", "sopClass": rt_class, "_subset": [{"extension": absent("unknown")}]},
    ]
    assert derived(result) == [found]
    assert not {"1.1.1.1.1", "1.1.1.1.2"} & unmapped(result).keys()


@pytest.mark.row("3.7.08")
def test_region_in_space_as_the_guide_writes_it(transform: Transform) -> None:
    """Decision D3, form ig-literal: the published SOP class and profile, and a warning; another class stays as it is."""
    identifier = b.text(ROI_IDENTIFIER, "1", relationship="HAS PROPERTIES")
    sets: Json = {"concept": REGION_IN_SPACE, "sop_class": RT_STRUCTURE_SET}
    result = transform(grouped(b.composite("1.2.8", identifier, **sets)), form="ig-literal")
    found = one(result, "ImagingSelection", "region-in-space")
    assert not claims(found, "region-in-space-corrected")
    published = coding(SOP_CLASS, f"1{RT_STRUCTURE_SET}", "RT Structure Set Storage")
    assert found["instance"] == [{"uid": "1.2.8", "sopClass": published, "subset": ["1"]}]
    assert derived(result) == [found]
    assert findings(result, "conflict") == [("warning", "1.1.1.1")]
    other = transform(
        grouped(b.composite("1.2.8", identifier, concept=REGION_IN_SPACE, sop_class=b.CT)), form="ig-literal"
    )
    assert "profile" not in selections(other)[0]["meta"]
    assert selections(other)[0]["instance"][0]["sopClass"] == CT_CLASS


@pytest.mark.row("3.7.08")
def test_only_what_identifies_a_region_is_told(transform: Transform) -> None:
    """TEXT, and NUM, with a value; anything else with the concept of the identifier is reported."""
    children = (
        b.text(ROI_IDENTIFIER, "ROI 1", relationship="HAS PROPERTIES"),
        b.text(ROI_IDENTIFIER, "", relationship="HAS PROPERTIES"),
        b.num(ROI_IDENTIFIER, None, b.CUBIC_MM, relationship="HAS PROPERTIES"),
        b.code(ROI_IDENTIFIER, IMPRESSION, relationship="HAS PROPERTIES"),
        b.num(ROI_IDENTIFIER, "2", b.CUBIC_MM, relationship="HAS PROPERTIES"),
    )
    sets: Json = {"concept": REGION_IN_SPACE, "sop_class": RT_STRUCTURE_SET}
    beside = b.text(ROI_IDENTIFIER, "3", relationship="HAS ACQ CONTEXT")
    result = transform(grouped(b.composite("1.2.8", *children, **sets), beside))
    found = one(result, "ImagingSelection", "region-in-space-corrected")
    assert found["instance"][0]["subset"] == ["ROI 1", "2"]
    lost = unmapped(result)
    inside = {position for position in lost if position.startswith("1.1.1.1.")}
    assert inside == {"1.1.1.1.2", "1.1.1.1.3", "1.1.1.1.4"}
    assert "1.1.1.2" in lost


@pytest.mark.row("3.7.08")
@pytest.mark.parametrize("form", ["corrected", "ig-literal"])
def test_regions_in_space_of_several_classes(transform: Transform, form: str) -> None:
    """The profile is not claimed, as the warning says; the misprint is reported wherever it is written."""
    mixed = [
        b.composite(uid, concept=REGION_IN_SPACE, sop_class=sop_class)
        for uid, sop_class in (("1.2.8", RT_STRUCTURE_SET), ("1.2.9", b.CT))
    ]
    result = transform(grouped(*mixed), form=form)
    (found,) = selections(result)
    literal = form == "ig-literal"
    assert "profile" not in found["meta"]
    written = f"1{RT_STRUCTURE_SET}" if literal else RT_STRUCTURE_SET
    assert [each["sopClass"]["code"] for each in found["instance"]] == [written, b.CT]
    assert findings(result, "conflict") == [("warning", "1.1.1.1")] * (2 if literal else 1)


@pytest.mark.row("3.7.08")
def test_the_form_changes_nothing_else(transform: Transform) -> None:
    """Decision D3: only this one is misprinted."""
    given = grouped(
        segment(segments=[1]), b.scoord("CIRCLE", CIRCLE, b.image("1.2.1")), b.num(b.VOLUME, "1", b.CUBIC_MM)
    )
    assert transform(given, form="ig-literal").json == transform(given).json


@pytest.mark.row("3.7.09", "3.7.10")
def test_illustration_and_explanation(transform: Transform) -> None:
    result = transform(
        grouped(
            b.image("1.2.1", concept=ILLUSTRATION, frames=[2]),
            b.image("1.2.2", concept=EXPLANATION, frames=[1, 2]),
            b.composite("1.2.3", concept=EXPLANATION, sop_class=b.CT),
        )
    )
    illustration = one(result, "ImagingSelection", "illustration-of-roi")
    assert illustration["code"] == concept(DCM, "121200", "Illustration of ROI")
    assert illustration["instance"] == [{"uid": "1.2.1", "sopClass": CT_CLASS, "subset": ["2"]}]
    explanation = one(result, "ImagingSelection", "visual-explanation")
    assert explanation["code"] == {
        **concept(DCM, "130401", "Visual Explanation"),
        "text": "Visual explanation",
    }
    assert explanation["instance"] == [
        {"uid": "1.2.2", "sopClass": CT_CLASS, "subset": ["1", "2"]},
        {"uid": "1.2.3", "sopClass": CT_CLASS},
    ]
    assert derived(result) == [illustration, explanation]


@pytest.mark.row("3.7.11")
def test_real_world_value_map(transform: Transform) -> None:
    result = transform(grouped(b.composite("1.2.4", concept=VALUE_MAP_USED)))
    found = one(result, "ImagingSelection", "real-world-value-map")
    assert found["code"] == concept(DCM, "126100", "Real World Value Map used for measurement")
    map_class = coding(SOP_CLASS, b.VALUE_MAP, "Real World Value Mapping Storage")
    assert found["instance"] == [{"uid": "1.2.4", "sopClass": map_class}]
    assert derived(result) == [found]
    other = transform(grouped(b.composite("1.2.4", concept=VALUE_MAP_USED, sop_class=b.CT)))
    assert "profile" not in selections(other)[0]["meta"]


@pytest.mark.row("3.7.12")
def test_other_references(transform: Transform) -> None:
    references = (
        b.image("1.2.1", concept=SOURCE_OF_MEASUREMENT, frames=[2]),
        b.image("1.2.2", concept=SOURCE),
        b.composite("1.2.3", sop_class=b.CT),
        b.waveform("1.2.4", concept=CENTRE, channels=[1, 1]),
        b.scoord("POINT", [1, 2], b.image("1.2.1"), concept=CENTRE),
        b.scoord3d("POINT", [1, 2, 3], b.image("1.2.1"), concept=CENTRE),
    )
    result = transform(grouped(*references))
    found = selections(result)
    assert all("profile" not in each["meta"] for each in found)
    centre = {"coding": [coded(CENTRE)]}
    codes = [each["code"] for each in found]
    assert codes == [
        concept(DCM, "121112", "Source of Measurement"),
        concept(SCT, "260753009", "Source"),
        concept(DCM, "121112", "Source of Measurement"),
        centre,
        centre,
        centre,
    ]
    ecg = coding(SOP_CLASS, b.ECG, "12-lead ECG Waveform Storage")
    flat, space = point(1, 2), in_space("point", [1, 2, 3])
    assert [each["instance"] for each in found] == [
        [{"uid": "1.2.1", "sopClass": CT_CLASS, "subset": ["2"]}],
        [{"uid": "1.2.2", "sopClass": CT_CLASS}],
        [{"uid": "1.2.3", "sopClass": CT_CLASS}],
        [{"uid": "1.2.4", "sopClass": ecg}],
        [{"uid": "1.2.1", "sopClass": CT_CLASS, "imageRegion2D": [flat]}],
        [{"uid": "1.2.1", "sopClass": CT_CLASS, "imageRegion3D": [space]}],
    ]
    assert derived(result) == found
    assert "1.1.1.4" in [where for _, where in findings(result, "no-target")]


@pytest.mark.row("3.7.12")
def test_other_references_over_several_series_and_studies(transform: Transform) -> None:
    """Decision D48: one selection for each study and series; what is not listed is one more."""
    source = b.Code("121112", "DCM", "Source of Measurement")
    images = [b.image(f"1.2.{n}", concept=source) for n in (1, 2, 3, 4)]
    listed = [
        b.Instance("1.2.1"),
        b.Instance("1.2.2", series="1.2.90"),
        b.Instance("1.2.3"),
    ]
    result = transform(grouped(*images, listed=listed))
    first, second, unlisted = selections(result)
    assert (first["seriesUid"], second["seriesUid"]) == (b.IMAGE_SERIES, "1.2.90")
    assert [[each["uid"] for each in found["instance"]] for found in (first, second, unlisted)] == [
        ["1.2.1", "1.2.3"],
        ["1.2.2"],
        ["1.2.4"],
    ]
    assert not {"seriesUid", "studyUid"} & unlisted.keys()
    assert derived(result) == [first, second, unlisted]
    assert unshared(result) == []
    assert not unmapped(result).keys() & {f"1.1.1.{n}" for n in (1, 2, 3, 4)}


@pytest.mark.row("3.7.12")
def test_one_graphic_on_images_of_two_series(transform: Transform) -> None:
    """Decision D48: its two selections cannot both have the id of the item."""
    landmark = b.Code("111010", "DCM", "Center")
    graphic = b.scoord("POINT", [1, 2], b.image("1.2.1"), b.image("1.2.2"), concept=landmark)
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2", series="1.2.90", study="1.2.91")]
    measured_on = b.num(b.VOLUME, "1", b.CUBIC_MM, b.by_reference("INFERRED FROM", 1, 1, 1))
    result = transform(grouped(graphic, measured_on, listed=listed))
    first, second = selections(result)
    assert [each["seriesUid"] for each in (first, second)] == [b.IMAGE_SERIES, "1.2.90"]
    assert [each["studyUid"] for each in (first, second)] == [b.STUDY, "1.2.91"]
    assert first["instance"][0]["imageRegion2D"] == second["instance"][0]["imageRegion2D"] == [point(1, 2)]
    # the number refers to that graphic, hence to both
    assert derived(result, observation(result, b.VOLUME.value)) == [first, second]


@pytest.mark.row("3.7.12")
def test_references_without_a_concept_name(transform: Transform) -> None:
    """A region without a name is an Image Region, another reference a Source of Measurement."""
    unnamed = (
        b.scoord("POINT", [1, 2], b.image("1.2.1"), concept=None),
        b.scoord3d("POINT", [1, 2, 3], b.image("1.2.1"), concept=None),
        b.image("1.2.1"),
        b.tcoord("POINT", offsets=["1.5"]),
    )
    result = transform(grouped(*unnamed))
    assert {"image-region-2d", "image-region-3d"} == {
        each["meta"]["profile"][0].rpartition("/")[2]
        for each in selections(result)
        if "profile" in each["meta"]
    }
    assert one(result, "ImagingSelection", REGION_2D)["code"] == concept(DCM, "111030", "Image Region")
    (other,) = (each for each in selections(result) if "profile" not in each["meta"])
    assert other["code"] == concept(DCM, "121112", "Source of Measurement")
    assert unmapped(result)["1.1.1.4"] == "no-target"


# ---- the item of the report itself -----------------------------------------------------------------------


@pytest.mark.row("3.7.13")
def test_source_sr_content_item(transform: Transform) -> None:
    """Decision D22: the Observation UID, else the position, of what stands for itself."""
    own = b.num(b.VOLUME, "2", b.CUBIC_MM, ObservationUID="1.2.77")
    alone = b.evaluations(b.code(SUBTLETY, IMPRESSION))
    result = transform(
        b.measurement_report(
            b.imaging_measurements(b.group(measured(), own), measured()), alone, AccessionNumber="A-1"
        )
    )
    found = resources(result, "ImagingSelection", ORIGINAL)
    assert {each["instance"][0]["subset"][0] for each in found} == {"1\\1\\1", "1.2.77", "1\\1\\2", "1\\2\\1"}
    for each in found:
        assert each["code"] == concept(DCM, "111040", "Original Source")
        assert (each["studyUid"], each["seriesUid"], each["status"]) == (b.STUDY, b.SERIES, "available")
        assert each["instance"][0].items() >= {"uid": b.INSTANCE, "sopClass": SR_CLASS}.items()
        assert len(each["instance"]) == 1
        assert each["subject"]["reference"] == urn(one(result, "Patient"))
        assert each["basedOn"][0]["reference"] == urn(one(result, "ServiceRequest"))
        assert not {"bodySite", "focus"} & set(each)
    counts = [len(each["derivedFrom"]) for each in resources(result, "Observation")]
    assert counts == [1] * 5


@pytest.mark.row("3.7.13")
@pytest.mark.parametrize("sop_class", SR_CLASSES)
def test_classes_of_reports(transform: Transform, sop_class: str) -> None:
    result = transform(grouped(SOPClassUID=sop_class))
    (instance,) = one(result, "ImagingSelection", ORIGINAL)["instance"]
    assert instance["sopClass"] == coding(SOP_CLASS, sop_class, SR_CLASSES[sop_class])


# ---- items reached by reference --------------------------------------------------------------------------


@pytest.mark.row("3.7.01")
def test_regions_reached_by_reference(transform: Transform) -> None:
    """Decision D31: one of several regions makes a selection of its own, the only one is the group's."""
    regions = [b.scoord("POINT", [n, n], b.image("1.2.1")) for n in (1, 2)]
    second = measured(b.by_reference(INFERRED, 1, 1, 1, 2))
    result = transform(grouped(*regions, second))
    (own,) = derived(result, observation(result, b.VOLUME.value))
    assert [each["imageRegion2D"] for each in own["instance"]] == [[point(2, 2)]]
    assert own not in derived(result)
    assert len(derived(result)[0]["instance"]) == 2
    alone = b.scoord("POINT", [1, 1], b.image("1.2.1"))
    result = transform(grouped(alone, measured(b.by_reference(INFERRED, 1, 1, 1, 1))))
    assert derived(result, observation(result, b.VOLUME.value)) == derived(result)
    assert len(selections(result)) == 1


@pytest.mark.row("3.7.01")
def test_an_image_reached_by_reference(transform: Transform) -> None:
    """Decision D31: a by-reference SELECTED FROM image counts as if it stood there."""
    result = transform(grouped(b.image("1.2.1"), b.scoord("POINT", [1, 2], b.by_reference("", 1, 1, 1, 1))))
    (instance,) = one(result, "ImagingSelection", REGION_2D)["instance"]
    assert instance == {"uid": "1.2.1", "sopClass": CT_CLASS, "imageRegion2D": [point(1, 2)]}


@pytest.mark.row("3.7.09")
def test_an_instance_whose_uid_is_none(transform: Transform) -> None:
    """Section 5.2, decision D29: no reference, no selection."""
    result = transform(grouped(b.image("1.2." + "3" * 62, concept=ILLUSTRATION)))
    assert selections(result) == []
    assert unmapped(result)["1.1.1.1"] == "invalid-value"
