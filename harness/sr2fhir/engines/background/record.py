"""What runs in the background, as written down: ``running/<engine>.json`` in the folder of the set-up.

Beside it lie the server's log and a lock that its process holds as long as it lives. The lock tells a living
server from one that died, whatever has become of its process id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sr2fhir.paths import Layout

FOLDER = "running"


@dataclass(frozen=True)
class Running:
    """Name a server that runs in the background.

    Parameters
    ----------
    engine
        Its name, as for `--engine`.
    kind
        `process` or `container`.
    url
        Base URL.
    version
        What it is, with version, for people.
    pid
        The process; None for a container.
    container
        Id of the container; None for a process.
    log
        File of its log; None where it is read otherwise.
    content
        Key of the maps and definitions that it has loaded (`content_key`); empty where that is not known.
    """

    engine: str
    kind: str
    url: str
    version: str
    pid: int | None = None
    container: str | None = None
    log: str | None = None
    content: str = ""


def folder(places: Layout) -> Path:
    """Answer the folder of the records; it is not made."""
    return places.home / FOLDER


def path_of(engine: str, places: Layout, ending: str = "json") -> Path:
    """Answer a file of one engine's server: `json` the record, `log`, `lock`."""
    return folder(places) / f"{engine}.{ending}"


def engines(places: Layout) -> Iterator[str]:
    """Name the engines that have a record."""
    return (path.stem for path in sorted(folder(places).glob("*.json")))


def read(engine: str, places: Layout) -> Running | None:
    """Read a record; None where there is none, or it is damaged."""
    try:
        content = json.loads(path_of(engine, places).read_bytes())
        return Running(**{field.name: content[field.name] for field in fields(Running)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(running: Running, places: Layout) -> None:
    """Write a record beside its place and move it there; only its owner may read it."""
    path = path_of(running.engine, places)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(asdict(running), stream, indent=1)
    part.replace(path)


def remove(running: Running, places: Layout) -> None:
    """Remove a record, unless it has become another server's."""
    if read(running.engine, places) == running:
        path_of(running.engine, places).unlink(missing_ok=True)


def content_key(places: Layout) -> str:
    """Compute a key of the maps and definitions that set-up has made: same content, same key.

    It is computed at every start of the validator engine, so it has to be quick: a checksum is enough, since
    it guards against forgetting and not against forgery.
    """
    import zlib

    key, number = 0, 0
    for path in (*sorted(places.compiled_maps.glob("*.json")), *sorted(places.definitions.glob("*.json"))):
        key = zlib.crc32(path.read_bytes(), zlib.crc32(path.name.encode(), key))
        number += 1
    return f"{number}-{key:08x}"
