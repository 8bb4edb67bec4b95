"""Imaging Measurement Report (PS3.16 TID 1500)."""

from __future__ import annotations

from pathlib import Path

from sr2fhir.documents.base import DocumentType
from sr2fhir.settings import CANONICAL

MEASUREMENT_REPORT = DocumentType(
    name="Measurement Reports",
    template="1500",
    # CID 7021, Measurement Report Document Titles
    titles=frozenset(("DCM#126000", "DCM#126001", "DCM#126002", "DCM#126003")),
    entry_map=f"{CANONICAL}/StructureMap/MeasurementReport",
    folder=Path(__file__).parent,
)
