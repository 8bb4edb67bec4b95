"""Whole reports at random: their Bundles validate as those of the rows do, and nothing is lost without a word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Packaging, Result
from sr2fhir.accounting.report import Line

from tests.rows.conftest import Transform
from tests.rows.generated import ORGANIZATION, Drawn

SEEDS = range(8)
IMAGE_LIBRARY = "111028, DCM"
# language and algorithm of a container, where each Observation in it has its own
REPLACED = ("121049, DCM", "111001, DCM", "111003, DCM")


@pytest.fixture(scope="module", params=SEEDS)
def drawn(request: pytest.FixtureRequest, transform: Transform) -> tuple[Dataset, Result]:
    """Return a report and what becomes of it, every fourth as a transaction; its Bundle is validated at the end."""
    report = Drawn(request.param).report()
    return report, transform(
        report, packaging=Packaging("collection" if request.param % 4 else "transaction")
    )


def positions(item: Dataset, own: str = "1") -> Iterator[str]:
    """Yield the positions of a content item and of all below it."""
    yield own
    for number, child in enumerate(item.get("ContentSequence", []), 1):
        yield from positions(child, f"{own}.{number}")


def concept(line: Line) -> str:
    return dict(line.description).get("concept", "")


def test_each_item_is_accounted_for_once(drawn: tuple[Dataset, Result]) -> None:
    """Mapping specification, section 8: the classes add up, and what is unmapped says why."""
    report, result = drawn
    lines = result.report.items
    assert sorted(line.source for line in lines) == sorted(positions(report))
    assert all(line.reason for line in lines if line.is_unmapped)
    made = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in result.bundle["entry"]}
    assert {element.partition(".")[0] for line in lines for element in line.elements} <= made


def test_only_what_has_no_target_is_unmapped(drawn: tuple[Dataset, Result]) -> None:
    """Rows 3.3.04, 3.4.08 and 3.5.03: a person's organisation, what no Observation names, the Image Library."""
    _, result = drawn
    left_out = {line.source for line in result.report.items if concept(line).startswith(IMAGE_LIBRARY)}
    lost = [
        f"{line.source} {concept(line)}: {line.reason}"
        for line in result.report.items
        if line.is_unmapped
        and not any(f"{line.source}.".startswith(f"{one}.") for one in left_out)
        and not concept(line).startswith(f"{ORGANIZATION.value}, {ORGANIZATION.scheme}")
        and not concept(line).startswith(REPLACED)
    ]
    assert not lost
    assert not [finding for finding in result.findings if finding.severity == "error"]


def test_reports_differ_and_are_the_same_each_time() -> None:
    written = [Drawn(seed).report().to_json() for seed in SEEDS]
    assert len(set(written)) == len(SEEDS)
    assert [Drawn(seed).report().to_json() for seed in SEEDS] == written
