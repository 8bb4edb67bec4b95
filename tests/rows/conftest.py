"""Fixtures of the row tests: from a report that a test builds to what the real pipeline makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Packaging, RenderOptions, Result, Transformer, render

from tests.comparing.answers import check_one_answer
from tests.published import PUBLISHED
from tests.rows.validation import Bundles

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Transform = Callable[..., Result]


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Bundles:
    """Answer the collection of the Bundles of all row tests, in all processes of the run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    return Bundles(shared / "rows")


@pytest.fixture(scope="module")
def transform(
    engine: Engine,
    other_engines: dict[str, Engine],
    start_published: Callable[[], Engine],
    bundles: Bundles,
    request: pytest.FixtureRequest,
) -> Iterator[Transform]:
    """Answer a function from a report, and render options by keyword, to the result of the pipeline.

    Every other engine that is available has to give the same answer.
    When the last file of row tests has ended, the Bundles of all of them are validated.
    """

    def run(report: Dataset | bytes, packaging: Packaging | None = None, **options: Any) -> Result:
        chosen = RenderOptions(**options)
        result = Transformer(engine, options=chosen, packaging=packaging).transform(report)
        bundles.keep(result.json)
        check_one_answer(render(report, options=chosen), engine, other_engines)
        return result

    yield run
    if bundles.ended(request.path.name, _files(request.session)):
        engines = {"our": engine} | ({"published": start_published()} if PUBLISHED.is_dir() else {})
        faults = bundles.faults(engines)
        assert not faults, "\n".join(("Bundles of row tests do not validate:", *faults))


def _files(session: pytest.Session) -> set[str]:
    """Name the files whose tests make Bundles, of those that this run has selected."""
    return {item.path.name for item in session.items if "transform" in getattr(item, "fixturenames", ())}
