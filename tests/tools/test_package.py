"""Parts of publishing that need no engine."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any
from xml.etree import ElementTree

import pytest
from tools.guide import examples, ig, ig_folder, package
from tools.guide.resources import Resource
from tools.guide.snapshots import clean

BASE = "http://hl7.org/fhir/uv/dicom-sr"


def guide_resource(**more: Any) -> Resource:
    content = {
        "resourceType": "ImplementationGuide",
        "id": "ig",
        "url": f"{BASE}/ImplementationGuide/ig",
        "version": "1.2.3",
        "title": "A guide",
        "description": "What it says.",
        "publisher": "Somebody",
        "license": "CC0-1.0",
        "packageId": "ig.package",
        "fhirVersion": ["5.0.0"],
        "jurisdiction": [{"coding": [{"system": "http://m49", "code": "001", "display": "World"}]}],
        "definition": {"resource": [], "parameter": [{"code": {"code": "x"}, "value": "y"}]},
    }
    return Resource({**content, **more})


def structure_map(**more: Any) -> Resource:
    return Resource(
        {"resourceType": "StructureMap", "id": "Map", "title": "Something to Observation", **more}
    )


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


RESOURCES = [
    guide_resource(),
    Resource({"resourceType": "ValueSet", "id": "b", "url": f"{BASE}/ValueSet/b", "version": "1"}),
    Resource({"resourceType": "Patient", "id": "p"}, example=True),
]


class TestPack:
    def test_definitions_and_examples_lie_where_the_specification_says(self) -> None:
        assert sorted(members(package.pack(RESOURCES))) == [
            "package/.index.json",
            "package/ImplementationGuide-ig.json",
            "package/ValueSet-b.json",
            "package/example/.index.json",
            "package/example/Patient-p.json",
            "package/package.json",
        ]

    def test_the_manifest_comes_first(self) -> None:
        assert next(iter(members(package.pack(RESOURCES)))) == "package/package.json"

    def test_the_order_of_the_resources_does_not_matter(self) -> None:
        assert package.pack(RESOURCES) == package.pack(RESOURCES[::-1])

    def test_nothing_tells_when_where_and_by_whom_it_was_made(self) -> None:
        archive = package.pack(RESOURCES)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            facts = {
                (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode) for entry in tar
            }
        assert facts == {(315532800, 0, 0, "", "", 0o644)}
        assert archive[3:8] == bytes(5), "gzip header: no name, no time"

    def test_numbers_keep_their_text(self) -> None:
        from sr2fhir.jsontext import loads_strict

        content = loads_strict(b'{"resourceType":"Observation","id":"o","value":31112.20}')
        packed = members(package.pack([*RESOURCES, Resource(content, example=True)]))
        assert b"31112.20" in packed["package/example/Observation-o.json"]


class TestManifest:
    def test_says_what_the_guide_says(self) -> None:
        manifest = package.manifest(guide_resource().content)
        assert manifest["name"] == "ig.package"
        assert manifest["version"] == "1.2.3"
        assert manifest["canonical"] == BASE
        assert manifest["fhirVersions"] == ["5.0.0"]
        assert manifest["jurisdiction"] == "http://m49#001"

    def test_depends_on_fhir_and_on_what_the_guide_depends_on(self) -> None:
        assert package.manifest(guide_resource().content)["dependencies"] == {"hl7.fhir.r5.core": "5.0.0"}
        further = guide_resource(dependsOn=[{"packageId": "other", "version": "2"}])
        assert package.manifest(further.content)["dependencies"] == {
            "hl7.fhir.r5.core": "5.0.0",
            "other": "2",
        }

    def test_names_no_date(self) -> None:
        assert "date" not in package.manifest(guide_resource().content)


class TestGuide:
    @pytest.mark.parametrize("source", ["a & b < c > d", 'uses "x" // don\'t\n\n  y -> z;\n', "é ↦ 'ü'"])
    def test_the_narrative_of_a_map_is_its_text_to_the_letter(self, source: str) -> None:
        text = ig.completed_map(structure_map(), guide_resource(), source).content["text"]
        pre = ElementTree.fromstring(text["div"]).find("{http://www.w3.org/1999/xhtml}pre")
        assert pre is not None
        assert pre.text == "\n" + source
        assert text["status"] == "additional"

    def test_lists_the_maps_and_drops_what_steers_the_publisher(self) -> None:
        completed = ig.completed_guide(guide_resource(), [structure_map()])
        assert completed.content["definition"] == {
            "resource": [
                {
                    "reference": {"reference": "StructureMap/Map"},
                    "name": "Something to Observation",
                    "isExample": False,
                }
            ]
        }

    def test_maps_get_what_all_definitions_have(self) -> None:
        completed = ig.completed_map(structure_map(), guide_resource(), "").content
        assert completed["version"] == "1.2.3"
        assert completed["publisher"] == "Somebody"
        assert completed["experimental"] is False
        assert completed["title"] == "Something to Observation"


class TestSnapshot:
    def test_samples_and_the_note_of_the_engine_go(self) -> None:
        note = {
            "url": "http://hl7.org/fhir/tools/StructureDefinition/snapshot-base-version",
            "valueString": "5",
        }
        other = {"url": "http://other", "valueString": "stays"}
        element = {"id": "X.y", "example": [{"label": "a", "valueUri": "http://www.acme.com"}], "min": 1}
        cleaned = clean({"extension": [note, other], "element": [element]})
        assert cleaned == {"extension": [other], "element": [{"id": "X.y", "min": 1}]}
        assert clean({"extension": [note], "element": []}) == {"element": []}


ENTRIES = [
    {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "1"}},
    {
        "fullUrl": "urn:uuid:2",
        "resource": {
            "resourceType": "Observation",
            "id": "2",
            "meta": {"profile": [f"{BASE}/StructureDefinition/imaging-measurement", "http://second"]},
            "subject": {"reference": "urn:uuid:1"},
            "derivedFrom": [{"reference": "urn:uuid:3"}, {"identifier": {"value": "urn:uuid:1x"}}],
        },
    },
]


class TestExamples:
    def test_references_within_the_bundle_go_by_type_and_id(self) -> None:
        patient, observation = examples.standalone(ENTRIES)
        assert patient.example
        assert observation.content["subject"] == {"reference": "Patient/1"}

    def test_other_texts_stay(self) -> None:
        _, observation = examples.standalone(ENTRIES)
        assert observation.content["derivedFrom"] == ENTRIES[1]["resource"]["derivedFrom"]  # type: ignore[index]

    def test_names_count_within_a_profile(self) -> None:
        made = list(examples.standalone([*ENTRIES, {**ENTRIES[0], "fullUrl": "urn:uuid:9"}]))
        made[2].content["id"] = "9"
        assert examples.titles(made) == {
            "Patient/1": "Patient, example 1",
            "Observation/2": "imaging-measurement, example 1",
            "Patient/9": "Patient, example 2",
        }

    def test_sushi_is_told_names_and_profiles(self) -> None:
        listing = ig_folder.listing(list(examples.standalone(ENTRIES)))
        assert '  Patient/1:\n    name: "Patient, example 1"\n    exampleBoolean: true\n' in listing
        assert f"    exampleCanonical: {BASE}/StructureDefinition/imaging-measurement\n" in listing
        assert ig_folder.listing([]) == ""


class TestPages:
    def test_a_table_takes_the_place_of_its_mark(self) -> None:
        filled = ig_folder.filled("before\n\n<!-- table of maps -->\n\nafter\n", {"maps": "| x |\n"})
        assert filled == "before\n\n| x |\n\nafter\n"

    def test_a_mark_without_table_is_an_error(self) -> None:
        with pytest.raises(KeyError):
            ig_folder.filled("<!-- table of nothing -->\n", {})

    def test_maps_are_listed_with_what_their_heads_say(self) -> None:
        said = f"Profile: {BASE}/StructureDefinition/volume-surface. Source: a | b,\r\nTID 1411."
        table = ig_folder.maps_table([structure_map(structure=[{"documentation": said}])])
        assert table.splitlines()[2] == (
            "| [Something to Observation](StructureMap-Map.html) "
            "| Profile: [volume-surface](StructureDefinition-volume-surface.html). Source: a &#124; b, TID 1411. |"
        )


def test_the_json_of_a_resource_ends_with_a_line(tmp_path: Any) -> None:
    content = Resource({"resourceType": "Patient", "id": "p"}).to_json()
    assert content.endswith(b"}\n")
    assert json.loads(content) == {"resourceType": "Patient", "id": "p"}
