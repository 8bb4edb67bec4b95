"""A server that is absent, refuses, hangs, breaks off or answers with something else: errors that name engine, URL and SR."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sr2fhir
from sr2fhir.errors import (
    EngineError,
    EngineUnavailableError,
    OutputError,
    Sr2FhirError,
    TransformError,
)

from tests.engines.conftest import ENTRY_MAP

from .conftest import Make
from .replay import TRANSFORM, Answering, Asked, Fhir, Reply, cut, cut_off, recorded, resource

SECRET = "Smith^Jane"


def diagnosed(text: str, status: int = 500) -> Reply:
    """Return with an OperationOutcome."""
    issue = {"severity": "error", "code": "processing", "diagnostics": text}
    return resource({"resourceType": "OperationOutcome", "issue": [issue]}, status)


PAGE = Reply(500, "text/html", f"<html><h1>{SECRET}</h1></html>".encode())
TWICE = recorded("transformed").body.replace(b'"type":', b'"type":"collection","type":', 1)
# the answer to `$transform` -> the error, and what it says
REFUSED: dict[str, tuple[Answering, type[Sr2FhirError], str]] = {
    "cut off under 200": (cut_off(recorded("transformed")), EngineError, "broke|cut off"),
    "connection cut": (cut, EngineError, "broke"),
    "404 without text": (Reply(404, "text/html"), EngineError, r"no StructureMap/\$transform at this URL"),
    "422, map not there": (recorded("transform-unknown-map"), EngineError, "does not hold the map"),
    "422, other reason": (diagnosed(f"no {SECRET}", 422), EngineError, "status 422"),
    "500 with a page": (PAGE, EngineError, "status 500"),
    "503": (Reply(503), EngineUnavailableError, "503"),
    "401": (Reply(401), EngineUnavailableError, "log-in"),
    "a map that fails": (
        recorded("transform-failing-map"),
        TransformError,
        "group FailingPatient, rule creates",
    ),
    "a document that is cut off": (recorded("transform-cut-off"), TransformError, "not well-formed JSON"),
    "the stack overflows": (diagnosed("java.lang.StackOverflowError"), TransformError, "nests deeper"),
    "no memory": (diagnosed(f"java.lang.OutOfMemoryError: {SECRET}"), TransformError, "more memory"),
    "an exception that quotes": (
        diagnosed(f"org.hl7.fhir.exceptions.FHIRException: value {SECRET}"),
        TransformError,
        "stopped with FHIRException",
    ),
    "OperationOutcome under 200": (diagnosed(SECRET, 200), EngineError, "OperationOutcome"),
    "a page under 200": (Reply(200, "text/html", b"<html/>"), EngineError, "text/html"),
    "Parameters without a result": (resource({"resourceType": "Parameters"}), EngineError, "no result"),
    "a redirect": (Reply(302), EngineError, "302|redirect"),
}
# these are seen when the answer is read as the Bundle of this document
NOT_THE_BUNDLE: dict[str, tuple[Reply, str]] = {
    "a key twice": (Reply(body=TWICE), "occurs twice"),
    "half under a matching length": (Reply(body=recorded("transformed").body[:3000]), "malformed JSON"),
    "nothing": (Reply(body=b""), "returned nothing"),
    "another resource": (resource({"resourceType": "Patient"}), "not a Bundle"),
    "another map's output": (recorded("transform-of-another-resource"), "not a collection|is empty"),
    "an empty Bundle": (resource({"resourceType": "Bundle", "type": "collection"}), "is empty"),
}


@pytest.mark.parametrize(("answer", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_engine_url_and_report(
    make: Make, fhir: Fhir, base: str, sample: Path, answer: Answering, kind: type[Sr2FhirError], words: str
) -> None:
    fhir.instead[TRANSFORM] = answer
    with pytest.raises(kind, match=words) as caught:
        sr2fhir.Transformer(make()).transform(sample)
    assert type(caught.value) is kind
    assert f"engine hapi at {base}" in str(caught.value)
    assert str(sample) in str(caught.value)
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize(("answer", "words"), NOT_THE_BUNDLE.values(), ids=NOT_THE_BUNDLE)
def test_an_answer_that_is_not_the_bundle_is_refused(
    make: Make, fhir: Fhir, base: str, sample: Path, answer: Reply, words: str
) -> None:
    fhir.instead[TRANSFORM] = answer
    with pytest.raises(OutputError, match=words) as caught:
        sr2fhir.Transformer(make()).transform(sample)
    assert str(sample) in str(caught.value)
    assert f"engine hapi at {base.rstrip('/')}" in str(caught.value)


def test_a_request_that_is_too_large_for_the_server_is_named_with_its_size(make: Make, fhir: Fhir) -> None:
    fhir.instead[TRANSFORM] = recorded("too-large")
    engine = make()
    with pytest.raises(EngineError, match=r"not take a request of 3\.1 MB.*max-http-post-size"):
        engine.transform(b"{}".ljust(3 << 20), ENTRY_MAP)
    with pytest.raises(EngineError, match="status 500"):
        engine.transform(b"{}", ENTRY_MAP)
    fhir.instead[TRANSFORM] = Reply(413)
    with pytest.raises(EngineError, match=r"not take a request of 0\.0 MB"):
        engine.transform(b"{}", ENTRY_MAP)


def test_a_server_that_hangs_is_given_up(make: Make, fhir: Fhir, base: str) -> None:
    fhir.instead[TRANSFORM] = fhir.hang
    with pytest.raises(EngineError, match=r"within 1 seconds.*--engine-timeout") as caught:
        make(timeout_s=1.0).transform(b"{}", ENTRY_MAP)
    assert base in str(caught.value)
    assert fhir.lines("POST") == ["/StructureMap/$transform"]


def test_a_connection_that_breaks_once_is_used_again(make: Make, fhir: Fhir) -> None:
    answers = iter([None, recorded("transformed")])
    fhir.instead[TRANSFORM] = lambda _: next(answers)
    assert make().transform(b"{}", ENTRY_MAP) == recorded("transformed").body


def test_one_failure_takes_no_other_report_with_it(make: Make, fhir: Fhir, sample: Path) -> None:
    answers = iter([PAGE, recorded("transformed")])
    fhir.instead[TRANSFORM] = lambda _: next(answers)
    transformer = sr2fhir.Transformer(make())
    with pytest.raises(EngineError):
        transformer.transform(sample)
    assert transformer.transform(sample).ok


def test_where_nothing_answers_each_report_gets_an_error_of_its_own(make: Make) -> None:
    transformer = sr2fhir.Transformer(make("http://127.0.0.1:9/fhir"))
    errors = []
    for name in ("one", "two"):
        with pytest.raises(EngineUnavailableError, match=r"127\.0\.0\.1:9/fhir") as caught:
            transformer.transform(sample_bytes(), name=name)
        errors.append(caught.value.source)
    assert errors == ["one", "two"]


def sample_bytes() -> bytes:
    from sr2fhir.paths import layout

    return (layout().sources / "samples" / "gen_highdicom_group1501_cyrillic_iso_ir144.dcm").read_bytes()


# ---- what the server says of itself ------------------------------------------------------------------------


def statement(**changed: object) -> Reply:
    """Return the recorded CapabilityStatement with changes."""
    return resource(json.loads(recorded("metadata").body) | changed)


NOT_USABLE: dict[str, tuple[Answering, str]] = {
    "no FHIR there": (Reply(404, "text/html", b"<html/>"), "no FHIR server.*404"),
    "a page under 200": (Reply(200, "text/html", b"<html/>"), "no FHIR server"),
    "JSON of another kind": (resource({"resourceType": "Patient"}), "no FHIR server"),
    "R4": (statement(fhirVersion="4.0.1"), "FHIR 4.0.1"),
    "no version": (statement(fhirVersion=None), "FHIR no version"),
    "without the operation": (
        statement(rest=[{"resource": [{"type": "StructureMap"}]}]),
        r"not offer StructureMap/\$transform",
    ),
    "rest is no list": (statement(rest=5), r"not offer StructureMap/\$transform"),
    "a long name with breaks": (statement(software={"name": "x\n" * 500}, rest=[]), "not offer"),
}


@pytest.mark.parametrize(("answer", "words"), NOT_USABLE.values(), ids=NOT_USABLE)
def test_a_server_that_cannot_run_the_maps_is_not_available(
    make: Make, fhir: Fhir, base: str, answer: Answering, words: str
) -> None:
    fhir.instead["GET /metadata"] = answer
    with pytest.raises(EngineUnavailableError, match=words) as caught:
        make().transform(b"{}", ENTRY_MAP)
    assert base in str(caught.value)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
    assert fhir.lines("POST") == []


def test_a_search_that_is_refused_makes_the_server_unavailable(make: Make, fhir: Fhir) -> None:
    fhir.instead["GET /StructureMap"] = Reply(500, "text/html", SECRET.encode())
    with pytest.raises(EngineUnavailableError, match="status 500") as caught:
        make().transform(b"{}", ENTRY_MAP)
    assert "Smith" not in str(caught.value)


def test_answers_to_searches_that_are_no_bundles_count_as_nothing(make: Make, fhir: Fhir) -> None:
    def odd(_: Asked) -> Reply:
        return resource({"resourceType": "Bundle", "entry": [5, {"resource": 6}, {"resource": {"meta": []}}]})

    fhir.instead["GET /StructureMap"] = odd
    with pytest.raises(EngineUnavailableError, match="is missing"):
        make().transform(b"{}", ENTRY_MAP)
