"""Every content item and header attribute ends in one class (mapping specification, section 8): real pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Result, Transformer
from sr2fhir.accounting.classify import REASONS

from tests import builders as b

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

EXAMPLE = "real_hl7_dicom_sr_ig_example.json"
NODULE = b.Code("27925004", "SCT", "Nodule")
SUBTLETY = b.Code("C45992", "NCIt", "Subtlety score")
NOTE = b.Code("121106", "DCM", "Comment")
DERIVATION = b.Code("121401", "DCM", "Derivation")
MEAN = b.Code("373098007", "SCT", "Mean")
SOURCE = b.Code("260753009", "SCT", "Source")
OTHER = b.Code("99X1", "99TEST", "Appendix")
MANUFACTURER = b.Code("121014", "DCM", "Device Observer Manufacturer")
MODEL = b.Code("121015", "DCM", "Device Observer Model Name")
SERIAL = b.Code("121016", "DCM", "Device Observer Serial Number")
CONTEXT = "HAS OBS CONTEXT"


@pytest.fixture
def transformer(engine: Engine) -> Transformer:
    return Transformer(engine)


def classes(result: Result) -> dict[str, tuple[str, str | None]]:
    return {line.source: (line.category, line.reason) for line in result.report.lines}


def elements(result: Result, source: str) -> set[str]:
    """Return resource type and element of what came from a source, without ids and numbers."""
    found = next(line.elements for line in result.report.lines if line.source == source)
    pairs = [(each.partition("/")[0], each.partition(".")[2].partition("[")[0]) for each in found]
    return {f"{kind}.{name}".removesuffix(".") for kind, name in pairs}


# ---- the worked example, section 6 ----

UNMAPPED = {
    "InstanceCreatorUID",
    "StudyTime",
    "SeriesDate",
    "SeriesTime",
    "SeriesNumber",
    "InstanceNumber",
    "VerifyingObserverSequence",
    "1.4.1.7",
}


@pytest.fixture
def example(transformer: Transformer, samples_dir: Path) -> Result:
    return transformer.transform(samples_dir / EXAMPLE, name=EXAMPLE)


def test_the_unmapped_report_of_the_worked_example(example: Result) -> None:
    """The list at the end of section 6, and nothing else."""
    lines = example.report.unmapped
    assert {line.source.partition(".")[0] if line.source[0].isalpha() else line.source for line in lines} == (
        UNMAPPED
    )
    assert {line.source: line.reason for line in lines if line.reason != "no-target"} == {
        "1.4.1.7": "invalid-value",
        "StudyTime": "assumed-offset",
    }


def test_the_items_of_the_worked_example(example: Result) -> None:
    """1.1 language and 1.4.1.1 Activity Session are SUPP (3.3, 3.6); containers and observer type are context."""
    wanted = {
        "1": "CONTEXT",
        "1.2": "CONTEXT",
        "1.4": "CONTEXT",
        "1.1": "SUPP",
        "1.4.1.1": "SUPP",
        "1.4.1.7": "UNM",
    }
    found = {line.source: line.category for line in example.report.items}
    assert len(found) == 25
    assert {source: found[source] for source in wanted} == wanted
    assert {found[source] for source in found.keys() - wanted.keys()} == {"IG"}


def test_an_algorithm_that_is_named_again_is_accounted_for(example: Result) -> None:
    """Section 6, 5: one Device for all three NUMs."""
    for position in ("1.4.1.9", "1.4.1.10", "1.4.1.11"):
        assert elements(example, f"{position}.1") == {"Device.displayName", "Device.name"}
        assert elements(example, f"{position}.2") == {"Device.version"}


def test_the_header_of_the_worked_example(example: Result) -> None:
    assert elements(example, "ContentDate") == elements(example, "ContentTime") == {"Observation.issued"}
    assert elements(example, "StudyDate") == {"Observation.effectiveDateTime", "ImagingStudy.started"}
    assert elements(example, "SeriesInstanceUID") == {"ImagingSelection.seriesUid"}
    assert "ImagingSelection.instance" in elements(example, "SOPInstanceUID")
    spoken = {"Observation.language", "ImagingSelection.language", "BodyStructure.language"}
    assert elements(example, "1.1") == spoken
    supplementary = {line.source for line in example.report.attributes if line.category == "SUPP"}
    assert supplementary == {
        "StudyDate",
        "StudyID",
        "PatientName",
        "PatientBirthDate",
        "PatientSex",
    }


def test_the_finding_counts_what_the_report_lists(example: Result) -> None:
    unmapped = example.report.to_dict()["unmapped"]
    attributes = sum(1 for entry in unmapped if "tag" in entry)
    assert len(unmapped) - attributes == 1
    assert example.findings[-1].message == (
        f"1 content item, {attributes} header attributes reached no element of the Bundle"
    )


def test_the_account_of_every_sample_is_complete(transformer: Transformer, samples: list[Path]) -> None:
    for sample in samples:
        report = transformer.transform(sample).report.to_dict()
        for part in ("items", "attributes"):
            counts = dict(report[part])
            assert counts.pop("total") == sum(counts.values()), sample.name
        mapped = sum(report[part][each] for part in ("items", "attributes") for each in ("IG", "SUPP"))
        assert mapped == len(report["lineage"]), sample.name
        unmapped = sum(line.get("count", 1) for line in report["unmapped"])
        assert unmapped == report["items"]["UNM"] + report["attributes"]["UNM"]


# ---- what is lost of items that reached an element (section 8: never silence) ----


def test_the_part_of_an_item_that_is_lost_stands_in_the_report(transformer: Transformer) -> None:
    """3.1: a NUM has one value; its fraction has no place beside the decimal number."""
    measured = b.num(b.VOLUME, "0.5", b.CUBIC_MM)
    value = measured.MeasuredValueSequence[0]
    value.RationalNumeratorValue, value.RationalDenominatorValue = 1, 2
    result = transformer.transform(b.measurement_report(b.imaging_measurements(b.group(measured))))
    assert classes(result)["1.1.1.1"][0] == "IG"
    (loss,) = result.report.to_dict()["losses"]
    assert (loss["source"], loss["reason"]) == ("1.1.1.1", "no-target")
    assert "rational" in loss["message"].lower()


def measured_twice() -> Dataset:
    measured = b.num(b.VOLUME, "1", b.CUBIC_MM)
    measured.MeasuredValueSequence.append(b.num(b.VOLUME, "2", b.CUBIC_MM).MeasuredValueSequence[0])
    return measured


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (measured_twice(), "multiplicity"),
        (b.num(b.VOLUME, "1.0", b.CUBIC_MM, floating=2.5), "multiplicity"),
        (b.text(SUBTLETY, "page one\fpage two"), "no-target"),
        (b.pname(SUBTLETY, "Yamada^Tarou=山田^太郎"), "multiplicity"),
    ],
)
def test_losses_of_items_that_reached_an_element(
    transformer: Transformer, item: Dataset, reason: str
) -> None:
    result = transformer.transform(b.measurement_report(b.imaging_measurements(b.group(item))))
    assert classes(result)["1.1.1.1"][0] in ("IG", "SUPP")
    assert [(loss.source, loss.reason) for loss in result.report.losses] == [("1.1.1.1", reason)]


def test_the_further_groups_of_an_observers_name_are_told(transformer: Transformer) -> None:
    """3.3: the profile has room for one name."""
    name = b.person_observer("Yamada^Tarou=山田^太郎=やまだ^たろう")
    result = transformer.transform(b.measurement_report(name, b.imaging_measurements(b.group(volume()))))
    assert [(loss.source, loss.reason) for loss in result.report.losses] == [("1.1", "multiplicity")]


def test_what_is_kept_in_spite_of_a_fault_is_no_loss(transformer: Transformer) -> None:
    """A concept of which only the meaning is stated is kept whole."""
    named = b.code(b.Code("", "", "Subtlety"), NODULE)
    result = transformer.transform(b.measurement_report(b.imaging_measurements(b.group(named))))
    assert "invalid-value" in {finding.code for finding in result.findings}
    assert result.report.losses == ()


def test_a_fault_within_a_participant_is_told_of_the_attribute(transformer: Transformer) -> None:
    path = "ParticipantSequence.1.PersonIdentificationCodeSequence"
    participant = b.sequence_item(
        ObserverType="PSN",
        PersonName="P1",
        PersonIdentificationCodeSequence=[b.Code("", "", "badge").as_item()],
    )
    report = b.measurement_report(
        b.imaging_measurements(b.group(volume())), ParticipantSequence=[participant]
    )
    result = transformer.transform(report)
    assert path in {finding.where for finding in result.findings}
    assert "ParticipantSequence.1" not in {loss.source for loss in result.report.losses}


def test_the_accession_number_that_a_request_item_repeats_is_mapped(transformer: Transformer) -> None:
    """3.2: Accession Number is named by the guide."""
    request = b.sequence_item(AccessionNumber="A1", StudyInstanceUID="1.2.3", RequestedProcedureID="RP")
    report = b.measurement_report(
        b.imaging_measurements(b.group(volume())), AccessionNumber="A1", ReferencedRequestSequence=[request]
    )
    assert classes(transformer.transform(report))["AccessionNumber"] == ("IG", None)


def test_a_region_that_is_none_does_not_name_the_selection_of_the_others(transformer: Transformer) -> None:
    """5.2: a region that is not valid is not produced."""
    regions = [b.scoord("CIRCLE", data, b.image("1.2.3.1")) for data in ([1, 1], [1, 1, 2, 2])]
    result = transformer.transform(b.measurement_report(b.imaging_measurements(b.group(*regions))))
    assert classes(result)["1.1.1.1"] == ("UNM", "invalid-value")
    assert "ImagingSelection" in elements(result, "1.1.1.2")


def test_what_is_unmapped_as_a_whole_is_told_once(transformer: Transformer, samples: list[Path]) -> None:
    for sample in samples:
        result = transformer.transform(sample)
        lost = {loss.source for loss in result.report.losses}
        unmapped = {line.source for line in result.report.unmapped}
        findings = [each for each in result.findings[:-1] if each.code in REASONS and not each.kept]
        stated = {each.where for each in findings}
        assert not lost & unmapped, sample.name
        assert stated <= lost | unmapped, sample.name


# ---- rows of section 3 ----


def volume(*children: Dataset, **attributes: object) -> Dataset:
    return b.num(b.VOLUME, "1", b.CUBIC_MM, *children, **attributes)


def evaluation(*children: Dataset) -> Dataset:
    return b.code(SUBTLETY, NODULE, *children)


# report → class (and reason) of some of its items
REPORTS: dict[str, tuple[Dataset, dict[str, tuple[str, str | None]]]] = {
    "3.5 group under the root": (
        b.measurement_report(b.group(volume())),
        {"1.1": ("SUPP", None), "1.1.1": ("IG", None)},
    ),
    "3.5 without a group": (
        b.measurement_report(b.imaging_measurements(volume(), evaluation(), b.text(NOTE, "x"))),
        {"1.1": ("CONTEXT", None), **dict.fromkeys(("1.1.1", "1.1.2", "1.1.3"), ("SUPP", None))},
    ),
    "3.5 another container under 126010": (
        b.measurement_report(
            b.imaging_measurements(b.group(volume()), b.container(OTHER, b.text(NOTE, "x")))
        ),
        {
            "1.1.1": ("IG", None),
            "1.1.2": ("UNM", "out-of-scope-container"),
            "1.1.2.1": ("UNM", "out-of-scope-container"),
        },
    ),
    "3.5 another container under the root": (
        b.measurement_report(
            b.imaging_measurements(b.group(volume())), b.container(OTHER, b.text(NOTE, "x"))
        ),
        {"1.2": ("UNM", "no-target"), "1.2.1": ("UNM", "no-target")},
    ),
    "3.5 Image Library without times": (
        b.measurement_report(
            b.container(b.IMAGE_LIBRARY, b.container(b.IMAGE_LIBRARY_GROUP, b.image("1.2.3"))),
            b.imaging_measurements(b.group(volume())),
        ),
        dict.fromkeys(("1.1", "1.1.1", "1.1.1.1"), ("UNM", "no-target")),
    ),
    "3.5 Image Library with the times of the images": (
        b.measurement_report(
            b.container(
                b.IMAGE_LIBRARY,
                b.container(
                    b.IMAGE_LIBRARY_GROUP,
                    b.date(b.ACQUISITION_DATE, "20240101"),
                    b.time(b.ACQUISITION_TIME, "1000"),
                    b.image("1.2.3"),
                ),
            ),
            b.imaging_measurements(
                b.group(b.scoord("POINT", [1, 1], b.image("1.2.3"), concept=b.IMAGE_REGION), volume())
            ),
        ),
        {
            "1.1": ("CONTEXT", None),
            "1.1.1.1": ("SUPP", None),
            "1.1.1.2": ("SUPP", None),
            "1.1.1.3": ("UNM", "no-target"),
            "1.2.1.1": ("IG", None),
            "1.2.1.1.1": ("IG", None),
        },
    ),
    "3.6 group in a group": (
        b.measurement_report(b.imaging_measurements(b.group(b.group(volume())))),
        {"1.1.1": ("IG", None), "1.1.1.1": ("SUPP", None), "1.1.1.1.1": ("IG", None)},
    ),
    "3.6 second Finding, textual Finding": (
        b.measurement_report(
            b.imaging_measurements(
                b.group(b.code(b.FINDING, NODULE), b.code(b.FINDING, SUBTLETY), b.text(b.FINDING, "x"))
            )
        ),
        {"1.1.1.1": ("IG", None), "1.1.1.2": ("SUPP", None), "1.1.1.3": ("SUPP", None)},
    ),
    "3.7 reference that the guide has no profile for": (
        b.measurement_report(b.imaging_measurements(b.group(b.image("1.2.3", concept=SOURCE)))),
        {"1.1.1.1": ("SUPP", None)},
    ),
    "3.8 measurement": (
        b.measurement_report(
            b.imaging_measurements(
                b.group(
                    volume(
                        b.code(DERIVATION, MEAN, relationship="HAS CONCEPT MOD"),
                        b.text(b.TRACKING_IDENTIFIER, "T", relationship=CONTEXT),
                        b.text(b.ALGORITHM_NAME, "a", relationship="HAS CONCEPT MOD"),
                    ),
                    b.text(b.TRACKING_IDENTIFIER, "G", relationship=CONTEXT),
                )
            )
        ),
        {
            "1.1.1.1": ("IG", None),
            "1.1.1.1.1": ("SUPP", None),
            "1.1.1.1.2": ("SUPP", None),
            "1.1.1.1.3": ("IG", None),
            "1.1.1.2": ("IG", None),
        },
    ),
    "3.9 evaluations": (
        b.measurement_report(
            b.evaluations(evaluation(), b.date(NOTE, "20240101"), volume()),
            b.imaging_measurements(b.group(evaluation())),
        ),
        {
            "1.1.1": ("IG", None),
            "1.1.2": ("SUPP", "degraded"),
            "1.1.3": ("SUPP", None),
            "1.2.1.1": ("IG", None),
        },
    ),
    "3.10 derived measurements": (
        b.measurement_report(
            b.derived_measurements(
                b.num(MEAN, "1", b.CUBIC_MM, b.group(volume(), relationship="R-INFERRED FROM")),
                b.group(volume()),
            )
        ),
        {"1.1.1": ("IG", None), "1.1.1.1": ("IG", None), "1.1.2": ("SUPP", None)},
    ),
}


@pytest.mark.parametrize(("report", "wanted"), REPORTS.values(), ids=REPORTS)
def test_classes_of_items(
    transformer: Transformer, report: Dataset, wanted: dict[str, tuple[str, str | None]]
) -> None:
    found = classes(transformer.transform(report))
    assert {source: found[source] for source in wanted} == wanted


def test_a_device_observer_that_is_the_equipment(transformer: Transformer) -> None:
    """Section 3.2: the equipment is reused; its items went into that Device."""
    stated = {MANUFACTURER: "Maker", MODEL: "Model", SERIAL: "S1"}
    items = [b.text(concept, value, relationship=CONTEXT) for concept, value in stated.items()]
    participant = b.sequence_item(
        ObserverType="DEV", Manufacturer="Maker", ManufacturerModelName="Model", DeviceSerialNumber="S1"
    )
    result = transformer.transform(
        b.measurement_report(
            b.observer(b.DEVICE),
            *items,
            b.imaging_measurements(b.group(volume())),
            DeviceSerialNumber="S1",
            ParticipantSequence=[participant],
        )
    )
    found = classes(result)
    assert [found[f"1.{n}"][0] for n in (1, 2, 3, 4)] == ["CONTEXT", "IG", "IG", "SUPP"]
    assert {element for n in (2, 3, 4) for element in elements(result, f"1.{n}")} == {"Device"}
    assert elements(result, "ParticipantSequence.1.Manufacturer") == {"Device.manufacturer"}
    assert result.report.resources["Device"] == 1


def test_observers_who_are_not_needed_are_unmapped(transformer: Transformer) -> None:
    """D17: those of the losing sources get no Practitioner and are reported."""
    participant = b.sequence_item(ObserverType="PSN", PersonName="Roe^Rita", ParticipationType="SOURCE")
    result = transformer.transform(
        b.measurement_report(
            b.person_observer("Doe^Jane"),
            b.imaging_measurements(b.group(volume())),
            ParticipantSequence=[participant],
        )
    )
    assert classes(result)["1.1"] == ("IG", None)
    assert classes(result)["ParticipantSequence.1.PersonName"] == ("UNM", "no-target")


def test_empty_attributes(transformer: Transformer) -> None:
    """Empty sequences are absent (3.1); an empty attribute has nothing to carry over (section 8)."""
    header = {"PatientBirthDate": "", "ReferringPhysicianName": "", "PerformedProcedureCodeSequence": []}
    found = classes(
        transformer.transform(b.measurement_report(b.imaging_measurements(b.group(volume())), **header))
    )
    assert found["PatientBirthDate"] == ("CONTEXT", "empty")
    assert found["ReferringPhysicianName"] == ("CONTEXT", "empty")
    assert "PerformedProcedureCodeSequence" not in found


def test_a_digest_does_not_change_when_an_item_moves(transformer: Transformer) -> None:
    def digest(*before: Dataset) -> list[str | None]:
        library = b.container(b.IMAGE_LIBRARY, b.container(b.IMAGE_LIBRARY_GROUP, *before, b.image("1.2.3")))
        lines = transformer.transform(b.measurement_report(library)).report.items
        return [line.digest for line in lines if ("valueType", "IMAGE") in line.description]

    moved, there = digest(b.text(b.ALGORITHM_VERSION, "x")), digest()
    assert moved == there
    assert None not in there


def test_an_image_library_is_one_line_and_the_losses_beside_it_are_seen(transformer: Transformer) -> None:
    """Section 8: blocks have a count; a code that was lost is told, a private one is not."""
    modality = b.code(b.Code("121139", "DCM", "Modality"), b.Code("CT", "DCM", "CT"), relationship=CONTEXT)
    images = [b.image(f"1.2.{n}", modality, relationship="CONTAINS") for n in range(1, 4)]
    library = b.container(
        b.Code("111028", "DCM", "Image Library"), b.container(b.Code("126200", "DCM", "Group"), *images)
    )
    lost = [
        b.code(b.Code("121050", "DCM", "Equivalent Meaning"), value, relationship=CONTEXT)
        for value in (b.Code("2667000", "SCT", "Absent"), b.Code("X", "99SITE", "Mrs Roe"))
    ]
    report = b.measurement_report(library, *lost, b.imaging_measurements(b.group(volume())))
    result = transformer.transform(report)
    unmapped = {each["source"]: each for each in result.report.to_dict()["unmapped"]}
    assert [name for name in unmapped if name.startswith("1.1")] == ["1.1"]
    assert unmapped["1.1"]["count"] == 8
    assert unmapped["1.2"]["code"] == "2667000, SCT"
    assert "code" not in unmapped["1.3"]
    assert "Roe" not in result.report_json.decode()
    # each item still has its line for programs
    assert len([each for each in result.report.unmapped if each.source.startswith("1.1")]) == 8


def test_issues_lead_into_the_bundle_or_nowhere(transformer: Transformer) -> None:
    """Positions of content items are no FHIRPath: they stand in the diagnostics."""
    region = b.scoord("POINT", [1, 2], b.image("1.2.1"), PixelOriginInterpretation="VOLUME")
    outside = b.scoord("POINT", [1, 2, 3], b.image("1.2.1"))
    report = b.measurement_report(b.imaging_measurements(b.group(region, outside, volume())))
    result = transformer.transform(report)
    issues = {each["diagnostics"].split("; ")[1]: each for each in result.outcome["issue"]}
    (path,) = issues["at 1.1.1.1"]["expression"]
    number = int(path.removeprefix("Bundle.entry[").removesuffix("].resource"))
    assert result.bundle["entry"][number]["resource"]["resourceType"] == "ImagingSelection"
    assert "expression" not in issues["at 1.1.1.2"]
