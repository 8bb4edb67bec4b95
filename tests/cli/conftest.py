"""What tests of commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.comparing.doubles import Altered

if TYPE_CHECKING:
    from sr2fhir.engines import Engine


@pytest.fixture
def session_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command use the engine of the session, which it may not close."""
    monkeypatch.setattr("sr2fhir.toolchain.make_engine", lambda *_, **__: Altered(engine, lambda data: data))
