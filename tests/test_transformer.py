"""The public API on real reports and the real engine: from a report in any form to Bundle, report and outcome."""

from __future__ import annotations

import io
import json
import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
import sr2fhir
from pydicom.dataset import Dataset

from tests.engines.registered import register

if TYPE_CHECKING:
    from sr2fhir.engines import Engine, ValidationMessage

# the worked example of the mapping specification, section 6
EXAMPLE = "real_hl7_dicom_sr_ig_example.json"
RESOURCES = {
    "Patient": 1,
    "ServiceRequest": 1,
    "ImagingStudy": 1,
    "Device": 2,
    "Practitioner": 1,
    "BodyStructure": 1,
    "ImagingSelection": 2,
    "Observation": 6,
}
# attributes of the header that belong to the root content item (PS3.3 C.17.3), which is item 1
ROOT_ITEM = {
    "ValueType",
    "ConceptNameCodeSequence",
    "ContinuityOfContent",
    "ContentTemplateSequence",
    "ContentSequence",
}
NAMES = ("EXAMPLE", "MEASUREMENT", "PID-11235", "RADIOLOGIST")


@pytest.fixture
def transformer(engine: Engine) -> sr2fhir.Transformer:
    return sr2fhir.Transformer(engine)


@pytest.fixture
def example(transformer: sr2fhir.Transformer, samples_dir: Path) -> sr2fhir.Result:
    return transformer.transform(samples_dir / EXAMPLE, name=EXAMPLE)


def test_the_worked_example_gives_its_resources(example: sr2fhir.Result) -> None:
    assert example.report.resources == RESOURCES
    kinds = Counter(entry["resource"]["resourceType"] for entry in example.bundle["entry"])
    assert kinds == RESOURCES
    assert list(kinds) == list(RESOURCES)  # the order of entries, section 1


def test_numbers_keep_the_text_of_dicom(example: sr2fhir.Result) -> None:
    """Section 6: Volume is 3.111220E+04 in the SR."""
    values = [
        entry["resource"]["valueQuantity"]["value"]
        for entry in example.bundle["entry"]
        if "valueQuantity" in entry["resource"]
    ]
    assert values == [Decimal("31112.2"), Decimal("49.94462"), Decimal("9026.567")]


