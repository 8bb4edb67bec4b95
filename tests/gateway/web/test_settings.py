"""The web server in gateway.toml, and the command that makes tokens for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.cli.main import main
from sr2fhir.errors import UsageError
from sr2fhir.gateway import settings
from sr2fhir.gateway.sections import Section, section
from sr2fhir.gateway.web.login import Caller, Tokens
from sr2fhir.gateway.web.settings import Login, StowSettings, WebSettings, WebTls
from sr2fhir.written import read_table


def table_of(tmp_path: Path, text: str, *keys: str) -> Section:
    (tmp_path / "gateway.toml").write_text(text)
    found = section(read_table(tmp_path / "gateway.toml", "the settings", ""), *keys)
    assert found
    return found


def test_without_more_it_is_on_loopback(tmp_path: Path) -> None:
    assert table_of(tmp_path, "[web]\n", "web").read(WebSettings) == WebSettings()


def test_every_setting_is_read(tmp_path: Path) -> None:
    text = """
[intake.stow]
max_object = "1 MiB"
max_body = "2 MiB"
max_parts = 3
idle_s = 4
timeout_s = 5
parallel = 6
[web]
address = "0.0.0.0"
port = 8443
hosts = ["gateway.example"]
behind_proxy = true
proxies = ["10.0.0.1"]
tls = { certificate = "c.pem", key = "k.pem" }
login = { tokens_file = "tokens", header = "X-Remote-User" }
"""
    assert table_of(tmp_path, text, "web").read(WebSettings) == WebSettings(
        address="0.0.0.0",
        port=8443,
        hosts=("gateway.example",),
        behind_proxy=True,
        proxies=("10.0.0.1",),
        tls=WebTls(tmp_path / "c.pem", tmp_path / "k.pem"),
        login=Login(tmp_path / "tokens", "X-Remote-User"),
    )
    stow = table_of(tmp_path, text, "intake", "stow").read(StowSettings)
    assert stow == StowSettings(1 << 20, 2 << 20, 3, 4.0, 5.0, 6)


def test_the_bounds_of_stow_stand_in_the_table_of_the_intake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a setting"):
        table_of(tmp_path, "[web.stow]\nparallel = 1\n", "web").read(WebSettings)


def test_what_is_not_safe_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PARTS", tuple(kind for kind in settings.PARTS if kind.name == "web"))
    text = '[web]\nport = 8443\naddress = "0.0.0.0"\n'
    (tmp_path / "gateway.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        settings.read(tmp_path / "gateway.toml")
    assert "line 3" in str(error.value)
    assert "without encryption" in str(error.value)


def test_the_command_makes_tokens_and_their_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tokens"
    made = {}
    for name, rights in (("pacs", ["--may", "store,metrics"]), ("jane", [])):
        assert main(["gateway", "token", name, *rights, "--to", str(file)]) == 0
        made[name] = capsys.readouterr().out.strip()
    assert file.stat().st_mode & 0o777 == 0o600
    tokens = Tokens(file)
    assert tokens.caller(made["pacs"]) == Caller("pacs", frozenset({"store", "metrics"}), by_token=True)
    assert tokens.caller(made["jane"]) == Caller("jane", frozenset({"see", "replay"}), by_token=True)
    assert not [token for token in made.values() if token in file.read_text()]


def test_a_name_twice_and_a_right_that_there_is_not_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tokens"
    assert main(["gateway", "token", "pacs", "--to", str(file)]) == 0
    before = file.read_text()
    assert main(["gateway", "token", "pacs", "--to", str(file)]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["gateway", "token", "jane", "--may", "fly", "--to", str(file)]) == 2
    assert "Choose see, replay, store, metrics" in capsys.readouterr().err
    assert file.read_text() == before
    file.write_text(before + before)
    with pytest.raises(UsageError) as error:
        Tokens(file)
    assert error.value.where == "line 2"
