"""Findings and errors as OperationOutcome."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import packages_distributions

import pytest
from sr2fhir.errors import MissingAttributeError, TransformError, UsageError
from sr2fhir.findings import Finding
from sr2fhir.outcome import EXTRAS, describe, explained, finding_issue, from_error, origin, outcome
from sr2fhir.paths import layout


def test_no_findings_are_a_success() -> None:
    """OperationOutcome.issue is 1..*."""
    made = outcome([])
    assert made["resourceType"] == "OperationOutcome"
    assert [(issue["severity"], issue["code"]) for issue in made["issue"]] == [("success", "success")]


def test_a_finding_says_what_where_why_and_how_to_mend_it() -> None:
    finding = Finding(
        "warning", "assumed-offset", "ContentDate", "no offset, +00:00 assumed", "Give --timezone"
    )
    assert outcome([finding_issue(finding)])["issue"] == [
        {
            "severity": "warning",
            "code": "required",
            "details": {"text": "no offset, +00:00 assumed"},
            "diagnostics": "assumed-offset; at ContentDate; Give --timezone",
        }
    ]


def test_an_error_names_file_and_place() -> None:
    error = MissingAttributeError(
        "the attribute is missing", source="a.dcm", where="StudyInstanceUID", hint="Repair the file"
    )
    assert from_error(error)["issue"] == [
        {
            "severity": "fatal",
            "code": "required",
            "details": {"text": "the attribute is missing"},
            "diagnostics": "a.dcm; at StudyInstanceUID; Repair the file",
        }
    ]


def test_a_failure_of_a_map_names_file_line_and_rule() -> None:
    error = TransformError(
        "the map failed",
        map_name="ImagingMeasurement",
        group="ImagingMeasurement",
        rule="value",
        file="maps/measurement-report/ImagingMeasurement.map",
        line=31,
        source="a.dcm",
    )
    place = (
        "maps/measurement-report/ImagingMeasurement.map:31; rule ImagingMeasurement/ImagingMeasurement/value"
    )
    assert from_error(error)["issue"][0]["diagnostics"] == f"a.dcm; {place}"
    assert describe(error) == f"a.dcm: the map failed. {place}"
    assert describe(error, known="a.dcm") == f"the map failed. {place}"


def test_an_unforeseen_error_tells_its_type_and_not_its_text() -> None:
    with pytest.raises(AttributeError) as raised:
        finding_issue("Muster^Max")  # type: ignore[arg-type]
    issue = from_error(raised.value)["issue"][0]
    assert issue["code"] == "exception"
    assert issue["details"]["text"] == f"unexpected AttributeError at {origin(raised.value)}"
    assert origin(raised.value).startswith("outcome.py:")


def test_a_third_party_that_is_not_installed_names_its_extra() -> None:
    told = explained(ModuleNotFoundError("No module named 'lxml'", name="lxml"))
    assert isinstance(told, UsageError)
    assert describe(told) == "the package lxml is not installed. Install it with `pip install 'sr2fhir[xml]'`"


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((layout().sources / "pyproject.toml").read_text())["project"]
    extras = {
        re.match(r"[\w-]+", requirement)[0].lower(): extra  # type: ignore[index]
        for extra, requirements in reversed(project["optional-dependencies"].items())
        for requirement in requirements
    }
    # a package is imported by another name than it is installed by
    modules = {
        name: {each.lower().replace("_", "-") for each in made}
        for name, made in packages_distributions().items()
    }
    found = {name: made & extras.keys() for name, made in modules.items() if name in EXTRAS}
    assert set().union(*found.values()) == extras.keys()
    of_several = {"requests": {"http", "gateway"}, "sqlalchemy": {"cli", "gateway"}}
    for name, made in found.items():
        assert EXTRAS[name] in of_several.get(name, {extras[each] for each in made})


def test_any_other_module_that_is_missing_is_a_fault() -> None:
    error = ModuleNotFoundError("No module named 'sr2fhir.model.x'", name="sr2fhir.model.x")
    assert explained(error) is error
