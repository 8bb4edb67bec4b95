"""The log of the gateway: lines for people, or JSON for programs; neither holds patient data."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Literal

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_KNOWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Text(logging.Formatter):
    """Write lines for people; of an exception only where it came from, since its text may quote values."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def formatException(self, info: Any) -> str:  # noqa: N802 - as logging calls it
        """Return the places that an exception came through."""
        return f"{info[0].__name__}: " + "; ".join(places(info[2]))


class Json(logging.Formatter):
    """Write one JSON object for each line, with what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _KNOWN},
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["places"] = places(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False, default=str)


def places(traceback: Any) -> list[str]:
    """Return the places that an exception came through, without its text."""
    return [f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in extract_tb(traceback)]


def log_to_stderr(form: Literal["text", "json"], level: str) -> None:
    """Show what is logged by our own loggers from a level on; those of libraries may quote values."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if form == "json" else Text())
    logger = logging.getLogger("sr2fhir")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
