"""Engines that execute the maps, interchangeable behind `Engine`."""

from __future__ import annotations

from collections.abc import Callable

from sr2fhir.engines.base import ENTRY_MAP, Engine, ValidationMessage
from sr2fhir.errors import UsageError

__all__ = ["ENGINES", "ENTRY_MAP", "Engine", "ValidationMessage", "create"]


def _embedded(batch: bool) -> Engine:
    from sr2fhir.engines.embedded import EmbeddedEngine
    from sr2fhir.paths import layout

    if layout().is_installed:  # a checkout is set up by its Makefile
        from sr2fhir import setup

        setup.run()
    return EmbeddedEngine("batch" if batch else "single")


ENGINES: dict[str, Callable[[bool], Engine]] = {"embedded": _embedded}


def create(name: str = "embedded", *, batch: bool = False) -> Engine:
    """Create an engine by its name.

    Parameters
    ----------
    name
        A key of ENGINES.
    batch
        Prefer throughput to a short start.

    Raises
    ------
    UsageError
        No engine has this name.
    """
    if name not in ENGINES:
        raise UsageError(f"there is no engine '{name}'", hint=f"Engines are: {', '.join(sorted(ENGINES))}")
    return ENGINES[name](batch)
