"""Write the table of retired SNOMED RT identifiers (PS3.16 Annex O) from pydicom's copy of it.

::

    PYTHONPATH=harness .venv/bin/python -m tools.snomed_rt
"""

from __future__ import annotations

import json
from pathlib import Path

from pydicom.sr._snomed_dict import mapping as snomed_mapping

TARGET = Path(__file__).resolve().parents[1] / "sr2fhir" / "model" / "snomed_rt.json"
SOURCE = "PS3.16 Annex O by way of pydicom: SNOMED RT identifier to SNOMED CT concept identifier"


def table() -> str:
    """Return the table, one row a line."""
    rows = ",\n".join(f'    "{old}": "{new}"' for old, new in sorted(snomed_mapping["SRT"].items()))
    return f'{{\n  "source": {json.dumps(SOURCE)},\n  "codes": {{\n{rows}\n  }}\n}}\n'


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
