"""Whether the process lives, and whether it takes reports: for whoever restarts it or sends to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sr2fhir.gateway.store import BusyError

if TYPE_CHECKING:
    from sr2fhir.gateway.store import Store
    from sr2fhir.gateway.web.pages import Alarms, Workers

#: parts that nothing replaces; a destination or an archive that is down keeps no report of others out
NEEDED = ("dimse", "web")


class Health:
    """Serve the two questions; the response names no host and no cause, which the status page does.

    Parameters
    ----------
    store, alarms, workers
        Of the gateway.
    """

    def __init__(self, store: Store, alarms: Alarms, workers: Workers) -> None:
        self._store = store
        self._alarms = alarms
        self._workers = workers

    async def live(self, _: Request) -> Response:
        """Say that the process serves requests."""
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Say whether reports are taken: 200, or 503 with what is in the way."""
        wrong = await run_in_threadpool(lambda: sorted(set(self._wrong())))
        if wrong:
            return JSONResponse({"status": "not ready", "wrong": wrong}, 503)
        return JSONResponse({"status": "ready"})

    def _wrong(self) -> Iterator[str]:
        try:
            self._store.check()
        except BusyError as error:
            yield error.cause
        if not self._workers():
            yield "workers"
        for alarm in self._alarms():
            what = alarm.where.partition(" ")[0]
            if alarm.severity == "error" and what in NEEDED:
                yield what
