"""A lock on a file that dies with the process that holds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic, sleep

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _take(descriptor: int, *, shared: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int, *, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


_PAUSE_S = 0.02


class Lock:
    """Hold a file's lock from `hold` to `release` or to the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def hold(self, limit_s: float) -> bool:
        """Take the lock, waiting for it; tell whether it was to be had."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = monotonic() + limit_s
        while not _taken(descriptor, shared=False):
            if monotonic() > deadline:
                os.close(descriptor)
                return False
            sleep(_PAUSE_S)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go of the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_held(path: Path) -> bool:
    """Tell whether some process holds a lock, without taking it for longer than an instant."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _taken(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, *, shared: bool) -> bool:
    """Try to take a lock."""
    try:
        _take(descriptor, shared=shared)
    except OSError:
        return False
    return True
