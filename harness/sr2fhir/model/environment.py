"""What every stage of rendering needs to know of the document at hand: its options, evidence and helpers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sr2fhir.dicom.notes import keyword_path
from sr2fhir.dicomweb import base_url
from sr2fhir.errors import UsageError
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.codes import Codes, CodingSchemes, Roles
from sr2fhir.model.datatypes import filled
from sr2fhir.model.endpoints import PLACES, Endpoints
from sr2fhir.model.identifiers import Ids, modality_of, sop_class_coding
from sr2fhir.model.times import Clock, zone
from sr2fhir.written import NameInTableError, names_in, uri

# ---- evidence (PS3.3 section C.17.2.3) --------------------------------------------------------------------


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
_SOP_SEQUENCE = tag("ReferencedSOPSequence")
_INSTANCE = tag("ReferencedSOPInstanceUID")
_CLASS = tag("ReferencedSOPClassUID")
# what is read of an item of the evidence, at any of its levels; the places by `Endpoints`
_EVIDENCE_READ = PLACES | {_STUDY, _SERIES_SEQUENCE, _SERIES, _MODALITY, _SOP_SEQUENCE, _INSTANCE, _CLASS}


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
    endpoints
        Where the listed series can be retrieved.

    Attributes
    ----------
    unread
        Paths of attributes that stand in the evidence beside what is read, such as a Purpose of Reference.
    """

    def __init__(self, header: Attributes, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.unread: list[str] = []
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
        """Return the listing as the document has it, but each study and series of a sequence once."""
        return [
            {"kind": kind, **study}
            for kind, studies in self._studies.items()
            for study in _each_once(studies, "studyUid", _joined_studies)
        ]

    def _read(self, header: Attributes, kind: str) -> list[JsonObject]:
        return [self._study(item, kind) for item in header.items(_KINDS[kind])]

    def _study(self, item: Attributes, kind: str) -> JsonObject:
        uid = item.text(_STUDY)
        self._leave([item], kind)
        series = [self._one_series(one, uid, kind) for one in item.items(_SERIES_SEQUENCE)]
        return filled({"studyUid": uid, "series": [one for one in series if one]})

    def _one_series(self, item: Attributes, study: str | None, kind: str) -> JsonObject:
        uid = item.text(_SERIES)
        self._leave([item, *item.items(_SOP_SEQUENCE)], kind)
        listed = (
            Instance(instance, one.text(_CLASS), uid, study)
            for one in item.items(_SOP_SEQUENCE)
            if (instance := one.text(_INSTANCE))
        )
        instances = list(_first_of_each(listed))
        places = []
        if kind in _LOOKED_UP:
            places = self.endpoints.of_series([uid])
            self._places.setdefault(study or "", keyword_path(_KINDS[kind]))
            self._remember(instances)
        return filled(
            {
                "seriesUid": uid,
                "modality": item.text(_MODALITY) or modality_of(one.sop_class for one in instances),
                "endpoint": places,
                "instance": [_listed(instance, kind) for instance in instances],
            }
        )

    def _leave(self, items: Iterable[Attributes], kind: str) -> None:
        """Note the attributes of items of the evidence that are not read."""
        if kind in _LOOKED_UP:
            self.unread += [
                item.path(number)
                for item in items
                for number in item.others(_EVIDENCE_READ)
                if not item.is_empty(number)
            ]

    def _remember(self, instances: list[Instance]) -> None:
        for instance in instances:
            known = self._instances.setdefault(instance.uid, instance)
            if known is instance and instance.series:
                self._series.setdefault(instance.series, []).append(instance)


def _first_of_each(listed: Iterable[Instance]) -> Iterable[Instance]:
    """Return instances without what a series lists again."""
    found: dict[str, Instance] = {}
    for one in listed:
        found.setdefault(one.uid, one)
    return found.values()


def _each_once(
    listed: list[JsonObject], name: str, joined: Callable[[JsonObject, JsonObject], JsonObject]
) -> list[JsonObject]:
    """Return what is listed; of several with one UID one that has what all of them have."""
    found: dict[str, JsonObject] = {}
    for n, one in enumerate(listed):
        key = one.get(name, str(n))
        found[key] = joined(found[key], one) if key in found else one
    return list(found.values())


def _joined_studies(first: JsonObject, further: JsonObject) -> JsonObject:
    series = [*first.get("series", ()), *further.get("series", ())]
    return {**first, "series": _each_once(series, "seriesUid", _joined_series)}


def _joined_series(first: JsonObject, further: JsonObject) -> JsonObject:
    """Return a series with the instances of both; its modality only if both have the same."""
    kept = {name: value for name, value in first.items() if name != "modality" or further.get(name) == value}
    instances = [*first.get("instance", ()), *further.get("instance", ())]
    return {**kept, "instance": list({one["uid"]: one for one in reversed(instances)}.values())[::-1]}


def _listed(instance: Instance, kind: str) -> JsonObject:
    return filled(
        {
            # that an item refers to an instance of the evidence is told by the item
            "id": None if kind in _LOOKED_UP else keyword_path(_KINDS[kind]),
            "uid": instance.uid,
            "sopClass": sop_class_coding(instance.sop_class) if instance.sop_class else None,
        }
    )


# ---- the document -----------------------------------------------------------------------------------------


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
    form
        Whether the maps are to write what DICOM says where the guide misprints it (`corrected`), or what the
        guide says (`ig-literal`, for conformance runs only: decision D3).
    default_timezone
        Offset from UTC, or IANA name of the time zone, where the document states no offset. Without one,
        times of day are left out of dateTimes, and instants are taken to be in UTC.
    coding_schemes
        System for each private coding scheme designator that the user knows.
    patient_id_system, accession_system
        System for a Patient ID or Accession Number that names no issuer at all.
    issuers
        System for each issuer that documents name in words.
    wado_rs
        Base URL of the DICOMweb service where instances can be retrieved, unless the document says otherwise.
    wado_rs_of_ae
        The same for each Retrieve AE Title that documents state; it comes before `wado_rs`.
    diagnostic_report, provenance
        Have the document become a DiagnosticReport, and its origin a Provenance (decisions D37, D38).

    Raises
    ------
    UsageError
        The time zone is not known, a system is no absolute URI, an address is no base URL, or a table is
        none, or has a name that is empty or stands there twice.
    """

    form: Literal["corrected", "ig-literal"] = "corrected"
    default_timezone: str | None = None
    coding_schemes: Mapping[str, str] = field(default_factory=dict)
    patient_id_system: str | None = None
    accession_system: str | None = None
    issuers: Mapping[str, str] = field(default_factory=dict)
    wado_rs: str | None = None
    wado_rs_of_ae: Mapping[str, str] = field(default_factory=dict)
    diagnostic_report: bool = False
    provenance: bool = False

    def __post_init__(self) -> None:
        """Refuse a time zone, a system or an address that is none."""
        if self.default_timezone:
            zone(self.default_timezone)
        for member, read in _READ.items():
            if (value := getattr(self, member)) is not None:
                _check(member, value, read)
        for member, table in _TABLES.items():
            _check_table(member, getattr(self, member), table)


class _Table(NamedTuple):
    """Say what the values of a table are: for people, an example, and what reads one."""

    values: str
    example: str
    read: Callable[[object], str]


_READ: Mapping[str, Callable[[object], str]] = {
    "patient_id_system": uri,
    "accession_system": uri,
    "wado_rs": base_url,
}
_SYSTEMS = _Table("systems", '{"HOSP_B": "urn:oid:1.2.840.99999.1"}', uri)
_TABLES: Mapping[str, _Table] = {
    "coding_schemes": _SYSTEMS,
    "issuers": _SYSTEMS,
    "wado_rs_of_ae": _Table("addresses", '{"PACS1": "https://pacs.example/dicom-web"}', base_url),
}


def _check_table(member: str, stated: object, table: _Table) -> None:
    """Refuse what is no table of names; names count without blanks around them."""
    if not isinstance(stated, Mapping) or not all(isinstance(name, str) for name in stated):
        raise UsageError(
            f"{member}: not a table of names and their {table.values}", hint=f"Write {table.example}"
        )
    try:
        names = names_in(stated)
    except NameInTableError as error:
        raise UsageError(f"{member}: {error}", where=error.name or None) from error
    for name in names:
        _check(member, stated[name], table.read, name)


def _check(member: str, value: object, read: Callable[[object], str], name: str | None = None) -> None:
    try:
        read(value)
    except ValueError as error:
        raise UsageError(f"{member}: {error}", where=name) from error


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


def _copies(header: Attributes) -> Iterator[str]:
    """Yield the SOP Instance UIDs of the documents that are listed as identical to this one."""
    for study in header.items(_KINDS["identical"]):
        for series in study.items(_SERIES_SEQUENCE):
            yield from (uid for one in series.items(_SOP_SEQUENCE) if (uid := one.text(_INSTANCE)))


def prepare(header: Attributes, options: RenderOptions, log: FindingLog, roles: Roles) -> Environment:
    """Set up the helpers for a document that was admitted."""
    sop_instance_uid, study_uid = header.text(_SOP_INSTANCE) or "", header.text(_STUDY) or ""
    ids = Ids(sop_instance_uid, study_uid, _copies(header))
    endpoints = Endpoints(header, ids, log, options.wado_rs, options.wado_rs_of_ae)
    return Environment(
        header,
        options,
        log,
        Codes(CodingSchemes(header, options.coding_schemes, log), log, roles),
        Clock(header.text(_OFFSET), options.default_timezone, log),
        ids,
        Evidence(header, endpoints),
        header.text(_SOP_CLASS) or "",
        sop_instance_uid,
        study_uid,
        header.text(_SERIES),
    )
