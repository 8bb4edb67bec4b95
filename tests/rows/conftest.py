"""Fixtures of the row tests: from a report that a test builds to what the real pipeline makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Packaging, RenderOptions, Result, Settings, Transformer
from sr2fhir.alerts import Rules

from tests.rows.validation import Corpus

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Transform = Callable[..., Result]
LAST = "test_validation.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put last what looks at the reports and Bundles of all row tests."""
    items.sort(key=lambda item: item.path.name == LAST and item.path.parent.name == "rows")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Corpus:
    """Return the reports and Bundles of all row tests, in all processes of the run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    return Corpus(shared / "rows")


@pytest.fixture(scope="module")
def transform(engine: Engine, corpus: Corpus, request: pytest.FixtureRequest) -> Iterator[Transform]:
    """Return a function from a report, and render options by keyword, to the result of the pipeline.

    Report and Bundle are kept for the tests of `test_validation.py`.
    """

    def run(
        report: Dataset | bytes,
        packaging: Packaging | None = None,
        alerts: Rules | None = None,
        **options: Any,
    ) -> Result:
        chosen = RenderOptions(**options)
        transformer = Transformer(
            engine, options=chosen, packaging=packaging, settings=Settings(alerts=alerts)
        )
        result = transformer.transform(report)
        corpus.keep(report, chosen, result.json)
        return result

    yield run
    corpus.end(request.path.name)
