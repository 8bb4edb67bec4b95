"""What holds everywhere: the canonical base of the guide, and the variables that choose the engine."""

from __future__ import annotations

CANONICAL = "http://hl7.org/fhir/uv/dicom-sr"

ENGINE_VARIABLE = "SR2FHIR_ENGINE"
URL_VARIABLE = "SR2FHIR_ENGINE_URL"
