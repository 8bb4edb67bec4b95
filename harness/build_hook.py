"""Build hook: a wheel carries what set-up compiles, so a checkout as it is makes none.

`make wheel` lays out a project whose package has these files, and builds that. An editable installation reads
them from the checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA = Path("harness", "sr2fhir", "data")


class CompiledData(BuildHookInterface[BuilderConfig]):
    """Refuse to build a wheel that could transform nothing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Look for the compiled maps before the wheel is written."""
        if version != "editable" and not (Path(self.root) / DATA).is_dir():
            self.app.abort("sr2fhir: this wheel would lack the compiled maps. Build it with `make wheel`")
