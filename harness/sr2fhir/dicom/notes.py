"""Collect what was tolerated while reading, each kind at most so often."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from sr2fhir.findings import Finding

MAX_OF_A_KIND = 20


class Notes:
    """Collect findings; of a kind that occurs again and again, keep the first ones and count the others."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._seen: Counter[tuple[str, str]] = Counter()

    def warn(self, code: str, where: str, message: str, hint: str | None = None) -> None:
        """Note an oddity that was tolerated."""
        self._add("warning", code, where, message, hint)

    def inform(self, code: str, where: str, message: str, hint: str | None = None) -> None:
        """Note something that needs no action."""
        self._add("information", code, where, message, hint)

    def _add(
        self,
        severity: Literal["information", "warning"],
        code: str,
        where: str,
        message: str,
        hint: str | None,
    ) -> None:
        kind = (code, message)
        self._seen[kind] += 1
        if self._seen[kind] <= MAX_OF_A_KIND:
            self._findings.append(Finding(severity, code, where, message, hint))

    def all(self) -> tuple[Finding, ...]:
        """Return the findings in the order in which they were made, then one for each kind cut short."""
        more = [
            Finding("warning", code, "", f"{message} (and in {count - MAX_OF_A_KIND:,} more places)", None)
            for (code, message), count in self._seen.items()
            if count > MAX_OF_A_KIND
        ]
        return (*self._findings, *more)
