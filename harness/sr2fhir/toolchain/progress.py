"""Show how the set-up goes on: one line for each step, rewritten on a terminal while it runs."""

from __future__ import annotations

import sys
import time
from typing import IO

_LINE_START = "\r\x1b[K"


class Progress:
    """Write what is being done.

    Parameters
    ----------
    count
        How many steps there will be.
    stream
        Where to write; by default standard error.
    """

    def __init__(self, count: int, stream: IO[str] | None = None) -> None:
        self._count = count
        self._stream = stream or sys.stderr
        self._rewrites = self._stream.isatty()
        self._number = 0
        self._title = ""
        self._since = 0.0

    def begin(self, title: str) -> None:
        """Begin a step."""
        self._number, self._title, self._since = self._number + 1, title, time.monotonic()
        self._show("...", is_final=False)

    def advance(self, done: int, total: int) -> None:
        """Tell how much of the step is done; lines cannot be taken back where there is no terminal."""
        if self._rewrites:
            self._show(f"... {done} of {total}", is_final=False)

    def note(self, text: str) -> None:
        """Write an indented line that stays."""
        self._write(f"  {text}\n")

    def end(self) -> None:
        """Say that the step is done."""
        self._show(f"done in {time.monotonic() - self._since:.1f} s", is_final=True)

    def fail(self) -> None:
        """Say that the step failed."""
        self._show("failed", is_final=True)

    def _show(self, state: str, *, is_final: bool) -> None:
        """Write number, title and state."""
        end = "\n" if is_final or not self._rewrites else ""
        self._write(f"set-up {self._number}/{self._count}: {self._title} {state}{end}")

    def _write(self, text: str) -> None:
        print(f"{_LINE_START if self._rewrites else ''}{text}", end="", file=self._stream, flush=True)
