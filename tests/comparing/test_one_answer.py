"""Every engine that is available gives the same Bundles of all samples as the embedded one.

The row tests check the same of each report that they build (tests/rows/conftest.py). An engine that cannot be had
is skipped with its reason. Servers that run elsewhere are named by SR2FHIR_TEST_ENGINES, as for `sr2fhir compare`:
`hapi=http://localhost:8080/fhir`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sr2fhir

from .answers import OTHERS, REFERENCE, check_one_answer, require

if TYPE_CHECKING:
    from sr2fhir.engines import Engine


@pytest.mark.parametrize("name", OTHERS)
def test_samples_become_the_same_bundles(
    engine: Engine, other_engines: dict[str, Engine], samples: list[Path], name: str
) -> None:
    other = require(name, other_engines)
    assert samples
    for sample in samples:
        check_one_answer(sr2fhir.render(sample), engine, {name: other})


def test_a_difference_would_be_found(engine: Engine, samples: list[Path]) -> None:
    """What the check would miss without it: everything."""
    from .doubles import Altered

    other = Altered(engine, lambda data: data.replace(b'"status":"final"', b'"status":"amended"'))
    with pytest.raises(AssertionError, match=rf"two differs from {REFERENCE} at .*\.status"):
        check_one_answer(sr2fhir.render(samples[-1]), engine, {"two": other})  # type: ignore[dict-item]
