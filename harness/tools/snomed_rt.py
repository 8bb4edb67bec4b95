"""Write the table of retired SNOMED RT identifiers (PS3.16 Annex O) from pydicom's copy of it.

::

    PYTHONPATH=harness .venv/bin/python -m tools.snomed_rt
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping as snomed_mapping

TARGET = Path(__file__).resolve().parents[1] / "sr2fhir" / "model" / "snomed_rt.json"
SOURCE = (
    "PS3.16 Annex O by way of pydicom: SNOMED RT identifier to SNOMED CT concept identifier; and what PS3.16 "
    "calls each of these concepts, as in its context groups before the fully specified name"
)
# the semantic tag of a fully specified name
TAGGED = re.compile(r" \([a-z /]+\)$")


def table() -> str:
    """Return the table, one row a line."""
    codes: dict[str, str] = dict(sorted(snomed_mapping["SRT"].items()))
    known = meanings()
    replaced = {code: known[code] for code in sorted({*codes.values()}) if code in known}
    parts: dict[str, Mapping[str, object]] = {"codes": codes, "meanings": replaced}
    written = ",\n".join(f'  "{name}": {{\n{rows(part)}\n  }}' for name, part in parts.items())
    return f'{{\n  "source": {json.dumps(SOURCE)},\n{written}\n}}\n'


def rows(part: Mapping[str, object]) -> str:
    """Return one row a line."""
    return ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in part.items())


def meanings() -> dict[str, list[str]]:
    """Return the meanings of each SNOMED CT concept, those of most context groups first, and of none last."""
    found: dict[str, dict[str, int]] = {}
    stated: Any = concepts["SCT"]
    for known in stated.values():
        for code, (meaning, groups) in known.items():
            found.setdefault(code, {})[meaning] = len(groups)
    return {code: sorted(each, key=partial(order, each)) for code, each in found.items()}


def order(groups: Mapping[str, int], meaning: str) -> tuple[int, bool, str]:
    """Sort a meaning by the number of its context groups; a fully specified name after others."""
    return -groups[meaning], bool(TAGGED.search(meaning)), meaning


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
