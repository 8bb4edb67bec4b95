"""Unpacking FHIR packages."""

from __future__ import annotations

import json

import pytest
from sr2fhir.errors import SetupError
from sr2fhir.toolchain import jars

from .conftest import Notes, Project


def test_resources_are_unpacked_without_narrative_and_otherwise_as_they_are(
    project: Project, notes: Notes
) -> None:
    jars.fetch_jars(project.places, notes, project.fetch)
    jars.unpack_packages(project.places, notes)
    folder = project.places.packages / "hl7.fhir.r5.core#1.0.0" / "package"
    assert sorted(path.name for path in folder.iterdir()) == ["Basic.json", "package.json"]
    expected = '{"resourceType":"Basic","text":{"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">-</div>"},"value":1.500}'
    assert (folder / "Basic.json").read_text() == expected
    json.loads(expected)


def test_a_package_without_hash_is_made_empty(project: Project, notes: Notes) -> None:
    jars.fetch_jars(project.places, notes, project.fetch)
    jars.unpack_packages(project.places, notes)
    folder = project.places.packages / "some.empty#0.1.0" / "package"
    assert json.loads((folder / "package.json").read_text())["name"] == "some.empty"
    assert json.loads((folder / ".index.json").read_text())["files"] == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("hl7.fhir.r5.core#1.0.0", "other.core#1.0.0", "other.core#1.0.0 is not in the jar"),
        (
            '"hl7.fhir.r5.core#1.0.0" = "',
            '"hl7.fhir.r5.core#1.0.0" = "0',
            "hl7.fhir.r5.core#1.0.0 is not the one",
        ),
    ],
)
def test_another_package_is_refused(project: Project, notes: Notes, old: str, new: str, reason: str) -> None:
    jars.fetch_jars(project.places, notes, project.fetch)
    text = project.places.pins.read_text()
    other = project.places.pins.with_name("other")
    other.mkdir()
    (other / "engine.toml").write_text(text.replace(old, new))
    moved = type(project.places)(other, project.places.home)
    with pytest.raises(SetupError, match=reason):
        jars.unpack_packages(moved, notes)
    assert not list(project.places.packages.glob("*core*1.0.0"))
