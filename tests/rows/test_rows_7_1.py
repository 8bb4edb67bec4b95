"""Rows of section 7.1: from R5 to R4, by R5 resources that also others may have made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from sr2fhir.jsontext import NumberText as N

from tests.r4.step import (
    ALTERNATE,
    MAP,
    MAP_WITHOUT_SELECTIONS,
    collection,
    down,
    extensions,
    name,
    r5,
    ref,
    stepped,
)
from tests.rows.look import DCM, SCT, absent, coding, concept

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

Json = dict[str, Any]
Step = Callable[..., list[Json]]

CT = coding(DCM, "CT", "Computed Tomography")
LUNG = concept(SCT, "39607008", "Lung")
LEFT = concept(SCT, "7771000", "Left")
UPPER = concept(SCT, "261183002", "Upper")
PATIENT = ref("Patient", "patient")
BOX = {"text": "a box"}
PROFILE = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/imaging-measurement"


@pytest.fixture(scope="module")
def step(engine: Engine) -> Step:
    """Return a function from R5 resources to what they are in R4."""

    def run(*resources: Json, map_url: str = MAP) -> list[Json]:
        return down(engine, *resources, map_url=map_url)

    return run


def same(step: Step, resource: Json) -> None:
    """Check that R4 has a resource as it is."""
    assert step(resource) == [resource]


# ---- Bundle and what all resources have ----


@pytest.mark.row("7.1.01")
def test_a_bundle_stays_as_it_is_but_for_the_signature(engine: Engine) -> None:
    bundle = collection(
        r5("Patient", "patient"),
        id="b",
        type="transaction",
        identifier={"value": "1"},
        timestamp="2026-01-01T00:00:00Z",
        link=[{"relation": "self", "url": "https://example.org"}],
    )
    request = {"method": "PUT", "url": f"Patient/{name('patient')}", "ifNoneMatch": "*"}
    bundle["entry"][0] |= {"id": "e", "request": request}
    signed = {**bundle, "signature": {"type": [CT], "when": "2026-01-01T00:00:00Z", "who": PATIENT}}
    assert stepped(engine, signed) == bundle


@pytest.mark.row("7.1.02")
def test_profiles_of_r5_are_left_out_and_all_else_that_a_resource_has_is_kept(step: Step) -> None:
    source, language = {"id": "SOPInstanceUID"}, {"id": "1.1"}
    meta = {
        "versionId": "3",
        "lastUpdated": "2026-01-01T00:00:00Z",
        "source": "urn:oid:1.2.3",
        "_source": source,
        "security": [coding(DCM, "1", "a")],
        "tag": [coding(DCM, "2", "b")],
    }
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><b>x</b></div>'}
    rest = {
        "implicitRules": "https://example.org/rules",
        "language": "de",
        "_language": language,
        "text": text,
        "extension": [{"url": "https://example.org/1", "valueString": "x"}],
        "modifierExtension": [{"url": "https://example.org/2", "valueString": "y"}],
    }
    (made,) = step(r5("Observation", meta={**meta, "profile": [PROFILE]}, **rest, code=LUNG))
    assert made == r5("Observation", meta=meta, **rest, code=LUNG)
    (bare,) = step(r5("Observation", meta={"profile": [PROFILE]}, code=LUNG))
    assert bare == r5("Observation", code=LUNG)


@pytest.mark.row("7.1.02")
def test_the_ids_of_elements_are_kept(step: Step) -> None:
    same(
        step,
        r5(
            "Observation",
            _status={"id": "PreliminaryFlag"},
            code={"id": "1.2", **LUNG},
            issued="2026-01-01T00:00:00Z",
            _issued={"id": "ContentDate-ContentTime"},
            effectiveDateTime="2026-01-01",
            _effectiveDateTime={"id": "StudyDate"},
            valueString="x",
            _valueString={"id": "1.2.3"},
        ),
    )


@pytest.mark.row("7.1.03")
def test_patients_are_the_same(step: Step) -> None:
    same(
        step,
        r5(
            "Patient",
            identifier=[{"id": "PatientID", "value": "1"}],
            active=True,
            name=[{"family": "Doe"}],
            telecom=[{"value": "1"}],
            gender="other",
            _gender={"id": "PatientSex"},
            birthDate="1950",
            deceasedBoolean=False,
            address=[{"city": "Bonn"}],
            maritalStatus=LUNG,
            multipleBirthInteger=N("2"),
            photo=[{"title": "x"}],
            contact=[{"gender": "male"}],
            communication=[{"language": LUNG}],
            generalPractitioner=[ref("Practitioner", "gp")],
            managingOrganization=ref("Organization", "o"),
            link=[{"other": PATIENT, "type": "seealso"}],
        ),
    )


@pytest.mark.row("7.1.03")
def test_practitioners_are_the_same_but_that_languages_are_concepts(step: Step) -> None:
    known = {
        "identifier": [{"value": "1"}],
        "active": True,
        "name": [{"family": "Doe"}],
        "telecom": [{"value": "1"}],
        "address": [{"city": "Bonn"}],
        "gender": "female",
        "birthDate": "1950-01-01",
        "photo": [{"title": "x"}],
        "qualification": [{"code": LUNG}],
    }
    (made,) = step(r5("Practitioner", **known, communication=[{"language": LEFT, "preferred": True}]))
    assert made == r5("Practitioner", **known, communication=[LEFT])


# ---- orders, studies, endpoints ----


@pytest.mark.row("7.1.04")
def test_the_code_of_an_order_is_a_concept(step: Step) -> None:
    known = {
        "identifier": [{"value": "A-1"}],
        "status": "unknown",
        "intent": "order",
        "subject": PATIENT,
        "authoredOn": "2026-01-01",
        "bodySite": [LUNG],
        "note": [{"text": "x"}],
    }
    condition, document = ref("Condition", "c"), ref("DocumentReference", "d")
    (made,) = step(
        r5(
            "ServiceRequest",
            **known,
            code={"concept": {"id": "1", **LUNG}},
            location=[{"concept": LEFT}, {"reference": ref("Location", "l")}],
            reason=[{"concept": UPPER}, {"reference": condition}],
            supportingInfo=[{"reference": document}],
            focus=[PATIENT],
        )
    )
    assert extensions(made, "ServiceRequest.focus") == [{"valueReference": PATIENT}]
    del made["extension"]
    assert made == r5(
        "ServiceRequest",
        **known,
        code={"id": "1", **LUNG},
        locationCode=[LEFT],
        locationReference=[ref("Location", "l")],
        reasonCode=[UPPER],
        reasonReference=[condition],
        supportingInfo=[document],
    )


@pytest.mark.row("7.1.05")
def test_modality_site_and_laterality_of_a_study_are_codings(step: Step) -> None:
    series = {
        "uid": "1.2.3",
        "number": N("4"),
        "description": "thin",
        "numberOfInstances": N("1"),
        "endpoint": [ref("Endpoint", "e")],
        "specimen": [ref("Specimen", "s")],
        "started": "2026-01-01",
        "performer": [{"function": LUNG, "actor": ref("Device", "d")}],
        "instance": [{"uid": "1.2.3.4", "sopClass": CT, "number": N("1"), "title": "x"}],
    }
    structure = ref("BodyStructure", "b")
    (made,) = step(
        r5(
            "ImagingStudy",
            modality=[{"id": "Modality", "coding": [CT]}, {"text": "echo"}],
            series=[
                {
                    **series,
                    "modality": {"coding": [CT]},
                    "bodySite": {"concept": LUNG, "reference": structure},
                    "laterality": LEFT,
                },
                {"uid": "1.2.5", "modality": {"extension": absent("unknown")}},
            ],
        )
    )
    assert made["modality"] == [{"id": "Modality", **CT}, {"display": "echo"}]
    first, second = made["series"]
    assert extensions(first, "ImagingStudy.series.bodySite") == [
        {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/_datatype",
                    "valueString": "CodeableReference",
                },
                {"url": "concept", "valueCodeableConcept": LUNG},
                {"url": "reference", "valueReference": structure},
            ]
        }
    ]
    assert "extension" not in first["bodySite"]
    del first["extension"]
    assert first == {
        **series,
        "modality": CT,
        "bodySite": LUNG["coding"][0],
        "laterality": LEFT["coding"][0],
    }
    assert second == {"uid": "1.2.5", "modality": coding(DCM, "OT", "Other Modality")}


@pytest.mark.row("7.1.06")
def test_the_procedures_of_a_study_are_concepts(step: Step) -> None:
    known = {
        "identifier": [{"id": "StudyInstanceUID", "value": "urn:oid:1.2"}],
        "subject": PATIENT,
        "started": "2026-01-01",
        "_started": {"id": "StudyDate"},
        "basedOn": [ref("ServiceRequest", "r")],
        "referrer": ref("Practitioner", "p"),
        "location": ref("Location", "l"),
        "note": [{"text": "x"}],
        "description": "chest",
    }
    plan, procedure = ref("PlanDefinition", "plan"), ref("Procedure", "procedure")
    (made,) = step(
        r5(
            "ImagingStudy",
            **known,
            partOf=[procedure],
            procedure=[{"concept": {"id": "1.3", **LUNG}}, {"reference": plan}],
            reason=[{"concept": UPPER}],
        )
    )
    assert extensions(made, "ImagingStudy.partOf") == [{"valueReference": procedure}]
    (extension,) = extensions(made, "ImagingStudy.procedure")
    assert extensions(extension, "reference") == [{"valueReference": plan}]
    del made["extension"]
    assert made == r5("ImagingStudy", **known, procedureCode=[{"id": "1.3", **LUNG}], reasonCode=[UPPER])


@pytest.mark.row("7.1.07")
def test_an_endpoint_has_one_connection_type_and_types_of_payload(step: Step) -> None:
    system = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
    wado, other = {"system": system, "code": "dicom-wado-rs"}, concept(system, "dicom-qido-rs", "QIDO")
    known = {
        "identifier": [{"value": "1"}],
        "status": "active",
        "name": "archive",
        "managingOrganization": ref("Organization", "o"),
        "contact": [{"value": "1"}],
        "period": {"start": "2026"},
        "address": "https://example.org/wado",
        "header": ["X: 1"],
    }
    (made,) = step(
        r5(
            "Endpoint",
            **known,
            connectionType=[{"coding": [wado]}, other],
            description="d",
            environmentType=[LUNG],
            payload=[{"type": [{"text": "DICOM WADO-RS"}, LEFT], "mimeType": ["application/dicom"]}],
        )
    )
    assert extensions(made, "Endpoint.connectionType") == [{"valueCodeableConcept": other}]
    assert extensions(made, "Endpoint.description") == [{"valueString": "d"}]
    assert extensions(made, "Endpoint.environmentType") == [{"valueCodeableConcept": LUNG}]
    del made["extension"]
    payloads = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
    assert made == r5(
        "Endpoint",
        **known,
        connectionType=wado,
        payloadType=[{**concept(payloads, "none", "None"), "text": "DICOM WADO-RS"}, LEFT],
        payloadMimeType=["application/dicom"],
    )


@pytest.mark.row("7.1.07")
def test_an_endpoint_without_a_type_of_payload_takes_any_and_studies_keep_their_endpoints(step: Step) -> None:
    endpoint = r5("Endpoint", "e", status="active", connectionType=[LUNG], address="https://example.org")
    counted = {"endpoint": [ref("Endpoint", "e")], "numberOfSeries": N("1"), "numberOfInstances": N("2")}
    made, study = step(endpoint, r5("ImagingStudy", "s", subject=PATIENT, **counted))
    (payload,) = made["payloadType"]
    assert payload["coding"][0]["code"] == "any"
    assert study == r5("ImagingStudy", "s", subject=PATIENT, **counted)


# ---- devices ----


@pytest.mark.row("7.1.08")
def test_the_names_of_a_device(step: Step) -> None:
    names = [
        {"value": "Scanner", "_value": {"id": "ManufacturerModelName"}, "type": "user-friendly-name"},
        {"value": "Registered", "type": "registered-name"},
    ]
    (made,) = step(r5("Device", displayName="Scanner", name=names))
    shown, registered = made["deviceName"]
    assert extensions(shown, "Device.displayName") == [{"valueString": "Scanner"}]
    assert (shown["name"], shown["_name"]) == ("Scanner", {"id": "ManufacturerModelName"})
    assert shown["type"] == "user-friendly-name"
    assert registered == {"name": "Registered", "type": "manufacturer-name"}
    (made,) = step(r5("Device", displayName="Ward 3", _displayName={"id": "1.2"}, name=names[1:]))
    assert made["deviceName"] == [
        {"name": "Ward 3", "_name": {"id": "1.2"}, "type": "user-friendly-name"},
        registered,
    ]


@pytest.mark.row("7.1.09")
def test_a_device_has_one_type_and_the_others_as_extensions(step: Step) -> None:
    (made,) = step(r5("Device", type=[{"id": "1.1", **LUNG}, {"id": "1.2", **LEFT}]))
    assert made["type"] == {"id": "1.1", **LUNG}
    assert extensions(made, "Device.type") == [{"valueCodeableConcept": {"id": "1.2", **LEFT}}]


@pytest.mark.row("7.1.10")
def test_a_property_of_a_device_that_is_a_text_or_a_number_is_the_text_of_a_concept(step: Step) -> None:
    quantity, ranged = {"value": N("1.50"), "unit": "mm"}, {"low": {"value": N("1")}}
    given: list[Json] = [
        {"valueString": "a = 1", "_valueString": {"id": "1.4"}},
        {"valueInteger": N("3")},
        {"valueBoolean": True},
        {"valueQuantity": quantity},
        {"valueCodeableConcept": LEFT},
        {"valueRange": ranged},
    ]
    (made,) = step(r5("Device", property=[{"type": LUNG, **each} for each in given]))
    *native, last = made["property"]
    assert native == [
        {"type": LUNG, **each}
        for each in (
            {"valueCode": [{"text": "a = 1", "_text": {"id": "1.4"}}]},
            {"valueCode": [{"text": "3"}]},
            {"valueCode": [{"text": "true"}]},
            {"valueQuantity": [quantity]},
            {"valueCode": [LEFT]},
        )
    ]
    assert extensions(last, "Device.property.value") == [{"valueRange": ranged}]


@pytest.mark.row("7.1.11")
def test_all_else_of_a_device_is_the_same(step: Step) -> None:
    known = {
        "identifier": [{"id": "DeviceUID", "value": "1"}],
        "udiCarrier": [
            {"deviceIdentifier": "1", "issuer": "https://www.gs1.org/gtin", "carrierHRF": "(01)1"}
        ],
        "status": "active",
        "manufacturer": "ACME",
        "_manufacturer": {"id": "Manufacturer"},
        "manufactureDate": "2020",
        "expirationDate": "2030",
        "lotNumber": "7",
        "serialNumber": "8",
        "modelNumber": "M",
        "partNumber": "P",
        "version": [{"type": LUNG, "component": {"value": "c"}, "value": "1.0", "_value": {"id": "1.3"}}],
        "owner": ref("Organization", "o"),
        "contact": [{"value": "1"}],
        "location": ref("Location", "l"),
        "url": "https://example.org",
        "note": [{"text": "x"}],
        "safety": [LEFT],
        "parent": ref("Device", "p"),
    }
    definition = ref("DeviceDefinition", "d")
    (made,) = step(
        r5(
            "Device",
            **known,
            definition={"reference": definition},
            conformsTo=[{"specification": LUNG, "version": "2"}],
        )
    )
    assert made == r5(
        "Device", **known, definition=definition, specialization=[{"systemType": LUNG, "version": "2"}]
    )


# ---- structures and specimens ----


def structure(called: str, *included: Json, **elements: Any) -> Json:
    return r5("BodyStructure", called, includedStructure=list(included), patient=PATIENT, **elements)


@pytest.mark.row("7.1.12")
def test_a_structure_is_the_location_and_what_qualifies_it(step: Step) -> None:
    known = {
        "identifier": [{"id": "1.1", "value": "lesion 1"}],
        "active": True,
        "morphology": UPPER,
        "description": "d",
        "image": [{"title": "x"}],
    }
    site = {"structure": {"id": "1.4", **LUNG}, "laterality": {"id": "1.4.1", **LEFT}, "qualifier": [UPPER]}
    (made,) = step(structure("b", site, **known))
    assert made == r5(
        "BodyStructure",
        "b",
        **known,
        location={"id": "1.4", **LUNG},
        locationQualifier=[{"id": "1.4.1", **LEFT}, UPPER],
        patient=PATIENT,
    )


@pytest.mark.row("7.1.12")
def test_several_structures_are_all_of_them_extensions(step: Step) -> None:
    (made,) = step(structure("b", {"structure": LUNG, "laterality": LEFT}, {"structure": UPPER}))
    assert (made["location"], made["locationQualifier"]) == (LUNG, [LEFT])
    first, second = extensions(made, "BodyStructure.includedStructure")
    assert extensions(first, "structure") == [{"valueCodeableConcept": LUNG}]
    assert extensions(first, "laterality") == [{"valueCodeableConcept": LEFT}]
    assert extensions(second, "structure") == [{"valueCodeableConcept": UPPER}]


@pytest.mark.row("7.1.13")
def test_the_container_of_a_specimen_is_named_by_its_identifier(step: Step) -> None:
    known = {
        "identifier": [{"value": "1"}],
        "status": "available",
        "type": LUNG,
        "subject": PATIENT,
        "receivedTime": "2026-01-01",
        "request": [ref("ServiceRequest", "r")],
        "condition": [LEFT],
        "note": [{"text": "x"}],
    }
    device = ref("Device", "d")
    (made,) = step(
        r5(
            "Specimen",
            **known,
            collection={"collectedDateTime": "2026", "method": LUNG, "bodySite": {"concept": LEFT}},
            processing=[{"description": "cut", "method": UPPER}],
            container=[
                {
                    "device": {
                        "type": "Device",
                        "identifier": {"id": "1.9", "value": "box 1"},
                        "display": "box",
                    }
                },
                {"device": device},
            ],
        )
    )
    *containers, last = made.pop("container")
    assert made == r5(
        "Specimen",
        **known,
        collection={"collectedDateTime": "2026", "method": LUNG, "bodySite": LEFT},
        processing=[{"description": "cut", "procedure": UPPER}],
    )
    assert containers == [{"identifier": [{"id": "1.9", "value": "box 1"}], "description": "box"}]
    assert extensions(last, "Specimen.container.device") == [{"valueReference": device}]


# ---- observations ----

QUANTITY = {
    "id": "1.5",
    "value": N("12.500"),
    "unit": "mm",
    "system": "http://unitsofmeasure.org",
    "code": "mm",
}


@pytest.mark.row("7.1.14")
def test_an_observation_is_the_same(step: Step) -> None:
    same(
        step,
        r5(
            "Observation",
            identifier=[{"id": "1.5.ObservationUID", "value": "urn:oid:1.2"}],
            basedOn=[ref("ServiceRequest", "r")],
            partOf=[ref("ImagingStudy", "s")],
            category=[UPPER],
            code={"text": "Length – lesion 1", **LUNG},
            subject=PATIENT,
            focus=[{"type": "Patient", "display": "Fetus"}],
            encounter=ref("Encounter", "e"),
            effectivePeriod={
                "start": "2026",
                "extension": [{"url": "https://example.org", "valueString": "x"}],
            },
            issued="2026-01-01T00:00:00Z",
            performer=[ref("Practitioner", "p")],
            valueQuantity=QUANTITY,
            interpretation=[LEFT],
            note=[{"text": "x"}],
            bodySite=LUNG,
            method=UPPER,
            specimen=ref("Specimen", "sp"),
            device=ref("Device", "d"),
            referenceRange=[{"low": {"value": N("1.0")}, "text": "normal"}],
            hasMember=[ref("Observation", "m")],
            derivedFrom=[ref("Observation", "o"), ref("ImagingStudy", "s")],
            component=[{"id": "1.5.1", "code": LUNG, "valueQuantity": {"value": N("3.10")}}, {"code": LEFT}],
        ),
    )


@pytest.mark.row("7.1.14")
@pytest.mark.parametrize(
    "value",
    [
        {"valueCodeableConcept": {"id": "1.1", **LUNG}},
        {"valueString": "x", "_valueString": {"id": "1.1"}},
        {"valueBoolean": True},
        {"valueInteger": N("3")},
        {"valueTime": "10:00:00", "_valueTime": {"id": "1.1"}},
        {"valueDateTime": "2026-01-01", "_valueDateTime": {"id": "1.1"}},
        {"valuePeriod": {"start": "2026"}},
        {"valueRange": {"low": {"value": N("1.0")}}},
        {"valueRatio": {"numerator": {"value": N("1.0")}}},
        {"valueQuantity": {**QUANTITY, "extension": [{"url": "https://example.org", "valueString": "x"}]}},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_value_that_both_versions_know_is_the_same(step: Step, value: Json) -> None:
    same(step, r5("Observation", code=LUNG, **value, component=[{"code": LEFT, **value}]))


@pytest.mark.row("7.1.15")
def test_a_body_structure_is_an_extension_and_its_site_the_body_site(step: Step) -> None:
    observed = r5("Observation", "o", code=LUNG, bodyStructure=ref("BodyStructure", "b"))
    others = [structure(f"other {number}", {"structure": UPPER}) for number in range(12)]
    site = {"id": "1.4", **LUNG}
    made = step(*others, structure("b", {"structure": site, "laterality": LEFT}), observed)[-1]
    assert made["bodySite"] == site
    assert extensions(made, "Observation.bodyStructure") == [{"valueReference": observed["bodyStructure"]}]


@pytest.mark.row("7.1.15")
@pytest.mark.parametrize(
    "included",
    [
        [{"structure": LUNG}, {"structure": UPPER}],  # bodySite would name one of two
        [{"structure": {"extension": absent("unknown")}}],
        [],  # the structure is not in the Bundle
    ],
)
def test_there_is_no_body_site_where_the_structure_is_not_one_known_site(
    step: Step, included: list[Json]
) -> None:
    observed = r5("Observation", "o", code=LUNG, bodyStructure=ref("BodyStructure", "b"))
    made = step(*([structure("b", *included)] if included else []), observed)[-1]
    assert "bodySite" not in made
    assert extensions(made, "Observation.bodyStructure") == [{"valueReference": observed["bodyStructure"]}]


@pytest.mark.row("7.1.15")
def test_the_structure_of_a_bundle_with_relative_references_is_found(engine: Engine) -> None:
    observed = r5("Observation", "o", code=LUNG, bodyStructure={"reference": "BodyStructure/b"})
    bundle = collection(observed, {**structure("b", {"structure": LUNG}), "id": "b"})
    bundle["entry"][1]["fullUrl"] = "https://example.org/fhir/BodyStructure/b"
    (made, _) = (entry["resource"] for entry in stepped(engine, bundle)["entry"])
    assert made["bodySite"] == LUNG


def selection(called: str, study: str | None, **elements: Any) -> Json:
    derived = {"derivedFrom": [ref("ImagingStudy", study, identifier={"value": study})]} if study else {}
    return r5("ImagingSelection", called, code=LUNG, **derived, **elements)


def alternate(*called: str) -> list[Json]:
    return [{"valueReference": ref("Basic", each)} for each in called]


def studies(made: Json) -> list[tuple[str | None, list[Json]]]:
    """Return reference and alternate references of what an Observation is derived from."""
    return [(each.get("reference"), extensions(each, ALTERNATE)) for each in made["derivedFrom"]]


@pytest.mark.row("7.1.16")
def test_an_observation_is_derived_from_the_study_of_its_selections_once(step: Step) -> None:
    selections = [selection("s1", "now"), selection("s2", "prior"), selection("s3", "now")]
    sources = [ref("ImagingSelection", each) for each in ("s1", "s2", "s3")]
    measurement = ref("Observation", "measurement")
    made = step(*selections, r5("Observation", "o", code=LUNG, derivedFrom=[*sources, measurement]))[-1]
    other, now, prior = made["derivedFrom"]
    assert other == measurement
    assert extensions(now, ALTERNATE) == alternate("s1", "s3")
    assert extensions(prior, ALTERNATE) == alternate("s2")
    for found, study in ((now, "now"), (prior, "prior")):
        assert {key: value for key, value in found.items() if key != "extension"} == ref(
            "ImagingStudy", study, identifier={"value": study}
        )


@pytest.mark.row("7.1.16")
def test_a_reference_to_a_selection_keeps_its_id(step: Step) -> None:
    source = ref("ImagingSelection", "s1", id="1.5.7")
    made = step(selection("s1", "now"), r5("Observation", "o", code=LUNG, derivedFrom=[source]))[-1]
    assert extensions(made["derivedFrom"][0], ALTERNATE) == [
        {"valueReference": ref("Basic", "s1", id="1.5.7")}
    ]


@pytest.mark.row("7.1.16")
def test_a_selection_of_no_known_study_is_an_alternate_of_nothing(step: Step) -> None:
    sources = [ref("ImagingSelection", "elsewhere")]
    made = step(selection("s1", "now"), r5("Observation", "o", code=LUNG, derivedFrom=sources))[-1]
    assert studies(made) == [(None, alternate("elsewhere"))]


@pytest.mark.row("7.1.16")
def test_selections_are_known_without_the_type_of_the_reference(engine: Engine) -> None:
    made = {**selection("s", "now"), "id": "s"}
    source = {"reference": "ImagingSelection/s"}
    bundle = collection(made, r5("Observation", "o", code=LUNG, derivedFrom=[source]))
    bundle["entry"][0]["fullUrl"] = "https://example.org/fhir/ImagingSelection/s"
    basic, observed = stepped(engine, bundle)["entry"]
    assert basic["fullUrl"] == "https://example.org/fhir/Basic/s"
    (found,) = extensions(observed["resource"]["derivedFrom"][0], ALTERNATE)
    assert found == {"valueReference": {"reference": "Basic/s", "type": "Basic"}}


# ---- selections ----


@pytest.mark.row("7.1.17")
def test_a_selection_is_a_basic_with_an_extension_for_each_element(step: Step) -> None:
    code = {"id": "1.5.7", **LEFT, "text": "Left"}
    order, study, endpoint = ref("ServiceRequest", "r"), ref("ImagingStudy", "st"), ref("Endpoint", "e")
    actor = {"function": UPPER, "actor": ref("Practitioner", "p")}
    known = {"identifier": [{"value": "1"}], "subject": PATIENT, "meta": {"source": "urn:oid:1.2"}}
    values: dict[str, tuple[str, Any]] = {
        "issued": ("valueInstant", "2026-01-01T10:00:00Z"),
        "studyUid": ("valueId", "1.2.3"),
        "seriesUid": ("valueId", "1.2.4"),
        "frameOfReferenceUid": ("valueId", "1.2.5"),
    }
    (made,) = step(
        r5(
            "ImagingSelection",
            **known,
            **{element: value for element, (_, value) in values.items()},
            _issued={"id": "ContentDate"},
            seriesNumber=N("4"),
            performer=[actor],
            basedOn=[order],
            category=[UPPER],
            code=code,
            derivedFrom=[study],
            endpoint=[endpoint],
            bodySite={"concept": LUNG},
            focus=[ref("ImagingSelection", "f")],
        )
    )
    assert made["resourceType"] == "Basic"
    assert {element: made[element] for element in known} == known
    assert (made["created"], made["_created"]) == ("2026-01-01", {"id": "ContentDate"})
    kind = {"system": "http://hl7.org/fhir/fhir-types", "code": "ImagingSelection"}
    assert made["code"] == {"id": "1.5.7", "coding": [kind, *LEFT["coding"]], "text": "Left"}
    assert extensions(made, "ImagingSelection.status", "modifierExtension") == [{"valueCode": "available"}]
    for element, (type_, value) in values.items():
        (found,) = extensions(made, f"ImagingSelection.{element}")
        assert found[type_] == value
    assert extensions(made, "ImagingSelection.seriesNumber") == [{"valueUnsignedInt": "4"}]
    assert extensions(made, "ImagingSelection.code") == [{"valueCodeableConcept": code}]
    assert extensions(made, "ImagingSelection.category") == [{"valueCodeableConcept": UPPER}]
    for element, reference in (("basedOn", order), ("derivedFrom", study), ("endpoint", endpoint)):
        assert extensions(made, f"ImagingSelection.{element}") == [{"valueReference": reference}]
    assert extensions(made, "ImagingSelection.focus") == [{"valueReference": ref("Basic", "f")}]
    (performer,) = extensions(made, "ImagingSelection.performer")
    assert extensions(performer, "function") == [{"valueCodeableConcept": UPPER}]
    assert extensions(performer, "actor") == [{"valueReference": actor["actor"]}]
    (site,) = extensions(made, "ImagingSelection.bodySite")
    assert [each["url"] for each in site["extension"]] == [
        "http://hl7.org/fhir/StructureDefinition/_datatype",
        "concept",
    ]


@pytest.mark.row("7.1.18")
def test_the_instances_of_a_selection_are_extensions_with_parts(step: Step) -> None:
    regions = {
        "imageRegion2D": [
            {"id": "1.5.7.1", "regionType": "circle", "coordinate": [N("10.50"), N("1"), N("1.5"), N("1")]}
        ],
        "imageRegion3D": [{"regionType": "point", "coordinate": [N("1.5"), N("2.5"), N("3.50")]}],
    }
    instance = {"id": "1.5.7", "uid": "1.2.3", "number": N("2"), "sopClass": CT, "subset": ["1", "7"]}
    (made,) = step(r5("ImagingSelection", code=LUNG, instance=[{**instance, **regions}]))
    (found,) = extensions(made, "ImagingSelection.instance")
    assert found["id"] == "1.5.7"
    assert extensions(found, "uid") == [{"valueId": "1.2.3"}]
    assert extensions(found, "number") == [{"valueUnsignedInt": "2"}]
    assert extensions(found, "sopClass") == [{"valueCoding": CT}]
    assert extensions(found, "subset") == [{"valueString": "1"}, {"valueString": "7"}]
    for kind, (region,) in regions.items():
        (part,) = extensions(found, kind)
        assert part.get("id") == region.get("id")
        assert extensions(part, "regionType") == [{"valueCode": region["regionType"]}]
        assert extensions(part, "coordinate") == [{"valueDecimal": each} for each in region["coordinate"]]


@pytest.mark.row("7.1.19")
def test_selections_can_be_left_out(step: Step) -> None:
    source = ref("ImagingSelection", "s1")
    provenance = r5("Provenance", "p", target=[source, PATIENT], recorded="2026-01-01T00:00:00Z")
    observed, told = step(
        selection("s1", "now"),
        r5("Observation", "o", code=LUNG, derivedFrom=[source], focus=[source]),
        provenance,
        map_url=MAP_WITHOUT_SELECTIONS,
    )
    assert observed["derivedFrom"] == [ref("ImagingStudy", "now", identifier={"value": "now"})]
    assert "focus" not in observed
    assert told == {**provenance, "target": [PATIENT]}


@pytest.mark.row("7.1.20")
def test_other_references_to_a_selection_lead_to_its_basic(step: Step) -> None:
    source, basic = ref("ImagingSelection", "s1"), ref("Basic", "s1")
    observed, told, body = step(
        r5("Observation", "o", code=LUNG, focus=[source]),
        r5("Provenance", "p", target=[source], recorded="2026-01-01T00:00:00Z", entity=[{"what": source}]),
        structure("b", {"structure": LUNG, "spatialReference": [source]}),
    )
    assert observed["focus"] == [basic]
    assert told["target"] == [basic]
    assert told["entity"] == [{"what": basic}]
    (included,) = extensions(body, "BodyStructure.includedStructure")
    assert extensions(included, "spatialReference") == [{"valueReference": basic}]


@pytest.mark.row("7.1.21")
def test_the_request_for_a_selection_names_its_new_type(engine: Engine) -> None:
    bundle = collection(selection("s", None), type="transaction")
    bundle["entry"][0]["request"] = {"method": "PUT", "url": f"ImagingSelection/{name('s')}", "ifMatch": "1"}
    (entry,) = stepped(engine, bundle)["entry"]
    assert entry["request"] == {"method": "PUT", "url": f"Basic/{name('s')}", "ifMatch": "1"}


@pytest.mark.row("7.1.22")
def test_what_is_absent_stays_so(step: Step) -> None:
    same(
        step,
        r5(
            "Observation",
            code={"extension": absent("unknown")},
            _issued={"extension": absent("unknown")},
            valueQuantity={"id": "1.2", "extension": absent("not-a-number"), "code": "mm"},
            component=[{"code": LUNG, "valueQuantity": {"extension": absent("unknown")}}],
        ),
    )


@pytest.mark.row("7.1.23")
def test_values_that_r4_does_not_know(step: Step) -> None:
    attachment = {"title": "x"}
    (made,) = step(
        r5(
            "Observation",
            code=LUNG,
            valueAttachment=attachment,
            component=[
                {"code": LUNG, "valueAttachment": attachment},
                {"code": LUNG, "valueReference": {"display": "y"}},
                {"code": LEFT, "valueString": "x"},
            ],
            referenceRange=[{"text": "t", "_text": {"id": "1.7"}, "normalValue": UPPER}],
        )
    )
    assert extensions(made, "Observation.value") == [{"valueAttachment": attachment}]
    attached, referred, copied = made["component"]
    assert extensions(attached, "Observation.component.value") == [{"valueAttachment": attachment}]
    assert extensions(referred, "Observation.component.value") == [{"valueReference": {"display": "y"}}]
    assert copied == {"code": LEFT, "valueString": "x"}
    (ranged,) = made["referenceRange"]
    assert extensions(ranged, "Observation.referenceRange.normalValue") == [{"valueCodeableConcept": UPPER}]
    assert (ranged["text"], ranged["_text"]) == ("t", {"id": "1.7"})


@pytest.mark.row("7.1.23")
def test_data_of_a_curve_have_a_period_in_milliseconds(step: Step) -> None:
    curve = {
        "origin": {"value": 0},
        "interval": N("2.50"),
        "intervalUnit": "ms",
        "dimensions": 1,
        "data": "1 2",
    }
    in_seconds = {**curve, "interval": N("0.004"), "intervalUnit": "s"}
    elsewhere = {**curve, "intervalUnit": "mm"}
    (made,) = step(
        r5(
            "Observation",
            code=LUNG,
            valueSampledData=curve,
            component=[{"code": LUNG, "valueSampledData": each} for each in (in_seconds, elsewhere)],
        )
    )
    known = {"origin": {"value": "0"}, "dimensions": "1", "data": "1 2"}
    assert made["valueSampledData"] == {**known, "period": "2.50"}
    assert made["component"] == [
        {"code": LUNG, "valueSampledData": {**known, "period": "4.000"}},
        {"code": LUNG},
    ]


@pytest.mark.row("7.1.23")
def test_the_size_of_an_attachment_is_a_number(step: Step) -> None:
    (made,) = step(r5("Patient", photo=[{"size": "70000", "width": 3}, {"size": "3000000000", "title": "x"}]))
    assert made["photo"] == [{"size": N("70000")}, {"title": "x"}]
    assert isinstance(made["photo"][0]["size"], N)


# ---- report and provenance ----


@pytest.mark.row("7.1.24")
def test_the_studies_of_a_report(step: Step) -> None:
    known = {
        "identifier": [{"id": "SOPInstanceUID", "value": "urn:oid:1.2"}],
        "basedOn": [ref("ServiceRequest", "r")],
        "category": [LEFT],
        "code": LUNG,
        "subject": PATIENT,
        "encounter": ref("Encounter", "e"),
        "effectiveDateTime": "2026-01-01",
        "_effectiveDateTime": {"id": "StudyDate"},
        "issued": "2026-01-01T00:00:00Z",
        "performer": [ref("Practitioner", "p")],
        "resultsInterpreter": [ref("Practitioner", "q", id="VerifyingObserverSequence.1")],
        "specimen": [ref("Specimen", "sp")],
        "result": [ref("Observation", "o")],
        "conclusion": "c",
        "conclusionCode": [UPPER],
        "presentedForm": [{"title": "x"}],
    }
    study, note, composition = ref("ImagingStudy", "st"), {"text": "n"}, ref("Composition", "c")
    (made,) = step(
        r5("DiagnosticReport", **known, status="partial", study=[study], note=[note], composition=composition)
    )
    assert extensions(made, "DiagnosticReport.note") == [{"valueAnnotation": note}]
    assert extensions(made, "DiagnosticReport.composition") == [{"valueReference": composition}]
    del made["extension"]
    assert made == r5("DiagnosticReport", **known, status="partial", imagingStudy=[study])
    (made,) = step(r5("DiagnosticReport", code=LUNG, status="modified"))
    assert made["status"] == "amended"
    same(step, r5("DiagnosticReport", code=LUNG, _status={"extension": absent("unknown")}))


@pytest.mark.row("7.1.25")
def test_whose_provenance_it_is(step: Step) -> None:
    known = {
        "target": [ref("DiagnosticReport", "r")],
        "occurredPeriod": {"start": "2026-01-01", "_start": {"id": "VerificationDateTime"}},
        "recorded": "2026-01-01T00:00:00Z",
        "_recorded": {"id": "InstanceCreationDate"},
        "policy": ["https://example.org/policy"],
        "location": ref("Location", "l"),
        "activity": LUNG,
        "agent": [{"type": LEFT, "who": ref("Practitioner", "p"), "onBehalfOf": {"display": "Ward"}}],
        "entity": [{"role": "source", "what": {"id": "1.2", "identifier": {"value": "urn:oid:1.2"}}}],
    }
    (made,) = step(
        r5(
            "Provenance",
            **known,
            patient=PATIENT,
            encounter=ref("Encounter", "e"),
            basedOn=[ref("ServiceRequest", "r")],
            authorization=[{"concept": UPPER}],
        )
    )
    assert extensions(made, "Provenance.patient") == [{"valueReference": PATIENT}]
    assert extensions(made, "Provenance.encounter") == [{"valueReference": ref("Encounter", "e")}]
    assert extensions(made, "Provenance.basedOn") == [{"valueReference": ref("ServiceRequest", "r")}]
    del made["extension"]
    assert made == r5("Provenance", **known, reason=[UPPER])


@pytest.mark.row("7.1.25")
def test_a_provenance_says_when_it_was_recorded_or_that_this_is_unknown(step: Step) -> None:
    (made,) = step(r5("Provenance", target=[PATIENT], entity=[{"role": "instantiates", "what": PATIENT}]))
    assert made["_recorded"] == {"extension": absent("unknown")}
    assert made["entity"] == [{"role": "derivation", "what": PATIENT}]


@pytest.mark.row("7.1.27")
def test_who_is_to_be_told_of_what(step: Step) -> None:
    known = {
        "identifier": [{"value": "1"}],
        "basedOn": [ref("ServiceRequest", "r")],
        "replaces": [ref("CommunicationRequest", "old")],
        "groupIdentifier": {"value": "g"},
        "status": "active",
        "statusReason": UPPER,
        "category": [LUNG],
        "priority": "stat",
        "_priority": {"id": "1.2"},
        "doNotPerform": False,
        "medium": [UPPER],
        "subject": PATIENT,
        "about": [ref("Observation", "o")],
        "encounter": ref("Encounter", "e"),
        "occurrencePeriod": {"start": "2026-01-01"},
        "authoredOn": "2026-01-01T00:00:00Z",
        "_authoredOn": {"id": "ContentDate"},
        "requester": ref("Device", "d"),
        "recipient": [ref("Practitioner", "p"), {"display": "Emergency"}],
        "note": [{"text": "n"}],
    }
    reference, attachment = ref("Observation", "o"), {"title": "x"}
    first, second = ref("Device", "d"), ref("Practitioner", "q")
    (made,) = step(
        r5(
            "CommunicationRequest",
            **known,
            intent="order",
            payload=[
                {"contentReference": reference},
                {"contentAttachment": attachment},
                {"contentCodeableConcept": LUNG},
            ],
            informationProvider=[first, second],
            reason=[{"concept": UPPER}, {"reference": reference}],
        )
    )
    assert extensions(made, "CommunicationRequest.informationProvider") == [{"valueReference": second}]
    concept_of = made["payload"].pop()
    assert concept_of["contentString"] == "Lung"
    assert extensions(concept_of, "CommunicationRequest.payload.content") == [{"valueCodeableConcept": LUNG}]
    del made["extension"]
    assert made == r5(
        "CommunicationRequest",
        **known,
        payload=[{"contentReference": reference}, {"contentAttachment": attachment}],
        sender=first,
        reasonCode=[UPPER],
        reasonReference=[reference],
    )


@pytest.mark.row("7.1.27")
def test_a_request_in_r4_is_one_unless_a_modifier_says_otherwise(step: Step) -> None:
    (made,) = step(r5("CommunicationRequest", status="draft", intent="proposal"))
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-CommunicationRequest.intent"
    assert made == r5(
        "CommunicationRequest", status="draft", modifierExtension=[{"url": url, "valueCode": "proposal"}]
    )


@pytest.mark.row("7.1.27")
def test_a_flag_is_the_same_in_r4(step: Step) -> None:
    detail = {
        "url": "http://hl7.org/fhir/StructureDefinition/flag-detail",
        "valueReference": ref("Observation", "o"),
    }
    flag = r5(
        "Flag",
        extension=[detail],
        identifier=[{"value": "1"}],
        status="active",
        _status={"id": "1.2"},
        category=[LUNG],
        code=UPPER,
        subject=PATIENT,
        period={"start": "2026-01-01T00:00:00Z", "_start": {"id": "ContentDate"}},
        encounter=ref("Encounter", "e"),
        author=ref("Device", "d"),
    )
    same(step, flag)


@pytest.mark.row("7.1.26")
def test_a_resource_of_a_type_without_a_map_is_left_out(step: Step) -> None:
    assert step(r5("List", "l", status="current", mode="working"), r5("Patient", "p")) == [r5("Patient", "p")]
