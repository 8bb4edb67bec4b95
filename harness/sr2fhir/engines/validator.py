"""The HL7 validator's HTTP service: one of ours in the background, or one that runs elsewhere.

A request is a pure function of its body and query, so it is sent again once when the connection breaks. What
the service says about a failure quotes the document; it is put into words of our own by `failures`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from typing import Any, cast

from sr2fhir.engines.base import ENTRY_MAP, EngineOptions, Severity, ValidationMessage
from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError, TransformError
from sr2fhir.http import JSON, UNAVAILABLE, XML, Client, LateError, Response
from sr2fhir.paths import Layout, layout
from sr2fhir.threads import in_background

NAME = "validator"
START_HINT = "Start one with `sr2fhir engine start`, or name one that runs elsewhere with --engine-url"
STATUS_HINT = "`sr2fhir engine status` tells how it is; `sr2fhir engine start` starts it anew"
BUSY_HINT = (
    "It hangs, or answers one request at a time and is at work on another's: see its log, or start it anew"
)
LOAD_HINT = "The service has to be started with this package's definitions and maps loaded"
# seconds in which a service says what it is, which costs it nothing
_HELLO_S = 20.0
_MESSAGE_ID = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FAILED = re.compile(r"(?:Transform|Validation|Format conversion) failed: ", re.DOTALL)
_NO_MAP = re.compile(r"Unable to find map ")
_NO_PROFILE = re.compile(r"Unable to resolve profile (\S+)")
# what Java says when it has not enough of something
_RESOURCES = {
    "Java heap space": ("the report needs more memory than its Java may use", "Start it with more memory"),
}


class ValidatorEngine:
    """Execute maps and validate through the service; safe to use from several threads.

    As soon as it is made it finds the service in the background and says hello to it.

    Parameters
    ----------
    url
        Base URL of a service that runs elsewhere; by default the one that `sr2fhir engine start` started.
    timeout_s
        Seconds that one answer may take.
    places
        Where the record of the background service and the table of rules lie.
    """

    def __init__(
        self, url: str | None = None, timeout_s: float = 300.0, places: Layout | None = None
    ) -> None:
        self._places = places or layout()
        self._timeout_s = timeout_s
        self._about: Mapping[str, Any] = {}
        # of a wrong URL the caller learns at once
        self._named = Client(NAME, url, timeout_s, token=EngineOptions().token) if url else None
        self._found: Future[Client] = in_background(self._find, "sr2fhir-hello")

    def transform(self, document: bytes, map_url: str = ENTRY_MAP) -> bytes:
        """Turn a logical-model document into a resource; see `Engine.transform`."""
        client = self._client()
        kind = XML if document[:1] == b"<" else JSON
        answer = client.post(
            "/transform", document, params={"map": map_url}, content_type=kind, repeatable=True
        )
        if not answer.ok:
            raise self._transform_failure(client, answer, map_url)
        return client.expect(answer, "json").body

    def validate(self, bundle: bytes, profiles: Sequence[str] = ()) -> list[ValidationMessage]:
        """Validate a resource; see `Engine.validate`."""
        client = self._client()
        params = [("bestPractice", "Ignore"), *(("profile", profile) for profile in profiles)]
        answer = client.post("/validateResource", bundle, params=params, repeatable=True)
        if not answer.ok:
            raise _validation_failure(client, answer)
        issues = client.expect(answer, "json").issues()
        if not issues:
            raise client.error("its answer to a validation is no OperationOutcome")
        return [] if _all_ok(issues) else [_message(issue) for issue in issues]

    def to_xml(self, resource: bytes) -> bytes:
        """Write a resource as XML; see `Engine.to_xml`."""
        client = self._client()
        answer = client.post("/convert", resource, accept=XML, repeatable=True)
        if not answer.ok:
            raise client.refusal(answer, "to write the resource as XML")
        return client.expect(answer, "xml").body

    def place(self) -> str:
        """Name the engine and its URL; see `Engine.place`."""
        return self._client().label

    def version(self) -> str:
        """Name the validator's and Java's version, where the service states them, and its URL."""
        client = self._client()
        stated = self._about.get("version")
        return f"{stated if isinstance(stated, str) else 'HL7 validator'}, service at {client.shown}"

    def close(self) -> None:
        """Close the connections. The service runs on."""
        found = self._found
        if found.done() and found.exception() is None:
            found.result().close()
        self._found = Future()
        self._found.set_exception(EngineError("the engine has been closed"))

    def _client(self) -> Client:
        """Wait until the service is found; each caller gets an error of its own, to name its input in."""
        error = self._found.exception()
        if error is not None:
            raise copy(error)
        return self._found.result()

    def _find(self) -> Client:
        """Find the service, while the input is being read."""
        client = self._named or self._background()
        self._greet(client)
        return client

    def _background(self) -> Client:
        """Find the service that runs in the background.

        Raises
        ------
        EngineUnavailableError
            None runs, or it has loaded other maps or definitions than set-up has made since: its answers
            would be those of yesterday's maps, which nobody would notice.
        """
        from sr2fhir.engines import background
        from sr2fhir.engines.background.record import content_key

        running = background.find(NAME, self._places)
        if running is None:
            raise EngineUnavailableError("no validator service runs in the background", hint=START_HINT)
        client = Client(NAME, running.url, self._timeout_s, STATUS_HINT)
        if running.content != content_key(self._places):
            raise client.unavailable(
                "it has loaded other maps or definitions than the set-up has made since",
                hint="`sr2fhir engine start` starts it anew",
            )
        return client

    def _greet(self, client: Client) -> None:
        """Open a connection, so that it is known now whether there is a server at all.

        Raises
        ------
        EngineUnavailableError
            There is none that answers in time. Its status does not matter: others' services do not know our
            question.
        """
        from sr2fhir.engines.background.process import ABOUT

        limit = min(client.timeout_s, _HELLO_S)
        try:
            answer = client.send("GET", ABOUT, headers={"Accept": JSON}, repeatable=True, timeout_s=limit)
        except EngineUnavailableError:
            raise
        except EngineError as error:
            hint = BUSY_HINT if isinstance(error, LateError) else error.hint
            raise EngineUnavailableError(error.message, hint=hint) from None
        if answer.status in UNAVAILABLE:
            raise client.refusal(answer)
        content = answer.json() if answer.ok else None
        self._about = content if isinstance(content, dict) else {}

    def _transform_failure(self, client: Client, answer: Response, map_url: str) -> Sr2FhirError:
        """Make the error of a transform that the service refused."""
        from sr2fhir.engines import failures

        said = _said(answer)
        if said is None:
            return client.refusal(answer, "to transform the document")
        if _NO_MAP.match(said):
            return _no_map(client, map_url)
        if said in _RESOURCES:
            reason, hint = _RESOURCES[said]
            return TransformError(f"{client.label}: {reason}", hint=hint)
        place = failures.locate(failures.innermost_rule(said), self._places.map_index)
        error = failures.transform_error("an error", said, place)
        error.message = f"{client.label}: {error.message}"
        return error


def _said(answer: Response) -> str | None:
    """Return what the engine behind the service said, if it was the engine that failed."""
    for text in answer.texts():
        if match := _FAILED.match(text):
            return text[match.end() :]
    return None


def _no_map(client: Client, map_url: str) -> Sr2FhirError:
    """Make the error of a map that the service has not; without the entry map it is of no use at all."""
    if map_url == ENTRY_MAP:
        return client.unavailable(f"the map {map_url} is not loaded there", hint=LOAD_HINT)
    return TransformError(f"{client.label}: there is no map {map_url}", hint=LOAD_HINT)


def _validation_failure(client: Client, answer: Response) -> Sr2FhirError:
    """Make the error of a validation that the service refused."""
    said = _said(answer)
    if match := _NO_PROFILE.search(said or ""):
        return client.error(f"the profile {match[1]} is not known")
    return client.refusal(answer, "to validate the resource")


def _all_ok(issues: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the outcome says that there is nothing to say: one note that names no element."""
    return len(issues) == 1 and issues[0].get("severity") == "information" and "expression" not in issues[0]


def _message(issue: Mapping[str, Any]) -> ValidationMessage:
    """Turn an issue into a message as the engine itself gives it."""
    # a code, and a string in versions before
    ids = (
        ext.get("valueCode") or ext.get("valueString")
        for ext in issue.get("extension", ())
        if ext.get("url") == _MESSAGE_ID
    )
    return ValidationMessage(
        severity=cast(Severity, issue.get("severity", "error")),
        code=str(issue.get("code", "")),
        expression=_COMMENT.sub("", (issue.get("expression") or [""])[0]),
        text=str(issue.get("details", {}).get("text", "")),
        message_id=str(next(ids, None) or ""),
    )
