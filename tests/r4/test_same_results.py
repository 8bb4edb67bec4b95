"""R4 says what R5 says: shown on samples, scenarios, the reports of the row tests and the examples of the guide.

The comparison knows of the two versions of FHIR and nothing of the maps: whatever value stands in a resource of R5
stands in that of R4 as well, and an Observation has the same elements but for two.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sr2fhir import Result, Sr2FhirError, Transformer
from sr2fhir.accounting.checks import parse
from sr2fhir.settings import R4
from tools import record

from tests.r4.step import ALTERNATE, MAP, MAP_WITHOUT_SELECTIONS, Json, extensions, stepped

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

SCENARIOS = sorted((record.ROOT / "samples/scenarios").glob("*.dcm"))
SELECTION = "ImagingSelection"
BODY_STRUCTURE = "Observation.bodyStructure"
LEAST_INPUTS = 200


def inputs() -> Iterator[record.Input]:
    """Yield everything that becomes a collection."""
    yield from (given for given in record.samples() if given.name.startswith("samples/collection"))
    yield from (record.Input(f"scenarios/{path.name}", path) for path in SCENARIOS)
    yield from (given for given in record.corpus() if given.name.startswith("corpus/rows/"))


def both(given: record.Input, engine: Engine, **settings: Any) -> tuple[Result, Result] | None:
    """Return what an input becomes in R5 and in R4; None if it is refused, or not sent as a collection."""
    with record.environment(given.environment):
        try:
            r5 = record.transformer_for(given, engine)
            if r5.settings.packaging.bundle != "collection":
                return None
            r4 = Transformer(engine, settings=replace(r5.settings, target=R4, **settings))
            return tuple(each.transform(given.source, name=given.name) for each in (r5, r4))  # type: ignore[return-value]
        except Sr2FhirError:
            return None


def resources(bundle: Json) -> dict[str, Json]:
    """Return the resources by id, which step maps do not change."""
    return {entry["resource"]["id"]: entry["resource"] for entry in bundle["entry"]}


def values(node: Any) -> Iterator[str]:
    """Yield every value in a resource, as text, but its type, its profiles and the type of what it refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("resourceType", "profile") and not (key == "type" and isinstance(value, str)):
                yield from values(value)
    elif isinstance(node, list):
        for each in node:
            yield from values(each)
    else:
        # the engine writes the blanks of XHTML anew, and a reference to a selection names the type Basic
        yield "".join(str(node).split()).replace(f"{SELECTION}/", "Basic/")


def check_values(before: Json, after: Json) -> None:
    """Check that no value of a resource is missing; a study that several selections lead to may stand once."""
    assert not Counter(values(before)) - Counter(values(after)), before["id"]


def check_observation(before: Json, after: Json, r5: dict[str, Json], r4: dict[str, Json]) -> None:
    """Check that an Observation has the same elements, but for what R4 does not know."""
    changed = {"meta", "bodyStructure", "bodySite", "derivedFrom", "extension"}
    assert {key: value for key, value in before.items() if key not in changed} == {
        key: value for key, value in after.items() if key not in changed
    }
    assert (before.get("meta") or {}).get("source") == (after.get("meta") or {}).get("source")
    structure = before.get("bodyStructure")
    assert extensions(after, BODY_STRUCTURE) == ([{"valueReference": structure}] if structure else [])
    assert after.get("bodySite") == (site_of(target(structure, r5)) if structure else before.get("bodySite"))
    check_derived(before, after, r5, r4)


def site_of(structure: Json) -> Json | None:
    included = structure["includedStructure"]
    concept: Json = included[0]["structure"]
    return concept if len(included) == 1 and ("coding" in concept or "text" in concept) else None


def target(reference: Json, known: dict[str, Json]) -> Json:
    return known[reference["reference"].removeprefix("urn:uuid:").rpartition("/")[2]]


def is_selection(reference: Json, r5: dict[str, Json]) -> bool:
    return "reference" in reference and target(reference, r5)["resourceType"] == SELECTION


