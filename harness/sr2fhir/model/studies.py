"""Study and order that the content tree states for the items below (TID 1005), and studies of the evidence."""

from __future__ import annotations

from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.context import Changes, Uses
from sr2fhir.model.evidence import Evidence
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import filled
from sr2fhir.model.tree import Item, coded_json, first, text_of

_ORDERS = {"procedure.accession": "accession", "procedure.placer": "placer", "procedure.filler": "filler"}


class Studies:
    """Collect studies and orders other than those of the header.

    Parameters
    ----------
    ids
        Makes their ids.
    own
        The study of the header, as the logical model writes it.
    requests
        Orders of the header, as the logical model writes them.
    evidence
        Says which sequence lists a study.
    uses
        Notes what the items are used for.
    """

    def __init__(
        self, ids: Ids, own: JsonObject, requests: list[JsonObject], evidence: Evidence, uses: Uses
    ) -> None:
        self._ids = ids
        self._own = own
        self._requests = requests
        self._evidence = evidence
        self._uses = uses
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

    def of_instances(self, uid: str) -> JsonObject:
        """Return ``referenceSet.study``: the header's, or one more of the document."""
        study = self._own if self._is_own(uid) else self._study(uid, self._evidence.listed_in(uid))
        return filled({"id": study["id"], "uid": study.get("uid"), "identifier": study["identifier"]})

    def state(self, _: Item, children: list[Item]) -> Changes:
        """Return what an item's children state, None for what is the header's."""
        stated = {"study": self._stated_study(children), "request": self._stated_request(children)}
        return {name: value or None for name, value in stated.items() if value is not None}

    def _is_own(self, uid: str) -> bool:
        return bool(self._own["identifier"]["value"] == uids.identifier(uid, "")["value"])

    def _study(self, uid: str, lineage: str) -> JsonObject:
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

    def _stated_study(self, children: list[Item]) -> JsonObject | None:
        """Return ``context.study``, empty where it is the header's; None where no study is stated."""
        item = first(children, "procedure.study")
        uid = text_of(item) if item else None
        if item is None or uid is None:
            return None
        if self._is_own(uid):
            self._uses.add("procedure", [item], self._own["id"], carried=False)
            return {}
        study = self._study(uid, item.position)
        self._uses.add("procedure", [item], study["id"])
        return {"id": study["id"], "identifier": uids.identifier(uid, item.position)}

    def _stated_request(self, children: list[Item]) -> JsonObject | None:
        """Return ``context.request``, empty where it is the header's first; None where no order is stated."""
        stated = {
            name: item for term, name in _ORDERS.items() if (item := first(children, term)) and text_of(item)
        }
        if not stated:
            return None
        known = self._known(stated)
        if known is not None and known is self._requests[0]:
            self._uses.add("procedure", stated.values(), known["id"], carried=False)
            return {}
        procedure = first(children, "procedure.code") if known is None else None
        request = known or self._other(stated, procedure)
        self._uses.add("procedure", (*stated.values(), *([procedure] if procedure else ())), request["id"])
        return filled({"id": request["id"], "accession": request.get("accession")})

    def _known(self, stated: dict[str, Item]) -> JsonObject | None:
        """Return the order of the header that has an identifier in common, and none that differs."""
        for request in self._requests:
            common = [name for name in stated if name in request]
            if common and all(request[name]["value"] == text_of(stated[name]) for name in common):
                return request
        return None

    def _other(self, stated: dict[str, Item], procedure: Item | None) -> JsonObject:
        numbers = {name: {"id": item.position, "value": text_of(item) or ""} for name, item in stated.items()}
        key = repr([(name, number["value"]) for name, number in sorted(numbers.items())])
        if key not in self._other_requests:
            position = next(iter(stated.values())).identifier
            body = {**numbers, "procedure": coded_json(procedure) if procedure else None}
            made = self._ids.of(numbers.values(), position, "request")
            self._other_requests[key] = filled({"id": made, **body})
        return self._other_requests[key]
