"""What a FHIR server says of itself: its CapabilityStatement (FHIR R5, http.html#capabilities)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sr2fhir.http import Client

TRANSFORM, VALIDATE = "transform", "validate"
# the maps are written for R5; R6 servers say 6.…, R4 servers 4.…
FHIR_VERSION = "5."
_NO_TRANSFORM = "Name a server that does; matchbox does with matchbox.fhir.context.onlyOneEngine=true"
# seconds in which a server that is up has said what it is
_STATEMENT_S = 60.0
_NAME_LENGTH = 120


@dataclass(frozen=True)
class Server:
    """State what a server is and what it can do.

    Parameters
    ----------
    software
        Name and version of its software.
    fhir_version
        The version of FHIR that it speaks.
    operations
        Type and name of its operations, the type empty for those of the server as a whole:
        ``("StructureMap", "transform")``.
    """

    software: str
    fhir_version: str
    operations: frozenset[tuple[str, str]]

    def offers(self, operation: str, *types: str) -> str | None:
        """Return the path of an operation on the first type that has it; None where none has."""
        on = next((kind for kind in types if (kind, operation) in self.operations), None)
        return None if on is None else f"/{on}/${operation}" if on else f"/${operation}"


def ask(client: Client) -> Server:
    """Read the CapabilityStatement and check that maps for FHIR R5 can be run there.

    Raises
    ------
    EngineUnavailableError
        There is no FHIR server, or not one of R5 with `StructureMap/$transform`.
    """
    server = _parse(_statement(client))
    if not server.fhir_version.startswith(FHIR_VERSION):
        stated = server.fhir_version or "no version"
        raise client.unavailable(
            f"the server states FHIR {stated}, the maps are for {FHIR_VERSION}0", hint="Name an R5 server"
        )
    if server.offers(TRANSFORM, "StructureMap") is None:
        raise client.unavailable(
            f"the server ({server.software}) does not offer StructureMap/$transform",
            hint=_NO_TRANSFORM,
        )
    return server


def software(client: Client) -> str:
    """Name the software of a FHIR server, whatever it can do.

    Raises
    ------
    EngineError
        There is no FHIR server, or it is not ready.
    """
    return _parse(_statement(client)).software


def _statement(client: Client) -> dict[str, Any]:
    """Fetch the CapabilityStatement."""
    limit = min(client.timeout_s, _STATEMENT_S)
    answer = client.send(
        "GET", "/metadata", headers={"Accept": "application/fhir+json"}, repeatable=True, timeout_s=limit
    )
    content = answer.json() if answer.ok else None
    if isinstance(content, dict) and content.get("resourceType") == "CapabilityStatement":
        return content
    reason = f"there is no FHIR server: /metadata gave status {answer.status} and no CapabilityStatement"
    raise client.unavailable(reason, hint="Give its base URL, such as http://host:port/fhir")


def _parse(statement: dict[str, Any]) -> Server:
    """Take out of a CapabilityStatement what matters here."""
    found = frozenset(
        (kind, _text(operation, "name").lstrip("$"))
        for rest in _objects(statement, "rest")
        for kind, holder in (
            ("", rest),
            *((_text(part, "type"), part) for part in _objects(rest, "resource")),
        )
        for operation in _objects(holder, "operation")
    )
    return Server(_software(statement.get("software")), _text(statement, "fhirVersion"), found)


def _software(stated: Any) -> str:
    """Name the software with its version, which some servers put into the name."""
    if not isinstance(stated, dict):
        return "unnamed software"
    name, version = _text(stated, "name").removeprefix("powered by "), _text(stated, "version")
    return (name if version in name else f"{name} {version}").strip() or "unnamed software"


def _objects(holder: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Return the objects of a list."""
    found = holder.get(name)
    return (each for each in found if isinstance(each, dict)) if isinstance(found, list) else iter(())


def _text(holder: dict[str, Any], name: str) -> str:
    """Return a short text, fit for a message."""
    found = holder.get(name)
    return re.sub(r"[^\x20-\x7e]", "?", found)[:_NAME_LENGTH] if isinstance(found, str) else ""
