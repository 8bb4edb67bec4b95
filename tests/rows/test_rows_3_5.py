"""Rows of section 3.5: the body of the document."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import InputError, Result

from tests import builders as b
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    SCT,
    category,
    claims,
    concept,
    findings,
    observation,
    one,
    resources,
    target,
    unmapped,
)

LENGTH = b.Code("410668003", "SCT", "Length")
MEAN = b.Code("373098007", "SCT", "Mean")
CONCLUSION = b.Code("121077", "DCM", "Conclusion")
PROCEDURE_REPORTED = b.Code("121058", "DCM", "Procedure reported")
CHEST = b.Code("24627-2", "LN", "CT Chest")
TITLES = [
    b.Code("126000", "DCM", "Imaging Measurement Report"),
    b.Code("126001", "DCM", "Oncology Measurement Report"),
    b.Code("126002", "DCM", "Dynamic Contrast MR Measurement Report"),
    b.Code("126003", "DCM", "PET Measurement Report"),
]
MEASURED = b.num(b.VOLUME, "1", b.CUBIC_MM)


def codes(result: Result) -> list[str]:
    """Return the first code of each Observation, in the order of the Bundle."""
    return [each["code"]["coding"][0]["code"] for each in resources(result, "Observation")]


@pytest.mark.row("3.5.01")
def test_the_title_of_the_report(transform: Transform) -> None:
    for title in TITLES:
        result = transform(b.measurement_report(b.imaging_measurements(MEASURED), title=title, template=None))
        assert title.value.encode() not in result.json
        assert "1" not in unmapped(result)
    with pytest.raises(InputError):
        transform(b.measurement_report(title=b.Code("121144", "DCM", "Document Title"), template=None))


@pytest.mark.row("3.5.02")
def test_procedure_reported(transform: Transform) -> None:
    stated = [
        b.code(PROCEDURE_REPORTED, CHEST, relationship="HAS CONCEPT MOD"),
        b.code(PROCEDURE_REPORTED, b.Code("77477000", "SCT", "CT"), relationship="HAS CONCEPT MOD"),
    ]
    result = transform(b.measurement_report(*stated))
    assert one(result, "ImagingStudy")["procedure"] == [
        {"concept": concept("http://loinc.org", "24627-2", "CT Chest")},
        {"concept": concept(SCT, "77477000", "CT")},
    ]
    assert not {"1.1", "1.2"} & set(unmapped(result))
    assert "procedure" not in one(transform(b.measurement_report()), "ImagingStudy")


def acquired(day: str, hour: str | None) -> list[Dataset]:
    """Return acquisition date and time as the Image Library has them."""
    items = [b.date(b.ACQUISITION_DATE, day, relationship="HAS ACQ CONTEXT")]
    return items + ([b.time(b.ACQUISITION_TIME, hour, relationship="HAS ACQ CONTEXT")] if hour else [])


MODALITY = b.code(
    b.Code("121139", "DCM", "Modality"),
    b.Code("CT", "DCM", "Computed Tomography"),
    relationship="HAS ACQ CONTEXT",
)


def drawn(*uids: str) -> Dataset:
    """Return a group with a region in each of these images."""
    return b.group(*(b.scoord("POINT", [1, 2], b.image(uid)) for uid in uids), MEASURED)


def effective(result: Result) -> set[str | None]:
    return {each.get("effectiveDateTime") for each in resources(result, "Observation")}


@pytest.mark.row("3.5.03")
def test_the_image_library_is_left_out_but_for_the_acquisition_time(transform: Transform) -> None:
    library = b.image_library(b.image("1.2.3", *acquired("20231224", "183000"), MODALITY), b.image("1.2.99"))
    result = transform(b.measurement_report(library, b.imaging_measurements(drawn("1.2.3"))))
    assert effective(result) == {"2023-12-24T18:30:00+01:00"}
    assert {"1.1.1.1", "1.1.1.1.3", "1.1.1.2"} <= set(unmapped(result))
    assert not {"1.1.1.1.1", "1.1.1.1.2"} & set(unmapped(result))
    assert b"1.2.99" not in result.json
    assert len(resources(result, "ImagingSelection")) == 2
    assert one(result, "ImagingSelection", "image-region-2d")["seriesUid"] == "1.2.840.99.4"


@pytest.mark.row("3.5.03")
def test_acquisition_time_of_a_library_group(transform: Transform) -> None:
    grouped = b.image_library(*acquired("20231224", None), b.image("1.2.3"))
    result = transform(b.measurement_report(grouped, b.imaging_measurements(drawn("1.2.3"))))
    assert effective(result) == {"2023-12-24"}


STUDY_STARTED = "2024-01-02T10:15:00+01:00"


@pytest.mark.row("3.5.03")
def test_acquisition_times_that_do_not_settle_it(transform: Transform) -> None:
    """Decision D14: all images of the item must be in the library and agree, else the study's time holds."""
    dates = {"1.2.3": "20231224", "1.2.4": "20231225"}
    for listed, uids in (
        (("1.2.3", "1.2.4"), ("1.2.3", "1.2.4")),
        (("1.2.3",), ("1.2.3", "1.2.4")),
        (("1.2.3",), ("1.2.5",)),
    ):
        library = b.image_library(*(b.image(uid, *acquired(dates[uid], "183000")) for uid in listed))
        result = transform(b.measurement_report(library, b.imaging_measurements(drawn(*uids))))
        assert {"1.1", "1.1.1", "1.1.1.1", "1.1.1.1.1", "1.1.1.1.2"} <= set(unmapped(result))
        assert effective(result) == {STUDY_STARTED}


