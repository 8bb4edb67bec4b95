"""A FHIR server as destination: what it can do, its resources, and transactions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from sr2fhir.gateway.authentication import LogInError, log_in_of
from sr2fhir.gateway.delivery.capability import Lack, lacks
from sr2fhir.gateway.delivery.failures import (
    ERRORS,
    PostponedError,
    RefusedError,
    SendError,
    of_entries,
    of_error,
    of_response,
)
from sr2fhir.gateway.delivery.lookups import Lookups
from sr2fhir.gateway.delivery.loop import Delivered
from sr2fhir.gateway.delivery.sending import Memory, Sending
from sr2fhir.gateway.delivery.settings import Destination
from sr2fhir.gateway.parts import Check
from sr2fhir.gateway.store import Delivery
from sr2fhir.http import JSON, Client, Response
from sr2fhir.jsontext import JsonError, JsonObject, dumps, loads_strict
from sr2fhir.packaging import Packaging

_LOCATION = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]{1,64}))?$")
_ETAG = re.compile(r'W/"([A-Za-z0-9.-]{1,64})"')
# seconds that the CapabilityStatement may take
_PROBE_S = 30.0


class Stored(NamedTuple):
    """Where a server stored a resource.

    Parameters
    ----------
    name
        Type and id; None where it does not say.
    version
        Of the resource; None where it does not say.
    """

    name: str | None
    version: str | None


class FhirServer:
    """Speak to one FHIR server; safe to use from several threads.

    Parameters
    ----------
    settings
        Of the destination.
    """

    def __init__(self, settings: Destination) -> None:
        url = settings.url or ""
        self.client = Client(
            settings.name,
            url,
            settings.timeout_s,
            errors=ERRORS,
            log_in=log_in_of(settings.log_in, url, settings.tls),
            tls=settings.tls,
        )
        self.lookups = Lookups(self.client)

    def statement(self) -> Any:
        """Return its CapabilityStatement.

        Raises
        ------
        PostponedError
            There is none.
        """
        with answering():
            response = self.client.send(
                "GET", "/metadata", headers={"Accept": JSON}, repeatable=True, timeout_s=_PROBE_S
            )
        if response.ok and response.content_type.endswith("json"):
            return response.json()
        error = of_response(response)
        raise PostponedError(error.failure, after_s=getattr(error, "after_s", None), whole=True)

    def read(self, name: str) -> JsonObject | None:
        """Return a resource by type and id; None where there is none, or none any more.

        Raises
        ------
        PostponedError, RefusedError
            The server does not say.
        """
        response = self.client.get(f"/{name}")
        if response.status in (404, 410):
            return None
        content = _json(response) if response.ok else None
        if content is None or f"{content.get('resourceType')}/{content.get('id')}" != name:
            raise of_response(response)
        return content

    def transaction(self, entries: Sequence[JsonObject]) -> tuple[int, list[Stored]]:
        """Send a transaction; return the status, and where each entry was stored.

        Raises
        ------
        PostponedError, RefusedError, TooLargeError
            Nothing was stored, as far as is known.
        """
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        response = self.client.post("", dumps(bundle))
        if error := of_entries(response, bundle):
            raise error
        return response.status, [_stored(each["response"]) for each in response.json()["entry"]]


class FhirSender:
    """Deliver to a FHIR server.

    Parameters
    ----------
    settings
        Of the destination.
    memory
        Remembers what was sent.
    packaging
        How transactions are made, unless the settings of the destination say otherwise.
    """

    def __init__(self, settings: Destination, memory: Memory, packaging: Packaging) -> None:
        own = {"bundle": "transaction", "versions": {}, **settings.policies}
        self._settings = settings
        self._memory = memory
        self._packaging = replace(packaging, **own)  # type: ignore[arg-type]
        self._server = FhirServer(settings)
        #: what its CapabilityStatement lacks
        self.lacks: list[Lack] = []

    def send(self, delivery: Delivery) -> Delivered:
        """Send the results of a document; see `Sender`."""
        try:
            return self._sent(delivery)
        except RefusedError:
            if not self._server.lookups.forget():  # what was found earlier may be gone
                raise
            return self._sent(delivery)

    def _sent(self, delivery: Delivery) -> Delivered:
        sending = Sending(self._server, self._memory, self._settings, self._packaging, delivery)
        with answering():
            return sending.delivered()

    def probe(self) -> None:
        """Read what the server can do; see `Sender`."""
        found = list(lacks(self._server.statement(), self._settings.fhir, self._packaging))
        self.lacks = [each for each in found if not each.is_fatal]
        for lack in found:
            if lack.is_fatal:
                raise PostponedError(lack.failure, whole=True)

    def check(self) -> Iterator[Check]:
        """Try the connection and say what the server lacks."""
        what = f"destination {self._settings.name}"
        try:
            found = list(lacks(self._server.statement(), self._settings.fhir, self._packaging))
        except PostponedError as error:
            yield Check(what, False, error.failure.reason, error.failure.hint)
            return
        for lack in found:
            yield Check(what, not lack.is_fatal, lack.message, lack.hint)
        if not found:
            shown, version = self._server.client.shown, self._settings.fhir
            yield Check(what, True, f"{shown} takes transactions of {version}")

    def close(self) -> None:
        """Close all connections."""
        self._server.client.close()


@contextmanager
def answering() -> Iterator[None]:
    """Postpone what was under way when there was no whole response, or nothing to log in with."""
    try:
        yield
    except (SendError, LogInError) as error:
        raise of_error(error) from None


def _json(response: Response) -> JsonObject | None:
    """Return a resource with the numbers as they are written; None where it is none."""
    try:
        content = loads_strict(response.body)
    except JsonError:
        return None
    return content if isinstance(content, dict) else None


def _stored(response: JsonObject) -> Stored:
    """Read where an entry was stored from its response."""
    location = _LOCATION.search(str(response.get("location", "")))
    etag = _ETAG.fullmatch(str(response.get("etag", "")))
    version = etag[1] if etag else location[3] if location else None
    return Stored(f"{location[1]}/{location[2]}" if location else None, version)
