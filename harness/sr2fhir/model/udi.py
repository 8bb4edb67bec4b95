"""Unique Device Identifiers: the device identifier and who issued it (mapping section 3.2, decision D19)."""

from __future__ import annotations

import re

from sr2fhir.jsontext import JsonObject

_AGENCIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("GS1", re.compile(r"[({]01[)}]([0-9]{14})")),
    ("HIBCC", re.compile(r"\+([A-Z0-9][A-Z0-9.$%* -]*[A-Z0-9])(?:/|$)")),
    ("ICCBBA", re.compile(r"=/([A-Z0-9]{16})")),
    ("ICCBBA-blood", re.compile(r"(?:&\)[^=&]*)?=\)([A-Z0-9]{10})")),
)


def parse(carrier: str) -> JsonObject | None:
    """Return carrier, device identifier and agency of a readable UDI; None where the form is unknown."""
    for agency, pattern in _AGENCIES:
        match = pattern.match(carrier)
        if match:
            return {"carrier": carrier, "deviceIdentifier": match[1].strip(), "agency": agency}
    return None
