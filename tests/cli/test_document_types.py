"""Documents of several types in one run, as a user starts it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sr2fhir import toolchain
from sr2fhir.cli.main import main
from sr2fhir.engines import Engine

from tests import builders as b

SAMPLE = "real_dcmjs_ohif_bidirectional.dcm"


@pytest.fixture
def inputs(tmp_path: Path, samples_dir: Path) -> Path:
    """Return a folder with a report, a selection, one that selects nothing, and a document of another template."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(samples_dir / SAMPLE, folder / "report.dcm")
    listed = [b.Instance("1.2.1"), b.Instance("1.2.2", series="1.2.840.99.51")]
    other = b.Code("111400", "DCM", "Breast Imaging Report")
    made = {
        "selection": b.key_objects(b.image("1.2.1"), b.image("1.2.2"), listed=listed),
        "nothing": b.key_objects(b.text(b.KEY_OBJECT_DESCRIPTION, "none"), SOPInstanceUID="1.2.840.99.5"),
        "other": b.measurement_report(b.text(b.FINDING, "none"), title=other, template="4200"),
    }
    for name, document in made.items():
        (folder / f"{name}.dcm").write_bytes(b.encoded(document))
    return folder


@pytest.fixture(autouse=True)
def with_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands in this process use the engine of the tests."""
    monkeypatch.setattr(engine, "close", lambda: None)
    monkeypatch.setattr(toolchain, "make_engine", lambda *_: engine)


@pytest.mark.usefixtures("capsys")
def test_a_run_takes_both_and_goes_on_after_what_it_refuses(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["transform", str(inputs), "--out", str(out), "--bundle", "transaction", "--quiet"]) == 1
    kinds = {
        name: {entry["request"]["url"].partition("/")[0] for entry in json.loads(path.read_bytes())["entry"]}
        for name in ("report", "selection", "nothing")
        if (path := out / f"{name}.dcm.bundle.json").is_file()
    }
    assert kinds.keys() == {"report", "selection", "nothing"}
    assert "Observation" in kinds["report"]
    assert "ImagingSelection" in kinds["selection"]
    assert "ImagingSelection" not in kinds["nothing"]
    (refused,) = json.loads((out / "other.dcm.outcome.json").read_bytes())["issue"]
    assert "TID 1500 or TID 2010" in json.dumps(refused)
    assert "empty-selection" in (out / "nothing.dcm.outcome.json").read_text()


@pytest.mark.usefixtures("capsys")
def test_a_selection_in_ndjson(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    main(["transform", str(inputs), "--out", str(out), "--ndjson", "--quiet"])
    lines = (out / "ImagingSelection.ndjson").read_text().splitlines()
    codes = [json.loads(line)["code"]["coding"][0]["code"] for line in lines]
    assert codes.count("113000") == 2
