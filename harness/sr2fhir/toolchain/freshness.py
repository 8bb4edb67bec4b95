"""Notice, in a millisecond, that maps or definitions were changed after they were last compiled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sr2fhir.paths import Layout, layout

REMEDY = (
    "maps or definitions were changed after they were compiled: run `sr2fhir setup` (make transform does)"
)


def outdated(places: Layout | None = None) -> bool:
    """Tell whether a source is younger than the record of the last set-up.

    An author of maps who forgets the set-up would otherwise see the results of yesterday's maps. Times of
    files can deceive (a checkout touches them), so this is a reason for a hint, never for a refusal.
    """
    places = places or layout()
    if not places.stamps.is_file():
        return False
    compiled = places.stamps.stat().st_mtime
    return any(path.stat().st_mtime > compiled for path in _sources(places))


def _sources(places: Layout) -> Iterator[Path]:
    yield from places.maps.rglob("*.map")
    yield from places.fsh.rglob("*.fsh")
