"""The differences between engines that are expected, each with its reason (known.toml)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sr2fhir.comparing.differences import Difference

_TABLE = Path(__file__).with_name("known.toml")


@dataclass(frozen=True)
class Known:
    """Describe one expected kind of difference.

    Parameters
    ----------
    engine
        The engine that differs from the embedded one.
    kind
        As in `Difference.kind`.
    path
        Regular expression of the whole path.
    reason
        Why no map can avoid it, in one sentence.
    """

    engine: str
    kind: str
    path: str
    reason: str

    def covers(self, engines: frozenset[str], difference: Difference) -> bool:
        """Tell whether it explains a difference between engines."""
        return (
            self.engine in engines
            and self.kind == difference.kind
            and re.fullmatch(self.path, difference.path) is not None
        )


@cache
def known() -> tuple[Known, ...]:
    """Read the table."""
    return tuple(Known(**entry) for entry in tomllib.loads(_TABLE.read_text("utf-8"))["difference"])


def reason_for(first: str, second: str, difference: Difference) -> str | None:
    """Answer why two engines differ there, if that is known.

    Parameters
    ----------
    first, second
        Names of the engines.
    difference
        What was found.
    """
    engines = frozenset((first, second))
    return next((entry.reason for entry in known() if entry.covers(engines, difference)), None)
