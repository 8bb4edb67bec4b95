"""Inputs of a run: what was named on the command line, taken apart into documents."""

from sr2fhir.runs.inputs.discovery import discover
from sr2fhir.runs.inputs.model import BytesInput, FailedInput, FileInput, Input, Skipped

__all__ = ["BytesInput", "FailedInput", "FileInput", "Input", "Skipped", "discover"]
