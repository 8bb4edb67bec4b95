"""The engine of the session for commands, which close the engine that they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr2fhir.engines import Engine


class Kept:
    """Pass all on to an engine, but do not close it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def close(self) -> None:
        return
