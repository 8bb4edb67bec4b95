"""What a site's rules make of findings: rows alerts.01 to alerts.06 (docs/alerts.md), written before the maps were run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Packaging, Result
from sr2fhir.alerts import Rule, Rules
from sr2fhir.alerts.quantities import comparison
from sr2fhir.alerts.rules import Condition

from tests import builders as b
from tests.rows.look import SCT, category, coding, concept, elements, one, resources, target, urn

Json = dict[str, Any]
Transform = Callable[..., Result]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
RADLEX = "http://radlex.org"
DETAIL = "http://hl7.org/fhir/StructureDefinition/flag-detail"
PNEUMOTHORAX = b.Code("36118008", "SCT", "Pneumothorax")
CERTAINTY = b.Code("111012", "DCM", "Certainty of Finding")
PERCENT = b.Code("%", "UCUM", "percent")
PRESENCE = b.Code("705057003", "SCT", "Presence")
ABSENT = b.Code("2667000", "SCT", "Absent")
SEVERITY, SEVERE = b.Code("246112005", "SCT", "Severity"), b.Code("24484000", "SCT", "Severe")
LANGUAGE = b.Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = b.Code("en", "RFC5646", "English")
RECIPIENT = {
    "type": "PractitionerRole",
    "identifier": {"system": "http://hospital.example/roles", "value": "ED"},
}
SURE = Condition(frozenset({(DCM, "111012")}), quantity=comparison(">= 80 %"))
RULE = Rule(
    "ptx",
    "live",
    "RID49480",
    date(2099, 12, 31),
    (RECIPIENT,),
    None,
    Condition(values=frozenset({(SCT, "36118008")})),
    members=(SURE,),
)


def rules(*each: Rule) -> Rules:
    return Rules("alerts.toml", each or (RULE,))


def report(*more: Dataset, certainty: str = "97") -> Dataset:
    language = b.code(LANGUAGE, ENGLISH, relationship="HAS CONCEPT MOD")
    found = b.group(b.code(b.FINDING, PNEUMOTHORAX), b.num(CERTAINTY, certainty, PERCENT), *more)
    return b.measurement_report(
        language,
        b.imaging_measurements(found),
        ContentDate="20260310",
        ContentTime="102005",
        TimezoneOffsetFromUTC="+0100",
    )


def group_of(result: Result) -> Json:
    return one(result, "Observation", "imaging-measurement-group")


@pytest.mark.row("alerts.01")
def test_flag_and_request_join_the_results_of_the_document(transform: Transform) -> None:
    result = transform(report(), alerts=rules())
    flag, request = one(result, "Flag"), one(result, "CommunicationRequest")
    assert [entry["resource"]["resourceType"] for entry in result.bundle["entry"]][-2:] == [
        "Flag",
        "CommunicationRequest",
    ]
    assert flag["meta"]["source"] == request["meta"]["source"] == group_of(result)["meta"]["source"]
    assert (flag["status"], request["status"], request["intent"]) == ("active", "active", "order")
    assert result.alerts is not None
    (alert,) = result.alerts
    assert (alert.rule, alert.mode, alert.flag) == ("ptx", "live", f"Flag/{flag['id']}")
    assert result.report_content["alerts"][0]["flag"] == alert.flag


@pytest.mark.row("alerts.01")
def test_the_same_document_gives_the_same_alert_and_each_rule_its_own(transform: Transform) -> None:
    first, second = (transform(report(), alerts=rules()) for _ in range(2))
    assert first.json == second.json
    both = transform(report(), alerts=rules(RULE, replace(RULE, name="other")))
    ids = [flag["id"] for flag in resources(both, "Flag")]
    assert len(set(ids)) == 2
    assert one(first, "Flag")["id"] in ids
    assert len(resources(both, "CommunicationRequest")) == 2


@pytest.mark.row("alerts.01")
def test_without_a_match_the_bundle_is_as_without_rules(transform: Transform) -> None:
    unsure = report(certainty="79")
    ruled = transform(unsure, alerts=rules())
    assert ruled.json == transform(unsure).json
    assert (ruled.alerts, transform(unsure).alerts) == ((), None)


@pytest.mark.row("alerts.01", "alerts.02")
def test_the_account_tells_what_reached_the_flag(transform: Transform) -> None:
    """1.2.1.1 is the Finding: it stays IG, since the guide names the value of the group."""
    result = transform(report(), alerts=rules())
    flag = f"Flag/{one(result, 'Flag')['id']}"
    assert f"{flag}.code" in elements(result, "1.2.1.1")
    assert category(result, "1.2.1.1") == "IG"
    assert f"{flag}.period.start" in elements(result, "ContentTime")
    assert f"{flag}.meta.source" in elements(result, "SOPInstanceUID")
    plain = transform(report())
    assert [line.category for line in result.report.lines] == [line.category for line in plain.report.lines]
    assert result.report.unmapped == plain.report.unmapped


@pytest.mark.row("alerts.02")
def test_the_flag_of_a_group_has_its_finding(transform: Transform) -> None:
    flag = one(transform(report(), alerts=rules()), "Flag")
    assert flag["code"] == {**concept(SCT, "36118008", "Pneumothorax"), "text": "Pneumothorax"}


@pytest.mark.row("alerts.02")
def test_the_flag_of_a_measurement_has_its_concept_and_its_value(transform: Transform) -> None:
    result = transform(report(certainty="97.50"), alerts=rules(replace(RULE, own=SURE, members=())))
    assert one(result, "Flag")["code"] == {
        **concept(DCM, "111012", "Certainty of Finding"),
        "text": "Certainty of Finding: 97.50 %",
    }


@pytest.mark.row("alerts.02")
def test_the_flag_of_an_evaluation_has_its_concept_and_its_value(transform: Transform) -> None:
    severe = replace(RULE, own=Condition(frozenset({(SCT, "246112005")})), members=())
    result = transform(report(b.code(SEVERITY, SEVERE)), alerts=rules(severe))
    assert one(result, "Flag")["code"] == {
        **concept(SCT, "246112005", "Severity"),
        "text": "Severity: Severe",
    }


@pytest.mark.row("alerts.03")
def test_patient_device_time_and_language_are_those_of_the_observation(transform: Transform) -> None:
    result = transform(report(), alerts=rules())
    flag, request, group = one(result, "Flag"), one(result, "CommunicationRequest"), group_of(result)
    assert flag["subject"] == request["subject"] == group["subject"]
    assert flag["author"] == request["requester"] == group["device"]
    assert target(result, flag["author"])["resourceType"] == "Device"
    assert flag["period"] == {"start": "2026-03-10T10:20:05+01:00"}
    assert request["authoredOn"] == "2026-03-10T10:20:05+01:00"
    assert flag["language"] == "en"


@pytest.mark.row("alerts.03")
def test_a_time_that_is_not_known_is_left_out(transform: Transform) -> None:
    undated = report()
    for keyword in ("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime"):
        undated.pop(keyword, None)
    result = transform(undated, alerts=rules())
    assert "issued" not in group_of(result)
    assert "period" not in one(result, "Flag")
    assert "authoredOn" not in one(result, "CommunicationRequest")


@pytest.mark.row("alerts.04")
def test_flag_and_request_lead_to_the_observations(transform: Transform) -> None:
    result = transform(report(), alerts=rules())
    flag, request = one(result, "Flag"), one(result, "CommunicationRequest")
    sure = one(result, "Observation", "imaging-measurement")
    matched = [{"reference": urn(each), "type": "Observation"} for each in (group_of(result), sure)]
    assert flag["extension"] == [{"url": DETAIL, "valueReference": reference} for reference in matched]
    assert request["about"] == matched
    assert request["payload"] == [{"contentReference": matched[0]}]


@pytest.mark.row("alerts.05")
@pytest.mark.parametrize(
    ("code", "display", "priority"),
    [
        ("RID49480", "ACR Category 1 Actionable Finding", "stat"),
        ("RID49481", "ACR Category 2 Actionable Finding", "urgent"),
        ("RID49482", "ACR Category 3 Actionable Finding", "routine"),
    ],
)
def test_the_category_of_the_rule_and_the_priority_that_follows(
    transform: Transform, code: str, display: str, priority: str
) -> None:
    result = transform(report(), alerts=rules(replace(RULE, category=code)))
    stated = {"coding": [coding(RADLEX, code, display)]}
    request = one(result, "CommunicationRequest")
    assert one(result, "Flag")["category"] == [stated]
    kind = coding("http://terminology.hl7.org/CodeSystem/communication-category", "alert", "Alert")
    assert request["category"] == [{"coding": [kind]}, stated]
    assert request["priority"] == priority


@pytest.mark.row("alerts.05")
def test_who_is_to_be_told_and_who_asks(transform: Transform) -> None:
    radiology = {"type": "Organization", "identifier": {"system": "urn:oid:2.999.8", "value": "RAD"}}
    asked = replace(RULE, recipients=(RECIPIENT, {**RECIPIENT, "display": "Emergency"}), requester=radiology)
    request = one(transform(report(), alerts=rules(asked)), "CommunicationRequest")
    assert request["recipient"] == [RECIPIENT, {**RECIPIENT, "display": "Emergency"}]
    assert request["requester"] == radiology
    assert request["reason"] == [{"concept": {"text": "Rule ptx"}}]


@pytest.mark.row("alerts.06")
@pytest.mark.parametrize("relationship", ["HAS PROPERTIES", "HAS CONCEPT MOD"])
def test_a_negated_finding_is_not_flagged(transform: Transform, relationship: str) -> None:
    """D41. The evaluation that it becomes has the finding as its code, and is not flagged either."""
    absent = b.code(PRESENCE, ABSENT, relationship=relationship)
    found = b.group(b.code(b.FINDING, PNEUMOTHORAX, absent), b.num(CERTAINTY, "97", PERCENT))
    asked = replace(RULE, name="code", own=Condition(frozenset({(SCT, "36118008")})), members=())
    sure = replace(RULE, name="certain", own=SURE, members=())
    result = transform(b.measurement_report(b.imaging_measurements(found)), alerts=rules(RULE, asked, sure))
    assert result.alerts == ()
    assert not resources(result, "Flag")


@pytest.mark.row("alerts.06")
def test_a_finding_that_an_evaluation_denies_is_not_flagged(transform: Transform) -> None:
    """D42: the value of the group stays, and its interpretation is NEG."""
    result = transform(report(b.code(PNEUMOTHORAX, ABSENT)), alerts=rules())
    assert group_of(result)["valueCodeableConcept"]
    assert result.alerts == ()


@pytest.mark.row("alerts.06")
def test_a_rule_in_the_shadow_changes_nothing_but_the_report(transform: Transform) -> None:
    result = transform(report(), alerts=rules(replace(RULE, mode="shadow")))
    assert result.json == transform(report()).json
    (alert,) = result.alerts or ()
    assert (alert.mode, alert.flag) == ("shadow", None)
    assert alert.observations[0] == f"Observation/{group_of(result)['id']}"


@pytest.mark.row("alerts.06")
def test_interpretation_and_category_of_observations_are_not_touched(transform: Transform) -> None:
    ruled, plain = transform(report(), alerts=rules()), transform(report())
    assert resources(ruled, "Observation") == resources(plain, "Observation")


@pytest.mark.row("alerts.01")
def test_a_transaction_stores_both_under_their_own_ids(transform: Transform) -> None:
    """And the policy for the patient holds for them as for the Observations."""
    result = transform(report(), Packaging("transaction", patients="logical"), alerts=rules())
    requests = {entry["request"]["url"]: entry["request"]["method"] for entry in result.bundle["entry"]}
    flag, request = one(result, "Flag"), one(result, "CommunicationRequest")
    assert requests[f"Flag/{flag['id']}"] == requests[f"CommunicationRequest/{request['id']}"] == "PUT"
    assert "reference" not in flag["subject"]
    assert flag["subject"] == request["subject"] == group_of(result)["subject"]
