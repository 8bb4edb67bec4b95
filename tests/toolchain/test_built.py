"""Writing the FHIR packages that no registry has."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from sr2fhir import pins
from sr2fhir.errors import SetupError
from sr2fhir.paths import Layout, layout
from sr2fhir.toolchain import built

from tests.engines.conftest import lay_out

from .conftest import Notes

PACKAGE = "some.fhir.r4#4.0.1"
XML = """\
<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/>
 <entry><resource><StructureDefinition>
  <id value="Thing"/>
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">many words</div></text>
  <url value="http://hl7.org/fhir/StructureDefinition/Thing"/><version value="4.0.1"/><name value="Thing"/>
  <status value="active"/><kind value="resource"/><abstract value="false"/><type value="Thing"/>
  <derivation value="specialization"/>
 </StructureDefinition></resource></entry>
 <entry><resource><ValueSet><id value="few"/><url value="http://example.org/few"/><status value="draft"/>
  <extension url="http://example.org/e"><valueDecimal value="1.500"/></extension>
 </ValueSet></resource></entry>
</Bundle>
"""


def project(folder: Path, xml: str, name: str = "a.xml") -> Layout:
    """Lay out a project whose only package is to be written of one file in a jar."""
    places = lay_out(folder)
    own = places.pins.read_text(encoding="utf-8")
    head, _, _ = own.partition("[built.")
    jars = own[own.index("[jars]") :]
    places.pins.unlink()
    places.pins.write_text(
        f'{head}[built."{PACKAGE}"]\ncoordinates = "org.example:r4:1.0"\nsha256 = ""\n'
        f'files = ["{name}"]\n{jars}'
    )
    linked = places.jars.resolve()
    places.jars.unlink()
    places.jars.mkdir()
    for jar in linked.iterdir():
        (places.jars / jar.name).symlink_to(jar)
    with zipfile.ZipFile(places.jars / "r4-1.0.jar", "w") as jar:
        jar.writestr("a.xml", xml)
    return places


def test_each_resource_becomes_a_file_without_narrative_and_a_line_of_the_index(
    tmp_path: Path, notes: Notes
) -> None:
    places = project(tmp_path, XML)
    built.write_packages(places, notes)
    folder = places.packages / PACKAGE / "package"
    thing = json.loads((folder / "StructureDefinition-Thing.json").read_bytes())
    assert thing["url"] == "http://hl7.org/fhir/StructureDefinition/Thing"
    assert "text" not in thing
    assert '"valueDecimal":1.500' in (folder / "ValueSet-few.json").read_text().replace(" ", "")
    assert json.loads((folder / ".index.json").read_bytes())["files"] == [
        {
            "filename": "StructureDefinition-Thing.json",
            "resourceType": "StructureDefinition",
            "id": "Thing",
            "url": "http://hl7.org/fhir/StructureDefinition/Thing",
            "version": "4.0.1",
            "kind": "resource",
            "type": "Thing",
            "derivation": "specialization",
        },
        {
            "filename": "ValueSet-few.json",
            "resourceType": "ValueSet",
            "id": "few",
            "url": "http://example.org/few",
        },
    ]
    manifest = json.loads((folder / "package.json").read_bytes())
    assert (manifest["name"], manifest["version"], manifest["fhirVersions"]) == (
        "some.fhir.r4",
        "4.0.1",
        ["4.0.1"],
    )
    assert notes.lines == ["1/1"]


@pytest.mark.parametrize(
    ("xml", "name", "reason"),
    [
        (XML, "b.xml", r"does not hold b\.xml"),
        (XML.replace("ValueSet>", "Unheard>"), "a.xml", "a definition of FHIR R4 cannot be read"),
        (XML[:-40], "a.xml", r"a\.xml in the jar that engine\.toml names is malformed"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_leaves_no_package(
    tmp_path: Path, notes: Notes, xml: str, name: str, reason: str
) -> None:
    places = project(tmp_path, xml, name)
    with pytest.raises(SetupError, match=reason):
        built.write_packages(places, notes)
    assert not (places.packages / PACKAGE).exists()


def test_the_package_of_r4_holds_what_hl7_publishes() -> None:
    (package,) = pins.load(layout().pins).built
    folder = layout().packages / package.name / "package"
    files = json.loads((folder / ".index.json").read_bytes())["files"]
    assert {path.name for path in folder.iterdir()} == {
        *(entry["filename"] for entry in files),
        ".index.json",
        "package.json",
    }
    resources = [
        entry["id"]
        for entry in files
        if entry.get("kind") == "resource" and entry.get("derivation") == "specialization"
    ]
    # R4 has 146 kinds of resources, and DomainResource; Resource itself derives from nothing
    assert len(resources) == 147
    urls = {entry.get("url") for entry in files}
    assert {
        "http://hl7.org/fhir/ValueSet/observation-status",
        "http://hl7.org/fhir/observation-status",
        "http://terminology.hl7.org/CodeSystem/v2-0203",
        "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        "http://hl7.org/fhir/StructureDefinition/vitalsigns",
    } <= urls
