"""A worker process: claim an object, transform it, record what it became; again and again.

It has a Java of its own. It reads its standard input, which the gateway holds open: a byte wakes it, `STOP`
lets it end after what it is at, and the end of the input ends it at once, since then the gateway has gone.
What it was at is claimed by another.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

from sr2fhir.errors import EngineUnavailableError, SetupError
from sr2fhir.gateway.store import AlertMade, BusyError, Job, Made, Store
from sr2fhir.packaging import Packaging
from sr2fhir.pipeline import Settings as PipelineSettings, transform
from sr2fhir.runs import without_frames
from sr2fhir.runs.work import counted, log_stack
from sr2fhir.settings import TARGETS
from sr2fhir.threads import in_background

if TYPE_CHECKING:
    from sr2fhir.engines import Engine
    from sr2fhir.pipeline import Result

logger = logging.getLogger(__name__)

WAKE, STOP = b"w", b"s"
# Seconds between looks at the queue, where nobody wakes us: another node may have accepted something.
POLL_S = 0.5
# Seconds until the store is tried again after it could not be used.
PAUSE_S = 1.0
COUNTS = ("resources", "unmapped", "errors", "warnings")


class Worker:
    """Transform what the store has.

    Parameters
    ----------
    settings
        What becomes of documents; version of FHIR and packaging are chosen here.
    versions
        Names of the versions of FHIR that are wanted; report and outcome are those of the first.
    """

    def __init__(
        self, store: Store, engine: Engine, settings: PipelineSettings, versions: tuple[str, ...]
    ) -> None:
        self._store, self._engine = store, engine
        self._settings = {
            name: replace(settings, target=TARGETS[name], packaging=Packaging(), format="json")
            for name in versions
        }
        self._woken, self._stopped = Event(), Event()

    def wake(self) -> None:
        """Look at the queue now."""
        self._woken.set()

    def stop(self) -> None:
        """End after what is under way."""
        self._stopped.set()
        self._woken.set()

    def run(self) -> None:
        """Work until it is stopped.

        Raises
        ------
        EngineUnavailableError, SetupError
            There is nothing to transform with. What was claimed is given back.
        """
        while not self._stopped.is_set():
            try:
                job = self._store.claim_object()
                if job is not None:
                    self._work(job)
                    continue
            except BusyError as error:
                logger.warning("the store cannot be used now: %s", error)
                self._stopped.wait(PAUSE_S)
            self._woken.wait(POLL_S)
            self._woken.clear()

    def _work(self, job: Job) -> None:
        """Transform one object."""
        told = {"object_id": job.object_id}
        try:
            made = self._made(job)
        except (EngineUnavailableError, SetupError):
            self._store.give_back(job)
            raise
        except MemoryError:  # as if the system had ended us: another begins with empty memory
            logger.exception("object %d: memory has run out", job.object_id, extra=told)
            os._exit(1)
        except Exception as error:
            log_stack(f"object {job.object_id}", error)
            known = without_frames(error)
            self._store.failed(job, known)
            logger.warning("object %d cannot be transformed: %s", job.object_id, known.message, extra=told)
            return
        try:
            self._store.transformed(job, made)
        except BusyError:
            self._store.give_back(job)
            raise
        logger.info("object %d is transformed", job.object_id, extra=told)

    def _made(self, job: Job) -> Made:
        """Return what an object becomes, in each version of FHIR."""
        results = {
            name: transform(job.file, self._engine, settings, job.sop_instance_uid)
            for name, settings in self._settings.items()
        }
        (first, *others) = self._settings
        sums = counted(results[first], None)
        return Made(
            {name: result.json for name, result in results.items()},
            results[first].report_json,
            results[first].outcome_json,
            {name: getattr(sums, name) for name in COUNTS},
            alerts_of(results[first]),
            {name: (results[name].report_json, results[name].outcome_json) for name in others},
        )


def alerts_of(result: Result) -> tuple[AlertMade, ...]:
    """Return what the rules decided of a document."""
    return tuple(
        AlertMade(each.rule, each.mode, each.flag, each.observations, each.category)
        for each in result.alerts or ()
    )


def listen(worker: Worker) -> None:
    """Do what comes through standard input, in the background; interruptions are for the gateway."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def hear() -> None:
        while said := os.read(sys.stdin.fileno(), 4096):
            if STOP in said:
                worker.stop()
            worker.wake()
        os._exit(1)

    in_background(hear, "sr2fhir-worker")
