"""The strict parse of what an engine returned."""

from __future__ import annotations

from typing import Any

from sr2fhir.errors import OutputError
from sr2fhir.jsontext import NumberText, loads_strict
from sr2fhir.model.datatypes import MAX_AFTER_POINT, decimal

HINT = "This is a fault of the engine or of a map, not of the input; compare with another --engine"


def parse(data: bytes) -> dict[str, Any]:
    """Parse an engine's answer, whose every number keeps its text.

    Raises
    ------
    OutputError
        Not JSON, cut short, with a key that occurs twice, with NaN or infinity, or not an object.
    """
    if not data.strip():
        raise OutputError("the engine returned nothing", hint=HINT)
    try:
        content = loads_strict(data, number=plain)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"the engine returned malformed JSON: {reason(error)}", hint=HINT) from error
    if not isinstance(content, dict):
        raise OutputError("the engine returned JSON that is not a resource", hint=HINT)
    return content


def plain(text: str) -> NumberText:
    """Write a number with an exponent where FHIR needs one, and only there.

    Engines write 0.00000015 as 1.5E-7, and 1.6666666666666666e-2 with more decimals than FHIR allows.
    """
    may_differ = "e" in text.lower() or len(text) > MAX_AFTER_POINT
    return (decimal(text) if may_differ else None) or NumberText(text)


def reason(error: Exception) -> str:
    """Name the fault of the text without quoting it."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(getattr(error, "msg", None) or error)
