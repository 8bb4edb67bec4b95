"""`--target mado`: a manifest becomes the document of IHE RAD MADO, element by element as its Table 4.3-1.

Each test of a row names what the table has in its first column. `docs/mado.md` has the table, and its slips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from sr2fhir.errors import TemplateError, UsageError

from samples.key_objects import conference, manifest as m
from samples.key_objects.make import FOLDER
from tests import builders as b

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Json = dict[str, Any]
MADO = "https://profiles.ihe.net/RAD/MADO"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
ROOT = "2.25.198311762530460247361594520172356280123"
MANIFESTS = ("own_mado_final_codes", "real_ihe_mado_study_a", "real_ihe_mado_study_b")


@pytest.fixture(scope="module")
def result(engine: Engine) -> sr2fhir.Result:
    return sr2fhir.Transformer(engine, target="mado").transform(FOLDER / "own_mado_final_codes.dcm")


@pytest.fixture(scope="module")
def made(result: sr2fhir.Result) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for entry in result.bundle["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


@pytest.fixture(scope="module")
def study(made: dict[str, list[Json]]) -> Json:
    (study,) = made["ImagingStudy"]
    return study


def url_of(resource: Json) -> str:
    return f"urn:uuid:{resource['id']}"


def extensions(element: Json, name: str) -> list[Any]:
    url = f"{MADO}/StructureDefinition/{name}"
    found = [each for each in element.get("extension", []) if each["url"] == url]
    return [value for each in found for key, value in each.items() if key.startswith("value")]


# ---- the document ------------------------------------------------------------------------------------------


def test_document_identifier(result: sr2fhir.Result, made: dict[str, list[Json]]) -> None:
    expected = {"system": "urn:dicom:uid", "value": f"urn:oid:{ROOT}.30.1.9.1"}
    assert result.bundle["type"] == "document"
    assert result.bundle["identifier"] == made["Composition"][0]["identifier"] == expected
    assert result.bundle["timestamp"] == made["Composition"][0]["date"] == "2026-04-15T06:00:00+01:00"


def test_the_composition_comes_first_and_all_else_can_be_reached_from_it(result: sr2fhir.Result) -> None:
    entries = {entry["fullUrl"]: entry["resource"] for entry in result.bundle["entry"]}
    first = next(iter(entries))
    assert entries[first]["resourceType"] == "Composition"
    reached, waiting = set(), [first]
    while waiting:
        url = waiting.pop()
        reached.add(url)
        waiting += [
            other
            for other in entries
            if other not in reached and f'"{other}"' in str(entries[url]).replace("'", '"')
        ]
    assert reached == set(entries)


def test_the_composition_says_what_it_is(made: dict[str, list[Json]], study: Json) -> None:
    (composition,) = made["Composition"]
    assert composition["status"] == "final"
    assert composition["type"]["coding"][0]["code"] == "18748-4"
    assert composition["title"] == "CT of thorax, ultrasound of knee"
    assert composition["language"] == "en-GB"
    assert composition["event"] == [{"detail": [{"reference": url_of(study), "type": "ImagingStudy"}]}]
    narrative = composition["text"]
    assert narrative["status"] == "generated"
    assert "<li>CT 1 Thorax, lung window (3)</li>" in narrative["div"]
    assert 'lang="en-GB"' in narrative["div"]


def test_author(made: dict[str, list[Json]]) -> None:
    (composition,), (device,), (organization,) = (
        made[name] for name in ("Composition", "Device", "Organization")
    )
    (person,) = made["Practitioner"]
    assert [each["reference"] for each in composition["author"]] == [
        url_of(each) for each in (device, organization, person)
    ]
    assert device["manufacturer"] == "Example Archives"
    assert device["type"]["coding"] == [
        {"system": f"{MADO}/CodeSystem/MadoDeviceType", "code": "mado-creator", "display": "MADO Creator"}
    ]
    assert device["owner"]["reference"] == url_of(organization)


def test_institution_name_and_id(made: dict[str, list[Json]]) -> None:
    (organization,) = made["Organization"]
    assert organization["name"] == "Example Hospital"
    assert organization["identifier"] == [{"system": "urn:oid:2.25.1983117625", "value": "H-12"}]


def test_patient(made: dict[str, list[Json]]) -> None:
    (patient,) = made["Patient"]
    assert patient["identifier"][0]["value"] == "KO-3000"
    assert (patient["name"][0]["family"], patient["birthDate"], patient["gender"]) == (
        "Kelly",
        "2001-02-28",
        "male",
    )


# ---- the study ---------------------------------------------------------------------------------------------


def test_study_instance_uid(study: Json) -> None:
    assert study["identifier"][0] == {
        "type": {"coding": [{"system": DCM, "code": "110180", "display": "Study Instance UID"}]},
        "system": "urn:dicom:uid",
        "value": f"urn:oid:{ROOT}.30.1",
    }


def test_study_modalities_region_description_and_start(study: Json) -> None:
    assert [each["code"] for each in study["modality"]] == ["CT", "US", "KO", "ECG"]
    regions = extensions(study, "MadoAnatomicalRegionExtension")
    assert [each["coding"][0]["code"] for each in regions] == [m.UPPER_TRUNK.value, m.KNEE.value]
    assert study["description"] == "CT of thorax, ultrasound of knee"
    assert study["started"] == "2026-04-14T10:15:00+01:00"


def test_study_procedure_codes_and_number_of_series(study: Json) -> None:
    assert study["procedureCode"][0]["coding"][0]["display"] == "CT of chest"
    assert (study["numberOfSeries"], study["numberOfInstances"]) == (4, 6)


def test_requested_procedure(made: dict[str, list[Json]], study: Json) -> None:
    """Accession number with both types of MADO, placer order number.

    The second order has the same accession number: what refers to it names it by a number of its own.
    """
    orders = made["ServiceRequest"]
    assert [each["reference"] for each in study["basedOn"]] == [url_of(each) for each in orders]
    for order, placer in zip(orders, ("P-61", "P-62"), strict=True):
        accession, placed = order["identifier"][:2]
        assert (accession["value"], accession["system"]) == ("A-3001", f"urn:oid:{ROOT}.0.2")
        assert [(each["system"], each["code"]) for each in accession["type"]["coding"]] == [
            (V2, "ACSN"),
            (DCM, "121022"),
        ]
        assert (placed["value"], placed["type"]["coding"][0]["code"]) == (placer, "PLAC")
    first, second = (each["identifier"] for each in study["basedOn"])
    assert first == orders[0]["identifier"][0]
    assert second == orders[1]["identifier"][1]


# ---- its series and instances ------------------------------------------------------------------------------


def test_series(study: Json) -> None:
    slices, loops, documents, traces = study["series"]
    assert [each["uid"] for each in study["series"]] == [f"{ROOT}.30.1.{number}" for number in (1, 2, 3, 4)]
    assert [each["number"] for each in study["series"]] == [1, 2, 999, 4]
    assert [each["modality"]["code"] for each in study["series"]] == ["CT", "US", "KO", "ECG"]
    assert [each["numberOfInstances"] for each in study["series"]] == [3, 1, 1, 1]
    assert (slices["description"], slices["started"]) == (
        "Thorax, lung window",
        "2026-04-14T10:20:30.5+01:00",
    )
    assert (loops["bodySite"]["code"], loops["laterality"]["code"]) == (m.KNEE.value, m.LEFT.value)
    assert "bodySite" not in documents
    assert "started" not in traces


def test_instances(study: Json) -> None:
    slices, loops, documents, _ = study["series"]
    assert [(each["uid"], each["number"]) for each in slices["instance"]] == [
        (f"{ROOT}.30.1.1.{number}", number) for number in (1, 2, 3)
    ]
    assert slices["instance"][0]["sopClass"]["system"] == "urn:ietf:rfc:3986"
    assert slices["instance"][0]["sopClass"]["code"] == f"urn:oid:{b.CT}"
    assert extensions(loops["instance"][0], "MadoNumberOfFrames") == [48]
    (title,) = extensions(documents["instance"][0], "MadoKeyObjectDocumentTitle")
    assert title["coding"][0]["code"] == b.OF_INTEREST.value
    assert documents["instance"][0]["title"] == "Nodule, middle lobe"


# ---- as a whole --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_become_documents_without_errors(engine: Engine, name: str) -> None:
    """R4 itself and the extensions of MADO; its profiles ask for packages that no registry has."""
    transformer = sr2fhir.Transformer(engine, target="mado", validate=True)
    result = transformer.transform(FOLDER / f"{name}.dcm")
    assert [issue for issue in result.validation or () if issue.severity in ("error", "fatal")] == []
    assert result.json == transformer.transform(FOLDER / f"{name}.dcm").json


@pytest.mark.parametrize("name", MANIFESTS)
def test_all_that_the_content_tree_says_is_in_the_document(engine: Engine, name: str) -> None:
    report = sr2fhir.Transformer(engine, target="mado").transform(FOLDER / f"{name}.dcm").report
    assert [line.source for line in report.items if line.is_unmapped] == []


def test_what_is_no_manifest_is_refused(engine: Engine) -> None:
    with pytest.raises(TemplateError, match="the document is no manifest") as caught:
        sr2fhir.Transformer(engine, target="mado").transform(conference.of_ct_study())
    assert "--fhir R4" in str(caught.value)
    with pytest.raises(TemplateError, match="no manifest"):
        sr2fhir.Transformer(engine, target="mado").transform(b.measurement_report())


def test_a_manifest_of_several_studies_is_refused(engine: Engine) -> None:
    with pytest.raises(TemplateError, match="lists 2 studies: a document of mado is about one"):
        sr2fhir.Transformer(engine, target="mado").transform(FOLDER / "gen_dcm4che_xds_manifest.dcm")


def test_a_manifest_without_instances_or_date_is_refused(engine: Engine) -> None:
    transformer = sr2fhir.Transformer(engine, target="mado")
    made = m.manifest()
    references = ("IMAGE", "COMPOSITE", "WAVEFORM")
    made.ContentSequence = [each for each in made.ContentSequence if each.ValueType not in references]
    with pytest.raises(TemplateError, match="refers to no instance") as caught:
        transformer.transform(made)
    assert caught.value.where == "1"
    made = m.manifest()
    del made.ContentDate
    with pytest.raises(TemplateError, match="does not state when it was made") as caught:
        transformer.transform(made)
    assert "State Content Date and Content Time" in str(caught.value)


def test_a_title_without_text_is_its_code(engine: Engine) -> None:
    made = m.manifest()
    made.StudyDescription = ""
    made.ConceptNameCodeSequence[0].CodeMeaning = ""
    result = sr2fhir.Transformer(engine, target="mado").transform(made)
    assert result.bundle["entry"][0]["resource"]["title"] == "131560"


def test_the_title_is_that_of_the_study_of_the_evidence(engine: Engine) -> None:
    """What the header says of a study of its own is no title of what is listed."""
    made = m.manifest()
    made.StudyInstanceUID = "1.2.840.99.50"
    made.StudyDescription = "Another study"
    result = sr2fhir.Transformer(engine, target="mado").transform(made)
    composition = result.bundle["entry"][0]["resource"]
    assert composition["title"] == "Manifest with Description"
    assert "Another study" not in composition["text"]["div"]


def test_a_document_is_no_transaction() -> None:
    with pytest.raises(UsageError, match="it is sent as a whole"):
        sr2fhir.Transformer(target="mado", packaging=sr2fhir.Packaging("transaction"))
