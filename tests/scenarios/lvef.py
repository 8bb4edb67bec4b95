"""What an ejection fraction by ultrasound becomes: three beats and their mean.

Written from docs/specification.md and the decisions D32 to D55 before the document was transformed.
"""

from __future__ import annotations

from dataclasses import replace

from tests.scenarios.words import (
    DCM,
    LOINC,
    MEASUREMENT_GROUP,
    NO_ENTRY,
    PUT,
    ROOT,
    SCT,
    V3_INTERPRETATION,
    Document,
    Expected,
    component,
    concept,
    named,
    observations,
    oid,
    post,
    quantity,
    ref,
    selections,
    table,
)

__all__ = ["ejection_fraction", "with_diagnostic_report"]

NAME = "Left Ventricular Ejection Fraction by US"
CODE = (LOINC, "18043-0", NAME)
MEANING = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"


def ejection_fraction() -> Expected:
    base = f"{ROOT}.5"
    doc = Document(
        uid=f"{base}.3",
        sop_class="1.2.840.10008.5.1.4.1.1.88.33",
        series=f"{base}.2",
        study=f"{base}.1",
        patient={"value": "P-3001"},  # no issuer, no system
        order={"value": "ACC-3001"},
        status="final",  # 3.2.09: the flag
        issued="2026-02-11T14:30:00+00:00",  # D39: an instant assumes UTC
        effective="2026-02-11",  # D39: a dateTime keeps the precision of a date
        performer="reader",
    )
    doc.add_patient("Dahl", "Tor", gender="male", birthDate="1949-07-05")
    doc.add_order()
    doc.add_study(
        started="2026-02-11",
        procedure=[{"concept": concept((SCT, "433236007", "Transthoracic echocardiography"))}],
    )
    doc.add_device(
        "equipment",
        "dicom-general-equipment",
        identifier=[oid(f"{base}.10")],
        displayName="Echo-Calc",
        name=named("Echo-Calc"),
        manufacturer="Example Ultrasound",
        modelNumber="Echo-Calc",
    )
    doc.add_person("reader", "Lund", "Eva")
    doc.add_source("source", "1.5.1")
    common = {
        "bodySite": concept((SCT, "87878005", "Left ventricle")),  # D6: plain
        "device": ref("equipment", "Device"),
        "method": concept((DCM, "125207", "Method of Disks, Biplane")),  # 3.8.06: that of the group
    }
    beats = {"beat1": "47.2", "beat2": "49.1", "beat3": "47.7"}
    doc.add_group(
        "group",
        code=concept(MEASUREMENT_GROUP),
        hasMember=observations(*beats, "mean"),
        derivedFrom=selections("source"),
        **common,
    )
    for role, value in beats.items():
        doc.add_measurement(
            role,
            code=concept(CODE),
            valueQuantity=quantity(value, "%", "percent"),
            derivedFrom=selections("source"),
            **common,
        )
    doc.add_measurement(
        "mean",
        code=concept(CODE, text=f"{NAME}, Mean"),
        valueQuantity=quantity("48.0", "%", "percent"),
        interpretation=[concept((SCT, "371880002", "Abnormally Low"), (V3_INTERPRETATION, "L"))],
        referenceRange=[
            {
                "low": quantity("52", "%", "percent"),
                "high": quantity("72", "%", "percent"),
                "type": concept((MEANING, "normal")),
                "text": "Adult male (ASE/EACVI 2015)",
            }
        ],
        derivedFrom=[*selections("source"), *observations(*beats)],  # 3.8.10
        component=[
            component(
                concept((DCM, "121401", "Derivation")),
                valueCodeableConcept=concept((SCT, "373098007", "Mean")),
            ),
            component(
                concept((DCM, "121404", "Selection Status")),
                valueCodeableConcept=concept((DCM, "121412", "Mean value chosen")),
            ),
        ],
        **common,
    )
    every = ["group", *beats, "mean"]
    return Expected(
        doc,
        requests={
            # specification 1.2: a Patient ID without a system
            "patient": NO_ENTRY,
            "order": NO_ENTRY,
            "study": post(oid(doc.study)),
            "equipment": post(oid(f"{base}.10")),
            "reader": PUT,
            **dict.fromkeys(["source", *every], PUT),
        },
        items=table(
            """
            1            CONTEXT
            1.1          SUPP     every.language
            1.2          CONTEXT
            1.3          IG       reader.name
            1.4          SUPP     study.procedure
            1.5          CONTEXT
            1.5.1        IG       group source
            1.5.1.1      IG       every.bodySite
            1.5.1.2      IG       every.method
            1.5.1.3      IG       beat1 beat1.code beat1.valueQuantity
            1.5.1.4      IG       beat2 beat2.code beat2.valueQuantity
            1.5.1.5      IG       beat3 beat3.code beat3.valueQuantity
            1.5.1.6      IG       mean mean.code mean.valueQuantity
            1.5.1.6.1    SUPP     mean.component
            1.5.1.6.2    SUPP     mean.component
            1.5.1.6.3    SUPP     mean.interpretation
            1.5.1.6.4    SUPP     mean.referenceRange
            1.5.1.6.5    SUPP     mean.referenceRange
            1.5.1.6.6    SUPP     mean.referenceRange
            1.5.1.6.7    SUPP     mean.referenceRange
            1.5.1.6.8    SUPP     mean.derivedFrom
            1.5.1.6.9    SUPP     mean.derivedFrom
            1.5.1.6.10   SUPP     mean.derivedFrom
            """,
            every=every,
        ),
        unmapped={
            "SeriesNumber": "no-target",
            "InstanceNumber": "no-target",
            # the Preliminary Flag decides, so these decide nothing (3.2.10)
            "CompletionFlag": "no-target",
            "VerificationFlag": "no-target",
            # 3.2.19: neither a DiagnosticReport nor a Provenance is asked for
            "VerifyingObserverSequence.1.VerifyingObserverName": "no-target",
            "VerifyingObserverSequence.1.VerifyingOrganization": "no-target",
            "VerifyingObserverSequence.1.VerificationDateTime": "no-target",
            "StudyTime": "assumed-offset",  # D39; an attribute that reaches nothing is no loss, but unmapped (section 8)
        },
        findings={"no-target": "information", "assumed-offset": "warning"},
        findings_of_transaction={"unmatched-patient": "warning"},
    )


def with_diagnostic_report() -> Expected:
    """D37 on request: the same, and a DiagnosticReport that the verifying observer interpreted."""
    expected = ejection_fraction()
    doc = expected.document
    doc.add_person("signer", "Berg", "Kai")
    doc.add_report((DCM, "126000", "Imaging Measurement Report"), interpreters=["signer"], results=["group"])
    signed = "VerifyingObserverSequence.1.VerifyingObserverName"
    return replace(
        expected,
        unmapped={source: reason for source, reason in expected.unmapped.items() if source != signed},
    )
