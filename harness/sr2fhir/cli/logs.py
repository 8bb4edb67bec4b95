"""Logging of the command line: to standard error, without patient data.

Only the loggers `sr2fhir.*` are shown; those of libraries may quote values.
"""

from __future__ import annotations

import logging

FORMAT = "%(levelname)s %(name)s: %(message)s"


def configure(level: str, form: str = FORMAT) -> None:
    """Show what `sr2fhir.*` logs, from a level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(form))
    logger = logging.getLogger("sr2fhir")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
