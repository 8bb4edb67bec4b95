"""The process tree: the gateway with its parts and threads, and the workers below it.

The parts start in the order of `settings.PARTS`, intakes last. They stop the other way round: first nothing
new is taken, then the workers end what they are at, then the destinations. Whatever does not end in time is
left as it is: its lease is taken away at the next start, and it is done again.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock
from typing import Any
from uuid import uuid4

from sr2fhir.errors import Sr2FhirError, UsageError
from sr2fhir.files import FileLock
from sr2fhir.gateway.parts import Alarm, Check, Part
from sr2fhir.gateway.settings import PartSettings, Settings, load
from sr2fhir.gateway.store import Store
from sr2fhir.gateway.store.records import DEAD, SETTLED
from sr2fhir.gateway.worker import STOP, WAKE
from sr2fhir.outcome import plural
from sr2fhir.threads import in_background

logger = logging.getLogger(__name__)

LOCK_FILE = "gateway.lock"
TICK_S = 0.5
PURGE_S = 3600.0
DAY_S = 86400.0
# A worker that lived so long was well; until then the next start waits longer each time.
WELL_S, LONGEST_PAUSE_S = 60.0, 30.0
ALARMING = 3
EXIT_NO_ENGINE = 3
GATEWAY = "gateway"


# ---- workers


@dataclass
class Slot:
    """Place of one worker.

    Parameters
    ----------
    failures
        How many ended one after the other that had not lived long.
    due
        When the next is started, by the monotonic clock.
    """

    process: subprocess.Popen[bytes] | None = None
    owner: str = ""
    started: float = 0.0
    failures: int = 0
    due: float = 0.0
    how: str = ""
    since: float | None = None
    lock: Lock = field(default_factory=Lock)

    def say(self, message: bytes) -> None:
        """Write to the worker's standard input; one that has ended does not hear it."""
        process = self.process
        if process and process.stdin:
            with self.lock, suppress(OSError, ValueError):
                os.write(process.stdin.fileno(), message)


