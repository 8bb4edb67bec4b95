"""What holds for a content item by inheritance: the nearest ancestor-or-self that states it (TID 1001)."""

from __future__ import annotations

from dataclasses import dataclass

from sr2fhir.jsontext import JsonObject


@dataclass(frozen=True, slots=True)
class Scope:
    """The observation context of an item; an item that states nothing shares that of its parent.

    Parameters
    ----------
    issued, issued_from
        Observation DateTime as an instant, and the position or keyword path that states it.
    language, language_from
        BCP-47 tag, and the position that states it.
    persons, devices
        Ids of the observers; both replaced when an item states any observer.
    algorithms
        Ids of the algorithms.
    method
        Measurement Method, with its id.
    subjects, study, request, finding_site
        As the logical model writes them in ``context``.
    """

    issued: str | None = None
    issued_from: str | None = None
    language: str | None = None
    language_from: str | None = None
    persons: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    method: JsonObject | None = None
    subjects: tuple[JsonObject, ...] = ()
    study: JsonObject | None = None
    request: JsonObject | None = None
    finding_site: JsonObject | None = None
