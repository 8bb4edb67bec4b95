"""Settings of the web server, and which of them go together safely."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from sr2fhir.errors import UsageError
from sr2fhir.gateway.sections import bytes_field

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class WebTls:
    """How the web server shows who it is: PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Login:
    """How callers say who they are; at least one of the two is there.

    Parameters
    ----------
    tokens_file
        Lines of `sr2fhir gateway token`: a name, what it may do, and the hash of its token.
    header
        In which a proxy, named in `proxies` of the web server, says who is logged in.
    """

    tokens_file: Path | None = None
    header: str | None = None


@dataclass(frozen=True)
class StowSettings:
    """Bounds of a STOW-RS request.

    Parameters
    ----------
    max_object, max_body
        Bytes of one instance, and of a whole request.
    max_parts
        Instances and bulk data of one request.
    idle_s, timeout_s
        Seconds that a client may send nothing, and that a whole request may take.
    parallel
        Requests that are received at once.
    """

    max_object: int = bytes_field(512 << 20)
    max_body: int = bytes_field(2 << 30)
    max_parts: int = 1000
    idle_s: float = 30.0
    timeout_s: float = 600.0
    parallel: int = 16


@dataclass(frozen=True)
class WebSettings:
    """Say where the web server listens, and to whom.

    Parameters
    ----------
    address, port
        Port 0 takes a free one.
    hosts
        Names by which it is asked for, beside those of loopback.
    behind_proxy
        Whether a reverse proxy stands before it, whose `X-Forwarded-For` and `X-Forwarded-Proto` hold.
    proxies
        Addresses from which that proxy connects.
    login
        None where whoever reaches the port may do everything.
    tls
        None where it speaks HTTP.
    stow
        Bounds of STOW-RS; None where it is switched off.
    """

    address: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ()
    behind_proxy: bool = False
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    login: Login | None = None
    tls: WebTls | None = None
    # a table of its own in the file, since it is an intake
    stow: StowSettings | None = field(default_factory=StowSettings, metadata={"key": "intake.stow"})

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine reach it."""
        if self.address == "localhost":
            return True
        try:
            return ip_address(self.address).is_loopback
        except ValueError:
            return False

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.tls is not None or self.behind_proxy

    @property
    def names(self) -> tuple[str, ...]:
        """What may stand in the header Host."""
        names = (*LOOPBACK_NAMES, *((self.address,) if self.is_local else ()), *self.hosts)
        return tuple(f"[{name}]" if ":" in name else name for name in names)

    def check_safe(self) -> None:
        """Refuse to be reached by others without encryption or without a log-in.

        Raises
        ------
        UsageError
            The key that is missing is named.
        """
        if not self.is_local and not self.is_secure:
            message = f"the web server would be reached at {self.address} without encryption"
            hint = 'Listen on "127.0.0.1", name a certificate in [web.tls], or set behind_proxy = true'
            raise UsageError(message, where="web.address", hint=hint)
        if (not self.is_local or self.behind_proxy) and self.login is None:
            message = "the web server would be reached by others without a log-in"
            hint = (
                "Name a file of tokens in [web.login] tokens_file (`sr2fhir gateway token` writes it), or "
                " the header of your proxy in [web.login] header"
            )
            raise UsageError(message, where="web.login", hint=hint)
        if self.login and self.login.header and not self.behind_proxy:
            message = "a log-in by header is believed from a proxy only, and there is none"
            raise UsageError(message, where="web.login.header", hint="Set behind_proxy = true")
        if unfit := [host for host in self.hosts if not _HOST.fullmatch(host)]:
            message = f"{unfit[0]!r} is no name of a host"
            raise UsageError(message, where="web.hosts", hint='Write hosts = ["gateway.hospital.example"]')
        if not self.is_local and not self.hosts:
            message = "it is not said by which name the web server is asked for"
            raise UsageError(message, where="web.hosts", hint='Write hosts = ["gateway.hospital.example"]')
