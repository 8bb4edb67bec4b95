"""Words in which the expectations of the scenarios are written: FHIR elements, and what the resources of a document share.

In an expectation a resource is known by its *role* ("nodule", "group"), and a reference names the role. Values are
those of the specification and of the documents; nothing here is taken from what the maps make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

# of the UIDs of all documents
ROOT = "2.25.123128406075323769659594660072358170624"

PROFILES = "http://hl7.org/fhir/uv/dicom-sr/StructureDefinition/"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
SCT = "http://snomed.info/sct"
UMLS = "http://terminology.hl7.org/CodeSystem/umls"
LOINC = "http://loinc.org"
IBSI = "urn:oid:1.2.840.10008.2.16.13"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
V3_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
SOP_CLASS = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"

# displays that the profiles prescribe (specification 2.2)
MEASUREMENT_GROUP = (DCM, "125007", "Measurement Group")
EVALUATIONS = (UMLS, "C0034375", "Qualitative Evaluations")
DERIVED = (DCM, "126011", "Derived Imaging Measurements")
# D43: of an imaging-measurement, with the display of HL7's code system
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
IMAGING = (OBSERVATION_CATEGORY, "imaging", "Imaging")
# D41, D42: beside the coding of the SR, with the displays of HL7's code system
POSITIVE = (V3_INTERPRETATION, "POS", "Positive")
NEGATIVE = (V3_INTERPRETATION, "NEG", "Negative")

SR_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.22": "Enhanced SR Storage",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR Storage",
}
CT = "1.2.840.10008.5.1.4.1.1.2"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
CLASSES = {
    CT: "CT Image Storage",
    DX: "Digital X-Ray Image Storage - For Presentation",
    SEGMENTATION: "Segmentation Storage",
}

# a request of a transaction: POST with a conditional create, PUT under the own id, or no entry at all
PUT = "PUT"
NO_ENTRY = None


def coding(system: str, code: str, display: str | None = None) -> Json:
    """Write a Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: tuple[str, ...], text: str | None = None) -> Json:
    """Write a CodeableConcept of (system, code, display)."""
    return {"coding": [coding(*each) for each in codings]} | ({"text": text} if text else {})


def quantity(value: str, code: str, unit: str) -> Json:
    """Write a Quantity in UCUM; the value is the text of the number."""
    return {
        "value": Decimal(value),
        "unit": unit,
        "system": "http://unitsofmeasure.org",
        "code": code,
    }


def oid(uid: str) -> Json:
    """Write the Identifier of a UID (3.1.03)."""
    return {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}


def ref(role: str, kind: str, identifier: Json | None = None) -> Json:
    """Write a literal reference to a role."""
    return {"reference": role, "type": kind} | ({"identifier": identifier} if identifier else {})


def observations(*roles: str) -> list[Json]:
    """Write references to Observations."""
    return [ref(role, "Observation") for role in roles]


def selections(*roles: str) -> list[Json]:
    """Write references to ImagingSelections."""
    return [ref(role, "ImagingSelection") for role in roles]


def component(code: Json, **value: Any) -> Json:
    """Write a component."""
    return {"code": code, **value}


def instance(uid: str, sop_class: str, **parts: Any) -> Json:
    """Write ImagingSelection.instance."""
    name = (CLASSES | SR_CLASSES)[sop_class]
    return {"uid": uid, "sopClass": coding(SOP_CLASS, sop_class, name), **parts}


def tracking(name: str, uid: str) -> list[Json]:
    """Write the identifiers of a tracked lesion (3.6.05, 3.6.06)."""
    return [
        {"type": concept((DCM, "112039", "Tracking Identifier")), "value": name},
        {"type": concept((DCM, "112040", "Tracking Unique Identifier")), **oid(uid)},
    ]


def for_people(name: str, lesion: str, site: str) -> str:
    """Write the text of a measurement or evaluation of a tracked lesion (3.8.01, 3.9.01)."""
    return f"{name} \N{EN DASH} {lesion} ({site})"


