"""See to it that a server holds what we carry: compare, and put there what is missing or differs.

For transforming that is the maps, and the structures of our own and the ConceptMaps that they name; for
validating, all definitions. They are found by their canonical URL and compared by content, so that a map of
an older release is noticed although its URL is the same. matchbox keeps for each map which groups of other
maps it calls, and goes on calling those after another version has been put in their place. So if one map is
put, all are.

A server may hold an older copy under another id, and run that one. So after something was put, it is asked
for once more by its URL.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sr2fhir import documents
from sr2fhir.errors import EngineUnavailableError, Sr2FhirError
from sr2fhir.http import JSON, Client, Response
from sr2fhir.paths import Layout
from sr2fhir.settings import CANONICAL, CRITICAL_FINDING_MAP
from sr2fhir.threads import Threads

ENTRY_MAPS = frozenset({CRITICAL_FINDING_MAP, *(each.entry_map for each in documents.TYPES)})
MAP = "StructureMap"
# what a server writes itself, whatever it is given
_SERVERS_OWN = frozenset({"id", "meta", "text"})
_NAMED = re.compile(rf'"{re.escape(CANONICAL)}/(ConceptMap)/([\w-]+)"')
_USED = re.compile(rf'"url"\s*:\s*"{re.escape(CANONICAL)}/(StructureDefinition)/([\w-]+)"')
# requests at once while comparing
_AT_ONCE = 4
# seconds that a server may take until a search finds what was put, and between two looks
_CONFIRM_S, _PAUSE_S = 5.0, 0.5
# HAPI repeats the result of a search that it was sent within the last minute, unless asked not to
_FRESH = {"Accept": JSON, "Cache-Control": "no-cache"}
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_HINT = "Allow to put it there with --engine-install"
_RESTART_HINT = "A server that keeps its maps in memory may have to be restarted"
_STORE_HINT = (
    "See that the server lets you write; matchbox does with matchbox.fhir.context.onlyOneEngine=true"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """Hold one definition that set-up has made.

    Parameters
    ----------
    file
        Its JSON.
    """

    file: Path

    @cached_property
    def body(self) -> bytes:
        """The JSON, as it is sent."""
        return self.file.read_bytes()

    @cached_property
    def content(self) -> dict[str, Any]:
        """The resource."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def kind(self) -> str:
        """Its resource type."""
        return str(self.content["resourceType"])

    @property
    def url(self) -> str:
        """Its canonical URL."""
        return str(self.content["url"])

    @property
    def path(self) -> str:
        """Where it is put on a server."""
        return f"/{self.kind}/{self.content['id']}"

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.kind} {self.content['id']}"


def for_transforming(places: Layout) -> list[Part]:
    """List what transforms need; the entry maps last, since they call all others.

    Raises
    ------
    EngineUnavailableError
        Set-up has not compiled the maps.
    """
    maps = sorted(map(Part, _files(places.compiled_maps)), key=lambda part: part.url in ENTRY_MAPS)
    texts = [part.body.decode("utf-8") for part in maps]
    return [*_named(places, _USED, texts), *_named(places, _NAMED, texts), *maps]


def for_validating(places: Layout) -> list[Part]:
    """List what validating needs: each definition of ours.

    Raises
    ------
    EngineUnavailableError
        Set-up has not compiled the definitions.
    """
    return [Part(file) for file in _files(places.definitions)]


def _files(folder: Path) -> list[Path]:
    """List the resources of a folder that set-up has filled."""
    found = sorted(folder.glob("*.json"))
    if not found:
        raise EngineUnavailableError(
            "the definitions and maps have not been compiled", hint="Run `sr2fhir setup`"
        )
    return found


