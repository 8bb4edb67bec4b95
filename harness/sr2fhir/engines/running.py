"""What runs in the background, as written down: ``running/<engine>.json`` in the folder of the set-up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sr2fhir.files import FileLock, replace_file
from sr2fhir.paths import Layout


@dataclass(frozen=True)
class Running:
    """Name a server that runs in the background.

    Parameters
    ----------
    engine
        Its name, as for `--engine`.
    url
        Where it is.
    version
        What it is, with version, for people.
    process
        For people: the process, or the container.
    content
        Key of the maps and definitions that it has loaded; empty where that is not known.
    token
        What whoever connects has to send.
    pid, container
        By which it is ended.
    """

    engine: str
    url: str
    version: str
    content: str = ""
    token: str = ""
    pid: int | None = None
    container: str | None = None

    def __str__(self) -> str:
        """Say in one line what runs where."""
        which = f"process {self.pid}" if self.pid else f"container {(self.container or '')[:12]}"
        return f"{self.engine} at {self.url} ({self.version}; {which})"


@dataclass(frozen=True)
class State:
    """Tell how a server is.

    Parameters
    ----------
    running
        What was written down when it was started.
    responds
        Whether it responds.
    is_current
        Whether it has loaded what set-up has made; a container's server is asked elsewhere.
    """

    running: Running
    responds: bool
    is_current: bool = True


def path_of(engine: str, places: Layout, ending: str = "json") -> Path:
    """Return a file of one engine's server: `json` the record, `log`."""
    return places.home / "running" / f"{engine}.{ending}"


def read(engine: str, places: Layout) -> Running | None:
    """Read a record; None where there is none, or it is damaged."""
    try:
        content = json.loads(path_of(engine, places).read_bytes())
        return Running(**{field.name: content[field.name] for field in fields(Running)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(running: Running, places: Layout) -> None:
    """Write a record; only its owner may read it."""
    replace_file(path_of(running.engine, places), json.dumps(asdict(running), indent=1).encode(), mode=0o600)


def remove(running: Running, places: Layout) -> None:
    """Remove a record, unless it has become another server's."""
    if read(running.engine, places) == running:
        path_of(running.engine, places).unlink(missing_ok=True)


def start_lock(engine: str, places: Layout, limit_s: float) -> FileLock:
    """Make the lock that one start at a time holds."""
    return FileLock(path_of(engine, places, "lock"), limit_s)
