"""Step: cut FHIR down to what the maps touch.

A transform asks a definition for names, types and cardinalities, and for nothing else. Reading the whole of
FHIR takes seconds; the resources and datatypes that the maps name, and what these consist of, stripped to
that, are read in a tenth of one.

The maps that lead from R5 to another version of FHIR have files of their own, which are read when such a map
is first asked for: the definitions of R5 that they read, and those of the other version, which stand beside
these under URLs that name the version (`Target.definitions_url`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sr2fhir import pins
from sr2fhir.errors import SetupError
from sr2fhir.files import replace_file
from sr2fhir.paths import Layout
from sr2fhir.settings import R5, TARGETS, Target
from sr2fhir.toolchain.steps import Progress

from tools.compiling.extensions import Extensions, written
from tools.compiling.fml import tokens

Definition = dict[str, Any]

_PREFIX = "http://hl7.org/fhir/StructureDefinition/"
# What the engine reads of a definition and of an element when it transforms.
_DEFINITION_KEYS = tuple(
    "resourceType id url version name status fhirVersion kind abstract type baseDefinition derivation".split()
)
_ELEMENT_KEYS = tuple("id path min max type contentReference base representation extension".split())
_TYPE_KEYS = ("code", "profile", "extension")
# Never named in a map, always needed: what is made, what everything derives from.
_ALWAYS = (
    "Bundle",
    "DomainResource",
    "BackboneElement",
    "BackboneType",
    "PrimitiveType",
    "Extension",
    "Narrative",
)
# An extension may hold any type; those that the maps do put there are named in them.
_OPEN = ("Extension.value[x]",)


def run(places: Layout, progress: Progress) -> None:
    """Write the small core, and what the maps of each further version need.

    Raises
    ------
    SetupError
        The core package is damaged.
    """
    core = Core.of(places, R5)
    own = [json.loads(path.read_bytes()) for path in sorted(places.definitions.glob("*.json"))]
    texts = [path.read_text(encoding="utf-8") for path in maps_of(places, R5)]
    models = [entry for entry in own if entry.get("kind") == "logical"]
    named = {*_ALWAYS, *(word for text in texts for word in words(text))}
    chosen = closure(core, models, named)
    terms = [entry for entry in own if _is_used_term(entry, "\n".join(texts))]
    _write(places.core, [*map(lean, chosen), *map(lean, models), *terms])
    for target in TARGETS.values():
        if target.folder is not None:
            _cut_for_steps(places, core, named, target, target.folder)


def maps_of(places: Layout, target: Target) -> list[Path]:
    """List the sources of the maps that make resources of a version of FHIR."""
    folders = {each.folder: places.maps / each.folder for each in TARGETS.values() if each.folder}
    if target.folder is not None:
        return sorted(folders[target.folder].rglob("*.map"))
    steps = tuple(folders.values())
    return [
        path
        for path in sorted(places.maps.rglob("*.map"))
        if not any(path.is_relative_to(step) for step in steps)
    ]


def _cut_for_steps(places: Layout, r5: Core, made: Iterable[str], target: Target, folder: str) -> None:
    """Write what the step maps of a version read and what they make."""
    texts = [path.read_text(encoding="utf-8") for path in maps_of(places, target)]
    # what others put into extensions has to be read as well
    names = {*_ALWAYS, *_in_extensions(r5), *(word for text in texts for word in words(text, target))}
    # whatever the other maps make has to be read, also what is left out then
    _write(places.step_sources(folder), map(lean, closure(r5, (), {*names, *made})))
    other = Core.of(places, target)
    chosen = closure(other, (), names)
    own = {each["url"]: target.definitions_url + each["url"].removeprefix(_PREFIX) for each in chosen}
    _write(places.step_definitions(folder), (_beside(lean(each), own) for each in chosen))
    extensions = Extensions(r5, other, target)
    known = [*map(extensions.define, written(texts)), *r5.code_systems("\n".join(texts))]
    _write(places.step_extensions(folder), known)


def _in_extensions(core: Core) -> Iterator[str]:
    """Return the names of all types that an extension may hold."""
    for element in core["Extension"]["snapshot"]["element"]:
        if element["path"] in _OPEN:
            yield from (kind["code"] for kind in element["type"])


def _beside(definition: Definition, own: Mapping[str, str]) -> Definition:
    """Give a definition a URL that names its version, and lead what it refers to there.

    The code of a type is a name without a version; a profile beside it leads the engine to a definition.
    """
    for element in definition["snapshot"]["element"]:
        for kind in element.get("type", ()):
            if (url := own.get(_PREFIX + kind["code"])) and kind["code"][0].isupper():
                kind["profile"] = [url]
    base = definition.get("baseDefinition", "")
    moved = {"url": own[definition["url"]], "baseDefinition": own.get(base, base)}
    return definition | {key: url for key, url in moved.items() if key in definition}


def _write(file: Path, resources: Iterable[Definition]) -> None:
    """Write resources as one Bundle."""
    entries = [{"resource": entry} for entry in resources]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    replace_file(file, json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode())


class Core:
    """Look definitions of FHIR up by name.

    Parameters
    ----------
    folder
        The unpacked core package.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = dict(_index(folder))
        self._read: dict[str, Definition] = {}

    @staticmethod
    def of(places: Layout, target: Target) -> Core:
        """Return the definitions of a version of FHIR."""
        return Core(places.packages / pins.load(places.pins).package(target.core_package) / "package")

    def __contains__(self, name: str) -> bool:
        """Tell whether FHIR defines a resource or datatype of that name."""
        return name in self._files

    def __getitem__(self, name: str) -> Definition:
        """Read the definition of a resource or datatype."""
        if name not in self._read:
            self._read[name] = json.loads((self._folder / self._files[name]).read_bytes())
        return self._read[name]

    def code_systems(self, text: str) -> list[Definition]:
        """Read the code systems whose URLs stand in a text, in quotation marks."""
        named = [
            entry
            for entry in _listed(self._folder)
            if entry["resourceType"] == "CodeSystem" and f"'{entry.get('url')}'" in text
        ]
        return [json.loads((self._folder / entry["filename"]).read_bytes()) for entry in named]

    def names(self) -> list[str]:
        """List the names of all definitions."""
        return list(self._files)

    def primitives(self) -> list[str]:
        """List the primitive datatypes."""
        return [name for name in self._files if name[0].islower() and self[name]["kind"] == "primitive-type"]


