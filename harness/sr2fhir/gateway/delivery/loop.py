"""What every destination does: take what is due, try it, and try it again later.

A destination has a queue in the store, threads that work on it, and a breaker. `Sender` is what knows how to
deliver: to a FHIR server, into a folder, to a webhook.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from sr2fhir.errors import Sr2FhirError
from sr2fhir.gateway.delivery.breaker import Breaker
from sr2fhir.gateway.delivery.capability import Lack
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError
from sr2fhir.gateway.parts import Alarm, Check
from sr2fhir.gateway.store import Delivery, Failure, Sent
from sr2fhir.outcome import unexpected

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store

logger = logging.getLogger(__name__)

# seconds between two looks into the queue
_POLL_S = 0.25
# from this status on, the fault is the server's
_SERVER_ERROR = 500
# seconds without the store until it is asked again
_WITHOUT_STORE_S = 2.0


@dataclass(frozen=True)
class Delivered:
    """Hold what came of a delivery.

    Parameters
    ----------
    sent
        All that the destination has of the document now.
    status
        Of the last response; None where there was none.
    note
        What is to be told of it.
    """

    sent: tuple[Sent, ...] = ()
    status: int | None = None
    note: str | None = None


class Sender(Protocol):
    """Deliver to one destination; called from several threads."""

    #: what the destination lacks, so that some deliveries may fail
    lacks: list[Lack]

    def send(self, delivery: Delivery) -> Delivered:
        """Deliver.

        Raises
        ------
        PostponedError
            It may go well later.
        RefusedError
            It is not going to.
        """
        ...

    def probe(self) -> None:
        """Find out whether there is somebody to deliver to, without delivering anything.

        Raises
        ------
        PostponedError
            There is not.
        """
        ...

    def check(self) -> Iterator[Check]:
        """Try the connection, for `gateway check`."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True)
class Backoff:
    """Say how long is waited after a failure.

    Parameters
    ----------
    first_s, most_s
        Seconds after the first failure, and at most; they double in between.
    tries
        How often one delivery may fail for reasons of its own.
    """

    first_s: float = 1.0
    most_s: float = 300.0
    tries: int = 10

    def wait_s(self, failures: int, asked_s: float | None = None) -> float:
        """Return the seconds after so many failures, at least as many as the other side asked for.

        They vary, so that what failed together is not tried together again.
        """
        doubled = self.first_s * 2 ** min(failures - 1, 30)
        varied: float = min(doubled, self.most_s) * random.uniform(0.5, 1.0)  # noqa: S311
        return max(varied, asked_s or 0.0)


