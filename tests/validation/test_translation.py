"""The validator's messages become findings about resources, without patient data; one message is excused."""

from __future__ import annotations

from typing import Any

import pytest
from sr2fhir.engines import ValidationMessage
from sr2fhir.validation import ValidationIssue, issues_of

BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "entry": [
        {
            "resource": {
                "resourceType": "Patient",
                "id": "p",
                "identifier": [{"system": "http://hospital.example/ids", "value": "PID-11235"}],
                "name": [{"family": "Muster", "given": ["Max", "O"]}],
                "birthDate": "1967-07-01",
                "gender": "male",
            }
        },
        {
            "resource": {
                "resourceType": "Observation",
                "id": "o",
                "subject": {"reference": "urn:uuid:p", "identifier": {"value": "PID-11235"}},
                "code": {"text": "Volume"},
                "valueString": "seen by Dr Example",
                "extension": [
                    {"url": "http://example.org/described", "valueMarkdown": "sub-pleural, see Dr Other"},
                    {"url": "http://example.org/by", "valueReference": {"display": "Second^Reader"}},
                ],
            }
        },
    ],
}
# as HL7's validator 6.10.4 writes it about the IG's own example
D4_TEXT = (
    "Profile http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/derived-imaging-measurement|1.0.0, "
    "Element matches more than one slice - imagingMeasurementGroupRef, sourceSRContentItem"
)
D4_PLACE = "Bundle.entry[16].resource/*Observation/derived*/.derivedFrom[0]"


def translated(
    text: str, expression: str = "Bundle", severity: Any = "error", *, strict: bool = False
) -> ValidationIssue:
    message = ValidationMessage(severity, "invariant", expression, text, "")
    (issue,) = issues_of([message], BUNDLE, strict=strict)
    return issue


PLACES = {
    "Bundle.entry[1].resource/*Observation/o*/.value.ofType(Quantity)": (
        "Observation/o",
        "Observation.value.ofType(Quantity)",
    ),
    "Bundle.entry[1].resource.value": ("Observation/o", "Observation.value"),
    "Bundle.entry[0].resource/*Patient/p*/": ("Patient/p", "Patient"),
    "Bundle.entry[1].resource/*Observation/o*/.contained[0]/*Device/d*/.name": (
        "Observation/o",
        "Observation.contained[0].name",
    ),
    "Bundle.entry[1].fullUrl": ("Bundle", "Bundle.entry[1].fullUrl"),
    "Bundle.entry[7].resource.value": ("Bundle", "Bundle.entry[7].resource.value"),
    "Bundle": ("Bundle", "Bundle"),
}


@pytest.mark.parametrize(("expression", "place"), PLACES.items())
def test_places_are_named_from_the_resource(expression: str, place: tuple[str, str]) -> None:
    issue = translated("no", expression)
    assert (issue.resource, issue.path, issue.expression) == (*place, expression)


def test_a_single_resource_is_named_by_its_id() -> None:
    message = ValidationMessage("warning", "code-invalid", "Patient.name[0]", "no", "")
    (issue,) = issues_of([message], BUNDLE["entry"][0]["resource"])
    assert (issue.resource, issue.path) == ("Patient/p", "Patient.name[0]")


def test_fatal_is_an_error() -> None:
    assert translated("no", severity="fatal").severity == "error"


MASKED = {
    "The value 'PID-11235' is not valid": "The value '…' is not valid",
    "Name 'Muster, Max' is odd": "Name '…, …' is odd",
    "Not a date: 1967-07-01": "Not a date: …",
    "The text 'seen by Dr Example' is too long": "The text '…' is too long",
    "The markdown 'sub-pleural, see Dr Other' is odd": "The markdown '…' is odd",
    "Display 'Second^Reader' is odd": "Display '…' is odd",
    # what is no value of a person, or only part of another word, stays
    "No definition for http://hospital.example/ids": "No definition for http://hospital.example/ids",
    "Code 'male' of Volume, Mustermann": "Code 'male' of Volume, Mustermann",
}


@pytest.mark.parametrize(("text", "shown"), MASKED.items())
def test_values_of_a_person_are_masked(text: str, shown: str) -> None:
    assert translated(text).text == shown


def test_the_message_of_d4_is_excused_and_says_so() -> None:
    issue = translated(D4_TEXT, D4_PLACE)
    assert (issue.severity, issue.decision) == ("information", "D4")
    assert issue.to_issue() == {
        "severity": "information",
        "code": "invariant",
        "details": {"text": D4_TEXT},
        "diagnostics": issue.to_issue()["diagnostics"],
        "expression": [D4_PLACE],
    }
    assert "D4" in issue.to_issue()["diagnostics"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (D4_TEXT + ", another", D4_PLACE),
        (D4_TEXT.replace("derived-imaging-measurement|", "imaging-measurement|"), D4_PLACE),
        (D4_TEXT, D4_PLACE.replace("derivedFrom", "partOf")),
        (D4_TEXT, D4_PLACE + ".reference"),
    ],
    ids=["longer", "another profile", "another element", "inside the element"],
)
def test_no_other_message_is_excused(text: str, place: str) -> None:
    issue = translated(text, place)
    assert (issue.severity, issue.decision) == ("error", None)


def test_strict_excuses_nothing() -> None:
    assert translated(D4_TEXT, D4_PLACE, strict=True).severity == "error"
