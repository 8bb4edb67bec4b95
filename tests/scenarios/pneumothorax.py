"""What a pneumothorax that an AI unit found becomes, and what becomes of none.

Written from docs/specification.md and the decisions D32 to D55 before the documents were transformed.
"""

from __future__ import annotations

from tests.scenarios.words import (
    DCM,
    DX,
    LOINC,
    MEASUREMENT_GROUP,
    NEGATIVE,
    NO_ENTRY,
    POSITIVE,
    PUT,
    ROOT,
    SCT,
    Document,
    Expected,
    Json,
    component,
    concept,
    for_people,
    instance,
    named,
    observations,
    oid,
    post,
    quantity,
    ref,
    selections,
    table,
    tracking,
)

__all__ = ["absent", "present"]

PNEUMOTHORAX = (SCT, "36118008", "Pneumothorax")
CHEST = concept((SCT, "816094009", "Chest"))
CERTAINTY = (DCM, "111012", "Certainty of Finding")
PRIORITY = (SCT, "260870009", "Priority")
PRESENT = (SCT, "52101004", "Present")
UNIT_UID = f"{ROOT}.0.10"


def document(number: int) -> Document:
    """Return what both documents have alike: D16 (COMPLETE, UNVERIFIED), D15, D14 (an image of the own study)."""
    base = f"{ROOT}.{number}"
    return Document(
        uid=f"{base}.3",
        sop_class="1.2.840.10008.5.1.4.1.1.88.33",
        series=f"{base}.2",
        study=f"{base}.1",
        # 3.2.02: type ISO, the local namespace is the assigner
        patient={
            "system": f"urn:oid:{ROOT}.0.1",
            "value": f"P-100{number}",
            "assigner": {"display": "HOSP_A"},
        },
        order={
            "system": f"urn:oid:{ROOT}.0.2",
            "value": f"ACC-100{number}",
            "assigner": {"display": "RIS_A"},
        },
        status="preliminary",
        issued="2026-03-10T10:20:05+01:00",
        effective="2026-03-10T10:15:00+01:00",
    )


def add_context(doc: Document, number: int) -> None:
    """Add order, study and devices: 3.2.05 to 3.2.07, 3.2.13, 3.3.05 and .06, 3.4."""
    doc.add_order()
    doc.add_study(
        {"value": f"S-100{number}"},
        started="2026-03-10T10:15:00+01:00",
        procedure=[{"concept": concept((LOINC, "36643-5", "XR Chest 2 Views"))}],
    )
    doc.add_device(
        "equipment",
        "dicom-general-equipment",
        displayName="PTX-Server",
        name=named("PTX-Server"),
        manufacturer="Example Archive",
        modelNumber="PTX-Server",
    )
    doc.add_device(
        "unit",
        "dicom-participant-device",
        identifier=[oid(UNIT_UID)],
        displayName="PTX-Detect",
        name=named("PTX-Detect"),
        manufacturer="Example AI",
        serialNumber="SN-0001",
        modelNumber="PTX-Detect Unit",
    )
    doc.add_device(
        "algorithm",
        "algorithm-identification",
        displayName="PTX-Net",
        name=named("PTX-Net"),
        type=[concept((DCM, "123110", "Artificial Intelligence"))],
        version=[{"value": "2.1.0"}],
        property=[
            component_of_device("threshold=0.5"),
        ],
        parent=ref("unit", "Device"),  # D49: the device observer in effect, not the equipment
    )


def component_of_device(parameter: str) -> Json:
    return {"type": concept((DCM, "111002", "Algorithm Parameters")), "valueString": parameter}


