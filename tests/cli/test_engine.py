"""`sr2fhir engine` as a user runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sr2fhir.cli.main import main
from sr2fhir.engines import running as records
from sr2fhir.engines.java import service
from sr2fhir.engines.running import Running
from sr2fhir.paths import layout

from tests.engines.home import home


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SR2FHIR_HOME", str(home(tmp_path / "home").home))
    monkeypatch.delenv("SR2FHIR_ENGINE_URL", raising=False)
    yield
    service.stop()


@pytest.mark.slow
def test_start_status_stop(capsys: pytest.CaptureFixture[str], samples: list[Path], tmp_path: Path) -> None:
    assert main(["engine", "status"]) == 3
    assert main(["engine", "start"]) == 0
    assert main(["engine", "start"]) == 0
    assert main(["engine", "status"]) == 0
    running = records.read("embedded", layout())
    assert running is not None
    maps = layout().compiled_maps
    maps.unlink()
    maps.mkdir()
    assert main(["engine", "status"]) == 0
    assert main(["engine", "stop"]) == 0
    assert main(["engine", "stop"]) == 0
    assert main(["engine", "status"]) == 3
    which = f"embedded at {running.url} (HL7 validator 6.10.4, Java 25.0.2; process {running.pid})"
    usage = "Next: `sr2fhir transform report.dcm`; `sr2fhir engine stop` ends it"
    assert capsys.readouterr().out.splitlines() == [
        "no engine runs in the background",
        f"started: {which}",
        usage,
        f"already runs: {which}",
        usage,
        f"up: {which}",
        f"up, with maps or definitions that are out of date: {which}",
        f"stopped: {which}",
        "no engine runs in the background",
        "no engine runs in the background",
    ]


def test_a_start_that_fails_says_why_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SR2FHIR_JAVA_OPTIONS", "-Xmx1z")
    assert main(["engine", "start"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("sr2fhir: the engine in the background: Java does not start: Invalid maximum heap")
    assert len(said.splitlines()) == 1


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


def test_without_a_url_the_engine_validator_is_not_available(
    capsys: pytest.CaptureFixture[str], samples: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["transform", str(samples[0]), "--engine", "validator", "--out", str(out)]) == 3
    error = capsys.readouterr().err
    assert "the engine validator needs the URL of a service" in error
    assert "--engine-url" in error
    assert not out.exists() or not list(out.glob("*.bundle.json"))


def test_a_container_is_told_by_its_id() -> None:
    running = Running("hapi", "http://127.0.0.1:1/fhir", "matchbox 4", container="a" * 64)
    assert str(running) == "hapi at http://127.0.0.1:1/fhir (matchbox 4; container aaaaaaaaaaaa)"
    assert records.read("hapi", layout()) is None
