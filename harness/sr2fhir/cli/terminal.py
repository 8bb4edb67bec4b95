"""What people see: one line for each file, a progress bar where there is a terminal, and what to do next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol, TextIO

UNICODE = {"ok": "✔", "failed": "✘", "to": "→"}
ASCII = {"ok": "ok", "failed": "FAILED", "to": "->"}
COLOURS = {"ok": "\x1b[32m", "failed": "\x1b[31m"}
RESET = "\x1b[0m"


class Bar(Protocol):
    """Show how far a run has come."""

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        ...

    def advance(self) -> None:
        """Count one file."""
        ...

    def skip_to(self, number: int) -> None:
        """Count so many files that were done before."""
        ...


@dataclass(frozen=True)
class Terminal:
    """A stream for people, in what it can show."""

    stream: TextIO

    @property
    def is_live(self) -> bool:
        """Whether somebody is looking on."""
        return self.stream.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def signs(self) -> dict[str, str]:
        """The signs that the stream's encoding has."""
        try:
            "".join(UNICODE.values()).encode(self.stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return ASCII
        return UNICODE

    def sign(self, name: str) -> str:
        """Give a sign, in colour where that is wanted."""
        text = self.signs[name]
        coloured = self.is_live and name in COLOURS and not os.environ.get("NO_COLOR")
        return f"{COLOURS[name]}{text}{RESET}" if coloured else text

    def line(self, text: str) -> None:
        """Print one line; what the encoding lacks becomes a question mark."""
        encoding = self.stream.encoding or "ascii"
        print(text.encode(encoding, "replace").decode(encoding), file=self.stream, flush=True)

    def advance(self) -> None:
        """Count nothing: there is no bar."""

    def skip_to(self, number: int) -> None:
        """Count nothing: there is no bar."""

    @contextmanager
    def bar(self, count: Callable[[], int | None], *, enabled: bool = True) -> Iterator[Bar]:
        """Show a progress bar, if it is wanted and somebody is looking on.

        Parameters
        ----------
        count
            Counts what there is to do, or answers None where nobody can; called in a thread of its own, so
            that work need not wait for it.
        """
        if not (enabled and self.is_live):
            yield self
            return
        with live_bar(self, count) as bar:
            yield bar


@contextmanager
def live_bar(terminal: Terminal, count: Callable[[], int | None]) -> Iterator[Bar]:
    """Show a progress bar with the rate, and the remaining time once it is known how much there is to do."""
    from threading import Thread

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("transforming"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(file=terminal.stream), transient=True) as progress:
        task = progress.add_task("", total=None, rate="")
        Thread(target=lambda: progress.update(task, total=count()), daemon=True).start()

        class Live:
            begin = perf_counter()
            done = earlier = 0

            def line(self, text: str) -> None:
                progress.console.print(Text.from_ansi(text), soft_wrap=True)

            def advance(self) -> None:
                self.done += 1
                rate = f"{self.done / (perf_counter() - self.begin):.1f}/s"
                progress.update(task, advance=1, rate=rate)

            def skip_to(self, number: int) -> None:
                if number > self.earlier:
                    progress.update(task, advance=number - self.earlier)
                    self.earlier = number

        yield Live()


def printable(text: str) -> str:
    """Make control characters of a file name visible, so that it stays on its line."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
