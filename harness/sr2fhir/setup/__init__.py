"""Set-up: fetch, verify and compile whatever the engine needs, once, and notice what has changed since.

The steps stand in `sr2fhir.setup.steps`, one module for what each does; `sr2fhir.setup.runner` decides which
have to run.
"""

from __future__ import annotations

from sr2fhir.setup.runner import is_current, run

__all__ = ["is_current", "run"]
