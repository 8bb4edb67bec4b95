"""Retired SNOMED RT identifiers (SRT) to SNOMED CT concept identifiers, as PS3.16 Annex O lists them."""

from __future__ import annotations

from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pydicom


@cache
def _pairs() -> dict[str, str]:
    # pydicom has the table in a private module; importing it the usual way loads all context groups too
    source = Path(pydicom.__file__).parent / "sr" / "_snomed_dict.py"
    spec = spec_from_file_location("sr2fhir_snomed_rt_table", source)
    if spec is None or spec.loader is None:
        raise ImportError(f"pydicom {pydicom.__version__} has no SNOMED RT table")
    table = module_from_spec(spec)
    spec.loader.exec_module(table)
    pairs: dict[str, str] = table.mapping["SRT"]
    return pairs


def to_snomed_ct(identifier: str) -> str | None:
    """Return the SNOMED CT concept identifier of a SNOMED RT identifier; None where there is none.

    Examples
    --------
    >>> to_snomed_ct("T-28000")
    '39607008'
    """
    return _pairs().get(identifier.upper())
