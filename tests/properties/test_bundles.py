"""What holds for every Bundle, shown on samples, the reports of the row tests and reports drawn at random.

Resources that may stand alone, since they say something of the document itself: the Patient; the ImagingStudy
(reports without an Observation have one, too); the ServiceRequest (the order that the document fulfils); the Device that
is the equipment; and Observations that no other has as member, which are what the document states. Everything else
exists only because something refers to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tools import record

from tests.properties.bundles import Made, inputs, items, made, report_of

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

MAY_STAND_ALONE = frozenset(
    {"Observation", "Patient", "ImagingStudy", "ServiceRequest", "DiagnosticReport", "Provenance"}
)
EQUIPMENT = "dicom-general-equipment"
KNOWN_LOST = ["corpus/rows/3_7.region_in_three_dimensions.1 1.1.1.4"]
OTHER_PROCESS = """
import json, sys
from itertools import chain
import sr2fhir
from tools import record
with sr2fhir.Transformer() as transformer:
    given = chain(record.samples(), record.generated(range(20)))
    print(json.dumps(record.record(given, transformer.start(), lambda name, parts: None)))
"""


@pytest.fixture(scope="module")
def bundles(engine: Engine) -> Iterator[list[Made]]:
    """Return all reports with their Bundles."""
    found = [one for given in inputs() if (one := made(given, engine))]
    assert len(found) > 400
    return found


def test_observations_are_what_the_report_says_became_observations(bundles: list[Made]) -> None:
    """Each Observation comes from a content item by the report, and each that the report names is there.

    An item may be repeated word for word, its UID included: then two items are one Observation.
    """
    for one in bundles:
        said = {
            element
            for line in one.result.report.items
            for element in line.elements
            if element.startswith("Observation/") and "." not in element
        }
        assert said == {name for name in one.resources if name.startswith("Observation/")}, one.name


def test_every_observation_uid_is_in_the_bundle_or_listed(bundles: list[Made]) -> None:
    """What becomes an Observation or a selection keeps its UID; elsewhere the report says it is lost."""
    lost = [missing for one in bundles for missing in lost_uids(one)]
    assert lost == KNOWN_LOST


def lost_uids(one: Made) -> Iterator[str]:
    """Yield the items whose Observation UID is neither in the Bundle nor listed."""
    text = one.result.json.decode()
    for position, item in items(report_of(one.given)):
        uid = item.get("ObservationUID")
        if uid and f"urn:oid:{uid}" not in text and position not in one.listed:
            yield f"{one.name} {position}"


def test_nothing_is_made_that_nothing_refers_to(bundles: list[Made]) -> None:
    found = Counter(f"{one.name}: {name}" for one in bundles for name in needless(one))
    assert not found


def needless(one: Made) -> Iterator[str]:
    """Yield the resources of a Bundle that nothing refers to, though they say nothing by themselves."""
    for name in one.orphans:
        profile = one.profile(name)
        if name.partition("/")[0] not in MAY_STAND_ALONE and profile != EQUIPMENT:
            yield f"{name} ({profile})"


def test_no_transaction_updates_what_belongs_to_others(bundles: list[Made]) -> None:
    """Section 1.2: patient, orders and studies are referred to, or created where they do not exist."""
    entries = [entry for one in bundles for entry in one.result.bundle["entry"] if "request" in entry]
    assert len(entries) > 100
    updated = {entry["resource"]["resourceType"] for entry in entries if entry["request"]["method"] == "PUT"}
    assert updated
    assert not updated & {"Patient", "ServiceRequest", "ImagingStudy"}
    assert all(
        entry["request"].get("ifNoneExist") for entry in entries if entry["request"]["method"] == "POST"
    )


def test_every_observation_says_what_it_is_derived_from(bundles: list[Made]) -> None:
    """Decision D44: at least the item of the report, so that none stands without an origin."""
    observations = [
        (one.name, name, resource)
        for one in bundles
        for name, resource in one.resources.items()
        if name.startswith("Observation/")
    ]
    assert len(observations) > 1000
    assert not [(name, which) for name, which, resource in observations if not resource.get("derivedFrom")]


def test_every_reference_leads_to_an_entry(bundles: list[Made]) -> None:
    """References are to entries of the Bundle; what is not in it is named by identifier only."""
    assert sum(len(targets) for one in bundles for targets in one.targets.values()) > 1000
    for one in bundles:
        assert (
            not {target for targets in one.targets.values() for target in targets} - one.resources.keys()
        ), one.name


def test_the_same_report_becomes_the_same_bytes(bundles: list[Made], engine: Engine) -> None:
    for one in bundles[::5]:
        again = made(one.given, engine)
        assert again is not None
        assert again.result.json == one.result.json, one.name
        assert again.result.report_json == one.result.report_json, one.name
        assert again.result.outcome_json == one.result.outcome_json, one.name


@cache
def elsewhere(seed: str) -> dict[str, record.Digests]:
    """Transform samples and some generated reports in a process of its own."""
    environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    command = [sys.executable, "-W", "ignore", "-c", OTHER_PROCESS]
    done = subprocess.run(
        command, cwd=record.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, record.Digests] = json.loads(done.stdout)
    return found


def test_another_process_makes_the_same_bytes() -> None:
    """Two processes with other hash seeds agree: no order of a set shows."""
    assert len(elsewhere("1")) > 40
    assert elsewhere("1") == elsewhere("4711")
