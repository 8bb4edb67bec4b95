"""The finishing stage refuses what is not the Bundle of the document, and accounts for what is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sr2fhir.accounting import Finished, finish
from sr2fhir.errors import OutputError
from sr2fhir.jsontext import NumberText, dumps

from tests.accounting.documents import (
    GROUP,
    PATIENT,
    VOLUME,
    bundle,
    rendering,
)


def finished(content: dict[str, Any], *, keep_lineage: bool = False) -> Finished:
    return finish(dumps(content), rendering(), keep_lineage=keep_lineage)


# ---- strict parse ----

MALFORMED = {
    "nothing": (b"", "returned nothing"),
    "blanks": (b" \n", "returned nothing"),
    "cut short": (dumps(bundle())[:-40], "malformed"),
    "two documents": (dumps(bundle()) * 2, "malformed"),
    "a key twice": (dumps(bundle()).replace(b'"unit":', b'"value":1,"unit":', 1), "'value' occurs twice"),
    "not a number": (dumps(bundle()).replace(b"31112.20", b"NaN"), "malformed"),
    "an infinity": (dumps(bundle()).replace(b"31112.20", b"-Infinity"), "malformed"),
    "not UTF-8": (dumps(bundle()).replace(b"mm3", b"mm\xb3"), "malformed"),
    "a list": (b"[]", "not a resource"),
    "a page of HTML": (b"<html><body>502 Bad Gateway</body></html>", "malformed"),
}


@pytest.mark.parametrize(("data", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_answers_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        finish(data, rendering())


# ---- checks ----


def resource(content: dict[str, Any], index: int) -> Any:
    return content["entry"][index]["resource"]


def outcome_instead(content: dict[str, Any]) -> None:
    content.clear()
    content.update({"resourceType": "OperationOutcome", "issue": []})


def other_type(content: dict[str, Any]) -> None:
    content["type"] = "transaction"


def no_entries(content: dict[str, Any]) -> None:
    del content["entry"]


def no_resource(content: dict[str, Any]) -> None:
    del content["entry"][3]["resource"]


def no_full_url(content: dict[str, Any]) -> None:
    del content["entry"][3]["fullUrl"]


def no_id(content: dict[str, Any]) -> None:
    del resource(content, 3)["id"]


def full_url_of_another(content: dict[str, Any]) -> None:
    content["entry"][3]["fullUrl"] = f"urn:uuid:{GROUP}"


def twice(content: dict[str, Any]) -> None:
    content["entry"].append(content["entry"][3])


def foreign_id(content: dict[str, Any]) -> None:
    foreign = VOLUME.replace("0000-5", "9999-5")
    resource(content, 3)["id"] = foreign
    content["entry"][3]["fullUrl"] = f"urn:uuid:{foreign}"


def dangling_reference(content: dict[str, Any]) -> None:
    resource(content, 3)["hasMember"] = [{"reference": f"urn:uuid:{GROUP}"}]


def no_patient(content: dict[str, Any]) -> None:
    del content["entry"][0]
    for index in (0, 2):
        del resource(content, index)["subject"]


def no_equipment(content: dict[str, Any]) -> None:
    del content["entry"][2]


def second_patient(content: dict[str, Any]) -> None:
    resource(content, 3)["resourceType"] = "Patient"


def request_in_collection(content: dict[str, Any]) -> None:
    content["entry"][3]["request"] = {"method": "PUT", "url": f"Observation/{VOLUME}"}


def foreign_lineage(content: dict[str, Any]) -> None:
    resource(content, 3)["code"]["id"] = "1.99"


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "an OperationOutcome": (outcome_instead, "not a Bundle"),
    "a Bundle of another type": (other_type, "not a collection"),
    "an empty Bundle": (no_entries, "empty"),
    "an entry without resource": (no_resource, r"Bundle.entry\[3\]"),
    "an entry without fullUrl": (no_full_url, r"Bundle.entry\[3\]"),
    "a resource without id": (no_id, r"Bundle.entry\[3\]"),
    "the fullUrl of another resource": (full_url_of_another, "disagree"),
    "a resource twice": (twice, "more than once"),
    "an id that the document did not give": (foreign_id, "not given out by this document"),
    "a reference to what is not there": (dangling_reference, "leads to no entry"),
    "no Patient": (no_patient, "Patient of the patient is missing"),
    "no Device of the equipment": (no_equipment, "Device of the equipment is missing"),
    "two Patients": (second_patient, "exactly one Patient"),
    "a request in a collection": (request_in_collection, "only the entries of a transaction"),
    "lineage of another document": (foreign_lineage, "names no content item"),
}


@pytest.mark.parametrize(("spoil", "message"), FAULTS.values(), ids=FAULTS)
def test_bundles_of_other_documents_are_refused(
    spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    content = bundle()
    spoil(content)
    with pytest.raises(OutputError, match=message):
        finished(content)


def test_refusals_quote_no_values() -> None:
    content = bundle()
    resource(content, 0)["identifier"][0]["id"] = "P-1"
    with pytest.raises(OutputError) as refused:
        finished(content)
    assert "P-1" not in str(refused.value)


# ---- lineage ----


def without_lineage() -> dict[str, Any]:
    """The Bundle as it is to come out, its ids of elements taken out by hand."""
    content = bundle()
    del resource(content, 0)["identifier"][0]["id"]
    del resource(content, 1)["identifier"][0]["id"]
    observation = resource(content, 3)
    del observation["code"]["id"], observation["code"]["coding"][0]["id"], observation["valueQuantity"]["id"]
    return content


def test_only_lineage_ids_are_taken_out() -> None:
    assert finished(bundle()).bundle == without_lineage()


def test_lineage_can_be_kept() -> None:
    wanted = bundle()
    del resource(wanted, 3)["code"]["coding"][0]["id"]  # that of the element around it
    resource(wanted, 3)["valueQuantity"]["id"] = "1.3.1-2"  # unique in its resource, as FHIR wants it
    assert finished(bundle(), keep_lineage=True).bundle == wanted


def test_keeping_lineage_changes_nothing_in_the_report() -> None:
    assert finished(bundle(), keep_lineage=True).report == finished(bundle()).report


@pytest.mark.parametrize(
    ("returned", "written"),
    [
        ("12.500", "12.500"),
        (
            "1.350E-7",
            "0.0000001350",
        ),  # specification, 3.1: plain notation; engines write exponents below 1E-6
        ("1E-30", "1e-30"),  # more than 17 digits after the point: FHIR admits the exponent only
    ],
)
def test_numbers_keep_their_digits(returned: str, written: str) -> None:
    content = bundle()
    resource(content, 3)["valueQuantity"]["value"] = NumberText(returned)
    assert f'"value": {written},'.encode() in dumps(finished(content).bundle, indent=True)


COMPANIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "of one primitive": (
        {"issued": "2020", "_issued": {"id": "1.3.1"}},
        {"issued": "2020"},
    ),
    "with an extension": (
        {"_issued": {"id": "1.3.1", "extension": [{"url": "u", "valueCode": "unknown"}]}},
        {"_issued": {"extension": [{"url": "u", "valueCode": "unknown"}]}},
    ),
    "of a list": (
        {"given": ["A", "B"], "_given": [{"id": "1.3.1"}, None]},
        {"given": ["A", "B"]},
    ),
    "of a list, one of them with an extension": (
        {"given": ["A", None], "_given": [{"id": "1.3.1"}, {"id": "1.3.1", "extension": [{"url": "u"}]}]},
        {"given": ["A", None], "_given": [None, {"extension": [{"url": "u"}]}]},
    ),
}


@pytest.mark.parametrize(("made", "wanted"), COMPANIONS.values(), ids=COMPANIONS)
def test_companions_of_primitives_lose_their_ids(made: dict[str, Any], wanted: dict[str, Any]) -> None:
    content, expected = bundle(), without_lineage()
    resource(content, 3).update(made)
    resource(expected, 3).update(wanted)
    assert finished(content).bundle == expected


def test_the_lineage_table_names_resources_and_outermost_elements() -> None:
    content = bundle()
    resource(content, 3).update({"status": "final", "_status": {"id": "PatientID"}})
    lineage = {entry["source"]: entry["elements"] for entry in finished(content).report.to_dict()["lineage"]}
    observation = f"Observation/{VOLUME}"
    assert lineage == {
        "PatientID": [f"Patient/{PATIENT}.identifier[0]", f"{observation}.status"],
        "StudyInstanceUID": ["ImagingStudy/00000000-0000-5000-8000-000000000002.identifier[0]"],
        "1.3.1": [observation, f"{observation}.code", f"{observation}.valueQuantity"],
    }


def test_lineage_can_be_set_on_the_bundle_and_its_entries() -> None:
    content = bundle()
    content["identifier"] = {"id": "StudyInstanceUID", "value": "x"}
    content["entry"][3]["id"] = "1.3.1"
    report = finished(content).report.to_dict()
    elements = [element for entry in report["lineage"] for element in entry["elements"]]
    assert {"Bundle.identifier", "Bundle.entry[3]"} <= set(elements)
