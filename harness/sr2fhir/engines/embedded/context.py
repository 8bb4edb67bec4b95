"""The small context inside this very process, for what set-up and the tools do with maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sr2fhir.engines.jvm import java

FHIR_VERSION = "5.0.0"
_R5 = "org.hl7.fhir.r5"


def small_context(files: Sequence[Path]) -> Any:
    """Read resources and Bundles of resources into a context of the engine.

    Parameters
    ----------
    files
        JSON of resources, or of Bundles whose entries are loaded one by one.

    Returns
    -------
    SimpleWorkerContext
        The Java object.
    """
    source = java("java.util.LinkedHashMap")()
    provider = java("org.hl7.fhir.utilities.ByteProvider")
    source.put("version.info", provider.forBytes(f"version={FHIR_VERSION}\n".encode()))
    for file in files:
        source.put(str(file), provider.forBytes(file.read_bytes()))
    origin = java(f"{_R5}.model.PackageInformation")(
        "hl7.fhir.r5.core", FHIR_VERSION, java("java.util.Date")(0)
    )
    builder = java(f"{_R5}.context.SimpleWorkerContext$SimpleWorkerContextBuilder")()
    return builder.withAllowLoadingDuplicates(True).fromDefinitions(source, None, origin)
