"""A server that fails in every way: nothing that it did not store counts as delivered."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError
from sr2fhir.gateway.delivery.fhir import FhirSender
from sr2fhir.gateway.delivery.loop import Delivered
from sr2fhir.gateway.delivery.settings import Destination
from sr2fhir.packaging import Packaging

from tests.engines.fake_server import Action, Server, answer, dribble, outcome, raw, reset, serving, silent

from .bundles import DOCUMENT, patient, refer, result, stored, written
from .memory import Memory, delivery

# the server is asked first whether it has the Device, whose id is made of its content
MISSING = answer(b"{}", 404)
GOOD = answer(stored("Patient/7", "Device/dev", "Observation/one", "Observation/two"))
HEAD = b"HTTP/1.1 200 Told\r\nContent-Type: application/fhir+json\r\n"


def send(
    server: Server, file: Path, memory: Memory | None = None, *predecessors: str, **settings: Any
) -> Delivered:
    destination = Destination("ehr", url=server.url, **({"timeout_s": 0.5} | settings))
    sender = FhirSender(destination, memory or Memory(), Packaging("transaction"))
    return sender.send(delivery(file, DOCUMENT, *predecessors))


def test_a_transaction_is_sent_and_what_came_of_it_remembered(tmp_path: Path) -> None:
    with serving(MISSING, GOOD) as server:
        made = send(server, written(tmp_path))
    sent = json.loads(server.requests[1].body)
    assert [request.line for request in server.requests] == ["GET /Device/dev HTTP/1.1", "POST / HTTP/1.1"]
    assert sent["type"] == "transaction"
    assert [each["request"]["method"] for each in sent["entry"]] == ["POST", "PUT", "PUT", "PUT"]
    assert made.status == 200
    # of what the document states; the patient belongs to others
    assert [(each.type, each.id, each.version, each.key) for each in made.sent] == [
        ("Observation", "one", "1", "urn:uuid:one"),
        ("Observation", "two", "1", "urn:uuid:two"),
    ]


TRANSIENT: dict[str, tuple[Action, int | None, bool]] = {
    "408": (outcome("late", 408), 408, False),
    "409": (outcome("race", 409), 409, False),
    "412": (outcome("race", 412), 412, False),
    "425": (outcome("early", 425), 425, False),
    "500": (outcome("null", 500), 500, False),
    "429": (outcome("slowly", 429), 429, True),
    "503": (answer(b"<html>", 503, "text/html"), 503, True),
    "401": (answer(b"", 401), 401, True),
    "403": (answer(b"", 403), 403, True),
    "HTML with 200": (answer(b"<html>Log in</html>", 200, "text/html"), 200, True),
    "HTML with 404": (answer(b"<html>Not found</html>", 404, "text/html"), 404, True),
    "an outcome with 200 that may pass": (outcome("lock", 200, "lock-error"), 200, False),
    "JSON of another kind": (answer(b'{"ok": true}'), 200, False),
    "no JSON": (answer(b'{"resourceType": "Bundle", "type": "transaction-resp'), 200, False),
    "fewer entries": (answer(stored("Patient/7", "Device/dev", "Observation/one")), 200, False),
    "a searchset": (answer({"resourceType": "Bundle", "type": "searchset"}), 200, False),
    "cut off": (raw(HEAD + b'Content-Length: 1000\r\n\r\n{"resourceType": "Bundle"'), None, True),
    "without its last chunk": (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"), None, True),
    "closed": (raw(b""), None, True),
    "reset": (reset(), None, True),
    "silent": (silent, None, True),
    "dribbles": (dribble, None, True),
    "redirects": (answer(b"", 307, Location="http://elsewhere.invalid/"), None, True),
}


@pytest.mark.parametrize(("fault", "status", "whole"), TRANSIENT.values(), ids=TRANSIENT)
def test_what_may_pass_is_tried_again(tmp_path: Path, fault: Action, status: int | None, whole: bool) -> None:
    memory = Memory()
    with serving(MISSING, fault) as server, pytest.raises(PostponedError) as caught:
        send(server, written(tmp_path), memory)
    assert (caught.value.failure.status, caught.value.whole) == (status, whole)
    assert len(server.requests) == 2  # a transaction is never sent twice in one attempt
    assert not memory.kept


def inside(status: str, code: str) -> Action:
    """Return a transaction-response in which one entry failed."""
    made = stored("Patient/7", "Device/dev", "Observation/one", "Observation/two")
    issue = {"severity": "error", "code": code, "diagnostics": "because"}
    failed = {"status": status, "outcome": {"resourceType": "OperationOutcome", "issue": [issue]}}
    made["entry"][2]["response"] = failed
    return answer(made)


PERMANENT: dict[str, tuple[Action, int]] = {
    "400": (outcome("wrong", 400, "invalid"), 400),
    "404": (outcome("unknown", 404, "not-found"), 404),
    "422": (outcome("not valid", 422, "processing"), 422),
    "an outcome with 200": (outcome("not valid", 200, "invalid"), 200),
    "an error inside": (inside("422 Unprocessable", "processing"), 422),
}


@pytest.mark.parametrize(("fault", "status"), PERMANENT.values(), ids=PERMANENT)
def test_what_does_not_pass_is_a_dead_letter(tmp_path: Path, fault: Action, status: int) -> None:
    with serving(MISSING, fault) as server, pytest.raises(RefusedError) as caught:
        send(server, written(tmp_path))
    assert caught.value.failure.status == status


def test_a_race_inside_of_a_response_may_pass(tmp_path: Path) -> None:
    with (
        serving(MISSING, inside("409 Conflict", "conflict")) as server,
        pytest.raises(PostponedError) as caught,
    ):
        send(server, written(tmp_path))
    assert caught.value.failure.status == 409


def test_the_words_of_the_server_are_passed_on_without_values(tmp_path: Path) -> None:
    said = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "processing",
                "expression": ["Observation.value[x]"],
                "diagnostics": "HAPI-0931: Invalid value 'Smith^Jane' of Patient 4711-007 (Jane Doe), born 1950-01-01",
            },
            {"severity": "warning", "code": "invalid", "diagnostics": "not told"},
        ],
    }
    with serving(MISSING, answer(said, 422)) as server, pytest.raises(RefusedError) as caught:
        send(server, written(tmp_path))
    reason = caught.value.failure.reason
    assert (
        reason
        == "status 422: processing Observation.value[x]: HAPI-0931: Invalid value … of Patient …), born …"
    )


@pytest.mark.parametrize("limit", [4, 5])
def test_a_request_that_is_too_large_is_sent_in_parts(tmp_path: Path, limit: int) -> None:
    results = [result(f"r{index}") for index in range(7)]
    group = result("group", hasMember=[refer(f"r{index}") for index in range(7)])
    file = written(tmp_path, patient(), group, *results)
    servers: list[Server] = []
    with serving(only(limit, servers)) as server:
        servers.append(server)
        made = send(server, file)
    parts = [json.loads(request.body)["entry"] for request in server.requests]
    taken = [part for part in parts if len(part) <= limit]
    assert len(parts[0]) == 9
    assert sum(map(len, taken)) == 9
    assert [each["resource"]["id"] for each in taken[-1]][-1] == "group"  # after its members
    members = [each["reference"] for each in taken[-1][-1]["resource"]["hasMember"]]
    within = {each["fullUrl"] for each in taken[-1]}
    assert all(name in within or name.startswith("Observation/") for name in members)
    # the patient was created in the first part; later ones name it as the server does
    assert {each["resource"]["subject"]["reference"] for each in taken[-1]} == {"Patient/pat"}
    assert len(made.sent) == 8


def only(limit: int, servers: list[Server]) -> Action:
    """Take transactions of so many entries; store each resource under its own id."""

    def act(client: Any, over: threading.Event) -> None:
        entries = json.loads(servers[0].requests[-1].body)["entry"]
        if len(entries) > limit:
            outcome("too large", 413, "too-long")(client, over)
            return
        names = [f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in entries]
        answer(stored(*names))(client, over)

    return act


def test_what_is_through_of_a_document_in_parts_is_not_sent_again(tmp_path: Path) -> None:
    file = written(tmp_path, patient(), result("one"), result("two"), result("three"))
    memory = Memory()
    first = answer(stored("Patient/7", "Observation/one"))
    with serving(first, answer(b"", 503)) as server, pytest.raises(PostponedError):
        send(server, file, memory, max_entries=2)
    assert [each.id for each in memory.sent_of("ehr", DOCUMENT)] == ["one"]
    rest = answer(stored("Patient/7", "Observation/two"))
    with serving(rest, answer(stored("Observation/three"))) as server:
        made = send(server, file, memory, max_entries=2)
    sent = [json.loads(request.body)["entry"] for request in server.requests]
    assert [[each["resource"]["id"] for each in part] for part in sent] == [["pat", "two"], ["three"]]
    assert sent[1][0]["resource"]["subject"]["reference"] == "Patient/7"
    assert [each.id for each in made.sent] == ["one", "two", "three"]


def test_a_circle_that_is_larger_than_the_limit_is_a_dead_letter(tmp_path: Path) -> None:
    one = result("one", derivedFrom=[refer("two")])
    two = result("two", derivedFrom=[refer("three")])
    three = result("three", derivedFrom=[refer("one")])
    file = written(tmp_path, patient(), one, two, three)
    with serving(GOOD) as server, pytest.raises(RefusedError) as caught:
        send(server, file, max_entries=2)
    assert caught.value.failure.reason == "3 resources refer to each other in a circle, and max_entries is 2"
    assert server.requests == []


def test_one_resource_that_is_too_large_is_a_dead_letter(tmp_path: Path) -> None:
    with serving(outcome("large", 413, "too-long")) as server, pytest.raises(RefusedError) as caught:
        send(server, written(tmp_path, patient(), result("one")))
    assert caught.value.failure.status == 413
    assert [len(json.loads(request.body)["entry"]) for request in server.requests] == [2, 1]


def test_a_bundle_that_is_damaged_or_gone(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    file.write_text('{"resourceType": "Bundle", "entr')
    with serving(GOOD) as server:
        with pytest.raises(RefusedError, match="damaged"):
            send(server, file)
        with pytest.raises(PostponedError, match="cannot be read"):
            send(server, tmp_path / "gone.json")
    assert server.requests == []


def test_a_patient_that_has_to_exist_and_has_no_identifier_is_a_dead_letter(tmp_path: Path) -> None:
    file = written(tmp_path, {"resourceType": "Patient", "id": "pat"}, result("one"))
    with (
        serving(GOOD) as server,
        pytest.raises(RefusedError, match="the Patient cannot be looked up") as caught,
    ):
        send(server, file, patients="existing")
    assert caught.value.failure.hint


FOUND = {"resourceType": "Bundle", "type": "searchset"}


def test_what_has_to_exist_is_looked_up_once_for_some_minutes(tmp_path: Path) -> None:
    file = written(tmp_path, patient(), result("one"))
    found = answer({**FOUND, "entry": [{"resource": {"resourceType": "Patient", "id": "77"}}]})
    with serving(found, answer(stored("Observation/one"))) as server:
        sender = FhirSender(Destination("ehr", url=server.url, patients="existing"), Memory(), Packaging())
        for _ in range(2):
            sender.send(delivery(file, DOCUMENT))
    lines = [request.line for request in server.requests]
    search = "identifier=http%3A%2F%2Fhospital.example%7C4711-007&_count=2&_elements=identifier"
    assert lines == [f"GET /Patient?{search} HTTP/1.1", "POST / HTTP/1.1", "POST / HTTP/1.1"]
    (entry,) = json.loads(server.requests[1].body)["entry"]
    assert entry["resource"]["subject"]["reference"] == "Patient/77"


@pytest.mark.parametrize(
    "fault", [answer(b'{"resourceType": "Bundle", "ty'), answer({"resourceType": "Patient"})]
)
def test_half_an_answer_to_a_look_up_is_no_answer(tmp_path: Path, fault: Action) -> None:
    with serving(fault) as server, pytest.raises(PostponedError) as caught:
        send(server, written(tmp_path, patient(), result("one")), patients="existing")
    assert caught.value.failure.status == 200
    with serving(fault) as server, pytest.raises(PostponedError):  # whether the Device is there
        send(server, written(tmp_path))


def test_what_was_looked_up_and_is_gone_is_looked_up_anew(tmp_path: Path) -> None:
    file = written(tmp_path, patient(), result("one"))
    old = answer({**FOUND, "entry": [{"resource": {"resourceType": "Patient", "id": "77"}}]})
    new = answer({**FOUND, "entry": [{"resource": {"resourceType": "Patient", "id": "78"}}]})
    gone = outcome("Patient/77 is gone", 400, "processing")
    with serving(old, gone, new, answer(stored("Observation/one"))) as server:
        send(server, file, patients="existing")
    assert (
        json.loads(server.requests[-1].body)["entry"][0]["resource"]["subject"]["reference"] == "Patient/78"
    )


def test_a_plain_error_of_ours_is_no_words_of_the_document(tmp_path: Path) -> None:
    """The mask knows what is about a person, wherever the server puts it."""
    said = "resource refers to smith^jane and Smith^Jane, 4711-007"
    with serving(MISSING, outcome(said, 400, "invalid")) as server, pytest.raises(RefusedError) as caught:
        send(server, written(tmp_path))
    assert caught.value.failure.reason == "status 400: invalid: resource refers to … and …"


def test_alerts_of_a_report_that_has_a_successor_are_over_when_they_come(tmp_path: Path) -> None:
    flag = {
        "resourceType": "Flag",
        "id": "flag",
        "meta": {"source": f"urn:oid:{DOCUMENT}"},
        "status": "active",
        "code": {"text": "Pneumothorax"},
        "subject": refer("pat"),
    }
    made = delivery(written(tmp_path, patient(), flag, result("one")), DOCUMENT)
    with serving(answer(stored("Patient/7", "Flag/flag", "Observation/one"))) as server:
        destination = Destination("ehr", url=server.url)
        sender = FhirSender(destination, Memory(), Packaging("transaction"))
        sender.send(made._replace(is_succeeded=True))
    entries = json.loads(server.requests[0].body)["entry"]
    assert [entry["resource"].get("status") for entry in entries] == [None, "inactive", "final"]
