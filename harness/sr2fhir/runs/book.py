"""The seam between a run and the record that it keeps, so as to go on after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    from sr2fhir.runs.inputs import Input
    from sr2fhir.runs.results import Done, FileResult


class Book(Protocol):
    """Record a run. On leaving it the run is finished, or after an error kept to be gone on with."""

    def __enter__(self) -> Book: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def earlier(self, item: Input) -> FileResult | None:
        """Answer what an interrupted run made of an input; None if it is to be done (again)."""
        ...

    def enter(self, done: Done) -> None:
        """Record what was made of an input."""
        ...


class NoBook:
    """Keep no record."""

    def __enter__(self) -> Book:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def earlier(self, item: Input) -> FileResult | None:
        """Know of no earlier run."""
        return None

    def enter(self, done: Done) -> None:
        """Let it pass."""
