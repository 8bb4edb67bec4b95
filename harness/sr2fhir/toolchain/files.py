"""Make files and folders whole or not at all: beside their place first, then renamed into it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """Hash a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write(path: Path, content: bytes) -> None:
    """Write a file; a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Fill a new folder that takes the place of an old one when all went well.

    Yields
    ------
    Path
        An empty folder beside the final place.
    """
    partial = path.with_name(path.name + ".partial")
    remove(partial)
    partial.mkdir(parents=True)
    yield partial
    remove(path)
    partial.replace(path)


def remove(path: Path) -> None:
    """Remove a folder with all its content, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
