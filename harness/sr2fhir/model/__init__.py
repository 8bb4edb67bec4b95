"""From a DICOM Structured Report to the logical model ``DicomSR``.

Everything that needs knowledge of DICOM is settled here; nothing here knows a FHIR profile.
"""

from __future__ import annotations

from sr2fhir.model.accounting import HeaderRecord, ItemRecord
from sr2fhir.model.document import Rendering
from sr2fhir.model.environment import RenderOptions

__all__ = ["HeaderRecord", "ItemRecord", "RenderOptions", "Rendering"]