def present() -> Expected:
    doc = document(1)
    doc.add_patient("Vind", "Ida", gender="female", birthDate="1962-03-14")
    add_context(doc, 1)
    lesion = tracking("PTX 1", f"{ROOT}.1.9")
    doc.add_lesion(
        "lesion",
        lesion,
        {
            "structure": concept((SCT, "3120008", "Pleura")),
            "laterality": concept((SCT, "7771000", "Left")),
            "qualifier": [concept((SCT, "43674008", "Apical"))],
        },
    )
    site = ref("lesion", "BodyStructure")
    doc.add_selection(
        "region",
        "image-region-2d",
        concept((DCM, "111030", "Image Region")),
        seriesUid=f"{ROOT}.1.4",
        bodySite={"reference": site},
        focus=selections("source"),
        instance=[
            instance(
                f"{ROOT}.1.4.1",
                DX,
                imageRegion2D=[
                    {
                        "regionType": "polyline",
                        "coordinate": [812.5, 240.5, 901.5, 262.5, 955.5, 344.5, 812.5, 240.5],
                    }
                ],
            )
        ],
    )
    doc.add_source("source", "1.9.1")
    # 3.4.07: the algorithm of the group; D44: members have all that the group has
    common = {
        "bodyStructure": site,
        "device": ref("algorithm", "Device"),
        "derivedFrom": selections("region", "source"),
    }
    doc.add_group(
        "group",
        code=concept(MEASUREMENT_GROUP),
        valueCodeableConcept=concept(PNEUMOTHORAX),
        # D42: an evaluation whose code is the group's Finding
        interpretation=[concept(PRESENT, POSITIVE)],
        hasMember=observations("length", "collapse", "certainty", "presence", "priority"),
        **common,
    )
    where = ("PTX 1", "left pleura")
    doc.add_measurement(
        "length",
        code=concept((SCT, "410668003", "Length"), text=for_people("Length", *where)),
        valueQuantity=quantity("18.40", "mm", "millimeter"),  # D53
        **common,
    )
    doc.add_measurement(
        "collapse",
        # section 4: the document's own UID of a private scheme
        code=concept(
            (f"urn:oid:{ROOT}.0.11", "COLLAPSE", "Pneumothorax fraction of hemithorax"),
            text=for_people("Pneumothorax fraction of hemithorax", *where),
        ),
        valueQuantity=quantity("22", "%", "percent"),
        **common,
    )
    doc.add_measurement(
        "certainty",
        code=concept(CERTAINTY, text=for_people("Certainty of Finding", *where)),
        valueQuantity=quantity("97", "%", "percent"),
        **common,
    )
    doc.add_evaluation(
        "presence",
        code=concept(PNEUMOTHORAX, text=for_people("Pneumothorax", *where)),
        valueCodeableConcept=concept(PRESENT),
        **common,
    )
    doc.add_evaluation(
        "priority",
        code=concept(PRIORITY, text=for_people("Priority", *where)),
        valueCodeableConcept=concept((SCT, "25876001", "Emergency")),
        **common,
    )
    every = ["group", "length", "collapse", "certainty", "presence", "priority"]
    own = ["region", "source", *every]
    return Expected(
        doc,
        requests={
            "patient": post(doc.patient),
            "order": NO_ENTRY,
            "study": post(oid(doc.study)),
            "equipment": PUT,
            "unit": post(oid(UNIT_UID)),
            "algorithm": PUT,
            "lesion": post(lesion[1]),
            **dict.fromkeys(own, PUT),
        },
        items=table(
            """
            1           CONTEXT
            1.1         SUPP     every.language region.language lesion.language
            1.2         CONTEXT
            1.3         IG       unit.identifier
            1.4         IG       unit.displayName unit.name
            1.5         IG       unit.manufacturer
            1.6         SUPP     unit.modelNumber
            1.7         SUPP     unit.serialNumber
            1.8         SUPP     study.procedure
            1.9         CONTEXT
            1.9.1       IG       group source
            1.9.1.1     IG       lesion.identifier
            1.9.1.2     IG       lesion.identifier
            1.9.1.3     IG       group.valueCodeableConcept
            1.9.1.4     IG       lesion.includedStructure
            1.9.1.4.1   IG       lesion.includedStructure
            1.9.1.4.2   IG       lesion.includedStructure
            1.9.1.5     IG       algorithm.displayName algorithm.name
            1.9.1.6     IG       algorithm.version
            1.9.1.7     IG       algorithm.property
            1.9.1.8     IG       algorithm.type
            1.9.1.9     IG       region region.code region.instance
            1.9.1.9.1   IG       region.instance
            1.9.1.10    IG       length length.code length.valueQuantity
            1.9.1.11    IG       collapse collapse.code collapse.valueQuantity
            1.9.1.12    IG       certainty certainty.code certainty.valueQuantity
            1.9.1.13    IG       presence presence.code presence.valueCodeableConcept group.interpretation
            1.9.1.14    IG       priority priority.code priority.valueCodeableConcept
            """,
            every=every,
        ),
        unmapped={"SeriesNumber": "no-target", "InstanceNumber": "no-target"},  # section 8, 1
        findings={"no-target": "information"},
    )