def _index(folder: Path) -> Iterator[tuple[str, str]]:
    """Return name and file of each definition that the package lists."""
    for entry in _listed(folder):
        url = entry.get("url") or ""
        if entry["resourceType"] == "StructureDefinition" and url.startswith(_PREFIX):
            yield url.removeprefix(_PREFIX), entry["filename"]


def _listed(folder: Path) -> list[dict[str, str]]:
    """Return what the package lists."""
    try:
        entries: list[dict[str, str]] = json.loads((folder / ".index.json").read_bytes())["files"]
    except (OSError, ValueError, KeyError) as error:
        raise SetupError(
            "the FHIR core package has no index", hint="Remove the build folder and run again"
        ) from error
    return entries


def closure(core: Core, models: Iterable[Definition], names: Iterable[str]) -> list[Definition]:
    """Collect definitions and everything that they consist of.

    Parameters
    ----------
    core
        The definitions of FHIR.
    models
        Logical models, whose types count too.
    names
        Where to begin; words that name no definition are ignored.

    Returns
    -------
    list of dict
        By name, each once.
    """
    waiting = [*names, *core.primitives()]
    waiting += [name for model in models for name in _parts(model)]
    found: dict[str, Definition] = {}
    while waiting:
        name = waiting.pop()
        if name in core and name not in found and not _is_foreign(core[name]):
            found[name] = core[name]
            waiting += _parts(core[name])
    return [found[name] for name in sorted(found)]


def words(fml_map: str, target: Target = R5) -> Iterator[str]:
    """Return what may be the name of a type in a map: names, texts, and the ends of FHIR's own URLs."""
    for token in tokens(fml_map):
        if token.kind in ("name", "text"):
            yield token.text.strip("\"'").removeprefix(_PREFIX).removeprefix(target.definitions_url)


def _is_foreign(definition: Definition) -> bool:
    """Tell whether a word has hit a profile of a resource, which no map can create."""
    return definition.get("derivation") == "constraint" and definition.get("kind") == "resource"


def _parts(definition: Definition) -> Iterator[str]:
    """Return the names of a definition's base and of its elements' types and their profiles."""
    yield definition.get("baseDefinition", "").removeprefix(_PREFIX)
    for element in definition["snapshot"]["element"]:
        if element["path"] in _OPEN:
            continue
        for kind in element.get("type", ()):
            yield kind["code"]
            yield from (profile.removeprefix(_PREFIX) for profile in kind.get("profile", ()))


def lean(definition: Definition) -> Definition:
    """Strip a definition to what a transform reads."""
    elements = [_lean_element(element) for element in definition["snapshot"]["element"]]
    kept = {key: definition[key] for key in _DEFINITION_KEYS if key in definition}
    return kept | {"snapshot": {"element": elements}}


def _lean_element(element: Definition) -> Definition:
    """Strip one element."""
    kept = {key: element[key] for key in _ELEMENT_KEYS if key in element}
    if "type" in kept:
        kept["type"] = [{key: kind[key] for key in _TYPE_KEYS if key in kind} for kind in kept["type"]]
    return kept


def _is_used_term(resource: Definition, maps: str) -> bool:
    """Tell whether maps may read a resource: ConceptMaps, and the value sets and code systems they name."""
    kind = resource["resourceType"]
    return kind == "ConceptMap" or (kind in ("ValueSet", "CodeSystem") and resource.get("url", "?") in maps)