class DestinationLoop:
    """Deliver what is due to one destination (a `Part` of the gateway).

    Parameters
    ----------
    name
        Of the destination in the store.
    sender
        How to deliver.
    store
        Has the queue.
    parallel
        How many threads work on it.
    backoff
        How long is waited after failures.
    """

    def __init__(
        self, name: str, sender: Sender, store: Store, *, parallel: int = 1, backoff: Backoff = Backoff()
    ) -> None:
        self.name = f"destination {name}"
        self._destination = name
        self._sender = sender
        self._store = store
        self._backoff = backoff
        self._breaker = Breaker(backoff.wait_s)
        self._stopping = Event()
        self._threads = [Thread(target=self._run, name=self.name, daemon=True) for _ in range(parallel)]
        # delivery to how often it failed for reasons of its own, since the gateway was started
        self._failures: dict[int, int] = {}
        self._lock = Lock()
        self._showing = Lock()
        self._shown = ""

    # ---- Part ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the threads. A destination that cannot be reached is no error: it is waited for."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Take nothing more, and wait for what is under way."""
        self._stopping.set()
        deadline = monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - monotonic()))
        self._sender.close()

    def check(self) -> Iterator[Check]:
        """Try the connection."""
        return self._sender.check()

    def alarms(self) -> list[Alarm]:
        """Return what is wrong now: nothing is delivered, or the destination lacks something."""
        found = [Alarm("warning", self.name, f"{lack.message}. {lack.hint}") for lack in self._sender.lacks]
        if broken := self._breaker.broken:
            failure, since = broken
            message = f"nothing is delivered: {failure.reason}"
            found.append(
                Alarm("error", self.name, f"{message}. {failure.hint}" if failure.hint else message, since)
            )
        return found

    # ---- the loop ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pause_s = self._turn()
            except Sr2FhirError as error:  # the store is not there
                logger.warning("%s: %s", self.name, error)
                pause_s = _WITHOUT_STORE_S
            except Exception as error:
                logger.error("%s: %s", self.name, unexpected(error))  # noqa: TRY400 - its text may hold values
                pause_s = _WITHOUT_STORE_S
            if pause_s:
                self._stopping.wait(pause_s)

    def _turn(self) -> float:
        """Do one thing; return the seconds until there may be another."""
        self._show()
        if self._breaker.is_probe_due():
            self._probe()
            return 0.0
        if wait_s := self._breaker.wait_s():
            return min(wait_s, _POLL_S)
        delivery = self._store.claim_delivery(self._destination)
        if delivery is None:
            return _POLL_S
        self._deliver(delivery)
        return 0.0

    def _probe(self) -> None:
        try:
            self._sender.probe()
        except PostponedError as error:
            logger.warning("%s: %s", self.name, error.failure.reason)
            self._breaker.open(error.failure, error.after_s)
        except Exception as error:
            logger.error("%s: %s", self.name, unexpected(error))  # noqa: TRY400 - its text may hold values
            self._breaker.open(Failure(None, unexpected(error), "Report this"))
        else:
            self._breaker.probed()

    def _deliver(self, delivery: Delivery) -> None:
        """Try one delivery, and record what came of it."""
        try:
            made = self._sender.send(delivery)
        except PostponedError as error:
            self._postpone(delivery, error)
        except RefusedError as error:
            self._bury(delivery, error.failure)
        except Exception as error:
            # an error of ours: the text may hold values of the document
            failure = Failure(
                None, unexpected(error), "Report this; nothing of the document is in the message"
            )
            self._postpone(delivery, PostponedError(failure))
        else:
            self._breaker.succeeded()
            self._failures.pop(delivery.id, None)
            self._store.delivered(delivery, made.sent, made.status, made.note)
            logger.info("%s: delivery %d done: %s", self.name, delivery.id, made.note)

    def _postpone(self, delivery: Delivery, error: PostponedError) -> None:
        """Have it tried again, unless it has failed too often for reasons of its own."""
        failure = error.failure
        with self._lock:
            failures = self._failures.get(delivery.id, 0) + (not error.whole)
            self._failures[delivery.id] = failures
        if failures >= self._backoff.tries:
            tries = f"{failure.reason} ({failures} tries)"
            self._bury(delivery, failure._replace(reason=tries))
            return
        if error.whole or failure.status is None or failure.status >= _SERVER_ERROR:
            self._breaker.failed(failure, error.after_s, at_once=error.whole)
        else:  # a race, or a patient who is not there yet: the destination works
            self._breaker.succeeded()
        count = max(failures, delivery.attempts if error.whole else failures, 1)
        self._store.postpone(delivery, self._backoff.wait_s(count, error.after_s), failure)
        logger.warning("%s: delivery %d waits: %s", self.name, delivery.id, failure.reason)

    def _bury(self, delivery: Delivery, failure: Failure) -> None:
        """Make it a dead letter. The destination responded, so nothing is wrong with that."""
        if failure.status is not None:
            self._breaker.succeeded()
        self._failures.pop(delivery.id, None)
        self._store.dead(delivery, failure)
        logger.error("%s: delivery %d is dead: %s", self.name, delivery.id, failure.reason)

    def _show(self) -> None:
        """Note the state of the breaker where the status page reads it, when it has changed."""
        with self._showing:  # so that the last state is the last that is noted
            state = self._breaker.state
            if state != self._shown:
                self._store.set_cursor(f"breaker {self._destination}", {"state": state})
                self._shown = state
