"""What becomes of references: to selections however they are written, to what is contained, and to what is left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import sr2fhir
from sr2fhir.conversion.taken import types_taken
from sr2fhir.jsontext import dumps
from sr2fhir.paths import layout
from sr2fhir.settings import R4, Selections
from sr2fhir.validation import validate

from .builders import PATIENT, Json, bundle, observation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sr2fhir.engines import Engine

ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"
STUDY = {
    "resourceType": "ImagingStudy",
    "id": "st",
    "status": "available",
    "subject": {"reference": "urn:x:p"},
}
SELECTION = {
    "resourceType": "ImagingSelection",
    "id": "s",
    "status": "available",
    "subject": {"reference": "urn:x:p"},
    "code": {"text": "key image"},
    "derivedFrom": [{"reference": "urn:x:st"}],
}
# a reference to a selection that does not say its type, and what it is in R4
ADDRESSES = {
    "urn:x:s": "urn:x:s",
    "ImagingSelection/x": "Basic/x",
    "ImagingSelection/x/_history/3": "Basic/x/_history/3",
    "http://a.example/fhir/ImagingSelection/x": "http://a.example/fhir/Basic/x",
    "https://a.example/ImagingSelection/x/_history/3": "https://a.example/Basic/x/_history/3",
    "ImagingSelection?identifier=urn:x%7C7": "Basic?identifier=urn:x%7C7",
}
every_address = pytest.mark.parametrize("address", ADDRESSES)
Convert = Callable[..., sr2fhir.Result] if TYPE_CHECKING else Any


@pytest.fixture
def convert(engine: Engine) -> Convert:
    """Return a function to what resources become in R4."""

    def make(*resources: Json, selections: Selections = "basic", **around: Any) -> sr2fhir.Result:
        transformer = sr2fhir.Transformer(engine, target=R4, selections=selections)
        return transformer.convert(dumps(bundle(*resources, **around)))

    return make


@pytest.fixture
def check_valid(engine: Engine) -> Callable[[sr2fhir.Result], None]:
    """Return a function that asks the HL7 validator."""

    def check(result: sr2fhir.Result) -> None:
        found = validate(engine, result.bundle, result.json, target=R4)
        errors = [f"{each.resource} {each.path}: {each.text}" for each in found if each.severity == "error"]
        assert errors == []

    return check


def resource(result: sr2fhir.Result, kind: str) -> Json:
    (found,) = (
        each["resource"] for each in result.bundle["entry"] if each["resource"]["resourceType"] == kind
    )
    return dict(found)


# ---- selections --------------------------------------------------------------------------------------------


@every_address
def test_wherever_a_reference_to_a_selection_stands_it_leads_to_the_basic(
    convert: Convert, address: str
) -> None:
    given = {"reference": address}
    extension = {"url": "http://a.example/x", "valueReference": given}
    provenance = {
        "resourceType": "Provenance",
        "id": "pr",
        "target": [given],
        "agent": [{"who": {"display": "x"}}],
        "entity": [{"role": "source", "what": given}],
    }
    request = {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "urn:x:p"},
        "supportingInfo": [{"reference": given}],
        "extension": [extension],
    }
    structure = {
        "resourceType": "BodyStructure",
        "id": "b",
        "patient": {"reference": "urn:x:p"},
        "includedStructure": [{"structure": {"text": "liver"}, "spatialReference": [given]}],
    }
    made = convert(PATIENT, STUDY, SELECTION, provenance, request, structure, observation(focus=[given]))
    expected = {"reference": ADDRESSES[address], "type": "Basic"}
    assert resource(made, "Provenance")["target"] == [expected]
    assert resource(made, "Provenance")["entity"][0]["what"] == expected
    assert resource(made, "Observation")["focus"] == [expected]
    assert resource(made, "ServiceRequest")["supportingInfo"] == [expected]
    assert resource(made, "ServiceRequest")["extension"][0]["valueReference"] == expected
    (included,) = resource(made, "BodyStructure")["extension"]
    assert included["extension"][1] == {"url": "spatialReference", "valueReference": expected}
    assert b"ImagingSelection/" not in made.json
    assert made.report.unmapped == ()


@every_address
def test_what_is_derived_from_a_selection_says_so_by_an_extension(convert: Convert, address: str) -> None:
    made = resource(
        convert(PATIENT, STUDY, SELECTION, observation(derivedFrom=[{"reference": address}])), "Observation"
    )
    (derived,) = made["derivedFrom"]
    expected = {"reference": ADDRESSES[address], "type": "Basic"}
    assert derived["extension"] == [{"url": ALTERNATE, "valueReference": expected}]
    # the study is known of what is in the Bundle
    assert derived.get("reference") == ("urn:x:st" if address == "urn:x:s" else None)


@pytest.mark.parametrize(
    ("address", "is_known"),
    [
        ("ImagingSelection/s", True),
        ("http://a.example/fhir/ImagingSelection/s", True),
        ("ImagingSelection/s/_history/3", True),
        ("http://a.example/fhir/ImagingSelection/s/_history/3", True),
        ("ImagingSelection/s/_history/2", False),
        ("http://b.example/fhir/ImagingSelection/s", False),
        ("ImagingSelection/other", False),
    ],
)
def test_the_study_is_known_of_the_selection_in_the_bundle(
    engine: Engine, address: str, is_known: bool
) -> None:
    content = bundle(
        PATIENT,
        STUDY,
        {**SELECTION, "meta": {"versionId": "3"}},
        observation(derivedFrom=[{"reference": address}]),
    )
    content["entry"][2]["fullUrl"] = "http://a.example/fhir/ImagingSelection/s"
    made = resource(sr2fhir.Transformer(engine, target=R4).convert(dumps(content)), "Observation")
    (derived,) = made["derivedFrom"]
    assert derived.get("reference") == ("urn:x:st" if is_known else None)
    expected = {"reference": address.replace("ImagingSelection", "Basic"), "type": "Basic"}
    assert derived["extension"][0]["valueReference"] == expected


def test_a_type_that_is_stated_is_enough(
    convert: Convert, check_valid: Callable[[sr2fhir.Result], None]
) -> None:
    logical = {"type": "ImagingSelection", "identifier": {"system": "urn:x", "value": "7"}}
    result = convert(PATIENT, observation(focus=[logical]))
    check_valid(result)
    assert resource(result, "Observation")["focus"] == [{**logical, "type": "Basic"}]


def test_what_only_looks_like_a_selection_stays(convert: Convert) -> None:
    given = [
        {"reference": each}
        for each in ("http://a.example/ImagingSelection/Device/x", "Device/ImagingSelection")
    ]
    assert resource(convert(PATIENT, observation(focus=given)), "Observation")["focus"] == given


def test_a_search_that_a_basic_does_not_know_is_refused(engine: Engine) -> None:
    given = observation(focus=[{"reference": "ImagingSelection?study-uid=1.2"}])
    with pytest.raises(sr2fhir.InputError) as caught:
        sr2fhir.Transformer(engine, target=R4).convert(dumps(bundle(PATIENT, given)))
    assert str(caught.value).endswith(
        "[Bundle.entry[1].resource]: a reference searches ImagingSelection by what Basic cannot be searched by. "
        "Search it by identifier"
    )


@every_address
def test_without_selections_a_reference_names_them_alone(convert: Convert, address: str) -> None:
    given = {"reference": address}
    request = {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "urn:x:p"},
        "supportingInfo": [{"reference": given}, {"reference": {**given, "display": "the lesion"}}],
    }
    made = convert(PATIENT, STUDY, SELECTION, request, observation(focus=[given]), selections="none")
    first, second = resource(made, "ServiceRequest")["supportingInfo"]
    assert first == {"type": "ImagingSelection", "display": "ImagingSelection without identifier"}
    assert second == {"type": "ImagingSelection", "display": "the lesion"}
    assert "focus" not in resource(made, "Observation")
    lost = {line.source for line in made.report.unmapped}
    assert "Bundle.entry[4].resource.focus[0]" in lost


# ---- contained ---------------------------------------------------------------------------------------------


def test_contained_resources_are_led_through_with_the_references_to_them(
    convert: Convert, check_valid: Callable[[sr2fhir.Result], None]
) -> None:
    device = {"resourceType": "Device", "id": "d", "displayName": "CAD", "owner": {"reference": "#o"}}
    organization = {"resourceType": "Organization", "id": "o", "name": "Hospital"}
    site = {
        "resourceType": "BodyStructure",
        "id": "b",
        "patient": {"reference": "urn:x:p"},
        "includedStructure": [{"structure": {"text": "liver"}}],
    }
    selection = {**SELECTION, "id": "own"}
    given = observation(
        contained=[device, organization, site, selection],
        device={"reference": "#d"},
        bodyStructure={"reference": "#b"},
        derivedFrom=[{"reference": "#own"}],
    )
    result = convert(PATIENT, STUDY, given)
    check_valid(result)
    made = resource(result, "Observation")
    assert [(each["resourceType"], each["id"]) for each in made["contained"]] == [
        *(("Device", "d"), ("Organization", "o"), ("BodyStructure", "b"), ("Basic", "own")),
    ]
    assert made["contained"][0]["deviceName"] == [{"name": "CAD", "type": "user-friendly-name"}]
    assert made["contained"][0]["owner"] == {"reference": "#o"}
    assert made["device"] == {"reference": "#d"}
    assert made["bodySite"] == {"text": "liver"}
    (derived,) = made["derivedFrom"]
    assert derived["reference"] == "urn:x:st"
    assert derived["extension"][0]["valueReference"] == {"reference": "#own", "type": "Basic"}
    assert result.report.unmapped == ()
    assert result.report.resources == {"Patient": 1, "ImagingStudy": 1, "Observation": 1}


def test_two_resources_may_contain_what_has_one_id(convert: Convert) -> None:
    def measured(name: str, maker: str) -> Json:
        device = {"resourceType": "Device", "id": "d", "manufacturer": maker}
        return {**observation(contained=[device], device={"reference": "#d"}), "id": name}

    made = convert(PATIENT, measured("a", "one"), measured("b", "other")).bundle["entry"]
    assert [each["resource"]["contained"][0]["manufacturer"] for each in made[1:]] == ["one", "other"]
    assert [each["resource"]["device"] for each in made[1:]] == [{"reference": "#d"}] * 2


def test_what_is_contained_and_has_no_map_is_told_and_named(
    convert: Convert, check_valid: Callable[[sr2fhir.Result], None]
) -> None:
    encounter = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "completed",
        "identifier": [{"system": "urn:x", "value": "7"}],
    }
    given = observation(contained=[encounter], encounter={"reference": "#e"})
    result = convert(PATIENT, given)
    check_valid(result)
    made = resource(result, "Observation")
    assert "contained" not in made
    assert made["encounter"] == {"type": "Encounter", "identifier": {"system": "urn:x", "value": "7"}}
    (finding,) = result.findings
    assert (finding.severity, finding.where) == ("error", "Bundle.entry[1].resource.contained[0]")
    assert finding.message == "1 Encounter left out: there is no map of this type to R4"
    assert [line.source for line in result.report.unmapped] == ["Bundle.entry[1].resource.contained[0]"]


def test_a_canonical_of_what_is_left_out_is_left_out(
    convert: Convert, check_valid: Callable[[sr2fhir.Result], None]
) -> None:
    plan = {"resourceType": "PlanDefinition", "id": "pd", "status": "active"}
    request = {
        "resourceType": "ServiceRequest",
        "id": "r",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "urn:x:p"},
        "contained": [plan],
        "instantiatesCanonical": ["http://a.example/x", "#pd"],
    }
    result = convert(PATIENT, request)
    check_valid(result)
    assert resource(result, "ServiceRequest")["instantiatesCanonical"] == ["http://a.example/x"]
    assert [line.source for line in result.report.unmapped] == [
        "Bundle.entry[1].resource.instantiatesCanonical[1]",
        "Bundle.entry[1].resource.contained[0]",
    ]


def test_of_what_is_contained_each_element_without_a_place_has_a_line_with_its_own_path(
    convert: Convert,
) -> None:
    device = {"resourceType": "Device", "id": "d", "displayName": "CAD", "duration": {"value": 3}}
    result = convert(PATIENT, observation(contained=[device], device={"reference": "#d"}))
    assert [line.source for line in result.report.unmapped] == [
        "Bundle.entry[1].resource.contained[0].duration"
    ]


# ---- types without a map -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["Encounter", "Location", "MedicationRequest", "Basic", "List", "Composition"]
)
def test_a_type_without_a_map_is_left_out_and_the_rest_goes_on(convert: Convert, kind: str) -> None:
    result = convert(PATIENT, {"resourceType": kind, "id": "x"}, {"resourceType": kind, "id": "y"})
    assert [each["resource"] for each in result.bundle["entry"]] == [PATIENT]
    (finding,) = result.findings
    assert (finding.severity, finding.where) == ("error", "Bundle.entry[1]")
    assert finding.message == f"2 {kind}s left out: there is no map of this type to R4"


def test_the_page_lists_the_types_that_there_are_maps_for() -> None:
    page = (layout().sources / "docs/r4.md").read_text()
    (listed,) = re.findall(
        r"There are maps for the types that sr2fhir makes: (.*?)\. A resource of", page, re.DOTALL
    )
    assert set(re.split(r",\s+|\s+and\s+", listed)) == types_taken(R4)


def test_where_nothing_is_left_there_is_no_bundle(engine: Engine) -> None:
    given = dumps(bundle({"resourceType": "Encounter", "id": "e"}))
    with pytest.raises(
        sr2fhir.InputError, match=r"\[Bundle\.entry\]: there is no map for any resource of it\."
    ):
        sr2fhir.Transformer(engine, target=R4).convert(given)
    selections = dumps(bundle(SELECTION))
    with pytest.raises(sr2fhir.InputError, match=r"\[Bundle\.entry\]: nothing of it is left\."):
        sr2fhir.Transformer(engine, target=R4, selections="none").convert(selections)
