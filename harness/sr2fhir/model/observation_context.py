"""Observation context: what each content item states for itself and what is below it (TID 1001)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sr2fhir.model import algorithms, language, observers, procedures, sites, subjects
from sr2fhir.model.attributes import tag
from sr2fhir.model.content import coded_json
from sr2fhir.model.datetimes import is_instant
from sr2fhir.model.environment import Environment
from sr2fhir.model.people import People
from sr2fhir.model.scope import Scope
from sr2fhir.model.tree import Item

_CONTENT_DATE = tag("ContentDate")
_CONTENT_TIME = tag("ContentTime")
_CREATION_DATE = tag("InstanceCreationDate")
_CREATION_TIME = tag("InstanceCreationTime")

_METHOD = "SCT#370129005"
_Changes = dict[str, Any]
_ASPECTS: dict[str, frozenset[str]] = {
    "observer": observers.KEYS,
    "subject": subjects.KEYS,
    "procedure": procedures.KEYS,
    "language": language.KEYS,
    "algorithm": algorithms.KEYS,
    "site": sites.KEYS,
    "method": frozenset({_METHOD}),
}
_ASPECT_OF = {key: aspect for aspect, keys in _ASPECTS.items() for key in keys}


@dataclass(frozen=True, slots=True)
class Moment:
    """A dateTime with the keyword path that states it."""

    value: str
    path: str


def content_date_time(env: Environment) -> str | None:
    """Return Content Date and Time."""
    return env.clock.joined(env.header.text(_CONTENT_DATE), env.header.text(_CONTENT_TIME), "ContentDate")


def creation_date_time(env: Environment) -> str | None:
    """Return Instance Creation Date and Time."""
    return env.clock.joined(
        env.header.text(_CREATION_DATE), env.header.text(_CREATION_TIME), "InstanceCreationDate"
    )


class ObservationContext:
    """Give every content item its scope.

    Parameters
    ----------
    env
        The document.
    people
        Collects the observers.
    algorithms, sites, subjects, procedures
        Collect what else is stated.
    """

    def __init__(
        self,
        env: Environment,
        people: People,
        algorithms: algorithms.Algorithms,
        sites: sites.Sites,
        subjects: subjects.Subjects,
        procedures: procedures.Procedures,
    ) -> None:
        self._env = env
        self._people = people
        self._algorithms = algorithms
        self._sites = sites
        self._subjects = subjects
        self._procedures = procedures
        self._handlers: dict[str, Callable[[Item, list[Item]], _Changes]] = {
            "observer": self._observers,
            "subject": self._subject,
            "procedure": self._procedure,
            "language": self._language,
            "algorithm": self._algorithm,
            "site": self._site,
            "method": _method,
        }

    def assign(self, items: Iterable[Item], issued: Moment | None) -> None:
        """Set the scope of all items, parents before children.

        Parameters
        ----------
        items
            In document order.
        issued
            What holds where no item states an Observation DateTime.
        """
        outermost = Scope(issued=issued.value, issued_from=issued.path) if issued else Scope()
        for item in items:
            inherited = (item.parent.scope if item.parent else None) or outermost
            changes = {} if item.in_library or item.by_reference else self._stated(item)
            item.scope = replace(inherited, **changes) if changes else inherited

    def _stated(self, item: Item) -> _Changes:
        changes = _issued(item)
        for aspect, children in _by_aspect(item.children).items():
            changes |= self._handlers[aspect](item, children)
        return changes

    def _observers(self, _: Item, children: list[Item]) -> _Changes:
        stated = observers.state(children, self._people, self._env.log)
        return {"persons": stated[0], "devices": stated[1]} if stated else {}

    def _subject(self, _: Item, children: list[Item]) -> _Changes:
        stated = self._subjects.state(children)
        return {} if stated is None else {"subjects": stated}

    def _procedure(self, _: Item, children: list[Item]) -> _Changes:
        study, request = self._procedures.state_study(children), self._procedures.state_request(children)
        stated = {"study": study, "request": request}
        return {name: value or None for name, value in stated.items() if value is not None}

    def _language(self, _: Item, children: list[Item]) -> _Changes:
        stated = language.state(children, self._env.log)
        return {"language": stated[0], "language_from": stated[1]} if stated else {}

    def _algorithm(self, _: Item, children: list[Item]) -> _Changes:
        stated = self._algorithms.state(children)
        return {"algorithms": stated} if stated else {}

    def _site(self, item: Item, children: list[Item]) -> _Changes:
        stated = self._sites.state(item, children)
        return {"finding_site": stated} if stated else {}


def _method(_: Item, children: list[Item]) -> _Changes:
    stated = next((value for child in children if (value := coded_json(child))), None)
    return {"method": stated} if stated else {}


def _issued(item: Item) -> _Changes:
    return {"issued": item.observed, "issued_from": item.position} if is_instant(item.observed) else {}


def _by_aspect(children: list[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for child in children:
        aspect = next((_ASPECT_OF[key] for key in child.keys if key in _ASPECT_OF), None)
        if aspect:
            found.setdefault(aspect, []).append(child)
    return found
