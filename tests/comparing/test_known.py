"""The table of known differences: what it covers, and that the documentation says the same."""

from __future__ import annotations

import re
from typing import get_args

from sr2fhir.comparing import Difference, known, reason_for
from sr2fhir.comparing.differences import Kind
from sr2fhir.engines import names

from tests.conftest import ROOT

VALUE = "Bundle.entry[20].resource.valueQuantity.value"


def test_the_engines_and_kinds_of_the_table_exist() -> None:
    for entry in known():
        assert entry.engine in names()
        assert entry.kind in get_args(Kind)
        assert entry.reason.endswith(".")
        re.compile(entry.path)


def test_a_difference_is_known_only_for_its_engine_and_kind() -> None:
    sign = Difference(VALUE, "sign", "0.0", "-0.0")
    assert reason_for("embedded", "fml", sign)
    assert reason_for("fml", "embedded", sign) == reason_for("embedded", "fml", sign)
    assert reason_for("embedded", "validator", sign) is None
    assert reason_for("embedded", "fml", sign._replace(kind="precision")) is None
    assert reason_for("embedded", "fml", sign._replace(path="Bundle.total")) is None


def test_the_documentation_lists_every_known_difference_and_no_other() -> None:
    text = (ROOT / "docs" / "engines.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert rows == [(entry.engine, entry.kind, entry.reason) for entry in known()]
