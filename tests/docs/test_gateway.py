"""docs/gateway.md and gateway.toml's dataclasses name the same settings, with the same defaults."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, Field, fields
from itertools import takewhile
from typing import Any

import pytest
from sr2fhir.dicom.source import size
from sr2fhir.gateway import settings
from sr2fhir.gateway.settings import PARTS, STOW, load
from sr2fhir.paths import layout

PAGE = layout().sources / "docs" / "gateway.md"
OWN = {
    "gateway": settings.GatewaySettings,
    "transform": settings.TransformSettings,
    "retention": settings.Retention,
}
# on a page of its own, with a test of its own
ELSEWHERE = {"destination"}
SECRETS = {"secret": ("secret_file", "secret_env")}
QUOTED = re.compile(r"`([^`]+)`")


def sections() -> dict[str, Any]:
    kinds = {kind.name: load(kind.settings, kind) for kind in (*PARTS, STOW) if kind.name not in ELSEWHERE}
    return OWN | kinds


def rows(name: str) -> dict[str, str | None]:
    """Return the keys that the page has of a section, each with its default."""
    text = PAGE.read_text(encoding="utf-8")
    (body,) = re.findall(rf"^### `\[+{re.escape(name)}\]+`\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    lines = takewhile(lambda line: line.startswith("|"), body.strip().splitlines())
    found: dict[str, str | None] = {}
    for line in [*lines][2:]:
        keys, says, default = (cell.strip() for cell in line.strip("|").split("|"))
        names, defaults = QUOTED.findall(keys), QUOTED.findall(default)
        assert names, line
        assert says, line
        assert len(defaults) in (0, len(names)), line
        found |= dict(zip(names, defaults or [None] * len(names), strict=True))
    return found


def stated(one: Field[Any]) -> object:
    return one.default_factory() if one.default_factory is not MISSING else one.default


@pytest.mark.parametrize("name", sections())
def test_every_setting_has_its_row(name: str) -> None:
    said = rows(name)
    wanted = {
        key: one
        for one in fields(sections()[name])
        for key in SECRETS.get(one.name, (one.metadata.get("key", one.name),))
        if key != STOW.name  # a table of its own
    }
    assert set(said) == set(wanted)
    for key, default in said.items():
        real = stated(wanted[key])
        if default is None:
            assert not isinstance(real, (bool, int, float, str)), f"{key} has a default: {real}"
            continue
        value = tomllib.loads(f"value = {default}")["value"]
        if wanted[key].metadata.get("size"):
            value = size(value)
        assert value == (list(real) if isinstance(real, tuple) else type(value)(real)), key


def test_a_destination_is_described_elsewhere() -> None:
    assert "[Delivery](delivery.md) has its table" in PAGE.read_text(encoding="utf-8")
