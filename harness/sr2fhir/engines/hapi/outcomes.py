"""What a server answers when it does not do as asked, and what it finds when it validates.

The texts of an OperationOutcome quote the document. They are recognised and put into our own words; of what
they say only names of maps, groups and rules are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from sr2fhir.engines import failures
from sr2fhir.engines.base import Severity, ValidationMessage
from sr2fhir.errors import Sr2FhirError, TransformError
from sr2fhir.http import Client, Response
from sr2fhir.paths import Layout

# HAPI names the Java exception, matchbox its message after it
_EXCEPTION = re.compile(r"\b[a-z]+(?:\.[a-z_0-9]+)*\.([A-Z]\w*(?:Exception|Error))\b")
_CHECKED_RULE = re.compile(r'Rule "([\w.-]+)": Check condition failed')
_NO_MAP = re.compile(
    r"Map not available with canonical url|(?i:structuremap|map)\b[^.]{0,80}\bnot (?:found|known)"
)
_RESOURCES = {
    "StackOverflowError": (
        "the content tree nests deeper than the server can follow",
        "Give its Java larger stacks (-Xss), or flatten the report",
    ),
    "OutOfMemoryError": ("the report needs more memory than the server has", "Give its Java more (-Xmx)"),
}
_NO_OPERATION = frozenset({404, 405, 501})
# Bytes of a request that Undertow, under matchbox, takes unless told otherwise; beyond, it says 500 only.
_UNDERTOWS_LIMIT = 2 << 20
_LARGER = "Let it take larger ones; matchbox does with server.undertow.max-http-post-size, such as 1GB"


def failure(client: Client, answer: Response, sent: int, map_url: str, places: Layout) -> Sr2FhirError:
    """Make the error of a transform that failed.

    Parameters
    ----------
    answer
        An OperationOutcome, or whatever else the server gave with a status of failure.
    sent
        Bytes of the request.
    map_url
        The map that was to be run.
    places
        Where set-up has put the table of the rules' files and lines.
    """
    texts = answer.texts()
    if _is_too_large(answer, sent):
        return client.error(f"it does not take a request of {sent / 1e6:.1f} MB", hint=_LARGER)
    if any(map(_NO_MAP.search, texts)):
        name = map_url.rpartition("/")[2]
        return client.error(f"the server does not hold the map {name}", hint="Give --engine-install")
    of_map = next(filter(None, (_map_failure(text, places) for text in texts)), None)
    if of_map is not None:
        of_map.message = f"{client.label}: {of_map.message}"
        return of_map
    if not texts and answer.status in _NO_OPERATION:
        reason = f"there is no StructureMap/$transform at this URL (status {answer.status})"
        return client.error(reason, hint="Check the base URL")
    return (
        client.error("it answered with an OperationOutcome")
        if answer.ok
        else client.refusal(answer, "the transform")
    )


def _is_too_large(answer: Response, sent: int) -> bool:
    """Tell whether a request was refused for its size."""
    is_silent = answer.status == 500 and not answer.body
    return answer.status == 413 or (is_silent and sent > _UNDERTOWS_LIMIT)


def _map_failure(text: str, places: Layout) -> TransformError | None:
    """Make the error of a map that failed; None where the text does not tell of one."""
    kinds = _EXCEPTION.findall(text)
    for kind in filter(_RESOURCES.__contains__, kinds):
        return TransformError(_RESOURCES[kind][0], hint=_RESOURCES[kind][1])
    place = _place(text)
    if not kinds and place.rule is None:
        return None
    kind = kinds[-1] if kinds else "an error"
    return failures.transform_error(kind, text, failures.locate(place, places.map_index))


def _place(text: str) -> failures.Place:
    """Read where in the maps it failed."""
    checked = _CHECKED_RULE.search(text)
    return failures.Place(rule=checked[1]) if checked else failures.innermost_rule(text)


# ---- validation --------------------------------------------------------------------------------------------

_MESSAGE_ID = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
# no findings: matchbox tells with which settings it validated; `All OK` and the like
_REMARK = "informational"
# advice on good practice, repeated for each resource, of no use to a map
_ADVICE = "#dom-6"


def messages(issues: Iterable[Mapping[str, Any]]) -> Iterator[ValidationMessage]:
    """Turn the issues of an OperationOutcome into messages, in their order."""
    for issue in issues:
        message = _message(issue)
        is_remark = message.severity == "information" and message.code == _REMARK and not message.expression
        if not is_remark and not message.message_id.endswith(_ADVICE):
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
