"""A circuit breaker: when a destination fails again and again, it is left alone for a while.

::

    closed ──5 failures in a row, or one that is about the destination──▶ open ──time──▶ half-open
      ▲                                                                     ▲               │ one probe
      │                                                                     └───it fails────┤
      └─────────────────────────────────────────────────────────────────────────it responds─┘

A probe delivers nothing. After one that went well, a single failure opens the breaker again, for longer,
until a delivery has gone well. Times are of the monotonic clock: nothing happens when the wall clock is set.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic, time
from typing import Literal

from sr2fhir.gateway.store import Failure

State = Literal["closed", "open", "half-open"]
FAILURES = 5


class Breaker:
    """Tell whether a destination is to be tried; safe to use from several threads.

    It is half-open at first: before the first delivery, somebody asks the destination what it can do.

    Parameters
    ----------
    wait_s
        Seconds for which it is open after so many openings in a row, at least as many as were asked for.
    """

    def __init__(self, wait_s: Callable[[int, float | None], float]) -> None:
        self._wait_s = wait_s
        self._lock = Lock()
        self._until: float | None = 0.0  # None: closed
        self._probing = False
        self._failures = 0
        self._openings = 0
        #: why nothing is delivered, and since when, in seconds since 1970
        self.broken: tuple[Failure, float] | None = None

    @property
    def state(self) -> State:
        """Return the state, for people."""
        if self._until is None:
            return "closed"
        return "open" if monotonic() < self._until else "half-open"

    def wait_s(self) -> float:
        """Return the seconds until it is worth asking again; 0 if deliveries may be tried."""
        until = self._until
        return 0.0 if until is None else max(until - monotonic(), 0.05)

    def is_probe_due(self) -> bool:
        """Tell one thread, and only one, that it has to probe."""
        with self._lock:
            due = self._until is not None and not self._probing and monotonic() >= self._until
            self._probing = self._probing or due
            return due

    def probed(self) -> None:
        """Close it after a probe that went well."""
        with self._lock:
            self._until, self._probing, self.broken = None, False, None
            self._failures = FAILURES - 1 if self._openings else 0

    def succeeded(self) -> None:
        """Take note of a delivery that went well."""
        with self._lock:
            self._failures = self._openings = 0

    def failed(self, failure: Failure, asked_s: float | None = None, *, at_once: bool = False) -> None:
        """Take note of one that failed; open it after several, or at once."""
        with self._lock:
            self._failures += 1
            is_open = self._until is not None
            enough = at_once or self._failures >= FAILURES
        if enough and not is_open:
            self.open(failure, asked_s)

    def open(self, failure: Failure, asked_s: float | None = None) -> None:
        """Leave the destination alone for a while."""
        with self._lock:
            self._openings += 1
            self._until = monotonic() + self._wait_s(self._openings, asked_s)
            self._probing = False
            since = self.broken[1] if self.broken else time()
            self.broken = (failure, since)
