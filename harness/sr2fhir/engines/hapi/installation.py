"""See to it that a server holds what we carry: compare, and put there what is missing or differs.

Definitions are found by their canonical URL and compared by content, so that a map of an older release is
noticed although its URL is the same. matchbox keeps for each map which groups of other maps it calls, and
goes on calling those after another version has been put in their place. So if one map is put, all are.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sr2fhir.engines.hapi.parts import MAP, Part
from sr2fhir.engines.http import JSON, Answer, Client

# requests at once while comparing
_AT_ONCE = 4
_HINT = "Allow to put it there with --engine-install"

logger = logging.getLogger(__name__)


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
    """

    part: Part
    fault: str
    updated: str = ""


def provide(client: Client, parts: Sequence[Part], *, install: bool) -> None:
    """Compare what a server holds with what we carry; put there what is missing or differs, if allowed.

    Raises
    ------
    EngineUnavailableError
        Something is missing or differs and may not be, or cannot be, installed.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        findings = list(pool.map(lambda part: _look(client, part), parts))
    faulty = [finding for finding in findings if finding.fault]
    if faulty and not install:
        raise client.unavailable(_sum(faulty, len(parts)), hint=_HINT)
    for part in _to_put(findings, trusting=not install):
        _put(client, part)


def _look(client: Client, part: Part) -> Finding:
    """Look one definition up."""
    answer = client.get(f"/{part.kind}", params={"url": part.url})
    if not answer.ok:
        raise client.unavailable(f"looking for {part} gave status {answer.status}", hint=_HINT)
    found = _resources(answer, part)
    if not found:
        return Finding(part, "is missing")
    fault = "" if all(map(part.equals, found)) else "differs from ours"
    return Finding(part, fault, _updated(found[0]))


def _resources(answer: Answer, part: Part) -> list[dict[str, Any]]:
    """Answer what a search found; what a server adds of other URLs does not count."""
    content = answer.json()
    entries = content.get("entry") if isinstance(content, dict) else None
    found = [entry.get("resource") for entry in entries or () if isinstance(entry, dict)]
    return [each for each in found if isinstance(each, dict) and each.get("url") == part.url]


def _updated(found: dict[str, Any]) -> str:
    """Answer when a server says that a resource was put there."""
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
    if not any(finding.fault for finding in maps) and (trusting or _is_settled(maps)):
        return others
    return [*others, *(finding.part for finding in maps)]


def _is_settled(maps: Sequence[Finding]) -> bool:
    """Tell whether the entry map, the last, was put last, so that it calls the others as they are now."""
    return not maps or max(finding.updated for finding in maps) == maps[-1].updated


def _put(client: Client, part: Part) -> None:
    """Put one definition onto the server; repeating it changes nothing."""
    headers = {"Content-Type": JSON, "Accept": JSON}
    answer = client.send("PUT", part.path, part.body, headers=headers, repeatable=True)
    if not answer.ok:
        raise client.unavailable(f"it does not store {part} (status {answer.status})", hint=_STORE_HINT)
    logger.info("%s: stored %s", client.place, part)


_STORE_HINT = (
    "See that the server lets you write; matchbox does with matchbox.fhir.context.onlyOneEngine=true"
)
