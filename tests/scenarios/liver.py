"""What a liver lesion becomes that is followed by RECIST.

Written from docs/specification.md and the decisions D32 to D55 before the document was transformed.
"""

from __future__ import annotations

from tests.scenarios.words import (
    CT,
    DCM,
    DERIVED,
    MEASUREMENT_GROUP,
    NO_ENTRY,
    PUT,
    ROOT,
    SCT,
    SEGMENTATION,
    Document,
    Expected,
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

__all__ = ["recist", "with_diagnostic_report"]

BASE = f"{ROOT}.6"
LESION = tracking("Liver target 1", f"{ROOT}.0.30")
WHERE = ("Liver target 1", "right liver")
AXES = {
    "long": ((SCT, "103339001", "Long axis"), "31.7", [200.5, 210.5, 240.5, 230.5]),
    "short": ((SCT, "103340004", "Short axis"), "22.4", [212.5, 236.5, 228.5, 204.5]),
}


def recist() -> Expected:
    doc = Document(
        uid=f"{BASE}.3",
        sop_class="1.2.840.10008.5.1.4.1.1.88.33",
        series=f"{BASE}.2",
        study=f"{BASE}.1",
        # D32: it names an issuer that no table knows, so it has no system
        patient={"value": "P-4001", "assigner": {"display": "HOSP_B"}},
        order=None,
        status="final",  # D16: VERIFIED
        issued="2026-04-20T10:15:00+02:00",
        effective="2026-04-20T08:10:00+02:00",
        performer="reader",
    )
    doc.add_patient("Roth", "Lea", gender="female", birthDate="1970-01-30")
    doc.add_study(
        started="2026-04-20T08:10:00+02:00",
        procedure=[{"concept": concept((SCT, "169070004", "CT of abdomen"))}],
    )
    doc.add_device(
        "equipment",
        "dicom-general-equipment",
        identifier=[oid(f"{BASE}.10")],
        displayName="Onco-Reader",
        name=named("Onco-Reader"),
        manufacturer="Example Workstations",
        modelNumber="Onco-Reader",
    )
    doc.add_device(
        "desk",
        "dicom-participant-device",
        displayName="Reading desk 3",
        name=named("Reading desk 3"),
        manufacturer="Example Workstations",
    )
    doc.add_person("reader", "Moss", "Ada")
    # D34: both groups are of one lesion; the second has its laterality beside the site (3.6.07)
    doc.add_lesion(
        "lesion",
        LESION,
        {
            "structure": concept((SCT, "10200004", "Liver")),
            "laterality": concept((SCT, "24028007", "Right")),
            "qualifier": [concept((SCT, "277961009", "Couinaud hepatic segment VII"))],
        },
    )
    add_lines(doc)
    add_segment(doc)
    add_sum_and_response(doc)
    every = ["lines", "long", "short", "method", "volumetry", "volume", "sum", "response"]
    chosen = ["line_of_long", "line_of_short", "segment", "images"]
    sources = ["source_of_lines", "source_of_volumetry", "source_of_response"]
    return Expected(
        doc,
        requests={
            "patient": NO_ENTRY,
            "study": post(oid(doc.study)),
            "equipment": post(oid(f"{BASE}.10")),
            "desk": PUT,
            "reader": PUT,
            "lesion": post(LESION[1]),
            **dict.fromkeys([*chosen, *sources, *every], PUT),
        },
        items=table(
            """
            1            CONTEXT
            1.1          SUPP     every.language chosen.language lesion.language
            1.2          CONTEXT
            1.3          IG       reader.name
            1.4          CONTEXT
            1.5          IG       desk.displayName desk.name
            1.6          IG       desk.manufacturer
            1.7          SUPP     study.procedure
            1.8          CONTEXT
            1.8.1        IG       lines source_of_lines
            1.8.1.1      IG       lesion.identifier
            1.8.1.2      IG       lesion.identifier
            1.8.1.3      IG       lines.valueCodeableConcept
            1.8.1.4      IG       lesion.includedStructure
            1.8.1.4.1    IG       lesion.includedStructure
            1.8.1.4.2    IG       lesion.includedStructure
            1.8.1.5      IG       long long.code long.valueQuantity
            1.8.1.5.1    IG       line_of_long line_of_long.instance
            1.8.1.5.1.1  IG       line_of_long.instance
            1.8.1.6      IG       short short.code short.valueQuantity
            1.8.1.6.1    IG       line_of_short line_of_short.instance
            1.8.1.6.1.1  IG       line_of_short.instance
            1.8.1.7      IG       method method.code method.valueCodeableConcept
            1.8.2        IG       volumetry source_of_volumetry
            1.8.2.1      IG       lesion.identifier
            1.8.2.2      IG       lesion.identifier
            1.8.2.3      IG       lesion.includedStructure
            1.8.2.3.1    IG       lesion.includedStructure
            1.8.2.4      IG       lesion.includedStructure
            1.8.2.5      IG       segment segment.code segment.instance
            1.8.2.6      IG       images images.code images.instance
            1.8.2.7      IG       images.instance
            1.8.2.8      IG       volume volume.code volume.valueQuantity
            1.9          CONTEXT
            1.9.1        IG       sum sum.code sum.valueQuantity
            1.9.1.1      IG       sum.derivedFrom
            1.10         CONTEXT
            1.10.1       IG       response source_of_response response.code response.valueCodeableConcept
            """,
            every=every,
            chosen=chosen,
        ),
        unmapped={"SeriesNumber": "no-target", "InstanceNumber": "no-target"},
        findings={"no-target": "information", "unknown-scheme": "warning", "unknown-issuer": "warning"},
        findings_of_transaction={"unmatched-patient": "warning"},
    )


# 3.4.07: no algorithm; the device observer is in effect for all
DEVICE = ref("desk", "Device")
SITE = ref("lesion", "BodyStructure")


def add_lines(doc: Document) -> None:
    """3.8.09: regions of the numbers; D44: with the source of the group."""
    for axis, (_, _, ends) in AXES.items():
        doc.add_selection(
            f"line_of_{axis}",
            "image-region-2d",
            concept((DCM, "111030", "Image Region")),  # 3.7.12: no concept name counts as 111030
            seriesUid=f"{BASE}.4",
            bodySite={"reference": SITE},
            focus=selections("source_of_lines"),
            instance=[
                instance(f"{BASE}.4.1", CT, imageRegion2D=[{"regionType": "polyline", "coordinate": ends}])
            ],
        )
    doc.add_source("source_of_lines", "1.8.1")
    doc.add_group(
        "lines",
        code=concept(MEASUREMENT_GROUP),
        valueCodeableConcept=concept((SCT, "94381002", "Metastatic malignant neoplasm to liver")),
        bodyStructure=SITE,
        device=DEVICE,
        derivedFrom=selections("source_of_lines"),
        hasMember=observations("long", "short", "method"),
    )
    for axis, (code, value, _) in AXES.items():
        doc.add_measurement(
            axis,
            code=concept(code, text=for_people(code[2], *WHERE)),
            valueQuantity=quantity(value, "mm", "millimeter"),
            bodyStructure=SITE,
            device=DEVICE,
            derivedFrom=selections(f"line_of_{axis}", "source_of_lines"),
        )
    doc.add_evaluation(
        "method",
        code=concept(
            (DCM, "112021", "Response Evaluation Method"),
            text=for_people("Response Evaluation Method", *WHERE),
        ),
        valueCodeableConcept=concept((DCM, "126081", "RECIST 1.1")),
        bodyStructure=SITE,
        device=DEVICE,
        derivedFrom=selections("source_of_lines"),
    )


def add_segment(doc: Document) -> None:
    doc.add_selection(
        "segment",
        "referenced-segment",
        concept((DCM, "121191", "Referenced Segment")),
        seriesUid=f"{BASE}.5",
        bodySite={"reference": SITE},
        focus=selections("source_of_volumetry", "images"),
        instance=[instance(f"{BASE}.6", SEGMENTATION, subset=["2"])],
    )
    doc.add_selection(
        "images",
        "source-image-for-segmentation",
        concept((DCM, "121233", "Source image for segmentation")),
        seriesUid=f"{BASE}.4",
        bodySite={"reference": SITE},
        focus=selections("source_of_volumetry"),
        instance=[instance(f"{BASE}.4.1", CT), instance(f"{BASE}.4.2", CT)],
    )
    doc.add_source("source_of_volumetry", "1.8.2")
    common = {
        "bodyStructure": SITE,
        "device": DEVICE,
        "derivedFrom": selections("segment", "source_of_volumetry"),
    }
    doc.add_group("volumetry", code=concept(MEASUREMENT_GROUP), hasMember=observations("volume"), **common)
    doc.add_measurement(
        "volume",
        code=concept((SCT, "118565006", "Volume"), text=for_people("Volume", *WHERE)),
        valueQuantity=quantity("11874.25", "mm3", "cubic millimeter"),
        **common,
    )


def add_sum_and_response(doc: Document) -> None:
    """3.10 and D4: no source of its own; 3.9.09: the source of the evaluation alone; D49: the device observer."""
    doc.add_observation(
        "sum",
        "derived-imaging-measurement",
        "derived-imaging-measurement-corrected",
        category=[concept(DERIVED)],
        code=concept(("urn:x-dicom-csd:99RECX", "SLD", "Sum of diameters of target lesions")),
        valueQuantity=quantity("31.7", "mm", "millimeter"),
        device=DEVICE,
        derivedFrom=observations("lines"),
    )
    doc.add_source("source_of_response", "1.10.1")
    doc.add_evaluation(
        "response",
        code=concept((DCM, "112048", "Current Response")),
        valueCodeableConcept=concept((DCM, "112042", "Target Lesion Partial Response")),
        device=DEVICE,
        derivedFrom=selections("source_of_response"),
    )


def with_diagnostic_report() -> Expected:
    """D37 on request: results are groups, derived measurements and evaluations without a group, no members."""
    expected = recist()
    expected.document.add_report(
        (DCM, "126000", "Imaging Measurement Report"),
        interpreters=[],
        results=["lines", "volumetry", "sum", "response"],
    )
    return expected
