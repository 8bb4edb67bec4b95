"""Coding scheme designators to FHIR code systems (PS3.16 section 8, PS3.3 Table C.12-1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal
from urllib.parse import quote

from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import Attributes, tag

PRIVATE_SYSTEM = "urn:x-dicom-csd:"

_IDENTIFICATION = tag("CodingSchemeIdentificationSequence")
_RESOURCES = tag("CodingSchemeResourcesSequence")
_DESIGNATOR = tag("CodingSchemeDesignator")
_UID = tag("CodingSchemeUID")
_URL = tag("CodingSchemeURL")


@dataclass(frozen=True, slots=True)
class Scheme:
    """Name one coding scheme.

    Parameters
    ----------
    designator
        As PS3.16 spells it; a private one as written.
    system
        URI for ``Coding.system``.
    form
        ``snomed-rt``: codes are SNOMED RT identifiers; ``oid``: codes are object identifiers.
    """

    designator: str
    system: str
    form: Literal["plain", "snomed-rt", "oid"] = "plain"


class CodingSchemes:
    """Find the scheme of a designator, for one document.

    Parameters
    ----------
    header
        The document's attributes, for its Coding Scheme Identification Sequence.
    configured
        Systems that a user has given for private designators.
    log
        Receives one warning for each scheme that nothing identifies.
    """

    def __init__(self, header: Attributes, configured: Mapping[str, str], log: FindingLog) -> None:
        self._configured = {designator.strip().upper(): system for designator, system in configured.items()}
        self._identified = {
            designator.upper(): item
            for item in header.items(_IDENTIFICATION)
            if (designator := item.text(_DESIGNATOR))
        }
        self._log = log
        self._found: dict[str, Scheme] = {}

    def find(self, designator: str, where: str) -> Scheme:
        """Return the scheme; matching ignores case."""
        scheme = self._found.get(designator)
        if scheme is None:
            scheme = self._found[designator] = self._look_up(designator, where)
        return scheme

    def _look_up(self, designator: str, where: str) -> Scheme:
        name = designator.upper()
        if name in standard_schemes():
            return standard_schemes()[name]
        if name in self._configured:
            return Scheme(designator, self._configured[name])
        return (
            private_schemes().get(name) or self._from_document(designator) or self._unknown(designator, where)
        )

    def _from_document(self, designator: str) -> Scheme | None:
        item = self._identified.get(designator.upper())
        if item is None:
            return None
        uid = item.text(_UID)
        if uid:
            return schemes_by_uid().get(uid) or Scheme(designator, f"urn:oid:{uid}")
        urls = (resource.text(_URL) for resource in item.items(_RESOURCES))
        url = next((url for url in urls if url), None)
        return Scheme(designator, url) if url else None

    def _unknown(self, designator: str, where: str) -> Scheme:
        self._log.add(
            "warning",
            "unknown-scheme",
            where,
            f"coding scheme {designator} is not registered, and the document gives no UID or URL for it",
            "Give its system in the configuration",
        )
        return Scheme(designator, PRIVATE_SYSTEM + quote(designator, safe=""))


@cache
def _table() -> tuple[tuple[Scheme, str | None, bool], ...]:
    text = files(__package__).joinpath("coding_schemes.json").read_text("utf-8")
    return tuple(
        (
            Scheme(row["designator"], row["system"], row.get("form", "plain")),
            row.get("uid"),
            row.get("private", False),
        )
        for row in json.loads(text)["schemes"]
    )


@cache
def standard_schemes() -> dict[str, Scheme]:
    """Return the registered schemes by upper-case designator."""
    return {scheme.designator.upper(): scheme for scheme, _, private in _table() if not private}


@cache
def private_schemes() -> dict[str, Scheme]:
    """Return the private schemes whose system is published, by upper-case designator."""
    return {scheme.designator.upper(): scheme for scheme, _, private in _table() if private}


@cache
def schemes_by_uid() -> dict[str, Scheme]:
    """Return the schemes by Coding Scheme UID."""
    return {uid: scheme for scheme, uid, _ in _table() if uid}
