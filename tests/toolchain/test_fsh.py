"""SUSHI's findings, with the file and line in fsh/."""

from __future__ import annotations

from pathlib import Path

import pytest
from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout, layout
from tools.compiling import fsh

from .conftest import Notes

OUTPUT = """\
info  Running SUSHI v3.21.0 (implements FHIR Shorthand specification v3.0.0)
warn  Failed to load automatically-provided hl7.terminology.r5#latest from custom FHIR package registry x.
info  Loaded hl7.fhir.r5.core#5.0.0 with 2968 resources
error No element found at path nothing for Thing, skipping rule
  File: {stage}/input/fsh/model/Thing.fsh
  Line: 5
warn  The string is long. Consider
  a shorter one.
  File: {stage}/input/fsh/Other.fsh
  Line: 7 - 9
error Something without a place.
info  Exported 1 FHIR resources as JSON.

========================= SUSHI RESULTS ===========================
| error in a box                                                    |
"""


def test_findings_name_the_source(tmp_path: Path) -> None:
    found = fsh.read_findings(OUTPUT.replace("{stage}", str(tmp_path)), tmp_path)
    assert [str(finding) for finding in found] == [
        "fsh/model/Thing.fsh:5: error: No element found at path nothing for Thing, skipping rule",
        "fsh/Other.fsh:7: warning: The string is long. Consider a shorter one.",
        "error: Something without a place.",
    ]


@pytest.fixture
def places(tmp_path: Path) -> Layout:
    """Lay out a small project that uses the installed SUSHI."""
    made = Layout(tmp_path / "sources", tmp_path / "home")
    made.fsh.mkdir(parents=True)
    made.home.mkdir()
    for name in ("sushi", "java-home", "node"):
        if (layout().home / name).is_dir():
            (made.home / name).symlink_to(layout().home / name)
    made.sushi_config.write_text(
        "id: small\ncanonical: http://example.org\nname: Small\nstatus: draft\nversion: 1.0.0\nfhirVersion: 5.0.0\nFSHOnly: true\n"
    )
    (made.fsh / "Thing.fsh").write_text(
        """\
Profile: Thing
Parent: Basic
Description: "A thing"
* subject 1..1

Instance: one
InstanceOf: Thing
Description: "One thing"
* code.text = "thing"
* subject.display = "somebody"
"""
    )
    return made


def test_definitions_have_snapshots_and_examples_lie_apart(places: Layout) -> None:
    notes = Notes()
    fsh.run(places, notes)
    assert [path.name for path in places.definitions.iterdir()] == ["StructureDefinition-Thing.json"]
    assert [path.name for path in places.examples.iterdir()] == ["Basic-one.json"]
    assert '"snapshot"' in (places.definitions / "StructureDefinition-Thing.json").read_text()
    # The one warning is about FSHOnly; those about packages that are not pinned are no news.
    assert [line for line in notes.lines if "hl7." in line] == []


def test_an_error_has_file_and_line_and_keeps_the_last_good_definitions(places: Layout) -> None:
    places.definitions.mkdir()
    (places.definitions / "old.json").write_text("{}")
    thing = places.fsh / "Thing.fsh"
    thing.write_text(thing.read_text().replace("* subject 1..1", "* nothing 1..1"))
    with pytest.raises(SetupError, match=r"fsh/Thing\.fsh:4: error: .*nothing"):
        fsh.run(places, Notes())
    assert (places.definitions / "old.json").is_file()
