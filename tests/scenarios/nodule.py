"""What a lung nodule becomes at two time points.

Written from docs/specification.md and the decisions D32 to D55 before the documents were transformed.
"""

from __future__ import annotations

from tests.scenarios.words import (
    CT,
    DCM,
    LOINC,
    NO_ENTRY,
    PUT,
    ROOT,
    SCT,
    SEGMENTATION,
    UMLS,
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

__all__ = ["baseline", "follow_up"]

VOLUME = (SCT, "118565006", "Volume")
LESION = tracking("Nodule RUL 1", f"{ROOT}.0.20")
WHERE = ("Nodule RUL 1", "right upper lobe of lung")


def baseline() -> Expected:
    doc = document(3, "2026-03-01", "+01:00", "ACC-2001")
    first = [
        component(concept((UMLS, "C2348792", "Time Point")), valueString="tp0"),
        component(
            concept((DCM, "126072", "Time Point Type")),
            valueCodeableConcept=concept((UMLS, "C1442488", "Baseline")),
        ),
        order_of_time_point("1"),
    ]
    add_results(doc, 3, first, volume="210.0", diameter="7.38")
    return Expected(
        doc,
        requests(doc),
        items=table(
            """
            1           CONTEXT
            1.1         SUPP     every.language segment.language images.language lesion.language
            1.2         CONTEXT
            1.3         IG       reader.name
            1.4         SUPP     study.procedure
            1.5         CONTEXT
            1.5.1       CONTEXT
            1.5.1.1     SUPP     every.effectiveDateTime  # D14
            1.5.1.2     SUPP     every.effectiveDateTime
            1.5.1.3     no-target
            1.5.1.4     no-target
            1.6         CONTEXT
            1.6.1       IG       group source
            1.6.1.1     IG       lesion.identifier
            1.6.1.2     IG       lesion.identifier
            1.6.1.3     IG       group.code
            1.6.1.4     IG       group.valueCodeableConcept
            1.6.1.5     SUPP     every.component
            1.6.1.6     SUPP     every.component
            1.6.1.7     SUPP     every.component
            1.6.1.8     IG       lesion.includedStructure
            1.6.1.8.1   IG       lesion.includedStructure
            1.6.1.9     IG       segment segment.code segment.instance
            1.6.1.10    IG       images images.code images.instance
            1.6.1.11    IG       volume volume.code volume.valueQuantity
            1.6.1.12    IG       diameter diameter.code diameter.valueQuantity
            1.6.1.12.1  SUPP     diameter.component
            1.6.1.13    IG       density density.code density.valueCodeableConcept
            """,
            every=EVERY,
        ),
        unmapped={"SeriesNumber": "no-target", "InstanceNumber": "no-target"},
        findings={"no-target": "information", "unknown-scheme": "warning"},
    )


def follow_up() -> Expected:
    doc = document(4, "2026-06-02", "+02:00", "ACC-2002")
    second = [
        component(concept((UMLS, "C2348792", "Time Point")), valueString="tp1"),
        order_of_time_point("2"),
    ]
    add_results(doc, 4, second, volume="310.5", diameter="8.41")
    return Expected(
        doc,
        requests(doc),
        items=table(
            """
            1           CONTEXT
            1.1         SUPP     every.language segment.language images.language lesion.language
            1.2         CONTEXT
            1.3         IG       reader.name
            1.4         SUPP     study.procedure
            1.5         CONTEXT
            1.5.1       CONTEXT
            1.5.1.1     SUPP     every.effectiveDateTime
            1.5.1.2     SUPP     every.effectiveDateTime
            1.5.1.3     no-target
            1.5.1.4     no-target
            1.6         CONTEXT
            1.6.1       IG       group source
            1.6.1.1     IG       lesion.identifier
            1.6.1.2     IG       lesion.identifier
            1.6.1.3     IG       group.code
            1.6.1.4     IG       group.valueCodeableConcept
            1.6.1.5     SUPP     every.component
            1.6.1.6     SUPP     every.component
            1.6.1.7     IG       lesion.includedStructure
            1.6.1.7.1   IG       lesion.includedStructure
            1.6.1.8     IG       segment segment.code segment.instance
            1.6.1.9     IG       images images.code images.instance
            1.6.1.10    IG       volume volume.code volume.valueQuantity
            1.6.1.11    IG       diameter diameter.code diameter.valueQuantity
            1.6.1.11.1  SUPP     diameter.component
            1.6.1.12    IG       density density.code density.valueCodeableConcept
            """,
            every=EVERY,
        ),
        unmapped={"SeriesNumber": "no-target", "InstanceNumber": "no-target"},
        findings={"no-target": "information", "unknown-scheme": "warning"},
    )


EVERY = ["group", "volume", "diameter", "density"]


def document(number: int, day: str, offset: str, accession: str) -> Document:
    """D14: all images of the segment's series are in the library, with one acquisition time; D15: content time."""
    base = f"{ROOT}.{number}"
    return Document(
        uid=f"{base}.3",
        sop_class="1.2.840.10008.5.1.4.1.1.88.22",
        series=f"{base}.2",
        study=f"{base}.1",
        patient={"system": f"urn:oid:{ROOT}.0.1", "value": "P-2001", "assigner": {"display": "HOSP_A"}},
        order={"system": f"urn:oid:{ROOT}.0.2", "value": accession, "assigner": {"display": "RIS_A"}},
        status="preliminary",
        issued=f"{day}T11:15:00{offset}",
        effective=f"{day}T09:30:12{offset}",
        performer="reader",
    )


def order_of_time_point(value: str) -> Json:
    return component(concept((DCM, "126073", "Time Point Order")), valueQuantity=quantity(value, "1", "1"))


def add_results(doc: Document, number: int, time_point: list[Json], *, volume: str, diameter: str) -> None:
    day, offset = doc.issued[:10], doc.issued[-6:]
    doc.add_patient("Halm", "Jon", gender="male", birthDate="1955-11-20")
    doc.add_order()
    doc.add_study(
        started=f"{day}T09:20:00{offset}",
        procedure=[{"concept": concept((LOINC, "24627-2", "CT Chest Report"))}],
    )
    doc.add_device(
        "equipment",
        "dicom-general-equipment",
        displayName="Nodule-Reader",
        name=named("Nodule-Reader"),
        manufacturer="Example Workstations",
        serialNumber="WS-7",
        modelNumber="Nodule-Reader",
        version=[{"value": "4.2"}],
    )
    doc.add_person("reader", "Sommer", "Mia")
    doc.add_lesion(
        "lesion",
        LESION,
        {
            "structure": concept((SCT, "45653009", "Upper lobe of lung")),
            "laterality": concept((SCT, "24028007", "Right")),
        },
    )
    site = ref("lesion", "BodyStructure")
    base = f"{ROOT}.{number}"
    doc.add_selection(
        "segment",
        "referenced-segment",
        concept((DCM, "121191", "Referenced Segment")),
        seriesUid=f"{base}.5",  # D12: of the segmentation
        bodySite={"reference": site},
        focus=selections("source", "images"),
        instance=[instance(f"{base}.6", SEGMENTATION, subset=["1"])],
    )
    # 3.7.07: the evidence lists the series; the pattern has the code of 121233, the SR's meaning is the text
    doc.add_selection(
        "images",
        "source-image-for-segmentation",
        concept((DCM, "121233", "Source image for segmentation"), text="Source series for segmentation"),
        seriesUid=f"{base}.4",
        bodySite={"reference": site},
        focus=selections("source"),
        instance=[instance(f"{base}.4.1", CT), instance(f"{base}.4.2", CT)],
    )
    doc.add_source("source", "1.6.1")
    common = {
        "bodyStructure": site,
        "device": ref("equipment", "Device"),
        "derivedFrom": selections("segment", "source"),
    }
    doc.add_group(
        "group",
        code=concept((SCT, "49755003", "Morphologically Abnormal Structure")),
        valueCodeableConcept=concept((SCT, "427359005", "Solitary nodule of lung")),
        hasMember=observations("volume", "diameter", "density"),
        component=time_point,
        **common,
    )
    # the time point is repeated on each member (3.6.16)
    doc.add_measurement(
        "volume",
        code=concept(VOLUME, text=for_people("Volume", *WHERE)),
        valueQuantity=quantity(volume, "mm3", "cubic millimeter"),
        component=time_point,
        **common,
    )
    maximum = (SCT, "56851009", "Maximum")
    doc.add_measurement(
        "diameter",
        code=concept((SCT, "81827009", "Diameter"), text=for_people("Diameter, Maximum", *WHERE)),
        valueQuantity=quantity(diameter, "mm", "millimeter"),
        component=[
            component(concept((DCM, "121401", "Derivation")), valueCodeableConcept=concept(maximum)),
            *time_point,
        ],
        **common,
    )
    doc.add_evaluation(
        "density",
        code=concept((DCM, "112118", "Density"), text=for_people("Density", *WHERE)),
        valueCodeableConcept=concept(("urn:x-dicom-csd:99NODX", "SOLID", "Solid")),
        component=time_point,
        **common,
    )


def requests(doc: Document) -> dict[str, str | None]:
    return {
        "patient": post(doc.patient),
        "order": NO_ENTRY,
        "study": post(oid(doc.study)),
        "equipment": PUT,
        "reader": PUT,  # D33: only a name is known
        "lesion": post(LESION[1]),  # D34
        **dict.fromkeys(["segment", "images", "source", *EVERY], PUT),
    }
