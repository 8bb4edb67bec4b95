"""Our profiles say exactly what the published ones say: differential and snapshot, element by element."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
Facts = dict[str, Any]

METADATA = (
    # not version, publisher and experimental: ours must not be taken for HL7's (specification, section 2.1)
    *("url", "name", "title", "status"),
    *("fhirVersion", "kind", "abstract", "type", "baseDefinition", "derivation"),
)
PLAIN_FACTS = ("min", "max", "sliceName")
# what the guide has no profiles for
OF_OTHER_DOCUMENTS = {"key-object-selection", "manifest-study"}
OF_ALL_DOCUMENTS = {"wado-rs-endpoint", "critical-finding-flag", "critical-finding-request"}
CORRECTED = {
    "region-in-space-corrected": "region-in-space",
    "derived-imaging-measurement-corrected": "derived-imaging-measurement",
}
# Sources that the published profiles state and ours do not, with the reason.
MENDED_SOURCES = {
    "imaging-measurement-group Observation.interpretation": "evaluations are members of the group instead",
}


# ---- what an element says ------------------------------------------------------------------------


def _unversioned(canonical: str) -> str:
    """Return a canonical without the business version that some snapshot generators add."""
    return canonical.split("|")[0]


def _types(element: Json) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return each type with its target profiles and profiles, in a stable order."""
    return sorted(
        (
            kind["code"],
            tuple(sorted(map(_unversioned, kind.get("targetProfile", [])))),
            tuple(sorted(map(_unversioned, kind.get("profile", [])))),
        )
        for kind in element["type"]
    )


def _slicing(element: Json) -> tuple[list[tuple[str, str]], str, bool]:
    """Return discriminators, rules and order of a slicing."""
    slicing = element["slicing"]
    discriminators = [(each["type"], each["path"]) for each in slicing.get("discriminator", [])]
    return discriminators, slicing["rules"], slicing.get("ordered", False)


def _binding(element: Json) -> tuple[str, str]:
    """Return strength and value set of a binding."""
    binding = element["binding"]
    return binding["strength"], _unversioned(binding.get("valueSet", ""))


READERS: dict[str, Callable[[Json], Any]] = {
    "type": _types,
    "slicing": _slicing,
    "binding": _binding,
    "contentReference": lambda element: element["contentReference"].rpartition("#")[2],
    "constraint": lambda element: sorted(each["key"] for each in element["constraint"]),
}


def facts(element: Json) -> Facts:
    """Return all that an element constrains: no texts, no examples, no mappings."""
    found: Facts = {key: element[key] for key in PLAIN_FACTS if key in element}
    found |= {"mustSupport": True} if element.get("mustSupport") else {}
    found |= {key: read(element) for key, read in READERS.items() if key in element}
    found |= {key: element[key] for key in element if key.startswith(("pattern", "fixed"))}
    return found


def elements(definition: Json, view: str) -> dict[str, Facts]:
    """Return the facts of each element of a differential or snapshot, in its order."""
    return {element["id"]: facts(element) for element in definition[view]["element"]}


# ---- comparisons: each yields one line for each difference ---------------------------------------


def metadata_differences(ours: Json, published: Json) -> Iterator[str]:
    """Compare the names under which a profile is known."""
    for key in METADATA:
        if ours.get(key) != published.get(key):
            yield f"{key}: {ours.get(key)!r} for {published.get(key)!r}"


def differential_differences(ours: Json, published: Json) -> Iterator[str]:
    """Compare two differentials; an element without facts (a text, a mapping) is no difference."""
    mine, theirs = elements(ours, "differential"), elements(published, "differential")
    for element_id in [*theirs, *(each for each in mine if each not in theirs)]:
        if mine.get(element_id, {}) != theirs.get(element_id, {}):
            yield f"{element_id}: {mine.get(element_id)} for {theirs.get(element_id)}"
    yield from _order_differences(
        [each for each in mine if each in theirs], [each for each in theirs if each in mine]
    )


def _order_differences(mine: list[str], theirs: list[str]) -> Iterator[str]:
    """Compare the order of elements, which is the order of slices too."""
    if mine != theirs:
        yield f"order: {mine} for {theirs}"


@dataclass
class Library:
    """Find StructureDefinitions by URL: ours first, then R5 core."""

    definitions: Path
    core: Path
    loaded: dict[str, dict[str, Facts]] = field(default_factory=dict)

    def snapshot(self, url: str) -> dict[str, Facts]:
        """Return the facts of each snapshot element of a definition."""
        if url not in self.loaded:
            self.loaded[url] = elements(self._read(url.rpartition("/")[2]), "snapshot")
        return self.loaded[url]

    def _read(self, name: str) -> Json:
        """Read a definition by the last part of its URL."""
        candidates = [folder / f"StructureDefinition-{name}.json" for folder in (self.definitions, self.core)]
        return read(next(path for path in candidates if path.is_file()))

    def datatype(self, code: str) -> dict[str, Facts]:
        """Return the snapshot of a datatype."""
        return self.snapshot(f"http://hl7.org/fhir/StructureDefinition/{code}")


