"""What stands in for real work in tests of a run; in a module of its own, so that worker processes find it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sr2fhir.engines import Engine, ValidationMessage
from sr2fhir.errors import TransformError


class ToyEngine:
    """Reverses documents; refuses one."""

    def transform(self, document: bytes, map_url: str = "") -> bytes:
        if document == b"refused":
            raise TransformError("the map failed", rule="r1")
        return document[::-1] + map_url.encode()

    def validate(self, bundle: bytes, profiles: Sequence[str] = ()) -> list[ValidationMessage]:
        return []

    def to_xml(self, resource: bytes) -> bytes:
        return b"<x/>"

    def label(self) -> str:
        return "engine toy"

    def version(self) -> str:
        return "toy 1"

    def close(self) -> None:
        pass


def squares(_: Engine) -> Callable[[int], int]:
    """Square numbers, the even ones slowly."""

    def work(number: int) -> int:
        time.sleep(0.02 * (number % 2 == 0))
        return number * number

    return work


def first_waits(_: Engine) -> Callable[[int], int]:
    """Take long for the first item."""

    def work(number: int) -> int:
        time.sleep(1 if number == 0 else 0)
        return number

    return work


def process_ids(_: Engine) -> Callable[[int], int]:
    """Return in which process each item is worked on."""

    def work(_: int) -> int:
        time.sleep(0.05)
        return os.getpid()

    return work


def refusing(_: Engine) -> Callable[[int], int]:
    """Fail on the third item."""

    def work(number: int) -> int:
        if number == 2:
            raise LookupError("two")
        return number

    return work


def asking(engine: Engine) -> Callable[[bytes], bytes]:
    """Let the engine work."""

    def work(document: bytes) -> bytes:
        try:
            return engine.transform(document, "!")
        except TransformError as error:
            return f"{error.message} at {error.rule}".encode()

    return work


@dataclass(frozen=True)
class Deadly:
    """Be killed by some items, each for the first so many times; the folder remembers."""

    folder: Path
    times: dict[int, int]

    def __call__(self, _: Engine) -> Callable[[int], int]:
        return self.work

    def work(self, number: int) -> int:
        if len(list(self.folder.glob(f"{number}-*"))) < self.times.get(number, 0):
            (self.folder / f"{number}-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number


def unmakeable(_: Engine) -> Callable[[int], int]:
    """Be refused what the work needs."""
    raise LookupError("nothing")


def stillborn(_: Engine) -> Callable[[int], int]:
    """Die before the work begins."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def endless(_: Engine) -> Callable[[int], int]:
    """Say in which process the work begins, and never end it."""

    def work(number: int) -> int:
        Path(f"{number}.started").write_text(str(os.getpid()))
        time.sleep(3600)
        return number

    return work
