"""The public names: all there, loaded when used, and importing them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sr2fhir

HEAVY = ("pydicom", "rich", "requests", "lxml", "docker", "numpy")


@pytest.mark.parametrize("name", sr2fhir.__all__)
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    thing = getattr(sr2fhir, name)
    assert name == "__version__" or thing.__doc__
    assert name in dir(sr2fhir)


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
