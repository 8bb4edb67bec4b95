"""What the HL7 validator says about a Bundle, in terms of its resources and without patient data.

The validator quotes values. Its sentences are shown to people and written to OperationOutcomes, so values
that may identify a patient are masked (`masking`). One message is expected and excused, by its exact text and
place: that of decision D4 (`known.json`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from sr2fhir.engines import validating
from sr2fhir.outcome import issue
from sr2fhir.validation.masking import Mask

if TYPE_CHECKING:
    from sr2fhir.engines import Engine, ValidationMessage

__all__ = ["ValidationIssue", "issues_of", "validate"]

Severity = Literal["error", "warning", "information"]

# the validator may name the resource in a comment: Bundle.entry[3].resource/*Observation/<id>*/.value
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_IN_ENTRY = re.compile(r"Bundle\.entry\[(\d+)\]\.resource\b(.*)", re.DOTALL)


@dataclass(frozen=True)
class ValidationIssue:
    """One finding of the validator.

    Parameters
    ----------
    severity, code
        As in OperationOutcome.issue; `fatal` counts as error.
    resource
        The resource concerned, `Observation/<id>`; `Bundle` for the Bundle itself.
    path
        The element, as FHIRPath from the resource down.
    text
        The validator's sentence, values that may identify a patient masked.
    expression
        The element, as FHIRPath from the Bundle down.
    decision
        The decision of the mapping specification that excuses it; None if nothing does.
    """

    severity: Severity
    code: str
    resource: str
    path: str
    text: str
    expression: str
    decision: str | None = None

    def to_issue(self) -> dict[str, Any]:
        """Make the issue of an OperationOutcome."""
        return issue(self.severity, self.code, self.text, note(self.decision), self.expression)


@dataclass(frozen=True)
class Excuse:
    """A message of the validator that is expected: its exact text, and the pattern of where its path ends."""

    decision: str
    expression: str
    text: str
    why: str

    def covers(self, message: ValidationMessage) -> bool:
        """Tell whether the message is this one."""
        return message.text == self.text and bool(re.search(f"(?:{self.expression})$", message.expression))


@cache
def excuses() -> tuple[Excuse, ...]:
    """Load the messages that are expected."""
    return tuple(
        Excuse(**entry) for entry in json.loads(files(__name__).joinpath("known.json").read_text("utf-8"))
    )


def note(decision: str | None) -> str | None:
    """Say why a message is excused."""
    why = {excuse.decision: excuse.why for excuse in excuses()}
    return f"excused by decision {decision}: {why[decision]}" if decision else None


def validate(
    engine: Engine,
    resource: dict[str, Any],
    data: bytes,
    profiles: Sequence[str] = (),
    *,
    strict: bool = False,
) -> tuple[ValidationIssue, ...]:
    """Validate a resource and translate what the validator says.

    Parameters
    ----------
    resource, data
        The resource, parsed and as JSON text.
    profiles
        Further profiles of the resource as a whole.
    strict
        Excuse nothing.
    """
    return issues_of(validating(engine).validate(data, profiles), resource, strict=strict)


def issues_of(
    messages: Iterable[ValidationMessage], resource: dict[str, Any], *, strict: bool = False
) -> tuple[ValidationIssue, ...]:
    """Translate the messages of the validator, in their order."""
    mask, excused = Mask.of(resource), () if strict else excuses()
    return tuple(translate(message, mask, resource, excused) for message in messages)


def translate(
    message: ValidationMessage, mask: Mask, validated: dict[str, Any], excused: Iterable[Excuse]
) -> ValidationIssue:
    """Translate one message."""
    resource, path = place(_COMMENT.sub("", message.expression), validated)
    decision = next((excuse.decision for excuse in excused if excuse.covers(message)), None)
    severity: Severity = "error" if message.severity == "fatal" else message.severity
    return ValidationIssue(
        severity="information" if decision else severity,
        code=message.code,
        resource=resource,
        path=path,
        text=mask(message.text),
        expression=message.expression,
        decision=decision,
    )


def place(expression: str, validated: dict[str, Any]) -> tuple[str, str]:
    """Split the validator's path into the resource and the path inside it."""
    match = _IN_ENTRY.fullmatch(expression)
    entries = validated.get("entry", [])
    if match is None or int(match[1]) >= len(entries):
        return name_of(validated), expression
    resource = entries[int(match[1])].get("resource", {})
    return name_of(resource), resource.get("resourceType", "") + match[2]


def name_of(resource: dict[str, Any]) -> str:
    """Name a resource by type and id, as far as it has them."""
    return "/".join(str(resource[key]) for key in ("resourceType", "id") if key in resource)
