"""What was noticed on the way from a Structured Report to its resources, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Severity = Literal["information", "warning", "error"]

REASONS: dict[str, str] = {
    # reasons of the mapping's accounting
    "no-target": "informational",
    "multiplicity": "informational",
    "invalid-value": "value",
    "unresolved-reference": "not-found",
    "out-of-scope-container": "not-supported",
    "different-subject": "business-rule",
    "needs-r6": "not-supported",
    "degraded": "informational",
    "no-r4-element": "not-supported",
    "no-map": "not-supported",
    # reasons of the reader
    "assumed-character-set": "value",
    "unknown-character-set": "code-invalid",
    "undecodable-text": "value",
    "attribute-order": "structure",
    "duplicate-attribute": "structure",
    "unknown-vr": "structure",
    "transfer-syntax": "structure",
    "missing-preamble": "structure",
    "trailing-padding": "structure",
    "non-conformant-json": "structure",
    "bulk-data": "not-found",
    # reasons of the renderer
    "assumed-offset": "required",
    "non-conformant-value": "value",
    "invalid-unit": "code-invalid",
    "unknown-scheme": "code-invalid",
    "untranslated-code": "code-invalid",
    "missing-identifier": "required",
    "missing-evidence": "required",
    "missing-units": "required",
    "conflict": "business-rule",
    "out-of-scope-place": "structure",
    "unknown-issuer": "not-found",
    "unknown-title": "code-invalid",
    "empty-selection": "required",
    # reasons of a site's rules
    "expired-rule": "business-rule",
    # reasons of packaging
    "unmatched-patient": "not-found",
    "unmatched-order": "not-found",
    "predecessor": "business-rule",
}
"""Reason of a finding to the OperationOutcome issue type (http://hl7.org/fhir/issue-type) that states it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """State one thing that a user should know about an input.

    Parameters
    ----------
    severity
        ``information``, ``warning`` or ``error``.
    code
        The reason, a key of :data:`REASONS`.
    where
        Position of a content item (``1.4.2``) or the keyword path of an attribute.
    message
        What was noticed; never a value of the patient's.
    hint
        How to mend it.
    kept
        The value reaches the logical model as it is, in spite of what is wrong with it.
    """

    severity: Severity
    code: str
    where: str
    message: str
    hint: str | None = None
    kept: bool = False


class FindingLog:
    """Collect findings in the order in which they are made."""

    def __init__(self) -> None:
        self._findings: dict[Finding, None] = {}
        self._said: set[tuple[str, str]] = set()

    def add(
        self,
        severity: Severity,
        code: str,
        where: str,
        message: str,
        hint: str | None = None,
        *,
        kept: bool = False,
    ) -> None:
        """Add a finding, unless the same stands already."""
        self._findings[Finding(severity, code, where, message, hint, kept)] = None

    def once(
        self,
        severity: Severity,
        code: str,
        where: str,
        message: str,
        hint: str | None = None,
        *,
        kept: bool = False,
    ) -> None:
        """Add a finding, unless one with the same code and message stands already, anywhere."""
        if (code, message) not in self._said:
            self._said.add((code, message))
            self.add(severity, code, where, message, hint, kept=kept)

    def __iter__(self) -> Iterator[Finding]:
        """Iterate over the findings."""
        return iter(self._findings)

    def frozen(self) -> tuple[Finding, ...]:
        """Return all findings."""
        return tuple(self._findings)
