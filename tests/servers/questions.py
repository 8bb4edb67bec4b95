"""What clients ask a server about results, and by what in a resource it can be told whether it answers.

Each question is sent to a real server that holds the samples and one report more (test_searches.py). docs/clients.md
lists the questions and the numbers found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .client import Resource
from .conftest import PATIENTS

DCM, SCT = "http://dicom.nema.org/resources/ontology/DCM", "http://snomed.info/sct"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM, UID = "http://unitsofmeasure.org", "urn:dicom:uid"
PATIENT = f"{PATIENTS}|99000"
STUDY = "1.2.392.200103.20080913.113635.0.2009.6.22.21.43.10.22941.1"
# Tracking UID of a sample, and SOP Instance UID of the report with it
LESION, DOCUMENT = "1.2.276.0.7230010.3.999.5.1", "1.2.276.0.7230010.3.999.3.42"

IMAGE = "1.2.276.0.7230010.3.999.9.1"

Matches = Callable[[Resource], bool]


@dataclass(frozen=True)
class Question:
    """Hold a question.

    Parameters
    ----------
    asks
        What a client wants, in words.
    search
        The search.
    matches
        Tells of a resource of the searched type whether it is meant. References lead to the resources themselves.
    includes
        The same of resources that the search brings along.
    """

    asks: str
    search: str
    matches: Matches
    includes: Matches = lambda resource: False

    @property
    def kind(self) -> str:
        """Return the type of resource that is searched."""
        return self.search.partition("?")[0]


def coded(concept: Any, system: str, code: str) -> bool:
    """Tell whether a CodeableConcept has a code."""
    codings = (concept or {}).get("coding", ())
    return any(each.get("system") == system and each.get("code") == code for each in codings)


def identified(resource: Any, system: str, value: str) -> bool:
    """Tell whether a resource has an identifier."""
    identifiers = (resource or {}).get("identifier", ())
    return any(each.get("system") == system and each.get("value") == value for each in identifiers)


def target(resource: Resource, element: str) -> Resource:
    """Return the resource that the (first) reference of an element leads to, if one does."""
    found = resource.get(element) or {}
    first = found[0] if isinstance(found, list) else found
    return first.get("target") or {}


def is_category(system: str, code: str) -> Matches:
    return lambda resource: any(coded(each, system, code) for each in resource.get("category", ()))


def is_longer_than_30_mm(resource: Resource) -> bool:
    value = resource.get("valueQuantity", {})
    return value.get("system") == UCUM and value.get("code") == "mm" and float(value["value"]) > 30


def has_mean(resource: Resource) -> bool:
    return any(
        coded(part["code"], DCM, "121401") and coded(part.get("valueCodeableConcept"), SCT, "373098007")
        for part in resource.get("component", ())
    )


def is_in(code: str) -> Matches:
    """Tell whether the body structure of an observation lies at a site."""
    return lambda resource: any(
        coded(each["structure"], SCT, code)
        for each in target(resource, "bodyStructure").get("includedStructure", ())
    )


def is_by_device(name: str) -> Matches:
    return lambda resource: any(
        each["value"].startswith(name) for each in target(resource, "device").get("name", ())
    )


def is_of_document(resource: Resource) -> bool:
    return bool(resource.get("meta", {}).get("source") == f"urn:oid:{DOCUMENT}")


def selects(uid: str) -> Matches:
    return lambda resource: any(each["uid"] == uid for each in resource.get("instance", ()))


QUESTIONS = (
    Question(
        "the patient with an ID", f"Patient?identifier={PATIENT}", lambda r: identified(r, PATIENTS, "99000")
    ),
    Question(
        "all results of a patient",
        f"Observation?patient.identifier={PATIENT}",
        lambda r: identified(target(r, "subject"), PATIENTS, "99000"),
    ),
    Question(
        "all results of a study",
        f"Observation?part-of.identifier={UID}|urn:oid:{STUDY}",
        lambda r: identified(target(r, "partOf"), UID, f"urn:oid:{STUDY}"),
    ),
    Question("volumes", f"Observation?code={SCT}|118565006", lambda r: coded(r["code"], SCT, "118565006")),
    Question(
        "results since a day",
        "Observation?date=ge2024-01-01",
        lambda r: r.get("effectiveDateTime", "") >= "2024-01-01",
    ),
    Question("lengths over 30 mm", f"Observation?value-quantity=gt30|{UCUM}|mm", is_longer_than_30_mm),
    Question(
        "evaluations with a value",
        f"Observation?value-concept={DCM}|112042",
        lambda r: coded(r.get("valueCodeableConcept"), DCM, "112042"),
    ),
    Question(
        "means: a component with a value",
        f"Observation?component-code-value-concept={DCM}|121401${SCT}|373098007",
        has_mean,
    ),
    Question(
        "results of imaging", f"Observation?category={CATEGORY}|imaging", is_category(CATEGORY, "imaging")
    ),
    Question("measurement groups", f"Observation?category={DCM}|125007", is_category(DCM, "125007")),
    Question("final results", "Observation?status=final", lambda r: r["status"] == "final"),
    Question(
        "results in the liver: a lesion, or a site with modifiers",
        f"Observation?body-structure.included_structure={SCT}|10200004",
        is_in("10200004"),
    ),
    Question(
        "results in the lung: a site and no more",
        f"Observation?body-site={SCT}|39607008",
        lambda r: coded(r.get("bodySite"), SCT, "39607008"),
    ),
    Question(
        "a lesion, by its Tracking Unique Identifier",
        f"BodyStructure?identifier={UID}|urn:oid:{LESION}",
        lambda r: identified(r, UID, f"urn:oid:{LESION}"),
    ),
    Question(
        "all results of a lesion, of all studies",
        f"Observation?body-structure.identifier={UID}|urn:oid:{LESION}",
        lambda r: identified(target(r, "bodyStructure"), UID, f"urn:oid:{LESION}"),
    ),
    Question(
        "results of a device, by its name",
        "Observation?device.device-name=LesionFinder",
        is_by_device("LesionFinder"),
    ),
    Question(
        "what was selected in the images of a study",
        f"ImagingSelection?study-uid={STUDY}",
        lambda r: r.get("studyUid") == STUDY,
    ),
    Question(
        "what was selected in an image, by its SOP Instance UID",
        f"ImagingSelection?instance-uid={IMAGE}",
        selects(IMAGE),
    ),
    Question(
        "what a document made, to retract it", f"Observation?_source=urn:oid:{DOCUMENT}", is_of_document
    ),
    Question(
        "the report of a document, and its results",
        f"DiagnosticReport?identifier={UID}|urn:oid:{DOCUMENT}&_include=DiagnosticReport:result",
        lambda r: identified(r, UID, f"urn:oid:{DOCUMENT}"),
        lambda r: is_of_document(r) and r["resourceType"] == "Observation" and is_result(r),
    ),
)


# ---- R4 -----------------------------------------------------------------------------------------------------

OF_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-"


def extensions(resource: Resource, url: str) -> list[Resource]:
    """Return the extensions of an element with an URL."""
    return [each for each in resource.get("extension", ()) if each["url"] == url]


def structure(resource: Resource) -> Resource:
    """Return the BodyStructure of an observation of R4, if it has one."""
    found = extensions(resource, f"{OF_R5}Observation.bodyStructure")
    return (found[0]["valueReference"].get("target") or {}) if found else {}


def has_site(code: str) -> Matches:
    return lambda resource: coded(resource.get("bodySite"), SCT, code)


def has_selected(uid: str) -> Matches:
    return lambda resource: any(
        part.get("valueOid", part.get("valueId")) in (uid, f"urn:oid:{uid}")
        for instance in extensions(resource, f"{OF_R5}ImagingSelection.instance")
        for part in extensions(instance, "uid")
    )


def is_of_study(resource: Resource) -> bool:
    found = extensions(resource, f"{OF_R5}ImagingSelection.studyUid")
    return any(each.get("valueOid", each.get("valueId")) in (STUDY, f"urn:oid:{STUDY}") for each in found)


IN_R4 = {
    each.asks: each
    for each in (
        Question(
            "results in the liver: a lesion, or a site with modifiers",
            f"Observation?body-site={SCT}|10200004",
            has_site("10200004"),
        ),
        Question(
            "results in the lung: a site and no more",
            f"Observation?body-site={SCT}|39607008",
            has_site("39607008"),
        ),
        Question(
            "all results of a lesion, of all studies",
            f"Observation?body-structure.identifier={UID}|urn:oid:{LESION}",
            lambda r: identified(structure(r), UID, f"urn:oid:{LESION}"),
        ),
        Question(
            "results of a device, by its name",
            "Observation?device.device-name=LesionFinder",
            lambda r: any(
                each["name"].startswith("LesionFinder") for each in target(r, "device").get("deviceName", ())
            ),
        ),
        Question(
            "what was selected in the images of a study",
            f"Basic?selection-study-uid={STUDY}",
            is_of_study,
        ),
        Question(
            "what was selected in an image, by its SOP Instance UID",
            f"Basic?selection-instance-uid={IMAGE}",
            has_selected(IMAGE),
        ),
    )
}
"""What is asked or found otherwise on a server of R4, by what is asked. The search parameters are those of
docs/search-parameters-r4.json."""


def questions(version: str) -> list[Question]:
    """Return the questions to a server of a version of FHIR."""
    return [IN_R4.get(each.asks, each) if version == "R4" else each for each in QUESTIONS]


def is_result(resource: Resource) -> bool:
    """Tell whether an observation stands for itself: no other one has it as member (decision D37)."""
    return not resource["is_member"]
