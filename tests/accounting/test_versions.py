"""A step to another version of FHIR: the same Bundle, and an account of what it has no element for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sr2fhir.accounting import Finished, Steps, finish
from sr2fhir.errors import OutputError
from sr2fhir.jsontext import dumps, loads_strict
from sr2fhir.settings import R4

from tests.accounting.documents import EQUIPMENT, GROUP, PATIENT, VOLUME, bundle, rendering

Change = Callable[[dict[str, Any]], object]


def stepped(change: Change, **options: Any) -> Finished:
    """Finish the Bundle of the document with a step that changes it so."""

    def run(made: bytes) -> bytes:
        content = loads_strict(made)
        change(content)
        return dumps(content)

    return finish(dumps(bundle()), rendering(), steps=Steps(options.pop("target", R4), run), **options)


def resource(content: dict[str, Any], index: int) -> Any:
    return content["entry"][index]["resource"]


def same(content: dict[str, Any]) -> None:
    """Change nothing."""


def test_a_step_that_changes_nothing_changes_nothing_of_the_account() -> None:
    plain = finish(dumps(bundle()), rendering())
    assert stepped(same) == plain
    kept = finish(dumps(bundle()), rendering(), keep_lineage=True)
    assert stepped(same, keep_lineage=True) == kept


def test_the_step_gets_the_lineage_of_all_elements() -> None:
    seen: list[dict[str, Any]] = []
    stepped(seen.append)
    assert resource(seen[0], 3)["code"]["id"] == "1.3.1"


# ---- another Bundle --------------------------------------------------------------------------------


def other_id(content: dict[str, Any]) -> None:
    resource(content, 3)["id"] = GROUP
    content["entry"][3]["fullUrl"] = f"urn:uuid:{GROUP}"


def added(content: dict[str, Any]) -> None:
    made = {"resourceType": "Basic", "id": GROUP}
    content["entry"].append({"fullUrl": f"urn:uuid:{GROUP}", "resource": made})


def dangling(content: dict[str, Any]) -> None:
    resource(content, 3)["focus"] = [{"reference": f"urn:uuid:{GROUP}"}]


def foreign(content: dict[str, Any]) -> None:
    resource(content, 3)["code"]["id"] = "1.9"


FAULTS: dict[str, tuple[Change, str]] = {
    "an entry is lost": (lambda content: content["entry"].pop(), "has lost the resource"),
    "an id is another one": (other_id, "was not in the R5 Bundle"),
    "an entry is new": (added, "was not in the R5 Bundle"),
    "the order is another one": (lambda content: content["entry"].reverse(), "another order"),
    "a reference leads nowhere": (dangling, "leads to no entry"),
    "an entry has no resource": (lambda content: content["entry"][0].pop("resource"), "is missing"),
    "an entry stands twice": (lambda content: content["entry"].append(content["entry"][0]), "more than once"),
    "it is no Bundle": (lambda content: content.update(resourceType="Basic"), "not a Bundle"),
    "it is of another type": (lambda content: content.update(type="batch"), "not a collection"),
    "an element comes from nowhere": (foreign, "names no content item"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_another_bundle_is_refused(change: Change, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        stepped(change)


def test_malformed_json_of_a_step_is_refused() -> None:
    with pytest.raises(OutputError, match="malformed"):
        finish(dumps(bundle()), rendering(), steps=Steps(R4, lambda made: made[:-5]))


# ---- what has no element ---------------------------------------------------------------------------


def test_what_reached_no_element_of_the_version_is_told_with_a_reason() -> None:
    def lose(content: dict[str, Any]) -> None:
        del resource(content, 0)["identifier"]

    done = stepped(lose)
    (line,) = (each for each in done.report.lines if each.reason == "no-r4-element")
    assert (line.source, line.category, line.elements) == ("PatientID", "UNM", ())
    (finding,) = (each for each in done.findings if each.code == "no-r4-element")
    assert finding.message == "1 header attribute reached an element of FHIR R5 and none of R4"
    totals = done.report.to_dict()["attributes"]
    assert totals["total"] == sum(number for name, number in totals.items() if name != "total")


def test_elements_are_told_by_their_names_in_the_version() -> None:
    def rename(content: dict[str, Any]) -> None:
        observation = resource(content, 3)
        observation["valueRatio"] = {"numerator": observation.pop("valueQuantity")}

    done = stepped(rename)
    (line,) = (each for each in done.report.items if each.source == "1.3.1")
    assert f"Observation/{VOLUME}.valueRatio.numerator" in line.elements
    assert not [each for each in line.elements if "valueQuantity" in each]
    plain = finish(dumps(bundle()), rendering())
    assert [(each.source, each.category) for each in done.report.lines] == [
        (each.source, each.category) for each in plain.report.lines
    ]


def test_a_resource_that_became_another_type_is_counted_and_named_as_that() -> None:
    done = stepped(lambda content: resource(content, 2).update(resourceType="Basic"))
    assert done.report.resources == {"Patient": 1, "ImagingStudy": 1, "Basic": 1, "Observation": 1}


def test_a_part_of_what_an_item_says_of_a_resource_is_a_loss() -> None:
    def twice(content: dict[str, Any]) -> None:
        resource(content, 2)["note"] = [{"id": "1.3.1", "text": "the value again"}]

    def run(made: bytes) -> bytes:
        content = loads_strict(made)
        del resource(content, 2)["note"]
        return dumps(content)

    content = bundle()
    twice(content)
    done = finish(dumps(content), rendering(), steps=Steps(R4, run))
    (loss,) = done.report.losses
    assert (loss.source, loss.reason) == ("1.3.1", "no-r4-element")
    assert loss.message == f"what it says of Device/{EQUIPMENT} in R5 has no element in R4"


def test_what_a_version_may_leave_out_is_counted_and_the_rest_accounted_for() -> None:
    target = replace(R4, leaves_out=frozenset({"Observation"}))
    done = stepped(lambda content: content["entry"].pop(), target=target)
    messages = [each.message for each in done.findings if each.code == "no-r4-element"]
    assert messages[0] == "1 Observation left out"
    assert "reached an element of FHIR R5 and none of R4" in messages[1]
    assert "Observation" not in done.report.resources
    lost = {each.source for each in done.report.unmapped if each.reason == "no-r4-element"}
    assert "1.3.1" in lost
    assert PATIENT in {entry["resource"]["id"] for entry in done.bundle["entry"]}
    totals = done.report.to_dict()["items"]
    assert totals["total"] == sum(number for name, number in totals.items() if name != "total")


# ---- what an engine has made already ---------------------------------------------------------------


def person(kind: str = "Practitioner", name: str = GROUP) -> dict[str, Any]:
    """Return an entry that nothing refers to."""
    return {"fullUrl": f"urn:uuid:{name}", "resource": {"resourceType": kind, "id": name}}


def made_already(content: dict[str, Any], change: Change = same) -> tuple[Finished, list[bytes]]:
    """Finish a Bundle of which the engine made another version as it was, and tell how often it was asked."""
    asked: list[bytes] = []

    def run(made: bytes) -> bytes:
        asked.append(made)
        return made

    stepped_on = loads_strict(dumps(content))
    change(stepped_on)
    done = finish(dumps(content), rendering(), steps=Steps(R4, run, dumps(stepped_on)))
    return done, asked


def test_what_was_made_already_loses_what_the_bundle_lost_and_follows_its_order() -> None:
    content = bundle()
    content["entry"] = [content["entry"].pop(3), person(), *content["entry"]]
    assert content["entry"][0]["resource"]["resourceType"] == "Observation"
    done, asked = made_already(content)
    assert asked == []
    assert done == finish(dumps(content), rendering())
    assert done.bundle["entry"][-1]["resource"]["resourceType"] == "Observation"


def test_it_is_made_anew_if_a_selection_was_removed() -> None:
    content = bundle()
    content["entry"].append(person("ImagingSelection"))
    done, asked = made_already(content)
    assert [GROUP.encode() in each for each in asked] == [False]
    assert done == finish(dumps(content), rendering())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["entry"].pop(3), "has lost the resource"),
        (lambda content: content["entry"].append(person("Basic")), "was not in the R5 Bundle"),
        (lambda content: content["entry"].reverse(), "another order"),
        (lambda content: content["entry"].append({}), "fullUrl, resource, resourceType or id is missing"),
        (lambda content: content.pop("entry"), "the Bundle is empty"),
    ],
)
def test_another_bundle_made_already_is_refused(change: Change, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        made_already(bundle(), change)
