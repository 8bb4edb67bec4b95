"""Deep and large trees: no recursion, and time in proportion to the number of items."""

from __future__ import annotations

import gc
import time

import pytest
from pydicom.dataset import Dataset
from sr2fhir import render
from sr2fhir.jsontext import loads_strict

from tests import builders as b
from tests.model.comparison import facts_of_document
from tests.model.documents import items

DEPTH = 500


def nested(depth: int) -> Dataset:
    """Return a report of containers in containers; not written to a file, since pydicom writes with recursion."""
    report = b.measurement_report(title=b.FINDING._replace(value="126000"))
    innermost = current = b.container(b.FINDING)
    for _ in range(depth - 1):
        current = b.container(b.FINDING, current)
    report.ContentSequence = [current]
    innermost.ContentSequence = [b.text(b.FINDING, "end")]
    return report


def test_five_hundred_containers_in_each_other():
    rendering = render(nested(DEPTH))
    assert len(rendering.items) == DEPTH + 2
    document = loads_strict(rendering.to_json())
    deepest = max((one["position"] for one in items(document)), key=len)
    assert deepest == ".".join(["1"] * (DEPTH + 2))
    indented = loads_strict(rendering.to_json(indent=True))
    assert facts_of_document(indented) == facts_of_document(document)


def measurements(count: int) -> Dataset:
    """Return a group that has everything that might be looked up for each of its measurements."""
    regions = [b.scoord("POINT", [n, n], b.image(f"1.2.{n}")) for n in range(1, 11)]
    counted = [
        b.num(
            b.VOLUME,
            "1",
            b.CUBIC_MM,
            b.by_reference("INFERRED FROM", 1, 2, 1, 1 + n % 10),
            b.scoord3d("POINT", [n, 1, 1]),
        )
        for n in range(count)
    ]
    source = b.image("1.2.99", concept=b.SOURCE_IMAGE)
    library = b.image_library(*(b.image(f"1.2.{n}") for n in range(count)))
    return b.measurement_report(library, b.imaging_measurements(b.group(*regions, source, *counted)))


def seconds(report: Dataset) -> float:
    """Return the processor time of a rendering, without what Python's collector takes.

    How often and how long it looks for garbage depends on all that the process holds, and on settings of whoever
    owns the process: the command line has it look less often.
    """
    gc.collect()
    gc.disable()
    try:
        started = time.process_time()
        render(report).to_json()
        return time.process_time() - started
    finally:
        gc.enable()


@pytest.mark.slow
def test_time_is_in_proportion_to_the_measurements():
    small, large = (min(seconds(report) for _ in range(3)) for report in map(measurements, (150, 1200)))
    assert large < 8 * small * 2.5


def test_evidence_of_many_instances():
    report = b.measurement_report(
        b.imaging_measurements(b.group(*(b.image(f"1.2.{n}") for n in range(2000))))
    )
    rendering = render(report)
    (found,) = rendering.document["content"]["container"][0]["container"][0]["referenceSet"]
    assert len(found["instance"]) == 2000
    assert len(rendering.document["evidence"][0]["series"][0]["instance"]) == 2000


def test_an_empty_report():
    rendering = render(b.measurement_report())
    assert [record.position for record in rendering.items] == ["1"]
