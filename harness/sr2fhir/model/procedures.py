"""Study and order that the content tree states for the items below (TID 1005)."""

from __future__ import annotations

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.content import coded_json, first, text_of
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item

_STUDY = "DCM#121018"
_ORDERS = {"DCM#121022": "accession", "DCM#121020": "placer", "DCM#121021": "filler"}
_PROCEDURE = "DCM#121023"
KEYS = frozenset({_STUDY, _PROCEDURE, *_ORDERS})


class Procedures:
    """Collect studies and orders other than those of the header.

    Parameters
    ----------
    ids
        Makes their ids.
    study_uid
        Of the header.
    requests
        Orders of the header, as the logical model writes them.
    log
        Receives UIDs that are none.
    """

    def __init__(self, ids: Ids, study_uid: str, requests: list[JsonObject], log: FindingLog) -> None:
        self._ids = ids
        self._study_uid = study_uid
        self._requests = requests
        self._log = log
        self._studies: dict[str, JsonObject] = {}
        self._other_requests: dict[str, JsonObject] = {}

    @property
    def studies(self) -> list[JsonObject]:
        """Return the further studies that anything refers to."""
        return list(self._studies.values())

    @property
    def requests(self) -> list[JsonObject]:
        """Return the orders that only the content tree states."""
        return list(self._other_requests.values())

    def study(self, uid: str, lineage: str) -> JsonObject:
        """Return ``otherStudy`` for a study of the evidence or of the content tree."""
        if uid not in self._studies:
            identifier = uids.identifier(uid, lineage)
            self._studies[uid] = filled(
                {
                    "id": self._ids.of([identifier], lineage, "study"),
                    "uid": uid if len(uid) <= uids.MAX_LENGTH else None,
                    "identifier": identifier,
                }
            )
        return self._studies[uid]

    def state_study(self, children: list[Item]) -> JsonObject | None:
        """Return ``context.study``, empty where it is the header's; None where no study is stated."""
        item = first(children, _STUDY)
        uid = text_of(item) if item else None
        if item is None or uid is None:
            return None
        item.resolved = "procedure"
        if uid == self._study_uid:
            return {}
        study = self.study(uid, item.position)
        return {"id": study["id"], "identifier": uids.identifier(uid, item.position)}

    def state_request(self, children: list[Item]) -> JsonObject | None:
        """Return ``context.request``, empty where it is the header's first; None where no order is stated."""
        stated = {
            field: item for key, field in _ORDERS.items() if (item := first(children, key)) and text_of(item)
        }
        if not stated:
            return None
        for item in stated.values():
            item.resolved = "procedure"
        known = self._known(stated)
        if known is not None and known is self._requests[0]:
            return {}
        request = known or self._other(stated, first(children, _PROCEDURE))
        return filled({"id": request["id"], "accession": request.get("accession")})

    def _known(self, stated: dict[str, Item]) -> JsonObject | None:
        """Return the order of the header that has an identifier in common, and none that differs."""
        for request in self._requests:
            common = [field for field in stated if field in request]
            if common and all(request[field]["value"] == text_of(stated[field]) for field in common):
                return request
        return None

    def _other(self, stated: dict[str, Item], procedure: Item | None) -> JsonObject:
        numbers = {
            field: {"id": item.position, "value": text_of(item) or ""} for field, item in stated.items()
        }
        key = repr([(field, number["value"]) for field, number in sorted(numbers.items())])
        if key not in self._other_requests:
            place = next(iter(stated.values())).identifier
            body = {**numbers, "procedure": coded_json(procedure) if procedure else None}
            self._other_requests[key] = filled(
                {"id": self._ids.of(numbers.values(), place, "request"), **body}
            )
        if procedure:
            procedure.resolved = "procedure"
        return self._other_requests[key]
