"""How the gateway logs in at other servers: a password, a token, or a key of its own.

`client-credentials` is OAuth 2.0 (RFC 6749, 4.4) with a signed JWT instead of a password (RFC 7523), as SMART
Backend Services asks for (HL7 SMART App Launch 2.2, client-confidential-asymmetric). Secrets are read from
files or the environment at each use, so that they can be replaced while the gateway runs.
"""

from __future__ import annotations

import base64
import os
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Any, Literal
from urllib.parse import urlencode

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.http import Client, Errors, LogIn, Response, Tls, is_safe

Kind = Literal["none", "basic", "bearer", "client-credentials"]
KINDS: tuple[Kind, ...] = ("none", "basic", "bearer", "client-credentials")
FORM = "application/x-www-form-urlencoded"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DISCOVERY = "/.well-known/smart-configuration"
# seconds that a signed JWT is valid (SMART: at most five minutes)
_ASSERTION_S = 240
# a token is renewed so many seconds, or this part of its time, before it runs out
_EARLY_S, _EARLY = 60.0, 0.2
# seconds that a token is taken to be valid where the server does not say (SMART: it has to)
_UNSTATED_S = 300.0
# certificates: those that the system trusts
NO_FILES = Tls()
_READ_IT = "See that the file is there and that the gateway may read it"


class LogInError(Sr2FhirError):
    """There is nothing to log in with."""


@dataclass(frozen=True)
class Secret:
    """Say where a secret is kept: in a file or in a variable of the environment, never in the settings.

    Parameters
    ----------
    file
        Its content, without blanks around it.
    env
        Name of the variable, where there is no file.
    """

    file: Path | None = None
    env: str | None = None

    def read(self) -> str:
        """Return the secret.

        Raises
        ------
        LogInError
            It is not there, or empty.
        """
        place = str(self.file or self.env)
        try:
            found = self.file.read_text("utf-8") if self.file else os.environ.get(self.env or "", "")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            message = f"the secret cannot be read ({reason or type(error).__name__})"
            raise LogInError(message, where=place, hint=_READ_IT) from None
        if not found.strip():
            hint = "Write it into the file" if self.file else "Set this variable for the gateway"
            raise LogInError("there is no secret", where=place, hint=hint)
        return found.strip()


@dataclass(frozen=True)
class LogInSettings:
    """Say how to log in at a server.

    Parameters
    ----------
    kind
        `none`, `basic`, `bearer` or `client-credentials`.
    user
        Of `basic`.
    secret
        The password of `basic`, the token of `bearer`, the private key of `client-credentials` (PEM: RSA, or
        an elliptic curve P-384).
    client_id
        Under which the authorization server knows the gateway.
    key_id
        Under which it knows the key, where it knows several (`kid`).
    token_url
        Where tokens are issued; None: what the FHIR server names in `.well-known/smart-configuration`.
    scope
        What is asked for.
    """

    kind: Kind = "none"
    user: str = ""
    secret: Secret = Secret()
    client_id: str = ""
    key_id: str | None = None
    token_url: str | None = None
    scope: str = "system/*.cruds"


def check_log_in(settings: LogInSettings, url: str) -> None:
    """Refuse a log-in that lacks something, or that anybody on the network could read.

    Raises
    ------
    UsageError
        `where` names the key.
    """
    needed = {
        "basic": ("user", "secret"),
        "bearer": ("secret",),
        "client-credentials": ("client_id", "secret"),
    }
    for name in needed.get(settings.kind, ()):
        if getattr(settings, name) in ("", Secret()):
            key = "secret_file" if name == "secret" else name
            hint = f"Add {key}" + (", or secret_env" if name == "secret" else "")
            raise UsageError(f"{settings.kind} needs {key}", where="authentication", hint=hint)
    for each in filter(None, (url, settings.token_url)):
        if settings.kind != "none" and not is_safe(each):
            message = "a log-in would go over the network in clear"
            raise UsageError(
                message, where="url" if each == url else "authentication", hint="Give an https URL"
            )


def log_in_of(settings: LogInSettings, url: str, tls: Tls = NO_FILES) -> LogIn | None:
    """Return how to log in at a server, by its base URL; None where there is no need."""
    if settings.kind == "basic":
        return Basic(settings.user, settings.secret)
    if settings.kind == "bearer":
        return Bearer(settings.secret)
    if settings.kind == "client-credentials":
        return ClientCredentials(settings, url, tls)
    return None


@dataclass(frozen=True)
class Basic:
    """Log in with a user name and a password (RFC 7617)."""

    user: str
    password: Secret

    def header(self) -> str:
        """Return the header; see `LogIn`."""
        pair = f"{self.user}:{self.password.read()}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    def renewed(self, header: str) -> bool:
        """Tell whether the password was replaced meanwhile."""
        return self.header() != header


