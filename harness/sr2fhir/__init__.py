"""Turn DICOM Structured Reports into FHIR Bundles, R5 or R4, with maps in the FHIR Mapping Language.

>>> import sr2fhir
>>> with sr2fhir.Transformer() as transformer:  # doctest: +SKIP
...     result = transformer.transform("report.dcm")
...     print(result.bundle["type"], len(result.bundle["entry"]))

`Transformer` makes Bundles, `render` makes the logical model alone (no engine needed), `read` opens an input
safely. Everything raised on purpose is an `Sr2FhirError`; `sr2fhir.errors` draws the whole tree. Names are
loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers see; at run time the table below, which a test holds against this
    from sr2fhir.accounting import Report as Report
    from sr2fhir.dicom import SourceDocument as SourceDocument, read as read
    from sr2fhir.engines import EngineOptions as EngineOptions
    from sr2fhir.errors import (
        EngineError as EngineError,
        EngineUnavailableError as EngineUnavailableError,
        InputError as InputError,
        OutputError as OutputError,
        SetupError as SetupError,
        Sr2FhirError as Sr2FhirError,
        TransformError as TransformError,
        UsageError as UsageError,
    )
    from sr2fhir.findings import Finding as Finding
    from sr2fhir.model import Rendering as Rendering, RenderOptions as RenderOptions
    from sr2fhir.packaging import Packaging as Packaging
    from sr2fhir.pipeline import Result as Result, Settings as Settings, render as render
    from sr2fhir.transformer import Transformer as Transformer

_HOMES = {
    "accounting": ("Report",),
    "dicom": ("SourceDocument", "read"),
    "engines": ("EngineOptions",),
    "errors": (
        *("EngineError", "EngineUnavailableError", "InputError", "OutputError", "SetupError"),
        *("Sr2FhirError", "TransformError", "UsageError"),
    ),
    "findings": ("Finding",),
    "model": ("RenderOptions", "Rendering"),
    "packaging": ("Packaging",),
    "pipeline": ("Result", "Settings", "render"),
    "transformer": ("Transformer",),
}
"""Module to the public names that it defines."""

__all__ = sorted(("__version__", *(name for names in _HOMES.values() for name in names)))


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - seldom asked for

        return version("sr2fhir")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"sr2fhir.{home}"), name)
    raise AttributeError(f"module 'sr2fhir' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
