"""Finding sites and tracked lesions (TID 300, 1410, 1411, 1419, 1501; mapping sections 3.6 and 3.8)."""

from __future__ import annotations

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model import uids
from sr2fhir.model.content import coded_json, text_of
from sr2fhir.model.identifiers import Ids
from sr2fhir.model.members import filled, traced
from sr2fhir.model.scope import Scope
from sr2fhir.model.tree import Item

SITE = "SCT#363698007"
TRACKING_IDENTIFIER = "DCM#112039"
TRACKING_UID = "DCM#112040"
_LATERALITY = "SCT#272741003"
_MODIFIER = "SCT#106233006"
KEYS = frozenset({SITE, TRACKING_IDENTIFIER, TRACKING_UID})


class Sites:
    """Collect the finding sites of a document, one entry for each content item that states any.

    Parameters
    ----------
    ids
        Makes their ids.
    log
        Receives tracking identifiers beyond the first.
    """

    def __init__(self, ids: Ids, log: FindingLog) -> None:
        self._ids = ids
        self._log = log
        self._found: list[tuple[JsonObject, Item]] = []

    def as_json(self) -> list[JsonObject]:
        """Return the entries in document order, once all items have their scopes."""
        return [_in_language(entry, of.scope or Scope()) for entry, of in self._found]

    def state(self, item: Item, children: list[Item]) -> JsonObject | None:
        """Return ``context.findingSite`` for what an item's children state; None where they state nothing.

        Tracking items count on a Measurement Group only: on a measurement they describe the measurement.
        """
        sites = [
            child
            for child in children
            if child.has_key(SITE) and child.value_type == "CODE" and coded_json(child)
        ]
        identifier = self._tracking(item, children, TRACKING_IDENTIFIER)
        uid = self._tracking(item, children, TRACKING_UID)
        used = [*sites, *(child for child in (identifier, uid) if child)]
        if not used:
            return None
        structures = [_structure(site) for site in sites]
        return self._entry(used[0], structures, identifier, uid)

    def _entry(
        self, of: Item, structures: list[JsonObject], identifier: Item | None, uid: Item | None
    ) -> JsonObject:
        made = self._ids.at(of.identifier, "finding-site")
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

    def _tracking(self, item: Item, children: list[Item], key: str) -> Item | None:
        if not item.is_group():
            return None
        stated = [child for child in children if child.has_key(key) and text_of(child)]
        for further in stated[1:]:
            self._log.add(
                "warning",
                "multiplicity",
                further.position,
                "the group has another tracking identifier; the first was taken",
            )
        if stated:
            stated[0].resolved = "tracking"
        return stated[0] if stated else None


def _in_language(entry: JsonObject, scope: Scope) -> JsonObject:
    """Add the language that holds for what was stated."""
    return entry | traced({"language": scope.language}, {"language": scope.language_from or ""})


def _structure(site: Item) -> JsonObject:
    site.resolved = "findingSite"
    return filled(
        {
            "id": site.position,
            "site": coded_json(site),
            "laterality": _qualifiers(site, _LATERALITY, 1),
            "modifier": _qualifiers(site, _MODIFIER),
        }
    )


def _qualifiers(site: Item, key: str, most: int | None = None) -> list[JsonObject]:
    items = [child for child in site.children if child.has_key(key)]
    found = [(child, value) for child in items if (value := coded_json(child))][:most]
    for child, _ in found:
        child.resolved = "findingSite"
    return [value for _, value in found]
