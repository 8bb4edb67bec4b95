"""Wait for what other threads do."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], limit_s: float = 10) -> None:
    """Wait until a condition holds; fail after a time."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it has not come about in time"
        time.sleep(0.02)
