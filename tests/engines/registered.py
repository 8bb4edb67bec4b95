"""Engines that are registered for a test, as an entry point would."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sr2fhir import engines, toolchain
from sr2fhir.engines import Engine, EngineOptions


def register(monkeypatch: pytest.MonkeyPatch, **made: Callable[[EngineOptions], Engine]) -> None:
    """Register engines beside, and before, those that there are."""
    usual, names = engines.engine_type, engines.names
    for module in (engines, toolchain):
        monkeypatch.setattr(module, "engine_type", lambda name: made.get(name) or usual(name))
    monkeypatch.setattr(engines, "names", lambda: tuple(dict.fromkeys([*names(), *made])))
