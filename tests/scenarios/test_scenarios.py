"""Five clinical scenarios: each Bundle is wholly what was written down by hand before it was made.

The documents are `samples/scenarios`; the modules beside this one hold what is expected of them, resource by
resource and content item by content item. When a rule changes, correct the expectation by the specification, not by
what comes out.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from pydicom import dcmread
from sr2fhir.validation import validate

from samples.scenarios.make import DOCUMENTS, FOLDER
from tests.scenarios import comparing, liver, lvef, nodule, pneumothorax, radiomics
from tests.scenarios.server import Server
from tests.scenarios.words import ROOT, SCT

if TYPE_CHECKING:
    from pathlib import Path

    from sr2fhir.engines import Engine

EXPECTED = {
    "pneumothorax_present": pneumothorax.present(),
    "pneumothorax_absent": pneumothorax.absent(),
    "nodule_baseline": nodule.baseline(),
    "nodule_follow_up": nodule.follow_up(),
    "lvef_mean_of_three": lvef.ejection_fraction(),
    "liver_recist": liver.recist(),
    "radiomics_100_features": radiomics.features(),
}
every_scenario = pytest.mark.parametrize("name", EXPECTED)
# what may be referred to by nothing: the document's own statements, and what its header states
MAY_STAND_ALONE = {"Patient", "ServiceRequest", "ImagingStudy", "Observation"}
EQUIPMENT = "dicom-general-equipment"


def file(name: str) -> Path:
    return FOLDER / f"{name}.dcm"


@pytest.fixture(scope="module")
def made(engine: Engine) -> dict[tuple[str, str], sr2fhir.Result]:
    """Answer what each document becomes, in both forms of the Bundle."""
    results = {}
    for form in ("collection", "transaction"):
        transformer = sr2fhir.Transformer(engine, packaging=sr2fhir.Packaging(form))
        for name in EXPECTED:
            results[name, form] = transformer.transform(file(name))
    return results


Made = dict[tuple[str, str], sr2fhir.Result]


def test_every_scenario_has_an_expectation() -> None:
    assert set(EXPECTED) == set(DOCUMENTS) == {path.stem for path in FOLDER.glob("*.dcm")}


@every_scenario
def test_the_file_is_what_its_script_makes(name: str) -> None:
    """The data sets are compared: the File Meta Information names the version of pydicom."""
    assert dcmread(file(name)) == DOCUMENTS[name]()


@every_scenario
def test_every_resource_is_as_expected(made: Made, name: str) -> None:
    result = made[name, "collection"]
    assert result.bundle["type"] == "collection"
    seen, wanted = comparing.resources(result, EXPECTED[name]), comparing.wanted(EXPECTED[name])
    assert sorted(seen) == sorted(wanted)
    for role, resource in wanted.items():
        assert seen[role] == resource, role


@every_scenario
def test_resources_stand_in_the_order_of_their_types(made: Made, name: str) -> None:
    """Section 1.1."""
    order = (
        "Patient ServiceRequest ImagingStudy Device Practitioner BodyStructure ImagingSelection Observation"
    )
    kinds = [entry["resource"]["resourceType"] for entry in made[name, "collection"].bundle["entry"]]
    assert kinds == sorted(kinds, key=order.split().index)
    seen = comparing.resources(made[name, "collection"], EXPECTED[name])
    observations = [role for role, one in seen.items() if one["resourceType"] == "Observation"]
    assert observations == [role for role in EXPECTED[name].document.resources if role in observations]


@every_scenario
def test_a_transaction_sends_them_by_policy(made: Made, name: str) -> None:
    """Section 1.2."""
    result, expected = made[name, "transaction"], EXPECTED[name]
    assert result.bundle["type"] == "transaction"
    assert comparing.requests(result, expected) == expected.requests
    seen, wanted = comparing.resources(result, expected), comparing.wanted_in_transaction(expected)
    assert sorted(seen) == sorted(wanted)
    for role, resource in wanted.items():
        assert seen[role] == resource, role


@every_scenario
def test_every_content_item_is_accounted_for(made: Made, name: str) -> None:
    """Section 8: its class, and each element that it reached."""
    seen, wanted = comparing.items(made[name, "collection"], EXPECTED[name]), EXPECTED[name].items
    assert list(seen) == list(wanted)
    for position, line in wanted.items():
        assert seen[position] == line, position


@every_scenario
def test_nothing_else_is_unmapped_or_lost(made: Made, name: str) -> None:
    result, expected = made[name, "collection"], EXPECTED[name]
    unmapped = {line.source: line.reason for line in result.report.attributes if line.category == "UNM"}
    assert unmapped == expected.unmapped
    assert {loss.source: loss.reason for loss in result.report.losses} == expected.losses


@every_scenario
def test_only_these_findings(made: Made, name: str) -> None:
    expected = EXPECTED[name]
    for form, wanted in {
        "collection": expected.findings,
        "transaction": {**expected.findings, **expected.findings_of_transaction},
    }.items():
        seen = {finding.code: str(finding.severity) for finding in made[name, form].findings}
        assert seen == wanted, form


@every_scenario
@pytest.mark.parametrize("form", ["collection", "transaction"])
def test_valid_by_our_definitions(engine: Engine, made: Made, name: str, form: str) -> None:
    assert errors(engine, made[name, form].json) == []


@every_scenario
def test_valid_by_the_published_definitions(published: Engine, made: Made, name: str) -> None:
    assert errors(published, made[name, "collection"].json) == []


def errors(engine: Engine, data: bytes) -> list[str]:
    """List what the HL7 validator finds; the one message of D4 is excused by its exact text (known.json)."""
    found = validate(engine, json.loads(data), data)
    return [f"{issue.resource} {issue.path}: {issue.text}" for issue in found if issue.severity == "error"]


@every_scenario
def test_no_resource_is_an_orphan(made: Made, name: str) -> None:
    entries = made[name, "collection"].bundle["entry"]
    named = {reference for entry in entries for reference in comparing.references(entry["resource"])}
    assert named <= {entry["fullUrl"] for entry in entries}
    orphans = [entry["resource"] for entry in entries if entry["fullUrl"] not in named]
    assert [
        each
        for each in orphans
        if each["resourceType"] not in MAY_STAND_ALONE and EQUIPMENT not in str(each["meta"])
    ] == []


# ---- the document as a whole, on request --------------------------------------------------------------------

REPORTED = {
    "lvef_mean_of_three": lvef.with_diagnostic_report(),
    "liver_recist": liver.with_diagnostic_report(),
}


@pytest.mark.parametrize("name", REPORTED)
def test_a_diagnostic_report_on_request(engine: Engine, name: str) -> None:
    """D37: the resources of the document are the same, and there is one more that holds them together."""
    options = sr2fhir.RenderOptions(diagnostic_report=True)
    result = sr2fhir.Transformer(engine, options=options).transform(file(name))
    seen, wanted = comparing.resources(result, REPORTED[name]), comparing.wanted(REPORTED[name])
    assert sorted(seen) == sorted(wanted)
    for role, resource in wanted.items():
        assert seen[role] == resource, role
    unmapped = {line.source: line.reason for line in result.report.attributes if line.category == "UNM"}
    assert unmapped == REPORTED[name].unmapped
    assert errors(engine, result.json) == []


def test_a_provenance_tells_who_read_and_who_signed(engine: Engine) -> None:
    """D38: author, verifier with the time of the signature, assembler; the SR as source."""
    options = sr2fhir.RenderOptions(diagnostic_report=True, provenance=True)
    result = sr2fhir.Transformer(engine, options=options).transform(file("lvef_mean_of_three"))
    expected = lvef.with_diagnostic_report()
    entries = result.bundle["entry"]
    stories = [one["resource"] for one in entries if one["resource"]["resourceType"] == "Provenance"]
    people = {
        f"urn:uuid:{one['resource']['id']}": one["resource"]["name"][0]["family"]
        for one in entries
        if one["resource"]["resourceType"] == "Practitioner"
    }
    assert people
    (report,) = (one["fullUrl"] for one in entries if one["resource"]["resourceType"] == "DiagnosticReport")
    assert {target["reference"] for story in stories for target in story["target"]} == {report}
    assert {story["recorded"] for story in stories} == {expected.document.issued}
    agents = [
        (agent["type"]["coding"][0]["code"], people.get(agent["who"]["reference"], agent["who"]["type"]))
        for story in stories
        for agent in story["agent"]
    ]
    assert sorted(agents) == [("assembler", "Device"), ("author", "Lund"), ("verifier", "Berg")]
    # D39: no offset is known, so the time of the signature is a date
    assert [story["occurredDateTime"] for story in stories if "occurredDateTime" in story] == ["2026-02-11"]
    sources = [entity for story in stories for entity in story["entity"]]
    assert {(entity["role"], entity["what"]["identifier"]["value"]) for entity in sources} == {
        ("source", f"urn:oid:{expected.document.uid}")
    }
    assert errors(engine, result.json) == []


# ---- what a server holds, and what a client finds -----------------------------------------------------------


def test_two_time_points_are_one_patient_one_lesion_and_a_trend(made: Made) -> None:
    """Scenario b: D33, D34 and section 1.2, by a model of a server that knows PUT and conditional create."""
    server = Server()
    for name in ("nodule_follow_up", "nodule_baseline", "nodule_baseline"):  # in any order, and again
        server.post(made[name, "transaction"].bundle)
    assert server.count("Patient") == 1
    assert server.count("ImagingStudy") == 2
    assert server.count("BodyStructure") == 1
    assert server.count("Device") == 1  # equal content
    assert server.count("Observation") == 8
    assert server.overwritten == []
    lesion = server.only("BodyStructure", "urn:dicom:uid", f"urn:oid:{ROOT}.0.20")
    patient = server.only("Patient", f"urn:oid:{ROOT}.0.1", "P-2001")
    # Observation?patient=…&code=http://snomed.info/sct|118565006&_sort=date, one search
    found = server.observations(patient, SCT, "118565006")
    assert [
        (each["effectiveDateTime"], str(each["valueQuantity"]["value"]), each["bodyStructure"]["reference"])
        for each in found
    ] == [
        ("2026-03-01T09:30:12+01:00", "210.0", f"BodyStructure/{lesion}"),
        ("2026-06-02T09:30:12+02:00", "310.5", f"BodyStructure/{lesion}"),
    ]


def test_two_sites_of_one_lesion_do_not_stop_later_reports(engine: Engine, made: Made) -> None:
    """D34: a lesion that one report puts at two sites has two BodyStructures, but is known by one of them only.

    Two resources with one identifier would have a server refuse (412) every later conditional create by it.
    """
    report = DOCUMENTS["nodule_baseline"]()
    groups = report.ContentSequence[5].ContentSequence
    other = deepcopy(groups[0])
    other.ContentSequence[7].ConceptCodeSequence[0].CodeValue = "39607008"  # Lung, not the upper lobe
    groups.append(other)
    packaging = sr2fhir.Packaging("transaction")
    result = sr2fhir.Transformer(engine, packaging=packaging).transform(report)
    assert "conflict" in {finding.code for finding in result.findings}
    server = Server()
    server.post(result.bundle)
    server.post(made["nodule_follow_up", "transaction"].bundle)
    assert server.count("BodyStructure") == 2
    assert server.only("BodyStructure", "urn:dicom:uid", f"urn:oid:{ROOT}.0.20")


def test_the_patient_without_pneumothorax_is_not_found_by_it(made: Made) -> None:
    """Scenario a: D41; an alert asks for the finding as a value, or for Present."""
    server = Server()
    for name in ("pneumothorax_present", "pneumothorax_absent"):
        server.post(made[name, "transaction"].bundle)
    ill = server.only("Patient", f"urn:oid:{ROOT}.0.1", "P-1001")
    for code in (pneumothorax.PNEUMOTHORAX, pneumothorax.PRESENT):
        having = [one for one in server.all("Observation") if has(one.get("valueCodeableConcept"), code)]
        assert having
        assert {one["subject"]["reference"] for one in having} == {f"Patient/{ill}"}
    unit = server.only("Device", "urn:dicom:uid", f"urn:oid:{pneumothorax.UNIT_UID}")
    # D49: from each result to the unit, by way of the algorithm
    algorithms = {one["device"]["reference"] for one in server.all("Observation")}
    assert {server.get(each)["parent"]["reference"] for each in algorithms} == {f"Device/{unit}"}


def has(concept: Any, code: tuple[str, str, str]) -> bool:
    return any((one["system"], one["code"]) == code[:2] for one in (concept or {}).get("coding", ()))


# PS3.16 CID 240 and 241 have another concept for Absent than the one that FHIR's guides use
DICOMS_ABSENT = "272519000"


def test_dicoms_own_code_of_absent_negates_too(engine: Engine) -> None:
    """D41: a writer that follows CID 240 codes Absent as 272519000; that is no finding either."""
    report = DOCUMENTS["pneumothorax_absent"]()
    finding = report.ContentSequence[8].ContentSequence[0].ContentSequence[0]
    finding.ContentSequence[0].ConceptCodeSequence[0].CodeValue = DICOMS_ABSENT
    expected = deepcopy(EXPECTED["pneumothorax_absent"])
    group, finding = (expected.document.resources[role] for role in ("group", "finding"))
    presence = group["component"][0]["valueCodeableConcept"]
    for concept in (group["interpretation"][0], presence, finding["valueCodeableConcept"]):
        concept["coding"][0]["code"] = DICOMS_ABSENT
    result = sr2fhir.Transformer(engine).transform(report)
    assert comparing.resources(result, expected) == comparing.wanted(expected)
