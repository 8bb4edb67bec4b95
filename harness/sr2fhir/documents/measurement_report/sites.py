"""Finding sites and tracked lesions (TID 300, 1410, 1411, 1419, 1501; mapping sections 3.6 and 3.8)."""

from __future__ import annotations

from collections.abc import Mapping

from sr2fhir.documents.measurement_report.structure import is_group
from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.context import Changes, Scope, Uses
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import filled, traced
from sr2fhir.model.tree import Item, coded_json, text_of


class Sites:
    """Collect the finding sites of a document, one entry for each content item that states any.

    Parameters
    ----------
    ids
        Makes their ids.
    uses
        Notes what the items are used for.
    log
        Receives tracking identifiers beyond the first.
    """

    def __init__(self, ids: Ids, uses: Uses, log: FindingLog) -> None:
        self._ids = ids
        self._uses = uses
        self._log = log
        self._found: list[tuple[JsonObject, Item]] = []

    def as_json(self, scopes: Mapping[Item, Scope]) -> list[JsonObject]:
        """Return the entries in document order, each in the language that holds for what was stated."""
        return [entry | _language(scopes[of]) for entry, of in self._found]

    def state(self, item: Item, children: list[Item]) -> Changes:
        """Return the finding site that an item's children state.

        Tracking items count on a Measurement Group only: on a measurement they describe the measurement.
        """
        sites = [
            child
            for child in children
            if child.means("finding-site.site") and child.value_type == "CODE" and coded_json(child)
        ]
        identifier = self._tracking(item, children, "tracking.identifier")
        uid = self._tracking(item, children, "tracking.uid")
        tracking = [child for child in (identifier, uid) if child]
        if not (sites or tracking):
            return {}
        made = self._ids.at([*sites, *tracking][0].identifier, "finding-site")
        self._uses.add("tracking", tracking, made)
        structures = [self._structure(site, made) for site in sites]
        return {"finding_site": self._entry(made, [*sites, *tracking][0], structures, identifier, uid)}

    def _entry(
        self, made: str, of: Item, structures: list[JsonObject], identifier: Item | None, uid: Item | None
    ) -> JsonObject:
        flags = {
            "tracked": bool(identifier or uid),
            "qualified": any("laterality" in one or "modifier" in one for one in structures),
        }
        tracking = {
            "trackingIdentifier": [{"id": identifier.position, "value": text_of(identifier)}]
            if identifier
            else None,
            "trackingUid": [uids.identifier(text_of(uid) or "", uid.position)] if uid else None,
        }
        self._found.append((filled({"id": made, **flags, **tracking, "structure": structures}), of))
        # a tracked or qualified site is written once, above: repeating it on each item costs the engine time
        plain = [] if any(flags.values()) else [one["site"] for one in structures]
        return filled({"id": made, **flags, "site": plain})

    def _tracking(self, item: Item, children: list[Item], term: str) -> Item | None:
        if not is_group(item):
            return None
        stated = [child for child in children if child.means(term) and text_of(child)]
        for further in stated[1:]:
            message = "the group has another tracking identifier; the first was taken"
            self._log.add("warning", "multiplicity", further.position, message)
        return stated[0] if stated else None

    def _structure(self, site: Item, made: str) -> JsonObject:
        self._uses.add("findingSite", [site], made)
        return filled(
            {
                "id": site.position,
                "site": coded_json(site),
                "laterality": self._qualifiers(site, "finding-site.laterality", made, 1),
                "modifier": self._qualifiers(site, "finding-site.modifier", made),
            }
        )

    def _qualifiers(self, site: Item, term: str, made: str, most: int | None = None) -> list[JsonObject]:
        items = [child for child in site.children if child.means(term)]
        found = [(child, value) for child in items if (value := coded_json(child))][:most]
        self._uses.add("findingSite", [child for child, _ in found], made)
        return [value for _, value in found]


def _language(scope: Scope) -> JsonObject:
    stated = scope.language
    return traced({"language": stated.value}, {"language": stated.lineage}) if stated else {}
