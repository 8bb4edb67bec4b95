"""The same document through several engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sr2fhir.comparing.differences import Difference, differences
from sr2fhir.comparing.known import reason_for
from sr2fhir.engines import ENGINES, Engine, EngineOptions, create
from sr2fhir.errors import EngineUnavailableError, Sr2FhirError

if TYPE_CHECKING:
    from sr2fhir.model import Rendering


@dataclass(frozen=True)
class Disagreement:
    """One difference between the answers of two engines.

    Parameters
    ----------
    first, second
        The engines' names.
    difference
        Where they differ, with both values.
    reason
        Why that is expected; None where it is not.
    """

    first: str
    second: str
    difference: Difference
    reason: str | None


@dataclass(frozen=True)
class Comparison:
    """What several engines made of one input.

    Parameters
    ----------
    name
        The input.
    engines
        Names of the engines, the one that the others are compared with first.
    disagreements
        All differences.
    error
        Why no engine made a Bundle of it; None where one did.
    """

    name: str
    engines: tuple[str, ...]
    disagreements: tuple[Disagreement, ...]
    error: Sr2FhirError | None = None

    @property
    def unexpected(self) -> tuple[Disagreement, ...]:
        """The differences for which no reason is known."""
        return tuple(each for each in self.disagreements if each.reason is None)


def compare(name: str, rendering: Rendering, engines: Mapping[str, Engine]) -> Comparison:
    """Run one document through all engines and compare what the others made with what the first made.

    Parameters
    ----------
    name
        What to call the input.
    rendering
        The logical model.
    engines
        At least two, by name.

    Raises
    ------
    EngineUnavailableError
        An engine has gone.
    """
    answers = {label: answer(engine, rendering) for label, engine in engines.items()}
    first, *others = answers
    found = (each for other in others for each in disagreements(first, other, answers))
    errors = [made for made in answers.values() if isinstance(made, Sr2FhirError)]
    failed = errors[0] if len(errors) == len(answers) else None
    return Comparison(name, tuple(answers), tuple(found), failed)


def answer(engine: Engine, rendering: Rendering) -> Any:
    """Answer the finished Bundle that an engine makes, its numbers as text, or its error."""
    from sr2fhir.accounting import finish

    try:
        made = engine.transform(rendering.to_json(), rendering.document_type.entry_map)
        return finish(made, rendering).bundle
    except EngineUnavailableError:
        raise
    except Sr2FhirError as error:
        return error


def disagreements(first: str, second: str, answers: Mapping[str, Any]) -> Iterator[Disagreement]:
    """Compare the answers of two engines."""
    for each in _differences(answers[first], answers[second]):
        yield Disagreement(first, second, each, reason_for(first, second, each))


def _differences(first: Any, second: Any) -> Iterator[Difference]:
    """Compare two answers, of which either may be an error; two errors are no difference."""
    failed = [isinstance(made, Sr2FhirError) for made in (first, second)]
    if not any(failed):
        yield from differences(first, second)
    elif not all(failed):
        yield Difference("Bundle", "failure", *(_summary(made) for made in (first, second)))


def _summary(made: Any) -> str:
    """Say what an engine did, without the Bundle."""
    return str(made) if isinstance(made, Sr2FhirError) else f"a Bundle of {len(made['entry'])} entries"


def reach(name: str, options: EngineOptions) -> Engine | EngineUnavailableError:
    """Make an engine and ask for its version, or answer why it is not available.

    Parameters
    ----------
    name
        A key of `ENGINES`.
    options
        What the engine is asked for.

    Raises
    ------
    UsageError
        No engine has this name.
    """
    try:
        engine = create(name, options)
        engine.version()
    except EngineUnavailableError as error:
        return error
    return engine


def names() -> tuple[str, ...]:
    """Answer the names of all engines, in the order of `ENGINES`: the default one first."""
    return tuple(ENGINES)
