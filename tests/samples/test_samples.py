"""Every sample becomes the Bundle that was read line by line against the specification, byte by byte, and valid.

The Bundles beside this file were reviewed against section 3 and, for the guide's example, section 6 of the mapping
specification before they were put there. When a map changes, read the difference before you accept it:
``python tests/samples/renew.py`` writes them anew and `git diff` shows what became of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sr2fhir
from sr2fhir.packaging import BUNDLE_TYPES, BundleType
from sr2fhir.paths import layout

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

EXPECTED = Path(__file__).parent / "expected"
SAMPLES = sorted(
    path for path in (layout().sources / "samples").iterdir() if path.suffix in (".dcm", ".json")
)


def transformed(engine: Engine, sample: Path, form: BundleType) -> sr2fhir.Result:
    return sr2fhir.Transformer(engine, packaging=sr2fhir.Packaging(form)).transform(sample)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_sample_becomes_the_reviewed_bundle(engine: Engine, sample: Path) -> None:
    wanted = (EXPECTED / f"{sample.name}.bundle.json").read_bytes()
    first, second = (transformed(engine, sample, "collection").json for _ in range(2))
    assert first == second
    assert json.loads(first) == json.loads(wanted)
    assert first == wanted


def test_every_sample_has_a_reviewed_bundle() -> None:
    assert {f"{sample.name}.bundle.json" for sample in SAMPLES} == {path.name for path in EXPECTED.iterdir()}


@pytest.mark.parametrize("form", BUNDLE_TYPES)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_bundle_is_valid_by_our_definitions(engine: Engine, sample: Path, form: str) -> None:
    assert errors(engine, transformed(engine, sample, form)) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_bundle_is_valid_by_the_published_definitions(
    engine: Engine, published: Engine, sample: Path
) -> None:
    assert errors(published, transformed(engine, sample, "collection")) == []


def errors(engine: Engine, result: sr2fhir.Result) -> list[str]:
    """List what the HL7 validator finds; the one message of D4 is excused by its exact text (known.json)."""
    from sr2fhir.validation import validate

    found = validate(engine, json.loads(result.json), result.json)
    return [f"{issue.resource} {issue.path}: {issue.text}" for issue in found if issue.severity == "error"]


def test_an_error_would_be_found(engine: Engine, published: Engine) -> None:
    """What these tests would miss without it: an engine that finds nothing."""
    result = transformed(engine, SAMPLES[0], "collection")
    broken = json.loads(result.json)
    observation = next(
        entry["resource"] for entry in broken["entry"] if entry["resource"]["resourceType"] == "Observation"
    )
    del observation["partOf"]
    from sr2fhir.validation import validate

    data = json.dumps(broken).encode()
    for each in (engine, published):
        assert any(
            "partOf" in issue.text for issue in validate(each, broken, data) if issue.severity == "error"
        )


@pytest.mark.parametrize("form", BUNDLE_TYPES)
def test_only_requests_tell_a_transaction_from_a_collection(engine: Engine, form: BundleType) -> None:
    """Section 1: the same resources; a transaction says of each entry how it is stored."""
    for sample in SAMPLES:
        bundle = json.loads(transformed(engine, sample, form).json)
        assert bundle["type"] == form
        for entry in bundle["entry"]:
            assert ("request" in entry) == (form == "transaction")
            if form == "transaction":
                assert stored(entry["request"], entry["resource"])


def stored(request: dict[str, str], resource: dict[str, str]) -> bool:
    """Tell whether a request repeats without harm: a conditional create, or an update by id."""
    kind = resource["resourceType"]
    if request["method"] == "POST":
        return request["url"] == kind and request["ifNoneExist"].startswith("identifier=")
    return request == {"method": "PUT", "url": f"{kind}/{resource['id']}"}
