"""The mapping documentation is up to date, complete, true to the maps and to R5, and readable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from sr2fhir.paths import layout
from tools.publishing import mapping_pages
from tools.publishing.fml import Expression, parse
from tools.publishing.mapping_pages import __main__ as command
from tools.publishing.mapping_pages.index import Index
from tools.publishing.mapping_pages.model import DATA_TYPES
from tools.publishing.mapping_pages.pages import Guide, Page, Writer
from tools.publishing.mapping_pages.trace import Origin, Step
from tools.publishing.mapping_pages.wording import UnknownWordsError

from tests.maps.lint import Library

ROOT = layout().sources
DOCS = ROOT / "docs" / "mapping"


@pytest.fixture(scope="session")
def written(guide: Guide, pages: tuple[Page, ...]) -> dict[str, str]:
    writer = Writer(guide)
    return {
        "README.md": Index(guide, pages).write(),
        **{f"{page.id}.md": writer.write(page) for page in pages},
    }


# ---- up to date ----------------------------------------------------------------------------------


def test_the_pages_are_up_to_date(written: dict[str, str]) -> None:
    stale = mapping_pages.differences(written, DOCS)
    assert not stale, f"run python -m tools.publishing.mapping_pages: {', '.join(stale)}"


def test_the_pages_are_the_same_each_time(written: dict[str, str]) -> None:
    assert mapping_pages.generate(layout().maps, layout().fsh) == written


def test_the_command_tells_what_is_not_up_to_date(
    written: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "generate", lambda maps, definitions: dict(written))
    folder = tmp_path / "mapping"
    assert command.main(["--folder", str(folder)]) == 0
    assert command.main(["--folder", str(folder), "--check"]) == 0
    (folder / "patient.md").write_text("something else", encoding="utf-8")
    (folder / "specimen.md").unlink()
    (folder / "superfluous.md").write_text("", encoding="utf-8")
    assert command.main(["--folder", str(folder), "--check"]) == 1
    told = capsys.readouterr().err
    assert [line.split()[0] for line in told.splitlines()] == ["patient.md", "specimen.md", "superfluous.md"]
    assert command.main(["--folder", str(folder)]) == 0
    assert not (folder / "superfluous.md").exists()
    assert command.main(["--folder", str(folder), "--check"]) == 0


# ---- complete ------------------------------------------------------------------------------------


def test_every_profile_and_every_resource_has_a_page(guide: Guide, pages: tuple[Page, ...]) -> None:
    profiles = {each.id for each in guide.definitions if each.kind == "Profile"}
    assert profiles <= {page.id for page in pages}
    told = {maker.group.name for page in pages for maker in page.makers}
    assert {maker.group.name for maker in guide.tracer.makers()} <= told


def test_every_rule_that_writes_into_a_resource_is_on_a_page(guide: Guide, pages: tuple[Page, ...]) -> None:
    """Left out are the ids of lineage, and rules that only lead to other rules or resources."""
    bundle = guide.flow.groups["MeasurementReport"].rules  # the index tells of the Bundle
    told = {id(rule) for rule in bundle} | {
        id(rule) for page in pages for row in (*page.rows, *page.entry, *page.uses) for rule in row.rules
    }
    missing = [
        f"{rule.file}:{rule.line}"
        for group in guide.flow.groups.values()
        for rule in group.walk()
        if any(target.context and target.path[-1] not in ("id", "entry") for target in rule.targets)
        and id(rule) not in told
        and not _collapsed(rule)
    ]
    assert not missing


def _collapsed(rule: Any) -> bool:
    """Say whether a rule copies a part under its own name, which a page tells as one copy of the whole."""
    return bool(rule.source.path) and [target.path for target in rule.targets] == [rule.source.path[-1:]]


def test_every_word_is_used(guide: Guide, written: dict[str, str]) -> None:
    """An entry of words.toml that nothing uses is one of a map that has changed."""
    assert written
    tables = ("elements", "stated", "flags", "codes", "conditions", "values", "phrases")
    entries = {(table, entry) for table in tables for entry in guide.tables[table]}
    assert sorted(entries - guide.wording.used) == []


# ---- true to the maps and to R5 -------------------------------------------------------------------


def test_every_link_leads_somewhere(written: dict[str, str], library: Library) -> None:
    for name, text in written.items():
        headings = {_anchor(line) for line in text.split("\n") if line.startswith("#")}
        for target in re.findall(r"\]\(([^)\s]+)", text):
            path, _, fragment = target.partition("#")
            if not path:
                assert fragment in headings, (name, target)
            elif path.startswith("../../"):
                assert (ROOT / path.removeprefix("../../")).exists(), (name, target)
            else:
                assert path in written, (name, target)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.lstrip("# ").lower().replace(" ", "-"))


def test_links_to_rules_lead_to_the_rule_they_name(written: dict[str, str], guide: Guide) -> None:
    places = {
        (rule.file, rule.line, group.name, rule.name)
        for group in guide.flow.groups.values()
        for rule in group.walk()
    }
    pattern = r"\[([\w.]+):(\d+)\]\(\.\./\.\./maps/([\w.]+)#L(\d+) \"(\w+): ([^\"]+)\"\)"
    found = [link for text in written.values() for link in re.findall(pattern, text)]
    assert len(found) > 1000
    for file, line, linked_file, linked_line, group, rule in found:
        assert (file, line) == (linked_file, linked_line)
        assert (file, int(line), group, rule) in places


def test_every_element_exists_in_r5(pages: tuple[Page, ...], core_dir: Path) -> None:
    unknown = [
        f"{page.resource}.{row.element}"
        for page in pages
        for row in page.rows
        if not _exists(core_dir, page.resource, re.sub(r"\[[\w-]+\]", "", row.element).split("."))
    ]
    assert not unknown


def test_the_order_of_elements_is_that_of_r5(guide: Guide, core_dir: Path) -> None:
    for resource, order in guide.tables["order"].items():
        names = [
            path.split(".")[1].removesuffix("[x]")
            for path in _elements(core_dir, resource)
            if path.count(".") == 1
        ]
        assert order.split() == [name for name in names if name in order.split()]


def test_the_data_types_of_the_model_are_those_of_r5(core_dir: Path) -> None:
    for kind, parts in DATA_TYPES.items():
        for name, part in parts.items():
            assert part in _elements(core_dir, kind)[f"{kind}.{name}"], (kind, name)


def _exists(core: Path, kind: str, names: list[str]) -> bool:
    """Say whether a path leads to an element, through data types and choices."""
    path = kind
    for name in names:
        found = _child(core, path, name)
        if found is None:
            return False
        path = found
    return True


def _child(core: Path, path: str, name: str) -> str | None:
    """Answer the path of an element's part, or the type where its parts stand with that."""
    elements = _elements(core, path.split(".")[0])
    types = elements.get(path, [])
    if "." in path and types and types[0] not in ("BackboneElement", "Element"):
        return _child(core, types[0], name)
    if f"{path}.{name}" in elements:
        return f"{path}.{name}"
    for choice in [each for each in elements if each.startswith(f"{path}.") and each.endswith("[x]")]:
        base = choice.removesuffix("[x]").split(".")[-1]
        for kind in elements[choice]:
            if choice.count(".") == path.count(".") + 1 and name == base + kind[0].upper() + kind[1:]:
                return kind
    return None


