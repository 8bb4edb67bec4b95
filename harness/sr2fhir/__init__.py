"""Turn DICOM Structured Reports (TID 1500) into FHIR R5 Bundles with maps in the FHIR Mapping Language.

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

if TYPE_CHECKING:
    from sr2fhir.accounting import Report
    from sr2fhir.dicom import SourceDocument, read
    from sr2fhir.errors import (
        EngineError,
        EngineUnavailableError,
        InputError,
        OutputError,
        SetupError,
        Sr2FhirError,
        TransformError,
        UsageError,
    )
    from sr2fhir.findings import Finding
    from sr2fhir.model import Rendering, RenderOptions
    from sr2fhir.transformer import Result, Transformer, render

    __version__: str

__all__ = [
    "EngineError",
    "EngineUnavailableError",
    "Finding",
    "InputError",
    "OutputError",
    "RenderOptions",
    "Rendering",
    "Report",
    "Result",
    "SetupError",
    "SourceDocument",
    "Sr2FhirError",
    "TransformError",
    "Transformer",
    "UsageError",
    "__version__",
    "read",
    "render",
]

_HOME = {
    "Finding": "findings",
    "Report": "accounting",
    "SourceDocument": "dicom",
    "read": "dicom",
    "RenderOptions": "model",
    "Rendering": "model",
    "Result": "transformer",
    "Transformer": "transformer",
    "render": "transformer",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("sr2fhir")
    if name not in __all__:
        raise AttributeError(f"module 'sr2fhir' has no attribute {name!r}")
    return getattr(import_module(f"sr2fhir.{_HOME.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
