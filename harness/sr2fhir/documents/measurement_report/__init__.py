"""Imaging Measurement Report (PS3.16 TID 1500): what it is known by, and its rendering."""

from __future__ import annotations

from sr2fhir.documents.measurement_report.document import render
from sr2fhir.documents.measurement_report.structure import roles
from sr2fhir.model.codes import table
from sr2fhir.model.rendering import DocumentType
from sr2fhir.settings import CANONICAL

MEASUREMENT_REPORT = DocumentType(
    name="Measurement Reports",
    template="1500",
    titles=roles().keys("title"),
    entry_map=f"{CANONICAL}/StructureMap/MeasurementReport",
    render=render,
    classes=table(__package__, "classes.toml"),
)
