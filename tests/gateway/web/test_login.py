"""Who may do what: tokens, sessions, and settings that go together safely."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sr2fhir.errors import UsageError
from sr2fhir.gateway.web import login
from sr2fhir.gateway.web.login import Gate, Sessions, Tokens, new_token
from sr2fhir.gateway.web.settings import Login, WebSettings, WebTls
from starlette.requests import HTTPConnection


def tokens_of(tmp_path: Path, *lines: str) -> Tokens:
    (tmp_path / "tokens").write_text("# who may do what\n\n" + "\n".join(lines) + "\n")
    return Tokens(tmp_path / "tokens")


def test_a_token_is_known_and_its_file_does_not_hold_it(tmp_path: Path) -> None:
    token, line = new_token("pacs", ("store",))
    tokens = tokens_of(tmp_path, line)
    caller = tokens.caller(token)
    assert caller is not None
    assert (caller.name, caller.rights) == ("pacs", {"store"})
    assert token.partition(".")[2] not in line
    assert tokens.caller(token) == caller  # by the digest of a token that was right


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: "other" + t[4:], lambda t: "pacs."]
)
def test_another_token_is_not_known(tmp_path: Path, change) -> None:
    token, line = new_token("pacs", ("store",))
    assert tokens_of(tmp_path, line).caller(change(token)) is None


def test_a_token_that_was_taken_out_of_the_file_is_not_known_any_more(tmp_path: Path) -> None:
    token, line = new_token("pacs", ("store",))
    tokens = tokens_of(tmp_path, line)
    assert tokens.caller(token)
    file = tmp_path / "tokens"
    file.write_text("")
    os.utime(file, ns=(1, 1))
    assert tokens.caller(token) is None


@pytest.mark.parametrize(
    "line",
    [
        "pacs store",
        "pacs fly scrypt:1:1:1:AA==:AA==",
        "pacs store md5:1:1:1:AA==:AA==",
        "pacs store scrypt:3:8:1:AA==:AA==",
        "pacs store scrypt:1048576:64:1:AA==:AA==",
    ],
)
def test_a_wrong_line_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError) as error:
        tokens_of(tmp_path, line)
    assert error.value.where == "line 3"
    assert line not in str(error.value)


def test_names_and_rights_that_are_none_are_refused() -> None:
    for name, rights in (("a b", ("see",)), ("pacs", ("fly",)), ("pacs", ())):
        with pytest.raises(UsageError):
            new_token(name, rights)


def test_a_session_ends_when_it_rests_too_long_and_when_it_lasts_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(login.time, "monotonic", lambda: now)
    sessions = Sessions()
    session = sessions.open("token")
    for _ in range(int(login.LIFE_S / login.REST_S)):
        assert sessions.token(session) == "token"
        now += login.REST_S
    now += 1
    assert sessions.token(session) is None
    rested = sessions.open("token")
    now += login.REST_S + 1
    assert sessions.token(rested) is None


def test_a_session_that_was_closed_is_none_and_there_are_only_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(login, "SESSIONS", 3)
    sessions = Sessions()
    opened = [sessions.open("token") for _ in range(4)]
    assert [sessions.token(each) for each in opened] == [None, "token", "token", "token"]
    sessions.close(opened[1])
    assert sessions.token(opened[1]) is None


def request(peer: str = "127.0.0.1", **headers: str) -> HTTPConnection:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "peer": peer, "headers": named})


def test_the_header_of_a_proxy_is_believed_from_the_proxy_only() -> None:
    gate = Gate(WebSettings(behind_proxy=True, proxies=("10.0.0.1",), login=Login(header="X-Remote-User")))
    told = gate.caller(request("10.0.0.1", x_remote_user="jane"))
    assert told is not None
    assert (told.name, told.rights) == ("jane", login.OF_PEOPLE)
    assert gate.caller(request("10.0.0.2", x_remote_user="jane")) is None
    assert gate.caller(request("10.0.0.1")) is None
    assert gate.caller(request("10.0.0.1", x_remote_user="jane\u00e4")) is None


def test_without_a_login_whoever_reaches_the_port_is_let_in() -> None:
    assert Gate(WebSettings()).caller(request()) == login.EVERYBODY


TLS = WebTls(Path("c.pem"), Path("k.pem"))
TOKENS = Login(tokens_file=Path("tokens"))


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (WebSettings(address="0.0.0.0"), "web.address"),
        (WebSettings(address="gateway.example", hosts=("a",), login=TOKENS), "web.address"),
        (WebSettings(address="0.0.0.0", hosts=("a",), tls=TLS), "web.login"),
        (WebSettings(behind_proxy=True), "web.login"),
        (WebSettings(address="0.0.0.0", tls=TLS, login=TOKENS), "web.hosts"),
        (WebSettings(login=Login(header="X-User")), "web.login.header"),
        (WebSettings(hosts=("*",)), "web.hosts"),
        (WebSettings(hosts=("http://gateway.example",)), "web.hosts"),
    ],
)
def test_settings_that_are_not_safe_are_refused_by_key(settings: WebSettings, where: str) -> None:
    with pytest.raises(UsageError) as error:
        settings.check_safe()
    assert error.value.where == where
    assert error.value.hint


@pytest.mark.parametrize(
    "settings",
    [
        WebSettings(),
        WebSettings(address="::1"),
        WebSettings(address="127.1.2.3"),
        WebSettings(address="localhost"),
        WebSettings(behind_proxy=True, login=Login(header="X-User")),
        WebSettings(address="0.0.0.0", hosts=("gateway.example",), tls=TLS, login=TOKENS),
    ],
)
def test_safe_settings_are_taken(settings: WebSettings) -> None:
    settings.check_safe()
