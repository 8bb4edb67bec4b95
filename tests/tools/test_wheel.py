"""The wheel works where there is neither a checkout nor Node, SUSHI or Java."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.paths import COMPILED, DATA, Layout, layout
from sr2fhir.toolchain.steps import steps_for
from tools import wheel


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
            for path in folder.rglob("*.json"):
                name = path.relative_to(folder).as_posix()
                assert archive.read(f"{below}/{COMPILED}/{folder.name}/{name}") == path.read_bytes()
        assert f"{below}/{COMPILED}/maps/r4/R4Bundle.json" in names
        for path in places.step_products("r4"):
            assert archive.read(f"{below}/{COMPILED}/engine/{path.name}") == path.read_bytes()
    assert not [name for name in names if "__pycache__" in name or "_cache/" in name]
    assert {"sr2fhir/py.typed", "sr2fhir/model/languages.json"} <= names
    assert [name for name in names if name.endswith("/licenses/LICENSE")]


def test_it_comes_out_the_same_again(built: Path, tmp_path: Path) -> None:
    assert wheel.build(layout(), tmp_path).read_bytes() == built.read_bytes()


def test_a_checkout_as_it_is_makes_no_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    done = subprocess.run(command, cwd=layout().sources, capture_output=True, text=True)
    assert done.returncode
    assert "this wheel would lack the compiled maps. Build it with `make wheel`" in done.stdout + done.stderr
    assert not list(tmp_path.glob("*.whl"))


def test_an_installed_package_compiles_nothing(tmp_path: Path) -> None:
    installed = Layout(tmp_path / DATA, tmp_path / "home", tmp_path / DATA / COMPILED)
    assert [step.name for step in steps_for(installed)] == [
        *("java", "jars", "overlay", "packages", "built", "classes")
    ]
    assert installed.definitions == tmp_path / DATA / COMPILED / "definitions"
    assert installed.jars == tmp_path / "home" / "jars"
    assert len(steps_for(layout())) > 5


# ---- in an empty environment ----------------------------------------------------------------------------------


def bare(home: Path) -> dict[str, str]:
    """Return an environment without programs to be found, and without a trace of this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SR2FHIR", "PYTHON"))}
    return {**kept, "PATH": "", "HOME": str(home), "SR2FHIR_HOME": str(home / "sr2fhir"), "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def venv(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with pip in an environment of its own; what it needs in the versions of this one."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    versions = [f"{each.name}=={each.version}\n" for each in distributions() if each.name != "sr2fhir"]
    (folder / "versions.txt").write_text("".join(versions))
    command = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--constraint",
        folder / "versions.txt",
        built,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    offline = "NewConnectionError" in done.stdout + done.stderr
    if done.returncode and offline and "SR2FHIR_TEST_ONLINE" not in os.environ:
        pytest.skip("pip does not reach its package index, and has not all that the wheel needs in its cache")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_it_sets_itself_up_at_first_use_and_transforms(
    venv: Path, tmp_path: Path, samples_dir: Path, engine: Any
) -> None:
    """With the jars that this machine has, so that they are not fetched again; set-up checks them."""
    from sr2fhir.transformer import Transformer

    jars = tmp_path / "sr2fhir" / "jars"
    jars.mkdir(parents=True)
    for jar in layout().jars.glob("*.jar"):
        (jars / jar.name).symlink_to(jar)
    sample = samples_dir / "real_hl7_dicom_sr_ig_example.json"
    command = [venv / "bin" / "sr2fhir", "transform", sample, "--out", "-"]
    done = subprocess.run(command, cwd=tmp_path, env=bare(tmp_path), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"set-up 1/" in done.stderr
    assert done.stdout == Transformer(engine).transform(sample).json
    done = subprocess.run(
        [*command, "--fhir", "R4", "--validate"],
        cwd=tmp_path,
        env=bare(tmp_path),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == Transformer(engine, target="R4").transform(sample).json
