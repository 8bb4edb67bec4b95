"""What engines say, put into our terms: failures of maps, and the findings of validators.

The engine's own messages about a failure quote values of the document, so none is passed on: its known forms
are recognised, and only names of elements, variables, groups and types are taken from them. The error names
map, group, rule, file and line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from sr2fhir.engines import Severity, ValidationMessage
from sr2fhir.errors import TransformError

# What the engine says -> what we say; the groups are names out of the maps, never values.
_REASONS: tuple[tuple[str, str], ...] = (
    (
        r"Exceeded maximum JSON nesting depth",
        "the content tree has more than the 240 levels that this engine follows",
    ),
    (r"Error parsing JSON source", "the document is not well-formed JSON"),
    (r"Error writing number", "an element for a number holds something else: the result cannot be written"),
    (r"No matches found for rule '([\w.-]+)'", "no group is named '{0}'"),
    (r"Multiple possible matches for rule(?: group)? '([\w.-]+)'", "more than one group is named '{0}'"),
    (r"Unable to find map\(s\) for (\S+)", "the import {0} leads to no map"),
    (r"Unable to find ConceptMap '([^']+)'", "the ConceptMap {0} is not known"),
    (
        r"Rule '([\w.-]+)' has (\d+) but the invocation has (\d+) variables",
        "group '{0}' takes {1} variables, {2} are given",
    ),
    (r"Unknown input variable (\w+)", "there is no source variable '{0}'"),
    (r"target context not known: (\w+)", "there is no target variable '{0}'"),
    (r"Variable (\w+) not found", "there is no variable '{0}'"),
    (r"Check condition failed", "a check of the map failed"),
    (r'"sd" is null', "a type that it creates is not known"),
    (r"Evaluation of .* returned (\d+) objects", "an expression gave {0} values where one is needed"),
    (r"singleton value but found (\d+)", "an expression found {0} values where one is needed"),
    (
        r"incompatible or invalid types|Unable to compare values",
        "an expression combines types that do not fit",
    ),
    (r"Error evaluating FHIRPath expression", "an expression cannot be evaluated for the values it meets"),
    (r"Transform (\w+) not supported", "the engine does not implement '{0}'"),
    (r"cannot point at an element of type (\w+)", "a {0} cannot be referred to"),
    (r"Cannot set property (\w+) on", "there is no element '{0}'"),
    (r"Error setting ([\w\[\]]+) on (\w+) for rule", "element '{0}' of {1} cannot take the value"),
)
# What the reader of documents throws.
_NOT_JSON = frozenset({"MalformedJsonException", "EOFException", "ClassCastException"})
_RULE = re.compile(r'on Rule "(\w+)\|(\w+)\|([^"|]+)"')
_MESSAGE_ID = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
# no findings: matchbox tells with which settings it validated; `All OK` and the like
_REMARK = "informational"


@dataclass(frozen=True)
class Location:
    """Name a rule of the maps, as far as known."""

    map_name: str | None = None
    group: str | None = None
    rule: str | None = None
    file: str | None = None
    line: int | None = None


def innermost_rule(message: str) -> Location:
    """Read map, group and rule from the engine's message, the innermost where several are nested."""
    found = _RULE.findall(message)
    return Location(*found[-1]) if found else Location()


def reason(kind: str, message: str) -> str:
    """Say why, in words that hold names of the maps only.

    Parameters
    ----------
    kind
        Name of the Java exception's class, without package.
    message
        The engine's message.
    """
    if kind in _NOT_JSON:
        return "the document is not well-formed JSON"
    for pattern, text in _REASONS:
        if match := re.search(pattern, message):
            return text.format(*match.groups())
    return f"the engine stopped with {kind}"


def locate(location: Location, index_file: Path) -> Location:
    """Add file and line to a location.

    Parameters
    ----------
    location
        Group and rule; the map where it is known.
    index_file
        The table that set-up made of the map sources.
    """
    for name, entry in _index(index_file).items():
        group = entry["groups"].get(location.group)
        if group is None or location.map_name not in (None, name):
            continue
        line = group["rules"].get(location.rule, group["line"])
        return Location(name, location.group, location.rule, entry["file"], line)
    return location


def transform_error(kind: str, message: str, location: Location, index_file: Path) -> TransformError:
    """Make the error that a user sees.

    Parameters
    ----------
    kind
        Name of the Java exception's class, without package.
    message
        The engine's message.
    location
        The rule, as far as it is known.
    index_file
        As for `locate`.
    """
    location = locate(location, index_file)
    where = f"{location.file}:{location.line}" if location.file else None
    named = ", ".join(
        f"{label} {value}"
        for label, value in (("map", location.map_name), ("group", location.group), ("rule", location.rule))
        if value
    )
    text = reason(kind, message)
    return TransformError(f"{text} ({named})" if named else text, **asdict(location), where=where)


@lru_cache(maxsize=2)
def _index(path: Path) -> dict[str, Any]:
    """Read the table of rules; empty where set-up has not made it."""
    if not path.is_file():
        return {}
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return table


def validation_messages(issues: Iterable[Mapping[str, Any]]) -> Iterator[ValidationMessage]:
    """Turn the issues of an OperationOutcome into messages, in their order."""
    for issue in issues:
        message = _message(issue)
        is_remark = message.severity == "information" and message.code == _REMARK and not message.expression
        if not is_remark:
            yield message


def _message(issue: Mapping[str, Any]) -> ValidationMessage:
    """Turn one issue into a message."""
    severity = issue.get("severity")
    return ValidationMessage(
        severity=cast(Severity, severity if severity in _SEVERITIES else "error"),
        code=str(issue.get("code", "unknown")),
        expression=_COMMENT.sub("", _expression(issue)),
        text=_text(issue),
        message_id=_message_id(issue),
    )


def _expression(issue: Mapping[str, Any]) -> str:
    """Return where the issue is; older servers say it as `location`."""
    found = issue.get("expression") or issue.get("location")
    return str(found[0]) if isinstance(found, list) and found else ""


def _text(issue: Mapping[str, Any]) -> str:
    """Return what the issue says."""
    details = issue.get("details")
    stated = details.get("text") if isinstance(details, Mapping) else None
    return str(stated or issue.get("diagnostics") or "")


def _message_id(issue: Mapping[str, Any]) -> str:
    """Return the validator's id of the message."""
    extensions = issue.get("extension")
    for each in extensions if isinstance(extensions, list) else ():
        if isinstance(each, Mapping) and each.get("url") == _MESSAGE_ID:
            return str(next((value for name, value in each.items() if name.startswith("value")), ""))
    return ""