@pytest.mark.row("3.5.04")
def test_groups_of_all_imaging_measurements(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            b.imaging_measurements(b.group(MEASURED)),
            b.imaging_measurements(b.group(b.num(LENGTH, "2", b.CUBIC_MM)), b.group()),
        )
    )
    assert sorted(codes(result)) == sorted([b.VOLUME.value, LENGTH.value, *["125007"] * 3])
    assert not {"1.1", "1.2"} & set(unmapped(result))


@pytest.mark.row("3.5.05")
def test_groups_in_unusual_places(transform: Transform) -> None:
    result = transform(
        b.measurement_report(b.group(MEASURED), b.evaluations(b.group(b.num(LENGTH, "2", b.CUBIC_MM))))
    )
    assert len(resources(result, "Observation", "imaging-measurement-group")) == 2
    assert {b.VOLUME.value, LENGTH.value} <= set(codes(result))
    assert not unmapped_items(result)


def unmapped_items(result: Result) -> list[str]:
    """Return the positions of content items that reached no element."""
    return [source for source in unmapped(result) if source.startswith("1")]


@pytest.mark.row("3.5.05")
def test_measurements_and_evaluations_without_a_group(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            b.imaging_measurements(
                MEASURED,
                b.code(b.FINDING, b.Code("52988006", "SCT", "Lesion")),
                b.text(CONCLUSION, "none"),
                b.text(b.Code("121106", "DCM", "Comment"), "of no use", relationship="HAS PROPERTIES"),
            )
        )
    )
    measured = observation(result, b.VOLUME.value)
    assert claims(measured, "imaging-measurement")
    assert claims(observation(result, b.FINDING.value), "imaging-qualitative-evaluation")
    assert observation(result, CONCLUSION.value)["valueCodeableConcept"] == {"text": "none"}
    assert unmapped_items(result) == ["1.1.4"]
    sources = resources(result, "ImagingSelection", "source-sr-content-item")
    assert [each["instance"][0]["subset"] for each in sources] == [["1\\1\\1"], ["1\\1\\2"], ["1\\1\\3"]]
    assert [len(each["derivedFrom"]) for each in resources(result, "Observation")] == [1, 1, 1]


@pytest.mark.row("3.5.05")
def test_items_directly_under_the_root(transform: Transform) -> None:
    """Decision D45: as if Imaging Measurements contained them, and the report says where they stand."""
    content = (MEASURED, b.code(LENGTH, CHEST), b.text(CONCLUSION, "none"))
    aside = b.text(b.Code("121106", "DCM", "Comment"), "of no use", relationship="HAS PROPERTIES")
    asked = b.code(PROCEDURE_REPORTED, CHEST)
    result = transform(b.measurement_report(*content, aside, asked))
    assert codes(result) == [b.VOLUME.value, LENGTH.value, CONCLUSION.value]
    sources = resources(result, "ImagingSelection", "source-sr-content-item")
    assert [each["instance"][0]["subset"] for each in sources] == [["1\\1"], ["1\\2"], ["1\\3"]]
    assert findings(result, "out-of-scope-place") == [("warning", f"1.{n}") for n in (1, 2, 3)]
    assert [category(result, f"1.{n}") for n in (1, 2, 3)] == ["SUPP"] * 3
    assert unmapped_items(result) == ["1.4"]
    assert one(result, "ImagingStudy")["procedure"][0]["concept"]["coding"][0]["code"] == "24627-2"


@pytest.mark.row("3.5.08")
def test_evaluations_within_a_group(transform: Transform) -> None:
    """Decision D45: its children are members of the group, whatever is nested in it."""
    inner = b.evaluations(b.text(CONCLUSION, "none"), b.group(b.num(LENGTH, "2", b.CUBIC_MM)))
    group = b.group(MEASURED, b.evaluations(b.num(MEAN, "1", b.CUBIC_MM), inner))
    for content in (b.imaging_measurements(group), b.derived_measurements(group)):
        result = transform(b.measurement_report(content))
        outer = resources(result, "Observation", "imaging-measurement-group")[0]
        members = [target(result, each)["code"]["coding"][0]["code"] for each in outer["hasMember"]]
        assert members == [b.VOLUME.value, MEAN.value, CONCLUSION.value, "125007"]
        (source,) = outer["derivedFrom"]
        for code in (MEAN.value, CONCLUSION.value):
            assert observation(result, code)["derivedFrom"] == [source]
        assert not unmapped_items(result)


