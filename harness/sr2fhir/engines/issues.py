"""Messages of a validator that come as the issues of an OperationOutcome."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from sr2fhir.engines.base import Severity, ValidationMessage

_MESSAGE_ID = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
# no findings: matchbox tells with which settings it validated; `All OK` and the like
_REMARK = "informational"


def messages(issues: Iterable[Mapping[str, Any]]) -> Iterator[ValidationMessage]:
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
