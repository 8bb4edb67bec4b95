"""What a server answers when it does not do as asked.

The texts of an OperationOutcome quote the document. They are recognised and put into our own words; of what
they say only names of maps, groups and rules are kept.
"""

from __future__ import annotations

import re

from sr2fhir.engines import failures
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
    location = _location(text)
    if not kinds and location.rule is None:
        return None
    kind = kinds[-1] if kinds else "an error"
    return failures.transform_error(kind, text, failures.locate(location, places.map_index))


def _location(text: str) -> failures.Location:
    """Read where in the maps it failed."""
    checked = _CHECKED_RULE.search(text)
    return failures.Location(rule=checked[1]) if checked else failures.innermost_rule(text)
