"""The same document through several engines, and which differences are expected (known.toml)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sr2fhir.comparing.differences import Difference, differences
from sr2fhir.engines import Engine, EngineOptions, create
from sr2fhir.errors import EngineUnavailableError, Sr2FhirError

if TYPE_CHECKING:
    from sr2fhir.model import Rendering

_TABLE = Path(__file__).with_name("known.toml")


@dataclass(frozen=True)
class Known:
    """Describe one expected kind of difference.

    Parameters
    ----------
    engine
        The engine that differs from the embedded one.
    kind
        As in `Difference.kind`.
    path
        Regular expression of the whole path.
    reason
        Why no map can avoid it, in one sentence.
    """

    engine: str
    kind: str
    path: str
    reason: str

    def covers(self, engines: frozenset[str], difference: Difference) -> bool:
        """Tell whether it explains a difference between engines."""
        return (
            self.engine in engines
            and self.kind == difference.kind
            and re.fullmatch(self.path, difference.path) is not None
        )


@cache
def known() -> tuple[Known, ...]:
    """Read the table."""
    return tuple(Known(**entry) for entry in tomllib.loads(_TABLE.read_text("utf-8"))["difference"])


def reason_for(first: str, second: str, difference: Difference) -> str | None:
    """Return why two engines differ there, if that is known.

    Parameters
    ----------
    first, second
        Names of the engines.
    difference
        What was found.
    """
    engines = frozenset((first, second))
    return next((entry.reason for entry in known() if entry.covers(engines, difference)), None)


@dataclass(frozen=True)
class Disagreement:
    """One difference between the results of two engines.

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
    results = {label: finished(engine, rendering) for label, engine in engines.items()}
    first, *others = results
    found = (each for other in others for each in disagreements(first, other, results))
    errors = [made for made in results.values() if isinstance(made, Sr2FhirError)]
    failed = errors[0] if len(errors) == len(results) else None
    return Comparison(name, tuple(results), tuple(found), failed)


def finished(engine: Engine, rendering: Rendering) -> Any:
    """Return the finished Bundle that an engine makes, its numbers as text, or its error."""
    from sr2fhir.accounting import finish  # loads pydicom

    try:
        made = engine.transform(rendering.to_json(), rendering.document_type.entry_map)
        return finish(made, rendering).bundle
    except EngineUnavailableError:
        raise
    except Sr2FhirError as error:
        return error


def disagreements(first: str, second: str, results: Mapping[str, Any]) -> Iterator[Disagreement]:
    """Compare the results of two engines."""
    for each in _differences(results[first], results[second]):
        yield Disagreement(first, second, each, reason_for(first, second, each))


def _differences(first: Any, second: Any) -> Iterator[Difference]:
    """Compare two results, of which either may be an error; two errors are no difference."""
    failed = [isinstance(made, Sr2FhirError) for made in (first, second)]
    if not any(failed):
        yield from differences(first, second)
    elif not all(failed):
        yield Difference("Bundle", "failure", *(_summary(made) for made in (first, second)))


def _summary(made: Any) -> str:
    """Say what an engine did, without the Bundle."""
    return str(made) if isinstance(made, Sr2FhirError) else f"a Bundle of {len(made['entry'])} entries"


def reach(name: str, options: EngineOptions) -> Engine | EngineUnavailableError:
    """Make an engine and ask for its version, or return why it is not available.

    Parameters
    ----------
    name
        As it is registered.
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
