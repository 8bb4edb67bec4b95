"""Rows of manifests: the evidence and the Image Library (TID 1600 to 1602, IHE RAD MADO)."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataelem import DataElement
from sr2fhir import Result

from samples.key_objects import manifest as m
from tests import builders as b
from tests.builders.items import sequence_item
from tests.rows.conftest import Transform
from tests.rows.look import DCM, absent, category, findings, one, resources, unmapped, urn

Json = dict[str, Any]
MADO = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/"
MANIFEST = b.Code("113030", "DCM", "Manifest")
FIRST, SECOND, OTHER_SERIES = "1.2.1", "1.2.2", "1.2.10"
LISTED = [b.Instance(FIRST), b.Instance(SECOND), b.Instance("1.2.3", sop_class=b.ECG, series=OTHER_SERIES)]


def manifest_of(transform: Transform, *children: Any, **header: Any) -> Result:
    references = [b.image(FIRST), b.image(SECOND), b.waveform("1.2.3")]
    return transform(b.key_objects(*children, *references, title=MANIFEST, listed=LISTED, **header))


def study_of(result: Result) -> Json:
    return one(result, "ImagingStudy")


def values(element: Json, name: str) -> list[Any]:
    found = [each for each in element.get("extension", []) if each["url"] == MADO + name]
    return [value for each in found for key, value in each.items() if key.startswith("value")]


@pytest.mark.row("manifest.01")
def test_the_evidence_is_the_study(transform: Transform) -> None:
    result = manifest_of(transform)
    study = study_of(result)
    images, traces = study["series"]
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (2, 3)
    assert [images["uid"], traces["uid"]] == [b.IMAGE_SERIES, OTHER_SERIES]
    assert [each["uid"] for each in images["instance"]] == [FIRST, SECOND]
    assert images["instance"][0]["sopClass"]["code"] == b.CT
    assert (images["numberOfInstances"], traces["numberOfInstances"]) == (2, 1)
    assert {category(result, f"1.{number}") for number in (1, 2, 3)} == {"SUPP"}


@pytest.mark.row("manifest.01")
def test_the_modality_is_that_of_the_sop_classes_where_they_have_one(transform: Transform) -> None:
    """R5 requires it; ultrasound is US or IVUS, and a series of two classes is neither."""
    ultrasound = b.Instance("1.2.4", sop_class="1.2.840.10008.5.1.4.1.1.6.1", series="1.2.11")
    mixed = [b.Instance("1.2.5", series="1.2.12"), b.Instance("1.2.6", sop_class=b.ECG, series="1.2.12")]
    made = b.key_objects(b.image(FIRST), title=MANIFEST, listed=[*LISTED, ultrasound, *mixed])
    found = [each["modality"] for each in study_of(transform(made))["series"]]
    assert found[:2] == [{"coding": [{"system": DCM, "code": code}]} for code in ("CT", "ECG")]
    assert found[2:] == [{"extension": absent("unknown")}] * 2


@pytest.mark.row("manifest.01")
def test_each_series_says_where_it_can_be_retrieved(transform: Transform) -> None:
    made = b.key_objects(b.image(FIRST), title=MANIFEST, listed=LISTED)
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    study.ReferencedSeriesSequence[0].RetrieveURL = f"https://pacs.example/rs/studies/{b.STUDY}"
    study.ReferencedSeriesSequence[1].RetrieveLocationUID = "1.2.840.5"
    result = transform(made)
    images, traces = study_of(result)["series"]
    assert images["endpoint"] == [{"reference": urn(one(result, "Endpoint")), "type": "Endpoint"}]
    assert [each["identifier"]["value"] for each in traces["endpoint"]] == ["urn:oid:1.2.840.5"]
    assert study_of(result)["endpoint"] == [*images["endpoint"], *traces["endpoint"]]
    (selection,) = resources(result, "ImagingSelection")
    assert selection["endpoint"] == images["endpoint"]


@pytest.mark.row("manifest.01")
def test_an_instance_without_a_class_says_so(transform: Transform) -> None:
    made = b.key_objects(b.image(FIRST), title=MANIFEST, listed=[b.Instance(FIRST)])
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    del study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPClassUID
    (listed,) = study_of(transform(made))["series"]
    assert listed["instance"] == [{"uid": FIRST, "sopClass": {"extension": absent("unknown")}}]
    assert listed["modality"] == {"extension": absent("unknown")}


@pytest.mark.row("manifest.01")
def test_a_study_that_is_listed_twice(transform: Transform) -> None:
    made = b.key_objects(b.image(FIRST), title=MANIFEST, listed=LISTED)
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    second = sequence_item(
        StudyInstanceUID=b.STUDY, ReferencedSeriesSequence=[study.ReferencedSeriesSequence.pop()]
    )
    again = sequence_item(
        StudyInstanceUID=b.STUDY,
        ReferencedSeriesSequence=b.evidence([b.Instance("1.2.9")])[0].ReferencedSeriesSequence,
    )
    made.CurrentRequestedProcedureEvidenceSequence.extend([second, again])
    found = study_of(transform(made))
    assert (found["numberOfSeries"], found["numberOfInstances"]) == (2, 4)
    assert [each["uid"] for each in found["series"]] == [b.IMAGE_SERIES, OTHER_SERIES]
    assert [each["uid"] for each in found["series"][0]["instance"]] == [FIRST, SECOND, "1.2.9"]


@pytest.mark.row("manifest.01")
def test_an_instance_that_is_listed_twice_is_one(transform: Transform) -> None:
    again = [b.Instance(FIRST), *LISTED]
    made = b.key_objects(b.image(FIRST), title=MANIFEST, listed=again)
    made.CurrentRequestedProcedureEvidenceSequence.append(b.evidence(again)[0])
    found = study_of(transform(made))
    assert found["numberOfInstances"] == len(LISTED)
    assert [each["uid"] for each in found["series"][0]["instance"]] == [FIRST, SECOND]
    assert found["series"][0]["numberOfInstances"] == 2


@pytest.mark.row("3.2.21")
def test_what_else_stands_in_the_evidence_is_reported(transform: Transform) -> None:
    """At each of its levels: no element of a study, series or instance is for it."""
    made = b.key_objects(b.image(FIRST), title=MANIFEST, listed=LISTED)
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    study.add(DataElement(0x0040E012, "UR", "https://view.hospital.test/?study=1"))  # Display URI
    series = study.ReferencedSeriesSequence[0]
    series.SeriesDescription = "Thorax"
    series.ReferencedSOPSequence[1].PurposeOfReferenceCodeSequence = [sequence_item(CodeValue="121311")]
    series.ReferencedSOPSequence[1].InstanceNumber = ""
    around = "CurrentRequestedProcedureEvidenceSequence.1"
    expected = [
        f"{around}.(0040,E012)",
        f"{around}.ReferencedSeriesSequence.1.SeriesDescription",
        f"{around}.ReferencedSeriesSequence.1.ReferencedSOPSequence.2.PurposeOfReferenceCodeSequence",
    ]
    inside = [line for line in transform(made).report.unmapped if line.source.startswith(around)]
    assert [(line.source, line.reason) for line in inside] == [(path, "no-target") for path in expected]


@pytest.mark.row("manifest.02")
def test_the_library_describes_the_study_of_the_evidence(transform: Transform) -> None:
    """The header of a manifest may state a study of its own: what is described is what is listed."""
    made = m.manifest()
    listed = made.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID
    made.StudyInstanceUID = "1.2.840.99.50"
    result = transform(made)
    (study,) = [each for each in resources(result, "ImagingStudy") if "series" in each]
    assert study["identifier"][0]["value"] == f"urn:oid:{listed}"
    assert [each["coding"][0]["code"] for each in study["modality"]] == ["CT", "US", "KO", "ECG"]
    assert findings(result, "conflict") == [("warning", "StudyInstanceUID")]


@pytest.mark.row("manifest.01")
def test_in_a_key_object_note_the_study_has_no_series(transform: Transform) -> None:
    result = transform(b.key_objects(b.image(FIRST), b.image(SECOND), listed=LISTED))
    assert "series" not in study_of(result)
    assert "numberOfSeries" not in study_of(result)


@pytest.mark.row("manifest.02")
def test_modalities_and_regions_of_the_study(transform: Transform) -> None:
    result = transform(m.manifest())
    study = study_of(result)
    assert [each["coding"][0]["code"] for each in study["modality"]] == ["CT", "US", "KO", "ECG"]
    assert [each["coding"][0]["code"] for each in values(study, "MadoAnatomicalRegionExtension")] == [
        m.UPPER_TRUNK.value,
        m.KNEE.value,
    ]
    assert study["numberOfSeries"] == 4
    assert {category(result, f"1.5.{number}") for number in range(1, 8)} == {"SUPP"}


@pytest.mark.row("manifest.03")
def test_what_a_group_says_of_its_series(transform: Transform) -> None:
    result = transform(m.manifest())
    slices, loops, _, traces = study_of(result)["series"]
    assert (slices["number"], slices["description"]) == (1, "Thorax, lung window")
    assert slices["modality"]["coding"][0] == {"system": DCM, "code": "CT", "display": "Computed Tomography"}
    assert slices["started"] == "2026-04-14T10:20:30.5+01:00"
    assert loops["bodySite"]["concept"]["coding"][0]["code"] == m.KNEE.value
    assert loops["laterality"]["coding"][0]["code"] == m.LEFT.value
    assert (loops["numberOfInstances"], "bodySite" in traces) == (1, False)
    assert [line for line in unmapped(result) if line.startswith("1.")] == []


@pytest.mark.row("manifest.03")
def test_a_count_that_is_not_that_of_the_evidence(transform: Transform) -> None:
    count = b.num(m.NUMBER_OF_INSTANCES, "9", m.INSTANCES_UNIT, relationship="HAS ACQ CONTEXT")
    library = b.container(b.IMAGE_LIBRARY, b.container(b.IMAGE_LIBRARY_GROUP, count, b.image(FIRST)))
    result = manifest_of(transform, library)
    assert study_of(result)["series"][0]["numberOfInstances"] == 9
    assert findings(result, "conflict") == [("warning", "1.1.1.1")]


@pytest.mark.row("manifest.04")
def test_what_an_entry_says_of_its_instance(transform: Transform) -> None:
    slices, loops, documents, _ = study_of(transform(m.manifest()))["series"]
    assert [each["number"] for each in slices["instance"]] == [1, 2, 3]
    assert values(loops["instance"][0], "MadoNumberOfFrames") == [48]
    (document,) = documents["instance"]
    assert values(document, "MadoKeyObjectDocumentTitle")[0]["coding"][0]["code"] == b.OF_INTEREST.value
    assert document["title"] == "Nodule, middle lobe"


@pytest.mark.row("manifest.05")
def test_the_procedure_of_the_root(transform: Transform) -> None:
    result = transform(m.manifest())
    (procedure,) = study_of(result)["procedure"]
    assert procedure["concept"]["coding"][0]["display"] == "CT of chest"
    assert category(result, "1.1") == "SUPP"


@pytest.mark.row("manifest.06")
@pytest.mark.parametrize(
    ("written", "name", "identifier"),
    [
        ("Example Hospital", "Example Hospital", None),
        (
            "Example Hospital^^^^^^^^^1.2.3.45",
            "Example Hospital",
            {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.45"},
        ),
        (
            "Example Hospital^^^^^&1.2.840.99.7&ISO^^^^H-12",
            "Example Hospital",
            {"system": "urn:oid:1.2.840.99.7", "value": "H-12"},
        ),
        ("Example Hospital^^^^^HOSP^^^^H-12", "Example Hospital", {"value": "H-12"}),
    ],
)
def test_the_institution(transform: Transform, written: str, name: str, identifier: Json | None) -> None:
    result = manifest_of(transform, InstitutionName=written)
    organization = one(result, "Organization")
    assert organization["name"] == name
    assert organization.get("identifier") == ([identifier] if identifier else None)
    assert one(result, "Device")["owner"]["reference"] == urn(organization)
    assert "InstitutionName" not in unmapped(result)


@pytest.mark.row("manifest.06")
def test_a_key_object_note_has_no_institution(transform: Transform) -> None:
    result = transform(b.key_objects(b.image(FIRST), InstitutionName="Example Hospital"))
    assert resources(result, "Organization") == []
    assert unmapped(result)["InstitutionName"] == "no-target"
