"""Files that are written whole or not at all, and a lock that dies with the process that holds it.

The lock is the system's own (flock, msvcrt). The library `filelock` does much more (asyncio, forks,
several readers), of which nothing is needed here, in forty files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO, Self

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_PAUSE_S = 0.02
# of the files that this process has written
_numbers = count()


def sha256(path: Path) -> str:
    """Return the hash of a file's content, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def replace_file(path: Path, data: bytes, parts: Path | None = None, *, mode: int = 0o666) -> None:
    """Write a file as `replacing` does."""
    with replacing(path, parts, mode=mode) as stream:
        stream.write(data)


@contextmanager
def replacing(path: Path, parts: Path | None = None, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Write a file and rename it into its place: a reader sees the old content or the new, never a part.

    It is renamed on leaving; after an error nothing is.

    Parameters
    ----------
    path
        Where it goes; its folder is made if it is not there.
    parts
        Folder on the same file system for the unfinished file; by default that of the file.
    mode
        Who may read and write it, before the umask.

    Yields
    ------
    BinaryIO
        Where to write the content.
    """
    part = (parts or path.parent) / f".sr2fhir-{os.getpid()}-{next(_numbers)}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as stream:
            yield stream
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Fill a new folder, which replaces the old one when all went well.

    Yields
    ------
    Path
        An empty folder beside the final one.
    """
    part = path.with_name(path.name + ".partial")
    remove_folder(part)
    part.mkdir(parents=True)
    yield part
    remove_folder(path)
    part.replace(path)


def remove_folder(path: Path) -> None:
    """Remove a folder with all its content, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)


class FileLock:
    """Hold the lock of a file while in the `with` block, or from `acquire` to `release`.

    Parameters
    ----------
    path
        The file; it is made, and stays.
    limit_s
        Seconds to wait for whoever holds it; None for any time.

    Raises
    ------
    TimeoutError
        Another process still holds it; `acquire` returns False instead.
    """

    def __init__(self, path: Path, limit_s: float | None = None) -> None:
        self._path = path
        self._limit_s = limit_s
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock."""
        if not self.acquire():
            raise TimeoutError(f"another process holds {self._path}")
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        self.release()

    def acquire(self) -> bool:
        """Take the lock, waiting for it; tell whether it was free in time."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = None if self._limit_s is None else monotonic() + self._limit_s
        while not _taken(descriptor):
            if deadline is not None and monotonic() > deadline:
                os.close(descriptor)
                return False
            sleep(_PAUSE_S)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _taken(descriptor: int) -> bool:
    """Try to take a lock."""
    try:
        _take(descriptor)
    except OSError:
        return False
    return True