def _named(places: Layout, pattern: re.Pattern[str], texts: Iterable[str]) -> list[Part]:
    """List the definitions of ours that maps name."""
    names = sorted({"-".join(found) for text in texts for found in pattern.findall(text)})
    return [Part(places.definitions / f"{name}.json") for name in names]


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two resources state the same, but for what servers write themselves."""
    return _stated(one) == _stated(other)


def _stated(content: dict[str, Any]) -> dict[str, Any]:
    """Return what its author states of a resource."""
    return {name: value for name, value in content.items() if name not in _SERVERS_OWN}


@dataclass(frozen=True)
class Finding:
    """State how a server holds one definition.

    Parameters
    ----------
    part
        The definition.
    fault
        What is wrong with it, in a word or two; empty where nothing is.
    updated
        When the server says that it was put there; empty where it does not say.
    other
        Type and id of a copy that differs, where it has an id.
    """

    part: Part
    fault: str
    updated: str = ""
    other: str = ""


def provide(client: Client, parts: Sequence[Part], *, install: bool) -> None:
    """Compare what a server holds with what we carry; put there what is missing or differs, if allowed.

    Raises
    ------
    EngineUnavailableError
        Something is missing or differs and may not be, or cannot be, installed; or the server goes on
        returning an older copy.
    """
    findings = _look_up_all(client, parts, {})
    faulty = [finding for finding in findings if finding.fault]
    if faulty and not install:
        raise client.unavailable(_sum(faulty, len(parts)), hint=_HINT)
    _confirm(client, {part: _put(client, part) for part in _to_put(findings, trusting=not install)})


def _confirm(client: Client, stored: Mapping[Part, dict[str, Any]]) -> None:
    """See that the server returns what was put, by URL; wait a little for one that files it later."""
    deadline = monotonic() + _CONFIRM_S
    while faulty := [finding for finding in _look_up_all(client, list(stored), stored) if finding.fault]:
        if monotonic() > deadline:
            raise _put_in_vain(client, faulty[0])
        sleep(_PAUSE_S)


def _put_in_vain(client: Client, finding: Finding) -> Sr2FhirError:
    """Make the error of a definition that was put in vain."""
    part = finding.part
    reason = f"{part} was put there, but its URL {part.url} leads"
    if not finding.other:
        return client.unavailable(f"{reason} not to it", hint=_RESTART_HINT)
    hint = f"Remove {finding.other} there. {_RESTART_HINT}"
    return client.unavailable(f"{reason} to another copy too, {finding.other}", hint=hint)


def _look_up_all(
    client: Client, parts: Sequence[Part], stored: Mapping[Part, dict[str, Any]]
) -> list[Finding]:
    """Look definitions up, several at once."""
    threads = Threads(_AT_ONCE, "sr2fhir-hapi-look")
    try:
        return threads.map(partial(_look_up, client, stored), parts)
    finally:
        threads.end()


def _look_up(client: Client, stored: Mapping[Part, dict[str, Any]], part: Part) -> Finding:
    """Look one definition up; as good as ours is what the server itself made of it when it was put."""
    params = {"url": part.url}
    response = client.send("GET", f"/{part.kind}", params=params, headers=_FRESH, repeatable=True)
    if not response.ok:
        raise client.unavailable(f"looking for {part} gave status {response.status}", hint=_HINT)
    found = _resources(response, part)
    if not found:
        return Finding(part, "is missing")
    ours = stored.get(part, part.content)
    others = [each for each in found if not (is_same(part.content, each) or is_same(ours, each))]
    fault = "differs from ours" if others else ""
    return Finding(part, fault, _updated(found[0]), next((_name(part, each) for each in others), ""))


def _resources(response: Response, part: Part) -> list[dict[str, Any]]:
    """Return what a search found; what a server adds of other URLs does not count."""
    content = response.json()
    entries = content.get("entry") if isinstance(content, dict) else None
    found = [entry.get("resource") for entry in entries or () if isinstance(entry, dict)]
    return [each for each in found if isinstance(each, dict) and each.get("url") == part.url]


def _name(part: Part, found: dict[str, Any]) -> str:
    """Return type and id of a copy of a definition, if it has an id."""
    name = found.get("id")
    return f"{part.kind}/{name}" if isinstance(name, str) and _ID.fullmatch(name) else ""


def _updated(found: dict[str, Any]) -> str:
    """Return when a server says that a resource was put there."""
    meta = found.get("meta")
    return str(meta.get("lastUpdated", "")) if isinstance(meta, dict) else ""


def _sum(faulty: Sequence[Finding], number: int) -> str:
    """Say how many definitions are not as they should be, and name the first."""
    first = faulty[0]
    others = f", and {len(faulty) - 1} of {number - 1} others" if len(faulty) > 1 else ""
    return f"{first.part} {first.fault}{others}"


def _to_put(findings: Sequence[Finding], *, trusting: bool) -> list[Part]:
    """List what to put: what is faulty, and all maps if one of them is, or was put after its callers."""
    maps = [finding for finding in findings if finding.part.kind == MAP]
    others = [finding.part for finding in findings if finding.fault and finding.part.kind != MAP]
    if not any(finding.fault for finding in maps) and (trusting or _entries_are_newest(maps)):
        return others
    return [*others, *(finding.part for finding in maps)]


def _entries_are_newest(maps: Sequence[Finding]) -> bool:
    """Tell whether the entry maps were put last, so that they call the others as they are now."""
    entries = [each.updated for each in maps if each.part.url in ENTRY_MAPS]
    others = [each.updated for each in maps if each.part.url not in ENTRY_MAPS]
    return not entries or not others or max(others) <= min(entries)


def _put(client: Client, part: Part) -> dict[str, Any]:
    """Put one definition onto the server and return what it made of it; repeating it changes nothing."""
    headers = {"Content-Type": JSON, "Accept": JSON, "Prefer": "return=representation"}
    response = client.send("PUT", part.path, part.body, headers=headers, repeatable=True)
    if not response.ok:
        raise client.unavailable(f"it does not store {part} (status {response.status})", hint=_STORE_HINT)
    logger.info("%s: stored %s", client.label, part)
    content = response.json()
    return content if isinstance(content, dict) and content.get("url") == part.url else part.content
