"""Step: let Java record which classes a transform loads, into a cache that later starts use."""

from __future__ import annotations

import sys

from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout
from sr2fhir.setup import process
from sr2fhir.setup.report import Report


def run(places: Layout, report: Report) -> None:
    """Make the class cache by a training run in a process of its own.

    Raises
    ------
    SetupError
        Java made none. Everything works without it, only slower.
    """
    places.aot_cache.unlink(missing_ok=True)
    partial = places.aot_cache.with_suffix(".partial")
    environment = {"SR2FHIR_HOME": str(places.home)}
    command = [sys.executable, "-m", "sr2fhir.setup.train", str(partial)]
    try:
        output = process.run(command, "the training run", cwd=places.sources, environment=environment)
        if not partial.is_file():
            raise SetupError(f"Java made no class cache:\n{process.tail(output)}\n")
        # Renamed at once: Java checks the cache's content, not its name.
        partial.replace(places.aot_cache)
    finally:
        partial.unlink(missing_ok=True)
        partial.with_suffix(".partial.config").unlink(missing_ok=True)
