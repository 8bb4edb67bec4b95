"""The same input through several engines, and their finished Bundles, which users get, compared as JSON."""

from __future__ import annotations

from sr2fhir.comparing.differences import Difference, differences
from sr2fhir.comparing.running import Comparison, Disagreement, Known, compare, known, reach, reason_for

__all__ = [
    "Comparison",
    "Difference",
    "Disagreement",
    "Known",
    "compare",
    "differences",
    "known",
    "reach",
    "reason_for",
]