def inherited(element_id: str, base: dict[str, Facts], snapshot: dict[str, Facts], library: Library) -> Facts:
    """Return what holds for an element before its profile says anything.

    That is the element of the base profile; for a slice or a part of one the element that was sliced; for a
    part of a datatype the element of the datatype.
    """
    if element_id in base:
        return base[element_id]
    plain = re.sub(r":[^.]+", "", element_id)
    if plain in base:
        return {key: value for key, value in base[plain].items() if key not in ("slicing", "sliceName")}
    return _part_of_datatype(element_id, snapshot, library)


def _part_of_datatype(element_id: str, snapshot: dict[str, Facts], library: Library) -> Facts:
    """Return the element of the datatype that an ancestor of the element has."""
    parts = element_id.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        kinds = snapshot[".".join(parts[:cut])].get("type", [])
        if len(kinds) == 1:
            datatype = library.datatype(kinds[0][0])
            inside = ".".join([kinds[0][0], *parts[cut:]])
            if inside in datatype:
                return datatype[inside]
    raise LookupError(element_id)


def snapshot_differences(ours: Json, published: Json, library: Library) -> Iterator[str]:
    """Compare our snapshot with what the published differential makes of the base profile."""
    mine, stated = elements(ours, "snapshot"), elements(published, "differential")
    base = library.snapshot(published["baseDefinition"])
    for element_id in (each for each in [*stated, *base] if each not in mine and stated.get(each, True)):
        yield f"{element_id}: missing"
    for element_id, found in mine.items():
        expected = inherited(element_id, base, mine, library) | stated.get(element_id, {})
        unequal = [key for key in {*found, *expected} if found.get(key) != expected.get(key)]
        for key in sorted(set(unequal) - _left_to_the_generator(element_id, stated)):
            yield f"{element_id}.{key}: {found.get(key)!r} for {expected.get(key)!r}"


def _left_to_the_generator(element_id: str, stated: dict[str, Facts]) -> set[str]:
    """Return the facts that snapshot generators state differently with the same meaning.

    Where a choice has a required slice of one type, some leave the types as they are, some narrow them to the
    slice's and close the slicing.
    """
    required = any(
        each.startswith(f"{element_id}:") and said.get("min") == 1 for each, said in stated.items()
    )
    return {"type", "slicing"} if element_id.endswith("[x]") and required else set()


# ---- tests ---------------------------------------------------------------------------------------


def read(path: Path) -> Json:
    """Read a JSON file."""
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def library(definitions_dir: Path, core_dir: Path) -> Library:
    """Return our definitions with R5 core behind them."""
    return Library(definitions_dir, core_dir)


@pytest.fixture(scope="session")
def published_profiles(official_dir: Path) -> dict[str, Json]:
    """Return the published profiles by id."""
    return {
        profile["id"]: profile
        for profile in map(read, sorted(official_dir.glob("StructureDefinition-*.json")))
    }


@pytest.fixture(scope="session")
def profiles(definitions_dir: Path) -> dict[str, Json]:
    """Return our profiles by id: all definitions that constrain another, but for the extensions."""
    found = map(read, sorted(definitions_dir.glob("StructureDefinition-*.json")))
    return {
        each["id"]: each
        for each in found
        if each["derivation"] == "constraint" and each["type"] != "Extension"
    }


def test_all_profiles_are_restated(profiles: dict[str, Json], published_profiles: dict[str, Json]) -> None:
    """All 22 published profiles are there, and beside them two corrected ones, and our own."""
    assert len(published_profiles) == 22
    assert set(profiles) == {*published_profiles, *CORRECTED, *OF_OTHER_DOCUMENTS, *OF_ALL_DOCUMENTS}


def test_differentials_agree(profiles: dict[str, Json], published_profiles: dict[str, Json]) -> None:
    """Names and differentials are the published ones."""
    differences = [
        f"{name}: {difference}"
        for name, published in published_profiles.items()
        for compare in (metadata_differences, differential_differences)
        for difference in compare(profiles[name], published)
    ]
    assert differences == []


def test_snapshots_agree(
    profiles: dict[str, Json], published_profiles: dict[str, Json], library: Library
) -> None:
    """Snapshots hold what the published differentials make of the base profiles, and nothing else."""
    differences = [
        f"{name}: {difference}"
        for name, published in published_profiles.items()
        for difference in snapshot_differences(profiles[name], published, library)
    ]
    assert differences == []


def test_no_invariant_or_value_set_is_added(profiles: dict[str, Json]) -> None:
    """No profile states an invariant, a binding or a fixed value of its own (mapping specification 2.2)."""
    stated = {
        key
        for profile in profiles.values()
        for element in elements(profile, "differential").values()
        for key in element
    }
    assert not [key for key in stated if key in ("constraint", "binding") or key.startswith("fixed")]


def test_dicom_sources_are_restated(profiles: dict[str, Json], published_profiles: dict[str, Json]) -> None:
    """Each element with a DICOM source in the published profiles has one in ours, under the same identity."""
    missing = [
        (name, element_id, identity)
        for name, published in published_profiles.items()
        for element_id, identity in sorted(_sources(published) - _sources(profiles[name]))
        if f"{name} {element_id}" not in MENDED_SOURCES
    ]
    assert missing == []


