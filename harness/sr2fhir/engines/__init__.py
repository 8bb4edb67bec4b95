"""The seam between the project and whatever executes the maps, and the table of the engines.

An engine is made with `EngineOptions`. It transforms (`Engine`), and offers besides what it can:
`TransformsTwice`, `Validates`, `Converts`. Other packages register engines by entry points of the group
``sr2fhir.engines``, name to class (docs/engines.md). Our own stand in a table: loading `importlib.metadata`
and looking for entry points takes 33 ms, of the 0.6 s of a cold start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast, runtime_checkable

from sr2fhir.errors import EngineError, UsageError
from sr2fhir.paths import layout
from sr2fhir.settings import R5, Target

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DEFAULT = "embedded"
GROUP = "sr2fhir.engines"
# name -> module and class; imported only when it is chosen
OWN = {
    DEFAULT: ("sr2fhir.engines.java", "EmbeddedEngine"),
    "hapi": ("sr2fhir.engines.hapi", "HapiEngine"),
    "validator": ("sr2fhir.engines.validator", "ValidatorEngine"),
}
# only in a checkout: the independent engine, against which the tests hold the others
CHECKOUT = {"fml": ("tools.fml_engine", "FmlEngine")}
# a bearer token that a server asks for; one that is in the environment does not show in lists of processes
TOKEN_VARIABLE = "SR2FHIR_ENGINE_TOKEN"

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True)
class EngineOptions:
    """Say what an engine is asked for; each takes what concerns it.

    Parameters
    ----------
    batch
        Prefer throughput to a short start.
    url
        Base URL of a server that runs elsewhere; None for one of our own.
    timeout_s
        Seconds that one reply may take.
    settings
        What one engine alone understands, by name: `install` for `hapi`.
    target
        Version of FHIR that is going to be asked for, so that what it needs can be loaded meanwhile.
    """

    batch: bool = False
    url: str | None = None
    timeout_s: float = 300.0
    settings: Mapping[str, str] = field(default_factory=dict)
    target: Target = R5

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


class Transforms(Protocol):
    """Execute maps."""

    def transform(self, document: bytes, map_url: str) -> bytes:
        """Turn a document into the resource that a map makes of it.

        Parameters
        ----------
        document
            JSON of the logical model, or for a step map of a Bundle, UTF-8.
        map_url
            Canonical URL of the map.

        Returns
        -------
        bytes
            JSON of the resource as the engine wrote it, UTF-8; not yet checked for well-formedness.

        Raises
        ------
        TransformError
            The map failed on this document, or the engine cannot execute this kind of map.
        EngineUnavailableError
            The engine cannot be started.
        """
        ...


@runtime_checkable
class TransformsTwice(Protocol):
    """Execute a map, and a step map on what it made, without writing and reading that in between."""

    def transform_twice(self, document: bytes, map_url: str, step_url: str) -> tuple[bytes, bytes | None]:
        """Turn a document into a resource, and this into another.

        Parameters
        ----------
        document
            JSON of the logical model, UTF-8.
        map_url
            Canonical URL of the map.
        step_url
            Canonical URL of the map that takes what the first one makes.

        Returns
        -------
        tuple of bytes
            What each map made, as `Transforms.transform` would return it. None for the second one, if its map
            failed: who asked for it may look at the first result, and then ask for the second alone.

        Raises
        ------
        TransformError
            The first map failed on this document.
        EngineUnavailableError
            The engine cannot be started, or does not have the maps.
        """
        ...


@runtime_checkable
class Validates(Protocol):
    """Validate resources."""

    def validate(
        self, resource: bytes, profiles: Sequence[str] = (), target: Target = R5
    ) -> list[ValidationMessage]:
        """Validate a resource against FHIR, the profiles that it claims, and the given ones.

        Parameters
        ----------
        resource
            JSON of the resource, UTF-8. References between entries of a Bundle are resolved in it.
        profiles
            Canonical URLs of further profiles of the resource as a whole.
        target
            Version of FHIR that the resource is in.

        Returns
        -------
        list of ValidationMessage
            In the validator's order; empty when it found nothing.

        Raises
        ------
        EngineError
            The engine cannot validate this resource, or no resource of this version.
        """
        ...


@runtime_checkable
class Converts(Protocol):
    """Write resources in the other format of FHIR."""

    def to_xml(self, resource: bytes, target: Target = R5) -> bytes:
        """Write a resource as XML.

        Parameters
        ----------
        resource
            JSON of the resource, UTF-8.
        target
            Version of FHIR that it is in.

        Returns
        -------
        bytes
            The same resource as FHIR XML, UTF-8, as the engine wrote it; not yet compared with the JSON.

        Raises
        ------
        EngineError
            The engine cannot write this resource, or none of this version.
        """
        ...


class Engine(Transforms, Protocol):
    """An engine: it transforms, says what it is, and can be closed.

    Making one raises `EngineUnavailableError` where it is known at once that it cannot be had, and
    `UsageError` for options that it does not understand.
    """

    def label(self) -> str:
        """Name the engine, and its URL where it has one, for messages: `engine hapi at http://…`."""
        ...

    def version(self) -> str:
        """Name the engine and its version."""
        ...

    def close(self) -> None:
        """Release what the engine holds; it cannot be used afterwards."""
        ...


# What makes an engine: its class. A class that runs on what set-up makes says so by `needs_setup = True`.
EngineType = Callable[[EngineOptions], Engine]


def names() -> tuple[str, ...]:
    """Return the names of all engines: our own, the default one first, and those that are registered."""
    return tuple(dict.fromkeys([*_own(), *sorted(_registered())]))


def engine_type(name: str) -> EngineType:
    """Load what makes an engine.

    Raises
    ------
    UsageError
        No engine has this name.
    """
    if name in (own := _own()):
        module, member = own[name]
        return cast(EngineType, getattr(import_module(module), member))
    if name not in (registered := _registered()):
        raise UsageError(f"there is no engine '{name}'", hint=f"Engines are: {', '.join(sorted(names()))}")
    return cast(EngineType, registered[name].load())


def create(name: str = DEFAULT, options: EngineOptions | None = None) -> Engine:
    """Create an engine by its name; it begins to start in the background.

    Parameters
    ----------
    name
        One of `names`.
    options
        What an engine is asked for; each engine takes what concerns it.

    Raises
    ------
    UsageError
        No engine has this name.
    """
    return engine_type(name)(options or EngineOptions())


def _own() -> dict[str, tuple[str, str]]:
    """Return the table of our own engines."""
    return OWN if layout().is_installed else OWN | CHECKOUT


def _registered() -> dict[str, EntryPoint]:
    """Find the engines that other packages register."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}


def validating(engine: Engine) -> Validates:
    """Return an engine as one that validates.

    Raises
    ------
    EngineError
        It does not.
    """
    if isinstance(engine, Validates):
        return engine
    raise _unable(engine, "validate")


def converting(engine: Engine) -> Converts:
    """Return an engine as one that writes XML.

    Raises
    ------
    EngineError
        It does not.
    """
    if isinstance(engine, Converts):
        return engine
    raise _unable(engine, "write XML")


def check_version(engine: Engine, target: Target, task: str) -> None:
    """Refuse another version of FHIR than R5 to an engine that is a server of R5.

    Raises
    ------
    EngineError
        It is another one.
    """
    if target != R5:
        raise _unable(engine, f"{task} in FHIR {target.name}")


def _unable(engine: Engine, task: str) -> EngineError:
    return EngineError(
        f"the {engine.label()} cannot {task}", hint="Choose another with --engine, such as embedded"
    )
