"""Several commands that share a run by a table of jobs: together they write what one alone writes, and nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sr2fhir.cli.main import main

from tests.cli.test_transform_batch import contents, many  # noqa: F401 - a fixture

MANY = 60
FORMS = [(), ("--ndjson",)]


def started(folder: Path, out: Path, url: str, form: Sequence[str], *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sr2fhir", "transform", str(folder), "--out", str(out), *form]
    return subprocess.Popen(
        [*command, "--jobs-db", url, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


def names(printed: str) -> list[str]:
    """Find the inputs that a command did."""
    return [line.split()[1] for line in printed.splitlines() if line.startswith("✔")]


@pytest.fixture(scope="module")
def alone(many: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Sequence[str], dict[str, bytes]]:  # noqa: F811
    """Tell what a command writes that shares with nobody."""
    found = {}
    for form in FORMS:
        out = tmp_path_factory.mktemp("alone")
        assert main(["transform", str(many), "--out", str(out), "--quiet", *form]) == 0
        found[form] = contents(out)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_two_commands_do_each_input_once_and_write_what_one_writes(
    form: Sequence[str],
    database_url: str,
    many: Path,  # noqa: F811
    alone: dict[Sequence[str], dict[str, bytes]],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    first = started(many, out, database_url, form)
    assert first.stdout
    begun = first.stdout.readline()
    second = started(many, out, database_url, form, "--resume")
    printed, said = zip(first.communicate(timeout=240), second.communicate(timeout=240), strict=True)
    printed = (begun + printed[0], printed[1])
    assert said == ("", "")
    assert (first.returncode, second.returncode) == (0, 0), printed
    assert sorted(names(printed[0]) + names(printed[1])) == [f"{number:03}.dcm" for number in range(MANY)]
    assert all(f"{MANY} inputs" in each for each in printed)
    assert contents(out) == alone[form]


@pytest.mark.parametrize("form", FORMS)
def test_a_command_that_is_killed_is_gone_on_with(
    form: Sequence[str],
    database_url: str,
    many: Path,  # noqa: F811
    alone: dict[Sequence[str], dict[str, bytes]],
    tmp_path: Path,
) -> None:
    """Its leases have to run out first. Results are recorded 32 at a time; what was recorded is not done again."""
    out = tmp_path / "out"
    killed = started(many, out, database_url, form, "--jobs-lease", "3")
    assert killed.stdout
    for _ in range(40):
        killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert all(json.loads(file.read_bytes()) for file in out.glob("*.json"))
    second = started(many, out, database_url, form, "--resume")
    printed, said = second.communicate(timeout=240)
    assert (second.returncode, said) == (0, "")
    assert len(names(printed)) < MANY
    assert contents(out) == alone[form]