def absent() -> Expected:
    doc = document(2)
    doc.add_patient("Eng", "Per", gender="male", birthDate="1978-09-02")
    add_context(doc, 2)
    # 3.7.12: a reference of another concept is a core selection; D6: a plain site is a code
    doc.add_selection(
        "image",
        None,
        concept((DCM, "121112", "Source of Measurement")),
        seriesUid=f"{ROOT}.2.4",
        bodySite={"concept": CHEST},
        focus=selections("source"),
        instance=[instance(f"{ROOT}.2.4.1", DX)],
    )
    doc.add_source("source", "1.9.1")
    common = {
        "bodySite": CHEST,
        "device": ref("algorithm", "Device"),
        "derivedFrom": selections("image", "source"),
    }
    absent = (SCT, "2667000", "Absent")
    # D41: no value; the Finding is a member that says Absent
    doc.add_group(
        "group",
        code=concept(MEASUREMENT_GROUP),
        interpretation=[concept(absent, NEGATIVE)],
        hasMember=observations("certainty", "finding", "priority"),
        # D40: the children of a Finding are components of the group, those of a negated one, too
        component=[component(concept((SCT, "705057003", "Presence")), valueCodeableConcept=concept(absent))],
        **common,
    )
    doc.add_measurement(
        "certainty",
        code=concept(CERTAINTY),
        valueQuantity=quantity("3", "%", "percent"),
        **common,
    )
    doc.add_evaluation("finding", code=concept(PNEUMOTHORAX), valueCodeableConcept=concept(absent), **common)
    doc.add_evaluation(
        "priority",
        code=concept(PRIORITY),
        valueCodeableConcept=concept((SCT, "50811001", "Routine")),
        **common,
    )
    every = ["group", "certainty", "finding", "priority"]
    return Expected(
        doc,
        requests={
            "patient": post(doc.patient),
            "order": NO_ENTRY,
            "study": post(oid(doc.study)),
            "equipment": PUT,
            "unit": post(oid(UNIT_UID)),
            "algorithm": PUT,
            **dict.fromkeys(["image", "source", *every], PUT),
        },
        items=table(
            """
            1           CONTEXT
            1.1         SUPP     every.language image.language
            1.2         CONTEXT
            1.3         IG       unit.identifier
            1.4         IG       unit.displayName unit.name
            1.5         IG       unit.manufacturer
            1.6         SUPP     unit.modelNumber
            1.7         SUPP     unit.serialNumber
            1.8         SUPP     study.procedure
            1.9         CONTEXT
            1.9.1       IG       group source
            1.9.1.1     SUPP     finding finding.code  # section 8, 6
            1.9.1.1.1   IG       finding.valueCodeableConcept group.interpretation group.component
            1.9.1.2     IG       every.bodySite image.bodySite
            1.9.1.3     IG       algorithm.displayName algorithm.name
            1.9.1.4     IG       algorithm.version
            1.9.1.5     IG       algorithm.property
            1.9.1.6     IG       algorithm.type
            1.9.1.7     SUPP     image image.code image.instance
            1.9.1.8     IG       certainty certainty.code certainty.valueQuantity
            1.9.1.9     IG       priority priority.code priority.valueCodeableConcept
            """,
            every=every,
        ),
        unmapped={"SeriesNumber": "no-target", "InstanceNumber": "no-target"},
        findings={"no-target": "information"},
    )
