"""Step: let Java record which classes a transform loads, into a cache that later starts use."""

from __future__ import annotations

import sys

from sr2fhir.engines import jvm
from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout
from sr2fhir.toolchain import process
from sr2fhir.toolchain.report import Report


def run(places: Layout, report: Report) -> None:
    """Make a class cache for each profile, by training runs in processes of their own.

    Raises
    ------
    SetupError
        Java made none. Everything works without it, only slower.
    """
    for profile in jvm.PROFILES:
        train(places, profile)


def train(places: Layout, profile: jvm.Profile) -> None:
    """Make the class cache of one profile."""
    cache = places.aot_cache(profile)
    cache.unlink(missing_ok=True)
    partial = cache.with_suffix(".partial")
    environment = {"SR2FHIR_HOME": str(places.home)}
    command = [sys.executable, "-m", "sr2fhir.toolchain.train", profile, str(partial)]
    try:
        output = process.run(command, "the training run", cwd=places.sources, environment=environment)
        if not partial.is_file():
            raise SetupError(f"Java made no class cache:\n{process.tail(output)}\n")
        # Renamed at once: Java checks the cache's content, not its name.
        partial.replace(cache)
    finally:
        partial.unlink(missing_ok=True)
        partial.with_suffix(".partial.config").unlink(missing_ok=True)
