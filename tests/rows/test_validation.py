"""What the row tests made, all together: every Bundle validates, and every other engine gives the same ones.

These tests run last (`tests/rows/conftest.py`) and look at what the other files of this run have kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from sr2fhir import render
from sr2fhir.settings import TARGETS

from tests.comparing.answers import OTHERS, check_one_answer, require
from tests.published import PUBLISHED
from tests.rows.validation import Corpus

if TYPE_CHECKING:
    from sr2fhir.engines import Engine


@pytest.fixture
def complete(corpus: Corpus, request: pytest.FixtureRequest) -> Corpus:
    """Return the corpus when the other row tests of this run have ended."""
    selected = {
        item.path.name for item in request.session.items if "transform" in getattr(item, "fixturenames", ())
    }
    if not selected:
        pytest.skip("no row tests are selected whose Bundles could be looked at")
    corpus.wait(selected)
    assert next(corpus.reports(), None), "the row tests kept nothing"
    return corpus


def test_all_bundles_validate_against_our_definitions(complete: Corpus, engine: Engine) -> None:
    assert not complete.faults("our", engine)


def test_all_bundles_validate_against_the_published_definitions(
    complete: Corpus, start_published: Callable[[], Engine]
) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("the published guide is not there")
    assert not complete.faults("published", start_published())


def test_all_bundles_validate_in_r4(complete: Corpus, engine: Engine) -> None:
    assert not complete.faults("R4", engine, TARGETS["R4"])


@pytest.mark.parametrize("name", OTHERS)
def test_every_report_becomes_the_same_bundle(
    complete: Corpus, engine: Engine, other_engines: dict[str, Engine], name: str
) -> None:
    other = require(name, other_engines)
    for test, report, options in complete.reports():
        try:
            check_one_answer(render(report, options=options), engine, {name: other})
        except AssertionError as difference:
            raise AssertionError(f"{test}: {difference}") from None
