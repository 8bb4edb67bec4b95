"""An engine that validates against the published guide instead of our restatement of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.paths import Layout, layout

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

PUBLISHED = layout().sources.parent / "shared" / "official"


@dataclass(frozen=True)
class WithDefinitions(Layout):
    """The project's layout, with the definitions of another folder."""

    folder: Path = field(default=PUBLISHED)

    @property
    def definitions(self) -> Path:
        """Return the folder with the other definitions."""
        return self.folder


def published_over_ours(folder: Path) -> Engine:
    """Make an engine whose definitions are the published ones, with those of ours that have no counterpart there.

    Parameters
    ----------
    folder
        An empty folder to gather the definitions in.
    """
    from sr2fhir.engines.java import EmbeddedEngine

    for source in (layout().definitions, PUBLISHED):
        for path in source.glob("*.json"):
            shutil.copyfile(path, folder / _name(json.loads(path.read_bytes()), path))
    return EmbeddedEngine(places=WithDefinitions(layout().sources, layout().home, folder=folder))


def _name(resource: dict[str, Any], path: Path) -> str:
    """Name a file by what it defines, so that a published definition takes the place of ours."""
    return f"{resource['url'].replace('/', '_')}.json" if "url" in resource else path.name
