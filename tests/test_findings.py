"""Findings carry a reason that an OperationOutcome can state."""

from __future__ import annotations

from sr2fhir.findings import REASONS, Finding, FindingLog

ISSUE_TYPES = frozenset(
    "invalid structure required value invariant security login unknown expired forbidden suppressed processing not-supported "
    "duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict "
    "limited-filter transient lock-error no-store exception timeout incomplete throttled informational success".split()
)


def test_every_reason_has_an_issue_type_of_fhir():
    assert set(REASONS.values()) <= ISSUE_TYPES


def test_the_reasons_of_the_mapping_are_there():
    expected = "no-target multiplicity invalid-value unresolved-reference out-of-scope-container different-subject needs-r6 degraded"
    assert set(expected.split()) <= REASONS.keys()


def test_a_log_keeps_order_and_says_nothing_twice():
    log = FindingLog()
    log.add("warning", "no-target", "1.2", "a")
    log.add("warning", "no-target", "1.1", "a")
    log.add("warning", "no-target", "1.2", "a")
    log.once("warning", "assumed-offset", "1.3", "b")
    log.once("warning", "assumed-offset", "1.4", "b")
    assert log.frozen() == (
        Finding("warning", "no-target", "1.2", "a"),
        Finding("warning", "no-target", "1.1", "a"),
        Finding("warning", "assumed-offset", "1.3", "b"),
    )
