"""What people see: one line for each file, a progress bar where there is a terminal, and what to do next."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TextIO

from sr2fhir.outcome import describe, listed, plural
from sr2fhir.runs import FileResult, Summary
from sr2fhir.settings import R5, TARGETS, Target
from sr2fhir.threads import in_background

if TYPE_CHECKING:
    from rich.progress import Progress

logger = logging.getLogger(__name__)

UNICODE = {"ok": "✔", "failed": "✘", "to": "→"}
ASCII = {"ok": "ok", "failed": "FAILED", "to": "->"}
COLOURS = {"ok": "\x1b[32m", "failed": "\x1b[31m"}
RESET = "\x1b[0m"


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


class Bar:
    """Print lines, and below them how far a run has come where somebody is looking on.

    Parameters
    ----------
    progress
        The bar; None where there is none.
    """

    def __init__(self, terminal: Terminal, progress: Progress | None = None) -> None:
        self._terminal, self._progress = terminal, progress
        self._begin = perf_counter()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        if self._progress is None:
            self._terminal.line(text)
        else:
            from rich.text import Text

            self._progress.console.print(Text.from_ansi(text), soft_wrap=True)

    def update(self, summary: Summary) -> None:
        """Show how many are done, and how many of them a second in this run."""
        if self._progress is not None:
            rate = (summary.files - summary.resumed) / (perf_counter() - self._begin)
            self._progress.update(self._progress.task_ids[0], completed=summary.files, rate=f"{rate:.1f}/s")


@contextmanager
def bar(terminal: Terminal, count: Callable[[], int | None], *, enabled: bool = True) -> Iterator[Bar]:
    """Show a bar with the rate, and the remaining time once it is known how much there is to do.

    Parameters
    ----------
    count
        Counts what there is to do, or returns None where nobody can; called in a thread of its own, so
        that work need not wait for it.
    enabled
        Whether a bar is wanted; there is none where nobody is looking on, nor without rich, an extra.
    """
    if not (enabled and terminal.is_live and find_spec("rich")):
        yield Bar(terminal)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("transforming"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(file=terminal.stream), transient=True) as progress:
        task = progress.add_task("", total=None, rate="")
        in_background(lambda: progress.update(task, total=count()), "sr2fhir-count")
        yield Bar(terminal, progress)


def printable(text: str) -> str:
    """Make control characters of a file name visible, so that it stays on its line."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


# ---- a run


def show(
    results: Iterable[FileResult],
    summary: Summary,
    terminal: Terminal,
    count: Callable[[], int | None],
    *,
    quiet: bool,
) -> None:
    """Add up results and print a line for each as it comes; if quiet, for failures only."""
    with bar(terminal, count, enabled=not quiet) as shown:
        for result in results:
            summary.add(result)
            shown.update(summary)
            if not (quiet and result.ok):
                shown.line(file_line(result, terminal))


def file_line(result: FileResult, terminal: Terminal) -> str:
    """Say in one line what became of an input."""
    sign, name = terminal.sign("ok" if result.ok else "failed"), printable(result.name)
    if result.error is not None:
        return f"{sign} {name}  {printable(describe(result.error, known=result.name))}"
    counts = listed((result.resources, "resource"), (result.errors, "error"), (result.warnings, "warning"))
    state = "" if result.invalid is None else f", {validity(result.invalid)}"
    return f"{sign} {name}  {counts}{state}  {terminal.signs['to']} {printable(str(result.where))}"


def validity(errors: int) -> str:
    """Say what the validator found."""
    return plural(errors, "validation error") if errors else "valid"


def rate_lines(summary: Summary, seconds: float, terminal: Terminal) -> Iterator[str]:
    """Tell how fast a run was, on a terminal only: what is kept in a file is the same for the same inputs."""
    number = summary.files - summary.resumed
    text = f"{plural(number, 'input')} in {duration(seconds)}, {number / seconds:,.1f} a second"
    logger.info("%s", text)
    if terminal.is_live and number > 1:
        yield text


def duration(seconds: float) -> str:
    """Write a time: `8.3 s`, `2 min 5 s`, `1 h 0 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes_of_hour} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


@dataclass(frozen=True)
class Words:
    """Say what a run did, and of what it tells that it was lost.

    Parameters
    ----------
    lost
        One of what reached no element, and several.
    """

    done: str
    lost: tuple[str, str]


TRANSFORMED = Words("transformed", ("content item or header attribute", "content items or header attributes"))
CONVERTED = Words("converted", ("element", "elements"))


def summary_lines(
    summary: Summary,
    place: Path | None,
    *,
    validated: bool,
    ndjson: bool = False,
    xml: bool = False,
    shared: bool = False,
    words: Words = TRANSFORMED,
    target: Target = R5,
) -> Iterator[str]:
    """Sum up a run and say what to do next.

    Parameters
    ----------
    place
        Where the results are; None for standard output.
    validated
        Whether the Bundles were checked in this run.
    ndjson
        Whether inputs share their files.
    xml
        Whether the Bundles are XML, which cannot be validated later.
    shared
        Whether other commands had a part in the run.
    words
        Of what was done.
    target
        The version of FHIR that the Bundles are in.
    """
    counts = ((summary.resources, "resource"), (summary.errors, "error"), (summary.warnings, "warning"))
    when = "before or by other commands" if shared else "before the interruption"
    earlier = f" ({summary.resumed:,} of them {when})" if summary.resumed else ""
    state = f"{summary.done:,} {words.done}, {summary.failed:,} failed"
    checked = f", {validity(summary.invalid)}" if validated else ""
    yield (
        f"{plural(summary.files, 'input')}{earlier}: {state}; "
        + ", ".join(plural(*each) for each in counts)
        + checked
    )
    if place is not None:
        names = NDJSON if ndjson else FILES
        # a kind of document is in a version, which Bundles do not state
        version = next(name for name, each in TARGETS.items() if each.fhir_version == target.fhir_version)
        check = f"sr2fhir validate {printable(str(place))}" + (
            f" --fhir {version}" if version != R5.name else ""
        )
        yield from advice(summary, printable(str(place)), None if validated or xml else check, names, words)


# where reports and outcomes are
FILES = {"reports": "the report beside each Bundle says", "outcomes": "the outcome files of {}"}
NDJSON = {"reports": "reports.jsonl says", "outcomes": "{}/OperationOutcome.ndjson"}


def advice(
    summary: Summary, place: str, check: str | None, names: dict[str, str], words: Words
) -> Iterator[str]:
    """Say where things are and what to do next.

    Parameters
    ----------
    check
        The command that checks the Bundles; None if that was done or cannot be.
    """
    outcomes = names["outcomes"].format(place)
    if summary.skipped:
        yield f"{plural(summary.skipped, 'file')} passed over; --log-level info says which and why"
    if summary.repeated:
        yield f"{plural(summary.repeated, 'resource')} stood in an earlier input too and were written once"
    if summary.differing:
        verb = "repeats" if summary.differing == 1 else "repeat"
        yield f"{plural(summary.differing, 'resource')} {verb} an id with other content: the last line counts"
    if summary.done and summary.unmapped:
        lost = plural(summary.unmapped, *words.lost)
        yield f"{lost} reached no element; {names['reports']} which and why"
    if summary.failed:
        yield f"What failed, where and how to mend it also stands in {outcomes}"
    if summary.done and check and names is FILES:
        yield f"Next: check the Bundles with `{check}`"
    if summary.invalid:
        yield f"What the validator found stands in {outcomes}"
