"""Certificates of the storage SCP: TLS as BCP 195 asks for (PS3.15 B.12)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from sr2fhir.errors import UsageError
from sr2fhir.gateway.parts import Check

SOON = timedelta(days=30)


@dataclass(frozen=True)
class TlsSettings:
    """Name the files, PEM.

    Parameters
    ----------
    certificate, key
        By which this gateway is known; the key has no password.
    authority
        The certificates by which those of senders are checked; None where they need none.
    """

    certificate: Path
    key: Path
    authority: Path | None = None


def context_of(settings: TlsSettings) -> ssl.SSLContext:
    """Make the context of a server.

    Raises
    ------
    UsageError
        A file cannot be used; it is named.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # a key with a password would be asked for at the terminal
        context.load_cert_chain(settings.certificate, settings.key, password=lambda: "")
    except (OSError, ValueError):
        hint = "Give PEM files that may be read, and the key of this certificate, without a password"
        where = f"{settings.certificate}, {settings.key}"
        raise UsageError("certificate and key cannot be used", where=where, hint=hint) from None
    if settings.authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(settings.authority)
        except OSError:
            hint = "Give a PEM file that this user may read"
            where = str(settings.authority)
            raise UsageError(
                "the certificates of the authority cannot be used", where=where, hint=hint
            ) from None
    return context


def checks_of(settings: TlsSettings, part: str) -> Iterator[Check]:
    """See that the certificates can be used and are valid today."""
    try:
        context_of(settings)
    except UsageError as error:
        yield Check(f"{part}: {error.where}", False, error.message, error.hint)
        return
    now = datetime.now(UTC)
    for file in filter(None, (settings.certificate, settings.authority)):
        for found in x509.load_pem_x509_certificates(file.read_bytes()):
            yield _validity(f"{part}: {file}", found, now)


def _validity(what: str, certificate: x509.Certificate, now: datetime) -> Check:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begin:
        return Check(what, False, f"the certificate is valid from {begin:%Y-%m-%d}", "Check the clock")
    if now > end:
        return Check(what, False, f"the certificate has expired on {end:%Y-%m-%d}", "Have it renewed")
    soon = ", which is soon" if end - now < SOON else ""
    return Check(what, True, f"the certificate is valid until {end:%Y-%m-%d}{soon}")
