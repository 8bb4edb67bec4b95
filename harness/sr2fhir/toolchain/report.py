"""Show progress: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from typing import IO, Any, Protocol, Self


class Report(Protocol):
    """Be told how the set-up goes on."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, *error: object) -> None:
        """Cease to show."""
        ...

    def begin(self, title: str) -> None:
        """Begin a step."""
        ...

    def advance(self, done: int, total: int) -> None:
        """Tell how much of the step is done."""
        ...

    def note(self, text: str) -> None:
        """Show a line that is to stay."""
        ...

    def end(self) -> None:
        """End the step."""
        ...

    def fail(self) -> None:
        """End the step: it failed."""
        ...


class PlainReport:
    """Write one line for each step.

    Parameters
    ----------
    count
        How many steps there will be.
    stream
        Where to write.
    """

    def __init__(self, count: int, stream: IO[str]) -> None:
        self._count = count
        self._stream = stream
        self._number = 0
        self._title = ""
        self._since = 0.0

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    def __exit__(self, *error: object) -> None:
        """Cease to show."""

    def begin(self, title: str) -> None:
        """Begin a step."""
        self._number, self._title, self._since = self._number + 1, title, time.monotonic()
        self._line("...")

    def advance(self, done: int, total: int) -> None:
        """Ignore progress within a step: lines cannot be taken back."""

    def note(self, text: str) -> None:
        """Write an indented line."""
        print(f"  {text}", file=self._stream, flush=True)

    def end(self) -> None:
        """Say that the step is done."""
        self._line(f"done in {time.monotonic() - self._since:.1f} s")

    def fail(self) -> None:
        """Say that the step failed."""
        self._line("failed")

    def _line(self, state: str) -> None:
        """Write number, title and state."""
        print(f"set-up {self._number}/{self._count}: {self._title} {state}", file=self._stream, flush=True)


class BarReport:
    """Draw a bar for the running step and one line for each that is done.

    Parameters
    ----------
    count
        How many steps there will be.
    """

    def __init__(self, count: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._count = count
        self._number = 0
        self._task: Any = None

    def __enter__(self) -> Self:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Cease to show."""
        self._progress.stop()

    def begin(self, title: str) -> None:
        """Begin a step."""
        self._number += 1
        self._task = self._progress.add_task(f"set-up {self._number}/{self._count}: {title}", total=None)

    def advance(self, done: int, total: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=total)

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self._progress.console.print(f"  {text}", markup=False, highlight=False)

    def end(self) -> None:
        """Fill the bar."""
        self._progress.update(self._task, completed=1, total=1)

    def fail(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop_task(self._task)


def make_report(count: int, stream: IO[str] | None = None) -> Report:
    """Choose how to show progress.

    Parameters
    ----------
    count
        How many steps there will be.
    stream
        Where to write lines; by default standard error, with a bar where that is a terminal.
    """
    if stream is None and sys.stderr.isatty() and find_spec("rich"):
        return BarReport(count)
    return PlainReport(count, stream or sys.stderr)
