"""Evidence: which instance belongs to which series and study (PS3.3 section C.17.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from sr2fhir.dicom.notes import keyword_path
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.members import filled

_KINDS = {
    "current": tag("CurrentRequestedProcedureEvidenceSequence"),
    "pertinent": tag("PertinentOtherEvidenceSequence"),
    "predecessor": tag("PredecessorDocumentsSequence"),
    "identical": tag("IdenticalDocumentsSequence"),
}
_LOOKED_UP = ("current", "pertinent")
_STUDY = tag("StudyInstanceUID")
_SERIES_SEQUENCE = tag("ReferencedSeriesSequence")
_SERIES = tag("SeriesInstanceUID")
_MODALITY = tag("Modality")
_URL = tag("RetrieveURL")
_SOP_SEQUENCE = tag("ReferencedSOPSequence")
_INSTANCE = tag("ReferencedSOPInstanceUID")
_CLASS = tag("ReferencedSOPClassUID")


@dataclass(frozen=True, slots=True)
class Instance:
    """One listed instance."""

    uid: str
    sop_class: str | None
    series: str | None
    study: str | None


class Evidence:
    """Look instances up in the evidence of a document.

    Parameters
    ----------
    header
        The document's attributes.
    """

    def __init__(self, header: Attributes) -> None:
        self._instances: dict[str, Instance] = {}
        self._series: dict[str, list[Instance]] = {}
        self._places: dict[str, str] = {}
        self._studies = {kind: self._read(header, kind) for kind in _KINDS}

    @property
    def is_stated(self) -> bool:
        """Tell whether the document lists any evidence."""
        return bool(self._instances)

    def instance(self, uid: str) -> Instance | None:
        """Return the listed instance of a SOP Instance UID."""
        return self._instances.get(uid)

    def of_series(self, uid: str) -> list[Instance]:
        """Return the listed instances of a series."""
        return self._series.get(uid, [])

    def listed_in(self, study_uid: str) -> str:
        """Return the keyword of the sequence that lists a study."""
        return self._places.get(study_uid, "StudyInstanceUID")

    def as_json(self) -> list[JsonObject]:
        """Return the listing as the document has it."""
        return [{"kind": kind, **study} for kind, studies in self._studies.items() for study in studies]

    def _read(self, header: Attributes, kind: str) -> list[JsonObject]:
        return [self._study(item, kind) for item in header.items(_KINDS[kind])]

    def _study(self, item: Attributes, kind: str) -> JsonObject:
        uid, url = item.text(_STUDY), item.text(_URL)
        series = [self._one_series(one, uid, url, kind) for one in item.items(_SERIES_SEQUENCE)]
        return filled({"studyUid": uid, "series": [one for one in series if one]})

    def _one_series(self, item: Attributes, study: str | None, url: str | None, kind: str) -> JsonObject:
        uid = item.text(_SERIES)
        instances = [
            Instance(instance, one.text(_CLASS), uid, study)
            for one in item.items(_SOP_SEQUENCE)
            if (instance := one.text(_INSTANCE))
        ]
        if kind in _LOOKED_UP:
            self._places.setdefault(study or "", keyword_path(_KINDS[kind]))
            self._remember(instances)
        return filled(
            {
                "seriesUid": uid,
                "modality": item.text(_MODALITY),
                "retrieveUrl": item.text(_URL) or url,
                "instance": [_listed(instance) for instance in instances],
            }
        )

    def _remember(self, instances: list[Instance]) -> None:
        for instance in instances:
            known = self._instances.setdefault(instance.uid, instance)
            if known is instance and instance.series:
                self._series.setdefault(instance.series, []).append(instance)


def _listed(instance: Instance) -> JsonObject:
    return filled(
        {"uid": instance.uid, "sopClass": uids.sop_class(instance.sop_class) if instance.sop_class else None}
    )
