"""Many inputs in one run: worked on by several workers, reported in their order, summed up at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from sr2fhir.runs.results import FileResult, Summary

if TYPE_CHECKING:
    from sr2fhir.runs.book import Book
    from sr2fhir.runs.inputs import Input
    from sr2fhir.runs.results import Done

__all__ = ["FileResult", "Summary", "run"]


def run(
    items: Iterable[Input], work: Callable[[Iterable[Input]], Iterator[Done]], book: Book, summary: Summary
) -> Iterator[FileResult]:
    """Transform inputs, record what becomes of them, and yield it in the order of the inputs.

    An input that fails is a result too. Only what concerns the whole run is raised.

    Parameters
    ----------
    work
        Does it and keeps the order: `map` of a `Work`, or `Workers`.
    book
        Tells what an interrupted run has done; such inputs are added to the summary and not yielded.

    Raises
    ------
    EngineUnavailableError, SetupError
        There is no engine to work with.
    """
    for done in work(left(items, book, summary)):
        book.enter(done)
        yield done.result


def left(items: Iterable[Input], book: Book, summary: Summary) -> Iterator[Input]:
    """Leave out the inputs that an interrupted run has done."""
    for item in items:
        result = book.earlier(item)
        if result is None:
            yield item
        else:
            summary.resume(result)
