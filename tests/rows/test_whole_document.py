"""Decisions D36 to D38: what the document is named by, and what is made of it as a whole."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydicom.dataset import Dataset
from sr2fhir import Packaging, Result, __version__

from tests import builders as b
from tests.rows.conftest import Transform
from tests.rows.look import (
    DCM,
    Json,
    absent,
    category,
    concept,
    elements,
    findings,
    observation,
    oid,
    one,
    resources,
    target,
    unmapped,
    urn,
)
from tests.rows.shapes import CONTEXT, INFERRED, MODIFIES

SOURCE = f"urn:oid:{b.INSTANCE}"
EVALUATED = b.Code("E1", "99TEST", "Judged")
VALUE = b.Code("V1", "99TEST", "Value")
LENGTH = b.Code("410668003", "SCT", "Length")
MEAN = b.Code("373098007", "SCT", "Mean")
ROLES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def volume(*children: Dataset, **attributes: Any) -> Dataset:
    return b.num(b.VOLUME, "1", b.CUBIC_MM, *children, **attributes)


def grouped(*children: Dataset, **header: Any) -> Dataset:
    return b.measurement_report(b.imaging_measurements(b.group(*children)), **header)


def verifier(name: str, moment: str | None = None, organization: str | None = None) -> Dataset:
    return b.sequence_item(
        VerifyingObserverName=name, VerificationDateTime=moment, VerifyingOrganization=organization
    )


def predecessor(uid: str) -> Dataset:
    reference = b.sequence_item(ReferencedSOPClassUID=b.COMPREHENSIVE_3D, ReferencedSOPInstanceUID=uid)
    series = b.sequence_item(SeriesInstanceUID="1.2.7.1", ReferencedSOPSequence=[reference])
    return b.sequence_item(StudyInstanceUID="1.2.7", ReferencedSeriesSequence=[series])


def observer(name: str) -> list[Dataset]:
    return [b.observer(b.PERSON), b.person_observer(name)]


def family(result: Result, reference: Json) -> str:
    name: str = target(result, reference)["name"][0]["family"]
    return name


# ---- meta.source (D36) -----------------------------------------------------------------------------


@pytest.mark.row("3.2.22")
def test_what_the_document_states_names_it(transform: Transform) -> None:
    """A search by _source finds what an SR made: not what others know too, nor a lesion that is tracked."""
    lung = b.code(
        b.FINDING_SITE, b.LUNG, b.code(b.LATERALITY, b.RIGHT, relationship=MODIFIES), relationship=MODIFIES
    )
    tracked = b.uidref(b.TRACKING_UID, "1.2.66", relationship=CONTEXT)
    content = b.imaging_measurements(
        b.group(lung, volume(b.image("1.2.1"), b.scoord("POINT", [1, 2], b.image("1.2.1")))),
        b.group(tracked, b.code(EVALUATED, VALUE)),
    )
    result = transform(
        b.measurement_report(*observer("Roe^Jane"), content, AccessionNumber="A-1"),
        diagnostic_report=True,
        provenance=True,
    )
    every = [entry["resource"] for entry in result.bundle["entry"]]
    named = {each["resourceType"] for each in every if each.get("meta", {}).get("source") == SOURCE}
    others = {each["resourceType"] for each in every if "source" not in each.get("meta", {})}
    assert named == {"Observation", "ImagingSelection", "BodyStructure", "DiagnosticReport", "Provenance"}
    assert others == {"Patient", "ServiceRequest", "ImagingStudy", "Device", "Practitioner", "BodyStructure"}
    (plain,) = (each for each in resources(result, "BodyStructure") if "source" in each["meta"])
    assert "identifier" not in plain
    group = one(transform(grouped(volume())), "Observation", "imaging-measurement-group")
    assert f"Observation/{group['id']}.meta.source" in elements(
        transform(grouped(volume())), "SOPInstanceUID"
    )


# ---- DiagnosticReport (D37) ------------------------------------------------------------------------


@pytest.mark.row("3.2.19", "3.5.01")
def test_nothing_of_the_whole_document_unless_asked(transform: Transform) -> None:
    result = transform(grouped(volume(), VerifyingObserverSequence=[verifier("Doe^Vera")]))
    assert not resources(result, "DiagnosticReport")
    assert not resources(result, "Provenance")
    assert not resources(result, "Practitioner")
    assert category(result, "1") == "CONTEXT"


@pytest.mark.row("3.2.19", "3.5.01")
def test_diagnostic_report(transform: Transform) -> None:
    evaluations = b.evaluations(b.code(EVALUATED, VALUE))
    report = b.measurement_report(
        *observer("Roe^Jane"),
        b.imaging_measurements(b.group(volume(), b.group(b.num(LENGTH, "1", b.MM)))),
        b.derived_measurements(b.num(MEAN, "1", b.MM, b.by_reference(INFERRED, 1, 3, 1))),
        evaluations,
        AccessionNumber="A-1",
        VerificationFlag="VERIFIED",
        VerifyingObserverSequence=[verifier("Doe^Vera", "20240103130000", "Test Hospital")],
    )
    result = transform(report, diagnostic_report=True)
    made = one(result, "DiagnosticReport")
    assert made["identifier"] == [oid(b.INSTANCE)]
    assert made["status"] == "final"
    assert made["code"] == concept(DCM, "126000", "Imaging Measurement Report")
    assert made["effectiveDateTime"] == "2024-01-02T10:15:00+01:00"
    assert made["issued"] == "2024-01-03T12:00:00+01:00"
    assert [family(result, each) for each in made["performer"]] == ["Roe"]
    assert [family(result, each) for each in made["resultsInterpreter"]] == ["Doe"]
    # the group within the group and the measurements in both are members, not results
    groups = resources(result, "Observation", "imaging-measurement-group")
    outer = next(each for each in groups if len(each["hasMember"]) == 2)
    results = [outer, observation(result, MEAN.value), observation(result, EVALUATED.value)]
    assert [target(result, each) for each in made["result"]] == results
    common = outer
    assert (made["subject"], made["basedOn"], made["study"]) == (
        common["subject"],
        common["basedOn"],
        common["partOf"],
    )
    assert made["meta"] == {"source": SOURCE}
    places = "VerifyingObserverSequence.1."
    assert category(result, f"{places}VerifyingObserverName") == "SUPP"
    assert unmapped(result)[f"{places}VerificationDateTime"] == "no-target"
    assert category(result, "1") == "SUPP"
    assert result.bundle["entry"][-1]["resource"] == made


@pytest.mark.row("3.2.10")
def test_status_of_the_report(transform: Transform) -> None:
    for stated, status, of_observation in (
        ({"CompletionFlag": "PARTIAL"}, "partial", "preliminary"),
        ({"CompletionFlag": "PARTIAL", "PreliminaryFlag": "FINAL"}, "final", "final"),
        ({"CompletionFlag": "COMPLETE"}, "preliminary", "preliminary"),
        ({"CompletionFlag": None, "VerificationFlag": None}, "unknown", "unknown"),
    ):
        result = transform(grouped(volume(), **stated), diagnostic_report=True)
        assert one(result, "DiagnosticReport")["status"] == status
        assert observation(result, b.VOLUME.value)["status"] == of_observation


@pytest.mark.row("3.5.01")
def test_a_report_with_little_to_tell(transform: Transform) -> None:
    """No title, no content time, no results: what R5 requires is there, and nothing is invented."""
    bare = b.measurement_report(b.imaging_measurements(), ContentTime=None, StudyDate=None, StudyTime=None)
    del bare.ConceptNameCodeSequence
    made = one(transform(b.reread(b.encoded(bare)), diagnostic_report=True), "DiagnosticReport")
    assert made["code"] == {"extension": absent("unknown")}
    assert not {"issued", "effectiveDateTime", "performer", "resultsInterpreter", "result"} & made.keys()


@pytest.mark.row("3.2.16")
def test_performers_of_a_report_are_those_of_its_observations(transform: Transform) -> None:
    first, second = (
        b.group(*observer(name), b.num(code, "1", b.MM))
        for name, code in (("Roe^Jane", LENGTH), ("Poe^Paul", MEAN))
    )
    report = b.measurement_report(b.imaging_measurements(first, second))
    result = transform(report, diagnostic_report=True, provenance=True)
    assert [family(result, each) for each in one(result, "DiagnosticReport")["performer"]] == ["Roe", "Poe"]
    authors = [each["who"] for each in agents(result, "author")]
    assert [family(result, each) for each in authors] == ["Roe", "Poe"]


# ---- Provenance (D38) ------------------------------------------------------------------------------


def agents(result: Result, role: str) -> list[Json]:
    every: list[Json] = one(result, "Provenance")["agent"]
    return [each for each in every if each["type"]["coding"][0]["code"] == role]


@pytest.mark.row("3.2.19", "3.2.20")
def test_provenance(transform: Transform) -> None:
    report = grouped(
        *observer("Roe^Jane"),
        volume(),
        b.code(EVALUATED, VALUE),
        VerifyingObserverSequence=[verifier("Doe^Vera", "20240103130000", "Test Hospital")],
        PredecessorDocumentsSequence=[predecessor("1.2.7.1.1"), predecessor("1.2.7.1.2")],
    )
    result = transform(report, provenance=True)
    made = one(result, "Provenance")
    assert [target(result, each) for each in made["target"]] == resources(result, "Observation")
    assert made["recorded"] == "2024-01-03T12:00:00+01:00"
    assert made["occurredDateTime"] == "2024-01-03T13:00:00+01:00"
    (author,) = agents(result, "author")
    assert author["type"] == {"coding": [{"system": ROLES, "code": "author", "display": "Author"}]}
    assert family(result, author["who"]) == "Roe"
    (verified,) = agents(result, "verifier")
    assert family(result, verified["who"]) == "Doe"
    assert verified["onBehalfOf"] == {"type": "Organization", "display": "Test Hospital"}
    software = target(result, agents(result, "assembler")[0]["who"])
    assert (software["displayName"], software["version"]) == ("sr2fhir", [{"value": __version__}])
    assert made["entity"] == [
        {"role": "source", "what": {"identifier": oid(b.INSTANCE)}},
        {"role": "revision", "what": {"identifier": oid("1.2.7.1.1")}},
        {"role": "revision", "what": {"identifier": oid("1.2.7.1.2")}},
    ]
    assert not findings(result, "predecessor")
    assert category(result, "PredecessorDocumentsSequence") == "SUPP"
    assert {
        category(result, f"VerifyingObserverSequence.1.{name}")
        for name in ("VerifyingObserverName", "VerificationDateTime", "VerifyingOrganization")
    } == {"SUPP"}


@pytest.mark.row("3.2.20")
def test_predecessors_without_a_provenance(transform: Transform) -> None:
    """Older results may stand beside these, which nothing else says."""
    report = grouped(volume(), PredecessorDocumentsSequence=[predecessor("1.2.7.1.1")])
    for asked in ({}, {"diagnostic_report": True}):
        result = transform(report, **asked)
        assert findings(result, "predecessor") == [("warning", "PredecessorDocumentsSequence")]
        assert unmapped(result)["PredecessorDocumentsSequence"] == "no-target"
    assert not findings(transform(grouped(volume())), "predecessor")


@pytest.mark.row("3.2.19")
def test_several_verifying_observers(transform: Transform) -> None:
    """One Provenance has one time: from the first to the last; a time between them is told as lost."""
    stated = [
        verifier("Doe^Vera", "20240104120000"),
        verifier("Roe^Rolf", "20240103120000"),
        verifier("Poe^Paul", "20240103130000"),
    ]
    result = transform(grouped(volume(), VerifyingObserverSequence=stated), provenance=True)
    assert one(result, "Provenance")["occurredPeriod"] == {
        "start": "2024-01-03T12:00:00+01:00",
        "end": "2024-01-04T12:00:00+01:00",
    }
    assert [family(result, each["who"]) for each in agents(result, "verifier")] == ["Doe", "Roe", "Poe"]
    lost = [name for name in unmapped(result) if name.startswith("VerifyingObserverSequence")]
    assert lost == ["VerifyingObserverSequence.3.VerificationDateTime"]


@pytest.mark.row("3.2.19")
def test_an_observer_who_verifies(transform: Transform) -> None:
    """One Practitioner; the second mention of the name is accounted for, too."""
    stated = [verifier("Roe^Jane", "20240103130000")]
    report = grouped(*observer("Roe^Jane"), volume(), VerifyingObserverSequence=stated)
    result = transform(report, diagnostic_report=True)
    made = one(result, "DiagnosticReport")
    assert made["performer"] == made["resultsInterpreter"]
    assert target(result, made["performer"][0]) == one(result, "Practitioner")
    assert category(result, "VerifyingObserverSequence.1.VerifyingObserverName") == "SUPP"
    assert unmapped(transform(report))["VerifyingObserverSequence.1.VerifyingObserverName"] == "no-target"


@pytest.mark.row("3.2.22")
def test_a_report_is_what_a_provenance_is_about(transform: Transform) -> None:
    report = grouped(volume())
    result = transform(report, Packaging("transaction"), diagnostic_report=True, provenance=True)
    made = one(result, "Provenance")
    assert [each["reference"] for each in made["target"]] == [urn(one(result, "DiagnosticReport"))]
    sent = {
        entry["resource"]["resourceType"]: entry["request"]
        for entry in result.bundle["entry"]
        if entry["resource"]["resourceType"] in ("DiagnosticReport", "Provenance")
    }
    assert {request["method"] for request in sent.values()} == {"PUT"}
    assert all(re.fullmatch(rf"{kind}/[0-9a-f-]{{36}}", request["url"]) for kind, request in sent.items())


@pytest.mark.row("3.2.22")
def test_a_document_without_results_has_no_provenance_of_its_own(transform: Transform) -> None:
    nothing = b.measurement_report(
        b.imaging_measurements(), PredecessorDocumentsSequence=[predecessor("1.2.7.1.1")]
    )
    result = transform(nothing, provenance=True)
    assert not resources(result, "Provenance")
    assert findings(result, "predecessor") == [("warning", "PredecessorDocumentsSequence")]
    assert not [each for each in resources(result, "Device") if each["displayName"] == "sr2fhir"]
    both = transform(nothing, provenance=True, diagnostic_report=True)
    assert target(both, one(both, "Provenance")["target"][0]) == one(both, "DiagnosticReport")


@pytest.mark.row("3.2.22")
def test_every_observation_is_a_target(transform: Transform) -> None:
    """Also what a measurement was inferred from, and the group below a derived measurement."""
    own = b.num(LENGTH, "1", b.MM, ObservationUID="1.2.88", relationship=INFERRED)
    below = b.group(b.text(EVALUATED, "none"))
    below.RelationshipType = INFERRED
    report = b.measurement_report(
        b.imaging_measurements(volume(own), b.group(b.group(b.code(EVALUATED, VALUE)))),
        b.derived_measurements(b.num(MEAN, "1", b.MM, below)),
        b.evaluations(b.date(EVALUATED, "20240101")),
    )
    result = transform(report, provenance=True)
    targets = {each["reference"] for each in one(result, "Provenance")["target"]}
    assert targets == {urn(each) for each in resources(result, "Observation")}
    assert len(targets) == 9
