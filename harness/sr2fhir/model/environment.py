"""What every stage of rendering needs to know of the document at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sr2fhir.errors import UsageError
from sr2fhir.findings import FindingLog
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Codes
from sr2fhir.model.coding_schemes import CodingSchemes
from sr2fhir.model.datetimes import Clock
from sr2fhir.model.evidence import Evidence
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.roles import Roles

_NOT_TO_BE_SENT = (
    "the form ig-literal writes a SOP class that DICOM does not have: not in a transaction, to be kept"
)
_LEAVE_OUT = (
    "Ask for the form corrected to send it, or for a collection to compare it with the published guide"
)
_SOP_CLASS = tag("SOPClassUID")
_SOP_INSTANCE = tag("SOPInstanceUID")
_STUDY = tag("StudyInstanceUID")
_SERIES = tag("SeriesInstanceUID")
_OFFSET = tag("TimezoneOffsetFromUTC")


@dataclass(frozen=True)
class RenderOptions:
    """Settle what a document leaves open.

    Parameters
    ----------
    bundle
        The Bundle type to ask the maps for.
    form
        Whether the maps are to write what DICOM says where the guide misprints it (`corrected`), or what the
        guide says (`ig-literal`, for conformance runs only: decision D3).
    default_timezone
        Offset from UTC where the document states none.
    coding_schemes
        System for each private coding scheme designator that the user knows.
    patient_id_system, accession_system
        System for a Patient ID or Accession Number without an issuer.

    Raises
    ------
    UsageError
        A transaction is asked for in the form `ig-literal`: what a server keeps must not falsify a SOP class.
    """

    bundle: Literal["collection", "transaction"] = "collection"
    form: Literal["corrected", "ig-literal"] = "corrected"
    default_timezone: str = "+00:00"
    coding_schemes: Mapping[str, str] = field(default_factory=dict)
    patient_id_system: str | None = None
    accession_system: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is to be compared as what is to be kept (decision D3)."""
        if self.bundle == "transaction" and self.form == "ig-literal":
            raise UsageError(_NOT_TO_BE_SENT, hint=_LEAVE_OUT)


@dataclass(frozen=True)
class Environment:
    """The document's attributes, and the helpers that know its coding schemes, offset, evidence and ids."""

    header: Attributes
    options: RenderOptions
    log: FindingLog
    codes: Codes
    clock: Clock
    ids: Ids
    evidence: Evidence
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str | None

    def study_of(self, instance_uid: str) -> str | None:
        """Return the study of an instance: from the evidence; of the document, where it lists no evidence."""
        if not self.evidence.is_stated:
            return self.study_uid
        known = self.evidence.instance(instance_uid)
        return known.study if known else None


def prepare(header: Attributes, options: RenderOptions, log: FindingLog, roles: Roles) -> Environment:
    """Set up the helpers for a document that was admitted."""
    sop_instance_uid, study_uid = header.text(_SOP_INSTANCE) or "", header.text(_STUDY) or ""
    return Environment(
        header,
        options,
        log,
        Codes(CodingSchemes(header, options.coding_schemes, log), log, roles),
        Clock(header.text(_OFFSET), options.default_timezone, log),
        Ids(sop_instance_uid, study_uid),
        Evidence(header),
        header.text(_SOP_CLASS) or "",
        sop_instance_uid,
        study_uid,
        header.text(_SERIES),
    )
