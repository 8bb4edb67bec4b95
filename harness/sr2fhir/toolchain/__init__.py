"""Set-up: fetch, verify and compile whatever the engine needs, once, and notice what has changed since.

The steps stand in `steps`, `runner` decides which have to run, and the other modules say what each does.
`make_engine` is how the product comes to an engine: an installed package sets itself up first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sr2fhir.engines import DEFAULT, Engine, EngineOptions, engine_type
from sr2fhir.paths import Layout, layout
from sr2fhir.settings import ENGINE_VARIABLE, URL_VARIABLE

# what a server is taken for that is given by its URL alone
SERVER_ENGINE = "validator"
REMEDY = (
    "maps or definitions were changed after they were compiled: run `sr2fhir setup` (make transform does)"
)


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
    default = SERVER_ENGINE if url else DEFAULT
    made = engine_type(name or os.environ.get(ENGINE_VARIABLE) or default)
    if getattr(made, "needs_setup", False) and layout().is_installed:  # a checkout is set up by its Makefile
        from sr2fhir.toolchain import runner

        runner.run()
    return made(replace(options, url=url))


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
