"""The client that all engines behind HTTP share, against a server that answers as it is told."""

from __future__ import annotations

import base64
import socket

import pytest
from sr2fhir import http
from sr2fhir.errors import EngineError, EngineUnavailableError, UsageError
from sr2fhir.http import Client, shown

from tests.engines.fake_server import Action, answer, dribble, outcome, raw, reset, serving, silent

SECRET = "Smith^Jane"
HEAD = b"HTTP/1.1 200 Told\r\nContent-Type: application/fhir+json\r\n"


def test_an_answer_is_given_back_whole_whatever_its_status() -> None:
    with serving(answer(b'{"a": 1}', 422, "application/fhir+json; charset=UTF-8", ETag="7")) as server:
        got = Client("told", server.url).post("/x", b"body", params={"map": "http://a.example/m"})
    assert (got.status, got.content_type, got.body, got.headers["etag"]) == (
        422,
        "application/fhir+json",
        b'{"a": 1}',
        "7",
    )
    assert not got.ok
    (request,) = server.requests
    assert request.line == "POST /x?map=http%3A%2F%2Fa.example%2Fm HTTP/1.1"
    assert request.body == b"body"
    assert request.headers["content-type"] == request.headers["accept"] == "application/fhir+json"


def test_issues_are_read_from_an_outcome_and_from_nothing_else() -> None:
    with serving(outcome("because"), answer(b"[]"), answer(b"<html>")) as server:
        client = Client("told", server.url)
        assert [client.get("/").texts() for _ in range(3)] == [["because"], [], []]


BROKEN: dict[str, Action] = {
    "closed at once": raw(b""),
    "reset at once": reset(),
    "reset in the middle": reset(HEAD + b'Content-Length: 100\r\n\r\n{"a"'),
    "shorter than stated": raw(HEAD + b'Content-Length: 100\r\n\r\n{"a": 1}'),
    "without its last chunk": raw(HEAD + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n'),
    "not HTTP": raw(b"hello\r\n\r\n"),
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_a_connection_that_breaks_is_tried_once_more(fault: Action) -> None:
    with serving(fault, answer(b'{"whole": 1}')) as server:
        assert Client("told", server.url).post("/", b"d", repeatable=True).json() == {"whole": 1}
    assert [request.body for request in server.requests] == [b"d", b"d"]


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_a_connection_that_breaks_twice_is_an_error(fault: Action) -> None:
    with serving(fault) as server, pytest.raises(EngineError, match=r"twice") as caught:
        Client("told", server.url).post("/", b"d", repeatable=True)
    assert not isinstance(caught.value, EngineUnavailableError)
    assert caught.value.message.startswith(f"engine told at {server.url}: ")
    assert len(server.requests) == 2


def test_what_may_change_something_is_sent_once() -> None:
    with serving(reset()) as server, pytest.raises(EngineError, match="the connection broke"):
        Client("told", server.url).post("/", b"d")
    assert len(server.requests) == 1


@pytest.mark.parametrize("slow", [silent, dribble])
def test_the_time_limit_holds_for_the_whole_answer_and_nothing_is_sent_again(slow: Action) -> None:
    with serving(slow) as server, pytest.raises(EngineError, match=r"no whole response within 0\.3 seconds"):
        Client("told", server.url, timeout_s=0.3).post("/", b"d", repeatable=True)
    assert len(server.requests) == 1


def test_an_answer_without_end_is_cut() -> None:
    with serving(answer(b"x" * 5000)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "MAX_RESPONSE", 4096)
        with pytest.raises(EngineError, match="larger than"):
            Client("told", server.url).get("/")


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_where_nothing_listens_the_engine_is_unavailable() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(EngineUnavailableError) as caught:
        Client("told", url, hint="Start it").get("/")
    assert str(caught.value) == f"engine told at {url}: no server responds there. Start it"


def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(EngineUnavailableError, match=r"http://nowhere\.invalid: the host is not known"):
        Client("told", "http://nowhere.invalid").get("/")


def test_a_server_without_tls_is_no_https_server() -> None:
    with serving(raw(b"plain text, no TLS")) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(EngineUnavailableError, match="no trusted TLS connection"):
            Client("told", url).get("/")


def test_a_document_is_sent_nowhere_else() -> None:
    with (
        serving(answer()) as elsewhere,
        serving(answer(b"", 307, Location=elsewhere.url)) as server,
        pytest.raises(EngineError, match="redirects elsewhere"),
    ):
        Client("told", server.url).post("/", b"d")
    assert elsewhere.requests == []


def test_a_proxy_of_the_environment_sees_nothing_of_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(answer(b'{"from": "proxy"}')) as proxy, serving(answer(b'{"from": "server"}')) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert Client("told", server.url).get("/").json() == {"from": "server"}
    assert proxy.requests == []


def test_a_password_in_the_url_is_sent_and_not_shown() -> None:
    with serving(outcome(SECRET, 422, "processing")) as server:
        client = Client("told", server.url.replace("//", "//user:geheim@") + "/fhir/")
        error = client.refusal(client.get("/x"))
    assert (
        str(error) == f"engine told at {server.url}/fhir: it refused the request with status 422 (processing)"
    )
    basic = base64.b64encode(b"user:geheim").decode()
    assert server.requests[0].headers["authorization"] == f"Basic {basic}"
    assert server.requests[0].line.split()[1] == "/fhir/x"


def test_a_password_is_not_shown_when_nothing_answers() -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        Client("told", f"http://user:geheim@127.0.0.1:{unused_port()}").get("/")
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "asks for a log-in"), (403, "refuses access"), (502, "no server behind"), (503, "not ready")],
)
def test_some_statuses_mean_that_the_server_cannot_be_used_at_all(status: int, says: str) -> None:
    with serving(answer(b"<html>", status, "text/html")) as server:
        client = Client("told", server.url)
        error = client.refusal(client.get("/"))
    assert isinstance(error, EngineUnavailableError)
    assert says in error.message


def test_an_issue_type_that_is_none_is_not_quoted() -> None:
    with serving(outcome("text", 400, SECRET)) as server:
        client = Client("told", server.url)
        assert "Smith" not in str(client.refusal(client.get("/")))


def test_a_page_under_a_status_of_success_is_refused() -> None:
    with serving(answer(b"<html>", content_type="text/html")) as server:
        client = Client("told", server.url)
        got = client.get("/")
        with pytest.raises(EngineError, match="it returned text/html, not with json"):
            client.expect(got, "json")
        assert client.expect(got, "json", "html") is got


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://a.example", "http://", "http://a:b", "file:///etc"]
)
def test_what_is_no_url_is_a_wrong_use(url: str) -> None:
    with pytest.raises(UsageError, match="no absolute http or https URL"):
        Client("told", url)


def test_a_url_is_shown_without_user_and_query() -> None:
    assert shown("https://u:p@a.example:8443/fhir/?token=x#y") == "https://a.example:8443/fhir"
    assert shown("http://[::1]:80/") == "http://[::1]:80"


def test_each_thread_has_connections_of_its_own() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with serving(answer(b'{"a": 1}')) as server, ThreadPoolExecutor(4) as pool:
        client = Client("told", server.url)
        got = list(pool.map(lambda _: client.post("/", b"d").json(), range(20)))
        client.close()
    assert got == [{"a": 1}] * 20
