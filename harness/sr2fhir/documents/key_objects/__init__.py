"""Key Object Selection (PS3.3 A.35.4, PS3.16 TID 2010): what it is known by, and its rendering."""

from __future__ import annotations

from pydicom.uid import KeyObjectSelectionDocumentStorage

from sr2fhir.documents.key_objects.document import render
from sr2fhir.model.codes import table
from sr2fhir.model.rendering import DocumentType
from sr2fhir.settings import CANONICAL

KEY_OBJECTS = DocumentType(
    name="Key Object Selections",
    template="2010",
    titles=frozenset(),  # a document of another SOP Class and without a template may have such a title, too
    entry_map=f"{CANONICAL}/StructureMap/KeyObjectSelection",
    render=render,
    classes=table(__package__, "classes.toml"),
    sop_classes=frozenset({str(KeyObjectSelectionDocumentStorage)}),
)
