"""The worked example of the mapping specification, section 6, field by field, written from that text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from sr2fhir.paths import layout
from sr2fhir.written import read_systems

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

STUDY = "1.2.840.113747.20080222.83311413144566317081790268995"
BASE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
SCT = "http://snomed.info/sct"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
CIA = "http://cancerimagingarchive.net"
SOPCLASS = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"


class Example:
    """The Bundle of the example, with ways to find what the specification numbers."""

    def __init__(self, bundle: dict[str, Any]) -> None:
        self.entries = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}

    def of(self, kind: str, profile: str | None = None) -> list[dict[str, Any]]:
        found = [resource for resource in self.entries.values() if resource["resourceType"] == kind]
        return [each for each in found if profile is None or self.profile(each) == profile]

    def one(self, kind: str, profile: str | None = None) -> dict[str, Any]:
        (found,) = self.of(kind, profile)
        return found

    def target(self, reference: dict[str, Any]) -> dict[str, Any]:
        resource: dict[str, Any] = self.entries[reference["reference"]]
        return resource

    @staticmethod
    def profile(resource: dict[str, Any]) -> str | None:
        claimed = resource.get("meta", {}).get("profile", [None])
        return claimed[0].removeprefix(f"{BASE}/") if claimed[0] else None


@pytest.fixture(scope="module")
def example(engine: Engine) -> Example:
    samples = layout().sources / "samples"
    issuers = read_systems(samples / "issuers.toml", "the issuers", "HOSP_B")
    transformer = sr2fhir.Transformer(engine, options=sr2fhir.RenderOptions(issuers=issuers))
    return Example(transformer.transform(samples / "real_hl7_dicom_sr_ig_example.json").bundle)


def coded(concept: dict[str, Any]) -> tuple[str, str]:
    (coding,) = concept["coding"]
    return coding["system"], coding["code"]


def test_fifteen_resources(example: Example) -> None:
    assert len(example.entries) == 15


def test_1_patient(example: Example) -> None:
    patient = example.one("Patient")
    (identifier,) = patient["identifier"]
    assert identifier["system"] == "http://test-hospital.org"
    assert identifier["value"] == "PID-11235"
    assert identifier["assigner"] == {"display": "Test Hospital"}
    assert coded(identifier["type"]) == ("http://terminology.hl7.org/CodeSystem/v2-0203", "MR")
    (name,) = patient["name"]
    assert (name["family"], name["given"]) == ("EXAMPLE", ["MEASUREMENT", "PATIENT}"])
    assert (patient["gender"], patient["birthDate"]) == ("female", "1967-07-01")


def test_2_service_request(example: Example) -> None:
    order = example.one("ServiceRequest")
    (identifier,) = order["identifier"]
    assert (identifier["system"], identifier["value"]) == ("http://test-hospital.org/acsn", "ACSN-235813")
    assert identifier["type"]["coding"][0]["display"] == "Accession ID"
    assert (order["status"], order["intent"]) == ("unknown", "order")


def test_3_imaging_study(example: Example) -> None:
    study = example.one("ImagingStudy")
    assert [each["value"] for each in study["identifier"]] == [f"urn:oid:{STUDY}", "SID-235813"]
    assert study["identifier"][0]["system"] == "urn:dicom:uid"
    assert "system" not in study["identifier"][1]
    assert (study["status"], study["started"]) == ("available", "2000-01-01")
    assert example.target(study["basedOn"][0]) == example.one("ServiceRequest")


def test_4_equipment(example: Example) -> None:
    device = example.one("Device", "dicom-general-equipment")
    assert device["identifier"] == [{"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY}.8888"}]
    assert device["displayName"] == device["modelNumber"] == "Example Imaging Measurement Device"
    assert device["manufacturer"] == "Example Device Manufacturer"
    assert "udiCarrier" not in device


def test_5_algorithm(example: Example) -> None:
    device = example.one("Device", "algorithm-identification")
    assert (device["displayName"], device["version"]) == ("pylidc", [{"value": "0.2.0"}])
    assert example.target(device["parent"]) == example.one("Device", "dicom-general-equipment")


def test_6_practitioner(example: Example) -> None:
    (name,) = example.one("Practitioner", "dicom-participant-person")["name"]
    assert (name["family"], name["given"]) == ("RADIOLOGIST", ["EXAMPLE"])


def test_7_body_structure(example: Example) -> None:
    structure = example.one("BodyStructure", "dicom-sr-finding-site")
    tracking, uid = structure["identifier"]
    assert (coded(tracking["type"]), tracking["value"]) == ((DCM, "112039"), "Nodule 1")
    assert "system" not in tracking
    assert (coded(uid["type"]), uid["system"]) == ((DCM, "112040"), "urn:dicom:uid")
    assert uid["value"] == f"urn:oid:{STUDY}.100"
    (included,) = structure["includedStructure"]
    assert coded(included["structure"]) == (SCT, "39607008")


def test_8_source_content_item(example: Example) -> None:
    selection = example.one("ImagingSelection", "source-sr-content-item")
    assert coded(selection["code"]) == (DCM, "111040")
    assert selection["seriesUid"] == f"{STUDY}.1"
    (instance,) = selection["instance"]
    assert instance["uid"] == f"{STUDY}.1.1"
    assert instance["sopClass"] == {
        "system": SOPCLASS,
        "code": "1.2.840.10008.5.1.4.1.1.88.22",
        "display": "Enhanced SR Storage",
    }
    assert instance["subset"] == ["1\\4\\1"]


def test_9_referenced_segment(example: Example) -> None:
    selection = example.one("ImagingSelection", "referenced-segment")
    assert selection["studyUid"] == STUDY
    assert "seriesUid" not in selection  # the document lists no evidence
    (instance,) = selection["instance"]
    assert (instance["uid"], instance["subset"]) == (f"{STUDY}.2.1", ["1"])
    assert instance["sopClass"]["display"] == "Segmentation Storage"
    assert example.target(selection["bodySite"]["reference"]) == example.one("BodyStructure")
    (focus,) = selection["focus"]
    assert example.target(focus) == example.one("ImagingSelection", "source-sr-content-item")


MEASUREMENTS = [
    ((SCT, "118565006"), "31112.2", "cubic millimeter", "mm3"),
    ((SCT, "81827009"), "49.94462", "millimeter", "mm"),
    ((SCT, "301898006"), "9026.567", "square millimeter", "mm2"),
]


def test_10_to_12_measurements(example: Example) -> None:
    found = example.of("Observation", "imaging-measurement")
    values = [(coded(each["code"]), each["valueQuantity"]) for each in found]
    assert [
        (code, str(value["value"]), value["unit"], value["code"]) for code, value in values
    ] == MEASUREMENTS
    algorithm = example.one("Device", "algorithm-identification")
    origin = example.one("ImagingSelection", "source-sr-content-item")
    segment = example.one("ImagingSelection", "referenced-segment")
    for each in found:
        assert example.target(each["device"]) == algorithm
        assert [example.target(reference) for reference in each["derivedFrom"]] == [origin, segment]
        assert [coded(category) for category in each["category"]] == [
            ("http://terminology.hl7.org/CodeSystem/observation-category", "imaging")
        ]


EVALUATIONS = [
    ((NCIT, "C45992"), (CIA, "105")),
    (("http://radlex.org", "RID36042"), (CIA, "905")),
]


def test_13_14_evaluations(example: Example) -> None:
    found = example.of("Observation", "imaging-qualitative-evaluation")
    assert [(coded(each["code"]), coded(each["valueCodeableConcept"])) for each in found] == EVALUATIONS
    equipment = example.one("Device", "dicom-general-equipment")
    for each in found:
        assert example.target(each["device"]) == equipment
        assert [coded(category) for category in each["category"]] == [
            ("http://terminology.hl7.org/CodeSystem/umls", "C0034375")
        ]


def test_15_group(example: Example) -> None:
    group = example.one("Observation", "imaging-measurement-group")
    assert coded(group["code"]) == (SCT, "241053004")
    assert [coded(category) for category in group["category"]] == [(DCM, "125007")]
    assert coded(group["valueCodeableConcept"]) == (SCT, "427359005")
    assert example.target(group["device"]) == example.one("Device", "dicom-general-equipment")
    derived = [Example.profile(example.target(reference)) for reference in group["derivedFrom"]]
    assert sorted(derived, key=str) == ["referenced-segment", "source-sr-content-item"]
    members = [example.target(reference) for reference in group["hasMember"]]
    assert members == [
        *example.of("Observation", "imaging-measurement"),
        *example.of("Observation", "imaging-qualitative-evaluation"),
    ]
    (component,) = group["component"]
    assert (coded(component["code"]), component["valueString"]) == ((NCIT, "C67447"), "1")


def test_common_to_all_observations(example: Example) -> None:
    found = example.of("Observation")
    assert len(found) == 6
    for each in found:
        assert each["status"] == "final"  # D16: VERIFIED
        assert each["language"] == "en"
        assert each["issued"] == "2019-03-23T08:24:28+00:00"
        assert each["effectiveDateTime"] == "2000-01-01"  # D39: no offset is known
        assert example.target(each["subject"]) == example.one("Patient")
        assert [example.target(part) for part in each["partOf"]] == [example.one("ImagingStudy")]
        assert [example.target(order) for order in each["basedOn"]] == [example.one("ServiceRequest")]
        assert [example.target(person) for person in each["performer"]] == [example.one("Practitioner")]
        assert example.target(each["bodyStructure"]) == example.one("BodyStructure")
        assert "bodySite" not in each
