"""Every element of every type that has a map, with every type of value: what R4 knows arrives, the rest has a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from sr2fhir.conversion.definitions import definitions_of
from sr2fhir.conversion.taken import types_taken
from sr2fhir.jsontext import NumberText, dumps, loads_strict
from sr2fhir.paths import layout
from sr2fhir.settings import R4
from sr2fhir.validation import validate

from tests.r4.step import MAP

from .builders import PATIENT, Json, bundle, observation
from .every_element import Case, cases, elements, types_of, value_of

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

TYPES = sorted(types_taken(R4))
every_type = pytest.mark.parametrize("kind", TYPES)
Made = Callable[[str], tuple[list[Case], sr2fhir.Result]]
# What R4 knows of another type than R5, or has not at all, so that a part of it is lost. Each loss is a line.
PARTLY = {
    "Device.definition": {"concept"},
    "DiagnosticReport.media.comment": {"media"},  # R5 leads to a DocumentReference, R4 to a Media
    "DiagnosticReport.media.link": {"media"},
    "Organization.contact": {"organization", "period"},
    "ServiceRequest.code": {"reference"},
    "ServiceRequest.supportingInfo": {"concept"},
    "Specimen.collection.bodySite": {"reference"},
    **{
        name: {"height", "width", "frames", "duration", "pages"}
        for name in (
            *("BodyStructure.image", "DiagnosticReport.presentedForm", "Patient.photo", "Practitioner.photo"),
            "CommunicationRequest.payload.content[x]:Attachment",
        )
    },
    # one with an interval in a unit that is none
    "Observation.value[x]:SampledData": {"valueSampledData"},
    "Observation.component.value[x]:SampledData": {"valueSampledData"},
}


def r4_knows(case: Case) -> bool:
    """Tell whether R4 has an element of that path and type."""
    path, _, kind = case.name.partition(":")
    found = (
        elements("R4", path.partition(".")[0]).get(path) if not path.startswith("ImagingSelection") else None
    )
    return found is not None and (not kind or kind in types_of(found))


def all_of(kind: str) -> tuple[list[Case], Json]:
    """Return all cases of a type of resource, and a Bundle of them."""
    found = list(cases(kind))
    return found, bundle(*(each.resource for each in found))


@pytest.fixture(scope="module")
def lost(engine: Engine) -> Callable[[str], dict[str, set[str]]]:
    """Return a function to the last names of the elements that have a line, by the name of the case."""

    def convert(kind: str) -> dict[str, set[str]]:
        found, content = all_of(kind)
        report = sr2fhir.Transformer(engine, target=R4).convert(dumps(content)).report
        names: dict[str, set[str]] = {each.name: set() for each in found}
        for line in report.unmapped:
            number = int(line.source.partition("[")[2].partition("]")[0])
            names[found[number].name].add(dict(line.description)["element"].rpartition(".")[2])
        return names

    return convert


@every_type
def test_what_both_versions_know_arrives(lost: Callable[[str], dict[str, set[str]]], kind: str) -> None:
    found = {each.name: r4_knows(each) for each in cases(kind)}
    assert len(found) >= 5
    losses = {name: names for name, names in lost(kind).items() if names and found[name]}
    assert losses == {name: names for name, names in PARTLY.items() if name.partition(".")[0] == kind}


@every_type
def test_the_maps_write_only_what_r4_knows(engine: Engine, kind: str) -> None:
    """Nothing has to be taken out of what maps made, but for what stands in extensions."""
    _, content = all_of(kind)
    made = loads_strict(engine.transform(dumps(content), MAP))
    known = definitions_of(layout().step_definitions("r4"))
    assert [
        misfit.element for entry in made["entry"] for misfit in known.misfits(entry["resource"], "made")
    ] == []


@every_type
def test_what_has_no_line_has_kept_its_values(engine: Engine, kind: str) -> None:
    found, content = all_of(kind)
    result = sr2fhir.Transformer(engine, target=R4).convert(dumps(content))
    gone = {line.source for line in result.report.unmapped}
    for number, (case, entry) in enumerate(zip(found, result.bundle["entry"], strict=True)):
        kept = set(values(case.resource, f"Bundle.entry[{number}].resource", gone))
        assert kept <= set(values(loads_strict(json.dumps(entry["resource"], default=str)), "", set())), (
            case.name
        )


def values(node: Any, path: str, gone: set[str]) -> Iterator[str]:
    """Yield the values of a resource as text, but for its type and what has a line."""
    if path in gone:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("resourceType", "id"):
                yield from values(value, f"{path}.{key}", gone)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from values(value, f"{path}[{index}]", gone)
    else:
        yield str(node).lower()


# ---- values of extensions, which maps copy whole -----------------------------------------------------------


def in_extensions(version: str) -> list[str]:
    return types_of(elements(version, "Extension")["Extension.value[x]"])


@pytest.mark.parametrize("kind", in_extensions("R5"))
def test_an_extension_arrives_if_r4_knows_its_type(engine: Engine, kind: str) -> None:
    value = {f"value{kind[0].upper()}{kind[1:]}": value_of(kind, "R5")}
    extension = {"url": "http://a.example/x", **value}
    others = {"url": "http://a.example/y", "valueString": "other"}
    given = {**PATIENT, "extension": [extension, others]}
    result = sr2fhir.Transformer(engine, target=R4).convert(dumps(bundle(given)))
    made = loads_strict(result.json)["entry"][0]["resource"]["extension"]
    known = definitions_of(layout().step_definitions("r4"))
    if kind not in in_extensions("R4"):
        assert made == [others]
        assert [line.source for line in result.report.unmapped] == ["Bundle.entry[0].resource.extension[0]"]
        return
    assert made[1] == others
    assert list(known.misfits({"resourceType": "Patient", "extension": made}, "made")) == []
    lines = [line.source for line in result.report.unmapped]
    gone = {each.rpartition(".")[2].partition("[")[0] for each in lines}
    # the maps did not look into it: what R4 does not know of it has a line, and all else is as it was
    expected = without(value, gone)
    assert {name: each for name, each in made[0].items() if name != "url"} == expected


def without(node: Any, gone: set[str]) -> Any:
    if isinstance(node, dict):
        return {key: without(value, gone) for key, value in node.items() if key not in gone}
    return [without(each, gone) for each in node] if isinstance(node, list) else node


# ---- what R5 has changed -----------------------------------------------------------------------------------

SAMPLED = {
    "origin": {"value": 0, "unit": "mV"},
    "interval": NumberText("2.5"),
    "intervalUnit": "ms",
    "factor": NumberText("1.5"),
    "lowerLimit": -3,
    "dimensions": 1,
    "data": "1 2 3",
}


def made_of(engine: Engine, *resources: Json) -> tuple[Json, list[str]]:
    """Return the last of what resources become, valid in R4, and the elements that are lost."""
    text = dumps(bundle(*resources))
    result = sr2fhir.Transformer(engine, target=R4).convert(text)
    found = validate(engine, result.bundle, result.json, target=R4)
    assert [f"{each.path}: {each.text}" for each in found if each.severity == "error"] == []
    made: Json = loads_strict(result.json)["entry"][-1]["resource"]
    return made, [dict(line.description)["element"] for line in result.report.unmapped]


@pytest.mark.parametrize(
    ("unit", "interval", "period"), [("ms", "2.50", "2.50"), ("s", "0.004", "4.000"), ("s", "2", "2000")]
)
def test_sampled_data_have_a_period_in_milliseconds(
    engine: Engine, unit: str, interval: str, period: str
) -> None:
    value = {**SAMPLED, "interval": NumberText(interval), "intervalUnit": unit}
    result = sr2fhir.Transformer(engine, target=R4).convert(
        dumps(bundle(PATIENT, observation(valueSampledData=value)))
    )
    found = validate(engine, result.bundle, result.json, target=R4)
    assert [f"{each.path}: {each.text}" for each in found if each.severity == "error"] == []
    made = loads_strict(result.json)["entry"][1]["resource"]["valueSampledData"]
    assert (made["period"], made["factor"], made["data"]) == (period, "1.5", "1 2 3")
    lost = [dict(line.description)["element"] for line in result.report.unmapped]
    # R4 knows no unit: it is milliseconds
    assert lost == ["Observation.valueSampledData.intervalUnit"]


@pytest.mark.parametrize(
    "change",
    [
        {"intervalUnit": "mm"},
        {"data": None, "codeMap": "http://a.example/x", "offsets": "1 2"},
        {"interval": None},
    ],
)
def test_sampled_data_that_r4_cannot_say_are_left_out(engine: Engine, change: Json) -> None:
    value = {name: each for name, each in {**SAMPLED, **change}.items() if each is not None}
    made, lost = made_of(engine, PATIENT, observation(valueSampledData=value))
    assert "valueSampledData" not in made
    assert lost == ["Observation.valueSampledData"]


def test_a_component_keeps_what_r4_knows_of_it(engine: Engine) -> None:
    code = {"text": "trace"}
    normal = {"text": "normal"}
    given = [
        {"code": code, "valueSampledData": SAMPLED},
        {"code": code, "valueAttachment": {"url": "http://a.example/x", "size": "70000"}},
        {"code": code, "valueReference": {"display": "a sequence"}},
        {
            "code": code,
            "valueQuantity": {"value": 3},
            "referenceRange": [{"text": "low", "normalValue": normal}],
        },
        {"code": code, "valueString": "seen", "interpretation": [normal]},
    ]
    made, lost = made_of(engine, PATIENT, observation(component=given))
    assert lost == ["Observation.component.valueSampledData.intervalUnit"]
    sampled, attached, referred, ranged, copied = made["component"]
    assert sampled["valueSampledData"]["period"] == "2.5"
    (extension,) = attached["extension"]
    assert extension["url"].endswith("extension-Observation.component.value")
    assert extension["valueAttachment"] == {"url": "http://a.example/x", "size": "70000"}
    assert referred["extension"][0]["valueReference"] == {"display": "a sequence"}
    (limits,) = ranged["referenceRange"]
    assert (ranged["valueQuantity"], limits["text"]) == ({"value": "3"}, "low")
    assert limits["extension"][0]["valueCodeableConcept"] == normal
    assert copied == given[4]


def test_the_size_of_an_attachment_is_a_number_in_r4(engine: Engine) -> None:
    photos = [{"url": "http://a.example/x", "size": size} for size in ("70000", "3000000000")]
    made, lost = made_of(engine, {**PATIENT, "photo": photos})
    assert b'"size":70000' in dumps(made)
    assert made["photo"][1] == {"url": "http://a.example/x"}
    assert lost == ["Patient.photo.size"]
