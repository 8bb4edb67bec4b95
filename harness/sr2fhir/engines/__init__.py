"""Engines that execute the maps, interchangeable behind `Engine`.

Other packages register engines by entry points of the group ``sr2fhir.engines``, name to class
(docs/engines.md). Our own stand in a table: loading `importlib.metadata` and looking for entry points takes
33 ms, of the 0.6 s of a cold start.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from sr2fhir.engines.base import ENTRY_MAP, Engine, EngineOptions, EngineType, ValidationMessage
from sr2fhir.errors import UsageError

__all__ = [
    "DEFAULT",
    "ENTRY_MAP",
    "GROUP",
    "OWN",
    "Engine",
    "EngineOptions",
    "ValidationMessage",
    "create",
    "engine_type",
    "names",
]

DEFAULT = "embedded"
GROUP = "sr2fhir.engines"
# name -> module and class; imported only when it is chosen
OWN = {
    DEFAULT: ("sr2fhir.engines.java", "EmbeddedEngine"),
    "fml": ("sr2fhir.engines.fml", "FmlEngine"),
    "hapi": ("sr2fhir.engines.hapi", "HapiEngine"),
    "validator": ("sr2fhir.engines.validator", "ValidatorEngine"),
}


def names() -> tuple[str, ...]:
    """Return the names of all engines: our own, the default one first, and those that are registered."""
    from importlib.metadata import entry_points

    return tuple(dict.fromkeys([*OWN, *sorted(entry.name for entry in entry_points(group=GROUP))]))


def engine_type(name: str) -> EngineType:
    """Load what makes an engine.

    Raises
    ------
    UsageError
        No engine has this name.
    """
    if name in OWN:
        module, member = OWN[name]
        return cast(EngineType, getattr(import_module(module), member))
    from importlib.metadata import entry_points

    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise UsageError(f"there is no engine '{name}'", hint=f"Engines are: {', '.join(sorted(names()))}")
    return cast(EngineType, found[0].load())


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
