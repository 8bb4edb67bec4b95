"""Where instances can be retrieved, as the evidence states it and as a site tells it (mapping row 3.2.24).

A Retrieve URL is the address of an Endpoint. An AE title, a location or a file-set has no address, which an
Endpoint needs: it is named by its identifier alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from sr2fhir.dicomweb import base_url, service_url
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.attributes import Attributes, tag
from sr2fhir.model.datatypes import traced
from sr2fhir.model.identifiers import UID_HINT, Ids, is_valid_uid, uid_identifier

WADO_RS = "wado-rs"

_URL = tag("RetrieveURL")
# PS3.3 Table C.17-3a
_PLACES: Mapping[int, str] = {
    tag("RetrieveAETitle"): "ae-title",
    tag("RetrieveLocationUID"): "location",
    tag("StorageMediaFileSetID"): "file-set-id",
    tag("StorageMediaFileSetUID"): "file-set-uid",
}
PLACES = frozenset({_URL, *_PLACES})
"""Tags of the attributes that say where something can be retrieved."""
_UIDS = frozenset({"location", "file-set-uid"})
_EVIDENCE = tuple(map(tag, ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")))
_SERIES_SEQUENCE = tag("ReferencedSeriesSequence")
_SOP_SEQUENCE = tag("ReferencedSOPSequence")
_STUDY = tag("StudyInstanceUID")
_SERIES = tag("SeriesInstanceUID")
_INSTANCE = tag("ReferencedSOPInstanceUID")

_UID_ATTRIBUTES = {"study": _STUDY, "series": _SERIES, "instance": _INSTANCE}
_URI_SYSTEM = "urn:ietf:rfc:3986"

_CUT = "the Retrieve URL is that of a study, series or instance: the Endpoint has the base URL of the service"
_MORE = "query, fragment and credentials of the Retrieve URL are left out: an Endpoint has the base URL alone"
_OTHER = "the Retrieve URL is that of another study, series or instance than the one for which it is stated"
_OTHER_HINT = "Check the document: the service may not have what the evidence lists"
_NO_UID = "no UID stands there: it names no place, and is left out"
_NO_URL = "the Retrieve URL is {}: no Endpoint is made of it"
_NO_URL_HINT = "PS3.18 section 10.4: state http or https, the host, and the path up to /studies"


class _Key(NamedTuple):
    """Tell places apart: what it is, and its base URL, title or UID."""

    kind: str
    value: str


_References = dict[_Key, JsonObject]


class Endpoints:
    """Find the places where series can be retrieved.

    For each series those count that are stated for its study, for itself or for its instances. Where no
    Retrieve URL is among them, the site's URL for a Retrieve AE Title stands in, else the site's URL for all.

    Parameters
    ----------
    header
        The document's attributes.
    ids
        Makes the ids of Endpoints.
    log
        Receives what Retrieve URLs have beside the base URL, and those that are none.
    url
        Base URL of the site, if any.
    urls_of_ae
        AE title to base URL.
    """

    def __init__(
        self, header: Attributes, ids: Ids, log: FindingLog, url: str | None, urls_of_ae: Mapping[str, str]
    ) -> None:
        self._ids = ids
        self._log = log
        self._urls_of_ae = {title.strip(): base_url(each) for title, each in urls_of_ae.items()}
        self._made: dict[str, JsonObject] = {}
        self._first: dict[_Key, str] = {}
        self.paths: list[str] = []
        self.same: dict[str, str] = {}
        self._series: dict[str, _References] = {}
        self._studies: dict[str, _References] = {}
        self._own_study, self._own_series = header.text(_STUDY) or "", header.text(_SERIES) or ""
        stated = list(self._stated(header))
        self._default = self._endpoint(base_url(url), None) if url else {}
        self._read_evidence(header)
        self._place_document(dict(stated))

    def as_json(self) -> list[JsonObject]:
        """Return the Endpoints that anything may refer to."""
        return list(self._made.values())

    def of_series(self, uids: Iterable[str | None]) -> list[JsonObject]:
        """Return the places of series; for one that is not known, and for none, that of the site."""
        found: _References = {}
        for uid in uids:
            found |= self._series.get(uid or "", self._default)
        return list(found.values())

    def of_study(self, uid: str) -> list[JsonObject]:
        """Return the places of all series of a study."""
        return list(self._studies.get(uid, self._default).values())

    # ---- the evidence --------------------------------------------------------------------------------------

    def _read_evidence(self, header: Attributes) -> None:
        for study in (item for sequence in _EVIDENCE for item in header.items(sequence)):
            of_study = dict(self._stated(study))
            if of_study:
                self._add(study.text(_STUDY) or "", "", self._completed(of_study))
            for series in study.items(_SERIES_SEQUENCE):
                stated = of_study | dict(self._stated(series, study))
                for instance in series.items(_SOP_SEQUENCE):
                    stated |= dict(self._stated(instance, study, series))
                self._add(study.text(_STUDY) or "", series.text(_SERIES) or "", self._completed(stated))

    def _place_document(self, stated: _References) -> None:
        """Place the document: where its header says, else where its study is."""
        own = self._completed(stated) if stated else self._studies.get(self._own_study, self._default)
        self._add(self._own_study, self._own_series, own)

    def _add(self, study: str, series: str, found: _References) -> None:
        for uid, known in ((series, self._series), (study, self._studies)):
            if uid:
                known[uid] = known.get(uid, {}) | found

    def _completed(self, stated: _References) -> _References:
        """Return the places with those that the site tells, where no Retrieve URL is among them."""
        if any(key.kind == WADO_RS for key in stated):
            return stated
        titles = (key.value for key in stated if key.kind == "ae-title")
        known = [url for title in titles if (url := self._urls_of_ae.get(title))]
        told = {key: ref for url in known for key, ref in self._endpoint(url, None).items()}
        return (told or self._default) | stated

    def _stated(self, item: Attributes, *around: Attributes) -> Iterator[tuple[_Key, JsonObject]]:
        """Yield the places that an item states."""
        if not item.is_empty(_URL):
            yield from self._of_url(item, around)
        for number, kind in _PLACES.items():
            if not item.is_empty(number):
                yield from self._named(item, number, kind)

    def _of_url(self, item: Attributes, around: tuple[Attributes, ...]) -> Iterator[tuple[_Key, JsonObject]]:
        text, path = item.text(_URL), item.path(_URL)
        self.paths.append(path)
        if text is None:
            return
        try:
            service = service_url(text)
        except ValueError as error:
            self._log.add("warning", "invalid-value", path, _NO_URL.format(error), _NO_URL_HINT)
            return
        if service.has_more:
            self._log.add("information", "no-target", path, _MORE)
        if not service.is_base:
            self._log.once("information", "degraded", path, _CUT)
            self._compare(service.uids, (item, *around), path)
        yield from self._endpoint(service.base, path).items()

    def _compare(self, uids: Mapping[str, str], items: tuple[Attributes, ...], path: str) -> None:
        """Report a URL that is not that of the study, series and instance for which it is stated."""
        for name, uid in uids.items():
            ours = next((found for each in items if (found := each.text(_UID_ATTRIBUTES[name]))), uid)
            if ours != uid:
                self._log.add("warning", "conflict", path, _OTHER, _OTHER_HINT)
                return

    def _named(self, item: Attributes, number: int, kind: str) -> Iterator[tuple[_Key, JsonObject]]:
        """Yield what an AE title, a location or a file-set is named by."""
        path = item.path(number)
        self.paths.append(path)
        for text in item.texts(number):
            if kind in _UIDS and not is_valid_uid(text):
                self._log.add("warning", "invalid-value", path, _NO_UID, UID_HINT)
                continue
            first = self._place(_Key(kind, text), path)
            identifier = uid_identifier(text, first) if kind in _UIDS else {"id": first, "value": text}
            yield _Key(kind, text), {"kind": kind, "identifier": identifier}

    # ---- Endpoints -----------------------------------------------------------------------------------------

    def _endpoint(self, base: str, path: str | None) -> _References:
        """Return the reference to the Endpoint of a base URL; its path leads to the first that states it."""
        key = _Key(WADO_RS, base)
        identifier = {"system": _URI_SYSTEM, "value": base}
        made = self._made.get(base) or {
            "id": self._ids.of([identifier], base, "endpoint"),
            "kind": WADO_RS,
            "identifier": identifier,
        }
        lineage = {"address": self._place(key, path)} if path else {}
        if base not in self._made or (lineage and "_address" not in made):
            self._made[base] = made | traced({"address": base}, lineage)
        return {key: {"id": made["id"], "kind": WADO_RS}}

    def _place(self, key: _Key, path: str) -> str:
        """Return where a place is stated first; what states it again says the same."""
        first = self._first.setdefault(key, path)
        if first != path:
            self.same[path] = first
        return first
