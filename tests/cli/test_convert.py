"""`sr2fhir convert`: which files are read, where results go, and what is printed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sr2fhir.cli.main import main
from sr2fhir.engines import Engine
from sr2fhir.jsontext import dumps

from tests.conversion.builders import PATIENT, bundle, observation
from tests.engines.kept import Kept

GOOD = dumps(bundle(PATIENT, observation()))
LOSING = dumps(bundle(PATIENT, observation(instantiatesCanonical="http://a.example/x")))


@pytest.fixture(autouse=True)
def place(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in a folder of the test's own, with an engine that runs already."""
    monkeypatch.setattr("sr2fhir.toolchain.make_engine", lambda *_, **__: Kept(engine))
    monkeypatch.chdir(tmp_path)


def written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def put(name: str, content: bytes = GOOD) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_folder_gives_three_files_for_each_bundle_under_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    put("out/a.dcm.bundle.json")
    put("out/b/c.bundle.json", LOSING)
    put("out/a.dcm.report.json", b"{}")
    assert main(["convert", "out", "--to", "R4"]) == 0
    assert written(Path("out-r4")) == [
        *("a.dcm.bundle.json", "a.dcm.outcome.json", "a.dcm.report.json"),
        *("b/c.bundle.json", "b/c.outcome.json", "b/c.report.json"),
    ]
    printed = capsys.readouterr().out
    assert "2 inputs: 2 converted, 0 failed; 4 resources, 0 errors, 0 warnings" in printed
    assert "1 element reached no element; the report beside each Bundle says which and why" in printed
    report = json.loads(Path("out-r4/b/c.report.json").read_bytes())
    assert report["unmapped"][0]["places"] == ["Bundle.entry[1].resource.instantiatesCanonical"]


def test_one_bundle_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    put("a.json")
    assert main(["convert", "a.json", "--to", "R4", "--out", "made/b.json"]) == 0
    assert written(Path("made")) == ["b.json", "b.outcome.json", "b.report.json"]
    assert len(json.loads(Path("made/b.json").read_bytes())["entry"]) == 2


def test_from_standard_input_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(GOOD)))
    assert main(["convert", "-", "--to", "R4"]) == 0
    made = capsysbinary.readouterr()
    assert len(json.loads(made.out)["entry"]) == 2
    assert b"1 converted" in made.err


def test_a_bad_input_fails_alone_with_an_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    put("in/a.bundle.json", b"<Bundle/>")
    put("in/b.bundle.json")
    put("in/c.bundle.json", dumps(bundle({"resourceType": "Device", "id": "d", "deviceName": []})))
    assert main(["convert", "in", "--to", "R4", "--out", "made"]) == 1
    assert written(Path("made")) == [
        *("a.outcome.json", "b.bundle.json", "b.outcome.json", "b.report.json", "c.outcome.json"),
    ]
    lines = capsys.readouterr().out.splitlines()
    assert (
        "a.bundle.json  this is XML, and only JSON can be converted here. Give the Bundle as JSON" in lines[0]
    )
    assert (
        "c.bundle.json  [Bundle.entry[0].resource.deviceName]: this Bundle is R4 already: Device.deviceName"
        in lines[2]
    )
    issue = json.loads(Path("made/a.outcome.json").read_bytes())["issue"][0]
    assert (issue["severity"], issue["code"]) == ("fatal", "invalid")


def test_what_is_left_out_is_an_error_though_there_is_a_bundle() -> None:
    put("a.bundle.json", dumps(bundle(PATIENT, {"resourceType": "Encounter", "id": "e"})))
    assert main(["convert", "a.bundle.json", "--to", "R4", "--out", "made"]) == 1
    assert written(Path("made")) == ["a.bundle.json", "a.outcome.json", "a.report.json"]
    issue = json.loads(Path("made/a.outcome.json").read_bytes())["issue"][0]
    assert (issue["severity"], issue["code"]) == ("error", "not-supported")


def test_an_input_is_never_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    put("out/a.bundle.json")
    assert main(["convert", "out", "--to", "R4", "--out", "out"]) == 2
    assert "out/a.bundle.json is the input. Name another place with --out" in capsys.readouterr().err
    assert Path("out/a.bundle.json").read_bytes() == GOOD
    assert main(["convert", "out/a.bundle.json", "--to", "R4", "--out", "out/a.bundle.json"]) == 2
    assert Path("out/a.bundle.json").read_bytes() == GOOD


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--to", "R5"], "Bundles of the guide are FHIR R5 already. Convert to R4"),
        (["--to", "R4", "--out", "a.xml", "--format", "json"], "a.xml is no name for JSON"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put("a.json")
    assert main(["convert", "a.json", *options]) == 2
    assert line in capsys.readouterr().err


def test_a_version_that_is_not_made_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    put("a.json")
    with pytest.raises(SystemExit, match="2"):
        main(["convert", "a.json", "--to", "R3"])
    assert "FHIR R3 is not made: there are R5 and R4. Choose R5 or R4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("inputs", "line"), [("missing.json", "there is no such file"), (".", "no *.bundle.json")]
)
def test_what_is_not_there_is_told(inputs: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", inputs, "--to", "R4"]) == 2
    assert line in capsys.readouterr().err


def test_after_it_comes_a_validation_in_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    put("a.bundle.json")
    assert main(["convert", "a.bundle.json", "--to", "R4"]) == 0
    assert "Next: check the Bundles with `sr2fhir validate out-r4 --fhir R4`" in capsys.readouterr().out
    assert main(["validate", "out-r4", "--fhir", "R4"]) == 0


def test_of_a_folder_without_bundles_only_what_helps_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    put("in/a.json")
    assert main(["convert", "in", "--to", "R4"]) == 2
    assert (
        capsys.readouterr().err == "sr2fhir: in: no *.bundle.json in this folder. Name the files themselves\n"
    )


def test_quietly_only_failures_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    put("a.bundle.json")
    put("b.bundle.json", b"{}")
    assert main(["convert", "a.bundle.json", "b.bundle.json", "--to", "R4", "--out", "made", "--quiet"]) == 1
    printed: Any = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1


def test_contained_resources_stay_in_their_place_in_xml() -> None:
    device = {"resourceType": "Device", "id": "d", "displayName": "CAD"}
    put("a.json", dumps(bundle(PATIENT, observation(contained=[device], device={"reference": "#d"}))))
    assert main(["convert", "a.json", "--to", "R4", "--out", "made.xml", "--validate"]) == 0
    written = Path("made.xml").read_text()
    assert (
        written.index("<contained>")
        < written.index("<deviceName>")
        < written.index('<status value="final"/>')
    )
    assert '<reference value="#d"/>' in written
