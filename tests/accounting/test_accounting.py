"""Every content item and header attribute ends in one class (mapping specification, section 8): by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sr2fhir.accounting import Finished, Report, finish
from sr2fhir.accounting.report import Line
from sr2fhir.errors import OutputError
from sr2fhir.findings import Finding
from sr2fhir.jsontext import dumps
from sr2fhir.model import NotHeld
from sr2fhir.model.context import Use

from tests.accounting.documents import EQUIPMENT, PROFILES, VOLUME, bundle, item, rendering

OBSERVATION = f"Observation/{VOLUME}"
UID_OF_ITEM = "1.3.1.ObservationUID"
PERSON = "00000000-0000-5000-8000-000000000020"


def account(*findings: Finding, **changes: Any) -> Report:
    """Account for the document of these tests, the Observation of its Bundle changed."""
    content = bundle()
    content["entry"][3]["resource"].update(changes)
    return finish(dumps(content), rendering(findings)).report


def classes(report: Report) -> dict[str, tuple[str, str | None]]:
    return {line.source: (line.category, line.reason) for line in report.lines}


def test_each_item_and_attribute_has_one_class() -> None:
    assert classes(account()) == {
        "1": ("CONTEXT", None),
        "1.1": ("CONTEXT", None),
        "1.2": ("UNM", "no-target"),
        "1.2.1": ("UNM", "no-target"),
        "1.3": ("CONTEXT", None),
        "1.3.1": ("IG", None),
        "1.3.2": ("UNM", "no-target"),
        "PatientID": ("IG", None),
        "PatientName": ("UNM", "no-target"),
        "StudyInstanceUID": ("IG", None),
        "SpecificCharacterSet": ("CONTEXT", None),
        "VerifyingObserverSequence": ("UNM", "no-target"),
        "PatientSex": ("UNM", "no-target"),
        "PatientBirthDate": ("CONTEXT", "empty"),
        "ParticipantSequence.1.PersonName": ("UNM", "no-target"),
        "ParticipantSequence.1.ObserverType": ("CONTEXT", None),
        "(0009,1001)": ("UNM", "no-target"),
    }


def test_the_classes_add_up() -> None:
    report = account().to_dict()
    assert report["items"] == {"total": 7, "IG": 1, "SUPP": 0, "CONTEXT": 3, "UNM": 3}
    assert report["attributes"] == {"total": 10, "IG": 2, "SUPP": 0, "CONTEXT": 3, "UNM": 5}
    assert report["resources"] == {"Patient": 1, "ImagingStudy": 1, "Device": 1, "Observation": 1}


def test_what_has_no_lineage_is_lost_whatever_the_renderer_expected() -> None:
    reached = classes(account(note=[{"id": "ParticipantSequence.1.PersonName", "text": "x"}]))
    assert reached["ParticipantSequence.1.PersonName"][0] == "SUPP"
    assert classes(account())["ParticipantSequence.1.PersonName"] == ("UNM", "no-target")


def test_an_account_that_misses_an_item_is_refused() -> None:
    short = replace(rendering(), items=rendering().items[:-1])
    with pytest.raises(OutputError, match="each content item once"):
        finish(dumps(bundle()), short)


def test_an_account_that_names_an_item_twice_is_refused() -> None:
    long = replace(rendering(), items=(*rendering().items, rendering().items[0]))
    with pytest.raises(OutputError, match="each content item once"):
        finish(dumps(bundle()), long)


# ---- reasons ----


def test_a_finding_gives_the_reason() -> None:
    finding = Finding("warning", "multiplicity", "1.3.2 TextValue", "a second comment")
    assert classes(account(finding))["1.3.2"] == ("UNM", "multiplicity")


def test_a_finding_overrules_that_an_item_was_used_up() -> None:
    finding = Finding("information", "no-target", "1.1", "the observer's organisation has no target")
    assert classes(account(finding))["1.1"] == ("UNM", "no-target")


def test_other_findings_are_no_reason() -> None:
    others = [
        Finding("warning", "missing-units", "1.3.2", "no units"),
        Finding("warning", "assumed-offset", "1.3.2", "an offset was assumed", kept=True),
    ]
    for finding in others:
        assert classes(account(finding))["1.3.2"] == ("UNM", "no-target")
    left_out = Finding("information", "assumed-offset", "1.3.2", "the time of day is left out")
    assert classes(account(left_out))["1.3.2"] == ("UNM", "assumed-offset")


def test_what_reached_an_element_is_mapped_whatever_was_found() -> None:
    finding = Finding("warning", "multiplicity", "1.3.1", "a second one was left out")
    assert classes(account(finding))["1.3.1"] == ("IG", None)


# ---- what another item or attribute stands for ----


def with_use(use: Use) -> Line:
    """Account for the document, item 1.1 used for something, and return its line."""
    made = rendering()
    items = tuple(replace(each, use=use) if each.position == "1.1" else each for each in made.items)
    report = finish(dumps(bundle()), replace(made, items=items)).report
    return next(line for line in report.items if line.source == "1.1")


def test_an_item_that_went_into_a_resource_names_it() -> None:
    """A device observer that is the equipment: 1.1 gave no element, but the Device is the observer."""
    line = with_use(Use("observer", EQUIPMENT))
    assert (line.category, line.elements) == ("SUPP", (f"Device/{EQUIPMENT}",))


def test_an_item_of_a_resource_that_is_not_there_is_unmapped() -> None:
    absent = "00000000-0000-5000-8000-00000000ffff"
    assert with_use(Use("observer", absent)).category == "UNM"
    assert with_use(Use("observer", absent, carried=False)).category == "UNM"


def test_an_item_that_only_chose_is_context() -> None:
    assert with_use(Use("observer", EQUIPMENT, carried=False)).category == "CONTEXT"


def test_an_item_that_says_the_same_again_shares_the_elements() -> None:
    made = rendering()
    again = tuple(replace(each, same_as="1.3.1") if each.position == "1.3.2" else each for each in made.items)
    report = finish(dumps(bundle()), replace(made, items=again)).report
    of = {line.source: line.elements for line in report.items}
    assert of["1.3.2"] == of["1.3.1"] != ()


def test_a_time_shares_the_element_of_its_date() -> None:
    """Section 3.1: date and time of a pair are joined."""
    header = rendering().header
    dated = tuple(
        replace(header[0], path=path, disposition="mapped") for path in ("ContentDate", "ContentTime")
    )
    content = bundle()
    content["entry"][3]["resource"].update(
        {"issued": "2020-01-01T00:00:00Z", "_issued": {"id": "ContentDate-ContentTime"}}
    )
    report = finish(dumps(content), replace(rendering(), header=(*header, *dated))).report
    lines = {line.source: (line.category, line.elements) for line in report.attributes}
    assert lines["ContentDate"] == lines["ContentTime"] == ("IG", (f"{OBSERVATION}.issued",))


# ---- attributes of items ----


def with_uid(**changes: Any) -> Finished:
    """Finish the document, whose measurement has an Observation UID; its Observation changed."""
    told = Finding("information", "no-target", "1.3.1", "the attribute ObservationUID is not carried over")
    made = rendering()
    made.document["content"]["container"][1]["num"][0]["observationIdentifier"] = {"id": UID_OF_ITEM}
    content = bundle()
    content["entry"][3]["resource"].update(changes)
    return finish(dumps(content), replace(made, not_held=(NotHeld(told, UID_OF_ITEM),)))


def test_an_attribute_that_reached_an_element_is_an_element_of_its_item() -> None:
    finished = with_uid(identifier=[{"id": UID_OF_ITEM, "value": "urn:oid:1.2.77"}])
    assert (finished.findings, finished.report.losses) == ((), ())
    line = next(line for line in finished.report.items if line.source == "1.3.1")
    assert f"{OBSERVATION}.identifier[0]" in line.elements


def test_an_attribute_that_reached_no_element_is_lost() -> None:
    finished = with_uid()
    assert [finding.where for finding in finished.findings] == ["1.3.1"]
    assert [loss.source for loss in finished.report.losses] == ["1.3.1"]


# ---- resources that nothing refers to ----


def practitioner(name: str) -> dict[str, Any]:
    body = {"resourceType": "Practitioner", "id": name, "name": [{"id": "ParticipantSequence.1.PersonName"}]}
    return {"fullUrl": f"urn:uuid:{name}", "resource": body}


def with_practitioner(**changes: Any) -> Report:
    content = bundle()
    content["entry"].append(practitioner(PERSON))
    content["entry"][3]["resource"].update(changes)
    made = rendering()
    made.document["person"][0]["id"] = PERSON
    return finish(dumps(content), made).report


def test_a_person_whom_nothing_names_is_taken_out_and_unmapped() -> None:
    report = with_practitioner()
    assert "Practitioner" not in report.resources
    assert classes(report)["ParticipantSequence.1.PersonName"] == ("UNM", "no-target")


def test_a_performer_stays() -> None:
    report = with_practitioner(performer=[{"reference": f"urn:uuid:{PERSON}"}])
    assert report.resources["Practitioner"] == 1
    assert classes(report)["ParticipantSequence.1.PersonName"][0] == "SUPP"


# ---- what the report shows ----


def test_unmapped_entries_show_no_value() -> None:
    report = dumps(account().to_dict())
    entries = {entry["source"]: entry for entry in json.loads(report)["unmapped"]}
    assert entries["1.3.2"] == {
        "source": "1.3.2",
        "valueType": "TEXT",
        "relationship": "CONTAINS",
        "class": "UNM",
        "reason": "no-target",
    }
    # printf '{"reference":{"uid":"1.2.9"}}' | sha256sum | cut -c1-16
    assert entries["1.2.1"]["digest"] == "ccca74948625fa4c"
    assert entries["PatientSex"] == {
        "source": "PatientSex",
        "tag": "(0010,0040)",
        "vr": "CS",
        "class": "UNM",
        "reason": "no-target",
    }
    assert b"Dr Example" not in report


def test_every_line_that_is_counted_as_mapped_names_an_element() -> None:
    report = account().to_dict()
    counted = sum(report[part][name] for part in ("items", "attributes") for name in ("IG", "SUPP"))
    assert counted == len(report["lineage"])
    assert all(entry["elements"] for entry in report["lineage"])


def test_equipment_is_no_content_item() -> None:
    """Resources that come from the header have no position, and so no row of their own."""
    assert not any(EQUIPMENT in element for line in account().lines for element in line.elements)


def test_a_value_that_was_kept_as_text_is_marked() -> None:
    """Section 3.9: a date among the evaluations becomes text; reason `degraded` of section 8."""
    made = rendering()
    date = item(VOLUME, "1.3.1", "DATE", dateValue="2020-01-01")
    made.document["content"]["container"][1].pop("num")
    made.document["content"]["container"][1]["date"] = [date]
    items = tuple(
        replace(each, value_type="DATE") if each.position == "1.3.1" else each for each in made.items
    )
    content = bundle()
    observation = content["entry"][3]["resource"]
    observation["meta"]["profile"] = [f"{PROFILES}/imaging-qualitative-evaluation"]
    report = finish(dumps(content), replace(made, items=items)).report
    assert classes(report)["1.3.1"] == ("SUPP", "degraded")
    assert {entry["source"]: entry.get("reason") for entry in report.to_dict()["lineage"]}[
        "1.3.1"
    ] == "degraded"
