"""What people see of a run: a line for each input, and at the end a summary that says what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sr2fhir.cli.terminal import Bar, Terminal, printable
from sr2fhir.outcome import describe
from sr2fhir.wording import listed, plural

if TYPE_CHECKING:
    from sr2fhir.batch import FileResult, Summary


def show(
    results: Iterable[FileResult],
    summary: Summary,
    terminal: Terminal,
    count: Callable[[], int],
    *,
    quiet: bool,
) -> None:
    """Add up results and print a line for each as it comes; if quiet, for failures only."""
    with terminal.bar(count, enabled=not quiet) as bar:
        for result in results:
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


def summary_lines(summary: Summary, place: Path | None, *, validated: bool) -> Iterator[str]:
    """Sum up a run and say what to do next.

    Parameters
    ----------
    place
        Where the results are; None for standard output.
    validated
        Whether the Bundles were checked in this run.
    """
    done = summary.files - summary.failed
    counts = ((summary.resources, "resource"), (summary.errors, "error"), (summary.warnings, "warning"))
    state = f"{done:,} transformed, {summary.failed:,} failed"
    checked = f", {validity(summary.invalid)}" if validated else ""
    yield (
        f"{plural(summary.files, 'input')}: {state}; " + ", ".join(plural(*each) for each in counts) + checked
    )
    if place is not None:
        yield from advice(summary, done, printable(str(place)), validated)


def advice(summary: Summary, done: int, place: str, validated: bool) -> Iterator[str]:
    """Say where things are and what to do next."""
    if summary.skipped:
        yield f"{plural(summary.skipped, 'file')} passed over; --log-level info says which and why"
    if done and summary.unmapped:
        lost = plural(
            summary.unmapped, "content item or header attribute", "content items or header attributes"
        )
        yield f"{lost} reached no element; the report beside each Bundle says which and why"
    if summary.failed:
        yield f"What failed, where and how to mend it also stands in the outcome files of {place}"
    if done and not validated:
        yield f"Next: check the Bundles with `sr2fhir validate {place}`"
    if summary.invalid:
        yield f"What the validator found stands in the outcome files; `sr2fhir validate {place}` prints it"