@pytest.mark.row("3.5.06")
def test_other_containers_of_imaging_measurements(transform: Transform) -> None:
    other = b.container(
        b.Code("121070", "DCM", "Findings"), b.num(LENGTH, "2", b.CUBIC_MM), b.text(CONCLUSION, "none")
    )
    result = transform(b.measurement_report(b.imaging_measurements(MEASURED, other)))
    assert codes(result) == [b.VOLUME.value]
    assert findings(result, "out-of-scope-container") == [("information", "1.1.2")]
    places = ("1.1.2", "1.1.2.1", "1.1.2.2")
    assert {place: unmapped(result).get(place) for place in places} == dict.fromkeys(
        places, "out-of-scope-container"
    )


@pytest.mark.row("3.5.07")
def test_derived_measurements_at_both_places(transform: Transform) -> None:
    derived = b.derived_measurements(b.num(MEAN, "1", b.CUBIC_MM))
    for content in (
        (b.imaging_measurements(MEASURED), derived),
        (b.imaging_measurements(MEASURED, derived),),
    ):
        result = transform(b.measurement_report(*content))
        made = observation(result, MEAN.value)
        assert made["category"] == [concept(DCM, "126011", "Derived Imaging Measurements")]
        assert not unmapped_items(result)


@pytest.mark.row("3.5.08")
def test_evaluations_at_both_places(transform: Transform) -> None:
    evaluated = b.evaluations(b.text(CONCLUSION, "none"))
    for content in ((b.imaging_measurements(), evaluated), (b.imaging_measurements(evaluated),)):
        result = transform(b.measurement_report(*content))
        made: dict[str, Any] = one(result, "Observation", "imaging-qualitative-evaluation")
        assert made["code"] == concept(DCM, "121077", "Conclusion")


@pytest.mark.row("3.5.09")
def test_other_children_of_the_root(transform: Transform) -> None:
    result = transform(
        b.measurement_report(
            b.imaging_measurements(MEASURED),
            b.container(
                b.Code("121070", "DCM", "Findings"),
                b.text(b.FINDING, "of no use"),
                b.group(b.num(LENGTH, "2", b.CUBIC_MM)),
            ),
            b.text(b.Code("121106", "DCM", "Comment"), "of no use", relationship="HAS PROPERTIES"),
            b.composite("1.2.70"),
        )
    )
    assert codes(result) == [b.VOLUME.value]
    assert {"1.2", "1.2.1", "1.2.2", "1.2.2.1", "1.3", "1.4"} == set(unmapped_items(result))
    assert b"of no use" not in result.json
    assert b"1.2.70" not in result.json


@pytest.mark.row("3.5.01", "3.5.02", "3.5.03", "3.5.04", "3.5.05", "3.5.06", "3.5.07", "3.5.08", "3.5.09")
def test_every_item_is_in_its_class(transform: Transform) -> None:
    """The rows of the table: containers are structure, what stands in them is or is not a target of the guide."""
    result = transform(
        b.measurement_report(
            b.code(PROCEDURE_REPORTED, CHEST, relationship="HAS CONCEPT MOD"),
            b.image_library(b.image("1.2.3", *acquired("20231224", "183000"), MODALITY)),
            b.imaging_measurements(
                drawn("1.2.3"), MEASURED, b.container(b.Code("121070", "DCM", "Findings"), MEASURED)
            ),
            b.derived_measurements(b.num(MEAN, "1", b.CUBIC_MM)),
            b.evaluations(b.text(CONCLUSION, "none")),
            b.text(b.Code("121106", "DCM", "Comment"), "of some use"),
            b.composite("1.2.70"),
        )
    )
    expected = {
        "1": "CONTEXT",
        "1.1": "SUPP",
        "1.2.1.1": "UNM",
        "1.2.1.1.1": "SUPP",
        "1.2.1.1.2": "SUPP",
        "1.2.1.1.3": "UNM",
        "1.3": "CONTEXT",
        "1.3.1": "IG",
        "1.3.1.1": "IG",
        "1.3.1.2": "IG",
        "1.3.2": "SUPP",
        "1.3.3": "UNM",
        "1.3.3.1": "UNM",
        "1.4": "CONTEXT",
        "1.4.1": "IG",
        "1.5": "CONTEXT",
        "1.5.1": "IG",
        "1.6": "SUPP",
        "1.7": "UNM",
    }
    assert {place: category(result, place) for place in expected} == expected
