"""`sr2fhir engine` as a user runs it, with a stand-in for the service's process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sr2fhir.cli.main import main
from sr2fhir.engines import background
from sr2fhir.engines.background import Running, process, record
from sr2fhir.paths import layout

STAND_IN = Path(__file__).parents[1] / "engines" / "background" / "stand_in.py"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(process, "SERVER", (sys.executable, str(STAND_IN)))
    monkeypatch.setenv("SR2FHIR_HOME", str(tmp_path))
    monkeypatch.delenv("SR2FHIR_ENGINE_URL", raising=False)
    yield
    background.stop("validator")


def test_start_status_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "status"]) == 3
    assert main(["engine", "start"]) == 0
    assert main(["engine", "start"]) == 0
    assert main(["engine", "status"]) == 0
    running = background.find()
    assert running is not None
    assert main(["engine", "stop"]) == 0
    assert main(["engine", "stop"]) == 0
    assert main(["engine", "status"]) == 3
    which = f"validator at {running.url} (stand-in; process {running.pid}, log {running.log})"
    usage = "Next: `sr2fhir transform report.dcm --engine validator`; `sr2fhir engine stop` ends it"
    assert capsys.readouterr().out.splitlines() == [
        "no engine runs in the background",
        f"started: {which}",
        usage,
        f"already runs: {which}",
        usage,
        f"up: {which}",
        f"stopped: {which}",
        "no engine runs in the background",
        "no engine runs in the background",
    ]


def test_a_start_that_fails_says_why_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "refuses")
    assert main(["engine", "start"]) == 3
    assert capsys.readouterr().err == (
        "sr2fhir: the validator service in the background: it does not want to. Ask again\n"
    )


def test_a_service_that_does_not_answer_is_not_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["engine", "start"]) == 0
    monkeypatch.setattr(process, "answers", lambda _: False)
    assert main(["engine", "status"]) == 3
    assert "does not answer: validator at http://127.0.0.1:" in capsys.readouterr().out


def test_maps_that_have_changed_since_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "start"]) == 0
    maps = layout().compiled_maps
    maps.mkdir()
    (maps / "New.json").write_text("{}")
    assert main(["engine", "status"]) == 0
    assert "up, with maps or definitions that are out of date: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["engine"],
        ["engine", "restart"],
        ["engine", "start", "hapi"],
        ["engine", "start", "--port", "0"],
        ["engine", "start", "--port", "65536"],
        ["engine", "start", "--timeout", "0"],
        ["transform", "x.dcm", "--engine-timeout", "soon"],
        ["transform", "x.dcm", "--engine-timeout", "nan"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2


def test_a_url_that_is_none_is_a_wrong_use(capsys: pytest.CaptureFixture[str], samples: list[Path]) -> None:
    assert main(["transform", str(samples[0]), "--engine-url", "localhost:1", "--out", "-"]) == 2
    assert "Write http://host:port" in capsys.readouterr().err


def test_without_a_service_the_engine_is_not_available(
    capsys: pytest.CaptureFixture[str], samples: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["transform", str(samples[0]), "--engine", "validator", "--out", str(out)]) == 3
    error = capsys.readouterr().err
    assert "no validator service runs in the background" in error
    assert "`sr2fhir engine start`" in error
    assert not out.exists() or not list(out.glob("*.bundle.json"))


def test_a_container_is_told_by_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    from sr2fhir.cli.engine import line

    running = Running("hapi", "container", "http://127.0.0.1:1/fhir", "matchbox 4", container="a" * 64)
    assert line(running) == "hapi at http://127.0.0.1:1/fhir (matchbox 4; container aaaaaaaaaaaa)"
    assert record.read("hapi", layout()) is None
