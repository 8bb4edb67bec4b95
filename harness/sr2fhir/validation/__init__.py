"""What the HL7 validator says about a Bundle, in terms of its resources and without patient data.

The validator quotes values. Its sentences are shown to people and written to OperationOutcomes, so values
that may identify a patient are masked (`Mask`). One message is expected and excused, by its exact text and
place: that of decision D4 (`known.json`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from sr2fhir.engines import validating
from sr2fhir.outcome import issue
from sr2fhir.settings import R5, Target

if TYPE_CHECKING:
    from sr2fhir.engines import Engine, ValidationMessage

__all__ = ["ValidationIssue", "issues_of", "validate"]

Severity = Literal["error", "warning", "information"]

# the validator may name the resource in a comment: Bundle.entry[3].resource/*Observation/<id>*/.value
_VERSION = re.compile(r"(StructureDefinition/[\w-]+)\|[\w.+-]+")
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
        expressions = [self.expression] if self.expression else ()
        return issue(self.severity, self.code, self.text, note(self.decision), expressions)


@dataclass(frozen=True)
class Excuse:
    """A message of the validator that is expected: its text, and the pattern of where its path ends.

    The text is exact but for the version of a profile: ours have another than the published ones.
    """

    decision: str
    expression: str
    text: str
    why: str

    def covers(self, message: ValidationMessage) -> bool:
        """Tell whether the message is this one."""
        text = _VERSION.sub(r"\1", message.text)
        return text == self.text and bool(re.search(f"(?:{self.expression})$", message.expression))


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
    target: Target = R5,
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
    target
        Version of FHIR that the resource is in.
    """
    return issues_of(validating(engine).validate(data, profiles, target), resource, strict=strict)


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
    resource, path = split_path(_COMMENT.sub("", message.expression), validated)
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


def split_path(expression: str, validated: dict[str, Any]) -> tuple[str, str]:
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


# ---- what may identify a patient ---------------------------------------------------------------------------

MASK = "…"
# resources whose texts are about a person, and elements that are so in any resource
PERSONAL_RESOURCES = frozenset({"Patient", "Practitioner"})
PERSONAL_ELEMENTS = frozenset(
    {"identifier", "subject", "performer", "note", "specimen", "accessIdentifier", "valueString"}
    # of an extension, which may be about anybody
    | {f"value{name}" for name in ("Markdown", "Reference", "Identifier", "HumanName", "Annotation")}
)
# members that hold no value of a person wherever they stand
IMPERSONAL_MEMBERS = frozenset(
    {"resourceType", "id", "meta", "system", "code", "url", "type", "reference", "use", "gender"}
)
SHORTEST = 2


@dataclass(frozen=True)
class Mask:
    """Replace the personal values of one Bundle in a text."""

    pattern: re.Pattern[str] | None

    @staticmethod
    def of(resource: dict[str, Any]) -> Mask:
        """Collect the personal values of a resource, the longest first, since one may contain another."""
        values = sorted(
            {value for value in personal(resource, False) if len(value) >= SHORTEST}, key=len, reverse=True
        )
        bounded = (rf"(?<!\w){re.escape(value)}(?!\w)" for value in values)
        return Mask(re.compile("|".join(bounded)) if values else None)

    def __call__(self, text: str) -> str:
        """Mask a text."""
        return self.pattern.sub(MASK, text) if self.pattern else text


def personal(node: Any, inside: bool) -> Iterator[str]:
    """Yield the texts that are about a person."""
    if isinstance(node, dict):
        inside = inside or node.get("resourceType") in PERSONAL_RESOURCES
        for key, value in node.items():
            if key not in IMPERSONAL_MEMBERS:
                yield from personal(value, inside or key in PERSONAL_ELEMENTS)
    elif isinstance(node, list):
        for value in node:
            yield from personal(value, inside)
    elif inside and isinstance(node, str):
        yield node
