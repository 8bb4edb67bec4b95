"""An engine that alters the answer of another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sr2fhir.settings import R5, Target

if TYPE_CHECKING:
    from sr2fhir.engines import Engine


@dataclass
class Altered:
    """Return what a function makes of an engine's answer.

    Parameters
    ----------
    engine
        The engine that works.
    change
        From its answer to the altered one; may raise.
    """

    engine: Engine
    change: Callable[[bytes], bytes]
    closed: bool = False

    def transform(self, document: bytes, map_url: str) -> bytes:
        return self.change(self.engine.transform(document, map_url))

    def validate(self, bundle: bytes, profiles: object = (), target: Target = R5) -> list[object]:
        raise NotImplementedError

    def to_xml(self, resource: bytes, target: Target = R5) -> bytes:
        return self.change(self.engine.to_xml(resource, target))

    def label(self) -> str:
        return "engine double"

    def version(self) -> str:
        return "altered 1.0"

    def close(self) -> None:
        self.closed = True
