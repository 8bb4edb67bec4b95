"""What holds everywhere: the canonical base of the guide, the versions of FHIR, the variables for the engine.

The maps make FHIR R5. A further version is a row of `TARGETS` with its step maps: StructureMaps that turn a
finished R5 Bundle into one of that version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

CANONICAL = "http://hl7.org/fhir/uv/dicom-sr"

CRITICAL_FINDING_MAP = f"{CANONICAL}/StructureMap/CriticalFinding"
"""Entry map that makes Flag and CommunicationRequest of a critical finding."""

PRIVATE_SYSTEM = "urn:x-dicom-csd:"
"""Begins the system of a coding scheme that nobody identifies; followed by its designator."""


def is_known_system(system: str | None) -> bool:
    """Tell whether a system says who gave an identifier; two sites may use one designator."""
    return bool(system) and not str(system).startswith(PRIVATE_SYSTEM)


Selections = Literal["basic", "none"]
SELECTIONS: tuple[Selections, ...] = get_args(Selections)
"""What a version of FHIR without ImagingSelection has in its place."""

ENGINE_VARIABLE = "SR2FHIR_ENGINE"
URL_VARIABLE = "SR2FHIR_ENGINE_URL"


@dataclass(frozen=True)
class Target:
    """A version of FHIR, or a kind of document in it.

    Parameters
    ----------
    name
        As people call it: `R5`.
    fhir_version
        As `StructureDefinition.fhirVersion` has it.
    packages
        FHIR packages of its definitions and terminology, without version; the core first.
    step_maps
        Canonical URLs of the maps that lead from R5 to it, in this order.
    folder
        Name of the folder of these maps, below `maps/`; None for R5, to which all other maps belong.
    leaves_out
        Types of resources of R5 that they may leave out.
    map_without_selections
        Canonical URL of the step map that leaves out selections, which the version has no type for.
    only_of
        Of a kind of document: the member of the logical model without which there is none. Its maps stand
        below the folder of its version, and put the entries into an order of their own.
    """

    name: str
    fhir_version: str
    packages: tuple[str, ...]
    step_maps: tuple[str, ...] = ()
    folder: str | None = None
    leaves_out: frozenset[str] = frozenset()
    map_without_selections: str | None = None
    only_of: str | None = None

    def without_selections(self) -> Target | None:
        """Return the version without ImagingSelections; None if it has that type."""
        if self.map_without_selections is None:
            return None
        step_maps = (self.map_without_selections,)
        return replace(self, step_maps=step_maps, leaves_out=self.leaves_out | {"ImagingSelection"})

    @property
    def core_package(self) -> str:
        """The FHIR package of its definitions."""
        return self.packages[0]

    @property
    def definitions_url(self) -> str:
        """Begins the URLs under which maps find its definitions, beside those of R5."""
        number = "" if self.folder is None else f"{self.fhir_version.rpartition('.')[0]}/"
        return f"http://hl7.org/fhir/{number}StructureDefinition/"


# Beside FHIR itself a validation needs terminology, without which known code systems count as unknown, and
# the definitions of common extensions.
_TERMINOLOGY, _EXTENSIONS = "hl7.terminology", "hl7.fhir.uv.extensions.r5"
R5 = Target("R5", "5.0.0", ("hl7.fhir.r5.core", _TERMINOLOGY, _EXTENSIONS))
R4 = Target(
    "R4",
    "4.0.1",
    ("hl7.fhir.r4.core", _TERMINOLOGY, _EXTENSIONS),
    step_maps=(f"{CANONICAL}/StructureMap/R4Bundle",),
    folder="r4",
    map_without_selections=f"{CANONICAL}/StructureMap/R4BundleWithoutSelections",
)
TARGETS = {target.name: target for target in (R5, R4)}
"""Versions of FHIR by name."""

MADO = replace(
    R4,
    name="mado",
    step_maps=(f"{CANONICAL}/StructureMap/MadoDocument",),
    leaves_out=frozenset({"ImagingSelection"}),
    map_without_selections=None,
    only_of="manifest",
)
DOCUMENTS = {target.name: target for target in (MADO,)}
"""Kinds of documents by name: `mado` is the imaging manifest of IHE RAD MADO."""


def target_of(map_url: str) -> Target:
    """Return the version of FHIR of which a map makes resources."""
    targets = (*TARGETS.values(), *DOCUMENTS.values())
    makers = {target: (*target.step_maps, target.map_without_selections) for target in targets}
    return next((target for target, maps in makers.items() if map_url in maps), R5)
