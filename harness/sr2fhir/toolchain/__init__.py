"""Set-up: fetch, verify and compile whatever the engine needs, once, and notice what has changed since.

The steps stand in `steps`, `runner` decides which have to run, and the other modules say what each does.
`make_engine` is how the product comes to an engine: an installed package sets itself up first.
"""

from __future__ import annotations

import os
from dataclasses import replace

from sr2fhir.engines import DEFAULT, Engine, EngineOptions, engine_type
from sr2fhir.paths import layout
from sr2fhir.settings import ENGINE_VARIABLE, URL_VARIABLE

# what a server is taken for that is given by its URL alone
SERVER_ENGINE = "validator"


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
