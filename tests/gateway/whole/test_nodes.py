"""Two nodes on one PostgreSQL database and one folder: one is killed, and the other does what both had accepted."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.gateway.store.conftest import empty_database
from tests.gateway.whole.rig import OVER_S, Gateway, Load, small, until

pytestmark = pytest.mark.slow


def test_what_a_killed_node_had_accepted_is_delivered_by_the_other(tmp_path: Path, postgres_url: str) -> None:
    results = tmp_path / "results"
    destination = f'[[destination]]\nname = "results"\nkind = "folder"\npath = "{results}"'
    shared = {"database": empty_database(postgres_url), "store": tmp_path / "store", "workers": 1}
    first, second = (Gateway(tmp_path / name, destination, **shared) for name in ("first", "second"))
    with ExitStack() as left:
        for each in (first, second):
            each.start()
            left.callback(each.kill)
        load = Load(first, tmp_path / "sent", 4, small)
        load.start()
        until(lambda: len(load.acknowledged) >= 8, OVER_S)
        first.kill()
        load.gateway = second  # what was not acknowledged is sent to the other
        until(lambda: len(load.acknowledged) >= 16, OVER_S)
        load.end()
        second.wait_until_all_is_over()
        assert second.counts()["delivered"] == len(load.acknowledged)
        second.stop()
    expected = {dcmread(load.file(number)).SOPInstanceUID for number in load.acknowledged}
    files = {path.name.removesuffix(".bundle.json"): path for path in results.glob("*.bundle.json")}
    assert files.keys() == expected
    assert all(json.loads(path.read_bytes())["resourceType"] == "Bundle" for path in files.values())
