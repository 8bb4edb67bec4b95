"""The versions of FHIR that a Bundle can be written in, as data.

The maps make FHIR R5. A further version is a row here with its step maps: StructureMaps that turn a finished
R5 Bundle into one of that version.
"""

from __future__ import annotations

from dataclasses import dataclass


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
