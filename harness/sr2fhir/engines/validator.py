"""The HL7 validator's HTTP service, one that runs elsewhere.

A request is a pure function of its body and query, so it is sent again once when the connection breaks. What
the service says about a failure quotes the document; it is put into words of our own by `messages`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import Future
from copy import copy

from sr2fhir.engines import EngineOptions, ValidationMessage, check_version, messages
from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError, TransformError
from sr2fhir.http import JSON, UNAVAILABLE, XML, Client, LateError, Response
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import R5, Target, target_of
from sr2fhir.threads import in_background

NAME = "validator"
URL_HINT = (
    "Name one that runs elsewhere with --engine-url. For a quick start on this machine: "
    "`sr2fhir engine start`, which the engine embedded uses"
)
BUSY_HINT = (
    "It hangs, or serves one request at a time and is at work on another's: see its log, or start it anew"
)
LOAD_HINT = "The service has to be started with this package's definitions and maps loaded"
# seconds in which a service says what it is, which costs it nothing
_HELLO_S = 20.0
_FAILED = re.compile(r"(?:Transform|Validation|Format conversion) failed: ", re.DOTALL)
_NO_MAP = re.compile(r"Unable to find map ")
_NO_PROFILE = re.compile(r"Unable to resolve profile (\S+)")
# what Java says when it has not enough of something
_RESOURCES = {
    "Java heap space": ("the report needs more memory than its Java may use", "Start it with more memory"),
}


class ValidatorEngine:
    """Execute maps and validate through the service; safe to use from several threads.

    As soon as it is made it opens a connection.

    Parameters
    ----------
    options
        The base URL of the service, and how long one response may take.
    places
        Where the table of rules lies.

    Raises
    ------
    EngineUnavailableError
        No URL is given.
    UsageError
        The URL is no absolute http or https URL.
    """

    def __init__(self, options: EngineOptions | None = None, places: Layout | None = None) -> None:
        options = options or EngineOptions()
        if options.url is None:
            raise EngineUnavailableError("the engine validator needs the URL of a service", hint=URL_HINT)
        self._places = places or layout()
        # of a wrong URL the caller learns at once
        self._client = Client(NAME, options.url, options.timeout_s, token=options.token)
        self._greeted: Future[None] = in_background(self._greet, "sr2fhir-hello")

    def transform(self, document: bytes, map_url: str) -> bytes:
        """Turn a document into a resource, of R5 alone; see `Transforms.transform`."""
        check_version(self, target_of(map_url), "transform")
        client = self._ready()
        kind = XML if document[:1] == b"<" else JSON
        response = client.post(
            "/transform", document, params={"map": map_url}, content_type=kind, repeatable=True
        )
        if not response.ok:
            raise self._transform_failure(client, response, map_url)
        return client.expect(response, "json").body

    def validate(
        self, resource: bytes, profiles: Sequence[str] = (), target: Target = R5
    ) -> list[ValidationMessage]:
        """Validate a resource, of R5 alone; see `Validates.validate`."""
        check_version(self, target, "validate")
        client = self._ready()
        params = [("bestPractice", "Ignore"), *(("profile", profile) for profile in profiles)]
        response = client.post("/validateResource", resource, params=params, repeatable=True)
        if not response.ok:
            raise _validation_failure(client, response)
        issues = client.expect(response, "json").issues()
        if not issues:
            raise client.error("its response to a validation is no OperationOutcome")
        return list(messages.validation_messages(issues))

    def to_xml(self, resource: bytes, target: Target = R5) -> bytes:
        """Write a resource as XML, of R5 alone; see `Converts.to_xml`."""
        check_version(self, target, "write XML")
        client = self._ready()
        response = client.post("/convert", resource, accept=XML, repeatable=True)
        if not response.ok:
            raise client.refusal(response, "to write the resource as XML")
        return client.expect(response, "xml").body

    def label(self) -> str:
        """Name the engine and its URL; see `Engine.label`."""
        return self._client.label

    def version(self) -> str:
        """Name the service and its URL; its version it states nowhere."""
        return f"HL7 validator, service at {self._ready().shown}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._greeted = Future()
        self._greeted.set_exception(EngineError("the engine has been closed"))

    def _ready(self) -> Client:
        """Wait until a connection is open; each caller gets an error of its own, to name its input in."""
        error = self._greeted.exception()
        if error is not None:
            raise copy(error)
        return self._client

    def _greet(self) -> None:
        """Open a connection, so that it is known now whether there is a server at all.

        Raises
        ------
        EngineUnavailableError
            There is none that responds in time. What it returns does not matter.
        """
        client = self._client
        limit = min(client.timeout_s, _HELLO_S)
        try:
            response = client.send(
                "GET", "/version", headers={"Accept": JSON}, repeatable=True, timeout_s=limit
            )
        except EngineUnavailableError:
            raise
        except EngineError as error:
            hint = BUSY_HINT if isinstance(error, LateError) else error.hint
            raise EngineUnavailableError(error.message, hint=hint) from None
        if response.status in UNAVAILABLE:
            raise client.refusal(response)

    def _transform_failure(self, client: Client, response: Response, map_url: str) -> Sr2FhirError:
        """Make the error of a transform that the service refused."""
        said = _said(response)
        if said is None:
            return client.refusal(response, "to transform the document")
        if _NO_MAP.match(said):
            return client.unavailable(f"the map {map_url} is not loaded there", hint=LOAD_HINT)
        if said in _RESOURCES:
            reason, hint = _RESOURCES[said]
            return TransformError(f"{client.label}: {reason}", hint=hint)
        location = messages.innermost_rule(said)
        error = messages.transform_error("an error", said, location, self._places.map_index)
        error.message = f"{client.label}: {error.message}"
        return error


def _said(response: Response) -> str | None:
    """Return what the engine behind the service said, if it was the engine that failed."""
    for text in response.texts():
        if match := _FAILED.match(text):
            return text[match.end() :]
    return None


def _validation_failure(client: Client, response: Response) -> Sr2FhirError:
    """Make the error of a validation that the service refused."""
    said = _said(response)
    if match := _NO_PROFILE.search(said or ""):
        return client.error(f"the profile {match[1]} is not known")
    return client.refusal(response, "to validate the resource")
