"""Validating several files: what goes wrong with one concerns no other."""

from __future__ import annotations

import argparse
import sys
from typing import Any, cast

import pytest
from sr2fhir.cli import validate
from sr2fhir.cli.terminal import Terminal
from sr2fhir.engines import Engine


def test_a_fault_of_ours_fails_its_file_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def check(file: str, *_: Any) -> tuple[()]:
        asked.append(file)
        if file == "first.json":
            raise ValueError("a value of the patient's")
        return ()

    monkeypatch.setattr(validate, "check_file", check)
    arguments = argparse.Namespace(strict=False, out=None, quiet=False, profile=[], all=False)
    session = validate.Session(arguments, Terminal(sys.stdout))
    assert session.run(["first.json", "second.json"], cast(Engine, None)) == 1
    printed = capsys.readouterr().out
    assert asked == ["first.json", "second.json"]
    assert "first.json" in printed
    assert "patient's" not in printed
