"""HTTP to another server: one time limit, bounded responses, errors that name the server.

`Client` sends a request and returns whatever the server said as a `Response`, also when its status is 4xx or
5xx; it raises only where there is no whole response. Nothing of what a server says is passed on as it is: its
texts may quote the document. Sessions of `requests` are made one for each thread, when first needed.

================================  ========================  ===================
what happens                      error (of `Errors`)       sent again
================================  ========================  ===================
no connection, unknown host       unavailable               no
TLS or proxy fails                unavailable               no
connection breaks, response cut   failed                    once, if repeatable
time limit                        late                      no
redirect, response too large      failed                    no
================================  ========================  ===================
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode, urlsplit

from sr2fhir.errors import EngineError, EngineUnavailableError, Sr2FhirError, UsageError

if TYPE_CHECKING:
    import requests

# query parameters; pairs where a name occurs several times
Params = Mapping[str, str] | Sequence[tuple[str, str]]
JSON, XML = "application/fhir+json", "application/fhir+xml"
# seconds until a server that is up has taken a connection
CONNECT_S = 10.0
# bytes of a response; the largest report measured, of 10,000 measurements, gives 30 MB
MAX_RESPONSE = 1 << 30
_PIECE = 1 << 18
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_ISSUE_CODE = re.compile(r"[a-z-]{1,40}")
# statuses that say nothing about the document: no other one would be served either
UNAVAILABLE = {
    401: "asks for a log-in",
    403: "refuses access",
    407: "asks for a log-in at a proxy",
    502: "has no server behind it (status 502)",
    503: "is not ready (status 503)",
    504: "has no server behind it that responds (status 504)",
}


class LateError(EngineError):
    """There was no whole response within the time limit."""


@dataclass(frozen=True)
class Errors:
    """Say what is raised about a server, and in which words.

    Parameters
    ----------
    failed, unavailable, late
        Raised where it fails on a request, cannot be used at all, or takes longer than the time limit.
    noun
        What it is, for messages: `engine`.
    limit_option
        The command's option for the time limit.
    """

    failed: type[Sr2FhirError] = EngineError
    unavailable: type[Sr2FhirError] = EngineUnavailableError
    late: type[Sr2FhirError] = LateError
    noun: str = "engine"
    limit_option: str = "--engine-timeout"


class LogIn(Protocol):
    """Say how a client logs in; called from several threads."""

    def header(self) -> str:
        """Return the value of the header `Authorization`.

        Raises
        ------
        Sr2FhirError
            There is none: a file cannot be read, no token is issued.
        """
        ...

    def renewed(self, header: str) -> bool:
        """Tell, after a 401 for a header, whether there is another to try."""
        ...


@dataclass(frozen=True)
class Tls:
    """Name the files of a connection with TLS; they are read anew for each new connection.

    Parameters
    ----------
    certificate, key
        By which this side is known to the server; PEM. The key may stand in the file of the certificate.
    authority
        The certificates that the server's is checked with, instead of those that the system trusts; PEM.
    """

    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What `requests` is told. It is told each time: else the environment comes before a session."""
        cert = tuple(str(file) for file in (self.certificate, self.key) if file)
        verify = {"verify": str(self.authority)} if self.authority else {}
        return verify | ({"cert": cert if len(cert) > 1 else cert[0]} if cert else {})


@dataclass(frozen=True)
class Response:
    """What a server said, whole.

    Parameters
    ----------
    status
        HTTP status.
    content_type
        Media type in lower case, without parameters; empty where none is stated.
    body
        The bytes, decompressed.
    headers
        The other headers, names in lower case.
    """

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Parse the body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def issues(self) -> list[dict[str, Any]]:
        """List the issues, if the body is an OperationOutcome as JSON. Their texts may quote the document."""
        content = self.json()
        if not isinstance(content, dict) or content.get("resourceType") != "OperationOutcome":
            return []
        found = content.get("issue")
        return [issue for issue in found if isinstance(issue, dict)] if isinstance(found, list) else []

    def texts(self) -> list[str]:
        """List what its issues say; for recognising, never for passing on."""
        return [text for issue in self.issues() for text in _texts(issue)]


