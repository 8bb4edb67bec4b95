"""A collection becomes a transaction by the policies of mapping section 1.2; the expectations are read from its table."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sr2fhir import Finding, RenderOptions, Transformer, UsageError
from sr2fhir.errors import IdentityError
from sr2fhir.jsontext import JsonObject, NumberText, dumps
from sr2fhir.packaging import Packaging
from sr2fhir.packaging.policies import KINDS, UPDATED, search

MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
TRACKING = {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "112040"}]}
PATIENT_ID = {"type": MR, "system": "http://h.org", "value": "PID 1"}
LOCAL_PATIENT_ID = {"type": MR, "value": "7"}
ACCESSION = {"system": "http://ris.org", "value": "A1"}
ACSN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
LOCAL_ACCESSION = {"type": ACSN, "value": "A1"}
HOSP_B = {"assigner": {"display": "HOSP_B"}}
NO_SYSTEM = "no identifier of it has a system"
BY_ISSUER = "Tell the system of its issuer with --issuers"
STUDY_UID = {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}
TRACKING_UID = {"type": TRACKING, "system": "urn:dicom:uid", "value": "urn:oid:1.2.9"}
OWN_SYSTEM = "urn:ietf:rfc:3986"

PATIENT_SEARCH = "identifier=http%3A%2F%2Fh.org%7CPID%201"
ORDER_SEARCH = "identifier=http%3A%2F%2Fris.org%7CA1"
STUDY_SEARCH = "identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A1.2.3"
TRACKING_SEARCH = "identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A1.2.9"


def resource(kind: str, id: str, *identifiers: JsonObject, **members: Any) -> JsonObject:
    numbered = {"identifier": list(identifiers)} if identifiers else {}
    return {"resourceType": kind, "id": id, **numbered, **members}


def collection(*resources: JsonObject) -> JsonObject:
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def reference(kind: str, id: str, identifier: JsonObject | None = None) -> JsonObject:
    named = {"identifier": identifier} if identifier else {}
    return {"reference": f"urn:uuid:{id}", "type": kind, **named}


def study_and_result(
    patient_id: JsonObject | None = PATIENT_ID, accession: JsonObject = ACCESSION, **patient: Any
) -> JsonObject:
    """Return what every report gives: patient, order, study and a result that refers to all of them."""
    subject = reference("Patient", "p", patient_id)
    based_on = reference("ServiceRequest", "r", accession)
    return collection(
        resource("Patient", "p", *([patient_id] if patient_id else []), **patient),
        resource("ServiceRequest", "r", accession, subject=subject),
        resource("ImagingStudy", "s", STUDY_UID, subject=subject, basedOn=[based_on]),
        resource(
            "Observation",
            "o",
            subject=subject,
            basedOn=[based_on],
            partOf=[reference("ImagingStudy", "s", STUDY_UID)],
            valueQuantity={"value": NumberText("1.50")},
        ),
    )


def packed(bundle: JsonObject, **options: Any) -> tuple[dict[str, JsonObject], tuple[Finding, ...]]:
    """Return the entries of the transaction by the id of their resource, and the findings."""
    made, found = Packaging("transaction", **options).package(bundle)
    assert made["type"] == "transaction"
    return {entry["resource"]["id"]: entry for entry in made["entry"]}, found


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(finding.severity, finding.code, finding.where) for finding in findings]


def put(kind: str, id: str) -> JsonObject:
    return {"method": "PUT", "url": f"{kind}/{id}"}


def post(kind: str, search: str) -> JsonObject:
    return {"method": "POST", "url": kind, "ifNoneExist": search}


# ---- the defaults of a transaction -------------------------------------------------------------------------


def test_by_default_patient_and_study_are_created_unless_they_exist_and_the_order_is_referred_to() -> None:
    entries, found = packed(study_and_result())
    assert {name: entry["request"] for name, entry in entries.items()} == {
        "p": post("Patient", PATIENT_SEARCH),
        "s": post("ImagingStudy", STUDY_SEARCH),
        "o": put("Observation", "o"),
    }
    result = entries["o"]["resource"]
    assert result["subject"] == reference("Patient", "p", PATIENT_ID)
    assert result["partOf"] == [reference("ImagingStudy", "s", STUDY_UID)]
    logical = {"type": "ServiceRequest", "identifier": ACCESSION}
    assert result["basedOn"] == entries["s"]["resource"]["basedOn"] == [logical]
    assert found == ()


def test_two_orders_with_one_accession_number_are_told_apart() -> None:
    """The second is named by the first identifier that the first has not; where there is none, by the shared one."""
    placer = {"system": "http://ris.org", "value": "P2"}
    orders = [reference("ServiceRequest", name) for name in ("r", "t", "u")]
    entries, _ = packed(
        collection(
            resource("ServiceRequest", "r", ACCESSION),
            resource("ServiceRequest", "t", ACCESSION, placer),
            resource("ServiceRequest", "u", ACCESSION),
            resource("Observation", "o", basedOn=orders),
        )
    )
    named = [each["identifier"] for each in entries["o"]["resource"]["basedOn"]]
    assert named == [ACCESSION, placer, ACCESSION]


def test_orders_that_share_an_accession_number_are_created_by_numbers_of_their_own() -> None:
    """A search by the shared number would find both on the server."""
    placers = [{"system": "http://ris.org", "value": value} for value in ("P1", "P2")]
    orders = [reference("ServiceRequest", name) for name in ("r", "t")]
    bundle = collection(
        resource("ServiceRequest", "r", ACCESSION, placers[0]),
        resource("ServiceRequest", "t", ACCESSION, placers[1]),
        resource("Observation", "o", basedOn=orders),
    )
    entries, found = packed(bundle, orders="create")
    searches = [f"identifier=http%3A%2F%2Fris.org%7C{value}" for value in ("P1", "P2")]
    assert [entries[name]["request"] for name in ("r", "t")] == [
        post("ServiceRequest", each) for each in searches
    ]
    assert [each["reference"] for each in entries["o"]["resource"]["basedOn"]] == ["urn:uuid:r", "urn:uuid:t"]
    assert found == ()
    entries, _ = packed(bundle, orders="existing")
    expected = [f"ServiceRequest?{each}" for each in searches]
    assert [each["reference"] for each in entries["o"]["resource"]["basedOn"]] == expected


def test_an_order_whose_numbers_all_lead_to_another_is_not_created() -> None:
    """Created by the shared number, a second sending would find both, and the server refuse the transaction."""
    placer = {"system": "http://ris.org", "value": "P2"}
    bundle = collection(
        resource("ServiceRequest", "r", ACCESSION),
        resource("ServiceRequest", "t", ACCESSION, placer),
        resource("Observation", "o", basedOn=[reference("ServiceRequest", name) for name in ("r", "t")]),
    )
    entries, found = packed(bundle, orders="create")
    assert list(entries) == ["t", "o"]
    assert entries["t"]["request"] == post("ServiceRequest", "identifier=http%3A%2F%2Fris.org%7CP2")
    first, second = entries["o"]["resource"]["basedOn"]
    assert (first.get("reference"), first["identifier"]) == (None, ACCESSION)
    assert second["reference"] == "urn:uuid:t"
    (finding,) = found
    assert (finding.severity, finding.code, finding.where) == (
        "warning",
        "unmatched-order",
        "AccessionNumber",
    )
    assert "none finds it alone" in finding.message
    assert "Placer Order Number" in (finding.hint or "")


def test_a_patient_whose_identifier_has_no_system_is_referred_to_with_a_warning() -> None:
    entries, found = packed(study_and_result(LOCAL_PATIENT_ID))
    assert list(entries) == ["s", "o"]
    logical = {"type": "Patient", "identifier": LOCAL_PATIENT_ID}
    assert entries["o"]["resource"]["subject"] == entries["s"]["resource"]["subject"] == logical
    assert ("warning", "unmatched-patient", "PatientID") in told(found)


def test_a_patient_without_any_identifier_is_referred_to_by_display_only() -> None:
    entries, found = packed(study_and_result(None, name=[{"text": "Doe, John"}]))
    assert entries["o"]["resource"]["subject"] == {"type": "Patient", "display": "Doe, John"}
    assert ("warning", "unmatched-patient", "PatientID") in told(found)
    entries, _ = packed(study_and_result(None))
    assert entries["o"]["resource"]["subject"] == {"type": "Patient", "display": "Patient without identifier"}


def test_other_patient_ids_do_not_name_the_patient() -> None:
    other = {"system": "http://h.org", "value": "9"}
    entries, _ = packed(collection(resource("Patient", "p", LOCAL_PATIENT_ID, other)))
    assert entries == {}


# ---- the policies that a site may choose -------------------------------------------------------------------


def test_existing_refers_to_a_search_and_sends_no_entry() -> None:
    entries, found = packed(study_and_result(), patients="existing", orders="existing", studies="existing")
    assert list(entries) == ["o"]
    result = entries["o"]["resource"]
    assert result["subject"] == {
        "reference": f"Patient?{PATIENT_SEARCH}",
        "type": "Patient",
        "identifier": PATIENT_ID,
    }
    assert result["basedOn"][0]["reference"] == f"ServiceRequest?{ORDER_SEARCH}"
    assert result["partOf"][0]["reference"] == f"ImagingStudy?{STUDY_SEARCH}"
    assert found == ()


@pytest.mark.parametrize(
    ("bundle", "option", "why", "remedy"),
    [
        (
            study_and_result(LOCAL_PATIENT_ID),
            "patients",
            NO_SYSTEM,
            "Tell the system with --patient-id-system,",
        ),
        (study_and_result(LOCAL_PATIENT_ID | HOSP_B), "patients", NO_SYSTEM, BY_ISSUER),
        (
            study_and_result({"value": "7"}),
            "patients",
            "no identifier of it has the type MR",
            "State PatientID",
        ),
        (study_and_result(None), "patients", "it has no identifier", "State PatientID"),
        (
            study_and_result(accession=LOCAL_ACCESSION),
            "orders",
            NO_SYSTEM,
            "Tell the system with --accession",
        ),
        (study_and_result(accession=LOCAL_ACCESSION | HOSP_B), "orders", NO_SYSTEM, BY_ISSUER),
        # no Accession Number: a placer order number, for which no default system can be told
        (study_and_result(accession={"value": "P1"}), "orders", NO_SYSTEM, "State AccessionNumber"),
        (study_and_result(accession={"value": "P1"} | HOSP_B), "orders", NO_SYSTEM, BY_ISSUER),
    ],
)
def test_what_has_to_exist_and_cannot_be_found_is_refused(
    bundle: JsonObject, option: str, why: str, remedy: str
) -> None:
    with pytest.raises(IdentityError, match=why) as raised:
        packed(bundle, **{option: "existing"})
    attribute, target = {
        "patients": ("PatientID", "Patient"),
        "orders": ("AccessionNumber", "ServiceRequest"),
    }[option]
    assert raised.value.where == attribute
    hint = raised.value.hint or ""
    assert hint.startswith(remedy)
    assert f"--{option} fixed={target}/ID" in hint
    assert ("system with" in hint) == ("assigner" not in str(bundle) and remedy.startswith("Tell"))


def test_an_order_without_identifiers_cannot_be_looked_up() -> None:
    bundle = collection(resource("ServiceRequest", "r"))
    with pytest.raises(IdentityError, match="it has no identifier") as raised:
        packed(bundle, orders="existing")
    assert (raised.value.hint or "").startswith("State AccessionNumber")


def test_logical_patient_with_a_system() -> None:
    entries, found = packed(study_and_result(), patients="logical")
    assert entries["o"]["resource"]["subject"] == {"type": "Patient", "identifier": PATIENT_ID}
    assert "p" not in entries
    assert "unmatched-patient" not in [code for _, code, _ in told(found)]


def test_an_order_is_created_on_request_where_its_number_has_a_system() -> None:
    entries, found = packed(study_and_result(), orders="create")
    assert entries["r"]["request"] == post("ServiceRequest", ORDER_SEARCH)
    assert found == ()
    entries, found = packed(study_and_result(accession={"value": "A1"}), orders="create")
    assert "r" not in entries
    assert ("warning", "unmatched-order", "AccessionNumber") in told(found)


def test_an_order_without_an_accession_number_is_named_by_another_number_or_in_words() -> None:
    placer = {"value": "P1"}
    for order, named in (
        (resource("ServiceRequest", "r", placer), {"identifier": placer}),
        (resource("ServiceRequest", "r", code={"concept": {"text": "CT chest"}}), {"display": "CT chest"}),
        (
            resource("ServiceRequest", "r", code={"concept": {"coding": [{"display": "CT"}]}}),
            {"display": "CT"},
        ),
    ):
        entries, _ = packed(
            collection(order, resource("Observation", "o", basedOn=[reference("ServiceRequest", "r")]))
        )
        assert entries["o"]["resource"]["basedOn"] == [{"type": "ServiceRequest", **named}]


def test_fixed_leads_to_what_the_caller_names() -> None:
    entries, _ = packed(
        study_and_result(LOCAL_PATIENT_ID),
        patients="fixed=Patient/123",
        orders="fixed=ServiceRequest/o-1",
        studies="fixed=ImagingStudy/7.8",
    )
    assert list(entries) == ["o"]
    result = entries["o"]["resource"]
    assert result["subject"] == {
        "reference": "Patient/123",
        "type": "Patient",
        "identifier": LOCAL_PATIENT_ID,
    }
    assert result["basedOn"][0]["reference"] == "ServiceRequest/o-1"
    assert result["partOf"][0]["reference"] == "ImagingStudy/7.8"


def test_fixed_holds_for_the_study_of_the_report_and_not_for_others() -> None:
    other = {"system": "urn:dicom:uid", "value": "urn:oid:4.5"}
    bundle = collection(
        resource("ImagingStudy", "s", STUDY_UID),
        resource("ImagingStudy", "t", other),
        resource("Observation", "o", partOf=[reference("ImagingStudy", "t")]),
    )
    entries, _ = packed(bundle, studies="fixed=ImagingStudy/1")
    assert entries["t"]["request"] == post("ImagingStudy", "identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A4.5")
    assert entries["o"]["resource"]["partOf"] == [reference("ImagingStudy", "t")]


@pytest.mark.parametrize(
    "options",
    [
        {"patients": "update"},
        {"patients": "fixed"},
        {"patients": "fixed=Observation/1"},
        {"patients": "fixed=Patient/"},
        {"patients": "fixed=http://other.example/Patient/1"},
        {"orders": "fixed=Patient/1"},
        {"studies": "logical"},
        {"ids": "both"},
        {"bundle": "batch"},
        {"versions": {"Observation": "1"}},
        {"versions": {"Observation/1": 1}},
        {"versions": {1: "3"}},
        {"versions": None},
        {"versions": ["Observation/1"]},
        {"patients": 3},
        {"orders": None},
        {"studies": ["create"]},
        {"versions": {"Observation/1": "1"}, "ids": "server"},
    ],
)
def test_what_is_no_policy_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as raised:
        Packaging(**{"bundle": "transaction", **options})
    assert raised.value.hint


# ---- what the document itself states -----------------------------------------------------------------------


def test_the_designator_of_a_coding_scheme_alone_is_no_system_to_match_by() -> None:
    """Two sites may call their staff numbers 99STAFF: the rule of section 4 for schemes that nobody identifies."""
    private = {"system": "urn:x-dicom-csd:99STAFF", "value": "77"}
    entries, _ = packed(collection(resource("Practitioner", "x", private)))
    assert entries["x"]["request"] == put("Practitioner", "x")


@pytest.mark.parametrize("kind", ["Endpoint", "Practitioner", "Device", "Specimen"])
def test_services_persons_and_things_with_an_identifier_are_created_unless_they_exist(kind: str) -> None:
    known = resource(kind, "x", {"value": "login"}, STUDY_UID)
    entries, _ = packed(collection(known))
    assert entries["x"]["request"] == post(kind, STUDY_SEARCH)
    entries, _ = packed(collection(resource(kind, "x", {"value": "login"})))
    assert entries["x"]["request"] == put(kind, "x")


def test_a_tracked_lesion_is_created_by_its_uid_and_another_site_of_it_is_stored_apart() -> None:
    label = {"value": "Lesion 1"}
    lesion = resource("BodyStructure", "b", label, TRACKING_UID)
    entries, _ = packed(collection(lesion, resource("BodyStructure", "c", TRACKING_UID)))
    assert entries["b"]["request"] == post("BodyStructure", TRACKING_SEARCH)
    assert entries["c"]["request"] == put("BodyStructure", "c")
    entries, _ = packed(collection(resource("BodyStructure", "b", label)))
    assert entries["b"]["request"] == put("BodyStructure", "b")


@pytest.mark.parametrize("kind", ["Observation", "ImagingSelection", "DiagnosticReport"])
def test_results_are_stored_under_their_own_ids(kind: str) -> None:
    entries, _ = packed(collection(resource(kind, "x", STUDY_UID)))
    assert entries["x"]["request"] == put(kind, "x")


@pytest.mark.parametrize("same", [True, False])
def test_two_resources_with_one_identifier_become_one(same: bool) -> None:
    """D33 and W7: with finding `conflict` where they differ."""
    bundle = collection(
        resource("Device", "a", STUDY_UID, displayName="One"),
        resource("Device", "b", STUDY_UID, displayName="One" if same else "Other"),
        resource("Observation", "o", device=reference("Device", "b")),
    )
    entries, found = packed(bundle)
    assert list(entries) == ["a", "o"]
    assert entries["o"]["resource"]["device"] == reference("Device", "a")
    assert told(found) == ([] if same else [("warning", "conflict", "Device/a")])


# ---- servers that give the ids -----------------------------------------------------------------------------


def test_ids_of_the_server_are_found_again_by_an_identifier() -> None:
    bundle = study_and_result()
    entries, _ = packed(bundle, ids="server")
    own = {"system": OWN_SYSTEM, "value": "urn:uuid:o"}
    assert entries["o"]["request"] == post(
        "Observation", "identifier=urn%3Aietf%3Arfc%3A3986%7Curn%3Auuid%3Ao"
    )
    assert entries["o"]["resource"]["identifier"] == [own]
    assert list(entries["o"]["resource"])[:3] == ["resourceType", "id", "identifier"]
    assert "identifier" not in bundle["entry"][3]["resource"]
    assert all(entry["request"]["method"] == "POST" for entry in entries.values())
    entries, _ = packed(collection(resource("ImagingSelection", "i", STUDY_UID)), ids="server")
    assert entries["i"]["resource"]["identifier"] == [STUDY_UID, {**own, "value": "urn:uuid:i"}]


def test_provenance_has_no_identifier_by_which_a_server_could_find_it() -> None:
    entries, _ = packed(collection(resource("Provenance", "v")), ids="server")
    assert entries["v"]["request"] == {"method": "POST", "url": "Provenance"}
    assert "identifier" not in entries["v"]["resource"]


# ---- sending again (decision D56) --------------------------------------------------------------------------


def test_a_known_version_is_not_overwritten_by_others() -> None:
    entries, _ = packed(study_and_result(), versions={"Observation/o": "3", "Observation/gone": "1"})
    assert entries["o"]["request"] == {**put("Observation", "o"), "ifMatch": 'W/"3"'}
    assert "ifMatch" not in entries["p"]["request"]


@pytest.mark.parametrize("name", ["Observatoin/1", "Patient/1", "ServiceRequest/1", "ImagingStudy/1"])
def test_a_version_of_what_is_never_updated_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="updates no") as raised:
        Packaging("transaction", versions={"Observation/1": "3", name: "3"})
    assert raised.value.where == name


def test_versions_are_for_the_types_that_a_transaction_can_store_under_their_ids() -> None:
    for kind in KINDS:
        entries, _ = packed(collection(resource(kind, "x")))
        is_put = "x" in entries and entries["x"]["request"]["method"] == "PUT"
        assert is_put == (kind in UPDATED)


# ---- R4 -----------------------------------------------------------------------------------------------------

BASIC = {
    "modifierExtension": [
        {"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-ImagingSelection.status"}
    ]
}


def test_a_selection_of_r4_is_stored_under_its_own_id_and_may_be_updated() -> None:
    entries, _ = packed(collection(resource("Basic", "b", **BASIC)), versions={"Basic/b": "3"})
    assert entries["b"]["request"] == {"method": "PUT", "url": "Basic/b", "ifMatch": 'W/"3"'}


def test_a_server_that_gives_the_ids_finds_a_selection_of_r4_by_its_identifier() -> None:
    entries, _ = packed(collection(resource("Basic", "b", **BASIC)), ids="server")
    request, made = entries["b"]["request"], entries["b"]["resource"]
    assert (request["method"], request["url"]) == ("POST", "Basic")
    assert request["ifNoneExist"] == search({"system": OWN_SYSTEM, "value": "urn:uuid:b"})
    assert made["identifier"] == [{"system": OWN_SYSTEM, "value": "urn:uuid:b"}]
    # members in the order of FHIR
    assert list(made) == ["resourceType", "id", "modifierExtension", "identifier"]


@pytest.mark.parametrize("code", [{"text": "CT"}, {"coding": [{"display": "CT"}]}], ids=["text", "display"])
@pytest.mark.parametrize("wrapped", [True, False], ids=["R5", "R4"])
def test_an_order_without_a_number_is_named_by_its_code_in_both_versions(
    code: JsonObject, wrapped: bool
) -> None:
    order = resource("ServiceRequest", "r", code={"concept": code} if wrapped else code)
    result = resource("Observation", "o", basedOn=[{"reference": "urn:uuid:r"}])
    entries, _ = packed(collection(order, result))
    assert entries["o"]["resource"]["basedOn"] == [{"type": "ServiceRequest", "display": "CT"}]


def test_references_within_extensions_follow_the_policies() -> None:
    """As of a selection, whose subject is an extension where Basic has no element for it."""
    extension = {"url": "http://a.example", "valueReference": reference("Patient", "p")}
    bundle = collection(resource("Patient", "p", PATIENT_ID), resource("Basic", "b", extension=[extension]))
    entries, _ = packed(bundle, patients="fixed=Patient/1")
    assert entries["b"]["resource"]["extension"][0]["valueReference"]["reference"] == "Patient/1"


# ---- what holds for all ------------------------------------------------------------------------------------

EVERY_CHOICE = [
    {},
    {"patients": "existing", "orders": "existing", "studies": "existing"},
    {"patients": "logical", "orders": "create"},
    {"patients": "fixed=Patient/1", "orders": "fixed=ServiceRequest/1", "studies": "fixed=ImagingStudy/1"},
    {"ids": "server"},
]


@pytest.mark.parametrize("options", EVERY_CHOICE)
@pytest.mark.parametrize("patient_id", [PATIENT_ID, LOCAL_PATIENT_ID])
def test_what_is_not_ours_is_never_updated_and_content_never_changes(
    options: dict[str, str], patient_id: JsonObject
) -> None:
    before = study_and_result(patient_id)
    kept = copy.deepcopy(before)
    if options.get("patients") == "existing" and patient_id is LOCAL_PATIENT_ID:
        with pytest.raises(IdentityError):
            packed(before, **options)
        return
    entries, _ = packed(before, **options)
    assert before == kept
    for entry in entries.values():
        assert entry["request"]["method"] == "POST" or entry["resource"]["resourceType"] == "Observation"
    sent = {each["resource"]["id"]: each["resource"] for each in before["entry"]}
    for name, entry in entries.items():
        assert plain(entry["resource"]) == plain(sent[name])
        for url in urls(entry["resource"]):
            assert url.removeprefix("urn:uuid:") in entries or not url.startswith("urn:uuid:")


def plain(node: Any) -> Any:
    """Return a resource without what policies may change: references, and the identifier of its own."""
    if isinstance(node, dict):
        parts = {name: plain(value) for name, value in node.items() if name != "reference"}
        return {name: value for name, value in parts.items() if value not in ([], None)}
    if isinstance(node, list):
        return [
            plain(each) for each in node if not (isinstance(each, dict) and each.get("system") == OWN_SYSTEM)
        ]
    return node


def urls(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for value in node.values():
            yield from urls(value)
    elif isinstance(node, list):
        for each in node:
            yield from urls(each)


def test_the_table_is_that_of_the_specification() -> None:
    """Section 1.2: policies by type, the default first."""
    assert {name: (kind.option, kind.ways) for name, kind in KINDS.items() if kind.option} == {
        "Patient": ("patients", ("create", "existing", "logical", "fixed")),
        "ServiceRequest": ("orders", ("logical", "existing", "create", "fixed")),
        "ImagingStudy": ("studies", ("create", "existing", "fixed")),
    }
    assert all(getattr(Packaging(), kind.option) == kind.ways[0] for kind in KINDS.values() if kind.option)
    matched = {name for name, kind in KINDS.items() if kind.ways and not kind.option}
    assert matched == {"Endpoint", "Organization", "Practitioner", "Device", "Specimen", "BodyStructure"}


def test_searches_are_percent_encoded_and_escaped() -> None:
    found = search({"system": "s", "value": "a|b,c$d\\e"})
    assert found == "identifier=s%7Ca%5C%7Cb%5C%2Cc%5C%24d%5C%5Ce"


@pytest.mark.parametrize("options", EVERY_CHOICE)
def test_a_collection_travels_as_it_is(options: dict[str, Any]) -> None:
    bundle = study_and_result()
    assert Packaging(**options).package(bundle) == (bundle, ())


def test_numbers_keep_their_text() -> None:
    made, _ = Packaging("transaction").package(study_and_result())
    assert b"1.50" in dumps(made)
    assert list(made) == ["resourceType", "type", "entry"]
    assert json.loads(dumps(made))["entry"]


def test_a_sop_class_that_dicom_does_not_have_is_not_sent() -> None:
    with pytest.raises(UsageError, match="ig-literal"):
        Transformer(options=RenderOptions(form="ig-literal"), packaging=Packaging("transaction"))
