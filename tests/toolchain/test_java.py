"""The jar of stand-ins."""

from __future__ import annotations

import io
import json
import zipfile

from sr2fhir.paths import layout
from sr2fhir.toolchain.java import pack


def test_stand_ins_are_small_and_the_tables_whole() -> None:
    with zipfile.ZipFile(layout().overlay) as jar:
        sizes = {info.filename: info.file_size for info in jar.infolist()}
        assert jar.read("lang.dat.txt").startswith(b"%%\nType: language\nSubtag: aa\n")
        assert json.loads(jar.read("spdx.json"))["url"] == "http://hl7.org/fhir/spdx-license"
    assert sizes["lang.dat.txt"] < 200
    assert sizes["spdx.json"] < 5_000
    assert sizes["full/lang.dat.txt"] > 500_000
    assert sizes["full/spdx.json"] > 100_000


def test_the_same_tables_give_the_same_jar() -> None:
    first = pack({"b": b"2", "a": b"1"})
    assert first == pack({"a": b"1", "b": b"2"})
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["a", "b"]