def test_limits_are_taken_from_the_environment(samples_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SR2FHIR_MAX_ITEMS", "5")
    with pytest.raises(sr2fhir.InputError, match="SR2FHIR_MAX_ITEMS"):
        sr2fhir.render(samples_dir / EXAMPLE)


def test_no_lineage_id_is_left(example: sr2fhir.Result) -> None:
    ids = {node["id"] for node in nodes(example.bundle) if "id" in node}
    assert ids == {entry["resource"]["id"] for entry in example.bundle["entry"]}


def nodes(value: object) -> list[dict[str, object]]:
    """List the objects in JSON."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [node for member in members for node in nodes(member)]
    return [value, *found] if isinstance(value, dict) else found


def test_lineage_is_left_on_request(engine: Engine, samples_dir: Path, example: sr2fhir.Result) -> None:
    kept = sr2fhir.Transformer(engine, keep_lineage=True).transform(samples_dir / EXAMPLE, name=EXAMPLE)
    assert kept.report == example.report
    resources = [entry["resource"] for entry in kept.bundle["entry"]]
    quantities = [resource["valueQuantity"] for resource in resources if "valueQuantity" in resource]
    ids = [quantity["id"].partition("-")[0] for quantity in quantities]
    measurements = [
        record for record in sr2fhir.render(samples_dir / EXAMPLE).items if record.value_type == "NUM"
    ]
    assert ids == [record.position for record in measurements]


def test_a_bundle_with_lineage_is_valid(engine: Engine, samples_dir: Path) -> None:
    transformer = sr2fhir.Transformer(engine, keep_lineage=True, validate=True)
    assert transformer.transform(samples_dir / EXAMPLE).validation_counts["error"] == 0


def test_every_item_and_attribute_is_accounted_for(
    transformer: sr2fhir.Transformer, samples: list[Path]
) -> None:
    for sample in samples:
        rendering = sr2fhir.render(sample)
        report = transformer.transform(sample).report
        assert [line.source for line in report.items] == [record.position for record in rendering.items]
        header = [record.path for record in rendering.header if record.path not in ROOT_ITEM]
        assert [line.source for line in report.attributes] == header
        summed = report.to_dict()
        for part in ("items", "attributes"):
            counts = dict(summed[part])
            assert counts.pop("total") == sum(counts.values()), sample.name
        assert all(line.reason for line in report.unmapped)


def test_the_invalid_uid_of_the_example_is_reported(example: sr2fhir.Result) -> None:
    """Section 6: the source series 121232 has a UID of 66 characters (D29)."""
    unmapped = {line.source: line.reason for line in example.report.items if line.is_unmapped}
    assert unmapped == {"1.4.1.7": "invalid-value"}


def test_twice_gives_the_same_bytes(transformer: sr2fhir.Transformer, samples: list[Path]) -> None:
    for sample in samples:
        first, second = transformer.transform(sample), transformer.transform(sample)
        assert (first.json, first.report_json, first.outcome_json) == (
            second.json,
            second.report_json,
            second.outcome_json,
        )


def test_every_form_of_an_input_gives_the_same(transformer: sr2fhir.Transformer, samples_dir: Path) -> None:
    path = samples_dir / "real_dcmjs_ohif_bidirectional.dcm"
    data = path.read_bytes()
    sources = (path, str(path), data, io.BytesIO(data), pydicom.dcmread(path), sr2fhir.read(path))
    bundles = {transformer.transform(source).json for source in sources}
    assert len(bundles) == 1


def test_several_threads_give_what_one_gives(transformer: sr2fhir.Transformer, samples: list[Path]) -> None:
    single = {sample: transformer.transform(sample).json for sample in samples}
    several: dict[Path, bytes] = {}
    threads = [
        threading.Thread(target=lambda s=sample: several.update({s: transformer.transform(s).json}))
        for sample in samples
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert several == single


def test_a_transaction_can_be_asked_for(engine: Engine, samples_dir: Path) -> None:
    packaging = sr2fhir.Packaging("transaction")
    systems = sr2fhir.RenderOptions(issuers={"test-hospital.org": "http://test-hospital.org"})
    transformer = sr2fhir.Transformer(engine, options=systems, packaging=packaging)
    result = transformer.transform(samples_dir / EXAMPLE)
    requests = {
        entry["resource"]["resourceType"]: entry["request"]["method"] for entry in result.bundle["entry"]
    }
    # section 1.2: conditional create for what may exist, by an identifier with a system; no order; else PUT
    assert requests["Patient"] == requests["ImagingStudy"] == requests["BodyStructure"] == "POST"
    assert "ServiceRequest" not in requests
    assert requests["Observation"] == requests["ImagingSelection"] == "PUT"


FIXED = {
    "patients": "fixed=Patient/1",
    "orders": "fixed=ServiceRequest/1",
    "studies": "fixed=ImagingStudy/1",
}


@pytest.mark.parametrize("option", FIXED)
def test_what_the_caller_names_is_of_one_document(option: str, engine: Engine, samples: list[Path]) -> None:
    """Else the results of two patients would reach one chart."""
    packaging = sr2fhir.Packaging("transaction", **{option: FIXED[option]})
    transformer = sr2fhir.Transformer(engine, packaging=packaging)
    assert transformer.transform(samples[0]).bundle["type"] == "transaction"
    with pytest.raises(sr2fhir.UsageError, match=f"`fixed` of {option} is for the results of one document"):
        transformer.transform(samples[1])


def test_a_document_that_failed_was_the_only_one(engine: Engine, samples: list[Path]) -> None:
    """The patient that the caller named is that of the document that failed."""
    packaging = sr2fhir.Packaging("transaction", patients=FIXED["patients"])
    transformer = sr2fhir.Transformer(engine, packaging=packaging)
    with pytest.raises(sr2fhir.InputError):
        transformer.transform(b"damaged")
    with pytest.raises(sr2fhir.UsageError, match="one document"):
        transformer.transform(samples[0])


def test_of_several_threads_one_gets_what_is_for_one_document(engine: Engine, samples: list[Path]) -> None:
    packaging = sr2fhir.Packaging("transaction", patients=FIXED["patients"])
    transformer = sr2fhir.Transformer(engine, packaging=packaging)
    results: list[sr2fhir.Result] = []
    refused: list[sr2fhir.UsageError] = []

    def run(sample: Path) -> None:
        try:
            results.append(transformer.transform(sample))
        except sr2fhir.UsageError as error:
            refused.append(error)

    threads = [threading.Thread(target=run, args=(sample,)) for sample in samples[:4]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(results), len(refused)) == (1, 3)


def test_a_collection_names_nothing_of_a_server(engine: Engine, samples: list[Path]) -> None:
    transformer = sr2fhir.Transformer(engine, packaging=sr2fhir.Packaging(**FIXED))
    for sample in samples[:2]:
        assert transformer.transform(sample).bundle["type"] == "collection"


def test_the_report_of_a_transaction_tells_what_is_not_sent(engine: Engine, samples_dir: Path) -> None:
    """An order is referred to by its accession number; what else the document says of it is listed."""
    numbers = Dataset()
    numbers.AccessionNumber, numbers.PlacerOrderNumberImagingServiceRequest = "A1", "P1"
    document = sr2fhir.read(samples_dir / "real_highdicom_sr_document.dcm").dataset
    document.AccessionNumber, document.ReferencedRequestSequence = "A1", [numbers]
    packaging = sr2fhir.Packaging("transaction")
    result = sr2fhir.Transformer(engine, packaging=packaging).transform(document)
    listed = {line.source: line.reason for line in result.report.unmapped}
    placer = "ReferencedRequestSequence.1.PlacerOrderNumberImagingServiceRequest"
    assert listed[placer] == "not-sent"
    assert "AccessionNumber" not in listed
    names = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in result.bundle["entry"]}
    assert {each.partition(".")[0] for line in result.report.lines for each in line.elements} <= names
    collected = sr2fhir.Transformer(engine).transform(document).report
    assert placer not in {line.source for line in collected.unmapped}
    assert collected.resources["ServiceRequest"] == 1
    assert "ServiceRequest" not in result.report.resources


def test_reports_and_outcomes_hold_no_patient_data(example: sr2fhir.Result) -> None:
    assert all(name in example.json.decode() for name in NAMES)  # which is where it belongs
    for text in (example.report_json.decode(), example.outcome_json.decode()):
        assert not any(name in text for name in NAMES)


def test_findings_become_the_outcome(example: sr2fhir.Result) -> None:
    issues = example.outcome["issue"]
    assert len(issues) == len(example.findings)
    assert any("at 1.4.1.7" in issue["diagnostics"] for issue in issues)
    assert example.ok
    assert json.loads(example.outcome_json) == example.outcome


def test_the_example_is_valid(engine: Engine, samples_dir: Path) -> None:
    result = sr2fhir.Transformer(engine, validate=True).transform(samples_dir / EXAMPLE)
    assert result.validation
    assert [issue for issue in result.validation if issue.severity == "error"] == []
    assert result.ok


# ---- failures ----


def test_an_error_names_the_input(transformer: sr2fhir.Transformer, tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"no")
    with pytest.raises(sr2fhir.InputError) as raised:
        transformer.transform(tmp_path / "x.dcm", name="x.dcm")
    assert raised.value.source == "x.dcm"


class Answering:
    """An engine that gives a fixed answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.closed = 0

    def transform(self, document: bytes, map_url: str) -> bytes:
        return self.answer

    def validate(self, bundle: bytes, profiles: object = ()) -> list[ValidationMessage]:
        return []

    def label(self) -> str:
        return "engine other"

    def version(self) -> str:
        return "none"

    def close(self) -> None:
        self.closed += 1


def test_the_answer_for_another_document_is_refused(example: sr2fhir.Result, samples: list[Path]) -> None:
    other = next(sample for sample in samples if sample.name != EXAMPLE)
    with pytest.raises(sr2fhir.OutputError, match="not given out by this document") as raised:
        sr2fhir.Transformer(Answering(example.json)).transform(other, name="other")
    assert raised.value.source == "other"


def test_half_an_answer_is_refused(example: sr2fhir.Result, samples_dir: Path) -> None:
    half = Answering(example.json[: len(example.json) // 2])
    with pytest.raises(sr2fhir.OutputError, match="malformed"):
        sr2fhir.Transformer(half).transform(samples_dir / EXAMPLE)


def test_an_engine_that_was_handed_in_stays_open() -> None:
    engine = Answering(b"")
    with sr2fhir.Transformer(engine) as transformer:
        assert transformer.start() is engine
    assert engine.closed == 0
    assert transformer.start() is engine


def test_an_engine_made_by_name_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Answering] = []

    def make(batch: bool) -> Answering:
        made.append(Answering(b""))
        return made[-1]

    register(monkeypatch, mine=make)
    monkeypatch.setenv("SR2FHIR_ENGINE", "mine")
    with sr2fhir.Transformer():
        pass
    with sr2fhir.Transformer("mine"):
        pass
    assert [engine.closed for engine in made] == [1, 1]


def test_an_unknown_engine_is_wrong_use() -> None:
    with pytest.raises(sr2fhir.UsageError, match="steam"):
        sr2fhir.Transformer("steam").start()