@lru_cache
def _elements(core: Path, kind: str) -> dict[str, list[str]]:
    """Answer the elements of a type by path, each with its types."""
    content = json.loads((core / f"StructureDefinition-{kind}.json").read_text(encoding="utf-8"))
    return {
        each["path"]: [kind["code"] for kind in each.get("type", [])]
        for each in content["snapshot"]["element"]
    }


# ---- readable ------------------------------------------------------------------------------------


def test_no_fhirpath_is_left(written: dict[str, str]) -> None:
    marks = re.compile(
        r"\$this|%\w|\.where\(|\.exists\(|\.empty\(|\.first\(|#\d{5}|\bkey\b|\btargetItem\b|\breferenceSet\b"
    )
    for name, text in written.items():
        for line in _cells(text):
            assert not marks.search(re.sub(r"\([^()]*\)|\[[^\]]*\]", "", line)), (name, line)


def _cells(text: str) -> Iterator[str]:
    """Answer the lines of all tables, without the links and names of rules."""
    for line in text.split("\n"):
        if line.startswith("| "):
            yield re.sub(r"\[[\w.]+:\d+\]\([^)]*\)( `\w+`: [\w.]+)?", "", line)


# Where the mapping specification (section 3) sends a concept.
WANTED = {
    "(111001, DCM, Algorithm Name)": ["Device.displayName"],
    "(111003, DCM, Algorithm Version)": ["Device.version.value"],
    "(112039, DCM, Tracking Identifier)": ["BodyStructure.identifier", "Observation.component"],
    "(121008, DCM, Person Observer Name)": ["Practitioner.name"],
    "(121012, DCM, Device Observer UID)": ["Device.identifier"],
    "(121018, DCM, Procedure Study Instance UID)": ["Observation.partOf"],
    "(121049, DCM, Language of Content Item and Descendants)": ["Observation.language"],
    "(121058, DCM, Procedure reported)": ["ImagingStudy.procedure.concept"],
    "(121071, DCM, Finding)": ["Observation.valueCodeableConcept", "Observation.component"],
    "(121191, DCM, Referenced Segment)": ["ImagingSelection"],
    "(121231, DCM, Volume Surface)": ["ImagingSelection"],
    "(121232, DCM, Source series for segmentation)": ["ImagingSelection.focus", "ImagingSelection.seriesUid"],
    "(121401, DCM, Derivation)": ["Observation.component", "Observation.code.text"],
    "(121402, DCM, Normality)": ["Observation.interpretation"],
    "(121408, DCM, Normal Range Authority)": ["Observation.referenceRange.text"],
    "(125007, DCM, Measurement Group)": ["Observation", "Observation.hasMember", "Observation.derivedFrom"],
    "(126100, DCM, Real World Value Map used for measurement)": ["ImagingSelection"],
    "(128741, DCM, Longitudinal Temporal Event Type)": ["Observation.component"],
    "(130489, DCM, Referenced Region of Interest Identifier)": ["ImagingSelection.instance.subset"],
    "(272741003, SCT, Laterality)": ["BodyStructure.includedStructure.laterality"],
    "(276214006, SCT, Finding category)": ["Observation.code"],
    "(363698007, SCT, Finding Site)": [
        *("BodyStructure.includedStructure.structure", "Observation.bodySite", "Observation.bodyStructure"),
        *("ImagingSelection.bodySite.concept", "ImagingSelection.bodySite.reference"),
    ],
    "(370129005, SCT, Measurement Method)": ["Observation.method"],
    "(371933006, SCT, Normal Range Upper Limit)": ["Observation.referenceRange.high"],
    "(C0034375, UMLS, Qualitative Evaluations)": ["Observation"],
    "(C67447, NCIt, Activity Session)": ["Observation.component"],
}


