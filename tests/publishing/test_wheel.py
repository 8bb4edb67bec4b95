"""The wheel works where there is neither a checkout nor Node, SUSHI or Java."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.paths import COMPILED, DATA, Layout, layout
from sr2fhir.publishing import wheel
from sr2fhir.setup.steps import steps_for


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.build(layout(), tmp_path_factory.mktemp("dist"))


def test_it_carries_what_set_up_compiles(built: Path) -> None:
    places = layout()
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
        below = f"sr2fhir/{DATA}"
        assert archive.read(f"{below}/engine.toml") == places.pins.read_bytes()
        assert archive.read(f"{below}/{COMPILED}/engine/core.json") == places.core.read_bytes()
        assert archive.read(f"{below}/{COMPILED}/engine/map-index.json") == places.map_index.read_bytes()
        for folder in (places.definitions, places.compiled_maps):
            for path in folder.glob("*.json"):
                assert archive.read(f"{below}/{COMPILED}/{folder.name}/{path.name}") == path.read_bytes()
    assert not [name for name in names if "__pycache__" in name or "_cache/" in name]
    assert {"sr2fhir/py.typed", "sr2fhir/rendering/languages.json"} <= names


def test_it_comes_out_the_same_again(built: Path, tmp_path: Path) -> None:
    assert wheel.build(layout(), tmp_path).read_bytes() == built.read_bytes()


def test_an_installed_package_compiles_nothing(tmp_path: Path) -> None:
    installed = Layout(tmp_path / DATA, tmp_path / "home", tmp_path / DATA / COMPILED)
    assert [step.name for step in steps_for(installed)] == ["java", "jars", "overlay", "packages", "classes"]
    assert installed.definitions == tmp_path / DATA / COMPILED / "definitions"
    assert installed.jars == tmp_path / "home" / "jars"
    assert len(steps_for(layout())) > 5


@pytest.mark.slow
def test_it_sets_itself_up_at_first_use_and_transforms(
    built: Path, tmp_path: Path, samples_dir: Path, engine: Any
) -> None:
    """Unpacked apart from the checkout, with the jars that this machine has, so that nothing is fetched."""
    from sr2fhir.transformer import Transformer

    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "home" / "jars").mkdir(parents=True)
    for jar in layout().jars.glob("*.jar"):
        (tmp_path / "home" / "jars" / jar.name).symlink_to(jar)
    sample = samples_dir / "real_hl7_dicom_sr_ig_example.json"
    environment = {
        "PATH": "",
        "HOME": str(tmp_path),
        "SR2FHIR_HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "site"), sysconfig.get_path("purelib"))),
        "LANG": "C.UTF-8",
    }
    command = [getattr(sys, "_base_executable", sys.executable), "-m", "sr2fhir", "transform", str(sample)]
    done = subprocess.run(
        [*command, "--out", "-"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"set-up 1/5" in done.stderr
    expected = Transformer(engine).transform(sample).json
    assert json.loads(done.stdout) == json.loads(expected)
