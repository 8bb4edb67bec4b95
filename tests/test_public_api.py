"""The public names: all there, loaded when used, and importing them costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import sr2fhir

HEAVY = ("pydicom", "rich", "requests", "lxml", "docker", "numpy")


@pytest.mark.parametrize("name", sr2fhir.__all__)
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    thing = getattr(sr2fhir, name)
    assert name == "__version__" or thing.__doc__
    assert name in dir(sr2fhir)


def test_type_checkers_see_the_names_that_are_there() -> None:
    tree = ast.parse(Path(sr2fhir.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module, each.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sr2fhir.")
        for each in node.names
    }
    homes = {name: home for home, names in sr2fhir._HOMES.items() for name in names}
    assert imported == {(f"sr2fhir.{home}", name) for name, home in homes.items()}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = sr2fhir.nothing


def test_all_errors_are_one_family() -> None:
    errors = [getattr(sr2fhir, name) for name in sr2fhir.__all__ if name.endswith("Error")]
    assert all(issubclass(error, sr2fhir.Sr2FhirError) for error in errors)


@pytest.mark.parametrize("code", ["import sr2fhir", "from sr2fhir.cli.main import main; main(['info'])"])
def test_what_needs_no_dicom_and_no_java_loads_neither(code: str) -> None:
    check = f"{code}; import sys; print('loaded', *(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["loaded"]