@pytest.mark.parametrize("concept", WANTED)
def test_a_concept_leads_to_its_elements(concept: str, written: dict[str, str]) -> None:
    found = dict(_entries(written["README.md"]))[concept]
    elements = [re.match(r"`([\w.]+)`", line[1])[1] for line in found]  # type: ignore[index]
    assert set(WANTED[concept]) <= set(elements), elements
    assert all(re.search(r"\[\w+\.map:\d+\]", line[3]) for line in found)


@pytest.mark.parametrize("code", ["121420", "121421", "121422", "121423", "121424"])
def test_a_concept_of_a_long_list_leads_to_the_rule_that_names_the_list(
    code: str, written: dict[str, str]
) -> None:
    """TID 315 stands INFERRED FROM below a measurement (TID 300); the general rule takes what modifies."""
    (lines,) = (lines for concept, lines in _entries(written["README.md"]) if concept.startswith(f"({code},"))
    own, general = lines[0][3].split(", ")
    assert re.fullmatch(r"\[ImagingMeasurement\.map:\d+\].* `MeasurementComponents`: equation", own)
    assert re.fullmatch(r"\[Component\.map:\d+\].* `ChildComponent`: component", general)


def test_concepts_are_sorted(written: dict[str, str]) -> None:
    concepts = [concept for concept, _ in _entries(written["README.md"])]
    assert len(concepts) == len(set(concepts)) > 60
    codes = [re.match(r"\((\w+), (\w+)", concept) for concept in concepts]
    keys = [(["DCM", "SCT", "NCIt", "UMLS"].index(code[2]), len(code[1]), code[1]) for code in codes if code]
    assert len(keys) == len(concepts)
    assert keys == sorted(keys)


