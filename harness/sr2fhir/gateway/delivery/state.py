"""What of a document is on a destination, and what a new state of it has to change there (decision D56).

Each resource that was sent is remembered with the digest of what was sent and the version that came of it
(`Sent`). What has not changed since is not sent again: what somebody amended on the server stays, and so does
what somebody deleted. What has changed is sent with ifMatch: only over what was sent.

What belongs to others too is not remembered. A patient, a study or a lesion is created unless it exists, as
often as something refers to it. A device or person that is stored under an id made of its content is sent
only if the server has none: its content cannot be another, so there is nothing to update.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sr2fhir.gateway.store import Sent
from sr2fhir.jsontext import JsonObject, dumps
from sr2fhir.packaging.transaction import updating
from sr2fhir.references import targets

# digests of what is no longer as it was sent, by our doing
WITHDRAWN, DELETED = "withdrawn", "deleted"
_URN = "urn:uuid:"
# type and id at the end of a literal reference, with a base and a version or without
_PLACE = re.compile(r"[A-Za-z]+/(?P<id>[A-Za-z0-9.-]{1,64})(?=(?:/_history/[^/]+)?$)")


class Item(NamedTuple):
    """An entry of a transaction, and what is remembered of it when it is there.

    Parameters
    ----------
    key
        Full URL of the resource in the Bundle of its document.
    entry
        The entry.
    digest
        Of the resource and how it is stored.
    """

    key: str
    entry: JsonObject
    digest: str

    @property
    def name(self) -> str:
        """Type and id of the resource, as it is known at the destination or will be."""
        method, url = self.entry["request"]["method"], str(self.entry["request"]["url"])
        return url if method != "POST" else f"{url}/{self.entry['resource']['id']}"


@dataclass
class Changes:
    """What a destination has to be sent, and what it has.

    Parameters
    ----------
    items
        What is sent, in the order of the Bundle.
    places
        Full URL to type and id of what is there already.
    kept
        What is remembered of that.
    """

    items: list[Item] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    kept: list[Sent] = field(default_factory=list)


def changes(transaction: JsonObject, state: Mapping[str, Sent], exists: Callable[[str], bool]) -> Changes:
    """Compare a transaction with what is on the destination.

    Parameters
    ----------
    transaction
        Of the document as it is now.
    state
        What was sent of it, by full URL.
    exists
        Tells whether the destination has a resource, by type and id.
    """
    made = Changes()
    items = [Item(entry["fullUrl"], entry, digest_of(entry)) for entry in transaction["entry"]]
    sent: dict[str, Item] = {}
    for item in (each for each in items if is_own(each.entry["resource"])):
        before = state.get(item.key)
        if before and before.digest == item.digest:
            made.kept.append(before)
            made.places[item.key] = name_of(before)
        else:
            sent[item.key] = _updating(item, before)
    for item in _needed(items, sent):
        if item.entry["request"]["method"] == "PUT" and exists(item.name):
            made.places[item.key] = item.name
        else:
            sent[item.key] = item
    made.items = [sent[item.key] for item in items if item.key in sent]
    return made


def is_own(resource: JsonObject) -> bool:
    """Tell whether a resource is stated by one document alone (decision D36)."""
    return "source" in resource.get("meta", {})


def name_of(sent: Sent) -> str:
    """Return type and id of what was sent."""
    return f"{sent.type}/{sent.id}"


def digest_of(entry: JsonObject) -> str:
    """Return a digest of a resource and of how it is stored."""
    return hashlib.sha256(dumps([entry["request"], entry["resource"]])).hexdigest()


def _updating(item: Item, before: Sent | None) -> Item:
    """Return an entry that replaces what was sent before, if nobody else did meanwhile."""
    if before is None or before.digest == DELETED:
        return item
    resource = {**item.entry["resource"], "id": before.id}
    request = updating(name_of(before), before.version)
    return item._replace(entry={**item.entry, "resource": resource, "request": request})


def _needed(items: list[Item], sent: Mapping[str, Item]) -> list[Item]:
    """Return what belongs to others too, as far as references lead to it from what is sent."""
    others = {item.key: item for item in items if not is_own(item.entry["resource"])}
    found: dict[str, Item] = {}
    waiting = list(sent.values())
    while waiting:
        for target in targets(waiting.pop().entry["resource"]):
            if target in others and target not in found:
                found[target] = others[target]
                waiting.append(others[target])
    return list(found.values())


# ---- resources of the server -------------------------------------------------------------------------------


def version_of(resource: Mapping[str, Any]) -> str | None:
    """Return the version of a resource of a server, if it states one."""
    version = resource.get("meta", {}).get("versionId")
    return str(version) if version else None


def is_same(held: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Tell whether a server holds what was sent; meta and the form of references are its own.

    Parameters
    ----------
    sent
        With references to what is known to be on the server: `Patient/12`.
    """
    return _is_equal(*({**each, "meta": None, "id": None} for each in (held, sent)))


def _is_equal(held: Any, sent: Any) -> bool:
    if isinstance(held, Mapping) and isinstance(sent, Mapping):
        names = (held.keys() | sent.keys()) - {"reference"}
        return all(_is_equal(held.get(name), sent.get(name)) for name in names) and _leads_there(held, sent)
    if isinstance(held, list) and isinstance(sent, list):
        return len(held) == len(sent) and all(map(_is_equal, held, sent))
    return bool(held == sent)


def _leads_there(held: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Tell whether a reference of a server leads to what was sent.

    What the server was to find by itself is known by its identifier, which the reference says too. Where it
    says none, it is not known to be the same: a result must never stay with another patient.
    """
    there, meant = held.get("reference"), sent.get("reference")
    if not isinstance(there, str) or not isinstance(meant, str):
        return there == meant
    found = _PLACE.search(there)
    if found is None:
        return there == meant
    if meant.startswith(_URN):
        return found["id"] == meant.removeprefix(_URN) or "identifier" in sent
    literal = _PLACE.search(meant)
    return found[0] == literal[0] if literal else "identifier" in sent
