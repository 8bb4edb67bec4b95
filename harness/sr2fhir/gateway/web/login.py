"""Who is asking, and what they may do.

============================  ===========================================================================
no `[web.login]`              whoever reaches the port, which is on loopback then, may do everything
`Authorization: Bearer …`     a token of the tokens file; the file holds its hash only
header of a proxy             the proxy has logged them in; believed from the proxy's addresses only
cookie                        a browser that has shown a token; the session ends with the process
============================  ===========================================================================

A token is its name, a point, and 256 random bits. The hash is scrypt (RFC 7914), so that a file that was read
by others is of no use to them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from anyio import CapacityLimiter
from starlette.requests import HTTPConnection

from sr2fhir.errors import UsageError
from sr2fhir.gateway.web.settings import WebSettings

RIGHTS = ("see", "replay", "store", "metrics")
"""What a caller may do: read pages, replay from them, send by STOW-RS, read the figures."""
OF_PEOPLE = frozenset({"see", "replay"})

N, R, P = 1 << 14, 8, 1
HASH_SIZE = 32
MEMORY = 64 << 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_PERSON = re.compile(r"[\x21-\x7e]{1,100}")
_HINT = "Write the lines with `sr2fhir gateway token NAME --to FILE`"
# seconds that a session may rest, and last; how many there may be
REST_S, LIFE_S, SESSIONS = 30 * 60.0, 12 * 3600.0, 1000
_KNOWN = 1000


class Caller(NamedTuple):
    """Say who asks, and what they may do."""

    name: str
    rights: frozenset[str]
    by_token: bool = False


EVERYBODY = Caller("local", frozenset(RIGHTS))


class Entry(NamedTuple):
    """Hold a line of the tokens file."""

    rights: frozenset[str]
    n: int
    r: int
    p: int
    salt: bytes
    hash: bytes


def new_token(name: str, rights: tuple[str, ...]) -> tuple[str, str]:
    """Return a new token, and the line of the tokens file that knows it.

    Raises
    ------
    UsageError
        The name or a right is none.
    """
    if not _NAME.fullmatch(name):
        raise UsageError("a token is named with 1 to 40 letters, digits, - and _", where="NAME")
    if unknown := set(rights) - set(RIGHTS) or (not rights and {"nothing"}):
        raise UsageError(
            f"no right is called {', '.join(sorted(unknown))}", hint=f"Choose {', '.join(RIGHTS)}"
        )
    secret, salt = secrets.token_urlsafe(32), secrets.token_bytes(16)
    digest = _scrypt(secret, Entry(frozenset(), N, R, P, salt, b""))
    packed = ":".join(urlsafe_b64encode(part).decode() for part in (salt, digest))
    return f"{name}.{secret}", f"{name} {','.join(rights)} scrypt:{N}:{R}:{P}:{packed}"


def _scrypt(secret: str, entry: Entry) -> bytes:
    return hashlib.scrypt(
        secret.encode(), salt=entry.salt, n=entry.n, r=entry.r, p=entry.p, maxmem=MEMORY, dklen=HASH_SIZE
    )


class Tokens:
    """The tokens file, read again when it has changed.

    Parameters
    ----------
    file
        Its path.

    Raises
    ------
    UsageError
        It cannot be read, or a line is wrong.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._entries: dict[str, Entry] = {}
        # digests of tokens that were right: scrypt takes its time, and figures are asked for often
        self._right: set[bytes] = set()
        self._refresh()

    @property
    def names(self) -> frozenset[str]:
        """Who has a token."""
        return frozenset(self._entries)

    def caller(self, token: str) -> Caller | None:
        """Return whose token it is; None if it is none."""
        name, _, secret = token.partition(".")
        with self._lock:  # one at a time: guessing shall not take all the memory
            self._refresh()
            entry = self._entries.get(name)
            if entry is None or not secret:
                return None
            digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
            if digest not in self._right:
                if not hmac.compare_digest(_scrypt(secret, entry), entry.hash):
                    return None
                if len(self._right) >= _KNOWN:
                    self._right.clear()
                self._right.add(digest)
        return Caller(name, entry.rights, by_token=True)

    def _refresh(self) -> None:
        try:
            about = self._file.stat()
            stamp = (about.st_mtime_ns, about.st_size)
            if stamp == self._stamp:
                return
            entries = self._lines(self._file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            message = f"the tokens file cannot be read ({type(error).__name__})"
            raise UsageError(message, source=str(self._file), hint=_HINT) from error
        self._stamp, self._entries, self._right = stamp, entries, set()

    def _lines(self, text: str) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name, entry = self._line(number, line)
            if name in entries:
                raise self._wrong(number, "a name stands there twice")
            entries[name] = entry
        return entries

    def _line(self, number: int, line: str) -> tuple[str, Entry]:
        try:
            name, rights, packed = line.split()
            method, n, r, p, salt, digest = packed.split(":")
            given = frozenset(rights.split(","))
            entry = Entry(given, int(n), int(r), int(p), urlsafe_b64decode(salt), urlsafe_b64decode(digest))
            if method != "scrypt" or not _NAME.fullmatch(name) or not given <= set(RIGHTS):
                raise ValueError(line)
            _scrypt("", entry)  # raises where the numbers are none, or take too much memory
        except ValueError:
            raise self._wrong(number, "not a name, rights and a hash") from None
        return name, entry

    def _wrong(self, number: int, message: str) -> UsageError:
        return UsageError(message, source=str(self._file), where=f"line {number}", hint=_HINT)


class Sessions:
    """The sessions of browsers that have shown a token; they end with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, tuple[str, float, float]] = OrderedDict()
        self._secret = secrets.token_bytes(32)

    @staticmethod
    def new_id() -> str:
        """Return an id that nobody guesses."""
        return secrets.token_urlsafe(32)

    def form_token(self, session: str) -> str:
        """Return what a form carries to show that it is a page of ours, shown in this session."""
        return hmac.new(self._secret, session.encode(), hashlib.sha256).hexdigest()

    def open(self, token: str) -> str:
        """Open a session of a token; return its id."""
        session, now = self.new_id(), time.monotonic()
        with self._lock:
            while len(self._sessions) >= SESSIONS:
                self._sessions.popitem(last=False)
            self._sessions[session] = (token, now, now)
        return session

    def token(self, session: str) -> str | None:
        """Return the token of a session that has not ended."""
        now = time.monotonic()
        with self._lock:
            token, since, used = self._sessions.get(session, (None, 0.0, 0.0))
            if token is None:
                return None
            if now - used > REST_S or now - since > LIFE_S:
                del self._sessions[session]
                return None
            self._sessions[session] = (token, since, now)
        return token

    def close(self, session: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(session, None)


class Gate:
    """Tell who asks.

    Parameters
    ----------
    settings
        Of the web server.
    """

    def __init__(self, settings: WebSettings) -> None:
        login = settings.login
        self._settings = settings
        self.is_open = login is None
        self.tokens = Tokens(login.tokens_file) if login and login.tokens_file else None
        self._header = login.header if login else None
        self.sessions = Sessions()
        self.limiter = CapacityLimiter(2)
        # a cookie with this beginning of its name is sent by https only, and to this host only
        self.is_secure = settings.is_secure
        self.cookie = "__Host-sr2fhir" if self.is_secure else "sr2fhir"

    def caller(self, request: HTTPConnection) -> Caller | None:
        """Return who asks; None if that is not known. It may read a file: not for the event loop."""
        if self.is_open:
            return EVERYBODY
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.tokens.caller(token.strip()) if self.tokens else None
        if self._header and request.scope.get("peer") in self._settings.proxies:
            return self._told_by_proxy(request.headers.get(self._header, ""))
        session = request.cookies.get(self.cookie)
        shown = self.sessions.token(session) if session else None
        known = self.tokens.caller(shown) if shown and self.tokens else None
        return known and known._replace(by_token=False, rights=known.rights & OF_PEOPLE)

    @staticmethod
    def _told_by_proxy(name: str) -> Caller | None:
        return Caller(name, OF_PEOPLE) if _PERSON.fullmatch(name) else None