def _entries(text: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Answer the concepts of the index, each with its lines cut into cells."""
    table = text.split("## By DICOM concept")[1].split("## By DICOM attribute")[0]
    lines = [line.strip("|").split("|") for line in table.split("\n") if line.startswith("| ")][1:]
    current: list[list[str]] = []
    for line in ([cell.strip() for cell in line] for line in lines):
        if line[0]:
            current = [line]
            yield line[0], current
        else:
            current.append(line)


# ---- words ---------------------------------------------------------------------------------------

SAID = {
    "'DCM#121401' in key": "concept (121401, DCM, Derivation)",
    "('DCM#121401' in key).not()": "concept other than (121401, DCM, Derivation)",
    "key.where($this in ('DCM#121401' | 'DCM#121402')).exists()": "concept (121401, DCM, Derivation) or (121402, DCM, Normality)",
    "relationship = 'CONTAINS' and targetItem.empty()": "relationship CONTAINS; given by value",
    "(relationship = 'CONTAINS' and targetItem.empty()).not()": (
        "relationship other than CONTAINS or given by reference (0040,DB73)"
    ),
    "valueType in ('NUM' | 'CODE' | 'TEXT')": "value type NUM, CODE or TEXT",
    "relationship.where($this = 'CONTAINS').empty()": "relationship other than CONTAINS",
    "text.where('DCM#121408' in key).exists()": "with TEXT (121408, DCM, Normal Range Authority)",
    "observationUid.empty() or concept.exists()": "without Observation UID (0040,A171) or with a concept name",
    "reference.sopClass.code = '1.2.840.10008.5.1.4.1.1.66.4'": (
        "Referenced SOP Class 1.2.840.10008.5.1.4.1.1.66.4 (Segmentation Storage)"
    ),
    "num.count() > 1": "with more than one NUM",
}


def _condition(text: str) -> Expression:
    """Read an expression as the condition of a rule."""
    read = parse(f'group G(source a, target b) {{ a where ({text}) "x"; }}', "Planted.map")
    condition = read.groups[0].rules[0].source.condition
    assert condition is not None
    return condition


@pytest.mark.parametrize("expression", SAID)
def test_conditions_are_said_in_words(expression: str, guide: Guide) -> None:
    item = Origin((Step("item"),), "DicomContentItem")
    assert guide.wording.say(_condition(expression), item, {}) == SAID[expression]


def test_a_condition_without_words_is_refused(guide: Guide) -> None:
    item = Origin((Step("item"),), "DicomContentItem")
    with pytest.raises(UnknownWordsError, match=r"no words for position.lower\(\): add them to words.toml"):
        guide.wording.say(_condition("position.lower() = 'x'"), item, {})


# ---- the pages follow the maps -------------------------------------------------------------------


def test_a_change_of_the_maps_changes_the_pages(tmp_path: Path, written: dict[str, str]) -> None:
    for path in layout().maps.glob("*.map"):
        text = path.read_text(encoding="utf-8")
        text = text.replace("'DCM#121058' in key", "'DCM#121060' in key")
        if path.name == "Patient.map":
            text = text.replace(
                "    entity.name as name -> patient.name = name",
                '    sr.series as x then { x.number as y -> patient.language = y "planted"; } "outer";\n'
                "    entity.name as name -> patient.name = name",
            )
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    changed = mapping_pages.generate(tmp_path, layout().fsh)
    assert {name for name in written if changed[name] != written[name]} >= {
        "README.md",
        "patient.md",
        "imaging-study.md",
    }
    assert changed["observation-imaging-selection.md"] == written["observation-imaging-selection.md"]
    assert "(121060, DCM, History)" in changed["imaging-study.md"]
    assert "(121058, DCM, Procedure reported)" not in dict(_entries(changed["README.md"]))
    line = next(line for line in changed["patient.md"].split("\n") if "`language`" in line)
    assert re.match(r"\| \*\*`language`\*\* \| Series Number \(0020,0011\) \|", line)
    assert re.search(
        r"\[Patient\.map:(\d+)\]\(\.\./\.\./maps/Patient\.map#L\1 \"PatientStub: planted\"\)", line
    )
