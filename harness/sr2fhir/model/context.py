"""Observation context: what each content item states for itself and what is below it (TID 1001)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from sr2fhir.findings import FindingLog
from sr2fhir.jsontext import JsonObject
from sr2fhir.model.datatypes import joined
from sr2fhir.model.times import is_instant
from sr2fhir.model.tree import Item, first
from sr2fhir.model.values import Values

_TAG = re.compile(
    r"([A-Za-z]{2,3})((?:-[A-Za-z]{4})?)((?:-(?:[A-Za-z]{2}|[0-9]{3}))?)((?:-[A-Za-z0-9]{2,8})*)"
)
_REGION = re.compile(r"[A-Za-z]{2}|[0-9]{3}")

Changes = dict[str, Any]
Handler = Callable[[Item, list[Item], "Scope"], Changes]
"""From an item, its children that state one aspect of the context, and its Scope so far, to members of it."""


def stated(name: str, value: object) -> Changes:
    """Return the change of one member; none where nothing is stated."""
    return {name: value} if value else {}


@dataclass(frozen=True, slots=True)
class Moment:
    """A dateTime with the lineage of what states it."""

    value: str
    lineage: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds for an item by inheritance: the nearest ancestor-or-self that states it.

    Parameters
    ----------
    issued, language
        Observation DateTime as an instant; BCP-47 tag.
    persons, devices
        Ids of the observers; both replaced when an item states any observer.
    functions
        Id of an observer → the role in the procedure that is stated of it, as a CodeableConcept.
    algorithms
        Ids of the algorithms.
    method
        Measurement Method, with its id.
    subjects, study, request, finding_site
        As the logical model writes them in ``context``.
    foreign
        Whether it is about another patient than the header (decision D35).
    """

    issued: Moment | None = None
    language: Moment | None = None
    persons: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    functions: Mapping[str, JsonObject] = field(default_factory=dict)
    algorithms: tuple[str, ...] = ()
    method: JsonObject | None = None
    subjects: tuple[JsonObject, ...] = ()
    study: JsonObject | None = None
    request: JsonObject | None = None
    finding_site: JsonObject | None = None
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """What a content item was used for.

    Parameters
    ----------
    kind
        ``observer``, ``subject``, ``procedure``, ``language``, ``algorithm``, ``tracking``, ``findingSite``
        or ``effective``.
    resource
        Id of the resource that it describes.
    carried
        Whether its value goes into that resource. A value that only chooses, or that repeats another one,
        does not.
    """

    kind: str
    resource: str | None = None
    carried: bool = True


@dataclass(frozen=True)
class Uses:
    """What the renderer made of content items and of attributes that no element has to name.

    Parameters
    ----------
    of
        Use of an item.
    same
        Lineage id → one that said the same before.
    """

    of: dict[Item, Use] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)

    def add(
        self, kind: str, items: Iterable[Item], resource: str | None = None, *, carried: bool = True
    ) -> None:
        """Note the use of items."""
        for item in items:
            self.of[item] = Use(kind, resource, carried)


def scopes(
    items: Iterable[Item], values: Values, outermost: Scope, aspects: Mapping[str, Handler]
) -> dict[Item, Scope]:
    """Return the scope of all items.

    Parameters
    ----------
    items
        In document order.
    values
        Says at which time each was observed.
    outermost
        What holds for the document.
    aspects
        First part of the terms of an aspect (``observer``) → what reads the items with such concepts; one
        that needs another stands after it.
    """
    found: dict[Item, Scope] = {}
    for item in items:
        inherited = found[item.parent] if item.parent else outermost
        in_context = not (item.in_library or item.by_reference)
        found[item] = _stated(item, values, inherited, aspects) if in_context else inherited
    return found


def _issued(item: Item, values: Values) -> Changes:
    observed = values.observed.get(item)
    if not observed or not is_instant(observed):
        return {}
    return {"issued": Moment(observed, item.attribute("ObservationDateTime"))}


def _stated(item: Item, values: Values, inherited: Scope, aspects: Mapping[str, Handler]) -> Scope:
    by_handler: dict[Handler, list[Item]] = {}
    for child in item.children:
        for term in child.terms:
            handler = aspects.get(term.partition(".")[0])
            if handler:
                by_handler.setdefault(handler, []).append(child)
                break
    changes = _issued(item, values)
    scope = replace(inherited, **changes) if changes else inherited
    for handler in dict.fromkeys(aspects.values()) if by_handler else ():
        if handler in by_handler and (changes := handler(item, by_handler[handler], scope)):
            scope = replace(scope, **changes)
    return scope


# ---- language (TID 1204) -----------------------------------------------------------------------------------


def language(children: list[Item], uses: Uses, log: FindingLog) -> Moment | None:
    """Return the language that an item's children state as a BCP-47 tag; None where none that is known."""
    item = first(children, "language.of-item")
    if item is None:
        return None
    value = item.origin.coded
    tag = shortest_tag(value.code or "") if value else None
    if tag is None:
        log.add("warning", "invalid-value", item.position, "the language is not known")
        return None
    uses.add("language", [item])
    return _with_country(tag, item, uses)


def shortest_tag(code: str) -> str | None:
    """Return a language code or tag as the shortest BCP-47 tag; None where ISO 639 has no such language.

    Examples
    --------
    >>> shortest_tag("eng"), shortest_tag("ger"), shortest_tag("en-us")
    ('en', 'de', 'en-US')
    """
    match = _TAG.fullmatch(code.replace("_", "-"))
    known = _shortest(match[1].lower()) if match else None
    if match is None or known is None:
        return None
    return known + match[2].title() + match[3].upper() + match[4]


def _shortest(code: str) -> str | None:
    if len(code) == 2:
        return code if code in _languages()["two"] else None
    return _languages()["three"].get(code)


def _with_country(tag: str, item: Item, uses: Uses) -> Moment:
    country = first(item.children, "language.country")
    value = country.origin.coded if country else None
    region = (value.code or "").upper() if value else ""
    stated = next((part for part in tag.split("-")[1:] if _REGION.fullmatch(part)), None)
    if country is None or not _REGION.fullmatch(region) or stated not in (None, region):
        return Moment(tag, item.position)
    uses.add("language", [country])
    return Moment(tag if stated else f"{tag}-{region}", joined(item.position, country.position))


@cache
def _languages() -> dict[str, dict[str, str]]:
    rows = json.loads(files(__package__).joinpath("languages.json").read_text("utf-8"))["languages"]
    two = {code: code for code in rows.values() if len(code) == 2}
    return {"two": two, "three": rows}