def check_derived(before: Json, after: Json, r5: dict[str, Json], r4: dict[str, Json]) -> None:
    """Check that selections are reached by their studies, each of which stands once."""
    stated = before.get("derivedFrom", [])
    selections = [each for each in stated if is_selection(each, r5)]
    others = [each for each in stated if each not in selections]
    derived = after.get("derivedFrom", [])
    assert derived[: len(others)] == others
    made = derived[len(others) :]
    found = [
        (target(each["valueReference"], r4), study) for study in made for each in extensions(study, ALTERNATE)
    ]
    assert all(basic["resourceType"] == "Basic" for basic, _ in found)
    assert sorted(basic["id"] for basic, _ in found) == sorted(target(each, r5)["id"] for each in selections)
    for basic, study in found:
        origin = r5[basic["id"]].get("derivedFrom", [{}])[0].get("reference")
        assert study.get("reference") == origin
    named = [each["reference"] for each in made if "reference" in each]
    assert len(named) == len(set(named))


def check(r5_bundle: Json, r4_bundle: Json) -> None:
    """Check that two Bundles say the same."""
    r5, r4 = resources(r5_bundle), resources(r4_bundle)
    assert list(r5) == list(r4)
    for name, before in r5.items():
        after = r4[name]
        kind = before["resourceType"]
        assert after["resourceType"] == ("Basic" if kind == SELECTION else kind)
        check_values(before, after)
        if kind == "Observation":
            check_observation(before, after, r5, r4)


def test_every_report_says_the_same_in_both_versions(engine: Engine) -> None:
    count = 0
    for given in inputs():
        made = both(given, engine)
        if made is not None:
            try:
                check(*(parse(result.json) for result in made))
                check_report(*made)
            except AssertionError as difference:
                raise AssertionError(f"{given.name}: {difference}") from None
            count += 1
    assert count > LEAST_INPUTS


def check_report(r5: Result, r4: Result) -> None:
    """Check that what reached an element of R5 reached one of R4, or the report says that it did not."""
    for before, after in zip(r5.report.lines, r4.report.lines, strict=True):
        assert (before.source, bool(before.elements)) == (after.source, bool(after.elements))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_without_selections_the_report_lists_what_stood_in_them_alone(engine: Engine, path: Path) -> None:
    made = both(record.Input(path.name, path), engine, selections="none")
    assert made is not None
    r5, r4 = (resources(parse(result.json)) for result in made)
    left = {name: each for name, each in r5.items() if each["resourceType"] != SELECTION}
    assert list(left) == list(r4)
    assert not any(
        extensions(study, ALTERNATE) for each in r4.values() for study in each.get("derivedFrom", [])
    )
    (before, after) = (result.report for result in made)
    for said, now in zip(before.lines, after.lines, strict=True):
        alone = said.elements and all(place.startswith(f"{SELECTION}/") for place in said.elements)
        if alone and not now.elements:
            assert (now.is_unmapped, now.reason) == (True, "no-r4-element")
        if said.elements and not alone:
            assert now.elements
    told = [finding.message for finding in made[1].findings if finding.code == "no-r4-element"]
    number = len(r5) - len(r4)
    assert not number or any(message.startswith(f"{number} {SELECTION}") for message in told)


@pytest.mark.parametrize("map_url", [MAP, MAP_WITHOUT_SELECTIONS])
def test_the_examples_of_the_guide_go_through(engine: Engine, official_dir: Path, map_url: str) -> None:
    known = {"StructureDefinition", "ConceptMap", "CodeSystem", "ImplementationGuide"}
    found = [json.loads(path.read_bytes(), parse_float=str) for path in sorted(official_dir.glob("*.json"))]
    examples = [each for each in found if each["resourceType"] not in known]
    base = "https://example.org/fhir"
    entries = [
        {"fullUrl": f"{base}/{each['resourceType']}/{each['id']}", "resource": each} for each in examples
    ]
    bundle = parse(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode())
    made = stepped(engine, bundle, map_url)
    kinds = Counter(each["resourceType"] for each in examples)
    basics = {} if map_url == MAP_WITHOUT_SELECTIONS else {"Basic": kinds[SELECTION]}
    del kinds[SELECTION]
    assert Counter(entry["resource"]["resourceType"] for entry in made["entry"]) == {**kinds, **basics}
    if basics:
        check(bundle, made)
