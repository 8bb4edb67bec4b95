"""The Image Library of a manifest in the logical model (TID 1600 to 1602, IHE RAD MADO 6.X.2.9)."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Rendering, render

from samples.key_objects import manifest as m
from samples.key_objects.make import FOLDER
from tests import builders as b

Json = dict[str, Any]
ACQUIRED = "HAS ACQ CONTEXT"
FIRST, SECOND = "1.2.1", "1.2.2"
TRIAL = b.Code("MADOTEMP001", "99IHE", "Manifest with Description")


def text(concept: b.Code, value: str) -> Dataset:
    return b.text(concept, value, relationship=ACQUIRED)


def library(*children: Dataset) -> Dataset:
    return b.container(b.IMAGE_LIBRARY, *children)


def group(*children: Dataset) -> Dataset:
    return b.container(b.IMAGE_LIBRARY_GROUP, *children)


def rendered(*children: Dataset, title: b.Code = m.MANIFEST_WITH_DESCRIPTION, **header: Any) -> Rendering:
    listed = [b.Instance(FIRST), b.Instance(SECOND)]
    return render(
        b.key_objects(*children, b.image(FIRST), b.image(SECOND), title=title, listed=listed, **header)
    )


def series(rendering: Rendering) -> Json:
    (study,) = rendering.document["evidence"]
    (found,) = study["series"]
    return found


def instances(rendering: Rendering) -> list[Json]:
    return series(rendering)["instance"]


def findings(rendering: Rendering) -> list[tuple[str, str]]:
    return [(finding.code, finding.where) for finding in rendering.findings]


def test_a_manifest_states_the_study_its_series_and_its_instances():
    (study,) = render(m.manifest()).document["evidence"]
    assert [each["coding"][0]["code"] for each in study["modality"]] == ["CT", "US", "KO", "ECG"]
    assert [each["coding"][0]["display"] for each in study["targetRegion"]] == ["Upper trunk", "Knee"]
    assert (study["numberOfSeries"], study["_numberOfSeries"]["id"]) == (4, "1.5.7")
    slices, loops, key_objects, traces = study["series"]
    assert slices["modalityConcept"]["coding"][0]["code"] == "CT"
    assert (slices["number"], slices["description"]) == (1, "Thorax, lung window")
    assert slices["started"] == "2026-04-14T10:20:30.5+01:00"
    assert slices["_started"]["id"] == "1.5.8.2-1.5.8.3"
    assert slices["bodySite"]["coding"][0]["code"] == m.UPPER_TRUNK.value
    assert slices["numberOfInstances"] == 3
    assert [each["number"] for each in slices["instance"]] == [1, 2, 3]
    assert loops["laterality"] == {
        "id": "1.5.9.8",
        "coding": [{"system": "http://snomed.info/sct", "code": "7771000", "display": "Left"}],
    }
    assert loops["instance"][0]["numberOfFrames"] == 48
    (document,) = key_objects["instance"]
    assert document["documentTitle"]["coding"][0]["code"] == b.OF_INTEREST.value
    assert (document["title"], document["_title"]["id"]) == ("Nodule, middle lobe", "1.5.10.5.2")
    assert "started" not in traces
    assert traces["instance"][0]["number"] == 1


@pytest.mark.parametrize("name", ["real_ihe_mado_study_a", "real_ihe_mado_study_b"])
def test_the_samples_of_ihe_are_read_although_they_are_not_as_its_volume_says(name: str):
    """Codes of the trial; Instance Number before each entry; a count as TEXT `(50, UCUM, "instances")`."""
    rendering = render(FOLDER / f"{name}.dcm")
    (study,) = rendering.document["evidence"]
    assert study["numberOfSeries"] == len(study["series"]) == 2
    for each in study["series"]:
        assert each["numberOfInstances"] == len(each["instance"])
        if each["modalityConcept"]["coding"][0]["code"] == "CT":
            # they are numbered in the order of the list
            assert [one["number"] for one in each["instance"]] == [*range(1, len(each["instance"]) + 1)]
        else:
            assert each["instance"][0]["documentTitle"]["coding"][0]["display"] == "Of Interest"
            assert each["instance"][0]["title"] == "Significant DICOM Instances"
        assert each["started"].endswith("+01:00")
    told = {code for code, where in findings(rendering) if where.startswith("1.1.")}
    assert told >= {"non-conformant-value"}
    assert "conflict" not in {code for code, where in findings(rendering) if where.startswith("1.1.4.8")}


def test_a_key_object_note_describes_no_study():
    note = rendered(library(group(text(m.SERIES_NUMBER, "4"), b.image(FIRST))), title=b.OF_INTEREST)
    assert "manifest" not in note.document
    assert "number" not in series(note)


@pytest.mark.parametrize(
    "title",
    [
        b.Code("113030", "DCM", "Manifest"),
        b.Code("113031", "DCM", "Signed Manifest"),
        m.MANIFEST_WITH_DESCRIPTION,
        TRIAL,
    ],
)
def test_manifests_are_known_by_their_titles(title: b.Code):
    assert rendered(title=title).document["manifest"] is True


def test_a_group_without_a_series_uid_is_of_the_series_of_its_entries():
    found = rendered(library(group(text(m.SERIES_NUMBER, "4"), b.image(FIRST), b.image(SECOND))))
    assert series(found)["number"] == 4


def test_a_group_of_no_one_series_is_reported():
    found = rendered(library(group(text(m.SERIES_NUMBER, "4"), b.image("1.2.99"))))
    assert "number" not in series(found)
    assert ("no-target", "1.1.1") in findings(found)
    assert ("missing-evidence", "1.1.1.2") in findings(found)


def test_what_stands_once_in_a_group_holds_for_all_its_entries():
    frames = b.num(m.NUMBER_OF_FRAMES, "12", m.FRAMES_UNIT, relationship=ACQUIRED)
    found = rendered(library(group(frames, b.image(FIRST), b.image(SECOND))))
    assert [each["numberOfFrames"] for each in instances(found)] == [12, 12]


def test_an_instance_number_that_stands_once_before_several_entries_is_of_none():
    found = rendered(library(group(text(m.INSTANCE_NUMBER, "1"), b.image(FIRST), b.image(SECOND))))
    assert not any("number" in each for each in instances(found))
    assert ("no-target", "1.1.1.1") in findings(found)


def test_an_entry_overrides_its_group():
    """TID 1601: descriptors of an entry override those of the group."""
    of_group = b.num(m.NUMBER_OF_FRAMES, "12", m.FRAMES_UNIT, relationship=ACQUIRED)
    of_entry = b.num(m.NUMBER_OF_FRAMES, "30", m.FRAMES_UNIT, relationship=ACQUIRED)
    found = rendered(library(group(of_group, b.image(FIRST, of_entry), b.image(SECOND))))
    assert [each["numberOfFrames"] for each in instances(found)] == [30, 12]
    assert "multiplicity" not in {code for code, _ in findings(found)}


@pytest.mark.parametrize(("written", "number"), [("007", 7), ('(50, UCUM, "instances")', 50)])
def test_whole_numbers_are_read_out_of_text(written: str, number: int):
    found = rendered(library(group(text(m.NUMBER_OF_INSTANCES, written), b.image(FIRST))))
    assert series(found)["numberOfInstances"] == number


@pytest.mark.parametrize("written", ["1.5", "-1", "many", "12345678901"])
def test_what_is_no_whole_number_is_reported(written: str):
    found = rendered(library(group(text(m.SERIES_NUMBER, written), b.image(FIRST))))
    assert "number" not in series(found)
    assert ("invalid-value", "1.1.1.1") in findings(found)


def test_a_number_that_is_not_that_of_the_evidence_is_reported_and_kept():
    counts = b.num(m.NUMBER_OF_INSTANCES, "9", m.INSTANCES_UNIT, relationship=ACQUIRED)
    found = rendered(library(group(counts, b.image(FIRST))))
    assert series(found)["numberOfInstances"] == 9
    assert ("conflict", "1.1.1.1") in findings(found)


def test_a_second_description_is_the_same_or_reported():
    same, other = text(m.SERIES_DESCRIPTION, "Thorax"), text(m.SERIES_DESCRIPTION, "Abdomen")
    found = rendered(library(group(text(m.SERIES_DESCRIPTION, "Thorax"), same, other, b.image(FIRST))))
    assert series(found)["description"] == "Thorax"
    assert [where for code, where in findings(found) if code == "multiplicity"] == ["1.1.1.3"]


def test_the_time_of_day_of_a_series_needs_an_offset():
    when = [
        b.date(m.SERIES_DATE, "20260414", relationship=ACQUIRED),
        b.time(m.SERIES_TIME, "1020", relationship=ACQUIRED),
    ]
    found = rendered(library(group(*when, b.image(FIRST))), TimezoneOffsetFromUTC=None)
    assert (series(found)["started"], series(found)["_started"]["id"]) == ("2026-04-14", "1.1.1.1")
    assert ("assumed-offset", "1.1.1.2") in findings(found)


def test_a_region_may_be_a_text():
    found = rendered(library(group(text(m.TARGET_REGION, "CHEST"), b.image(FIRST))))
    assert series(found)["bodySite"] == {"id": "1.1.1.1", "text": "CHEST"}


def test_the_date_of_the_study_repeats_that_of_the_header():
    study_date = b.Code("111060", "DCM", "Study Date")
    found = rendered(
        library(
            group(
                b.date(study_date, "20240102", relationship=ACQUIRED),
                b.date(study_date, "20240103", relationship=ACQUIRED),
                b.image(FIRST),
            )
        )
    )
    same = {record.position: record.same_as for record in found.items}
    assert (same["1.1.1.1"], same["1.1.1.2"]) == ("StudyDate", None)