class Client:
    """Send requests to one server; safe to use from several threads.

    Parameters
    ----------
    name
        The server's name, for messages.
    url
        Base URL; may carry a user name and password, which no message shows.
    timeout_s
        Seconds that one response may take, from the request to its last byte.
    hint
        How to mend it when the server cannot be reached.
    errors
        What is raised; by default the errors of an engine.
    token
        A bearer token to log in with.
    log_in
        How to log in, where that is more than a token. After a 401 the request is sent once more with
        another header, if there is one: the server has not done what it asked for.
    tls
        Certificates.

    Raises
    ------
    UsageError
        The URL is no absolute http or https URL.
    """

    def __init__(
        self,
        name: str,
        url: str,
        timeout_s: float = 300.0,
        hint: str | None = None,
        errors: Errors = Errors(),
        token: str | None = None,
        log_in: LogIn | None = None,
        tls: Tls = Tls(),
    ) -> None:
        parts = _split(url, errors.noun)
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s
        #: the URL without user name and password
        self.shown = shown(url)
        #: `engine NAME at URL`, with which every message begins
        self.label = f"{errors.noun} {name} at {self.shown}"
        self._errors = errors
        self._token = token
        self._log_in = log_in
        self._tls = tls
        self._hint = hint or "Check that the server runs and that the URL is right"
        self._is_local = bool(_LOOPBACK.fullmatch(parts.hostname or ""))
        self._sessions: list[requests.Session] = []
        self._own = threading.local()

    def get(self, path: str, *, params: Params | None = None, accept: str = JSON) -> Response:
        """Send a GET request; it is sent again once if the connection breaks."""
        return self.send("GET", path, params=params, headers={"Accept": accept}, repeatable=True)

    def post(
        self,
        path: str,
        body: bytes,
        *,
        params: Params | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        repeatable: bool = False,
    ) -> Response:
        """Send a POST request; see `send`."""
        headers = {"Content-Type": content_type, "Accept": accept}
        return self.send("POST", path, body, params=params, headers=headers, repeatable=repeatable)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> Response:
        """Send a request and wait for the whole response, of whatever status.

        Parameters
        ----------
        path
            Below the base URL, beginning with a slash.
        repeatable
            The request changes nothing on the server, so that it may be sent once more when the connection
            breaks. It is never sent again after the time limit.
        timeout_s
            Another time limit than the client's.

        Raises
        ------
        Errors.unavailable
            The server cannot be reached.
        Errors.failed
            There is no whole response.
        """
        query = f"?{urlencode(params, quote_via=quote)}" if params else ""
        limit = timeout_s or self.timeout_s
        request = _Request(method, self.url + path + query, body, dict(headers or {}), limit)
        if self._log_in is None:
            return self._sent(request, repeatable)
        header = self._log_in.header()
        response = self._sent(request._replace(log_in=header), repeatable)
        if response.status == 401 and self._log_in.renewed(header):
            response = self._sent(request._replace(log_in=self._log_in.header()), repeatable)
        return response

    def _sent(self, request: _Request, repeatable: bool) -> Response:
        """Send, and once more if the connection breaks and it may be repeated."""
        try:
            return self._exchange(request)
        except _BrokenError as error:
            if not repeatable:
                raise self.error(str(error)) from None
        try:
            return self._exchange(request)
        except _BrokenError as error:
            raise self.error(f"{error}, twice", hint="See the server's log") from None

    def error(self, reason: str, *, hint: str | None = None) -> Sr2FhirError:
        """Make an error that names server and URL."""
        return self._errors.failed(f"{self.label}: {reason}", hint=hint)

    def unavailable(self, reason: str, *, hint: str | None = None) -> Sr2FhirError:
        """Make the error of a server that cannot be used, with the client's hint if no other is given."""
        return self._errors.unavailable(f"{self.label}: {reason}", hint=hint or self._hint)

    def refusal(self, response: Response, what: str = "the request") -> Sr2FhirError:
        """Make the error of a response that is no success: its status and issue types, none of its texts."""
        if response.status in UNAVAILABLE:
            return self.unavailable(UNAVAILABLE[response.status])
        codes = sorted({code for issue in response.issues() if (code := _issue_code(issue))})
        said = f" ({', '.join(codes)})" if codes else ""
        return self.error(f"it refused {what} with status {response.status}{said}")

    def expect(self, response: Response, *endings: str) -> Response:
        """Check that a response states one of some media types, named by their endings: `json`, `xml`.

        Raises
        ------
        EngineError
            It states another, such as a proxy's page under a status of success.
        """
        if not response.content_type.endswith(endings):
            stated = re.sub(r"[^\w.+/-]", "", response.content_type)[:60] or "no type"
            raise self.error(f"it returned {stated}, not with {' or '.join(endings)}")
        return response

    def close(self) -> None:
        """Close all connections."""
        while self._sessions:
            self._sessions.pop().close()
        self._own = threading.local()

    def _session(self) -> requests.Session:
        """Return this thread's session."""
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = self._new_session()
            self._sessions.append(session)
        return session

    def _new_session(self) -> requests.Session:
        """Make a session; to this machine it goes directly, whatever proxy the environment names."""
        import requests

        session = requests.Session()
        session.headers["User-Agent"] = "sr2fhir"
        if self._token:
            session.headers["Authorization"] = f"Bearer {self._token}"
        if self._is_local:
            session.trust_env = False
            session.headers["Accept-Encoding"] = "identity"
        return session

    def _exchange(self, request: _Request) -> Response:
        """Send once and read the response to its end."""
        import requests
        from urllib3.exceptions import HTTPError

        limit = request.limit
        deadline = monotonic() + limit
        try:
            with self._session().request(
                request.method,
                request.url,
                data=request.body,
                headers=request.headers,
                auth=_Header(request.log_in) if request.log_in else None,
                timeout=(min(CONNECT_S, limit), limit),
                stream=True,
                allow_redirects=False,
                **self._tls.options,
            ) as response:
                return self._whole(response, deadline, limit)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._translated(error, limit) from None

    def _whole(self, response: requests.Response, deadline: float, limit: float) -> Response:
        """Read the body within time and size."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.is_redirect:
            raise self.error("it redirects elsewhere, where no document is sent", hint="Give its final URL")
        pieces, size = [], 0
        for piece in _pieces(response):
            size += len(piece)
            if monotonic() > deadline:
                raise self._late(limit)
            if size > MAX_RESPONSE:
                raise self.error(f"its response is larger than {MAX_RESPONSE >> 20} MiB")
            pieces.append(piece)
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        return Response(response.status_code, content_type, b"".join(pieces), headers)

    def _late(self, limit: float) -> Sr2FhirError:
        return self._errors.late(
            f"{self.label}: no whole response within {limit:g} seconds",
            hint=f"Raise {self._errors.limit_option}, or see the server's log",
        )

    def _translated(self, error: Exception, limit: float) -> Exception:
        """Translate what requests raised; its texts are dropped, they may hold the URL's password."""
        import requests
        from urllib3 import exceptions as low

        if isinstance(error, requests.ConnectTimeout):
            return self.unavailable("no connection within the time limit")
        if isinstance(error, requests.ReadTimeout | low.ReadTimeoutError | TimeoutError):
            return self._late(limit)
        if isinstance(error, requests.exceptions.SSLError | low.SSLError):
            return self.unavailable("no trusted TLS connection", hint="Check its certificate and the URL")
        if isinstance(error, requests.exceptions.ProxyError):
            return self.unavailable("the proxy does not connect", hint="Check HTTP_PROXY and NO_PROXY")
        if type(error) is OSError:  # of requests itself, before it connects
            hint = "Check that its files are there and may be read"
            return self.unavailable("the files of TLS cannot be read", hint=hint)
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        if isinstance(reason, low.NameResolutionError):
            return self.unavailable("the host is not known")
        if isinstance(reason, low.NewConnectionError):
            return self.unavailable("no server responds there")
        return _BrokenError("the connection broke before the response was whole")


