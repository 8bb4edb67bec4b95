"""Reading: from a file or bytes to a pydicom Dataset that is whole and within limits.

::

    source ─▶ signature ─▶ part10 (deflate) ─▶ elements (headers, repertoire) ─▶ Dataset ─▶ completeness
                       └─▶ dicom_json (values) ─────────────────────────────────┘
"""

from sr2fhir.dicom.document import SourceDocument, read
from sr2fhir.dicom.limits import DEFAULT_LIMITS, Limits

__all__ = ["DEFAULT_LIMITS", "Limits", "SourceDocument", "read"]