def named(name: str) -> list[Json]:
    """Write Device.name beside displayName (3.2.13)."""
    return [{"value": name, "type": "user-friendly-name"}]


def post(identifier: Json) -> str:
    """Write the search of a conditional create by an identifier (specification 1.2)."""
    return "identifier=" + quote(f"{identifier['system']}|{identifier['value']}", safe="")


@dataclass(frozen=True)
class Document:
    """What all resources of one document share, and its resources.

    Parameters
    ----------
    patient, order
        Identifiers, without their types.
    uid, sop_class, series, study
        UIDs of the document.
    status, issued, effective
        Of all its Observations.
    performer
        Role, of all its Observations.
    resources
        By role, in the order of the Bundle.
    """

    uid: str
    sop_class: str
    series: str
    study: str
    patient: Json
    order: Json | None
    status: str
    issued: str
    effective: str
    performer: str | None = None
    resources: dict[str, Json] = field(default_factory=dict)

    # ---- references that every resource has ----

    def subject(self) -> Json:
        return ref("patient", "Patient", {"type": concept((V2_0203, "MR")), **self.patient})

    def accession(self) -> Json:
        return {"type": concept((V2_0203, "ACSN", "Accession ID")), **(self.order or {})}

    def based_on(self) -> Json:
        return {"basedOn": [ref("order", "ServiceRequest", self.accession())]} if self.order else {}

    def of_study(self) -> list[Json]:
        identified = {"type": concept((DCM, "110180", "Study Instance UID")), **oid(self.study)}
        return [ref("study", "ImagingStudy", identified)]

    def meta(self, profile: str | None, *further: str, source: bool = True) -> Json:
        """D36: what the document itself states has its UID as source."""
        claimed = [PROFILES + each for each in (profile, *further) if each]
        stated = ({"profile": claimed} if claimed else {}) | (
            {"source": f"urn:oid:{self.uid}"} if source else {}
        )
        return {"meta": stated} if stated else {}

    # ---- resources ----

    def add(self, role: str, kind: str, /, **elements: Any) -> None:
        assert role not in self.resources, role
        self.resources[role] = {"resourceType": kind, **elements}

    def add_patient(self, family: str, given: str, **elements: Any) -> None:
        name = {"text": f"{given} {family}", "family": family, "given": [given]}
        identifier = {"type": concept((V2_0203, "MR")), **self.patient}
        self.add("patient", "Patient", identifier=[identifier], name=[name], **elements)

    def add_order(self) -> None:
        self.add(
            "order",
            "ServiceRequest",
            identifier=[self.accession()],
            status="unknown",
            intent="order",
            subject=self.subject(),
        )

    def add_study(self, *identifiers: Json, **elements: Any) -> None:
        self.add(
            "study",
            "ImagingStudy",
            identifier=[oid(self.study), *identifiers],
            status="available",
            subject=self.subject(),
            **self.based_on(),
            **elements,
        )

    def add_device(self, role: str, profile: str, /, **elements: Any) -> None:
        self.add(role, "Device", **self.meta(profile, source=False), **elements)

    def add_person(self, role: str, family: str, given: str) -> None:
        name = {"text": f"{given} {family}", "family": family, "given": [given]}
        self.add(role, "Practitioner", **self.meta("dicom-participant-person", source=False), name=[name])

    def add_lesion(self, role: str, identifier: list[Json], structure: Json, /) -> None:
        """A tracked lesion is not this document's alone: no source (specification 1.2, D34, D36)."""
        self.add(
            role,
            "BodyStructure",
            **self.meta("dicom-sr-finding-site", source=False),
            language="en",
            identifier=identifier,
            includedStructure=[structure],
            patient=self.subject(),
        )

    def add_selection(self, role: str, profile: str | None, code: Json, /, **elements: Any) -> None:
        """Section 3.7, what is common to all."""
        self.add(
            role,
            "ImagingSelection",
            **self.meta(profile),
            **{"language": "en", "status": "available", "subject": self.subject()},
            **self.based_on(),
            **{"code": code, "studyUid": self.study, "derivedFrom": self.of_study()},
            **elements,
        )

    def add_source(self, role: str, position: str) -> None:
        """3.7.13: the content item itself, named by its position where it has no Observation UID."""
        self.add(
            role,
            "ImagingSelection",
            **self.meta("source-sr-content-item"),
            **{"status": "available", "subject": self.subject()},
            **self.based_on(),
            code=concept((DCM, "111040", "Original Source")),
            studyUid=self.study,
            derivedFrom=self.of_study(),
            seriesUid=self.series,
            instance=[instance(self.uid, self.sop_class, subset=[position.replace(".", "\\")])],
        )

    def add_observation(self, role: str, profile: str, /, *further: str, **elements: Any) -> None:
        """3.6 at its end: what all Observations take from 3.2 to 3.4."""
        performer = {"performer": [ref(self.performer, "Practitioner")]} if self.performer else {}
        self.add(
            role,
            "Observation",
            **self.meta(profile, *further),
            language="en",
            **self.based_on(),
            partOf=self.of_study(),
            status=self.status,
            subject=self.subject(),
            effectiveDateTime=self.effective,
            issued=self.issued,
            **performer,
            **elements,
        )

    def add_report(self, title: tuple[str, ...], *, interpreters: list[str], results: list[str]) -> None:
        """D37: the document as a whole."""
        interpreted = [ref(role, "Practitioner") for role in interpreters]
        self.add(
            "report",
            "DiagnosticReport",
            **self.meta(None),
            identifier=[oid(self.uid)],
            **self.based_on(),
            status=self.status,
            code=concept(title),
            subject=self.subject(),
            effectiveDateTime=self.effective,
            issued=self.issued,
            performer=[ref(self.performer, "Practitioner")] if self.performer else [],
            **({"resultsInterpreter": interpreted} if interpreted else {}),
            result=observations(*results),
            study=self.of_study(),
        )

    def add_group(self, role: str, /, **elements: Any) -> None:
        category = [concept(MEASUREMENT_GROUP)]  # D43: always
        self.add_observation(role, "imaging-measurement-group", category=category, **elements)

    def add_measurement(self, role: str, /, **elements: Any) -> None:
        self.add_observation(role, "imaging-measurement", category=[concept(IMAGING)], **elements)

    def add_evaluation(self, role: str, /, **elements: Any) -> None:
        self.add_observation(
            role, "imaging-qualitative-evaluation", category=[concept(EVALUATIONS)], **elements
        )


