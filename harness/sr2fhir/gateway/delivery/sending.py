"""Send the results of one document to a FHIR server: what has to change there, and no more.

::

    collection ──packaging──▶ transaction ──state──▶ what has changed ──withdrawing──▶ and what is no more
                                                                           │
         what is remembered (`Sent`) ◀── response of each ◀── parts ◀──────┘ splitting

A transaction is all or nothing. If there was no response, or the process ended before it was recorded, it
is sent again; what it changed already is recognised by its content. Of a transaction in parts, what is
through is remembered, and the next attempt sends the rest.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sr2fhir.errors import IdentityError
from sr2fhir.gateway.delivery.failures import PostponedError, RefusedError, TooLargeError
from sr2fhir.gateway.delivery.loop import Delivered
from sr2fhir.gateway.delivery.settings import Changed, Destination
from sr2fhir.gateway.delivery.splitting import parts
from sr2fhir.gateway.delivery.state import (
    DELETED,
    WITHDRAWN,
    Changes,
    Item,
    changes,
    is_own,
    is_same,
    version_of,
)
from sr2fhir.gateway.delivery.withdrawing import CHANGED_HINT, DONE, Withdrawing, is_alert, marks
from sr2fhir.gateway.store import Delivery, Failure, Sent
from sr2fhir.jsontext import JsonError, JsonObject, loads_strict
from sr2fhir.outcome import plural
from sr2fhir.packaging import Packaging
from sr2fhir.packaging.transaction import updating
from sr2fhir.references import rewritten

if TYPE_CHECKING:
    from sr2fhir.gateway.delivery.fhir import FhirServer

# statuses by which servers tell that a version of ifMatch is no longer the current one (HAPI: 409)
_NOT_CURRENT = (409, 412)
# how often what others changed is looked up in one delivery
_ROUNDS = 3
_IF_MATCH = re.compile(r'W/"(.*)"')


class Memory(Protocol):
    """What was sent, as the store keeps it."""

    def sent_of(self, destination: str, sop_instance_uid: str) -> list[Sent]:
        """Return what was sent of a document."""
        ...

    def update_sent(self, destination: str, sop_instance_uid: str, sent: Sequence[Sent]) -> None:
        """Replace it."""
        ...


@dataclass
class Sending:
    """Send one document.

    Parameters
    ----------
    server, memory, settings, packaging, delivery
        To whom, what, and how.
    states
        SOP Instance UID of this document, and of predecessors, to what is there of it, by full URL.
    owner
        Full URL of a resource of a predecessor to the SOP Instance UID of that.
    places
        Reference to type and id of what it leads to on the server.
    status
        Of the last response.
    notes
        What is to be told.
    """

    server: FhirServer
    memory: Memory
    settings: Destination
    packaging: Packaging
    delivery: Delivery
    states: dict[str, dict[str, Sent]] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def uid(self) -> str:
        """SOP Instance UID of the document."""
        return self.delivery.sop_instance_uid

    def delivered(self) -> Delivered:
        """Send what has changed; return what is there of the document now.

        Raises
        ------
        PostponedError, RefusedError
            It was not sent, or not all of it.
        """
        transaction = self._transaction()
        state = self._state(self.uid)
        found = changes(transaction, state, lambda name: self.server.read(name) is not None)
        withdrawn = self._withdrawn(transaction)
        self.places = found.places | self.server.lookups.places(
            item.entry["resource"] for item in found.items
        )
        self._send([*found.items, *withdrawn])
        for uid in sorted(set(self.owner.values())):
            self._remember(uid)
        return Delivered(tuple(state.values()), self.status, self._note(found, withdrawn))

    def _transaction(self) -> JsonObject:
        """Read the collection and make it a transaction."""
        file = self.delivery.bundle
        try:
            collection = loads_strict(file.read_bytes()) if file else {}
            made, findings = self.packaging.package(collection)
        except OSError as error:
            reason = f"the Bundle cannot be read ({type(error).__name__})"
            raise PostponedError(
                Failure(None, reason, "See that the folder of the gateway is there")
            ) from None
        except (JsonError, KeyError):
            hint = "Transform the document again"
            raise RefusedError(Failure(None, "the file of the Bundle is damaged", hint)) from None
        except IdentityError as error:
            where = f" [{error.where}]" if error.where else ""
            raise RefusedError(Failure(None, f"{error.message}{where}", error.hint)) from None
        self.notes += [f"{each.code}: {each.message}" for each in findings]
        return _ended(made) if self.delivery.is_succeeded else made

    def _state(self, uid: str) -> dict[str, Sent]:
        """Return what is remembered of a document, by full URL."""
        if uid not in self.states:
            sent = self.memory.sent_of(self.settings.name, uid)
            self.states[uid] = {each.key: each for each in sent}
        return self.states[uid]

    def _remember(self, uid: str) -> None:
        self.memory.update_sent(self.settings.name, uid, list(self.states[uid].values()))

    # ---- what is no more -----------------------------------------------------------------------------------

    def _withdrawn(self, transaction: JsonObject) -> list[Item]:
        """Return entries that withdraw what the document no longer states, and alerts of predecessors."""
        stated = {entry["fullUrl"] for entry in transaction["entry"]}
        withdrawing = Withdrawing(self.server.read, self.settings.withdrawn, self.settings.changed)
        gone = [each for key, each in self._state(self.uid).items() if key not in stated]
        items = withdrawing.items(gone, f"urn:oid:{self.uid}")
        for uid in self.delivery.predecessors:
            older = [each for key, each in self._state(uid).items() if key not in stated]
            alerts = [each for each in older if each.type in marks() and marks()[each.type].predecessors]
            found = withdrawing.items(alerts, f"urn:oid:{uid}")
            self.owner |= {item.key: uid for item in found}
            items += found
        self.notes += withdrawing.notes
        return items

    # ---- sending -------------------------------------------------------------------------------------------

    def _send(self, items: list[Item]) -> None:
        """Send everything, in parts if it is more than the server takes."""
        limit = self.settings.max_entries
        queue = deque(_parts(items, limit or len(items)))
        if limit and (largest := max(map(len, queue), default=0)) > limit:
            reason = f"{largest} resources refer to each other in a circle, and max_entries is {limit}"
            raise RefusedError(Failure(None, reason, "Raise max_entries"))
        while queue:
            part = queue.popleft()
            try:
                self._post(part)
            except TooLargeError as error:
                smaller = _parts(part, half := max(1, len(part) // 2))
                if len(smaller) == 1:
                    raise RefusedError(error.failure) from None
                queue = deque([*smaller, *(each for later in queue for each in _parts(later, half))])
                continue
            if queue:
                self._remember(self.uid)

    def _post(self, items: list[Item]) -> None:
        """Send one transaction; where others changed something meanwhile, do as the settings say."""
        for _ in range(_ROUNDS):
            try:
                self._exchange(items)
                return
            except PostponedError as error:
                if error.failure.status not in _NOT_CURRENT:
                    raise
                left = self._resolved(items)
                if left == items:  # a race that may pass
                    raise
                items = left
        self._exchange(items)

    def _exchange(self, items: list[Item]) -> None:
        """Send one transaction, and remember what came of it."""
        if not items:
            return
        self.status, stored = self.server.transaction([self._placed(item) for item in items])
        for item, place in zip(items, stored, strict=True):
            name = place.name or item.name
            if place.name or item.entry["request"]["method"] != "POST":
                self._settle(item, name, place.version)

    def _placed(self, item: Item) -> JsonObject:
        """Return an entry whose references lead to what is on the server already."""

        def change(reference: JsonObject) -> JsonObject:
            place = self.places.get(reference["reference"])
            return {**reference, "reference": place} if place else reference

        made: JsonObject = rewritten(item.entry, change)
        return made

    def _settle(self, item: Item, name: str, version: str | None) -> None:
        """Remember where a resource is, in which version."""
        self.places[item.key] = name
        if item.digest in (WITHDRAWN, DELETED) or is_own(item.entry["resource"]):
            kind, _, made = name.partition("/")
            state = self.states[self.owner.get(item.key, self.uid)]
            state[item.key] = Sent(kind, made, version, item.digest, item.key)

    def _resolved(self, items: list[Item]) -> list[Item]:
        """Return what is to be sent after a version was found not to be the current one.

        Raises
        ------
        RefusedError
            Somebody changed a resource, and a person is to decide.
        """
        left: list[Item] = []
        changed: dict[Changed, list[str]] = {}
        for item in items:
            expected = _IF_MATCH.fullmatch(item.entry["request"].get("ifMatch", ""))
            held = self.server.read(item.name) if expected else None
            version = version_of(held) if held else None
            if expected is None or version == expected[1]:
                left.append(item)
            elif held and is_same(held, self._placed(item)["resource"]):  # of an earlier attempt
                self._settle(item, item.name, version)
            else:
                policy = "keep" if is_alert(item.name.partition("/")[0]) else self.settings.changed
                changed.setdefault(policy, []).append(item.name)
                left += self._changed(item, policy, expected[1], version)
        if dead := changed.pop("dead", None):
            reason = f"changed there since it was sent: {', '.join(dead)}"
            raise RefusedError(Failure(412, reason, CHANGED_HINT))
        for policy, names in changed.items():
            self.notes.append(f"changed there, {DONE[policy]}: {', '.join(names)}")
        return left

    def _changed(self, item: Item, policy: Changed, expected: str, version: str | None) -> Iterable[Item]:
        """Return what is sent of a resource that somebody changed or, without a version, deleted."""
        if policy == "overwrite":
            entry = {**item.entry, "request": updating(item.name, version)}
            return [item._replace(entry=entry)]
        self.places[item.key] = item.name
        if item.digest != WITHDRAWN:
            self._settle(item, item.name, expected)
        return []

    def _note(self, found: Changes, withdrawn: list[Item]) -> str:
        """Say what was done."""
        done = [
            f"{plural(len(found.items), 'entry', 'entries')} sent" if found.items else "",
            f"{len(found.kept)} unchanged" if found.kept else "",
            f"{len(withdrawn)} withdrawn" if withdrawn else "",
        ]
        return "; ".join([", ".join(filter(None, done)) or "nothing to send", *self.notes])


def _ended(transaction: JsonObject) -> JsonObject:
    """Return a transaction whose alerts are over: a successor of the document is there already."""
    entries = [
        {**entry, "resource": marks()[kind](entry["resource"])}
        if is_alert(kind := entry["resource"]["resourceType"])
        else entry
        for entry in transaction["entry"]
    ]
    return {**transaction, "entry": entries}


def _parts(items: list[Item], most: int) -> list[list[Item]]:
    """Split what is sent."""
    if len(items) <= most:
        return [items] if items else []
    entries = [item.entry for item in items]
    return [[items[index] for index in part] for part in parts(entries, most)]
