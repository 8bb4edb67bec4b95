"""Every known input becomes what it became when the record was frozen, byte by byte; see harness/tools/record.py.

A change that is meant stands in changed.toml with its reason; everything else is a fault of what was changed.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tools import record

if TYPE_CHECKING:
    from sr2fhir.engines import Engine

FROZEN: dict[str, record.Digests] = json.loads(record.FROZEN.read_bytes())
CHANGED = tomllib.loads((Path(__file__).parent / "changed.toml").read_text(encoding="utf-8")).get(
    "changed", []
)
SHOWN = 20
HOW_TO_SEE = (
    "To see a difference, run `PYTHONPATH=harness .venv/bin/python -m tools.record --out FOLDER` here and in a "
    "checkout of the state before, and compare the folders with `diff -r`. Change that is meant: changed.toml."
)


def meant() -> dict[str, record.Digests]:
    """Return the frozen digests with the changes that are meant."""
    table = {name: dict(parts) for name, parts in FROZEN.items()}
    for change in CHANGED:
        table[change["input"]].pop(change["what"], None)
        if change["now"]:
            table[change["input"]][change["what"]] = change["now"]
    return table


def differences(found: dict[str, record.Digests], family: str) -> list[str]:
    """Name each input and part that is not as it is meant to be."""
    wanted = {name: parts for name, parts in meant().items() if name.startswith(f"{family}/")}
    return [
        f"{name}: {what} is {found.get(name, {}).get(what, 'absent')}"
        for name in sorted(wanted.keys() | found.keys())
        for what in sorted(wanted.get(name, {}).keys() | found.get(name, {}).keys())
        if wanted.get(name, {}).get(what) != found.get(name, {}).get(what)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("family", record.FAMILIES)
def test_every_input_becomes_what_it_was(engine: Engine, family: str) -> None:
    if reason := record.absent(family):
        pytest.skip(reason)
    found = record.record(record.FAMILIES[family](), engine, lambda _name, _parts: None)
    differing = differences(found, family)
    more = f"\n… and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    assert not differing, "\n".join((*differing[:SHOWN], more, HOW_TO_SEE))


def test_each_change_is_one_and_says_why() -> None:
    """What changed.toml lists differs from the frozen record, once, for a reason."""
    listed = [(change["input"], change["what"]) for change in CHANGED]
    assert len(set(listed)) == len(listed)
    for change in CHANGED:
        assert change["reason"].strip()
        assert change["now"] != FROZEN[change["input"]].get(change["what"], "")


def test_a_difference_is_found() -> None:
    """What the test above would miss without it: a comparison that finds nothing."""
    found = {name: dict(parts) for name, parts in meant().items() if name.startswith("samples/")}
    assert differences(found, "samples") == []
    name = next(name for name, parts in found.items() if "report" in parts)
    found[name]["report"] = "0" * 64
    assert differences(found, "samples") == [f"{name}: report is {'0' * 64}"]
    del found[name]
    assert [line.partition(":")[0] for line in differences(found, "samples")] == [name] * 3