@dataclass(frozen=True)
class Expected:
    """What is to become of one document.

    Parameters
    ----------
    document
        Its resources by role, in the order of the Bundle (1.1).
    requests
        Of a transaction, by role: the search of a conditional create, PUT, or NO_ENTRY.
    items
        For each content item, by position: class, or reason where it is unmapped, and the elements that it reaches.
    unmapped
        Attributes of the header that reach nothing, with the reason.
    losses, findings, findings_of_transaction
        Sources with reasons, and codes of findings with severities.
    """

    document: Document
    requests: dict[str, str | None]
    items: dict[str, tuple[str, set[str]]]
    unmapped: dict[str, str]
    findings: dict[str, str] = field(default_factory=dict)
    losses: dict[str, str] = field(default_factory=dict)
    findings_of_transaction: dict[str, str] = field(default_factory=dict)


def table(text: str, **sets: list[str]) -> dict[str, tuple[str, set[str]]]:
    """Read a table of content items: position, class or reason, elements.

    An element is `role.element`, or a role alone for the resource itself; a name of `sets` stands for its roles.
    """
    rows = {}
    for line in text.strip().splitlines():
        position, kind, *elements = line.partition("#")[0].split()
        rows[position] = (kind, {each for element in elements for each in _roles(element, sets)})
    return rows


def _roles(element: str, sets: dict[str, list[str]]) -> list[str]:
    role, dot, name = element.partition(".")
    return [f"{each}{dot}{name}" for each in sets.get(role, [role])]
