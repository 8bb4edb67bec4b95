"""Engines that execute the maps, interchangeable behind `Engine`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from sr2fhir.engines.base import ENTRY_MAP, Engine, EngineOptions, ValidationMessage
from sr2fhir.errors import UsageError
from sr2fhir.settings import ENGINE_VARIABLE, URL_VARIABLE

__all__ = ["ENGINES", "ENTRY_MAP", "Engine", "EngineOptions", "ValidationMessage", "create", "make_engine"]

DEFAULT_ENGINE = "embedded"
# what a server is taken for that is given by its URL alone
SERVER_ENGINE = "validator"


def _embedded(options: EngineOptions) -> Engine:
    from sr2fhir.engines.embedded import EmbeddedEngine
    from sr2fhir.paths import layout

    if layout().is_installed:  # a checkout is set up by its Makefile
        from sr2fhir import toolchain

        toolchain.run()
    return EmbeddedEngine(options)


def _fml(options: EngineOptions) -> Engine:
    from sr2fhir.engines.fml import FmlEngine

    return FmlEngine(options)


def _validator(options: EngineOptions) -> Engine:
    from sr2fhir.engines.validator import ValidatorEngine

    return ValidatorEngine(options.url, options.timeout_s)


def _hapi(options: EngineOptions) -> Engine:
    from sr2fhir.engines.hapi import HapiEngine

    return HapiEngine.create(options)


# A new engine is one line here; it is imported only when it is chosen.
ENGINES: dict[str, Callable[[EngineOptions], Engine]] = {
    "embedded": _embedded,
    "fml": _fml,
    "hapi": _hapi,
    "validator": _validator,
}


def create(name: str = "embedded", options: EngineOptions | None = None) -> Engine:
    """Create an engine by its name.

    Parameters
    ----------
    name
        A key of ENGINES.
    options
        What an engine is asked for; each engine takes what concerns it.

    Raises
    ------
    UsageError
        No engine has this name.
    """
    if name not in ENGINES:
        raise UsageError(f"there is no engine '{name}'", hint=f"Engines are: {', '.join(sorted(ENGINES))}")
    return ENGINES[name](options or EngineOptions())


def make_engine(name: str | None = None, options: EngineOptions | None = None) -> Engine:
    """Make an engine, which begins to start in the background: that takes longer than reading most reports.

    Parameters
    ----------
    name
        `embedded`, …; by default what SR2FHIR_ENGINE says, else `validator` for a URL, else `embedded`.
    options
        What the engine is asked for; without a URL the one of SR2FHIR_ENGINE_URL holds.

    Raises
    ------
    UsageError
        No engine has this name, or the URL is none.
    """
    options = options or EngineOptions()
    url = options.url or os.environ.get(URL_VARIABLE) or None
    default = SERVER_ENGINE if url else DEFAULT_ENGINE
    return create(name or os.environ.get(ENGINE_VARIABLE) or default, replace(options, url=url))
