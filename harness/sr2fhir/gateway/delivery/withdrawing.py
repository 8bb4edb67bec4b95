"""What a document no longer states, marked on the destination or deleted there (decision D56).

A resource is read from the server and comes back with one element changed (`withdrawn.toml`), so that nothing
of it is lost, and only if it still has the version that was read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from sr2fhir.gateway.delivery.failures import RefusedError
from sr2fhir.gateway.delivery.settings import Changed, Withdrawn
from sr2fhir.gateway.delivery.splitting import circles, references
from sr2fhir.gateway.delivery.state import DELETED, WITHDRAWN, Item, name_of, version_of
from sr2fhir.gateway.store import Failure, Sent
from sr2fhir.jsontext import JsonObject
from sr2fhir.packaging.transaction import updating

Read = Callable[[str], JsonObject | None]
"""Reads a resource by type and id; None where there is none."""

DONE: dict[Changed, str] = {"keep": "left as it is", "overwrite": "overwritten"}
CHANGED_HINT = (
    'Look at it there; set changed to "keep" or "overwrite" for what is to become of it, and replay'
)


@dataclass(frozen=True)
class Mark:
    """Say how a type of resource is marked.

    Parameters
    ----------
    element, value
        Which element has which value then.
    extension
        URL of the modifier extension that has the element.
    only
        The value that the element has to have; an alert that somebody has acted upon has another.
    predecessors
        Whether it is withdrawn when a successor names the document, too.
    """

    element: str
    value: str | bool
    extension: str | None = None
    only: str | None = None
    predecessors: bool = False

    def __call__(self, resource: JsonObject) -> JsonObject:
        """Return a resource that is marked."""
        if self.extension is None:
            return {**resource, self.element: self.value}
        found = [
            {**each, self.element: self.value} if each.get("url") == self.extension else each
            for each in resource.get("modifierExtension", ())
        ]
        return {**resource, "modifierExtension": found}


@cache
def marks() -> dict[str, Mark]:
    """Return how each type is marked; what is not there is left alone."""
    table = tomllib.loads(files(__package__).joinpath("withdrawn.toml").read_text("utf-8"))
    return {name: Mark(**row) for name, row in table.items()}


def is_alert(kind: str) -> bool:
    """Tell whether resources of a type are for somebody to act upon."""
    return kind in marks() and marks()[kind].only is not None


@dataclass
class Withdrawing:
    """Find out what is to be done about resources that a document no longer states.

    Parameters
    ----------
    read
        Reads from the server.
    way
        Whether they are marked or deleted.
    changed
        What becomes of those that somebody else changed.
    notes
        What is to be told of it.
    """

    read: Read
    way: Withdrawn
    changed: Changed
    notes: list[str] = field(default_factory=list)

    def items(self, withdrawn: Iterable[Sent], source: str) -> list[Item]:
        """Return the entries that withdraw resources; what refers to others comes before these.

        Parameters
        ----------
        withdrawn
            What was sent of them.
        source
            meta.source of the document that stated them. What another one states by now is left alone.

        Raises
        ------
        RefusedError
            Somebody changed one of them, and a person is to decide.
        """
        found = list(self._found(withdrawn, source))
        order = circles(references([{"resource": resource} for _, resource in found]))
        return [self._item(*found[index]) for together in list(order)[::-1] for index in together]

    def _found(self, withdrawn: Iterable[Sent], source: str) -> Iterator[tuple[Sent, JsonObject]]:
        """Return what is there yet and as it was sent, with what the server holds."""
        changed = []
        for sent in withdrawn:
            resource = self.read(name_of(sent)) if sent.type in marks() else None
            if resource is None or sent.digest in (WITHDRAWN, DELETED) or not _is_of(resource, source):
                continue
            if self._is_marked(sent.type) and marks()[sent.type](resource) == resource:
                continue
            if is_alert(sent.type):  # whoever added something to it loses nothing
                if resource.get(marks()[sent.type].element) == marks()[sent.type].only:
                    yield sent, resource
                continue
            if sent.version and version_of(resource) not in (None, sent.version):
                changed.append(name_of(sent))
                if self.changed == "keep":
                    continue
            yield sent, resource
        if changed and self.changed == "dead":
            reason = f"changed there, and no longer stated by the document: {', '.join(changed)}"
            raise RefusedError(Failure(412, reason, CHANGED_HINT))
        if changed:
            self.notes.append(f"changed there, withdrawn here, {DONE[self.changed]}: {', '.join(changed)}")

    def _is_marked(self, kind: str) -> bool:
        """Tell whether a type is marked, not deleted; alerts always are, as somebody acted upon them."""
        return self.way != "delete" or is_alert(kind)

    def _item(self, sent: Sent, resource: JsonObject) -> Item:
        name = name_of(sent)
        if not self._is_marked(sent.type):
            return Item(sent.key, {"request": {"method": "DELETE", "url": name}}, DELETED)
        entry = {
            "fullUrl": sent.key,
            "resource": marks()[sent.type](resource),
            "request": updating(name, version_of(resource)),
        }
        return Item(sent.key, entry, WITHDRAWN)


def _is_of(resource: JsonObject, source: str) -> bool:
    """Tell whether a resource is of a document; a server may add the id of its request (HAPI), or drop it."""
    stated: Any = resource.get("meta", {}).get("source")
    return not isinstance(stated, str) or stated.partition("#")[0] == source