class Workers:
    """The worker processes: one that ends is started again.

    Parameters
    ----------
    file
        Of settings.
    number
        How many.
    """

    def __init__(self, file: Path, number: int, store: Store) -> None:
        self._file, self._store = file, store
        self._slots = [Slot() for _ in range(number)]
        self._stopping = Event()

    def start(self) -> None:
        """Start them, and see from now on that they are there."""
        for slot in self._slots:
            self._start(slot)
        in_background(self._watch, "sr2fhir-workers")

    def wake(self) -> None:
        """Have them look at the queue."""
        for slot in self._slots:
            slot.say(WAKE)

    def pids(self) -> list[int]:
        """Return the process ids of those that live."""
        processes = [slot.process for slot in self._slots]
        return [process.pid for process in processes if process and process.poll() is None]

    def stop(self, timeout_s: float) -> None:
        """Have them end what they are at, and end those that do not in time."""
        self._stopping.set()
        deadline = time.monotonic() + timeout_s
        for slot in self._slots:
            slot.say(STOP)
        for slot in self._slots:
            if slot.process is None:
                continue
            try:
                slot.process.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                logger.warning("a worker is ended in the midst of an object, which is done again later")
                slot.process.kill()
                slot.process.wait()

    def alarms(self) -> list[Alarm]:
        """Return what is wrong with workers."""
        return [
            Alarm("error", "worker", f"a worker ended {slot.failures} times: it {slot.how}", slot.since)
            for slot in self._slots
            if slot.failures >= ALARMING
        ]

    def _watch(self) -> None:
        while not self._stopping.wait(TICK_S):
            for slot in self._slots:
                try:
                    self._look(slot)
                except Sr2FhirError as error:  # the database is gone: it is told again later
                    logger.warning("the end of a worker cannot be recorded now: %s", error.message)

    def _look(self, slot: Slot) -> None:
        """Start a worker again that has ended, when its time has come."""
        process = slot.process
        if process is None:
            if time.monotonic() >= slot.due:
                self._start(slot)
        elif process.poll() is None:
            if slot.failures and time.monotonic() - slot.started > WELL_S:
                slot.failures = 0
        else:
            self._store.ended(slot.owner)
            slot.how = how_it_ended(process.returncode)
            lived = time.monotonic() - slot.started
            slot.failures = 1 if lived > WELL_S else slot.failures + 1
            slot.since = time.time()
            pause = min(2.0 ** (slot.failures - 1), LONGEST_PAUSE_S) if slot.failures > 1 else 0.0
            slot.due, slot.process = time.monotonic() + pause, None
            if process.stdin:
                process.stdin.close()
            logger.error("a worker %s; another is started", slot.how)

    def _start(self, slot: Slot) -> None:
        slot.owner, slot.started = uuid4().hex, time.monotonic()
        command = [sys.executable, "-m", "sr2fhir", "gateway", "worker", "--owner", slot.owner]
        slot.process = subprocess.Popen(
            [*command, "--settings", str(self._file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            process_group=0,  # an interruption from the keyboard is for us
        )
        if slot.process.stdin:
            os.set_blocking(
                slot.process.stdin.fileno(), False
            )  # nobody waits for a worker that does not read


def how_it_ended(code: int) -> str:
    """Say how a worker ended, by its exit code."""
    if code == EXIT_NO_ENGINE:
        return "has nothing to transform with (run `sr2fhir setup`, and see the log)"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


# ---- the gateway


class Gateway:
    """All of it, in this process and its workers.

    Parameters
    ----------
    settings
        Of the file.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._parts: list[Part] = []
        self._workers: Workers | None = None
        self._store: Store | None = None
        self._stop = Event()
        self._purged = float("-inf")

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Start everything, and work until it is stopped.

        Parameters
        ----------
        ready
            Called when all parts serve.

        Raises
        ------
        UsageError
            Another gateway runs in the folder.
        Sr2FhirError
            A part cannot start; what was started is stopped.
        """
        with ExitStack() as left:
            store = left.enter_context(opened(self.settings))
            self._store = store
            if given_up := store.retire(GATEWAY):
                logger.warning("%d deliveries are dead: their destinations are not in the settings", given_up)
            self._workers = Workers(self.settings.file, self.settings.gateway.workers, store)
            deadline = _Deadline(self.settings.gateway.stop_s)
            self._workers.start()
            store.on_accepted(self._workers.wake)
            try:
                for each in self.settings.parts:
                    part = self._made(each, store)
                    part.start()
                    self._parts.append(part)
                    logger.info("%s serves", part.name)
                ready()
                while not self._stop.wait(TICK_S):
                    self._purge(store)
            finally:
                self._end(deadline)

    def stop(self) -> None:
        """Have `run` end what is under way and return."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def alarms(self) -> list[Alarm]:
        """Return what is wrong now, in any part."""
        found = self._workers.alarms() if self._workers else []
        if self._store:
            try:
                self._store.check()
            except Sr2FhirError as error:
                found.append(Alarm("error", GATEWAY, f"nothing can be taken: {error.message}"))
            else:
                found += alarms_of_alerts(self._store)
        for part in list(self._parts):
            found += part.alarms()
        return found

    def checks(self, store: Store) -> Iterator[Check]:
        """Try all connections of all parts."""
        for each in self.settings.parts:
            name = each.kind.name
            try:
                part = self._made(each, store)
                yield from part.check()
            except Sr2FhirError as error:
                yield Check(name, False, error.message, error.hint)

    def _made(self, each: PartSettings, store: Store) -> Part:
        """Make a part; each kind takes what it needs beside its settings and the store."""
        more: dict[str, dict[str, Any]] = {
            "destination": {"packaging": replace(self.settings.pipeline.packaging, bundle="transaction")},
            "web": {"alarms": self.alarms, "workers": lambda: self._workers.pids() if self._workers else []},
        }
        part: Part = load(each.kind.part, each.kind)(each.values, store, **more.get(each.kind.name, {}))
        return part

    def _purge(self, store: Store) -> None:
        """Remove from time to time what nobody needs, and what is older than the settings want."""
        if time.monotonic() - self._purged < PURGE_S:
            return
        self._purged = time.monotonic()
        with suppress(Sr2FhirError):
            store.sweep()
        kept = self.settings.retention
        for days, states in ((kept.delivered_days, SETTLED), (kept.dead_days, (DEAD,))):
            if not days:
                continue
            try:
                number = store.purge(before=store.views.now() - days * DAY_S, who=GATEWAY, states=states)
            except Sr2FhirError as error:
                logger.warning("old objects cannot be removed now: %s", error.message)
            else:
                if number:
                    logger.info("%d objects older than %g days are removed", number, days)

    def _end(self, deadline: _Deadline) -> None:
        """Stop intakes, workers and destinations, in this order."""
        deadline.begin()
        parts = list(reversed(self._parts))
        last = [part for part in parts if part.name.startswith(("destination", "webhook"))]
        for part in parts:
            if part not in last:
                _stop(part, deadline)
        if self._workers:
            self._workers.stop(deadline.left())
        for part in last:
            _stop(part, deadline)
        logger.info("the gateway has ended")


def alarms_of_alerts(store: Store) -> list[Alarm]:
    """Return that critical findings did not get where they should: somebody has to be told."""
    try:
        number, since = store.views.dead_alerts()
    except Sr2FhirError:  # the database has gone just now
        return []
    if not number:
        return []
    message = f"{plural(number, 'live alert')} dead: nobody was told. Look at the dead letters"
    return [Alarm("error", "alerts", message, since)]


class _Deadline:
    """Share the time that stopping may take among the parts."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._end = seconds, 0.0

    def begin(self) -> None:
        self._end = time.monotonic() + self._seconds

    def left(self) -> float:
        return max(self._end - time.monotonic(), 0.1)


def _stop(part: Part, deadline: _Deadline) -> None:
    try:
        part.stop(deadline.left())
    except Exception:  # the others have to be stopped too
        logger.exception("%s does not stop", part.name)


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Open the store as the one gateway of its folder, or one of the nodes that share a database.

    Raises
    ------
    UsageError
        Another gateway runs in the folder.
    """
    with ExitStack() as left:
        if settings.gateway.database is None:
            lock = FileLock(settings.gateway.folder / LOCK_FILE, 0)
            if not lock.acquire():
                message = "another gateway runs in this folder"
                hint = "Stop it, or name another folder in [gateway]"
                raise UsageError(message, where=str(settings.gateway.folder), hint=hint)
            left.callback(lock.release)
        store = left.enter_context(settings.store(upgrade=True))
        store.recover()
        yield store


def is_running(settings: Settings) -> bool | None:
    """Tell whether a gateway runs in the folder; None where several may, on other machines."""
    if settings.gateway.database is not None:
        return None
    lock = FileLock(settings.gateway.folder / LOCK_FILE, 0)
    if not lock.acquire():
        return True
    lock.release()
    return False


def stop_on_signals(gateway: Gateway) -> None:
    """Have SIGTERM and SIGINT stop the gateway, and a second one end it at once."""

    def hear(number: int, _frame: object) -> None:
        if gateway.is_stopping:
            os._exit(128 + number)
        logger.info("stopping: what is under way is ended (again to end at once)")
        gateway.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, hear)
