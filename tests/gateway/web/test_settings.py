"""The web server in gateway.toml, and the command that makes tokens for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.cli.main import main
from sr2fhir.gateway.sections import Section, section
from sr2fhir.gateway.web.login import Tokens
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


def test_the_command_makes_a_token_and_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "token", "pacs", "--may", "store,metrics"]) == 0
    out, err = capsys.readouterr()
    (tmp_path / "tokens").write_text(out)
    token = err.split()[-1]
    caller = Tokens(tmp_path / "tokens").caller(token)
    assert caller is not None
    assert (caller.name, caller.rights) == ("pacs", {"store", "metrics"})
    assert token not in out


def test_a_right_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "token", "pacs", "--may", "fly"]) == 2
    assert "Choose see, replay, store, metrics" in capsys.readouterr().err
