"""`sr2fhir gateway …`: what the commands print, and their exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.cli.main import main
from sr2fhir.gateway.settings import read
from sr2fhir.gateway.store import Failure, Store

from tests.databases import free_port
from tests.gateway.objects import accept, report, transform_all


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(
        f"[gateway]\nlow_disk = 0\n[intake.dimse]\nport = {free_port()}\n"
        '[[destination]]\nname = "ehr"\nkind = "folder"\npath = "results"\n'
    )
    return file


@pytest.fixture
def filled(settings: Path) -> Path:
    """Have a store with an object that is delivered, one that is dead, and one that was just received."""
    with read(settings).store() as store:
        accept(store, report("1", "A"))
        accept(store, report("2", "B"))
        transform_all(store)
        deliver(store)
        delivery = store.claim_delivery("ehr")
        assert delivery is not None
        store.dead(delivery, Failure(422, "HAPI-0001: refused", "See the log of the server"))
        accept(store, report("3", "C"))
    return settings


def deliver(store: Store) -> None:
    delivery = store.claim_delivery("ehr")
    assert delivery is not None
    store.delivered(delivery, (), 201)


def test_init_writes_what_can_be_read_and_never_overwrites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.toml"
    assert main(["gateway", "init", "--to", str(file)]) == 0
    assert read(file).routes
    file.write_text("mine")
    assert main(["gateway", "init", "--to", str(file)]) == 2
    assert file.read_text() == "mine"
    assert "stays as it is" in capsys.readouterr().err


def test_without_settings_it_is_said_how_to_write_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", "status", "--settings", str(tmp_path / "none.toml")]) == 2
    assert "sr2fhir gateway init" in capsys.readouterr().err


def test_status_counts_and_says_that_it_does_not_run(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", "status", "--settings", str(filled)]) == 3
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["dead", "1", "look:", "sr2fhir", "gateway", "list", "--state", "dead"] in lines
    assert ["delivered", "1"] in lines
    assert ["ehr", "0", "1", "1", "-"] in [line[:5] for line in lines]


def test_list_shows_the_reason(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "list", "--state", "dead", "--settings", str(filled)]) == 0
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.split()[:2] == ["2", "dead"]
    assert "2.25.2" in line
    assert line.endswith("HAPI-0001: refused")


def test_show_has_history_deliveries_and_remedy(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "show", "2", "--settings", str(filled)]) == 0
    shown = capsys.readouterr().out
    for text in ("HAPI-0001: refused", "See the log of the server", "422", "received", "transformed", ".dcm"):
        assert text in shown
    with read(filled).store() as store:
        (entry,) = store.views.audit_entries()
        assert (entry.action, entry.object_id) == ("show", 2)


def test_replay_of_what_is_dead_at_a_destination(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--state", "dead", "--destination", "ehr", "--settings", str(filled)]
    assert main(["gateway", "replay", *arguments]) == 0
    assert "1 object will" in capsys.readouterr().out
    with read(filled).store() as store:
        deliver(store)
        assert store.views.counts()["delivered"] == 2
    assert main(["gateway", "replay", *arguments]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "77"], "no object 77"),
        (["replay", "77"], "no object 77"),
        (["replay"], "not said what"),
        (["replay", "1", "--destination", "none"], "There are ehr"),
        (["purge", "--days", "-1"], "below zero"),
    ],
)
def test_wrong_use_is_told(
    filled: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", *arguments, "--settings", str(filled)]) == 2
    assert said in capsys.readouterr().err


def test_purge_removes_what_is_over(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "purge", "--days", "30", "--settings", str(filled)]) == 0
    assert main(["gateway", "purge", "--days", "0", "--settings", str(filled)]) == 0
    assert capsys.readouterr().out.splitlines() == ["0 objects removed", "1 object removed"]
    assert main(["gateway", "purge", "--days", "0", "--dead", "--settings", str(filled)]) == 0
    with read(filled).store() as store:
        assert [row.id for row in store.views.objects()] == [3]


def test_check_tries_all_parts(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["gateway", "check", "--settings", str(settings)])
    shown = capsys.readouterr().out
    assert "store: " in shown
    assert "dimse" in shown
    assert "destination ehr" in shown
    assert code == ("to mend" in shown)
