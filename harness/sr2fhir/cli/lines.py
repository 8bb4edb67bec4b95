"""What people see of a run: a line for each input, and at the end a summary that says what to do next."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from sr2fhir.cli.terminal import Bar, Terminal, printable
from sr2fhir.outcome import describe
from sr2fhir.wording import listed, plural

if TYPE_CHECKING:
    from sr2fhir.runs import FileResult, Summary

logger = logging.getLogger(__name__)


def show(
    results: Iterable[FileResult],
    summary: Summary,
    terminal: Terminal,
    count: Callable[[], int | None],
    *,
    quiet: bool,
) -> None:
    """Add up results and print a line for each as it comes; if quiet, for failures only."""
    with terminal.bar(count, enabled=not quiet) as bar:
        for result in results:
            bar.skip_to(summary.resumed)
            summary.add(result)
            show_one(result, bar, terminal, quiet)


def show_one(result: FileResult, bar: Bar, terminal: Terminal, quiet: bool) -> None:
    """Print the line of one result and move the bar on."""
    bar.advance()
    if not (quiet and result.ok):
        bar.line(file_line(result, terminal))


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


@dataclass
class Stopwatch:
    """Tell how fast a run was."""

    begin: float = field(default_factory=perf_counter)

    def lines(self, summary: Summary, terminal: Terminal) -> Iterator[str]:
        """Say it on a terminal only: what is kept in a file is the same for the same inputs."""
        seconds = perf_counter() - self.begin
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


def summary_lines(
    summary: Summary, place: Path | None, *, validated: bool, ndjson: bool = False, xml: bool = False
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
    """
    counts = ((summary.resources, "resource"), (summary.errors, "error"), (summary.warnings, "warning"))
    earlier = f" ({summary.resumed:,} of them before the interruption)" if summary.resumed else ""
    state = f"{summary.done:,} transformed, {summary.failed:,} failed"
    checked = f", {validity(summary.invalid)}" if validated else ""
    yield (
        f"{plural(summary.files, 'input')}{earlier}: {state}; "
        + ", ".join(plural(*each) for each in counts)
        + checked
    )
    if place is not None:
        yield from advice(summary, printable(str(place)), validated or xml, NDJSON if ndjson else FILES)


# where reports and outcomes are
FILES = {"reports": "the report beside each Bundle says", "outcomes": "the outcome files of {}"}
NDJSON = {"reports": "reports.jsonl says", "outcomes": "{}/OperationOutcome.ndjson"}


def advice(summary: Summary, place: str, validated: bool, names: dict[str, str]) -> Iterator[str]:
    """Say where things are and what to do next."""
    outcomes = names["outcomes"].format(place)
    if summary.skipped:
        yield f"{plural(summary.skipped, 'file')} passed over; --log-level info says which and why"
    if summary.repeated:
        yield f"{plural(summary.repeated, 'resource')} stood in an earlier input too and were written once"
    if summary.differing:
        verb = "repeats" if summary.differing == 1 else "repeat"
        yield f"{plural(summary.differing, 'resource')} {verb} an id with other content: the last line counts"
    if summary.done and summary.unmapped:
        lost = plural(
            summary.unmapped, "content item or header attribute", "content items or header attributes"
        )
        yield f"{lost} reached no element; {names['reports']} which and why"
    if summary.failed:
        yield f"What failed, where and how to mend it also stands in {outcomes}"
    if summary.done and not validated and names is FILES:
        yield f"Next: check the Bundles with `sr2fhir validate {place}`"
    if summary.invalid:
        yield f"What the validator found stands in {outcomes}"
