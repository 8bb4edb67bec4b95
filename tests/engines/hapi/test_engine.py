"""The engine against the replay of a recorded server: what it makes, validates and writes, and who it says it is."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest
import sr2fhir
from sr2fhir.engines import EngineOptions, converting, create
from sr2fhir.engines.hapi import HapiEngine
from sr2fhir.errors import EngineError, EngineUnavailableError, UsageError

from tests.engines.conftest import ENTRY_MAP

from .conftest import Make
from .replay import TRANSFORM, Asked, Fhir, Reply, recorded, resource

DOCUMENT = b'{"resourceType":"DicomSR","form":"corrected"}'
PATH = TRANSFORM.removeprefix("POST ")


def test_a_sample_becomes_a_bundle(make: Make, fhir: Fhir, sample: Path) -> None:
    result = sr2fhir.Transformer(make()).transform(sample)
    made = [entry["fullUrl"] for entry in result.bundle["entry"]]
    written = [entry["fullUrl"] for entry in json.loads(recorded("transformed").body)["entry"]]
    # Observations come last; what was taken out is what nothing refers to
    assert made
    assert set(made) <= set(written)
    assert not any(url.encode() in result.json for url in written if url not in made)
    sent = fhir.asked[-1]
    assert sent.line == TRANSFORM
    assert sent.query == {"source": ENTRY_MAP}
    assert sent.body == sr2fhir.render(sample).to_json()


@pytest.mark.parametrize(
    ("document", "kind"), [(DOCUMENT, "json"), (b"<DicomSR/>", "xml"), (b"\n <DicomSR/>", "xml")]
)
def test_json_and_xml_are_told_apart(make: Make, fhir: Fhir, document: bytes, kind: str) -> None:
    make().transform(document, ENTRY_MAP)
    assert fhir.asked[-1].headers["Content-Type"] == f"application/fhir+{kind}"


def test_what_the_server_is_and_holds_is_asked_once(make: Make, fhir: Fhir, needed: list[object]) -> None:
    engine = make()
    for _ in range(3):
        engine.transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("GET").count("/metadata") == 1
    assert len(fhir.lines("GET")) == 1 + len(needed)
    assert fhir.lines("PUT") == []


def test_it_names_the_servers_software(make: Make, base: str) -> None:
    assert (
        make().version() == f"matchbox 4.1.7, hapi-fhir 8.8.0 and org.hl7.fhir.core 6.9.4, server at {base}"
    )


def test_threads_share_one_engine(make: Make) -> None:
    engine = make()
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(engine.transform, [DOCUMENT] * 20, repeat(ENTRY_MAP)))
    assert answers == {recorded("transformed").body}


def test_a_closed_engine_says_so(make: Make) -> None:
    engine = make()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.transform(DOCUMENT, ENTRY_MAP)


def test_without_a_server_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SR2FHIR_HOME", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match=r"--engine-url.*engine start --docker"):
        create("hapi", EngineOptions())


# ---- forms of the request ----------------------------------------------------------------------------------


def only_r5(wrap: object) -> object:
    """Make a server of other software, which understands the form of R5 only."""

    def answer(asked: Asked) -> Reply | None:
        given = json.loads(asked.body)
        if (
            asked.query
            or given["resourceType"] != "Parameters"
            or given["parameter"][0]["name"] == "resource"
        ):
            return recorded("transform-r5-form")
        names = {parameter["name"]: parameter for parameter in given["parameter"]}
        assert names["source"]["valueUri"] == ENTRY_MAP
        assert names["content"]["resource"]["contentType"] == "application/fhir+json"
        assert base64.b64decode(names["content"]["resource"]["data"]) == DOCUMENT
        return wrap()  # type: ignore[operator]

    return answer


BUNDLE = {"resourceType": "Bundle", "type": "collection"}
WRAPPED = {
    "bare": BUNDLE,
    "Parameters": {"resourceType": "Parameters", "parameter": [{"name": "return", "resource": BUNDLE}]},
    "text": {
        "resourceType": "Parameters",
        "parameter": [{"name": "result", "valueString": json.dumps(BUNDLE)}],
    },
    "Binary": {"resourceType": "Binary", "data": base64.b64encode(json.dumps(BUNDLE).encode()).decode()},
}


@pytest.fixture
def other_software(fhir: Fhir) -> None:
    statement = json.loads(recorded("metadata").body)
    statement["software"] = {"name": "Another", "version": "2"}
    fhir.instead["GET /metadata"] = resource(statement)


@pytest.mark.usefixtures("other_software")
@pytest.mark.parametrize("wrapped", WRAPPED.values(), ids=WRAPPED)
def test_a_server_of_unknown_software_is_tried_and_its_form_learnt(
    make: Make, fhir: Fhir, wrapped: dict[str, object]
) -> None:
    fhir.instead[TRANSFORM] = only_r5(lambda: resource(wrapped))  # type: ignore[assignment]
    engine = make()
    assert [json.loads(engine.transform(DOCUMENT, ENTRY_MAP)) for _ in range(3)] == [BUNDLE] * 3
    assert fhir.lines("POST") == [PATH] * (2 + 2)


def test_numbers_keep_their_text_in_a_wrapper(make: Make, fhir: Fhir) -> None:
    inner = b'{"resourceType":"Bundle","total":12.500,"x":1.35E-7}'
    body = b'{"resourceType":"Parameters","parameter":[{"name":"return","resource":' + inner + b"}]}"
    fhir.instead[TRANSFORM] = Reply(body=body)
    assert make().transform(DOCUMENT, ENTRY_MAP) == inner


@pytest.mark.usefixtures("other_software")
def test_if_no_form_is_understood_a_maps_failure_counts_most(make: Make, fhir: Fhir) -> None:
    fhir.instead[TRANSFORM] = only_r5(lambda: recorded("transform-failing-map"))  # type: ignore[assignment]
    with pytest.raises(EngineError, match="rule creates"):
        make().transform(DOCUMENT, ENTRY_MAP)


def test_a_server_of_known_software_is_asked_once_though_the_map_fails(make: Make, fhir: Fhir) -> None:
    fhir.instead[TRANSFORM] = recorded("transform-failing-map")
    with pytest.raises(EngineError):
        make().transform(DOCUMENT, ENTRY_MAP)
    assert fhir.lines("POST") == [PATH]


def test_the_environment_chooses_a_form(
    make: Make, fhir: Fhir, monkeypatch: pytest.MonkeyPatch, sample: Path
) -> None:
    monkeypatch.setenv("SR2FHIR_HAPI_FORM", "matchbox")
    make().transform(sr2fhir.render(sample).to_json(), ENTRY_MAP)
    given = {each["name"]: each["valueString"] for each in json.loads(fhir.asked[-1].body)["parameter"]}
    assert given["resource"].encode() == sr2fhir.render(sample).to_json()
    assert json.loads(given["map"])["url"] == ENTRY_MAP


def test_a_form_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SR2FHIR_HAPI_FORM", "r9")
    with pytest.raises(UsageError, match="direct, r5, matchbox"):
        HapiEngine(EngineOptions(url="http://127.0.0.1:9/fhir"))


# ---- who may ------------------------------------------------------------------------------------------------


def test_name_and_password_are_sent_and_not_shown(make: Make, fhir: Fhir, base: str) -> None:
    fhir.instead[TRANSFORM] = Reply(500)
    engine = make(base.replace("http://", "http://jane:secret@"))
    with pytest.raises(EngineError) as caught:
        engine.transform(DOCUMENT, ENTRY_MAP)
    sent = base64.b64decode(fhir.asked[-1].headers["Authorization"].removeprefix("Basic "))
    assert sent == b"jane:secret"
    assert "secret" not in str(caught.value) + engine.version()
    assert base in str(caught.value)


def test_a_token_is_taken_from_the_environment(
    make: Make, fhir: Fhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR2FHIR_ENGINE_TOKEN", "abc")
    make().transform(DOCUMENT, ENTRY_MAP)
    assert {asked.headers["Authorization"] for asked in fhir.asked} == {"Bearer abc"}


# ---- validating -----------------------------------------------------------------------------------------


def held_for_validating(fhir: Fhir) -> None:
    from sr2fhir.engines.hapi import installation
    from sr2fhir.paths import layout

    fhir.holds(*installation.for_validating(layout()))


def test_validation_gives_the_servers_findings(make: Make, fhir: Fhir) -> None:
    held_for_validating(fhir)
    found = make().validate(b'{"resourceType":"Device"}')
    assert fhir.asked[-1].query == {"profile": "http://hl7.org/fhir/StructureDefinition/Device"}
    issues = json.loads(recorded("validated").body)["issue"]
    # left out: with which settings it validated, that it found no errors, and that a narrative would be good
    assert len(found) == len(issues) - 3
    canonical = next(each for each in found if each.message_id == "TYPE_SPECIFIC_CHECKS_DT_CANONICAL_RESOLVE")
    assert (canonical.severity, canonical.code) == ("information", "invalid")
    assert canonical.expression == "Device.meta.profile[0]"


def test_findings_common_to_two_profiles_come_once(make: Make, fhir: Fhir) -> None:
    held_for_validating(fhir)
    engine = make()
    once = engine.validate(b"{}", ["http://a.example/p"])
    assert engine.validate(b"{}", ["http://a.example/p", "http://a.example/q"]) == once
    assert [asked.query["profile"][-1] for asked in fhir.asked[-2:]] == ["p", "q"]


def test_validation_needs_the_profiles_on_the_server(make: Make) -> None:
    with pytest.raises(EngineUnavailableError, match=r"CodeSystem .* is missing"):
        make().validate(b"{}")


def test_a_profile_that_the_server_does_not_know_is_an_error(make: Make, fhir: Fhir) -> None:
    held_for_validating(fhir)
    fhir.instead["POST /$validate"] = recorded("validate-unknown-profile")
    with pytest.raises(EngineError, match=r"http://a\.example/none"):
        make().validate(b"{}", ["http://a.example/none"])


def without(operation: str) -> Reply:
    """Return a CapabilityStatement without an operation."""
    statement = json.loads(recorded("metadata").body)
    for holder in (statement["rest"][0], *statement["rest"][0]["resource"]):
        holder["operation"] = [each for each in holder.get("operation", []) if each["name"] != operation]
    return resource(statement)


def test_a_server_that_does_not_validate_is_an_error(make: Make, fhir: Fhir) -> None:
    fhir.instead["GET /metadata"] = without("validate")
    with pytest.raises(EngineError, match=r"does not offer \$validate"):
        make().validate(b"{}")


def test_it_writes_no_xml_and_says_so(make: Make, base: str) -> None:
    with pytest.raises(EngineError, match=f"the engine hapi at {base} cannot write XML.*such as embedded"):
        converting(make())
