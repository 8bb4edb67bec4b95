"""Which types of resources the step maps of a version take: read off the compiled maps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sr2fhir.paths import layout
from sr2fhir.settings import Target

Rule = dict[str, Any]


@lru_cache
def types_taken(target: Target) -> frozenset[str]:
    """Return the types of resources of R5 for which a step map has a rule.

    Such a rule names the type of its source (`entry.resource : Patient as from`).
    """
    folder = layout().step_maps(target.folder or "")
    maps = {each["url"]: each for path in folder.glob("*.json") for each in [json.loads(path.read_bytes())]}
    groups = {group["name"]: group for each in maps.values() for group in each["group"]}
    taken: set[str] = set()
    waiting = [maps[url]["group"][0]["name"] for url in target.step_maps]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for rule in _rules(groups[name]):
            sources = rule["source"]
            taken |= {
                each["type"] for each in sources if each.get("element") == "resource" and "type" in each
            }
            waiting += [called["name"] for called in rule.get("dependent", ())]
    return frozenset(taken)


def _rules(owner: Rule) -> Iterator[Rule]:
    """Yield the rules of a group or rule, with those inside."""
    for rule in owner.get("rule", ()):
        yield rule
        yield from _rules(rule)
