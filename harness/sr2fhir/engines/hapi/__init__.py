"""The engine `hapi`: a FHIR server with `StructureMap/$transform`, such as matchbox on HAPI, by HTTP.

`protocol` knows what is said to servers and by them, `installation` sees to it that one holds our definitions
and maps, `container` runs one here.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from sr2fhir.engines import EngineOptions, ValidationMessage, check_version, messages
from sr2fhir.engines.hapi import installation, protocol
from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError, TransformError, UsageError
from sr2fhir.http import Client, Response
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import R5, Target, target_of
from sr2fhir.threads import in_background

FORM_VARIABLE = "SR2FHIR_HAPI_FORM"
_NAME = "hapi"
_NO_SERVER = "Name one with --engine-url, or start one with `sr2fhir engine start --docker IMAGE`"
_TRANSFORM = "/StructureMap/$transform"
_BASE = "http://hl7.org/fhir/StructureDefinition/"
# advice on good practice, repeated for each resource, of no use to a map
_ADVICE = "#dom-6"
# refusals that may mean that a form is not understood, so that another may be tried
_NOT_UNDERSTOOD = frozenset({400, 404, 405, 406, 415, 422, 500, 501})


class HapiEngine:
    """Execute maps on a FHIR server with `StructureMap/$transform`.

    What the server is and what it holds is asked in the background as soon as the engine is made. Calls may
    come from several threads at once.

    Parameters
    ----------
    options
        The base URL of the server, by default that of the container that runs here; how long a response may
        take; and `install`, to put there what is missing. What runs here was started for us, so it may be
        given what it lacks.
    places
        Where set-up has put the definitions and maps.

    Raises
    ------
    EngineUnavailableError
        No server is named and none runs here.
    UsageError
        The URL is no absolute http or https URL, or SR2FHIR_HAPI_FORM names no form.
    """

    def __init__(self, options: EngineOptions | None = None, places: Layout | None = None) -> None:
        self._options = options or EngineOptions()
        self._places = places or layout()
        url = self._options.url or _url_here(self._places)
        self._installs = not self._options.url or bool(self._options.settings.get("install"))
        self._client = Client(_NAME, url, self._options.timeout_s, token=self._options.token)
        self._wanted = _wanted_form()
        self._lock = threading.Lock()
        self._can_validate = False
        self._server: Future[protocol.Server] = in_background(self._prepare, "sr2fhir-hapi")

    def label(self) -> str:
        """Name the engine and its URL; see `Engine.label`."""
        return self._client.label

    def transform(self, document: bytes, map_url: str) -> bytes:
        """Turn a document into a resource, of R5 alone; see `Transforms.transform`."""
        check_version(self, target_of(map_url), "transform")
        self._ready()
        response = self._client.expect(self._run(document, map_url), "json")
        try:
            return protocol.unwrapped(response.body)
        except ValueError:
            raise self._client.error("its response holds no result of the map") from None

    def validate(
        self, resource: bytes, profiles: Sequence[str] = (), target: Target = R5
    ) -> list[ValidationMessage]:
        """Validate a resource, of R5 alone; see `Validates.validate`."""
        check_version(self, target, "validate")
        path = self._offered(protocol.VALIDATE, "", "Bundle")
        self._provide_definitions()
        # matchbox asks for a profile in any case
        wanted = profiles or (_BASE + (protocol.resource_type(resource) or "Bundle"),)
        found = [message for profile in wanted for message in self._validated(path, resource, profile)]
        return list(dict.fromkeys(found))

    def version(self) -> str:
        """Name the server's software and its version, as its CapabilityStatement does, and its URL."""
        return f"{self._ready().software}, server at {self._client.shown}"

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        self._server = Future()
        self._server.set_exception(EngineError("the engine has been closed"))

    # ---- getting ready -------------------------------------------------------------------------------------

    def _prepare(self) -> protocol.Server:
        """Learn what the server is, and see to it that it holds the model and the maps."""
        wanted = installation.for_transforming(self._places)
        found = protocol.ask_server(self._client)
        installation.provide(self._client, wanted, install=self._installs)
        self._forms = protocol.Choice(found.software, self._wanted)
        return found

    def _ready(self) -> protocol.Server:
        """Return what the server is; wait until it has been asked."""
        try:
            return self._server.result()
        except EngineError as error:
            # each caller gets an error of its own, since the input's name is added to it
            raise copy.copy(error) from None

    def _provide_definitions(self) -> None:
        """See to it that the server holds the profiles, when validation is first asked for."""
        with self._lock:
            if not self._can_validate:
                wanted = installation.for_validating(self._places)
                installation.provide(self._client, wanted, install=self._installs)
                self._can_validate = True

    def _offered(self, operation: str, *types: str) -> str:
        """Return the path of an operation that the server has to offer."""
        found = self._ready()
        path = found.offers(operation, *types)
        if path is None:
            raise self._client.error(f"the server ({found.software}) does not offer ${operation}")
        return path

    # ---- transforming --------------------------------------------------------------------------------------

    def _run(self, document: bytes, map_url: str) -> Response:
        """Run a map, in the form that the server understands; find that out, if it is not known."""
        errors: list[Sr2FhirError] = []
        file = self._places.compiled_maps / f"{map_url.rpartition('/')[2]}.json"
        for name, request in self._forms.requests(document, map_url, file):
            response = self._post(request)
            if _is_result(response):
                self._forms.learn(name)
                return response
            sent = len(request.body)
            errors.append(protocol.failure(self._client, response, sent, map_url, self._places))
            if response.status not in _NOT_UNDERSTOOD:
                break
        # of several refusals, that by a map tells most: the others did not understand the form
        raise next((error for error in errors if isinstance(error, TransformError)), None) or errors[0]

    def _post(self, request: protocol.Request) -> Response:
        """Send one request; a transform changes nothing on the server, so it may be sent again."""
        return self._client.post(
            _TRANSFORM,
            request.body,
            params=request.params,
            content_type=request.content_type,
            repeatable=True,
        )

    # ---- validating ----------------------------------------------------------------------------------------

    def _validated(self, path: str, resource: bytes, profile: str) -> list[ValidationMessage]:
        """Validate against one profile."""
        response = self._client.post(path, resource, params={"profile": profile}, repeatable=True)
        issues = response.issues()
        if any(issue.get("code") == "exception" for issue in issues):
            raise self._client.error(f"it could not validate; is the profile {profile} known there?")
        if not response.ok and not issues:
            raise self._client.refusal(response, "to validate")
        return [
            message
            for message in messages.validation_messages(issues)
            if not message.message_id.endswith(_ADVICE)
        ]


def _is_result(response: Response) -> bool:
    """Tell whether a response is a result: some servers return an OperationOutcome with status 200."""
    return response.ok and protocol.resource_type(response.body) != "OperationOutcome"


def _url_here(places: Layout) -> str:
    """Return the URL of the container that was started here."""
    from sr2fhir.engines.hapi import container

    state = container.state(places)
    if state is None:
        raise EngineUnavailableError("the engine hapi needs a FHIR server", hint=_NO_SERVER)
    return state.running.url


def _wanted_form() -> str:
    """Return the form that the environment asks for; empty for none."""
    wanted = os.environ.get(FORM_VARIABLE, "")
    if wanted and wanted not in protocol.FORMS:
        known = ", ".join(protocol.FORMS)
        raise UsageError(f"{FORM_VARIABLE} names no form of $transform", hint=f"Forms are: {known}")
    return wanted
