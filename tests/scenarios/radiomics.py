"""What a hundred radiomics features become: the rules once, the features from the table of the sample.

Written from docs/specification.md and the decisions D32 to D55 before the document was transformed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.scenarios.words import (
    CT,
    DCM,
    IBSI,
    MEASUREMENT_GROUP,
    PUT,
    ROOT,
    SCT,
    SEGMENTATION,
    Document,
    Expected,
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

__all__ = ["features"]

BASE = f"{ROOT}.7"
LESION = tracking("Tumor 1", f"{ROOT}.0.40")
# the text of units; "no units" is "1" (3.1.06)
UNITS = {
    "1": "1",
    "mm": "millimeter",
    "mm2": "square millimeter",
    "mm3": "cubic millimeter",
    "/mm": "per millimeter",
}
PARAMETERS = {
    "original": ["image=original", "binWidth=25"],
    "wavelet": ["image=wavelet-LLH", "binWidth=10"],
}
PARAMETER = concept((DCM, "111002", "Algorithm Parameters"))
FEATURES = Path(__file__).resolve().parents[2] / "samples" / "scenarios" / "radiomics.csv"


def features() -> Expected:
    doc = Document(
        uid=f"{BASE}.3",
        sop_class="1.2.840.10008.5.1.4.1.1.88.22",
        series=f"{BASE}.2",
        study=f"{BASE}.1",
        patient={"system": f"urn:oid:{ROOT}.0.1", "value": "P-5001", "assigner": {"display": "HOSP_A"}},
        order=None,
        status="preliminary",
        issued="2026-01-16T09:00:00.25+01:00",
        effective="2026-01-15T12:00:00+01:00",
        performer="reader",
    )
    doc.add_patient("Quist", "Bo")
    doc.add_study(started="2026-01-15T12:00:00+01:00")
    doc.add_device(
        "equipment",
        "dicom-general-equipment",
        displayName="Feature-Lab",
        name=named("Feature-Lab"),
        manufacturer="Example Research",
        modelNumber="Feature-Lab",
    )
    for name, parameters in PARAMETERS.items():  # 3.4.08: one Device for each set of parameters
        doc.add_device(
            f"algorithm_{name}",
            "algorithm-identification",
            displayName="Feature-Engine",
            name=named("Feature-Engine"),
            version=[{"value": "3.1.0"}],
            property=[{"type": PARAMETER, "valueString": each} for each in parameters],
            parent=ref("equipment", "Device"),
        )
    doc.add_person("reader", "Falk", "Ove")
    doc.add_lesion("lesion", LESION, {"structure": concept((SCT, "39607008", "Lung"))})
    for position, name in enumerate(PARAMETERS, 1):
        add_group(doc, f"1.4.{position}", name)
    return Expected(
        doc,
        requests={
            **dict.fromkeys(doc.resources, PUT),
            "patient": post(doc.patient),
            "study": post(oid(doc.study)),
            "lesion": post(LESION[1]),
        },
        items=table("\n".join(items())),
        unmapped={"SeriesNumber": "no-target", "InstanceNumber": "no-target"},
        findings={"no-target": "information"},
    )


def rows(name: str) -> list[dict[str, str]]:
    with FEATURES.open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row[name]]


def add_group(doc: Document, position: str, name: str) -> None:
    site = ref("lesion", "BodyStructure")
    doc.add_selection(
        f"segment_{name}",
        "referenced-segment",
        concept((DCM, "121191", "Referenced Segment")),
        seriesUid=f"{BASE}.5",
        bodySite={"reference": site},
        focus=selections(f"source_{name}", f"images_{name}"),
        instance=[instance(f"{BASE}.6", SEGMENTATION, subset=["1"])],
    )
    doc.add_selection(
        f"images_{name}",
        "source-image-for-segmentation",
        concept((DCM, "121233", "Source image for segmentation"), text="Source series for segmentation"),
        seriesUid=f"{BASE}.4",
        bodySite={"reference": site},
        focus=selections(f"source_{name}"),
        instance=[instance(f"{BASE}.4.1", CT)],
    )
    doc.add_source(f"source_{name}", position)
    derived = selections(f"segment_{name}", f"source_{name}")
    doc.add_group(
        f"group_{name}",
        code=concept(MEASUREMENT_GROUP),
        valueCodeableConcept=concept((SCT, "108369006", "Neoplasm")),
        bodyStructure=site,
        device=ref("equipment", "Device"),  # the algorithms stand at the numbers
        derivedFrom=derived,
        hasMember=observations(*(f"{row['code']}_{name}" for row in rows(name))),
    )
    for row in rows(name):
        doc.add_measurement(
            f"{row['code']}_{name}",
            code=concept(
                (IBSI, row["code"], row["meaning"]), text=for_people(row["meaning"], "Tumor 1", "lung")
            ),
            # 3.1.07: the digits, in plain notation
            valueQuantity=quantity(format(Decimal(row[name]), "f"), row["unit"], UNITS[row["unit"]]),
            bodyStructure=site,
            device=ref(f"algorithm_{name}", "Device"),
            derivedFrom=derived,
            # 3.4.03: the algorithm stands at the number itself
            component=[component(PARAMETER, valueString=each) for each in PARAMETERS[name]],
        )


def items() -> Iterator[str]:
    """Yield the rows for the content items."""
    measured = {name: [f"{row['code']}_{name}" for row in rows(name)] for name in PARAMETERS}
    every = [*(f"group_{name}" for name in PARAMETERS), *measured["original"], *measured["wavelet"]]
    spoken = [*every, "lesion", *(f"{kind}_{name}" for name in PARAMETERS for kind in ("segment", "images"))]
    yield "1 CONTEXT"
    yield f"1.1 SUPP {elements(spoken, 'language')}"
    yield "1.2 CONTEXT"
    yield "1.3 IG reader.name"
    yield "1.4 CONTEXT"
    for number, name in enumerate(PARAMETERS, 1):
        group = f"1.4.{number}"
        yield f"{group} IG group_{name} source_{name}"
        yield f"{group}.1 IG lesion.identifier"
        yield f"{group}.2 IG lesion.identifier"
        yield f"{group}.3 IG group_{name}.valueCodeableConcept"
        yield f"{group}.4 IG lesion.includedStructure"
        yield f"{group}.5 IG segment_{name} segment_{name}.code segment_{name}.instance"
        yield (f"{group}.6 IG images_{name} images_{name}.code images_{name}.instance")
        for position, role in enumerate(measured[name], 7):
            device, num = f"algorithm_{name}", f"{group}.{position}"
            yield f"{num} IG {role} {role}.code {role}.valueQuantity"
            yield f"{num}.1 IG {device}.displayName {device}.name"
            yield f"{num}.2 IG {device}.version"
            # section 8: lineage decides, and the Device has that of the first number that states it
            reached = f"IG {device}.property" if role == measured[name][0] else "SUPP"
            yield f"{num}.3 {reached} {role}.component"
            yield f"{num}.4 {reached} {role}.component"


def elements(roles: list[str], name: str) -> str:
    return " ".join(f"{role}.{name}" for role in roles)
