"""The engines that are available beside the embedded one, and the check that they all give one answer.

A plugin of pytest, named in tests/conftest.py: the row tests run each report that they build through it, and the
end of a run tells which engines were compared and which could not be had, and why.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from sr2fhir.cli.compare import parsed
from sr2fhir.comparing import compare, reach
from sr2fhir.engines import EngineOptions, names
from sr2fhir.errors import EngineUnavailableError

from tests import hl7_process
from tests.servers import hapi_jpa

if TYPE_CHECKING:
    from sr2fhir.engines import Engine
    from sr2fhir.model import Rendering

REFERENCE = "embedded"
OTHERS = tuple(name for name in names() if name != REFERENCE)
ELSEWHERE = parsed(os.environ.get("SR2FHIR_TEST_ENGINES", "").split())
# engine → what starts a server of the tests for it, and returns its URL
SERVERS = {"hapi": lambda: hapi_jpa.server("comparing"), "validator": hl7_process.url}
OPTIONS = EngineOptions(batch=True, timeout_s=60, settings={"install": "yes"})


@cache
def reached() -> Mapping[str, Engine | EngineUnavailableError]:
    """Return each other engine, or why it is not available; tried once in each process."""
    return {name: _reached(name) for name in OTHERS}


def _reached(name: str) -> Engine | EngineUnavailableError:
    """Return an engine, or why it is not available; servers that do not run elsewhere are those of the tests."""
    url = ELSEWHERE.get(name)
    try:
        url = (url or SERVERS[name]()) if name in SERVERS else url
    except (hapi_jpa.UnavailableError, hl7_process.UnavailableError) as error:
        return EngineUnavailableError(str(error))
    return reach(name, replace(OPTIONS, url=url))


def require(name: str, engines: Mapping[str, Engine]) -> Engine:
    """Return an engine; where it is not available skip the test, or fail where all have to run."""
    if name not in engines:
        has_to_run = name in SERVERS and os.environ.get("SR2FHIR_TEST_ONLINE")
        (pytest.fail if has_to_run else pytest.skip)(f"{name}: {reached()[name]}")
    return engines[name]


def available() -> dict[str, Engine]:
    """Return the other engines that can be had."""
    return {
        name: engine for name, engine in reached().items() if not isinstance(engine, EngineUnavailableError)
    }


@pytest.fixture(scope="session")
def other_engines() -> Iterator[dict[str, Engine]]:
    """Return the engines beside the embedded one, by name."""
    engines = available()
    yield engines
    for each in engines.values():
        each.close()


def check_one_answer(rendering: Rendering, engine: Engine, others: Mapping[str, Engine]) -> None:
    """Run a document through all engines and fail where they differ for no known reason."""
    if others:
        comparison = compare("this report", rendering, {REFERENCE: engine, **others})
        assert not comparison.unexpected, "\n".join(
            f"{each.second} differs from {each.first} at {each.difference.path} ({each.difference.kind}): "
            f"{each.difference.first!r} | {each.difference.second!r}"
            for each in comparison.unexpected
        )
        # a report that no engine can transform shows nothing; the row tests see it fail for themselves
        if comparison.error is not None:
            raise comparison.error


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which engines were compared, by what became of the tests that do so."""
    stated = (each for reports in terminalreporter.stats.values() for each in reports)
    ran = [each for each in stated if isinstance(each, pytest.TestReport)]
    here = [each for each in ran if each.nodeid.startswith(("tests/rows/", "tests/comparing/"))]
    for name in OTHERS if here else ():
        of_engine = [each for each in here if each.nodeid.endswith(f"[{name}]")]
        terminalreporter.write_line(f"engine {name}: {_became(of_engine)}")


def _became(reports: Sequence[pytest.TestReport]) -> str:
    """Say what became of the tests of an engine; one that was skipped says why."""
    if any(each.failed for each in reports):
        return f"differs from {REFERENCE}, or failed"
    if any(each.passed and each.when == "call" for each in reports):
        return f"compared with {REFERENCE}"
    skipped = next((each.longrepr for each in reports if isinstance(each.longrepr, tuple)), None)
    return f"not compared: {skipped[2] if skipped else 'no test that ran compares it'}"
