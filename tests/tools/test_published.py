"""The published guide: the package holds all that an engine needs, and every resource of it is valid."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sr2fhir.engines import ValidationMessage
from sr2fhir.jsontext import dumps, loads_strict
from sr2fhir.paths import layout
from sr2fhir.settings import CANONICAL, R4
from sr2fhir.validation import excuses
from tools.guide import identity
from tools.guide.ig import Published, publish
from tools.guide.resources import map_sources

from tests.engines.conftest import ENTRY_MAP
from tests.hl7 import FHIR_VERSION, core_context, deep, hl7_engine, java
from tests.tools.example_report import PLACE, REPORTS, to_json

ABSTRACT = {"imaging-observation", "observation-imaging-selection"}
# Set on definitions of FHIR itself by HL7's own tools; nobody else can resolve it.
TOOLS_ONLY = "http://hl7.org/fhir/tools/StructureDefinition/"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Publish once."""
    return publish(layout(), tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def files(published: Published) -> dict[str, bytes]:
    """Return the files of the package by name."""
    with tarfile.open(published.package) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def resources(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return all resources of the package."""
    return [
        loads_strict(content)
        for name, content in files.items()
        if not name.endswith((".index.json", "package/package.json"))
    ]


def of_type(resources: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {resource["id"]: resource for resource in resources if resource["resourceType"] == kind}


def json_format() -> Any:
    return java("org.hl7.fhir.r5.elementmodel.Manager$FhirFormat").JSON


@pytest.fixture(scope="module")
def alone(published: Published) -> Any:
    """Return an HL7 engine that knows the package and FHIR R5, and nothing else."""
    return deep(lambda: hl7_engine(published.package))


# ---- the package ------------------------------------------------------------------------------------------------


def test_it_holds_all_definitions_maps_and_the_guide(resources: list[dict[str, Any]]) -> None:
    compiled = {path.stem for path in layout().definitions.glob("*.json")}
    packed = {f"{one['resourceType']}-{one['id']}" for one in resources}
    assert compiled <= packed
    # maps to other versions make what it has no definitions for: they are a package of their own
    steps = {path.stem for path in (layout().maps / "r4").rglob("*.map")}
    assert steps
    assert set(of_type(resources, "StructureMap")) == map_sources(layout()).keys() - steps
    assert set(of_type(resources, "ImplementationGuide")) == {"hl7.fhir.uv.dicom-sr"}


@pytest.mark.parametrize("folder", ["package", "package/example"])
def test_the_index_is_the_one_that_hl7_would_build(files: dict[str, bytes], folder: str) -> None:
    builder = java("org.hl7.fhir.utilities.npm.NpmPackageIndexBuilder")()
    builder.start(None)
    for name, content in files.items():
        path = Path(name)
        if str(path.parent) == folder and not path.name.startswith((".", "package.json")):
            builder.seeFile(path.name, content)

    def entries(index: Any) -> list[dict[str, str]]:
        # HL7's builder writes the bracket of an element that is no text (Device.version) in place of its value
        found = [
            {name: value for name, value in entry.items() if value not in ("[", "{")}
            for entry in json.loads(index)["files"]
        ]
        return sorted(found, key=lambda entry: entry["filename"])

    assert entries(files[f"{folder}/.index.json"]) == entries(str(builder.build()))


def test_hl7_reads_the_manifest(published: Published) -> None:
    stream = java("java.io.FileInputStream")(str(published.package))
    package = java("org.hl7.fhir.utilities.npm.NpmPackage").fromPackage(stream)
    assert str(package.name()) == "hl7.fhir.uv.dicom-sr"
    assert str(package.version()).startswith("1.0.0-sr2fhir.")
    assert str(package.fhirVersion()) == FHIR_VERSION
    assert str(package.canonical()) == CANONICAL
    assert [str(one) for one in package.dependencies()] == ["hl7.fhir.r5.core#5.0.0"]


def test_snapshots_are_complete_and_clean(resources: list[dict[str, Any]]) -> None:
    definitions = of_type(resources, "StructureDefinition")
    assert len(definitions) == 36
    for definition in definitions.values():
        elements = definition["snapshot"]["element"]
        assert len(elements) > len(definition["differential"]["element"]) or definition["kind"] == "logical"
        assert TOOLS_ONLY not in json.dumps(definition["snapshot"])
        assert not [element for element in elements if "example" in element]
        required = {element["id"] for element in definition["differential"]["element"]}
        assert required <= {element["id"] for element in elements}


def test_a_required_type_is_the_only_one_of_a_choice(resources: list[dict[str, Any]]) -> None:
    measurement = of_type(resources, "StructureDefinition")["imaging-measurement"]
    elements = {element["id"]: element for element in measurement["snapshot"]["element"]}
    assert [kind["code"] for kind in elements["Observation.value[x]:valueQuantity"]["type"]] == ["Quantity"]


def test_maps_carry_their_source(resources: list[dict[str, Any]]) -> None:
    """The text in the narrative is the author's, and it is what the StructureMap was compiled from."""
    utilities = java("org.hl7.fhir.r5.utils.structuremap.StructureMapUtilities")
    parser = java("org.hl7.fhir.r5.formats.JsonParser")()
    context = core_context()
    for name, packed in of_type(resources, "StructureMap").items():
        pre = ElementTree.fromstring(packed["text"]["div"])[0]
        source = (pre.text or "").removeprefix("\n")
        assert source == map_sources(layout())[name].read_text(encoding="utf-8")
        compiled = loads_strict(str(parser.composeString(utilities(context).parse(source, name))))
        assert compiled["group"] == packed["group"]
        assert compiled["structure"] == packed["structure"]


def test_it_comes_out_the_same_again(published: Published, tmp_path: Path) -> None:
    again = publish(layout(), tmp_path)
    assert again.package.read_bytes() == published.package.read_bytes()


@pytest.mark.slow
def test_the_editors_of_the_guide_can_put_hl7s_name_on_it(tmp_path: Path) -> None:
    """The same definitions and maps, of HL7's version and publisher; the code systems keep DICOM's versions."""
    named = publish(layout(), tmp_path, identity.read(layout().fsh / "guide" / "hl7.toml"))
    with tarfile.open(named.package) as tar:
        members = {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]
    content = {
        name: json.loads(member)
        for name, member in members.items()
        if not name.startswith("package/example") and not name.endswith(".index.json")
    }
    manifest = content.pop("package/package.json")
    hl7 = "HL7 International / Imaging Integration"
    assert (manifest["version"], manifest["author"]) == ("1.0.0", hl7)
    assert {(each["publisher"], each["experimental"]) for each in content.values()} == {(hl7, False)}
    of_dicom = {name for name, each in content.items() if "dicom.nema.org" in each["url"]}
    assert len(of_dicom) == 2
    assert {content[name]["version"] for name in content.keys() - of_dicom} == {"1.0.0"}


def test_searches_that_r5_lacks_are_in_the_package(resources: list[dict[str, Any]]) -> None:
    found = of_type(resources, "SearchParameter")
    assert {(each["base"][0], each["code"], each["type"], each["expression"]) for each in found.values()} == {
        ("Observation", "body-site", "token", "Observation.bodySite"),
        ("Observation", "body-structure", "reference", "Observation.bodyStructure"),
        ("ImagingSelection", "instance-uid", "token", "ImagingSelection.instance.uid"),
        ("ImagingSelection", "series-uid", "token", "ImagingSelection.seriesUid"),
    }


# ---- proof: the package is enough -------------------------------------------------------------------------------


def test_an_engine_with_nothing_else_makes_the_same_bundles(
    alone: Any, engine: Any, samples: list[Path]
) -> None:
    from sr2fhir import render

    form = json_format()
    assert samples
    for sample in samples:
        document = render(sample).to_json()
        made = bytes(deep(lambda: alone.transform(document, form, ENTRY_MAP, form)))  # noqa: B023
        assert loads_strict(made) == loads_strict(engine.transform(document, ENTRY_MAP)), sample.name


@pytest.fixture(scope="module")
def messages(published: Published, resources: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Validate all resources in one Bundle, so that each reference among them resolves.

    Answers severity, path (from the name of the resource down) and text of each message.
    """
    entries = [
        {"fullUrl": f"{CANONICAL}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
    ]
    bundle = dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    return list(deep(lambda: list(validated(published.package, bundle, resources))))


def validated(
    archive: Path, bundle: bytes, resources: list[dict[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """Validate with an engine that has the package and HL7's terminology and extensions."""
    engine = hl7_engine(archive, "hl7.terminology#5.1.0", "hl7.fhir.uv.extensions.r5#1.0.0")
    engine.prepare()
    found = java("java.util.ArrayList")()
    engine.validate(bundle, json_format(), java("java.util.ArrayList")(), found)
    for message in found:
        location = re.sub(r"/\*.*?\*/", "", str(message.getLocation()))
        match = re.match(r"Bundle\.entry\[(\d+)\]\.resource(.*)", location)
        one = resources[int(match[1])] if match else {}
        path = f"{one['resourceType']}/{one['id']}{match[2]}" if match else location
        yield str(message.getLevel().toCode()), path, str(message.getMessage())


def test_every_resource_is_valid(
    messages: list[tuple[str, str, str]], resources: list[dict[str, Any]]
) -> None:
    """But for the one message that decision D4 excuses, on the example of a derived measurement."""
    errors = [
        entry
        for entry in messages
        if entry[0] in ("error", "fatal") and not is_of_expansion(*entry) and not is_of_typing(*entry)
    ]
    assert [entry for entry in errors if not is_excused(*entry)] == []
    profile = f"{CANONICAL}/StructureDefinition/derived-imaging-measurement"
    (derived,) = [one["id"] for one in resources if profile in one.get("meta", {}).get("profile", ())]
    places = [f"Observation/{derived}.derivedFrom[{index}]" for index in range(2)]
    assert [path for _, path, _ in errors] == places, "one for each group that the measurement refers to"


def is_of_expansion(severity: str, path: str, text: str) -> bool:
    """Tell whether it is that the engine fails to expand the types of resources, without a terminology server."""
    place = re.fullmatch(r"SearchParameter/[\w-]+\.(base|target)\[0\]", path)
    return (
        bool(place)
        and "ValueSet/version-independent-all-resource-types" in text
        and '"system" is null' in text
    )


def is_of_typing(severity: str, path: str, text: str) -> bool:
    """Tell whether it is that the validator gives a variable no type that comes from another group.

    The engines execute these rules; what they make is tested by rows.
    """
    places = r"StructureMap/(KeyObjectSelection|ManifestStudy)\.group\[\d+\]\.rule\[\d+\]\.target\[\d+\]"
    untyped = (
        "Invalid FHIRPath Constant %listed",
        "Invalid FHIRPath Constant %number",
        "StructureDefinition/null]",
    )
    return re.fullmatch(places, path) is not None and any(each in text for each in untyped)


def is_excused(severity: str, path: str, text: str) -> bool:
    """Tell whether a message is an expected one, by its text and its place."""
    message = ValidationMessage(severity, "", path, text, "")
    return any(excuse.covers(message) for excuse in excuses())


def test_an_excuse_is_for_one_place(messages: list[tuple[str, str, str]]) -> None:
    text = next(text for severity, path, text in messages if severity == "error" and "derivedFrom" in path)
    assert is_excused("error", "Observation/any.derivedFrom[1]", text)
    assert not is_excused("error", "Observation/any.hasMember[1]", text)
    assert not is_excused("error", "Observation/any.derivedFrom[1]", f"{text} and more")


def test_the_validator_has_looked_at_them(messages: list[tuple[str, str, str]]) -> None:
    """What no correct guide can avoid it does report, so its silence elsewhere means something."""
    unknown = {path for severity, path, text in messages if "11.2.840.10008.5.1.4.1.1.481.3" in text}
    assert {path.partition("/")[0] for path in unknown} == {"StructureDefinition", "ImagingSelection"}
    definitions = {path for path in unknown if path.startswith("StructureDefinition")}
    assert all(path.startswith("StructureDefinition/region-in-space.") for path in definitions)


# ---- the package of maps to R4 ----------------------------------------------------------------------------------


def beside_r4(published: Published, folder: Path) -> Any:
    """Return an HL7 engine with both packages, and the definitions of R4 under URLs that name the version."""
    (definitions,) = [layout().step_definitions(R4.folder or "")]
    for entry in loads_strict(definitions.read_bytes())["entry"]:
        resource = entry["resource"]
        (folder / f"{resource['resourceType']}-r4-{resource['id']}.json").write_bytes(dumps(resource))
    engine = hl7_engine(published.package)
    for source in (folder, published.maps_r4):
        engine.getIgLoader().loadIg(engine.getIgs(), engine.getBinaries(), str(source), True)
    return engine


@pytest.fixture(scope="module")
def with_r4(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make that engine once."""
    return deep(lambda: beside_r4(published, tmp_path_factory.mktemp("r4")))


@pytest.fixture(scope="module")
def step_maps(published: Published) -> dict[str, Any]:
    """Return the maps of the package by their ids."""
    with tarfile.open(published.maps_r4) as tar:
        read = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    maps = [loads_strict(content) for name, content in read.items() if "StructureMap" in name]
    return {each["id"]: each for each in maps}


def test_the_maps_to_r4_are_a_package_that_builds_on_the_guide(
    published: Published, step_maps: dict[str, Any]
) -> None:
    stream = java("java.io.FileInputStream")(str(published.maps_r4))
    package = java("org.hl7.fhir.utilities.npm.NpmPackage").fromPackage(stream)
    version = str(package.version())
    assert str(package.name()) == "hl7.fhir.uv.dicom-sr.maps-r4"
    assert str(package.fhirVersion()) == FHIR_VERSION
    assert {str(one) for one in package.dependencies()} == {
        "hl7.fhir.r5.core#5.0.0",
        "hl7.fhir.r4.core#4.0.1",
        f"hl7.fhir.uv.dicom-sr#{version}",
    }
    assert step_maps.keys() == {path.stem for path in (layout().maps / "r4").rglob("*.map")}
    for name, packed in step_maps.items():
        pre = ElementTree.fromstring(packed["text"]["div"])[0]
        assert (pre.text or "").removeprefix("\n") == map_sources(layout())[name].read_text(encoding="utf-8")


def test_an_engine_with_both_packages_makes_the_same_bundles_of_r4(
    with_r4: Any, engine: Any, samples: list[Path]
) -> None:
    from sr2fhir import render

    form = json_format()
    (step,) = R4.step_maps
    for sample in samples:
        r5 = engine.transform(render(sample).to_json(), ENTRY_MAP)
        made = bytes(deep(lambda: with_r4.transform(r5, form, step, form)))  # noqa: B023
        assert loads_strict(made) == loads_strict(engine.transform(r5, step)), sample.name


# what the validator says of a map of two versions of FHIR, each of which has a type of the same name
OF_TWO_VERSIONS = (
    (
        r"The parameter '\w+' refers to the variable '[^']+' but its type is 'Reference' which is not compatible"
        r" with the type required for the group 'R4SelectionReference', which is 'Reference'"
    ),
    r"The type 'List' has mode 'target' which doesn't match the structure definition mode of 'source'",
)
# what it says where a parameter has no type, which it cannot have where several types share a group
OF_NO_TYPE = (
    r"The target parameter '\w+' was not found. Known variables:.* : null \(target\)",
    r"The target context '\w+' is not known at this point",
    r"The source path [\w.]+ refers to the path Bundle\.entry\.resource\.\w+ which is unknown",
    r"The FHIRPath expression passed as the evaluate parameter is invalid: .*Invalid FHIRPath Constant %identifier",
    r"The FHIRPath expression passed as the evaluate parameter is invalid: .*toString can only be used on primitives",
)


def test_the_validator_finds_nothing_wrong_in_the_maps_to_r4_but_what_it_cannot_follow(
    with_r4: Any, step_maps: dict[str, Any]
) -> None:
    def errors() -> list[tuple[str, str]]:
        with_r4.prepare()
        found = []
        for name, content in step_maps.items():
            messages = java("java.util.ArrayList")()
            with_r4.validate(dumps(content), json_format(), java("java.util.ArrayList")(), messages)
            found += [
                (f"{name} {each.getLocation()}", str(each.getMessage()))
                for each in messages
                if str(each.getLevel().toCode()) in ("error", "fatal")
            ]
        return found

    said = deep(errors)
    known = [re.compile(pattern) for pattern in (*OF_TWO_VERSIONS, *OF_NO_TYPE)]
    assert [each for each in said if not any(pattern.match(each[1]) for pattern in known)] == []
    assert [pattern.pattern for pattern in known if not any(pattern.match(text) for _, text in said)] == []


# ---- examples ---------------------------------------------------------------------------------------------------


def test_the_reports_are_what_their_builders_build() -> None:
    built = {name: to_json(build()) for name, build in REPORTS.items()}
    written = {path.name: path.read_bytes() for path in PLACE.iterdir()}
    assert written == built, "run `python -m tests.tools.example_report`"


def test_every_concrete_profile_has_an_example(resources: list[dict[str, Any]]) -> None:
    profiles = {
        name: one["url"]
        for name, one in of_type(resources, "StructureDefinition").items()
        if one["kind"] == "resource"
    }
    claimed = {url for one in resources for url in one.get("meta", {}).get("profile", ())}
    assert {name for name, url in profiles.items() if url not in claimed} == ABSTRACT
    definitions = of_type(resources, "StructureDefinition").values()
    assert {one["id"] for one in definitions if one["abstract"] and one["kind"] == "resource"} == ABSTRACT
    assert claimed <= set(profiles.values())


def test_no_reference_leads_nowhere(resources: list[dict[str, Any]]) -> None:
    places = {f"{one['resourceType']}/{one['id']}" for one in resources}

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("reference"), str):
                yield node["reference"]
            node = list(node.values())
        for entry in node if isinstance(node, list) else ():
            yield from references(entry)

    found = [reference for one in resources for reference in references(one)]
    assert len(found) > 100
    assert set(found) <= places


# ---- the folder for the IG Publisher ----------------------------------------------------------------------------


def test_the_folder_holds_the_sources(published: Published) -> None:
    places, given = layout(), published.folder / "input"
    for below, pattern, of in (
        (places.maps, "*.map", given / "maps"),
        (places.fsh / "profiles", "*.fsh", given / "fsh" / "profiles"),
        (places.fsh / "model", "*.fsh", given / "fsh" / "model"),
        (places.fsh / "terminology" / "generated", "*.json", given / "vocabulary"),
    ):
        suffix = ".fml" if pattern == "*.map" else pattern[1:]
        copied = {path.stem: path.read_bytes() for path in of.glob(f"*{suffix}")}
        steps = set((places.maps / "r4").rglob("*.map"))
        assert copied == {path.stem: path.read_bytes() for path in {*below.rglob(pattern)} - steps}
        assert copied


def test_the_parser_of_the_publisher_reads_the_maps(published: Published, alone: Any) -> None:
    """The IG Publisher reads FML with this class of HL7's library, and takes the id from what it reads."""
    context = alone.getContext()
    parser = java("org.hl7.fhir.r5.elementmodel.FmlParser")(
        context, java("org.hl7.fhir.r5.fhirpath.FHIRPathEngine")(context)
    )
    maps = sorted((published.folder / "input" / "maps").glob("*.fml"))
    assert maps
    for path in maps:
        (read,) = parser.parse(java("java.io.FileInputStream")(str(path)))
        assert str(read.getElement().fhirType()) == "StructureMap"
        assert str(read.getElement().getNamedChildValue("id")) == path.stem


def test_ig_ini_names_the_guide_that_sushi_makes(published: Published) -> None:
    named = re.search(r"^ig = (.*)$", (published.folder / "ig.ini").read_text(), re.MULTILINE)
    assert named
    assert json.loads((published.folder / named[1]).read_bytes())["packageId"] == "hl7.fhir.uv.dicom-sr"


def test_ig_ini_names_a_release_of_the_template(published: Published) -> None:
    """The build of today and that of next year take the same one."""
    text = (published.folder / "ig.ini").read_text(encoding="utf-8")
    assert re.search(r"^template = hl7\.fhir\.template#\d+\.\d+\.\d+$", text, re.MULTILINE)


def test_sushi_lists_pages_definitions_and_examples(
    published: Published, resources: list[dict[str, Any]]
) -> None:
    guide = of_type(resources, "ImplementationGuide")["hl7.fhir.uv.dicom-sr"]["definition"]
    pages = [page["sourceUrl"] for page in guide["page"]["page"]]
    given = {
        path.stem
        for path in (published.folder / "input" / "pagecontent").glob("*.md")
        if "-notes" not in path.stem
    }
    assert pages == [
        "index.html",
        "background.html",
        "architecture.html",
        "mapping.html",
        "concepts.html",
        "example.html",
    ]
    assert {page.removesuffix(".html") for page in pages} == given
    listed = {entry["reference"]["reference"]: entry for entry in guide["resource"]}
    others = {
        f"{one['resourceType']}/{one['id']}": one
        for one in resources
        if one["resourceType"] != "ImplementationGuide"
    }
    assert set(listed) == set(others)
    for reference, entry in listed.items():
        profiles = others[reference].get("meta", {}).get("profile")
        assert entry["isExample"] == ("url" not in others[reference])
        assert entry.get("profile", [None])[0] == (profiles[0] if profiles else None)


def test_the_links_of_the_pages_lead_somewhere(published: Published, resources: list[dict[str, Any]]) -> None:
    made = {f"{one['resourceType']}-{one['id']}.html" for one in resources}
    pages = list((published.folder / "input" / "pagecontent").glob("*.md"))
    made |= {f"{page.stem}.html" for page in pages} | {"artifacts.html"}
    links = [link for page in pages for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))]
    assert len(links) > 60
    assert {link.partition("#")[0] for link in links} <= made


def test_the_rules_that_the_pages_show_stand_in_the_maps(published: Published) -> None:
    page = (published.folder / "input" / "pagecontent" / "mapping.md").read_text("utf-8")
    shown = [line for line in page.split("```")[1].splitlines() if line.strip()]
    maps = " ".join(" ".join(path.read_text("utf-8").split()) for path in map_sources(layout()).values())
    assert len(shown) == 2
    for rule in shown:
        assert rule in maps