class _BrokenError(Exception):
    """The connection broke while the server may have been at work."""


class _Request(NamedTuple):
    """What is sent, and within how many seconds there has to be a response."""

    method: str
    url: str
    body: bytes | None
    headers: dict[str, str]
    limit: float
    log_in: str | None = None


@dataclass(frozen=True)
class _Header:
    """Set the header `Authorization`; as a log-in of `requests`, it comes before one that .netrc knows."""

    value: str

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Set it on a request."""
        request.headers["Authorization"] = self.value
        return request


def shown(url: str) -> str:
    """Return a URL as it may be shown: scheme, host, port and path, no user name, password or query."""
    parts = _split(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"


def is_safe(url: str) -> bool:
    """Tell whether what is sent to a URL cannot be read on the way: by TLS, or because it stays here."""
    parts = _split(url)
    return bool(parts.scheme == "https" or _LOOPBACK.fullmatch(parts.hostname or ""))


def _split(url: str, noun: str = "server") -> Any:
    """Split a URL and check its form."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = None
    if not good:
        raise UsageError(
            f"the URL of the {noun} is no absolute http or https URL", hint="Write http://host:port"
        )
    return parts


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Read the body as it comes, so that a server that dribbles is noticed, and one that is cut off, too."""
    stated = response.headers.get("Content-Length", "")
    # bytes on the wire are counted by urllib3, which raises IncompleteRead for fewer than were stated
    while piece := response.raw.read1(_PIECE, decode_content=True):
        yield piece
    if stated.isdecimal() and response.raw.tell() < int(stated) and response.request.method != "HEAD":
        raise _BrokenError("the response was cut off")


def _texts(issue: Mapping[str, Any]) -> Iterator[str]:
    """Return what one issue says."""
    details = issue.get("details")
    for text in (details.get("text") if isinstance(details, dict) else None, issue.get("diagnostics")):
        if isinstance(text, str):
            yield text


def _issue_code(issue: Mapping[str, Any]) -> str | None:
    """Return the type of an issue, if it is a code."""
    code = issue.get("code")
    return code if isinstance(code, str) and _ISSUE_CODE.fullmatch(code) else None
