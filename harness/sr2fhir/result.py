"""What one input became: the Bundle, the report on it, and what was noticed on the way."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sr2fhir.jsontext import dumps
from sr2fhir.outcome import finding_issue, outcome

if TYPE_CHECKING:
    from sr2fhir.accounting import Report
    from sr2fhir.findings import Finding
    from sr2fhir.validation import ValidationIssue


@dataclass(frozen=True)
class Result:
    """What one input became.

    Parameters
    ----------
    name
        What the input is called.
    json
        The Bundle as UTF-8 JSON, indented; numbers keep the text of DICOM. Byte-identical on repetition.
    report
        Which element came from which content item, and what reached none.
    findings
        What reading, rendering and accounting noticed.
    validation
        What the HL7 validator found; None if it was not asked.
    xml
        The same Bundle as UTF-8 XML, indented; None if it was not asked for.
    """

    name: str
    json: bytes
    report: Report
    findings: tuple[Finding, ...]
    validation: tuple[ValidationIssue, ...] | None = None
    xml: bytes | None = None

    @property
    def content(self) -> bytes:
        """The Bundle in the format that was asked for."""
        return self.json if self.xml is None else self.xml

    @cached_property
    def bundle(self) -> dict[str, Any]:
        """The Bundle as Python objects, its decimals as `decimal.Decimal`."""
        content: dict[str, Any] = json.loads(self.json, parse_float=Decimal)
        return content

    @cached_property
    def outcome(self) -> dict[str, Any]:
        """The findings as OperationOutcome."""
        issues = [finding_issue(finding) for finding in self.findings]
        return outcome(issues + [issue.to_issue() for issue in self.validation or ()])

    @cached_property
    def counts(self) -> Counter[str]:
        """How many findings there are of each severity, without those of the validator."""
        return Counter[str](finding.severity for finding in self.findings)

    @cached_property
    def validation_counts(self) -> Counter[str]:
        """How many findings of the validator there are of each severity."""
        return Counter[str](issue.severity for issue in self.validation or ())

    @property
    def ok(self) -> bool:
        """Whether nothing of severity error was found, not by the validator either."""
        return not (self.counts["error"] or self.validation_counts["error"])

    @cached_property
    def report_content(self) -> dict[str, Any]:
        """The report and the findings; no values but digests."""
        findings = [finding_entry(finding) for finding in self.findings]
        return {"source": self.name, **self.report.to_dict(), "findings": findings}

    @cached_property
    def report_json(self) -> bytes:
        """The report and the findings as UTF-8 JSON, indented."""
        return dumps(self.report_content, indent=True) + b"\n"

    @cached_property
    def outcome_json(self) -> bytes:
        """The OperationOutcome as UTF-8 JSON, indented."""
        return dumps(self.outcome, indent=True) + b"\n"


def finding_entry(finding: Finding) -> dict[str, str]:
    """Make the report's entry of a finding."""
    members = ("severity", "code", "where", "message", "hint")
    return {member: value for member in members if (value := getattr(finding, member))}
