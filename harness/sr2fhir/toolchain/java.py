"""Step: find Java, and write the engine's settings."""

from __future__ import annotations

import json

from sr2fhir.engines import jvm
from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.toolchain.report import Report

# Without this the engine asks package servers and a terminology server on the internet, for 20 s where there
# is none.
_SETTINGS = {"prohibitNetworkAccess": True}


def run(places: Layout, report: Report) -> None:
    """Check that the Java runtime is there and forbid the engine the network.

    Raises
    ------
    EngineUnavailableError
        The runtime is not installed.
    """
    jvm.library()
    replace_file(places.fhir_settings, json.dumps(_SETTINGS).encode())
