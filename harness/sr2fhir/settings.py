"""What holds everywhere: the canonical base of the guide, the versions of FHIR, the variables for the engine.

The maps make FHIR R5. A further version is a row of `TARGETS` with its step maps: StructureMaps that turn a
finished R5 Bundle into one of that version.
"""

from __future__ import annotations

from dataclasses import dataclass

CANONICAL = "http://hl7.org/fhir/uv/dicom-sr"

PRIVATE_SYSTEM = "urn:x-dicom-csd:"
"""Begins the system of a coding scheme that nobody identifies; followed by its designator."""


def is_known_system(system: str | None) -> bool:
    """Tell whether a system says who gave an identifier; two sites may use one designator."""
    return bool(system) and not str(system).startswith(PRIVATE_SYSTEM)


ENGINE_VARIABLE = "SR2FHIR_ENGINE"
URL_VARIABLE = "SR2FHIR_ENGINE_URL"


@dataclass(frozen=True)
class Target:
    """A version of FHIR.

    Parameters
    ----------
    name
        As people call it: `R5`.
    fhir_version
        As `StructureDefinition.fhirVersion` has it.
    core_package
        FHIR package of its definitions.
    step_maps
        Canonical URLs of the maps that lead from R5 to it, in this order.
    """

    name: str
    fhir_version: str
    core_package: str
    step_maps: tuple[str, ...] = ()


R5 = Target("R5", "5.0.0", "hl7.fhir.r5.core")
TARGETS = {target.name: target for target in (R5,)}
