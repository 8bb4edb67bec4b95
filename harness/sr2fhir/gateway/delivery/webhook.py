"""Webhooks: somebody is told of live alerts, with ids and links and no patient data.

A notice is a POST with JSON, signed as Standard Webhooks 1.0 says (standardwebhooks.com), so that receivers
check it with a library of their language. It is sent again until it arrives, always under the same
`webhook-id`, by which a receiver knows one that it has already.

======================================  =========================================================
response                                what is done
======================================  =========================================================
2xx                                     it has arrived
none, 401, 403, 407, 429, 502 – 504     the webhook is tried again later, with all notices
408, 409, 425, other 5xx                this notice is tried again later, so many times
3xx, other 4xx (410 Gone)               a dead letter
======================================  =========================================================
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.gateway.authentication import Secret
from sr2fhir.gateway.delivery.capability import Lack
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError, SendError, of_error, retry_after
from sr2fhir.gateway.delivery.loop import Backoff, Delivered, DestinationLoop
from sr2fhir.gateway.parts import Check
from sr2fhir.gateway.store import Delivery, Failure
from sr2fhir.http import Client, Errors, Response, Tls, is_safe
from sr2fhir.jsontext import JsonObject, dumps

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store

EVENT = "critical-finding.flagged"
JSON = "application/json"
_PREFIX = "whsec_"
# bytes of a key (Standard Webhooks: 24 to 64)
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
_KEY_HINT = 'Make one: echo "whsec_$(openssl rand -base64 32)"'
_WHOLE = frozenset({401, 403, 407, 429, 502, 503, 504})
_PASSING = frozenset({408, 409, 425})
_ERRORS = Errors(SendError, SendError, SendError, "webhook", "timeout_s")


@dataclass(frozen=True)
class Webhook:
    """Say who is told of alerts, and how.

    Parameters
    ----------
    name
        For people, tables and logs.
    url
        Where notices are posted.
    secret
        The key of the signature: `whsec_` and base64. On a second line the key that was before, while
        receivers change it.
    fhir_url
        Base URL of the FHIR server that has the Flags, for links; None for no links.
    timeout_s
        Seconds that one response may take.
    tls
        Certificates.
    after_s, after_at_most_s
        Seconds until a notice that failed is sent again: at first, and at most. They double in between.
    tries
        How often one notice may fail for reasons of its own until it becomes a dead letter.
    """

    name: str
    url: str
    secret: Secret = field(metadata={"hint": "Add secret_file, or secret_env"})
    fhir_url: str | None = None
    timeout_s: float = 20.0
    tls: Tls = field(default_factory=Tls)
    after_s: float = 1.0
    after_at_most_s: float = 300.0
    tries: int = 10

    def __post_init__(self) -> None:
        """Refuse what anybody on the network could read.

        Raises
        ------
        UsageError
            `where` names the key.
        """
        if not is_safe(self.url):
            raise UsageError(
                "notices would go over the network in clear", where="url", hint="Give an https URL"
            )
        if self.tries < 1:
            raise UsageError("less than one", where="tries", hint="Write 1 or more")


class WebhookPart(DestinationLoop):
    """Tell one receiver of live alerts (a `Part` of the gateway)."""

    def __init__(self, settings: Webhook, store: Store) -> None:
        backoff = Backoff(settings.after_s, settings.after_at_most_s, settings.tries)
        super().__init__(settings.name, WebhookSender(settings), store, backoff=backoff)
        self.name = f"webhook {settings.name}"


class WebhookSender:
    """Post notices; see `Sender`."""

    def __init__(self, settings: Webhook) -> None:
        self._settings = settings
        self._client = Client(
            settings.name, settings.url, settings.timeout_s, errors=_ERRORS, tls=settings.tls
        )
        self._path = "/" if settings.url.endswith("/") else ""
        self.lacks: list[Lack] = []

    def send(self, delivery: Delivery) -> Delivered:
        """Post a notice."""
        body = dumps(notice(delivery, self._settings.fhir_url))
        try:
            headers = signed(message_id(delivery), int(time()), body, keys(self._settings.secret))
            response = self._client.send("POST", self._path, body, headers={"Content-Type": JSON, **headers})
        except Sr2FhirError as error:
            raise of_error(error) from None
        if not response.ok:
            raise failed(response)
        return Delivered(status=response.status, note="told")

    def probe(self) -> None:
        """Find out whether somebody is there; any response of its own says so."""
        try:
            keys(self._settings.secret)
            response = self._client.send("HEAD", self._path, timeout_s=self._settings.timeout_s)
        except Sr2FhirError as error:
            raise of_error(error) from None
        if response.status in (502, 503, 504):
            raise failed(response)

    def check(self) -> Iterator[Check]:
        """Read the key, and try the connection."""
        what = f"webhook {self._settings.name}"
        try:
            self.probe()
        except PostponedError as error:
            yield Check(what, False, error.failure.reason, error.failure.hint)
        else:
            yield Check(what, True, f"{self._client.shown} can be reached")

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def failed(response: Response) -> PostponedError | RefusedError:
    """Return what becomes of a response that is no success; nothing of its words is passed on."""
    status = response.status
    after_s = retry_after(response.headers)
    if status in _WHOLE:
        failure = Failure(status, f"status {status}", "Check the URL of the webhook, and the key there")
        return PostponedError(failure, after_s=after_s, whole=True)
    if status in _PASSING or status >= 500:
        return PostponedError(
            Failure(status, f"status {status}", "See the log of the receiver"), after_s=after_s
        )
    return RefusedError(Failure(status, f"status {status}", "Mend the receiver, then replay the object"))


# ---- the notice --------------------------------------------------------------------------------------------


def notice(delivery: Delivery, fhir_url: str | None = None) -> JsonObject:
    """Return what a receiver is told: the same each time it is sent."""
    alert = delivery.payload or {}
    said = {name: alert[name] for name in ("rule", "category", "flag", "observations") if alert.get(name)}
    names = [each for each in (alert.get("flag"), *alert.get("observations", ())) if each]
    links = {name: f"{fhir_url.rstrip('/')}/{name}" for name in names} if fhir_url else {}
    return {
        "type": EVENT,
        "timestamp": datetime.fromtimestamp(int(delivery.received), UTC).isoformat().replace("+00:00", "Z"),
        "data": {**said, "object": delivery.object_id, **({"links": links} if links else {})},
    }


def message_id(delivery: Delivery) -> str:
    """Return by what a receiver knows a notice that it has already: the Flag, which is the same on replay."""
    flag = str((delivery.payload or {}).get("flag") or delivery.id)
    return f"alert_{flag.rpartition('/')[2]}"


# ---- the signature -----------------------------------------------------------------------------------------


def signed(message: str, at: int, body: bytes, own: list[bytes]) -> dict[str, str]:
    """Return the headers of Standard Webhooks: id, time in seconds since 1970, a signature for each key."""
    content = f"{message}.{at}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in own)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def keys(secret: Secret) -> list[bytes]:
    """Read the keys, the one in force first.

    Raises
    ------
    SendError
        There is none, or it is not written as one.
    Sr2FhirError
        The secret cannot be read.
    """
    return [_key(line, secret.file or secret.env) for line in secret.read().split()]


def _key(line: str, place: Path | str | None) -> bytes:
    try:
        key = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not (line.startswith(_PREFIX) and _SHORTEST_KEY <= len(key) <= _LONGEST_KEY):
        message = f"the key of the webhook is not {_PREFIX} and 24 to 64 bytes in base64"
        raise SendError(message, where=str(place), hint=_KEY_HINT)
    return key