def _sources(profile: Json) -> set[tuple[str, str]]:
    """Return the elements with a mapping, each with the mapping's identity."""
    return {
        (element["id"], mapping["identity"])
        for element in profile["differential"]["element"]
        for mapping in element.get("mapping", [])
    }


EXPECTED_CORRECTIONS = {
    "region-in-space-corrected": {
        "ImagingSelection.instance:rtStructureInstance.sopClass": {
            "min": 1,
            "patternCoding": {
                "system": "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5",
                "code": "1.2.840.10008.5.1.4.1.1.481.3",
                "display": "RT Structure Set Storage",
            },
        },
    },
    "derived-imaging-measurement-corrected": {
        "Observation.derivedFrom": {"min": 1, "slicing": ([("profile", "resolve()")], "open", False)},
    },
}


@pytest.mark.parametrize("name", CORRECTED)
def test_corrected_sibling_differs_in_one_element(name: str, profiles: dict[str, Json]) -> None:
    """A corrected profile says what the published one says, but for the element that cannot be satisfied."""
    mine, original = (
        elements(profiles[name], "differential"),
        elements(profiles[CORRECTED[name]], "differential"),
    )
    assert list(mine) == list(original)
    assert {each: mine[each] for each in mine if mine[each] != original[each]} == EXPECTED_CORRECTIONS[name]


# ---- the comparison notices what it should -------------------------------------------------------


def _find(profile: Json, view: str, element_id: str) -> Json:
    """Return one element of a profile."""
    element: Json = next(each for each in profile[view]["element"] if each["id"] == element_id)
    return element


OBSERVATION_UID = "Observation.identifier:observationUID"
MUTATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "min": ("Observation.issued", {"min": 0}),
    "max": ("Observation.partOf:imagingStudyRef", {"max": "*"}),
    "type": ("Observation.subject", {"type": [{"code": "Reference"}]}),
    "target": (
        "Observation.device",
        {"type": [{"code": "Reference", "targetProfile": ["http://example.org/x"]}]},
    ),
    "pattern": (
        f"{OBSERVATION_UID}.type",
        {"patternCodeableConcept": {"coding": [{"code": "observation-uid"}]}},
    ),
    "discriminator": (
        "Observation.derivedFrom",
        {"slicing": {"discriminator": [{"type": "type", "path": "reference"}], "rules": "open"}},
    ),
    "rules": (
        "Observation.derivedFrom",
        {"slicing": {"discriminator": [{"type": "profile", "path": "resolve()"}], "rules": "closed"}},
    ),
    "sliceName": (OBSERVATION_UID, {"sliceName": "observationUid"}),
    "mustSupport": ("Observation.code", {"mustSupport": False}),
    "binding": (
        "Observation.code",
        {"binding": {"strength": "required", "valueSet": "http://example.org/x"}},
    ),
    "constraint": ("Observation.code", {"constraint": [{"key": "new-1"}]}),
    "contentReference": ("Observation.code", {"contentReference": "#Observation.category"}),
}


@pytest.mark.parametrize("view", ["differential", "snapshot"])
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_wrong_element_is_found(
    mutation: str, view: str, profiles: dict[str, Json], published_profiles: dict[str, Json], library: Library
) -> None:
    """A profile that is wrong in one fact of one element differs in exactly that element."""
    element_id, change = MUTATIONS[mutation]
    wrong = copy.deepcopy(profiles["imaging-observation"])
    _find(wrong, view, element_id).update(change)
    differences = _differences(view, wrong, published_profiles["imaging-observation"], library)
    assert differences
    assert all(each.startswith(element_id) for each in differences)


def _differences(view: str, ours: Json, published: Json, library: Library) -> list[str]:
    """Compare one view of two profiles."""
    if view == "differential":
        return list(differential_differences(ours, published))
    return list(snapshot_differences(ours, published, library))


@pytest.mark.parametrize("view", ["differential", "snapshot"])
def test_a_missing_and_an_additional_element_are_found(
    view: str, profiles: dict[str, Json], published_profiles: dict[str, Json], library: Library
) -> None:
    """A lost slice is found, and so is a slice too many."""
    published, wrong = (
        published_profiles["imaging-observation"],
        copy.deepcopy(profiles["imaging-observation"]),
    )
    listed = wrong[view]["element"]
    listed.remove(_find(wrong, view, "Observation.derivedFrom:volumeSurface"))
    assert _differences(view, wrong, published, library)
    copied = copy.deepcopy(profiles["imaging-observation"])
    slice_too_many = {"id": "Observation.derivedFrom:x", "sliceName": "x"}
    copied[view]["element"].append(
        _find(copied, view, "Observation.derivedFrom:volumeSurface") | slice_too_many
    )
    assert _differences(view, copied, published, library)


def test_a_changed_name_is_found(profiles: dict[str, Json], published_profiles: dict[str, Json]) -> None:
    """A profile under another title is not the published one."""
    wrong = {**profiles["imaging-observation"], "title": "Another"}
    assert list(metadata_differences(wrong, published_profiles["imaging-observation"]))