@dataclass(frozen=True)
class Bearer:
    """Log in with a token that somebody else renews."""

    token: Secret

    def header(self) -> str:
        """Return the header; see `LogIn`."""
        return f"Bearer {self.token.read()}"

    def renewed(self, header: str) -> bool:
        """Tell whether the token was replaced meanwhile."""
        return self.header() != header


class ClientCredentials:
    """Log in with tokens that an authorization server issues to the holder of a private key.

    Parameters
    ----------
    settings
        What it is told.
    url
        Base URL of the FHIR server, which names the authorization server.
    tls
        Certificates, of both servers.
    """

    def __init__(self, settings: LogInSettings, url: str, tls: Tls = NO_FILES) -> None:
        self._settings = settings
        self._url = url
        self._tls = tls
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def header(self) -> str:
        """Return the header, with a token that holds for a while yet; see `LogIn`."""
        with self._lock:
            if monotonic() >= self._until:
                self._token, self._until = self._issued()
            return f"Bearer {self._token}"

    def renewed(self, header: str) -> bool:
        """Forget a token that was refused, unless another thread has a new one already."""
        with self._lock:
            if header == f"Bearer {self._token}":
                self._until = 0.0
        return True

    def _issued(self) -> tuple[str, float]:
        """Have a token issued; return it, and until when it is used, by the monotonic clock."""
        url = self._settings.token_url or self._discovered()
        form = {
            "grant_type": "client_credentials",
            "scope": self._settings.scope,
            "client_assertion_type": ASSERTION,
            "client_assertion": self._assertion(url),
        }
        asked = monotonic()
        client = self._client(url)
        try:
            body = urlencode(form).encode()
            response = client.post("", body, content_type=FORM, accept="application/json")
        finally:
            client.close()
        issued = _object(response)
        token = issued.get("access_token")
        if not response.ok or not isinstance(token, str) or not token:
            raise LogInError(
                f"{client.label} issues no token (status {response.status}{_error_code(issued)})",
                hint="Check client_id, the key that is registered there, key_id and scope",
            )
        valid = _seconds(issued.get("expires_in"))
        return token, asked + valid - min(_EARLY_S, _EARLY * valid)

    def _assertion(self, url: str) -> str:
        """Return a JWT that says who asks, signed (SMART App Launch, client-confidential-asymmetric)."""
        key, algorithm = private_key(self._settings.secret)
        now = int(time())
        client_id = self._settings.client_id
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": url,
            "exp": now + _ASSERTION_S,
            "jti": str(uuid.uuid4()),
        }
        headers = {"kid": self._settings.key_id} if self._settings.key_id else {}
        return jwt.encode(claims, key, algorithm, headers)

    def _discovered(self) -> str:
        """Ask the FHIR server where tokens are issued."""
        client = self._client(self._url)
        try:
            response = client.get(DISCOVERY, accept="application/json")
        finally:
            client.close()
        found = _object(response).get("token_endpoint")
        if not response.ok or not isinstance(found, str):
            message = f"{client.label} does not say where tokens are issued (status {response.status})"
            raise LogInError(message, where=DISCOVERY, hint="Set token_url")
        if not is_safe(found):
            message = f"{client.label} names a place for tokens to which a log-in would go in clear"
            raise LogInError(message, where=DISCOVERY, hint="Set token_url to an https URL")
        return found

    def _client(self, url: str) -> Client:
        errors = Errors(LogInError, LogInError, LogInError, "log-in", "timeout_s")
        return Client("server", url, 30.0, errors=errors, tls=self._tls)


def private_key(secret: Secret) -> tuple[RSAPrivateKey | EllipticCurvePrivateKey, str]:
    """Read a private key, with the algorithm by which SMART has it sign.

    Raises
    ------
    LogInError
        It cannot be read, or is of another kind.
    """
    try:
        key = load_pem_private_key(secret.read().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        hint = "Give an unencrypted private key as PEM"
        raise LogInError("this is no private key", where=str(secret.file or secret.env), hint=hint) from None
    if isinstance(key, RSAPrivateKey):
        return key, "RS384"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return key, "ES384"
    hint = "Make an RSA key of 2048 bits or more, or one of the elliptic curve P-384"
    raise LogInError("no key that SMART knows", where=str(secret.file or secret.env), hint=hint)


def _object(response: Response) -> dict[str, Any]:
    content = response.json()
    return content if isinstance(content, dict) else {}


def _error_code(issued: dict[str, Any]) -> str:
    """Return the error code of RFC 6749, 5.2, if it states one; its description may hold anything."""
    code = issued.get("error")
    return f", {code}" if isinstance(code, str) and code.replace("_", "").isalpha() and len(code) < 40 else ""


def _seconds(stated: Any) -> float:
    """Return for how long a token is valid."""
    return float(stated) if isinstance(stated, int | float) and stated > 0 else _UNSTATED_S
