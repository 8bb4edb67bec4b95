"""Engines that run as servers in the background: start one, see how it is, stop it.

Each kind of server is a line of `KINDS`: a process of ours (`process`) or a container (`docker`). What runs
is written down in a file of its own, one for each engine (`record`), by which later commands find it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from sr2fhir.engines.background import record
from sr2fhir.engines.background.record import Running
from sr2fhir.errors import EngineUnavailableError
from sr2fhir.paths import Layout, layout

__all__ = ["Running", "State", "find", "start", "start_container", "status", "stop"]

VALIDATOR, HAPI = "validator", "hapi"
START_LIMIT_S = 180.0

# Kind of server -> module with `is_alive(running, places)`, `answers(running)` and `stop(running, places)`;
# imported when such a server is met.
KINDS: dict[str, str] = {
    "process": "sr2fhir.engines.background.process",
    "container": "sr2fhir.engines.background.docker",
}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """Tell how a server is.

    Parameters
    ----------
    running
        What was written down when it was started.
    answers
        Whether it answers.
    current
        Whether it has loaded what set-up has made; a container's server is asked elsewhere.
    """

    running: Running
    answers: bool
    current: bool


def find(engine: str = VALIDATOR, places: Layout | None = None) -> Running | None:
    """Find the server of an engine that was started here and is still alive.

    A record that its server has outlived is removed.
    """
    places = places or layout()
    found = record.read(engine, places)
    if found is not None and not _kind(found).is_alive(found, places):
        record.remove(found, places)
        return None
    return found


def start(
    port: int | None = None, limit_s: float = START_LIMIT_S, places: Layout | None = None
) -> tuple[Running, bool]:
    """Start the validator's HTTP service in the background, unless one with the current set-up runs.

    Parameters
    ----------
    port
        Port on 127.0.0.1; by default a free one.
    limit_s
        Seconds that it may take to be ready.

    Returns
    -------
    Running, bool
        The service, and whether it was started by this call.

    Raises
    ------
    EngineUnavailableError
        It does not start, or is not ready in time; nothing is left behind.
    """
    from sr2fhir.engines.background import process

    return process.start(VALIDATOR, port, limit_s, places or layout())


def start_container(
    image: str,
    port: int | None = None,
    limit_s: float = START_LIMIT_S,
    places: Layout | None = None,
    *,
    host_network: bool = False,
) -> tuple[Running, bool]:
    """Start a FHIR server out of an image, unless one runs already; see `start`.

    Parameters
    ----------
    host_network
        Let the container share the machine's network, where Docker has no bridge.
    """
    from sr2fhir.engines.background.lock import Lock

    places = places or layout()
    alone = Lock(record.path_of(HAPI, places, "start.lock"))
    if not alone.hold(limit_s):
        raise EngineUnavailableError("another start of a container is still under way", hint=_STATUS_HINT)
    try:
        found = find(HAPI, places)
        return (found, False) if found else (_contained(image, port, limit_s, places, host_network), True)
    finally:
        alone.release()


_STATUS_HINT = "Look at `sr2fhir engine status`"


def _contained(image: str, port: int | None, limit_s: float, places: Layout, host_network: bool) -> Running:
    """Start a container and write it down; one that cannot be written down is removed."""
    container = import_module(KINDS["container"])
    running: Running = container.start_container(image, port, limit_s, places, host_network=host_network)
    try:
        record.write(running, places)
    except BaseException:
        container.stop(running, places)
        raise
    return running


def status(places: Layout | None = None) -> list[State]:
    """Tell of every server that was started here and is alive how it is."""
    places = places or layout()
    alive = (find(engine, places) for engine in record.engines(places))
    return [_state(running, places) for running in alive if running is not None]


def stop(engine: str, places: Layout | None = None) -> Running | None:
    """Stop the server of an engine and answer what it was; None where none runs.

    Raises
    ------
    EngineUnavailableError
        It cannot be stopped.
    """
    places = places or layout()
    found = find(engine, places)
    if found is not None:
        _kind(found).stop(found, places)
        record.remove(found, places)
    return found


def _state(running: Running, places: Layout) -> State:
    """Ask a server how it is."""
    current = running.content in ("", record.content_key(places))
    return State(running, bool(_kind(running).answers(running)), current)


def _kind(running: Running) -> ModuleType:
    """Load the module for a kind of server."""
    return import_module(KINDS[running.kind])
