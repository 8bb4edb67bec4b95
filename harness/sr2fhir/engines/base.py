"""The seam between the project and whatever executes the maps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

CANONICAL = "http://hl7.org/fhir/uv/dicom-sr"
ENTRY_MAP = f"{CANONICAL}/StructureMap/MeasurementReport"
MODEL = f"{CANONICAL}/StructureDefinition/DicomSR"

# a bearer token that a server asks for; one that is in the environment does not show in lists of processes
TOKEN_VARIABLE = "SR2FHIR_ENGINE_TOKEN"

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True)
class EngineOptions:
    """Say what an engine is asked for.

    Parameters
    ----------
    batch
        Prefer throughput to a short start.
    url
        Base URL of a server that runs elsewhere; None for one of our own.
    install
        Allow to install what a server lacks: the logical model and the maps.
    timeout_s
        Seconds that one answer of a server may take.
    """

    batch: bool = False
    url: str | None = None
    install: bool = False
    timeout_s: float = 300.0

    @property
    def token(self) -> str | None:
        """The bearer token for a server, as the environment has it."""
        return os.environ.get(TOKEN_VARIABLE, "").strip() or None


@dataclass(frozen=True)
class ValidationMessage:
    """State one finding of the HL7 validator.

    Parameters
    ----------
    severity
        As in OperationOutcome.issue.severity.
    code
        As in OperationOutcome.issue.code.
    expression
        FHIRPath of the element, from the Bundle down.
    text
        The validator's sentence. It may quote values: not for logs.
    message_id
        The validator's own id for this kind of finding, stable between versions; empty where it gives none.
    """

    severity: Severity
    code: str
    expression: str
    text: str
    message_id: str


class Engine(Protocol):
    """Execute maps and validate what comes out."""

    def transform(self, document: bytes, map_url: str = ENTRY_MAP) -> bytes:
        """Turn a logical-model document into the resource that a map makes of it.

        Parameters
        ----------
        document
            JSON of the logical model, UTF-8.
        map_url
            Canonical URL of the map.

        Returns
        -------
        bytes
            JSON of the Bundle as the engine wrote it, UTF-8; not yet checked for well-formedness.

        Raises
        ------
        TransformError
            The map failed on this document.
        EngineUnavailableError
            The engine cannot be started.
        """
        ...

    def validate(self, bundle: bytes, profiles: Sequence[str] = ()) -> list[ValidationMessage]:
        """Validate a resource against FHIR, the profiles that it claims, and the given ones.

        Parameters
        ----------
        bundle
            JSON of the resource, UTF-8. References between entries of a Bundle are resolved in it.
        profiles
            Canonical URLs of further profiles of the resource as a whole.

        Returns
        -------
        list of ValidationMessage
            In the validator's order; empty when it found nothing.
        """
        ...

    def to_xml(self, resource: bytes) -> bytes:
        """Write a resource as XML.

        Parameters
        ----------
        resource
            JSON of the resource, UTF-8.

        Returns
        -------
        bytes
            The same resource as FHIR XML, UTF-8, as the engine wrote it; not yet compared with the JSON.

        Raises
        ------
        EngineError
            The engine cannot do this.
        """
        ...

    def place(self) -> str:
        """Name the engine, and its URL where it has one, for messages."""
        ...

    def version(self) -> str:
        """Name the engine and its version."""
        ...

    def close(self) -> None:
        """Release what the engine holds; it cannot be used afterwards."""
        ...
