"""One answer from every engine: the same input through several, and their Bundles compared as JSON.

What is compared is the finished Bundle (`finishing`), which is what users get: `differences` finds where two
Bundles differ, `known` which of that is expected of an engine and why, `running` makes the Bundles.
"""

from __future__ import annotations

from sr2fhir.comparing.differences import Difference, differences
from sr2fhir.comparing.known import Known, known, reason_for
from sr2fhir.comparing.running import Comparison, Disagreement, compare

__all__ = [
    "Comparison",
    "Difference",
    "Disagreement",
    "Known",
    "compare",
    "differences",
    "known",
    "reason_for",
]
