"""Structured Reports of any template as parts of the logical model ``DicomSR``.

Nothing here knows a template or a FHIR profile. What the concepts of a document type are for comes from its
table of roles; the passes that only one template needs stand with it, below :mod:`sr2fhir.documents`.
"""

from __future__ import annotations

from sr2fhir.model.environment import RenderOptions
from sr2fhir.model.rendering import HeaderRecord, ItemRecord, NotHeld, Rendering

__all__ = ["HeaderRecord", "ItemRecord", "NotHeld", "RenderOptions", "Rendering"]
